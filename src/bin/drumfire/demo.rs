//! `drumfire demo`: the main job on real sockets, and one honest table.

use std::time::Duration;

use crate::args::DemoArgs;
use crate::client::say_what_went_wrong;
use crate::failure::{Failure, Verdict};
use crate::report::Report;
use crate::say::Say;
use crate::screen::Screen;
use crate::session::{Contestant, Setup};
use crate::stop::Stop;
use crate::{limits, table};

/// The floor is measured for at most this long: it is context, not the show.
const FLOOR_TIME: Duration = Duration::from_secs(3);

pub(crate) fn run(args: &DemoArgs) -> Result<Verdict, Failure> {
    args.security.check()?;
    let say = Say::beside(args.json.as_deref());
    let setup = Setup::new(&args.load, &args.server, args.security);
    say.line(&format!(
        "drumfire demo: {}, against an echo server in a process of its own ({} pinned worker{}).\n\
         Then the same load against a bare recvmmsg/sendmmsg echo, the floor, to compare with.",
        table::describe(&args.load, args.security.protection()),
        setup.workers,
        if setup.workers == 1 { "" } else { "s" },
    ));
    limits::make_room_for(args.load.clients)?;
    let stop = Stop::on_signals()?;

    let mut screen = Screen::open(say, &setup.load);
    let round = setup.run(Contestant::Drumfire, &mut screen, &stop)?;
    drop(screen);

    let mut floor_setup = setup.clone();
    floor_setup.load.duration = floor_setup.load.duration.min(FLOOR_TIME);
    say.line(&format!(
        "the floor, {:.0} s …",
        floor_setup.load.duration.as_secs_f64().ceil()
    ));
    let floor = floor_setup.run(Contestant::Floor, &mut Screen::none(), &stop)?;

    let report = Report::of_round(&setup, &round, Some(&floor));
    report.write(args.json.as_deref())?;
    say.line(&table::of(&report));
    say_what_went_wrong(say, &round.outcome);
    say.line(table::THINGS_TO_TRY);
    Ok(Verdict::of(round.outcome.is_clean()))
}
