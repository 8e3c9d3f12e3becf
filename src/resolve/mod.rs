//! The engine that follows servers' names: one task for each `resolvers` section, on the control
//! thread.
//!
//! A task asks what the machines of its names want asked, hands them the answers, and gives each
//! server the address it got. What that does to the server (maintenance while it has none, a new
//! live set, what is said) is [`Occasion`](crate::state::Occasion)'s.
//!
//! **Architecture invariant.** Nothing here knows a session or a check. A session that is connected
//! stays where it is; new ones find the new address at their next attempt.

mod section;

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::watch;

use crate::state::process::Objects;
use crate::state::upkeep::{Owned, keep_running};
use crate::state::{Process, Resolvers};
use crate::telemetry::bus::Bus;
use section::{Follower, Section};

/// Follows the names of all servers.
#[derive(Debug)]
pub struct Engine {
    process: Arc<Process>,
    bus: Bus,
    running: HashMap<*const Resolvers, Running>,
}

#[derive(Debug)]
struct Running {
    /// Kept, so that its place in memory is its name.
    _section: Arc<Resolvers>,
    followers: watch::Sender<Vec<Follower>>,
    _task: Owned<()>,
}

impl Engine {
    /// Nothing is followed yet.
    #[must_use]
    pub fn new(process: Arc<Process>, bus: Bus) -> Self {
        Self { process, bus, running: HashMap::new() }
    }

    /// Follows the names that servers have now. A section whose settings changed starts over; the
    /// addresses and services that its servers have stay until an answer says otherwise.
    pub fn follow(&mut self, objects: &Objects) {
        let mut running = std::mem::take(&mut self.running);
        for section in &objects.resolvers {
            let followers = followers(objects, section);
            if followers.is_empty() || section.settings.nameservers.is_empty() {
                continue;
            }
            let key = Arc::as_ptr(section);
            let kept = match running.remove(&key) {
                Some(kept) => kept.follow(followers),
                None => self.start(section, followers),
            };
            self.running.insert(key, kept);
        }
    }

    fn start(&self, section: &Arc<Resolvers>, followers: Vec<Follower>) -> Running {
        let (process, bus) = (Arc::clone(&self.process), self.bus.clone());
        let what = format!("The resolver '{}'", section.settings.name);
        let own = Arc::clone(section);
        let (followers, wanted) = watch::channel(followers);
        let task = keep_running(what, move || {
            let (process, bus) = (Arc::clone(&process), bus.clone());
            Section::new(Arc::clone(&own), wanted.clone(), process, bus).run()
        });
        Running { _section: Arc::clone(section), followers, _task: task }
    }

    /// Follows nothing any more.
    pub fn stop(&mut self) {
        self.running.clear();
    }
}

impl Running {
    fn follow(self, wanted: Vec<Follower>) -> Self {
        self.followers.send_if_modified(|known| {
            let same = known.len() == wanted.len()
                && known.iter().zip(&wanted).all(|(known, wanted)| known.is_same(wanted));
            if !same {
                *known = wanted;
            }
            !same
        });
        self
    }
}

fn followers(objects: &Objects, section: &Resolvers) -> Vec<Follower> {
    let mut followers = Vec::new();
    for backend in &objects.backends {
        for server in &backend.live().servers {
            let resolve = server.settings().resolve.clone();
            if let Some(resolve) = resolve.filter(|r| r.resolvers == section.settings.name) {
                followers.push(Follower::new(Arc::clone(backend), Arc::clone(server), resolve));
            }
        }
    }
    followers
}
