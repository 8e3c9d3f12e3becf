//! What a form of the statistics page does to servers: the actions of HAProxy's page, each through
//! the same mutation as the command of its name.

use std::sync::Arc;

use super::options;
use crate::clock;
use crate::pure::health::admin::Command;
use crate::pure::health::{Health, Said};
use crate::state::{Backend, CutReason, Occasion, Process, Server, publish};
use crate::telemetry::bus::Bus;
use crate::telemetry::event::Reason;

/// What is done to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Admin(Command),
    /// Speaks for its check.
    Check(Said),
    /// Switches its checks.
    Checks(bool),
    /// Speaks for its agent.
    Agent(bool),
    /// Switches its agent checks.
    Agents(bool),
    /// Ends its sessions.
    End,
}

/// Names in the form, and what a person reads; those without a text are older names.
pub(super) const ACTIONS: [(&str, &str); 17] = [
    ("ready", "State: ready"),
    ("drain", "State: drain"),
    ("maint", "State: maintenance"),
    ("dhlth", "Checks: off"),
    ("ehlth", "Checks: on"),
    ("hrunn", "Checks: say up"),
    ("hnolb", "Checks: say stopping"),
    ("hdown", "Checks: say down"),
    ("dagent", "Agent: off"),
    ("eagent", "Agent: on"),
    ("arunn", "Agent: say up"),
    ("adown", "Agent: say down"),
    ("shutdown", "End sessions"),
    ("disable", ""),
    ("enable", ""),
    ("stop", ""),
    ("start", ""),
];

impl Action {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "ready" | "enable" | "start" => Self::Admin(Command::Ready),
            "drain" | "stop" => Self::Admin(Command::Drain),
            "maint" | "disable" => Self::Admin(Command::Maint),
            "dhlth" => Self::Checks(false),
            "ehlth" => Self::Checks(true),
            "hrunn" => Self::Check(Said::Up),
            "hnolb" => Self::Check(Said::Stopping),
            "hdown" => Self::Check(Said::Down),
            "dagent" => Self::Agents(false),
            "eagent" => Self::Agents(true),
            "arunn" => Self::Agent(true),
            "adown" => Self::Agent(false),
            "shutdown" => Self::End,
            _ => return None,
        })
    }
}

/// Does what the form `text` says; yields HAProxy's word for what became of it, which the page
/// shows next.
#[must_use]
pub fn carry_out(process: &Process, bus: &Bus, text: &str) -> &'static str {
    let fields = options::form(text);
    let last = |wanted: &str| {
        fields.iter().rev().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str())
    };
    let backend = last("b").and_then(|name| backend(process, name));
    let (Some(action), Some(backend)) = (last("action").and_then(Action::named), backend) else {
        return "ERRP";
    };
    let now = clock::now();
    let occasion = Occasion { process, bus, now, wall: clock::wall() };
    let (mut wanted, mut missing, mut done) = (0, 0, 0);
    // The last one first, as HAProxy reads a form.
    for (_, name) in fields.iter().rev().filter(|(name, _)| name == "s") {
        wanted += 1;
        let server = backend.live().servers.iter().find(|it| *it.name == **name).map(Arc::clone);
        match server {
            Some(server) => done += u32::from(apply(&occasion, &backend, &server, action)),
            None => missing += 1,
        }
    }
    match (wanted, missing, done) {
        (0, ..) => "NONE",
        (all, missing, _) if all == missing => "ERRP",
        (_, 1.., _) => "PART",
        (_, _, 0) => "NONE",
        _ => "DONE",
    }
}

/// `#3` is a number, all else a name.
fn backend(process: &Process, name: &str) -> Option<Arc<Backend>> {
    let number = name.strip_prefix('#').and_then(|number| number.parse::<u32>().ok());
    let objects = process.objects();
    let mut backends = objects.backends.iter();
    let found = backends.find(|it| match number {
        Some(number) => it.settings().id.0 == number,
        None => *it.name == *name,
    });
    found.cloned()
}

/// `false`: there was nothing that it could be done to.
fn apply(
    occasion: &Occasion<'_>,
    backend: &Arc<Backend>,
    server: &Arc<Server>,
    action: Action,
) -> bool {
    let now = occasion.now;
    let agent_is_on = server.health().agent().is_some_and(|agent| agent.is_on());
    match action {
        Action::Admin(command) => occasion.command(backend, server, command),
        Action::Check(_) if !server.health().has_checks_on() => return false,
        Action::Check(said) => occasion.said(backend, server, said, Reason::Page),
        Action::Checks(on) => {
            let done =
                publish::health(backend, server, now, |health| health.handle_switch(now, on));
            server.wake_check();
            return done;
        }
        Action::Agent(_) if !agent_is_on => return false,
        Action::Agent(up) => {
            let change = |health: &mut Health| health.handle_agent_said(now, up);
            return occasion.agent(backend, server, change, Reason::Page).is_some();
        }
        Action::Agents(on) if agent_is_on == on => return false,
        Action::Agents(on) => {
            let change = |health: &mut Health| health.handle_agent_switch(now, on);
            let done = occasion.agent(backend, server, change, Reason::Page).is_some();
            server.wake_check();
            return done;
        }
        Action::End => {
            occasion.process.sessions.end_on_server(server, CutReason::Killed);
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_the_form_does_something() {
        assert!(ACTIONS.iter().all(|(name, _)| Action::named(name).is_some()));
        assert_eq!(Action::named(""), None);
    }
}
