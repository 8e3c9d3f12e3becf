//! Pure: durations as TOML writes them: a whole number and a unit, `500ms`, `2s`, `1m`.
//!
//! A number without a unit is refused: HAProxy takes it for milliseconds (or, for a few keywords,
//! seconds), and the reader of a file should not have to know which.

use std::time::Duration;

use super::defaults::DURATION_MAX;

/// The units, largest first, with their length in microseconds.
const UNITS: [(&str, u64); 6] = [
    ("d", 86_400_000_000),
    ("h", 3_600_000_000),
    ("m", 60_000_000),
    ("s", 1_000_000),
    ("ms", 1_000),
    ("us", 1),
];

/// The word for "no limit" where a timeout may be infinite.
pub(crate) const INFINITE: &str = "infinite";

/// What is written where something is never to be done.
pub(crate) const OFF: &str = "off";

/// Why a text is not a duration, and what to write instead.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadDuration {
    /// A sentence that quotes the text.
    pub(crate) message: String,
    /// What to write.
    pub(crate) help: String,
}

/// Reads a duration of at most [`DURATION_MAX`].
///
/// # Errors
/// Which part of the text is wrong.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, BadDuration> {
    let bad = |message: String, help: &str| BadDuration { message, help: help.to_owned() };
    const FORM: &str =
        "write a whole number and a unit, such as \"500ms\", \"2s\", \"1m\" or \"1h\"";
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    if number.is_empty() {
        return Err(bad(format!("'{text}' is not a duration"), FORM));
    }
    if unit.is_empty() {
        return Err(BadDuration {
            message: format!("'{text}' has no unit"),
            help: format!("write \"{text}s\" for seconds or \"{text}ms\" for milliseconds"),
        });
    }
    let Some(&(_, unit_us)) = UNITS.iter().find(|(name, _)| *name == unit) else {
        return Err(match unit.starts_with(['.', ',']) {
            true => bad(
                format!("'{text}' has a fraction"),
                "use a smaller unit: \"1500ms\" instead of \"1.5s\"",
            ),
            false => bad(
                format!("'{text}': '{unit}' is not a unit of time"),
                "the units are us, ms, s, m, h and d; only one of them may be used",
            ),
        });
    };
    number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(unit_us))
        .map(Duration::from_micros)
        .filter(|&duration| duration <= DURATION_MAX)
        .ok_or_else(|| bad(format!("'{text}' is too long"), "the longest duration is 24 days"))
}

/// Writes a duration in the largest unit that divides it; below a microsecond it is rounded up.
pub(crate) fn format_duration(duration: Duration) -> String {
    let us = duration.as_nanos().div_ceil(1000);
    if us == 0 {
        return "0s".to_owned();
    }
    let (name, unit_us) = UNITS
        .iter()
        .find(|(_, unit_us)| us.is_multiple_of(u128::from(*unit_us)))
        .expect("the last unit is one microsecond and divides everything");
    format!("{}{name}", us / u128::from(*unit_us))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn units_have_their_length() {
        for (text, expected) in [
            ("250us", Duration::from_micros(250)),
            ("500ms", Duration::from_millis(500)),
            ("2s", Duration::from_secs(2)),
            ("1m", Duration::from_secs(60)),
            ("3h", Duration::from_secs(3 * 3600)),
            ("1d", Duration::from_secs(86400)),
            ("0s", Duration::ZERO),
        ] {
            assert_eq!(parse_duration(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, message) in [
            ("", "'' is not a duration"),
            ("fast", "'fast' is not a duration"),
            ("-1s", "'-1s' is not a duration"),
            ("30", "'30' has no unit"),
            ("1.5s", "'1.5s' has a fraction"),
            ("2sec", "'2sec': 'sec' is not a unit of time"),
            ("1m30s", "'1m30s': 'm30s' is not a unit of time"),
            ("99999999999999999999s", "'99999999999999999999s' is too long"),
            ("25d", "'25d' is too long"),
        ] {
            assert_eq!(parse_duration(text).map_err(|bad| bad.message), Err(message.to_owned()));
        }
    }

    #[test]
    fn the_largest_exact_unit_is_written() {
        for (ms, text) in [(90_000, "90s"), (60_000, "1m"), (1_500, "1500ms"), (0, "0s")] {
            assert_eq!(format_duration(Duration::from_millis(ms)), text);
        }
    }

    proptest! {
        #[test]
        fn written_durations_read_back(us in 0..=u64::try_from(DURATION_MAX.as_micros()).unwrap()) {
            let duration = Duration::from_micros(us);
            prop_assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
        }
    }
}
