//! Figures as text: the table, and the lines around it.

use crate::args::LoadArgs;
use crate::histogram::median;
use crate::pipelines;
use crate::protocol::{Figures, Outcome, Stages};
use crate::report::{HandshakeCost, Pair, Report};
use crate::security::{Protection, Suite};
use crate::text::{count, drops, kernel_drops, per_second, time};

/// What the demo ends with.
pub(crate) const THINGS_TO_TRY: &str = "
three things to try next
  drumfire demo --clients 5000 --rate 30            more players on the same loop
  drumfire bench --clients 100 --window 1           as fast as it goes, against the floor
  drumfire doctor                                   what of this machine costs messages or speed";

/// A load in one line.
pub(crate) fn describe(load: &LoadArgs, protection: Protection) -> String {
    let pace = match load.window {
        Some(window) => format!("{window} under way each"),
        None => format!("{} Hz", load.rate),
    };
    let pipeline = if load.pipeline == pipelines::NONE {
        "no pipeline".to_owned()
    } else {
        format!("pipeline {}", load.pipeline)
    };
    let preset = load
        .preset
        .map_or_else(String::new, |preset| format!(", network {}", preset.name));
    format!(
        "{} clients × {pace} × {} B echo for {} s, {}, {pipeline}{preset}",
        count(load.clients as u64),
        load.size,
        load.duration.as_secs_f64(),
        protection.words(),
    )
}

/// The table: one row a subject, left out where nothing is known.
pub(crate) fn of(report: &Report) -> String {
    let messages = &report.messages;
    let rtt = &report.rtt_us;
    let mut rows = vec![
        (
            "messages",
            format!(
                "{} sent, {} back, {} lost, {} corrupt (warm-up included)",
                count(messages.sent),
                count(messages.received),
                count(messages.lost),
                count(messages.corrupt)
            ),
        ),
        (
            "round trip",
            format!(
                "p50 {}   p90 {}   p99 {}   p99.9 {}   max {}",
                time(rtt.p50),
                time(rtt.p90),
                time(rtt.p99),
                time(rtt.p999),
                time(rtt.max)
            ),
        ),
        (
            "connect",
            format!(
                "{} of {} clients in {:.2} s",
                count(report.connected as u64),
                count(report.clients as u64),
                report.connect_seconds
            ),
        ),
    ];
    rows.extend(server_rows(report));
    if let Some(cost) = report.client.cpu_us_per_message {
        rows.push((
            "client CPU",
            format!("{cost:.2} µs a message (all clients share one process)"),
        ));
    }
    if report.handshakes.completed + report.handshakes.failed > 0 {
        rows.push(handshake_row(report.handshakes));
    }
    rows.extend(floor_rows(report));
    let rows = rows
        .iter()
        .map(|(name, value)| format!("  {name:<12}{value}"));
    std::iter::once(String::new())
        .chain(rows)
        .collect::<Vec<_>>()
        .join("\n")
}

fn server_rows(report: &Report) -> Vec<(&'static str, String)> {
    let server = &report.server;
    let mut rows = Vec::new();
    if let (Some(cost), Some(percent)) = (server.cpu_us_per_message, server.cpu_percent) {
        rows.push((
            "server CPU",
            format!("{cost:.2} µs a message, {percent:.1} % of a core"),
        ));
    }
    if let (Some(bytes), Some(each)) = (server.rss_bytes, server.rss_bytes_per_connection) {
        let mib = bytes as f64 / f64::from(1 << 20);
        rows.push(("memory", format!("{mib:.1} MiB in all, {each:.0} bytes a connection (buffers of its traffic included)")));
    }
    if let (Some(p50), Some(p99), Some(max)) = (
        server.update_us.p50,
        server.update_us.p99,
        server.update_us.max,
    ) {
        rows.push((
            "update",
            format!("p50 {}   p99 {}   max {}", time(p50), time(p99), time(max)),
        ));
    }
    if let Some(stages) = &server.stage_us {
        rows.push(("stages", stage_times(stages)));
    }
    if let Some(packets) = server.packets {
        rows.push((
            "packets",
            format!(
                "{} in, {} out",
                count(packets.incoming),
                count(packets.outgoing)
            ),
        ));
        rows.push(("drops", drops(&server.drops)));
    }
    if let Some(lost) = server.drops.get("kernel_receive_buffer_full") {
        rows.push(("", kernel_drops(*lost, server.receive_buffer)));
    }
    rows
}

fn handshake_row(handshakes: HandshakeCost) -> (&'static str, String) {
    let each = handshakes
        .server_cpu_us_each
        .map_or_else(String::new, |each| {
            format!(", {each:.0} µs of the server's processor each, all told")
        });
    let text = format!(
        "{} completed, {} failed{each}",
        count(handshakes.completed),
        count(handshakes.failed)
    );
    ("handshakes", text)
}

