//! What the network is to be like, as it is said on the command line: `3g,loss=10,rate=2000`.

use std::str::FromStr;
use std::time::Duration;

use drumfire::interface::{BurstLoss, Conditions, RateLimit};

use crate::preset::Preset;

/// What follows the help of `proxy`.
pub(crate) const HELP: &str = "\
CONDITIONS are a preset, or a list, or a preset and what is to differ, divided by commas:
  loss=PERCENT            each datagram for itself
  burst=ENTER/LEAVE       losses in bursts: chances in percent, before each datagram, that a burst
                          begins and that it ends
  duplicate=PERCENT       arrives twice
  reorder=PERCENT/MS      is held back so long that later ones overtake it
  delay=MS  jitter=MS     from one end to the other, and what may be added to it
  rate=KBIT               kilobits a second, for each client; queue=BYTES in front [default: 64000]
  mtu=BYTES               larger datagrams are lost
  corrupt=PERCENT         one to three bits are flipped
as in `--both 4g`, `--up loss=5,delay=20 --down loss=20,reorder=10/50`, `--both 3g,rate=2000`.";

/// Bytes in front of a limited link, if nothing else is said.
const QUEUE: u64 = 64_000;

/// Conditions as they are said.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Said(pub(crate) Conditions);

impl FromStr for Said {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut said = Conditions::default();
        let mut queue = None;
        for (at, part) in text.split(',').map(str::trim).enumerate() {
            match part.split_once('=') {
                None if at == 0 => said = Preset::parse(part)?.conditions(),
                None => return Err(format!("{part}: a preset comes first, and alone")),
                Some(("queue", value)) => queue = Some(whole("queue", value, "bytes")?),
                Some((name, value)) => set(&mut said, name, value)?,
            }
        }
        match (&mut said.rate, queue) {
            (Some(rate), Some(queue)) => rate.queue = queue,
            (None, Some(_)) => {
                return Err("queue: it stands in front of a limited link: add rate=KBIT".to_owned());
            }
            _ => {}
        }
        Ok(Self(said))
    }
}

fn set(said: &mut Conditions, name: &str, value: &str) -> Result<(), String> {
    match name {
        "loss" => said.loss = percent(name, value)?,
        "burst" => {
            let (enter, leave) = two(name, value, "ENTER/LEAVE, both in percent")?;
            said.burst = Some(BurstLoss {
                enter: percent(name, enter)?,
                leave: percent(name, leave)?,
                loss: 1.0,
            });
        }
        "duplicate" => said.duplication = percent(name, value)?,
        "reorder" => {
            let (share, by) = two(name, value, "PERCENT/MS")?;
            said.reordering = percent(name, share)?;
            said.reorder_by = milliseconds(name, by)?;
        }
        "delay" => said.delay = milliseconds(name, value)?,
        "jitter" => said.jitter = milliseconds(name, value)?,
        "rate" => {
            said.rate = Some(RateLimit {
                bytes_per_second: whole(name, value, "kilobits a second")? * 125,
                queue: QUEUE,
            });
        }
        "mtu" => {
            let bytes = whole(name, value, "bytes")?;
            said.mtu = Some(usize::try_from(bytes).unwrap_or(usize::MAX));
        }
        "corrupt" => said.corruption = percent(name, value)?,
        _ => {
            return Err(format!(
                "{name}: there are loss, burst, duplicate, reorder, delay, jitter, rate, queue, mtu and corrupt"
            ));
        }
    }
    Ok(())
}

fn percent(name: &str, text: &str) -> Result<f64, String> {
    match text.trim_end_matches('%').parse::<f64>() {
        Ok(value) if (0.0..=100.0).contains(&value) => Ok(value / 100.0),
        _ => Err(format!("{name}={text}: must be 0 to 100 percent")),
    }
}

fn milliseconds(name: &str, text: &str) -> Result<Duration, String> {
    match text.trim_end_matches("ms").parse::<f64>() {
        Ok(value) if (0.0..=60_000.0).contains(&value) => {
            Ok(Duration::from_secs_f64(value / 1_000.0))
        }
        _ => Err(format!("{name}={text}: must be 0 to 60000 ms")),
    }
}

fn whole(name: &str, text: &str, unit: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(value) if (1..=100_000_000).contains(&value) => Ok(value),
        _ => Err(format!("{name}={text}: must be 1 to 100000000 {unit}")),
    }
}

fn two<'a>(name: &str, text: &'a str, form: &str) -> Result<(&'a str, &'a str), String> {
    text.split_once('/')
        .ok_or_else(|| format!("{name}={text}: must be {form}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Conditions {
        text.parse::<Said>().unwrap().0
    }

    #[test]
    fn a_list_says_what_it_names_and_nothing_else() {
        let conditions = said(
            "loss=5%, burst=1/25, duplicate=2, reorder=10/50, delay=20, jitter=8ms, rate=1000, queue=3000, mtu=1200, corrupt=0.5",
        );
        let expected = Conditions {
            loss: 0.05,
            burst: Some(BurstLoss {
                enter: 0.01,
                leave: 0.25,
                loss: 1.0,
            }),
            duplication: 0.02,
            reordering: 0.1,
            reorder_by: Duration::from_millis(50),
            delay: Duration::from_millis(20),
            jitter: Duration::from_millis(8),
            rate: Some(RateLimit {
                bytes_per_second: 125_000,
                queue: 3_000,
            }),
            mtu: Some(1_200),
            corruption: 0.005,
        };
        assert_eq!(conditions, expected);
        assert_eq!(said("loss=0"), Conditions::default());
    }

    #[test]
    fn a_preset_comes_first_and_may_be_changed() {
        let preset = Preset::parse("3g").unwrap().conditions();
        let changed = Conditions {
            loss: 0.5,
            ..preset
        };
        assert_eq!(said("3g"), preset);
        assert_eq!(said("3g,loss=50"), changed);
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_the_reason() {
        for (text, reason) in [
            ("loss=101", "0 to 100 percent"),
            ("delay=-1", "0 to 60000 ms"),
            ("speed=1", "there are loss"),
            ("loss=1,3g", "a preset comes first"),
            ("queue=5", "add rate=KBIT"),
            ("reorder=5", "PERCENT/MS"),
            ("rate=0", "kilobits"),
            ("7g", "no preset is called 7g"),
        ] {
            let refusal = text.parse::<Said>().unwrap_err();
            assert!(refusal.contains(reason), "{text}: {refusal}");
        }
    }
}
