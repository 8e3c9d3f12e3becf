//! Servers that track another one: what it is, they are.
//!
//! The followers of a server are found by its name when it changes, and told one after the other,
//! each with those who follow it: HAProxy's order, the last of the file first. Loops are refused by
//! the configuration and by the commands that add servers; a chain is as long as it is written.
//! Nothing here waits: every follower's live set is swapped before the change that caused it is over.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use super::occasion::{Before, Occasion};
use super::process::Objects;
use super::{Backend, Server, publish};
use crate::config::model::Track;
use crate::pure::health::Commanded;
use crate::telemetry::event::Reason;

impl Objects {
    /// The server that `track` names.
    #[must_use]
    pub fn tracked(&self, track: &Track) -> Option<(Arc<Backend>, Arc<Server>)> {
        let backend = self.backends.iter().find(|known| *known.name == *track.backend.as_str())?;
        let live = backend.live();
        let server = live.servers.iter().find(|known| *known.name == *track.server.as_str())?;
        Some((Arc::clone(backend), Arc::clone(server)))
    }

    /// The server whose checks speak for `server`: the end of what it tracks, or itself.
    #[must_use]
    pub fn checked(&self, server: &Arc<Server>) -> Arc<Server> {
        let mut checked = Arc::clone(server);
        while let Some(track) = &checked.configured().track.clone() {
            let Some((_, next)) = self.tracked(track) else { break };
            checked = next;
        }
        checked
    }

    /// Those who track a server, the last of the file first.
    #[must_use]
    pub fn followers(&self, backend: &str, server: &str) -> Vec<(Arc<Backend>, Arc<Server>)> {
        let mut found = Vec::new();
        for owner in self.backends.iter().rev() {
            let live = owner.live();
            let follows = |known: &&Arc<Server>| {
                let settings = known.configured();
                let track = settings.track.as_ref();
                track.is_some_and(|track| {
                    track.backend.as_str() == backend && track.server.as_str() == server
                })
            };
            let servers = live.servers.iter().rev().filter(follows);
            found.extend(servers.map(|server| (Arc::clone(owner), Arc::clone(server))));
        }
        found
    }
}

impl Occasion<'_> {
    /// A server changed: those who track it change with it.
    pub(super) fn followed(&self, backend: &Backend, tracked: &Server) {
        for (owner, server) in self.process.objects().followers(&backend.name, &tracked.name) {
            let before = Before::of(&owner, &server);
            let commanded = take_over(&owner, &server, tracked, self.now);
            let by = || Reason::Tracked(format!("{}/{}", backend.name, tracked.name).into());
            if commanded.before != commanded.after {
                self.commanded(&owner, &server, &before, &commanded, by());
            } else if let Some(transition) = commanded.transition {
                self.changed(&owner, &server, &before, transition, by());
            } else {
                continue;
            }
            server.wake_check();
            self.followed(&owner, &server);
        }
    }
}

/// Those who track each server, by its backend's name and its own.
type Followers = HashMap<(String, String), Vec<(Arc<Backend>, Arc<Server>)>>;

/// A configuration was applied: all who track a server are what it is. Nothing is said of it.
pub fn settle(objects: &Objects, now: Instant) {
    let mut followers = Followers::new();
    for backend in &objects.backends {
        for server in &backend.live().servers {
            if let Some(track) = &server.configured().track {
                let tracked = (track.backend.to_string(), track.server.to_string());
                let follower = (Arc::clone(backend), Arc::clone(server));
                followers.entry(tracked).or_default().push(follower);
            }
        }
    }
    if followers.is_empty() {
        return;
    }
    for backend in &objects.backends {
        let servers = backend.live().servers.clone();
        for server in servers.iter().filter(|server| server.configured().track.is_none()) {
            settle_followers(&followers, backend, server, now);
        }
    }
}

fn settle_followers(followers: &Followers, backend: &Backend, tracked: &Server, now: Instant) {
    let tracked_by = followers.get(&(backend.name.to_string(), tracked.name.to_string()));
    for (owner, server) in tracked_by.into_iter().flatten() {
        take_over(owner, server, tracked, now);
        settle_followers(followers, owner, server, now);
    }
}

/// Makes `server` what `tracked` is.
fn take_over(backend: &Arc<Backend>, server: &Server, tracked: &Server, now: Instant) -> Commanded {
    let tracked = tracked.health();
    publish::health(backend, server, now, |health| health.handle_tracked(now, &tracked))
}
