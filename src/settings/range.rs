//! Range checks that say what was wrong: field, value, and what is allowed.
//!
//! Every group calls these from its own `check`. This module knows no field.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::error::SettingsError;

/// The largest value of Unity's `int` parameters, for counts that have no bound of their own.
pub(super) const MOST: usize = 2_147_483_647;

/// The shortest time a timer may be set to.
pub(super) const SHORTEST: Duration = Duration::from_millis(1);

/// The longest time a timer may be set to, 24.8 days: Unity's milliseconds are an `int`.
pub(super) const LONGEST: Duration = Duration::from_millis(2_147_483_647);

/// Zero as "off": `None` for a zero duration.
pub(super) fn unless_zero(value: Duration) -> Option<Duration> {
    (!value.is_zero()).then_some(value)
}

/// Refuses a number outside `range`.
pub(super) fn number<T: Copy + PartialOrd + Display>(
    field: &'static str,
    value: T,
    range: RangeInclusive<T>,
    unit: &str,
) -> Result<(), SettingsError> {
    number_or(field, value, range, unit, "")
}

/// Refuses a number outside `range`; `zero` tells what the zero that is parsed already would mean.
pub(super) fn number_or<T: Copy + PartialOrd + Display>(
    field: &'static str,
    value: T,
    range: RangeInclusive<T>,
    unit: &str,
    zero: &str,
) -> Result<(), SettingsError> {
    if range.contains(&value) {
        return Ok(());
    }
    Err(SettingsError {
        field,
        value: format!("{value} {unit}"),
        allowed: format!(
            "{}{} to {} {unit}",
            or_zero(zero),
            range.start(),
            range.end()
        ),
    })
}

/// Refuses a duration outside `range`.
pub(super) fn duration(
    field: &'static str,
    value: Duration,
    range: RangeInclusive<Duration>,
) -> Result<(), SettingsError> {
    duration_or(field, value, range, "")
}

/// Refuses a duration outside [`SHORTEST`] to [`LONGEST`]; `None` was zero, which means `zero`.
pub(super) fn timer_or_zero(
    field: &'static str,
    value: Option<Duration>,
    zero: &str,
) -> Result<(), SettingsError> {
    value.map_or(Ok(()), |value| {
        duration_or(field, value, SHORTEST..=LONGEST, zero)
    })
}

fn duration_or(
    field: &'static str,
    value: Duration,
    range: RangeInclusive<Duration>,
    zero: &str,
) -> Result<(), SettingsError> {
    if range.contains(&value) {
        return Ok(());
    }
    Err(SettingsError {
        field,
        value: format!("{value:?}"),
        allowed: format!("{}{:?} to {:?}", or_zero(zero), range.start(), range.end()),
    })
}

fn or_zero(meaning: &str) -> String {
    if meaning.is_empty() {
        String::new()
    } else {
        format!("0 ({meaning}) or ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_out_of_range_names_field_value_and_range() {
        let error = number("slice_size", 7_usize, 256..=4_096, "datagrams").unwrap_err();
        assert_eq!(
            error.to_string(),
            "slice_size is 7 datagrams, but must be 256 to 4096 datagrams"
        );
    }

    #[test]
    fn a_timer_that_may_be_off_says_so() {
        let error =
            timer_or_zero("heartbeat_timeout", Some(Duration::from_micros(1)), "off").unwrap_err();
        assert_eq!(
            error.to_string(),
            "heartbeat_timeout is 1µs, but must be 0 (off) or 1ms to 2147483.647s"
        );
        assert_eq!(timer_or_zero("heartbeat_timeout", None, "off"), Ok(()));
    }
}
