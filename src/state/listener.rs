//! A listener: one `bind` of a frontend.

use std::sync::Arc;
use std::time::Duration;

use super::Gate;
use super::counters::Traffic;

/// One listening address of a frontend.
#[derive(Debug)]
pub struct Listener {
    /// Its name, where it has one.
    pub name: Option<Arc<str>>,
    /// Its number within the frontend, from 1.
    pub id: u32,
    /// Where it listens, as operators write it.
    pub address: String,
    /// Connections inside, and its own limit.
    pub gate: Arc<Gate>,
    /// What came in here, where `option socket-stats` asks for it.
    pub traffic: Option<Traffic>,
}

impl Listener {
    /// A connection was accepted, at `now` since the process started.
    pub fn note_accepted(&self, now: Duration) {
        if let Some(traffic) = &self.traffic {
            traffic.sessions.rise();
            traffic.total.add(1);
            traffic.rate.tick(now);
        }
    }

    /// A connection is over.
    pub fn note_ended(&self) {
        if let Some(traffic) = &self.traffic {
            traffic.sessions.fall();
        }
    }
}
