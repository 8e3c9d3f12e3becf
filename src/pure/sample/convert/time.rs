//! Converters of seconds since 1970 to text.

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

use crate::pure::sample::Facts;
use crate::pure::sample::value::Value;

/// A date in a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Date {
    /// strftime(3).
    format: String,
    /// Added, in the unit.
    offset: i64,
    unit: Unit,
    /// In the machine's zone, not in UTC.
    local: bool,
    /// `http_date`: parts of a second and the zone follow.
    is_http: bool,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Seconds,
    Milliseconds,
    Microseconds,
}

const HTTP: &str = "%a, %d %b %Y %H:%M:%S";

impl Date {
    pub(super) fn parse(name: &str, args: &[String]) -> Option<Result<Self, String>> {
        let offset = |text: Option<&String>| match text {
            None => Ok(0),
            Some(text) => text.parse().map_err(|_| format!("'{text}' is no number")),
        };
        let made = |format: &str, offset: Result<i64, String>, unit, local| {
            offset.map(|offset| Self {
                format: format.to_owned(),
                offset,
                unit,
                local,
                is_http: name == "http_date",
            })
        };
        Some(match (name, args) {
            // A date of no form is no text at all.
            ("utime", []) => made("", Ok(0), Unit::Seconds, false),
            ("ltime", []) => made("", Ok(0), Unit::Seconds, true),
            ("utime", [format]) => made(format, Ok(0), Unit::Seconds, false),
            ("utime", [format, by]) => made(format, offset(Some(by)), Unit::Seconds, false),
            ("ltime", [format]) => made(format, Ok(0), Unit::Seconds, true),
            ("ltime", [format, by]) => made(format, offset(Some(by)), Unit::Seconds, true),
            ("utime" | "ltime", _) => Err("it takes a form such as %Y-%m-%d".to_owned()),
            ("http_date", args) => {
                let unit = match args.get(1).map_or("s", String::as_str) {
                    "s" => Unit::Seconds,
                    "ms" => Unit::Milliseconds,
                    "us" => Unit::Microseconds,
                    other => return Some(Err(format!("'{other}' is no unit: s, ms or us"))),
                };
                made(HTTP, offset(args.first()), unit, false)
            }
            _ => return None,
        })
    }

    pub(super) fn apply(&self, number: i64, facts: &dyn Facts) -> Option<Value> {
        let number = number.checked_add(self.offset)?;
        let time = match self.unit {
            Unit::Seconds => Timestamp::from_second(number),
            Unit::Milliseconds => Timestamp::from_millisecond(number),
            Unit::Microseconds => Timestamp::from_microsecond(number),
        };
        let time = time.ok()?;
        let zone = if self.local {
            TimeZone::fixed(Offset::from_seconds(facts.utc_offset_seconds(time.as_second())).ok()?)
        } else {
            TimeZone::UTC
        };
        let mut text = jiff::fmt::strtime::format(&self.format, &time.to_zoned(zone)).ok()?;
        if self.is_http {
            match self.unit {
                Unit::Seconds => {}
                Unit::Milliseconds => text.push_str(&format!(".{}", time.subsec_millisecond())),
                Unit::Microseconds => text.push_str(&format!(".{}", time.subsec_microsecond())),
            }
            text.push_str(" GMT");
        }
        Some(Value::text(&text))
    }
}
