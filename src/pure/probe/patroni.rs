//! Patroni's REST API: whether it says primary or replica of its server.
//!
//! ```text
//!   GET /primary          200: it holds the leader's lock and serves as primary
//!     otherwise
//!   GET /replica[?lag=…]  200: it follows, is not tagged noloadbalance, and lags by no more
//!     otherwise           neither: the check fails with what the answer says of itself
//! ```
//! Both have its status as JSON in their body: the cluster's identifier, the timeline and how far the
//! server has come, which make a [`Reading`]. A double that answers by statuses alone has a role, and
//! no reading.

use serde::Deserialize;

use super::exchange::Exchange;
use super::http_head::{Body, Parsed, body, parse};
use super::{Close, Input, Step};
use crate::pure::health::verdict::{CheckStatus, Verdict};
use crate::pure::role::{History, Reading, Role};

/// A role, and what goes with it where it is told.
pub(super) type Found = (Role, Option<Reading>);

/// Two questions, the second of which may not be needed.
#[derive(Debug)]
pub(super) struct Patroni {
    /// What is asked of replicas, until it is.
    replica: Option<String>,
    exchange: Exchange,
    answer_bytes_max: usize,
    found: Option<Found>,
}

/// What of the status is used.
#[derive(Debug, Deserialize)]
struct Status {
    state: Option<String>,
    role: Option<String>,
    timeline: Option<u32>,
    database_system_identifier: Option<Identifier>,
    xlog: Option<Position>,
}

/// Patroni writes it as a text, since it may be above what JSON's numbers hold for some.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Identifier {
    Text(String),
    Number(u64),
}

#[derive(Debug, Default, Deserialize)]
struct Position {
    location: Option<u64>,
    replayed_location: Option<u64>,
    received_location: Option<u64>,
}

impl Status {
    fn reading(&self, role: Role) -> Option<Reading> {
        let system = match self.database_system_identifier.as_ref()? {
            Identifier::Text(text) => text.parse().ok()?,
            Identifier::Number(number) => *number,
        };
        let xlog = self.xlog.as_ref()?;
        let position = match role {
            Role::Primary => xlog.location?,
            _ => xlog.replayed_location.or(xlog.received_location)?,
        };
        let history = History::Postgres { system, timeline: self.timeline? };
        Some(Reading::new(role, history, position))
    }
}

impl Patroni {
    pub(super) fn new(lag: Option<&str>, answer_bytes_max: usize) -> Self {
        let lag = lag.map(|lag| format!("?lag={lag}")).unwrap_or_default();
        Self {
            replica: Some(format!("/replica{lag}")),
            exchange: ask("/primary", answer_bytes_max),
            answer_bytes_max,
            found: None,
        }
    }

    /// What was learned.
    pub(super) const fn found(&self) -> Option<&Found> {
        self.found.as_ref()
    }

    pub(super) fn step(&mut self, input: Input<'_>) -> Step {
        self.exchange.step(input).unwrap_or_else(|| self.judge())
    }

    fn judge(&mut self) -> Step {
        let answer = &self.exchange.answer;
        let (code, body) = match parse(answer.bytes()) {
            Parsed::Head(head) => (head.status, body(&head)),
            Parsed::More if !answer.is_final() => return Step::Receive,
            Parsed::More | Parsed::Bad => {
                let verdict = Verdict::new(CheckStatus::L7Response);
                return Step::Done(verdict.with_info(b"not Patroni's REST API"));
            }
        };
        let Body { bytes, complete } = body;
        if !complete && !answer.is_final() {
            return Step::Receive;
        }
        let status: Option<Status> = serde_json::from_slice(&bytes).ok();
        let is_it = code == 200;
        let role = if self.replica.is_some() { Role::Primary } else { Role::Replica };
        if is_it {
            let reading = status.and_then(|status| status.reading(role));
            self.found = Some((role, reading));
            let word = if role == Role::Primary { "primary" } else { "replica" };
            return Step::Done(coded(CheckStatus::L7Ok, code, word));
        }
        if let Some(path) = self.replica.take() {
            self.exchange = ask(&path, self.answer_bytes_max);
            return self.step(Input::Start);
        }
        let said = status.map_or_else(String::new, |status| {
            let word = |text: Option<String>| text.unwrap_or_else(|| "unknown".to_owned());
            format!(", it says {} and {}", word(status.role), word(status.state))
        });
        let said = format!("neither primary nor replica{said}");
        Step::Done(coded(CheckStatus::L7Status, code, &said))
    }
}

