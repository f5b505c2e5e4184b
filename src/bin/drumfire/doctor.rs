//! `drumfire doctor`: what of this machine costs messages or speed, each with its remedy.
//!
//! It asks the system for what a server would ask for, and looks at what was granted.

use std::fmt;
use std::time::Duration;

use drumfire::address::NetworkEndpoint;
use drumfire::buffer::batch::ReceiveBatch;
use drumfire::interface::{NetworkInterface, SendReport, Transmit, UdpInterface, UdpOptions};

use crate::args::DoctorArgs;
use crate::clock::{nanos, now};
use crate::failure::{Failure, Verdict};
use crate::text::count;
use crate::{limits, process, say};

/// What a small datagram takes of a receive buffer: its bytes and the kernel's bookkeeping.
const SMALL_DATAGRAM: usize = 768;
/// What stock Linux grants (`net.core.rmem_max`), as it reports it: doubled.
const STOCK: usize = 2 * 212_992;
/// Sockets of the demo.
const DEMO_SOCKETS: u64 = 1_032;
/// Sockets of the largest load that is promised.
const TEN_THOUSAND_SOCKETS: u64 = 10_032;
/// A slot for a train of datagrams.
const TRAIN: usize = 65_535;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grade {
    Fine,
    /// Works, but not at its best.
    Mind,
    /// Does not work.
    Bad,
}

/// One thing looked at.
#[derive(Debug)]
struct Finding {
    grade: Grade,
    what: &'static str,
    found: String,
    remedy: Option<String>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let grade = match self.grade {
            Grade::Fine => "ok  ",
            Grade::Mind => "mind",
            Grade::Bad => "BAD ",
        };
        write!(f, "{grade}  {:<16}{}", self.what, self.found)?;
        match &self.remedy {
            Some(remedy) => write!(f, "\n      {:<16}→ {remedy}", ""),
            None => Ok(()),
        }
    }
}

pub(crate) fn run(_args: &DoctorArgs) -> Result<Verdict, Failure> {
    let mut findings = sockets();
    findings.push(descriptors());
    findings.extend(clock());
    findings.push(cores());
    for finding in &findings {
        say::out(&finding.to_string());
    }
    let bad = findings.iter().any(|finding| finding.grade == Grade::Bad);
    say::out(if bad {
        "\nsomething above has to be mended first"
    } else {
        "\nready: `drumfire demo`"
    });
    Ok(Verdict::of(!bad))
}

fn sockets() -> Vec<Finding> {
    let options = UdpOptions {
        gro: true,
        ..UdpOptions::default()
    };
    let asked = (options.receive_buffer, options.send_buffer);
    let mut interface = UdpInterface::new(options);
    if let Err(error) = interface.bind(&NetworkEndpoint::loopback_ipv4(0)) {
        return vec![Finding {
            grade: Grade::Bad,
            what: "UDP socket",
            found: format!(
                "cannot be bound on 127.0.0.1: {}",
                crate::failure::chain(&error)
            ),
            remedy: Some(
                "allow this process to open sockets (container, seccomp, security module)"
                    .to_owned(),
            ),
        }];
    }
    let granted = interface.statistics();
    let mut findings = vec![
        buffer(
            "receive buffer",
            "rmem_max",
            asked.0,
            granted.receive_buffer,
        ),
        buffer("send buffer", "wmem_max", asked.1, granted.send_buffer),
    ];
    let trains = send_train(&interface);
    findings.push(offload(
        "GSO",
        trains.0,
        "a burst to one peer leaves as one system call a datagram",
    ));
    findings.push(offload(
        "GRO",
        trains.1,
        "a burst of one peer arrives one datagram a slot",
    ));
    findings
}

/// A buffer that was asked for and granted. Linux reports the double of what it took.
fn buffer(what: &'static str, limit: &'static str, asked: usize, granted: usize) -> Finding {
    let holds = granted / SMALL_DATAGRAM;
    let most = read_number(&format!("/proc/sys/net/core/{limit}"));
    let most = most.map_or_else(String::new, |most| {
        format!(", net.core.{limit} is {}", count(most))
    });
    let found = format!(
        "asked for {}, {} granted by the kernel's count: about {} small datagrams{most}",
        count(asked as u64),
        count(granted as u64),
        count(holds as u64)
    );
    let (grade, remedy) = if granted >= asked {
        (Grade::Fine, None)
    } else {
        let cure = format!(
            "sudo sysctl -w net.core.{limit}={asked}   (keep it: a line `net.core.{limit}={asked}` in /etc/sysctl.d/drumfire.conf)"
        );
        (
            if granted >= STOCK {
                Grade::Mind
            } else {
                Grade::Bad
            },
            Some(cure),
        )
    };
    Finding {
        grade,
        what,
        found,
        remedy,
    }
}

