//! Times and sizes as HAProxy writes them: an integer and one optional suffix, no decimals.

use std::fmt;
use std::time::Duration;

/// What a bare number counts. Nearly every keyword means milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeUnit {
    /// `us`
    Microseconds,
    /// `ms`
    Milliseconds,
    /// `s`
    Seconds,
    /// `m`
    Minutes,
    /// `h`
    Hours,
    /// `d`
    Days,
}

impl TimeUnit {
    const fn micros(self) -> u64 {
        match self {
            Self::Microseconds => 1,
            Self::Milliseconds => 1_000,
            Self::Seconds => 1_000_000,
            Self::Minutes => 60_000_000,
            Self::Hours => 3_600_000_000,
            Self::Days => 86_400_000_000,
        }
    }
}

/// The longest time, in milliseconds: HAProxy keeps times in 31 bits.
pub const TIME_MAX_MS: u64 = 2_147_483_647;

/// A time that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time {
    /// Its value, at most [`TIME_MAX_MS`].
    pub duration: Duration,
    /// What follows the suffix and was not read, as the `3` of `1m30s`. HAProxy 2.6 warns about it
    /// and newer versions refuse it.
    pub excess: Option<char>,
}

/// Why a number with a unit was not understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnitError {
    /// Nothing was written.
    Empty,
    /// This character is neither a digit nor a unit that is known.
    Unexpected(char),
    /// Above [`TIME_MAX_MS`].
    TimeOverflow,
    /// Above what an address space holds.
    SizeOverflow,
}

impl fmt::Display for UnitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("a number is missing"),
            Self::Unexpected(found) => write!(f, "unexpected character {found:?}"),
            Self::TimeOverflow => {
                write!(f, "too long: the maximum is {TIME_MAX_MS} ms (24.8 days)")
            }
            Self::SizeOverflow => f.write_str("too large"),
        }
    }
}

impl std::error::Error for UnitError {}

/// Reads a time such as `10s`. A bare number counts `unit`. Fractions of a millisecond are kept.
///
/// # Errors
/// [`UnitError::Empty`], [`UnitError::Unexpected`] for anything but digits and a unit (signs and
/// points included), [`UnitError::TimeOverflow`].
pub fn parse_time(text: &str, unit: TimeUnit) -> Result<Time, UnitError> {
    let (number, suffix) = split_number(text)?;
    let mut after = suffix.chars();
    let unit = match (after.next(), after.clone().next()) {
        (None, _) => unit,
        (Some('u'), Some('s')) => {
            after.next();
            TimeUnit::Microseconds
        }
        (Some('m'), Some('s')) => {
            after.next();
            TimeUnit::Milliseconds
        }
        (Some('s'), _) => TimeUnit::Seconds,
        (Some('m'), _) => TimeUnit::Minutes,
        (Some('h'), _) => TimeUnit::Hours,
        (Some('d'), _) => TimeUnit::Days,
        (Some(other), _) => return Err(UnitError::Unexpected(other)),
    };
    let micros = number
        .and_then(|number| number.checked_mul(unit.micros()))
        .filter(|&micros| micros <= TIME_MAX_MS * 1_000)
        .ok_or(UnitError::TimeOverflow)?;
    Ok(Time { duration: Duration::from_micros(micros), excess: after.next() })
}

/// Reads a size in bytes such as `16k`; the suffixes `k m g` count powers of 1024, in either case.
///
/// # Errors
/// [`UnitError::Empty`], [`UnitError::Unexpected`], [`UnitError::SizeOverflow`].
pub fn parse_size(text: &str) -> Result<usize, UnitError> {
    let (number, suffix) = split_number(text)?;
    let mut after = suffix.chars();
    let shift = match after.next() {
        None => 0,
        Some('k' | 'K') => 10,
        Some('m' | 'M') => 20,
        Some('g' | 'G') => 30,
        Some(other) => return Err(UnitError::Unexpected(other)),
    };
    if let Some(excess) = after.next() {
        return Err(UnitError::Unexpected(excess));
    }
    number
        .and_then(|number| number.checked_mul(1 << shift))
        .and_then(|bytes| usize::try_from(bytes).ok())
        .ok_or(UnitError::SizeOverflow)
}

/// The leading digits as a number (`None`: more than 64 bits hold) and what follows them.
fn split_number(text: &str) -> Result<(Option<u64>, &str), UnitError> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, suffix) = text.split_at(digits);
    if digits == 0 {
        let first = suffix.chars().next().ok_or(UnitError::Empty)?;
        return Err(UnitError::Unexpected(first));
    }
    Ok((number.parse().ok(), suffix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        let ms = |text: &str| parse_time(text, TimeUnit::Milliseconds).map(|time| time.duration);
        for (written, meant) in [
            ("0", Duration::ZERO),
            ("5", Duration::from_millis(5)),
            ("5us", Duration::from_micros(5)),
            ("5ms", Duration::from_millis(5)),
            ("5s", Duration::from_secs(5)),
            ("5m", Duration::from_secs(300)),
            ("5h", Duration::from_secs(18_000)),
            ("24d", Duration::from_secs(24 * 86_400)),
            ("2147483647", Duration::from_millis(2_147_483_647)),
            ("007", Duration::from_millis(7)),
        ] {
            assert_eq!(ms(written), Ok(meant), "{written}");
        }
        for (written, why) in [
            ("", UnitError::Empty),
            ("5x", UnitError::Unexpected('x')),
            ("5u", UnitError::Unexpected('u')),
            ("1.5s", UnitError::Unexpected('.')),
            ("-5", UnitError::Unexpected('-')),
            ("é", UnitError::Unexpected('é')),
            ("25d", UnitError::TimeOverflow),
            ("2147483648", UnitError::TimeOverflow),
            ("99999999999999999999999", UnitError::TimeOverflow),
        ] {
            assert_eq!(ms(written), Err(why), "{written}");
        }
        let seconds = parse_time("5", TimeUnit::Seconds).expect("a number");
        assert_eq!(seconds.duration, Duration::from_secs(5));
        let compound = parse_time("1m30s", TimeUnit::Milliseconds).expect("warned about");
        assert_eq!(compound.duration, Duration::from_secs(60));
        assert_eq!(compound.excess, Some('3'));
    }

    #[test]
    fn sizes() {
        assert_eq!(parse_size("16384"), Ok(16_384));
        assert_eq!(parse_size("16k"), Ok(16_384));
        assert_eq!(parse_size("1M"), Ok(1_048_576));
        assert_eq!(parse_size("1g"), Ok(1 << 30));
        assert_eq!(parse_size("1kb"), Err(UnitError::Unexpected('b')));
        assert_eq!(parse_size("k"), Err(UnitError::Unexpected('k')));
        assert_eq!(parse_size("18446744073709551615g"), Err(UnitError::SizeOverflow));
    }
}
