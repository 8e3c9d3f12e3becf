//! What a reload leaves as commands made it, in lines for the log: HAProxy's reload forgets it, and
//! whoever reloads to be rid of it has to know. Bound: [`TOLD_MAX`] lines, and one that counts the rest.

use std::fmt::Display;

use crate::config::model::{self, Log, ServerAddr};
use crate::pure::health::Health;
use crate::pure::resolve::Kind;
use crate::state::frontend::{Frontend, Phase};
use crate::state::process::Objects;

/// Lines of one reload: a command for all servers of a large file is one mistake, not thousands.
const TOLD_MAX: usize = 20;

/// A line and where it is logged.
pub(super) type Told = (Log, String);

/// A line for each server and each frontend that is not as the file says.
pub(super) fn told(objects: &Objects) -> Vec<Told> {
    let frontends = objects.frontends.iter().filter_map(|frontend| {
        let line = line(format_args!("Frontend {}", frontend.name), &of_frontend(frontend))?;
        Some((frontend.route().log.to.clone(), line))
    });
    let servers = objects.backends.iter().flat_map(|backend| {
        let servers = backend.live().servers.clone();
        servers.into_iter().filter_map(|server| {
            let kept = of_server(&server.configured(), &server.settings(), &server.health());
            let line = line(format_args!("Server {}/{}", backend.name, server.name), &kept)?;
            Some((backend.settings().log.clone(), line))
        })
    });
    bounded(frontends.chain(servers).collect(), &objects.config.global.log)
}

fn bounded(mut told: Vec<Told>, log: &[model::LogTarget]) -> Vec<Told> {
    if told.len() > TOLD_MAX {
        let more = told.len() - TOLD_MAX;
        told.truncate(TOLD_MAX);
        told.push((
            log.into(),
            format!("{more} more servers and frontends are as commands left them."),
        ));
    }
    told
}

fn line(who: impl Display, kept: &[String]) -> Option<String> {
    (!kept.is_empty()).then(|| format!("{who}: {} kept from a command.", kept.join(", ")))
}

fn of_frontend(frontend: &Frontend) -> Vec<String> {
    let mut kept = Vec::new();
    if frontend.phase() == Phase::Paused {
        kept.push("pause".to_owned());
    }
    push(&mut kept, "maxconn", frontend.gate.limit(), frontend.configured_limit());
    kept
}

fn of_server(file: &model::Server, running: &model::Server, health: &Health) -> Vec<String> {
    let mut kept = Vec::new();
    let admin = health.admin();
    if admin.is_forced_maint() && !file.disabled {
        kept.push("maintenance".to_owned());
    } else if admin.is_forced_drain() {
        kept.push("drain".to_owned());
    } else if file.disabled && !admin.is_forced_maint() {
        kept.push("readiness".to_owned());
    }
    if file.check.is_some() && !health.has_checks_on() {
        kept.push("switched-off checks".to_owned());
    }
    if file.agent.is_some() && health.agent().is_some_and(|agent| !agent.is_on()) {
        kept.push("switched-off agent".to_owned());
    }
    // An agent's weights and those of services are nobody's command.
    let is_service = running.resolve.as_ref().is_some_and(|resolve| resolve.kind == Kind::Srv);
    if running.agent.is_none() && !is_service {
        push(&mut kept, "weight", running.weight.value(), file.weight.value());
    }
    let count = |limit: Option<std::num::NonZeroU32>| limit.map_or(0, std::num::NonZeroU32::get);
    push(&mut kept, "maxconn", count(running.maxconn), count(file.maxconn));
    match (&running.resolve, &file.resolve) {
        (Some(running), Some(file)) => push(&mut kept, "name", &running.fqdn, &file.fqdn),
        (None, None) => push_address(&mut kept, &running.address, &file.address),
        _ => {}
    }
    let target = |server: &model::Server| {
        server.check.as_ref().map(|check| (check.addr.clone(), check.port))
    };
    if target(running) != target(file) {
        kept.push("another target of checks".to_owned());
    }
    if running.agent != file.agent {
        kept.push("other settings of the agent".to_owned());
    }
    if running.tls.is_none() && file.tls.is_some() {
        kept.push("no TLS".to_owned());
    }
    kept
}

fn push_address(kept: &mut Vec<String>, running: &ServerAddr, file: &ServerAddr) {
    match (running, file) {
        (ServerAddr::Tcp(running), ServerAddr::Tcp(file)) => push(kept, "address", running, file),
        _ if running != file => kept.push("another address".to_owned()),
        _ => {}
    }
}

fn push<T: PartialEq + Display>(kept: &mut Vec<String>, what: &str, running: T, file: T) {
    if running != file {
        kept.push(format!("{what} {running} (file: {file})"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_file_is_told_of_in_few_lines() {
        let lines = |count| bounded(vec![(Log::default(), "x".to_owned()); count], &[]);
        assert_eq!((lines(20).len(), lines(0).len()), (20, 0));
        let told = lines(1_234);
        assert_eq!(told.len(), 21);
        assert_eq!(told[20].1, "1214 more servers and frontends are as commands left them.");
    }
}
