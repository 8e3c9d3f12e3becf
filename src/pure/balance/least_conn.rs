//! `balance leastconn`: the server with the fewest sessions for its weight, in turns among equals.
//!
//! Servers are kept sorted by claim and moved when a session starts or ends, so that a pick reads
//! the first. Invariant: a server has an entry, and stands in the order once, if and only if it is
//! a member of the live set last heard of.

use std::collections::BTreeSet;

use super::live_set::{EffectiveWeight, Member, ServerIndex};
use super::load::Load;

/// The servers by load.
#[derive(Clone, Debug, Default)]
pub(super) struct LeastConn {
    entries: Vec<Option<Entry>>,
    /// Claim, then who got that claim first.
    order: BTreeSet<(u64, u64, usize)>,
    arrivals: u64,
}

#[derive(Clone, Debug)]
struct Entry {
    member: Member,
    claim: u64,
    arrival: u64,
}

/// How loaded a server would be with one session more, per unit of weight; idle ones are all equal.
fn claim(load: Load, weight: EffectiveWeight) -> u64 {
    match u64::from(load.in_flight()) {
        0 => 0,
        busy => (busy + 1) * u64::from(EffectiveWeight::MAX) / u64::from(weight.value()),
    }
}

impl LeastConn {
    /// Orders `members`; equal ones in file order.
    pub(super) fn new(members: &[Member], load: impl Fn(ServerIndex) -> Load) -> Self {
        let mut state = Self::default();
        state.handle_members(members, load);
        state
    }

    /// Carries the order over to another set of members: those that stay as they are keep their
    /// turn among equals, new ones come last.
    pub(super) fn handle_members(
        &mut self,
        members: &[Member],
        load: impl Fn(ServerIndex) -> Load,
    ) {
        let mut stays = vec![false; self.entries.len()];
        for member in members {
            if let Some(stays) = stays.get_mut(member.server.slot()) {
                *stays = true;
            }
        }
        for (slot, _) in stays.iter().enumerate().filter(|&(_, &stays)| !stays) {
            self.take_out(slot);
        }
        for &member in members {
            let slot = member.server.slot();
            if self.entries.len() <= slot {
                self.entries.resize(slot + 1, None);
            }
            match &mut self.entries[slot] {
                Some(entry) if entry.member.weight == member.weight => entry.member = member,
                _ => self.put(member, load(member.server)),
            }
        }
    }

    /// A session of `server` started, ended, or began or ceased to wait for it.
    pub(super) fn handle_load(&mut self, server: ServerIndex, load: Load) {
        let Some(Some(entry)) = self.entries.get(server.slot()) else {
            return;
        };
        if entry.claim != claim(load, entry.member.weight) {
            self.put(entry.member, load);
        }
    }

    /// The first server with room. `avoid` is taken only where it alone has.
    pub(super) fn pick(
        &self,
        load: impl Fn(ServerIndex) -> Load,
        avoid: Option<ServerIndex>,
    ) -> Option<ServerIndex> {
        let mut avoided = None;
        for &(_, _, slot) in &self.order {
            let Some(Some(entry)) = self.entries.get(slot) else {
                continue;
            };
            let server = entry.member.server;
            // Those waiting for the server count as if they were served already.
            let busy = load(server).in_flight();
            if entry.member.maxconn.is_some_and(|max| busy >= max.get()) {
                continue;
            }
            if avoid != Some(server) {
                return Some(server);
            }
            avoided = Some(server);
        }
        avoided
    }

    /// Puts a server behind all that have the same claim.
    fn put(&mut self, member: Member, load: Load) {
        let slot = member.server.slot();
        self.take_out(slot);
        self.arrivals += 1;
        let entry = Entry {
            member,
            claim: claim(load, member.weight),
            arrival: self.arrivals,
        };
        self.order.insert((entry.claim, entry.arrival, slot));
        self.entries[slot] = Some(entry);
    }

    fn take_out(&mut self, slot: usize) {
        if let Some(entry) = self.entries[slot].take() {
            self.order.remove(&(entry.claim, entry.arrival, slot));
        }
    }
}
