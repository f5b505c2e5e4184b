//! Numbers, times and drops as words.

use std::collections::BTreeMap;
use std::time::Duration;

use drumfire::counters::DropReason;

/// A number with its thousands apart.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// How many that is a second.
pub(crate) fn per_second(number: u64, seconds: f64) -> u64 {
    let millis = Duration::from_secs_f64(seconds.max(0.001)).as_millis();
    let rate = u128::from(number) * 1_000 / millis.max(1);
    u64::try_from(rate).unwrap_or(u64::MAX)
}

/// Microseconds with a fitting unit.
pub(crate) fn time(micros: f64) -> String {
    if micros >= 1e6 {
        format!("{:.2} s", micros / 1e6)
    } else if micros >= 1e4 {
        format!("{:.1} ms", micros / 1e3)
    } else {
        format!("{micros:.0} µs")
    }
}

/// Drops by reason.
pub(crate) fn drops(drops: &BTreeMap<String, u64>) -> String {
    if drops.is_empty() {
        return "none".to_owned();
    }
    let parts: Vec<String> = drops
        .iter()
        .map(|(reason, number)| format!("{reason} {}", count(*number)))
        .collect();
    parts.join(", ")
}

/// Drops of the kernel, and what helps.
pub(crate) fn kernel_drops(lost: u64, granted: usize) -> String {
    format!(
        "the kernel dropped {} datagrams: its receive buffer of {} bytes was full; `sudo sysctl -w net.core.rmem_max=4194304` lets it grow",
        count(lost),
        count(granted as u64)
    )
}

/// What clients of the wrong kind need, by the counter that knows them.
pub(crate) const STRANGERS: [(DropReason, &str); 2] = [
    (
        DropReason::UnityTransport1,
        "a client asks in the protocol of Unity Transport 1.x, which 2.x does not speak: build the game with com.unity.transport 2.0 or later",
    ),
    (
        DropReason::WrongSecurity,
        "a client begins a DTLS handshake and this server is not encrypted, or the reverse: make both the same (in the game, `WithSecureClientParameters`)",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        let texts = [0, 999, 1_000, 660_000, 1_234_567].map(count);
        assert_eq!(texts, ["0", "999", "1,000", "660,000", "1,234,567"]);
    }

    #[test]
    fn a_rate_of_no_time_is_no_division_by_zero() {
        assert_eq!(per_second(30, 0.5), 60);
        assert_eq!(per_second(1, 0.0), 1_000);
    }

    #[test]
    fn a_time_has_the_unit_that_fits() {
        let texts = [3.4, 9_999.0, 12_345.0, 2_500_000.0].map(time);
        assert_eq!(texts, ["3 µs", "9999 µs", "12.3 ms", "2.50 s"]);
    }

    #[test]
    fn kernel_drops_come_with_their_remedy() {
        let text = kernel_drops(1_234, 212_992);
        assert!(
            text.contains("1,234") && text.contains("sysctl -w net.core.rmem_max"),
            "{text}"
        );
    }
}
