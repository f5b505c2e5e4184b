//! `drumfire bench`: the server's cost per message as a ratio to the floor of the same round.
//!
//! Both contestants get the same load from the same generator, in turns (A B, B A, …), so that what
//! the machine does meanwhile hits both. Medians are reported with their range; a round that lost
//! more than 0.1 % is no measurement and ends the run.

use crate::args::BenchArgs;
use crate::client::say_what_went_wrong;
use crate::failure::{Failure, Verdict};
use crate::histogram::median;
use crate::process;
use crate::report::{Cost, Pair, Report};
use crate::say::Say;
use crate::screen::Screen;
use crate::session::{Contestant, Round, Setup};
use crate::stop::Stop;
use crate::{limits, table, text};

/// Seconds below which processor time says too little.
const LEAST_WARMUP: f64 = 1.0;
const LEAST_MEASURED: f64 = 2.0;
/// Of the messages, one in so many may be lost.
const MOST_LOST: u64 = 1_000;

pub(crate) fn run(args: &BenchArgs) -> Result<Verdict, Failure> {
    let (warmup, measured) = (
        args.load.warmup.as_secs_f64(),
        args.load.duration.as_secs_f64(),
    );
    if warmup < LEAST_WARMUP || measured < LEAST_MEASURED {
        return Err(Failure::new(format!(
            "{warmup} s of warm-up and {measured} s measured: processor time needs {LEAST_WARMUP} and {LEAST_MEASURED} at least"
        )));
    }
    args.security.check()?;
    let say = Say::beside(args.json.as_deref());
    let setup = Setup::new(&args.load, &args.server, args.security);
    say.line(&format!(
        "drumfire bench: {}, {} rounds; server on {} pinned worker(s), clients on the last core",
        table::describe(&args.load, args.security.protection()),
        args.rounds,
        setup.workers
    ));
    say.line(&format!("load average before: {}", load_average()));
    limits::make_room_for(args.load.clients)?;
    let stop = Stop::on_signals()?;

    let mut rounds = Vec::new();
    for number in 0..args.rounds {
        let (server, floor) = both(&setup, number, &stop)?;
        for (name, round) in [("drumfire", &server), ("floor", &floor)] {
            refuse_losses(name, round, say)?;
        }
        let pair =
            Pair::new(&server, &floor).ok_or_else(|| Failure::new("a round echoed nothing"))?;
        say.line(&table::round_line(number + 1, &pair, &server.outcome));
        rounds.push((pair, server));
    }
    say.line(&format!("load average after: {}", load_average()));

    let report = summary(&setup, &rounds)?;
    report.write(args.json.as_deref())?;
    say.line(&table::of(&report));
    say.line(&table::spread(&report.rounds));
    Ok(Verdict::of(
        rounds.iter().all(|(_, round)| round.outcome.is_clean()),
    ))
}

/// Both contestants, in the order of this round.
fn both(setup: &Setup, number: u32, stop: &Stop) -> Result<(Round, Round), Failure> {
    let run = |contestant| setup.run(contestant, &mut Screen::none(), stop);
    if number.is_multiple_of(2) {
        let floor = run(Contestant::Floor)?;
        Ok((run(Contestant::Drumfire)?, floor))
    } else {
        let server = run(Contestant::Drumfire)?;
        Ok((server, run(Contestant::Floor)?))
    }
}

fn refuse_losses(name: &str, round: &Round, say: Say) -> Result<(), Failure> {
    let outcome = &round.outcome;
    if outcome.connected == outcome.clients && outcome.lost() * MOST_LOST <= outcome.sent {
        return Ok(());
    }
    say_what_went_wrong(say, outcome);
    if !round.end.drops.is_empty() {
        say.line(&format!(
            "drops of {name}: {}",
            text::drops(&round.end.drops)
        ));
    }
    Err(Failure::new(format!(
        "{name} lost {} of {} messages: more than one in {MOST_LOST}, so its cost per message means nothing",
        outcome.lost(),
        outcome.sent
    )))
}

/// The round with the median ratio, with the medians of all in the fields that are compared.
fn summary(setup: &Setup, rounds: &[(Pair, Round)]) -> Result<Report, Failure> {
    let mut order: Vec<&(Pair, Round)> = rounds.iter().collect();
    order.sort_by(|(a, _), (b, _)| a.ratio_to_floor.total_cmp(&b.ratio_to_floor));
    let (_, typical) = order
        .get(order.len() / 2)
        .ok_or_else(|| Failure::new("no rounds"))?;
    let mut report = Report::of_round(setup, typical, None);
    report.rounds = rounds.iter().map(|(pair, _)| *pair).collect();
    report.server.cpu_us_per_message = median(
        rounds
            .iter()
            .map(|(pair, _)| pair.server_cpu_us_per_message),
    );
    report.floor = Cost {
        cpu_us_per_message: median(rounds.iter().map(|(pair, _)| pair.floor_cpu_us_per_message)),
    };
    report.ratio_to_floor = median(rounds.iter().map(|(pair, _)| pair.ratio_to_floor));
    Ok(report)
}

fn load_average() -> String {
    process::load_average().unwrap_or_else(|| "unknown".to_owned())
}
