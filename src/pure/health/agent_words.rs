//! What an agent's line says.
//!
//! Words stand between spaces, tabs and commas, in any case; of each category the last one counts,
//! and behind `#` stands a description. What is no word is reported, the first of them.
//!
//! | category | words |
//! |---|---|
//! | administration | `ready`, `drain`, `maint` |
//! | health | `up`, `down`, `stopped`, `fail` |
//! | weight | `NN%` of the configured weight; since 3.0 also `weight:NN%` and `weight:NN` |
//! | sessions | `maxconn:NN` |
//!
//! Bound: lines are as long as the buffer they were read into; what is kept of them is as long as a
//! verdict's excerpt at most.

use super::admin::Command;
use super::verdict::{CheckStatus, INFO_BYTES_MAX, Verdict};

/// An agent's line, understood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AgentWords {
    /// What it wants of the server.
    pub admin: Option<Command>,
    /// Its weight, `NN%`, as it was written.
    pub weight: Option<String>,
    /// What stands behind `maxconn:`.
    pub maxconn: Option<String>,
    /// Its health.
    health: Option<Opinion>,
    /// The first word that is none.
    error: Option<String>,
    /// What stands behind `#`.
    description: String,
}

/// What an agent says of its server's health.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Opinion {
    up: bool,
    /// Its word, as it was written.
    word: String,
}

impl AgentWords {
    /// Reads a line without its end.
    #[must_use]
    pub fn parse(line: &[u8]) -> Self {
        let mut words = Self::default();
        let mut rest = line;
        loop {
            let blank = |byte: &u8| b" \t,".contains(byte);
            let start = rest.iter().position(|byte| !blank(byte)).unwrap_or(rest.len());
            rest = &rest[start..];
            match rest.first() {
                None => return words,
                Some(b'#') => {
                    let text = rest[1..].trim_ascii_start();
                    words.description = kept(text);
                    return words;
                }
                Some(_) => {
                    let end = rest.iter().position(blank).unwrap_or(rest.len());
                    words.take(&rest[..end]);
                    rest = &rest[end..];
                }
            }
        }
    }

    fn take(&mut self, word: &[u8]) {
        let lower = word.to_ascii_lowercase();
        let opinion = |up| Some(Opinion { up, word: kept(word) });
        match lower.as_slice() {
            b"up" => self.health = opinion(true),
            b"down" | b"stopped" | b"fail" => self.health = opinion(false),
            b"ready" => self.admin = Some(Command::Ready),
            b"drain" => self.admin = Some(Command::Drain),
            b"maint" => self.admin = Some(Command::Maint),
            [digit, ..] if digit.is_ascii_digit() && word.contains(&b'%') => {
                self.weight = Some(kept(word));
            }
            _ => match (lower.strip_prefix(b"maxconn:"), lower.strip_prefix(b"weight:")) {
                (Some(number), _) => self.maxconn = Some(kept(number)),
                (_, Some(weight)) => self.weight = Some(kept(weight)),
                _ => drop(self.error.get_or_insert_with(|| kept(word))),
            },
        }
    }

    /// The verdict on a server whose agent said this; `warning` is what was wrong with its weight or
    /// its limit.
    #[must_use]
    pub fn verdict(&self, warning: Option<&str>) -> Verdict {
        let odd = self.error.as_deref().or(warning);
        let Some(Opinion { up, word }) = &self.health else {
            let info = match (&self.error, warning) {
                (Some(error), _) => format!("agent reports an error : {error}"),
                (None, Some(warning)) => format!("agent warns : {warning}"),
                (None, None) => String::new(),
            };
            return Verdict::new(CheckStatus::Checked).with_info(info.as_bytes());
        };
        let status = if *up { CheckStatus::L7Ok } else { CheckStatus::L7Status };
        // Why a server is down is said before what was odd, what was odd before why it is up.
        let why = match odd {
            Some(odd) if *up || self.description.is_empty() => odd,
            _ => &self.description,
        };
        let info = match why {
            "" => format!("via agent : {word}"),
            why => format!("via agent : {word} ({why})"),
        };
        Verdict::new(status).with_info(info.as_bytes())
    }
}

/// As much of `bytes` as a verdict shows.
fn kept(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(INFO_BYTES_MAX)]).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_as_haproxy_2_6_takes_them() {
        let rows: [(&str, &str, &str); 19] = [
            ("up", "L7OK", "via agent : up"),
            ("Stopped # out of order", "L7STS", "via agent : Stopped (out of order)"),
            ("down", "L7STS", "via agent : down"),
            ("down foo", "L7STS", "via agent : down (foo)"),
            ("down foo # why", "L7STS", "via agent : down (why)"),
            ("up foo # all well", "L7OK", "via agent : up (foo)"),
            ("up # all well", "L7OK", "via agent : up (all well)"),
            ("down up", "L7OK", "via agent : up"),
            ("maint ready down # hm hm", "L7STS", "via agent : down (hm hm)"),
            ("up,75%\tready#  desc ", "L7OK", "via agent : up (ready#)"),
            ("up -5%", "L7OK", "via agent : up (-5%)"),
            ("fail#x", "CHECKED", "agent reports an error : fail#x"),
            ("foo bar", "CHECKED", "agent reports an error : foo"),
            ("50", "CHECKED", "agent reports an error : 50"),
            ("weight:50% up", "L7OK", "via agent : up"),
            ("# hello", "CHECKED", ""),
            ("ready", "CHECKED", ""),
            (" ,\t,", "CHECKED", ""),
            ("", "CHECKED", ""),
        ];
        for (line, status, info) in rows {
            let verdict = AgentWords::parse(line.as_bytes()).verdict(None);
            assert_eq!((verdict.status.name(), verdict.info()), (status, info), "{line:?}");
        }
    }

    #[test]
    fn the_last_word_of_a_category_counts() {
        let words = AgentWords::parse(b"READY 10% maxconn:5 Drain 20%x,maxconn:30");
        assert_eq!(words.admin, Some(Command::Drain));
        assert_eq!(words.weight.as_deref(), Some("20%x"));
        assert_eq!(AgentWords::parse(b"Weight:7").weight.as_deref(), Some("7"));
        assert_eq!(words.maxconn.as_deref(), Some("30"));
    }

    #[test]
    fn a_warning_is_said_where_nothing_else_is() {
        let odd = Some("Trailing garbage in maxconn string");
        let said = |line: &str| AgentWords::parse(line.as_bytes()).verdict(odd).info().to_owned();
        assert_eq!(said("maxconn:7x"), "agent warns : Trailing garbage in maxconn string");
        assert_eq!(said("maxconn:7x up"), "via agent : up (Trailing garbage in maxconn string)");
        assert_eq!(said("maxconn:7x foo up"), "via agent : up (foo)");
        assert_eq!(said("maxconn:7x down # gone"), "via agent : down (gone)");
    }

    proptest! {
        #[test]
        fn any_line_is_understood(line in prop::collection::vec(any::<u8>(), 0..300)) {
            let verdict = AgentWords::parse(&line).verdict(None);
            prop_assert!(verdict.info().len() <= INFO_BYTES_MAX);
        }
    }
}
