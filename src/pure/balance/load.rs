//! How busy each server is, as the policies see it: told of every change, never asking.

use super::limits::{Crowd, Limits};
use super::live_set::ServerIndex;

/// The sessions of one server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Sessions that hold a slot, connection attempts included.
    pub served: u32,
    /// Sessions that wait for a slot of this very server.
    pub queued: u32,
}

impl Load {
    /// Whether one more session may start at once. Those already waiting come first.
    #[must_use]
    pub fn leaves_room(self, limits: Option<&Limits>, crowd: Crowd) -> bool {
        limits.is_none() || (self.queued == 0 && self.leaves_slot(limits, crowd))
    }

    /// Whether one of those that wait may start.
    #[must_use]
    pub fn leaves_slot(self, limits: Option<&Limits>, crowd: Crowd) -> bool {
        limits.is_none_or(|limits| self.served < limits.sessions(crowd))
    }

    /// Whether one more session may wait for this server.
    #[must_use]
    pub fn leaves_place(self, limits: Option<&Limits>) -> bool {
        limits.and_then(|limits| limits.queue).is_none_or(|most| self.queued < most.get())
    }

    /// Sessions started and waiting.
    #[must_use]
    pub fn in_flight(self) -> u32 {
        self.served.saturating_add(self.queued)
    }
}

/// The loads of a backend's servers by place; those never heard of are idle. Loads outlive a
/// server's stay in the live set: its sessions go on while it drains.
#[derive(Clone, Debug, Default)]
pub(super) struct Loads {
    servers: Vec<Load>,
    /// All that hold a slot.
    served: u32,
    /// All that wait, for one server or for any.
    queued: u32,
}

impl Loads {
    pub(super) fn of(&self, server: ServerIndex) -> Load {
        self.servers.get(server.slot()).copied().unwrap_or_default()
    }

    pub(super) fn of_mut(&mut self, server: ServerIndex) -> &mut Load {
        if self.servers.len() <= server.slot() {
            self.servers.resize(server.slot() + 1, Load::default());
        }
        &mut self.servers[server.slot()]
    }

    /// Sessions that hold a slot.
    pub(super) const fn served(&self) -> u32 {
        self.served
    }

    /// Sessions of the backend.
    pub(super) const fn sessions(&self) -> u32 {
        self.served.saturating_add(self.queued)
    }

    pub(super) const fn started(&mut self) {
        self.served = self.served.saturating_add(1);
    }

    pub(super) const fn ended(&mut self) {
        self.served = self.served.saturating_sub(1);
    }

    pub(super) const fn queued(&mut self) {
        self.queued = self.queued.saturating_add(1);
    }

    pub(super) const fn dequeued(&mut self) {
        self.queued = self.queued.saturating_sub(1);
    }
}
