//! Pure: servers that track others.

use std::collections::HashMap;

use haproxy_compat::span::Span;

use super::context::Context;
use super::frontend::is_on;
use crate::config::model::{Backend, Server, Track};
use crate::config::raw;
use crate::pure::id::Name;

impl Context<'_> {
    /// What a server tracks; whether that is there is [`tracks_exist`](Self::tracks_exist)'s.
    pub(super) fn track(&mut self, raw: &raw::Server, what: &str, backend: &Name) -> Option<Track> {
        let written = raw.track.as_ref()?;
        if is_on(&raw.check) {
            let message = format!("{what}: it cannot have a check and track a server at once");
            self.report.alert(written.span, message);
            self.report.help("remove one of both: what it tracks is checked in its place");
        }
        if let Some(init) = &raw.check_settings.init_state {
            let message =
                format!("{what}: it cannot have an init-state and track a server at once");
            self.report.alert(init.span, message);
        }
        let track = parse(&written.value, backend);
        if track.is_none() {
            let message = format!("{what}: '{}' is no server to track", written.value);
            self.report.alert(written.span, message);
            self.report.help("write 'server' or 'backend/server'");
        }
        track
    }

    /// What is tracked must be there, be checked in the end, and not lead back.
    pub(super) fn tracks_exist(&mut self, raw: &raw::Config, backends: &[Backend]) {
        let mut servers: HashMap<(&str, &str), &Server> = HashMap::new();
        for backend in backends {
            let named = |server| ((backend.name.as_str(), name_of(server)), server);
            servers.extend(backend.servers.iter().map(named));
        }
        for backend in backends {
            for server in backend.servers.iter().filter(|server| server.track.is_some()) {
                if let Err(why) = follow(backend, server, &servers) {
                    let span = written(raw, backend.name.as_str(), name_of(server));
                    let what = format!("server '{}/{}'", backend.name, server.name);
                    self.report.alert(span, format!("{what}: {why}"));
                }
            }
        }
    }
}

/// The words of `track` of a server in `backend`.
pub(in crate::config) fn parse(text: &str, backend: &Name) -> Option<Track> {
    let (owner, server) = match text.split_once('/') {
        Some((owner, server)) => (Name::new(owner).ok()?, server),
        None => (backend.clone(), text),
    };
    Some(Track { backend: owner, server: Name::new(server).ok()? })
}

fn name_of(server: &Server) -> &str {
    server.name.as_str()
}

/// Walks from a server along what is tracked.
fn follow(
    backend: &Backend,
    server: &Server,
    servers: &HashMap<(&str, &str), &Server>,
) -> Result<(), String> {
    let own = (backend.name.as_str(), name_of(server));
    let mut seen = vec![own];
    let mut current = server;
    while let Some(track) = &current.track {
        let place = (track.backend.as_str(), track.server.as_str());
        let Some(next) = servers.get(&place) else {
            return Err(format!("there is no server '{track}' to track"));
        };
        if place == own {
            return Err("what it tracks tracks it in turn".to_owned());
        }
        if seen.contains(&place) {
            // Said of those who are in the loop.
            return Ok(());
        }
        seen.push(place);
        current = next;
    }
    if current.check.is_none() && current.agent.is_none() {
        let (owner, name) = seen[seen.len() - 1];
        return Err(format!("'{owner}/{name}' has no check and no agent: it cannot be tracked"));
    }
    Ok(())
}

/// Where it was written.
fn written(raw: &raw::Config, backend: &str, server: &str) -> Span {
    let owner = raw.backends.iter().find(|raw| raw.name.value == backend);
    let server = owner.and_then(|raw| raw.servers.iter().find(|raw| raw.name.value == server));
    let span = server.and_then(|raw| Some(raw.track.as_ref()?.span));
    span.unwrap_or_default()
}
