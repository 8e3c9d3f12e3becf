//! A record in words, for people.

use std::fmt::Write as _;

use super::{Kind, Outcome, Record, Seconds, Verdict};

impl Record {
    /// What it does not keep to of what was declared, for people; empty: all of it is kept.
    #[must_use]
    pub fn broken(&self) -> Vec<String> {
        let mut broken = Vec::new();
        let Self { seconds, declared, verdict, rpo_unit, .. } = self;
        match (seconds.total, declared.rto, verdict.rto) {
            (None, ..) if self.kind != Kind::Unseen => {
                broken.push("nobody was served again in time".to_owned());
            }
            (Some(took), Some(rto), Some(Verdict::Missed)) => {
                broken.push(format!("it took {took:.3} s, more than the rto of {rto} s"));
            }
            (_, Some(rto), Some(Verdict::Unknown)) => {
                broken.push(format!("how long it took is not known; the rto is {rto} s"));
            }
            _ => {}
        }
        match (self.rpo, declared.rpo, verdict.rpo) {
            (Some(missing), Some(rpo), Some(Verdict::Missed)) => {
                broken
                    .push(format!("{missing} {rpo_unit} are missing, more than the rpo of {rpo}"));
            }
            (Some(_), Some(rpo), Some(Verdict::Unknown)) => {
                let more = self.open_question().map_or(String::new(), |more| format!(": {more}"));
                broken.push(format!("more may be missing than is known; the rpo is {rpo}{more}"));
            }
            (None, Some(rpo), Some(Verdict::Unknown)) => {
                let more = self.open_question().map_or(String::new(), |more| format!(": {more}"));
                broken.push(format!("what is missing is not known; the rpo is {rpo}{more}"));
            }
            _ => {}
        }
        broken
    }

    /// What is missing, for people.
    #[must_use]
    pub fn missing(&self) -> String {
        match self.rpo {
            Some(missing) => {
                let least = if self.rpo_at_least { "at least " } else { "" };
                if let Some(most) = self.rpo_at_most {
                    return format!("{least}{missing}, at most {most} {}", self.rpo_unit);
                }
                let of = if self.rpo_synchronous { " of what was acknowledged" } else { "" };
                format!("{least}{missing} {}{of}", self.rpo_unit)
            }
            None => match self.rpo_at_most {
                Some(most) => format!("at most {most} {}", self.rpo_unit),
                None => "not known".to_owned(),
            },
        }
    }

    /// One sentence.
    #[must_use]
    pub fn line(&self) -> String {
        let Self { backend, from, to, seconds, .. } = self;
        let to = to.as_deref().unwrap_or("nobody");
        let mut line = match self.outcome() {
            Outcome::Unseen => format!(
                "Backend {backend} has another primary than it is remembered to have: {to}, not \
                 {from}. Nobody saw how that came"
            ),
            Outcome::GivenUp => {
                format!("The switchover of backend {backend} is undone, {from} is primary; that")
            }
            Outcome::Switchover => format!("Switchover of backend {backend} from {from} to {to}"),
            Outcome::Failover if from == to => format!("Primary {backend}/{from} was away"),
            Outcome::Failover => format!("Failover of backend {backend} from {from} to {to}"),
        };
        // Writing to a string cannot fail.
        if let Seconds {
            detect: Some(detect), promote: Some(promote), total: Some(total), ..
        } = seconds
        {
            let is_away = self.outcome() == Outcome::Failover && from == to;
            let word = if is_away { "for" } else { "took" };
            let _ = write!(
                line,
                " {word} {total:.3} s ({detect:.3} to detect, {promote:.3} to promote"
            );
            if let Some(attach) = seconds.attach {
                let _ = write!(line, ", {attach:.3} to attach");
            } else if self.nobody_waited {
                line.push_str(", no client waited");
            } else if self.waited_elsewhere {
                line.push_str(", and what clients of the process before waited");
            }
            line.push(')');
        }
        if let Some(cut) = self.sessions_cut {
            let _ = write!(line, "; {cut} sessions cut");
        }
        if let Some(held) = self.clients_held {
            let _ = write!(line, ", {held} clients held");
        }
        let _ = match self.rpo {
            Some(_) => write!(line, ", {} missing", self.missing()),
            None => write!(line, ", what is missing is not known"),
        };
        if let Some(pending) = &self.pending {
            let _ = write!(line, "; {pending} may become primary yet");
        }
        for broken in self.broken() {
            let _ = write!(line, "; {broken}");
        }
        line.push('.');
        line
    }
}
