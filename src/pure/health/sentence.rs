//! What is logged when a server's standing changes: HAProxy's sentences, from plain values.
//!
//! The reference are the lines HAProxy 2.6 wrote to syslog; the tests hold them word for word.

use std::fmt::Write as _;

use super::admin::Command;
use super::verdict::{Class, Verdict};
use super::{Standing, Transition};
use crate::pure::weight::Weight;

/// How urgent a sentence is, in syslog's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// Nobody serves any more.
    Emerg,
    /// A server is lost.
    Alert,
    /// Anything else.
    Notice,
}

/// A server, as sentences name it.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Its backend's name.
    pub backend: &'a str,
    /// Its own name.
    pub server: &'a str,
    /// It is a backup.
    pub backup: bool,
}

/// Why a standing changed.
#[derive(Clone, Copy, Debug)]
pub enum Cause<'a> {
    /// A check's verdict. `logged`: `option log-health-checks` already told it, so that the reason
    /// is not repeated.
    Check {
        /// The verdict.
        verdict: &'a Verdict,
        /// A line of its own told it.
        logged: bool,
    },
    /// An operator's command about the server's state, or a reload that means the same.
    Command(Command),
    /// An operator set the health itself.
    Cli,
}

/// What is left after the change, and what became of the server's sessions.
#[derive(Clone, Copy, Debug, Default)]
pub struct Surroundings {
    /// Active servers that may be picked.
    pub active: u32,
    /// Backups that may be picked.
    pub backups: u32,
    /// Sessions on the server.
    pub sessions: u64,
    /// Queued sessions given back to the backend.
    pub requeued: u64,
    /// Sessions waiting in the backend's queue.
    pub queued: u64,
    /// The server was asked to drain when its checks changed it.
    pub draining: bool,
}

/// The sentence on a change of standing, and how urgent it is.
#[must_use]
pub fn standing_changed(
    subject: &Subject<'_>,
    change: Transition,
    cause: &Cause<'_>,
    around: &Surroundings,
) -> (Urgency, String) {
    let mut text = subject.named();
    if let Cause::Command(command) = cause {
        return (
            command_urgency(change),
            text + &commanded(change, *command, around),
        );
    }
    text.push_str(match change.to {
        Standing::Down => " is DOWN",
        Standing::Stopping => " is stopping",
        Standing::Up | Standing::Draining | Standing::Maint => " is UP",
    });
    match cause {
        Cause::Check {
            verdict,
            logged: false,
        } => append_reason(&mut text, verdict),
        Cause::Check { logged: true, .. } | Cause::Command(_) => {}
        Cause::Cli => text.push_str(", changed from CLI"),
    }
    text.push_str(&around.told(change.to));
    let lost = change.to == Standing::Down && !around.draining;
    (
        if lost {
            Urgency::Alert
        } else {
            Urgency::Notice
        },
        text,
    )
}

/// The sentence that follows when a draining server's checks changed it: it goes on draining.
#[must_use]
pub fn still_draining(subject: &Subject<'_>) -> (Urgency, String) {
    (
        Urgency::Notice,
        subject.named() + " remains in forced drain mode.",
    )
}

/// The sentence when the last server that could be picked is gone.
#[must_use]
pub fn nobody_left(backend: &str) -> (Urgency, String) {
    (
        Urgency::Emerg,
        format!("backend {backend} has no server available!"),
    )
}

/// The line of `option log-health-checks`; `progress` is the score's after the verdict.
#[must_use]
pub fn health_check(
    subject: &Subject<'_>,
    verdict: &Verdict,
    progress: (u32, u16),
    up: bool,
    weight: Weight,
) -> (Urgency, String) {
    let backup = if subject.backup { "backup " } else { "" };
    let end = match verdict.status.class() {
        Class::Conditional => "conditionally succeeded",
        Class::Passed => "succeeded",
        Class::Failed | Class::Neutral => "failed",
    };
    let mut text = format!(
        "Health check for {backup}server {}/{} {end}",
        subject.backend, subject.server
    );
    append_reason(&mut text, verdict);
    let side = match (up, weight.value()) {
        (false, _) => "DOWN",
        (true, 0) => "DRAIN",
        (true, _) => "UP",
    };
    let _ = write!(text, ", status: {}/{} {side}.", progress.0, progress.1);
    (Urgency::Notice, text)
}

impl Subject<'_> {
    fn named(&self) -> String {
        let kind = if self.backup {
            "Backup Server"
        } else {
            "Server"
        };
        format!("{kind} {}/{}", self.backend, self.server)
    }
}

impl Surroundings {
    /// Who is left and what became of the sessions. A server that came up took no sessions along.
    fn told(&self, to: Standing) -> String {
        let Self {
            active,
            backups,
            sessions,
            requeued,
            queued,
            ..
        } = self;
        let only_backups = if *active == 0 && *backups > 0 {
            " Running on backup."
        } else {
            ""
        };
        match to {
            Standing::Down | Standing::Maint => format!(
                ". {active} active and {backups} backup servers left.{only_backups} {sessions} \
                 sessions active, {requeued} requeued, {queued} remaining in queue."
            ),
            Standing::Up | Standing::Draining | Standing::Stopping => format!(
                ". {active} active and {backups} backup servers online.{only_backups} {requeued} \
                 sessions requeued, {queued} total in queue."
            ),
        }
    }
}

fn command_urgency(change: Transition) -> Urgency {
    let lost = change.to == Standing::Maint && change.from != Standing::Down;
    if lost {
        Urgency::Alert
    } else {
        Urgency::Notice
    }
}

fn commanded(change: Transition, command: Command, around: &Surroundings) -> String {
    match (change.from, change.to) {
        (Standing::Down, Standing::Maint) => " was DOWN and now enters maintenance.".to_owned(),
        (_, Standing::Maint) => {
            " is going DOWN for maintenance".to_owned() + &around.told(change.to)
        }
        (Standing::Maint, to) => {
            let side = if to == Standing::Down { "DOWN" } else { "UP" };
            let then = if command == Command::Drain {
                "DRAIN"
            } else {
                "READY"
            };
            format!(" is {side}/{then} (leaving forced maintenance).")
        }
        (_, Standing::Draining) => " enters drain state".to_owned() + &around.told(change.to),
        (_, Standing::Down) => " is DOWN (leaving forced drain).".to_owned(),
        (_, Standing::Up | Standing::Stopping) => " is UP (leaving forced drain).".to_owned(),
    }
}

/// `, reason: Layer7 wrong status, code: 503, info: "x", check duration: 0ms`.
fn append_reason(text: &mut String, verdict: &Verdict) {
    let _ = write!(text, ", reason: {}", verdict.status.text());
    if let Some(code) = verdict.code {
        let _ = write!(text, ", code: {code}");
    }
    if !verdict.info().is_empty() {
        // A quote in the excerpt would end it early for whoever parses the line.
        let _ = write!(text, ", info: \"{}\"", verdict.info().replace('"', "<22>"));
    }
    let _ = write!(text, ", check duration: {}ms", verdict.duration_ms());
}

#[cfg(test)]
mod tests;