/// Sends a train to itself. Whether it left as one, and whether it arrived as one.
fn send_train(interface: &UdpInterface) -> (bool, bool) {
    let to = interface.local_endpoint();
    let mut peer = UdpInterface::new(UdpOptions::default());
    if peer.bind(&NetworkEndpoint::loopback_ipv4(0)).is_err() {
        return (false, false);
    }
    let bytes = [0; 64];
    let train = [Transmit {
        to: &to,
        from: None,
        bytes: &bytes,
    }; 8];
    peer.send(&train, &mut SendReport::default());
    let mut batch = ReceiveBatch::new(interface.slot_size(TRAIN));
    interface.wait(Duration::from_millis(200));
    interface.receive(&mut batch);
    (
        peer.statistics().segmented > 0,
        interface.statistics().coalesced > 0,
    )
}

fn offload(what: &'static str, works: bool, cost: &str) -> Finding {
    let (grade, found, remedy) = if works {
        (Grade::Fine, "tried on loopback: works".to_owned(), None)
    } else {
        let remedy =
            "Linux 4.18 (GSO) or 5.0 (GRO) and later have it; nothing else is needed".to_owned();
        (
            Grade::Mind,
            format!("tried on loopback: not there, so {cost}"),
            Some(remedy),
        )
    };
    Finding {
        grade,
        what,
        found,
        remedy,
    }
}

fn descriptors() -> Finding {
    let what = "descriptors";
    let Some((soft, hard)) = limits::descriptors() else {
        return Finding {
            grade: Grade::Fine,
            what,
            found: "not limited".to_owned(),
            remedy: None,
        };
    };
    let found = format!(
        "{} now, {} at most: a client of a load takes one",
        count(soft),
        count(hard)
    );
    let remedy = || {
        Some("ulimit -Hn 65536 as root, or LimitNOFILE=65536 in the service; the soft limit is raised by itself".to_owned())
    };
    let (grade, remedy) = if hard < DEMO_SOCKETS {
        (Grade::Bad, remedy())
    } else if hard < TEN_THOUSAND_SOCKETS {
        (Grade::Mind, remedy())
    } else {
        (Grade::Fine, None)
    };
    Finding {
        grade,
        what,
        found,
        remedy,
    }
}

fn clock() -> Vec<Finding> {
    let mut findings = vec![clock_cost()];
    let source =
        std::fs::read_to_string("/sys/devices/system/clocksource/clocksource0/current_clocksource");
    if let Ok(source) = source {
        let source = source.trim();
        let slow = ["hpet", "acpi_pm", "jiffies"].contains(&source);
        findings.push(Finding {
            grade: if slow { Grade::Mind } else { Grade::Fine },
            what: "clock source",
            found: source.to_owned(),
            remedy: slow.then(|| {
                "boot with clocksource=tsc if the processor has an invariant one: each reading is a slow system call now".to_owned()
            }),
        });
    }
    findings
}

/// How finely the clock tells time apart, and what a reading costs.
fn clock_cost() -> Finding {
    const READINGS: u32 = 10_000;
    let start = now();
    let mut last = start;
    let mut step = Duration::MAX;
    for _ in 0..READINGS {
        let time = now();
        if time > last {
            step = step.min(time - last);
        }
        last = time;
    }
    let cost = (last - start) / READINGS;
    let coarse = step > Duration::from_millis(1);
    let dear = cost > Duration::from_micros(1);
    let remedy = "a virtual machine needs a paravirtual clock (kvm-clock, hyperv_clocksource) or a stable TSC";
    Finding {
        grade: if coarse {
            Grade::Bad
        } else if dear {
            Grade::Mind
        } else {
            Grade::Fine
        },
        what: "clock",
        found: format!(
            "steps of {} ns, {} ns a reading",
            count(nanos(step)),
            count(nanos(cost))
        ),
        remedy: (coarse || dear).then(|| remedy.to_owned()),
    }
}

fn cores() -> Finding {
    let cores = process::cores();
    let (grade, remedy) = if cores == 1 {
        let remedy = "give it a second one (taskset, cgroup cpuset): server and clients of a demo share this one";
        (Grade::Mind, Some(remedy.to_owned()))
    } else {
        (Grade::Fine, None)
    };
    let load =
        process::load_average().map_or_else(String::new, |load| format!(", load average {load}"));
    Finding {
        grade,
        what: "cores",
        found: format!("{cores} usable{load}"),
        remedy,
    }
}

fn read_number(path: &str) -> Option<u64> {
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_that_was_not_granted_comes_with_the_line_that_grants_it() {
        let finding = buffer("receive buffer", "rmem_max", 4 << 20, STOCK);
        assert_eq!(finding.grade, Grade::Mind);
        assert!(
            finding
                .to_string()
                .contains("sudo sysctl -w net.core.rmem_max=4194304")
        );
    }

    #[test]
    fn less_than_stock_is_bad_and_what_was_asked_for_is_fine() {
        assert_eq!(buffer("b", "rmem_max", 4 << 20, 4_096).grade, Grade::Bad);
        assert_eq!(buffer("b", "rmem_max", 4 << 20, 8 << 20).grade, Grade::Fine);
    }
}
