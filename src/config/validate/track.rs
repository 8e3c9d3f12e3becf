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
        let mut servers: HashMap<Place<'_>, &Server> = HashMap::new();
        for backend in backends {
            let named = |server| ((backend.name.as_str(), name_of(server)), server);
            servers.extend(backend.servers.iter().map(named));
        }
        let mut ends = HashMap::new();
        for backend in backends {
            for server in backend.servers.iter().filter(|server| server.track.is_some()) {
                let place = (backend.name.as_str(), name_of(server));
                let why = match follow(place, &servers, &mut ends) {
                    End::Checked | End::IntoLoop => continue,
                    End::Loop => "what it tracks tracks it in turn".to_owned(),
                    End::Missing(track) => format!("there is no server '{track}' to track"),
                    End::Unchecked((owner, name)) => {
                        format!("'{owner}/{name}' has no check and no agent: it cannot be tracked")
                    }
                };
                let span = written(raw, backend.name.as_str(), name_of(server));
                let what = format!("server '{}/{}'", backend.name, server.name);
                self.report.alert(span, format!("{what}: {why}"));
            }
        }
    }
}

/// A server by the names of its backend and its own.
type Place<'a> = (&'a str, &'a str);

/// What a chain of `track` leads to.
#[derive(Clone, Copy)]
enum End<'a> {
    /// A server that is checked.
    Checked,
    /// One that is not.
    Unchecked(Place<'a>),
    /// One that is not there.
    Missing(&'a Track),
    /// Itself.
    Loop,
    /// A loop of others, of whom it is said.
    IntoLoop,
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

/// Walks from a server along what is tracked. `ends` keeps what each server on the way leads to: none
/// is walked twice.
fn follow<'a>(
    from: Place<'a>,
    servers: &HashMap<Place<'a>, &'a Server>,
    ends: &mut HashMap<Place<'a>, End<'a>>,
) -> End<'a> {
    let mut walked: Vec<Place<'a>> = Vec::new();
    let mut at: HashMap<Place<'a>, usize> = HashMap::new();
    let mut place = from;
    let end = loop {
        if let Some(&known) = ends.get(&place) {
            break if matches!(known, End::Loop) { End::IntoLoop } else { known };
        }
        if let Some(&first) = at.get(&place) {
            ends.extend(walked.drain(first..).map(|member| (member, End::Loop)));
            break End::IntoLoop;
        }
        at.insert(place, walked.len());
        walked.push(place);
        let server = servers[&place];
        let Some(track) = &server.track else {
            let checked = server.check.is_some() || server.agent.is_some();
            break if checked { End::Checked } else { End::Unchecked(place) };
        };
        let next = (track.backend.as_str(), track.server.as_str());
        if !servers.contains_key(&next) {
            break End::Missing(track);
        }
        place = next;
    };
    ends.extend(walked.into_iter().map(|walked| (walked, end)));
    ends[&from]
}

/// Where it was written.
fn written(raw: &raw::Config, backend: &str, server: &str) -> Span {
    let owner = raw.backends.iter().find(|raw| raw.name.value == backend);
    let server = owner.and_then(|raw| raw.servers.iter().find(|raw| raw.name.value == server));
    let span = server.and_then(|raw| Some(raw.track.as_ref()?.span));
    span.unwrap_or_default()
}