fn floor_rows(report: &Report) -> Vec<(&'static str, String)> {
    let mut rows = Vec::new();
    if let Some(floor) = report.floor.cpu_us_per_message {
        rows.push((
            "floor",
            format!(
                "{floor:.2} µs a message: {} of the same load",
                floor_words(report.suite)
            ),
        ));
    }
    if let (Some(ratio), Some(floor), Some(server)) = (
        report.ratio_to_floor,
        report.floor.cpu_us_per_message,
        report.server.cpu_us_per_message,
    ) {
        let added = server - floor;
        rows.push((
            "ratio",
            format!("{ratio:.2}: a message costs {} {floor:.2} µs whoever makes them; drumfire adds {added:.2} µs",
                if report.suite.is_some() { "system calls and AEAD" } else { "the system calls" }),
        ));
    }
    rows
}

/// What the floor does.
pub(crate) fn floor_words(suite: Option<Suite>) -> String {
    let echo = "a bare recvmmsg/sendmmsg echo";
    match suite {
        None => echo.to_owned(),
        Some(suite) => format!(
            "{echo} that seals and opens each message with {}, two keys a client,",
            suite.aead()
        ),
    }
}

/// Mean times of the stages.
fn stage_times(stages: &Stages) -> String {
    let all = [
        ("receive", stages.receive),
        ("route", stages.route),
        ("decrypt", stages.decrypt),
        ("process", stages.process),
        ("send", stages.send),
        ("handshake", stages.handshake),
        ("finish", stages.finish),
    ];
    let parts: Vec<String> = all
        .iter()
        .map(|(name, time)| format!("{name} {time:.1}"))
        .collect();
    format!("{} (µs, mean of an update)", parts.join("  "))
}

/// One round of a benchmark.
pub(crate) fn round_line(number: u32, pair: &Pair, outcome: &Outcome) -> String {
    format!(
        "round {number}: drumfire {:.3} µs, floor {:.3} µs a message, ratio {:.3}; rtt p50 {}, p99 {}, {} lost{}",
        pair.server_cpu_us_per_message,
        pair.floor_cpu_us_per_message,
        pair.ratio_to_floor,
        time(outcome.rtt_us.p50),
        time(outcome.rtt_us.p99),
        count(outcome.lost()),
        match outcome.skipped {
            0 => String::new(),
            skipped => format!(
                " ({} did not leave: the generator was late)",
                count(skipped)
            ),
        }
    )
}

/// Median, least and most of all rounds.
pub(crate) fn spread(rounds: &[Pair]) -> String {
    let row = |name, of: fn(&Pair) -> f64| {
        let values = || rounds.iter().map(of);
        let middle = median(values()).unwrap_or(0.0);
        let least = values().fold(f64::INFINITY, f64::min);
        let most = values().fold(0.0, f64::max);
        format!("  {name:<12}{middle:>8.3}{least:>10.3}{most:>10.3}")
    };
    [
        format!(
            "\n  {:<12}{:>8}{:>10}{:>10}",
            "µs a message", "median", "min", "max"
        ),
        row("drumfire", |pair| pair.server_cpu_us_per_message),
        row("floor", |pair| pair.floor_cpu_us_per_message),
        row("ratio", |pair| pair.ratio_to_floor),
    ]
    .join("\n")
}

/// A server's first line.
pub(crate) fn listening(
    endpoint: &str,
    protection: Protection,
    pipelines: &str,
    figures: &Figures,
) -> String {
    let pipelines = if pipelines.is_empty() {
        "no pipelines"
    } else {
        pipelines
    };
    format!(
        "listening on {endpoint}, {}, {pipelines}; receive buffer of {} bytes; Ctrl-C stops",
        protection.words(),
        count(figures.receive_buffer as u64)
    )
}

/// A server's line of a second.
pub(crate) fn server_line(figures: &Figures, last: &Figures) -> String {
    let seconds = figures.uptime_s - last.uptime_s;
    let rate = |more: u64, before: u64| count(per_second(more.saturating_sub(before), seconds));
    format!(
        "{} connections, {} messages/s in, {} echoed/s, update p99 {}, drops: {}",
        count(figures.connections as u64),
        rate(figures.received, last.received),
        rate(figures.echoed, last.echoed),
        time(figures.update_us.unwrap_or_default().p99),
        drops(&figures.drops)
    )
}

/// A server's last line.
pub(crate) fn server_farewell(figures: &Figures) -> String {
    format!(
        "stopped: {} messages in, {} echoed, {} packets in, {} out, drops: {}",
        count(figures.received),
        count(figures.echoed),
        count(figures.packets.incoming),
        count(figures.packets.outgoing),
        drops(&figures.drops)
    )
}
