//! `balance first`: the server with the lowest number that has room, so that few are in use.
//!
//! Servers with room are kept in order and leave it while they are full, so that a pick reads
//! the first however many are full before it.

use super::limits::Crowd;
use super::live_set::{Member, ServerIndex};
use super::load::Load;
use super::order::Order;

/// The servers that have room, by number.
#[derive(Clone, Debug, Default)]
pub(super) struct First {
    members: Vec<Option<Member>>,
    order: Order,
    /// Servers whose limit follows the backend's load, and so may gain or lose room at any time.
    dynamic: Vec<ServerIndex>,
}

impl First {
    /// Depends on nothing but the members and their loads: a new live set gets a new one.
    pub(super) fn new(
        members: &[Member],
        load: impl Fn(ServerIndex) -> Load,
        crowd: Crowd,
    ) -> Self {
        let dynamic = super::limits::dynamic(members);
        let mut state = Self { dynamic, ..Self::default() };
        for &member in members {
            let slot = member.server.slot();
            if state.members.len() <= slot {
                state.members.resize(slot + 1, None);
            }
            state.members[slot] = Some(member);
            state.handle_load(member.server, load(member.server), crowd);
        }
        state
    }

    /// A session of `server` started, ended, or began or ceased to wait for it.
    pub(super) fn handle_load(&mut self, server: ServerIndex, load: Load, crowd: Crowd) {
        let Some(Some(member)) = self.members.get(server.slot()) else {
            return;
        };
        let key =
            load.leaves_room(member.limits.as_ref(), crowd).then_some((u64::from(member.id.0), 0));
        self.order.set(server.slot(), key);
    }

    /// The first server with room. `avoid` is taken only where it alone has.
    pub(super) fn pick(
        &mut self,
        avoid: Option<ServerIndex>,
        load: impl Fn(ServerIndex) -> Load,
        crowd: Crowd,
    ) -> Option<ServerIndex> {
        for place in 0..self.dynamic.len() {
            let server = self.dynamic[place];
            self.handle_load(server, load(server), crowd);
        }
        let other = avoid.and_then(|avoid| self.order.first_but(avoid.slot()));
        other.or_else(|| self.order.first()).map(ServerIndex::from_slot)
    }
}
