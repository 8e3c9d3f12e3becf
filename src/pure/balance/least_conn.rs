//! `balance leastconn`: the server with the fewest sessions for its weight, in turns among equals.
//!
//! Servers with room are kept in order of their claim and moved when a session starts or ends, so
//! that a pick reads the first. Invariant: a server has an entry if and only if it is a member of
//! the live set last heard of, and is in the order if it has room besides.

use std::num::NonZeroU32;

use super::limits::Crowd;
use super::live_set::{EffectiveWeight, Member, ServerIndex};
use super::load::Load;
use super::order::Order;

/// The servers by load.
#[derive(Clone, Debug, Default)]
pub(super) struct LeastConn {
    entries: Vec<Option<Entry>>,
    /// By claim, then by who got that claim first.
    order: Order,
    arrivals: u64,
    /// Servers whose limit follows the backend's load, and so may gain or lose room at any time.
    dynamic: Vec<ServerIndex>,
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
    pub(super) fn new(
        members: &[Member],
        load: impl Fn(ServerIndex) -> Load,
        crowd: Crowd,
    ) -> Self {
        let mut state = Self::default();
        state.handle_members(members, load, crowd);
        state
    }

    /// Carries the order over to another set of members: those that stay as they are keep their
    /// turn among equals, new ones come last.
    pub(super) fn handle_members(
        &mut self,
        members: &[Member],
        load: impl Fn(ServerIndex) -> Load,
        crowd: Crowd,
    ) {
        self.dynamic = super::limits::dynamic(members);
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
                _ => self.arrive(member, load(member.server)),
            }
            self.place(slot, load(member.server), crowd);
        }
    }

    /// A session of `server` started, ended, or began or ceased to wait for it.
    pub(super) fn handle_load(&mut self, server: ServerIndex, load: Load, crowd: Crowd) {
        let Some(Some(entry)) = self.entries.get(server.slot()) else {
            return;
        };
        if entry.claim != claim(load, entry.member.weight) {
            self.arrive(entry.member, load);
        }
        self.place(server.slot(), load, crowd);
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
            self.place(server.slot(), load(server), crowd);
        }
        let other = avoid.and_then(|avoid| self.order.first_but(avoid.slot()));
        other.or_else(|| self.order.first()).map(ServerIndex::from_slot)
    }

    /// Puts a server behind all that have the same claim.
    fn arrive(&mut self, member: Member, load: Load) {
        self.arrivals += 1;
        let claim = claim(load, member.weight);
        let entry = Entry { member, claim, arrival: self.arrivals };
        self.entries[member.server.slot()] = Some(entry);
    }

    /// Enters a server into the order, or takes it out while it is full. Those waiting for it count
    /// as if they were served already; with `maxqueue`, that many more may.
    fn place(&mut self, slot: usize, load: Load, crowd: Crowd) {
        let Some(entry) = &self.entries[slot] else {
            return;
        };
        let full = entry.member.limits.is_some_and(|limits| {
            let places = limits.queue.map_or(0, NonZeroU32::get);
            load.in_flight() >= limits.sessions(crowd).saturating_add(places)
        });
        self.order.set(slot, (!full).then_some((entry.claim, entry.arrival)));
    }

    fn take_out(&mut self, slot: usize) {
        if self.entries[slot].take().is_some() {
            self.order.set(slot, None);
        }
    }
}
