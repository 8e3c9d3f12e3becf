//! How busy each server is, as the policies see it: told of every change, never asking.

use super::live_set::{Member, ServerIndex};

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
    pub fn leaves_room(self, member: &Member) -> bool {
        member.maxconn.is_none_or(|max| self.queued == 0 && self.served < max.get())
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
pub(super) struct Loads(Vec<Load>);

impl Loads {
    pub(super) fn of(&self, server: ServerIndex) -> Load {
        self.0.get(server.slot()).copied().unwrap_or_default()
    }

    pub(super) fn of_mut(&mut self, server: ServerIndex) -> &mut Load {
        if self.0.len() <= server.slot() {
            self.0.resize(server.slot() + 1, Load::default());
        }
        &mut self.0[server.slot()]
    }
}
