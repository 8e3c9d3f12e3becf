//! What samples learn of the process alone, where there is no session.

use std::time::{Duration, SystemTime};

use super::Process;
use crate::pure::sample::{Arg, Fact, Facts, Fetched, Value, Variable};

/// A process at one moment.
#[derive(Debug)]
pub struct ProcessFacts<'a> {
    /// The process.
    pub process: &'a Process,
    /// The time of day.
    pub wall: SystemTime,
    /// Since the process started.
    pub uptime: Duration,
}

impl Facts for ProcessFacts<'_> {
    fn fact(&self, fact: Fact, args: &[Arg]) -> Fetched {
        self.value(fact, args).into()
    }

    fn variable(&self, name: &Variable) -> Option<Value> {
        self.process.variable(name)
    }

    fn knows_variable(&self, _: &Variable) -> bool {
        true
    }

    fn set_variable(&self, name: &Variable, value: Option<Value>) {
        self.process.set_variable(name, value);
    }
}

impl ProcessFacts<'_> {
    /// What `fact` is; `None` where it is not one of the process.
    #[must_use]
    pub fn value(&self, fact: Fact, args: &[Arg]) -> Option<Value> {
        let wall = || self.wall.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        match fact {
            Fact::Date => date(wall(), args),
            Fact::DateUs => int(wall().subsec_micros()),
            Fact::Hostname => {
                let name = rustix::system::uname();
                Some(Value::Str(name.nodename().to_bytes().to_vec()))
            }
            Fact::NbProc | Fact::Proc | Fact::Tgroup => int(1),
            Fact::Pid => int(std::process::id()),
            Fact::Rand => {
                let range =
                    args.first().and_then(Arg::int).and_then(|most| u32::try_from(most).ok());
                int(fastrand::u32(..range.filter(|most| *most > 0).unwrap_or(u32::MAX)))
            }
            Fact::Uuid => Some(Value::text(&uuid(fastrand::u128(..)))),
            Fact::Uptime => int(self.uptime.as_secs()),
            Fact::ActConn => int(self.process.gate.current()),
            Fact::Stopping => Some(Value::Bool(self.process.is_stopping())),
            _ => None,
        }
    }
}

fn int(number: impl TryInto<i64>) -> Option<Value> {
    Some(Value::Int(number.try_into().unwrap_or(i64::MAX)))
}

/// `date(offset,unit)`.
fn date(now: Duration, args: &[Arg]) -> Option<Value> {
    let offset = args.first().and_then(Arg::int).unwrap_or(0);
    let number = match args.get(1).and_then(Arg::text) {
        Some("ms") => now.as_millis(),
        Some("us") => now.as_micros(),
        _ => u128::from(now.as_secs()),
    };
    Some(Value::Int(i64::try_from(number).unwrap_or(i64::MAX).saturating_add(offset)))
}

/// RFC 9562 §5.4 of `random`.
fn uuid(random: u128) -> String {
    let bits = random & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    let hex = format!("{bits:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_say_what_they_are() {
        let text = uuid(u128::MAX);
        assert_eq!(text, "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }

    #[test]
    fn dates_have_offsets_and_units() {
        let now = Duration::from_millis(5_250);
        assert_eq!(date(now, &[]), Some(Value::Int(5)));
        let args = [Arg::Int(-1), Arg::Text("ms".to_owned())];
        assert_eq!(date(now, &args), Some(Value::Int(5_249)));
    }
}
