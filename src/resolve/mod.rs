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

use crate::config::model::Resolve;
use crate::state::process::Objects;
use crate::state::upkeep::{Owned, keep_running};
use crate::state::{Process, Resolvers, Server};
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
    followers: Vec<(*const Server, Resolve)>,
    _task: Owned<()>,
}

impl Engine {
    /// Nothing is followed yet.
    #[must_use]
    pub fn new(process: Arc<Process>, bus: Bus) -> Self {
        Self { process, bus, running: HashMap::new() }
    }

    /// Follows the names that servers have now. A section whose servers or settings changed starts
    /// over; the addresses that its servers have stay until an answer says otherwise.
    pub fn follow(&mut self, objects: &Objects) {
        let mut running = std::mem::take(&mut self.running);
        for section in &objects.resolvers {
            let followers = followers(objects, section);
            let key = Arc::as_ptr(section);
            let names: Vec<_> = followers
                .iter()
                .map(|follower| (Arc::as_ptr(&follower.server), follower.resolve.clone()))
                .collect();
            let kept = running.remove(&key).filter(|running| running.followers == names);
            if let Some(kept) = kept.or_else(|| self.start(section, followers, names)) {
                self.running.insert(key, kept);
            }
        }
    }

    fn start(
        &self,
        section: &Arc<Resolvers>,
        followers: Vec<Follower>,
        names: Vec<(*const Server, Resolve)>,
    ) -> Option<Running> {
        if followers.is_empty() || section.settings.nameservers.is_empty() {
            return None;
        }
        let (process, bus) = (Arc::clone(&self.process), self.bus.clone());
        let what = format!("The resolver '{}'", section.settings.name);
        let own = Arc::clone(section);
        let task = keep_running(what, move || {
            let (process, bus) = (Arc::clone(&process), bus.clone());
            Section::new(Arc::clone(&own), followers.clone(), process, bus).run()
        });
        Some(Running { _section: Arc::clone(section), followers: names, _task: task })
    }

    /// Follows nothing any more.
    pub fn stop(&mut self) {
        self.running.clear();
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