fn coded(status: CheckStatus, code: u16, info: &str) -> Verdict {
    let mut verdict = Verdict::new(status);
    verdict.code = Some(code.into());
    verdict.with_info(info.as_bytes())
}

fn ask(path: &str, answer_bytes_max: usize) -> Exchange {
    let request = format!("GET {path} HTTP/1.0\r\nHost: patroni\r\nConnection: close\r\n\r\n");
    Exchange::new(Close::Polite, Some(request.into_bytes()), answer_bytes_max)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRIMARY: &str = r#"{"state": "running", "role": "master", "timeline": 7,
        "database_system_identifier": "7398", "xlog": {"location": 4096}}"#;
    const REPLICA: &str = r#"{"state": "running", "role": "replica", "timeline": 7,
        "database_system_identifier": 7398,
        "xlog": {"received_location": 4000, "replayed_location": 3000, "paused": false}}"#;

    /// What comes of these answers to the questions, in order; and what was asked.
    fn asked(answers: &[(u16, &str)]) -> (Verdict, Option<Found>, Vec<String>) {
        let mut probe = Patroni::new(Some("1MB"), 16_384);
        let (mut answers, mut questions) = (answers.iter(), Vec::new());
        let mut step = probe.step(Input::Start);
        loop {
            step = match step {
                Step::Connect(_) => probe.step(Input::Connected),
                Step::Send(bytes) => {
                    let text = String::from_utf8(bytes).unwrap();
                    questions.push(text.split(' ').nth(1).unwrap().to_owned());
                    probe.step(Input::Sent)
                }
                Step::Receive => match answers.next() {
                    Some((code, body)) => {
                        let text = format!("HTTP/1.0 {code} Some\r\n\r\n{body}");
                        match probe.step(Input::Bytes(text.as_bytes())) {
                            Step::Receive => probe.step(Input::Closed),
                            step => step,
                        }
                    }
                    None => probe.step(Input::TimedOut),
                },
                Step::Done(verdict) => return (verdict, probe.found().cloned(), questions),
            };
        }
    }

    #[test]
    fn a_role_is_what_a_status_says_and_a_reading_what_the_body_does() {
        let reading = |role, position| {
            let history = History::Postgres { system: 7398, timeline: 7 };
            Some((role, Some(Reading::new(role, history, position))))
        };
        let (verdict, found, questions) = asked(&[(200, PRIMARY)]);
        assert_eq!((verdict.status, found), (CheckStatus::L7Ok, reading(Role::Primary, 4096)));
        assert_eq!(questions, ["/primary"]);
        let (verdict, found, questions) = asked(&[(503, REPLICA), (200, REPLICA)]);
        assert_eq!((verdict.status, found), (CheckStatus::L7Ok, reading(Role::Replica, 3000)));
        assert_eq!(questions, ["/primary", "/replica?lag=1MB"]);
        // A server that lost the lock is not primary, whatever it says of itself.
        let (verdict, found, _) = asked(&[(503, PRIMARY), (503, PRIMARY)]);
        assert_eq!((verdict.status, found), (CheckStatus::L7Status, None));
        for body in ["", "garbage", "{}", "[1]", r#"{"timeline": -1}"#] {
            let (verdict, found, _) = asked(&[(200, body)]);
            assert_eq!(verdict.status, CheckStatus::L7Ok, "{body}");
            assert_eq!(found, Some((Role::Primary, None)), "{body}");
        }
    }

    #[test]
    fn who_does_not_answer_says_nothing() {
        let (verdict, found, _) = asked(&[]);
        assert_eq!((verdict.status, found), (CheckStatus::L7Timeout, None));
        let (verdict, found, _) = asked(&[(503, REPLICA)]);
        assert_eq!((verdict.status, found), (CheckStatus::L7Timeout, None));
        let mut probe = Patroni::new(None, 16_384);
        probe.step(Input::Start);
        probe.step(Input::Connected);
        probe.step(Input::Sent);
        let Step::Done(verdict) = probe.step(Input::Bytes(b"\x16\x03\x01garbage")) else {
            panic!("it is over");
        };
        assert_eq!((verdict.status, probe.found()), (CheckStatus::L7Response, None));
    }
}
