//! `balance first`: the server with the lowest number that has room, so that few are in use.
//!
//! Servers with room are kept sorted and leave the order while they are full, so that a pick reads
//! the first however many are full before it.

use std::collections::BTreeSet;

use super::live_set::{Member, ServerIndex};
use super::load::Load;
use crate::pure::id::ServerId;

/// The servers that have room, by number.
#[derive(Clone, Debug, Default)]
pub(super) struct First {
    members: Vec<Option<Member>>,
    open: BTreeSet<(ServerId, ServerIndex)>,
}

impl First {
    /// Depends on nothing but the members and their loads: a new live set gets a new one.
    pub(super) fn new(members: &[Member], load: impl Fn(ServerIndex) -> Load) -> Self {
        let mut state = Self::default();
        for &member in members {
            let slot = member.server.slot();
            if state.members.len() <= slot {
                state.members.resize(slot + 1, None);
            }
            state.members[slot] = Some(member);
            state.handle_load(member.server, load(member.server));
        }
        state
    }

    /// A session of `server` started, ended, or began or ceased to wait for it.
    pub(super) fn handle_load(&mut self, server: ServerIndex, load: Load) {
        let Some(Some(member)) = self.members.get(server.slot()) else {
            return;
        };
        let key = (member.id, server);
        if load.leaves_room(member) {
            self.open.insert(key);
        } else {
            self.open.remove(&key);
        }
    }

    /// The first server with room. `avoid` is taken only where it alone has.
    pub(super) fn pick(&self, avoid: Option<ServerIndex>) -> Option<ServerIndex> {
        let mut open = self.open.iter().map(|&(_, server)| server);
        let first = open.next()?;
        if avoid == Some(first) {
            open.next().or(avoid)
        } else {
            Some(first)
        }
    }
}
