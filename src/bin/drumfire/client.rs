//! `drumfire client`: a load, and what became of it.

use std::net::{SocketAddr, ToSocketAddrs};

use crate::args::ClientArgs;
use crate::failure::{Failure, Verdict, While};
use crate::load::{self, Plan};
use crate::pipelines::Pipelines;
use crate::protocol::{ClientLine, Outcome};
use crate::report::Report;
use crate::say::{self, Say};
use crate::screen::Screen;
use crate::stop::Stop;
use crate::{limits, process, table, text};

pub(crate) fn run(args: &ClientArgs) -> Result<Verdict, Failure> {
    process::pin(&args.child.pin);
    let mode = args.security.mode("client", &args.server)?;
    let server = resolve(&args.server)?;
    let plan = Plan {
        server,
        pipelines: Pipelines::parse(args.pipelines.as_ref().unwrap_or(&args.load.pipeline))?
            .on(args.load.preset)?,
        load: args.load.clone(),
        mode,
    };
    let protection = plan.mode.protection;
    limits::make_room_for(plan.load.clients)?;
    let stop = Stop::on_signals()?;
    if args.child.machine {
        let outcome = load::run(plan, &stop, &mut say_json)?;
        say_json(ClientLine::Finished(outcome));
        return Ok(Verdict::Good);
    }
    let say = Say::beside(args.json.as_deref());
    say.line(&format!(
        "{} to {server}",
        table::describe(&plan.load, protection)
    ));
    let mut screen = Screen::open(say, &plan.load);
    let outcome = load::run(plan, &stop, &mut |line| screen.show(&line, None))?;
    drop(screen);
    let report = Report::of_client(&args.load, protection, &outcome);
    report.write(args.json.as_deref())?;
    say.line(&table::of(&report));
    say_what_went_wrong(say, &outcome);
    Ok(Verdict::of(outcome.is_clean()))
}

/// Lines for what should not be, each with a likely cause.
pub(crate) fn say_what_went_wrong(say: Say, outcome: &Outcome) {
    if outcome.connected < outcome.clients {
        say.line(&format!(
            "only {} of {} clients connected: is the server up, and does it take that many?",
            outcome.connected, outcome.clients
        ));
    }
    for (cause, count) in &outcome.refused {
        say.line(&format!("{count} handshakes failed: {cause}"));
    }
    for (reason, count) in &outcome.closed {
        say.line(&format!("{count} connections ended early: {reason}"));
    }
    if outcome.connected == outcome.clients && outcome.received == 0 {
        say.line("nothing came back: does the server echo (`drumfire serve --echo`)?");
    }
    if outcome.duplicate > 0 {
        say.line(&format!("{} echoes came twice", outcome.duplicate));
    }
    if outcome.skipped > 0 {
        say.line(&format!(
            "{} messages that were due did not leave: the load generator was late, or the server behind (a busy machine?)",
            text::count(outcome.skipped)
        ));
    }
}

/// The first address of `HOST:PORT`.
pub(crate) fn resolve(server: &str) -> Result<SocketAddr, Failure> {
    let mut addresses = server
        .to_socket_addrs()
        .while_doing(|| format!("looking up {server} (write HOST:PORT)"))?;
    addresses
        .next()
        .ok_or_else(|| Failure::new(format!("{server} has no address")))
}

fn say_json(line: ClientLine) {
    if let Ok(text) = serde_json::to_string(&line) {
        say::out(&text);
    }
}
