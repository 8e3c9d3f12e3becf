//! `balance roundrobin`: smooth weighted round robin whose weights may change at any turn.
//!
//! Turns are counted along a window as long as all weights together. A server of weight `w` is due
//! every `window / w` turns, the remainder carried from visit to visit, so that a window gives each
//! exactly its weight.
//!
//! ```text
//!   fresh    not yet visited in this window, heaviest first; fills turns at which nobody is due
//!     | visited                              ^
//!     v                                      | the window is over: all of `later` become `fresh`
//!   current  sorted by the turn they are due |
//!     | due beyond this window and the next  |
//!     +----> later --------------------------+
//! ```
//!
//! Invariant: a server stands in exactly one of the three lists if it is a member of the live set
//! last heard of, else in none. One that left keeps its entry, and with it what it had saved up.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::live_set::{EffectiveWeight, Member, ServerIndex};

/// The state of one tier of servers.
#[derive(Clone, Debug, Default)]
pub(super) struct RoundRobin {
    entries: Vec<Option<Entry>>,
    fresh: BTreeSet<(Reverse<u32>, Arrival, usize)>,
    current: BTreeSet<(DueKey, Arrival, usize)>,
    later: BTreeSet<(Reverse<u32>, Arrival, usize)>,
    /// Turns taken, counted from the window's start.
    turn: u64,
    /// Length of the window being walked.
    window: u64,
    /// Length the next window will have: the sum of all weights.
    total: u64,
    arrivals: Arrival,
}

/// Breaks ties: the one that was put into a list first is taken first.
type Arrival = u64;

/// Sorts the current list: the turn first, then how much of the next step a server has left over.
type DueKey = u64;

#[derive(Clone, Debug)]
struct Entry {
    weight: u32,
    /// The turn this server is due; 0 before its first visit.
    due: u64,
    /// The turn it was due before.
    last: u64,
    /// Part of a turn saved up by rounding down, in units of 1 / weight.
    saved: u64,
    place: Place,
    arrival: Arrival,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Not a member, or just being moved.
    Nowhere,
    Fresh,
    Current,
    Later,
}

impl Entry {
    fn due_key(&self) -> DueKey {
        let weight = u64::from(self.weight);
        let unit = u64::from(EffectiveWeight::SCALE);
        let leftover = (u64::from(EffectiveWeight::MAX) + self.saved - weight) / unit;
        self.due * (u64::from(EffectiveWeight::MAX) / unit) + leftover
    }
}

impl RoundRobin {
    /// A tier in which nobody had a turn yet.
    pub(super) fn new(members: &[Member]) -> Self {
        let mut state = Self::default();
        for member in members {
            state.add_entry(member);
            state.put_fresh(member.server.slot());
        }
        // One window is over, so that who joins before the first pick is due as far ahead as later.
        (state.window, state.turn) = (state.total, state.total);
        state
    }

    /// Carries the state over to another set of members: those that stay keep their turn, those
    /// that left are forgotten, a new one is due after its fair share of the turns to come.
    pub(super) fn handle_members(&mut self, members: &[Member]) {
        let mut weights = vec![None; self.entries.len()];
        for member in members {
            if let Some(weight) = weights.get_mut(member.server.slot()) {
                *weight = Some(member.weight);
            }
        }
        for (slot, weight) in weights.iter().enumerate() {
            if weight.is_none() && self.is_member(slot) {
                self.take_out(slot);
                self.total -= u64::from(self.entry(slot).weight);
            }
        }
        for member in members {
            let slot = member.server.slot();
            if !self.is_member(slot) {
                self.join(member);
            } else if self.entry(slot).weight != member.weight.value() {
                self.reweigh(slot, member.weight.value());
            }
        }
    }

    /// Takes the turn of the next server that has room. `avoid` is taken only where it alone has.
    pub(super) fn pick(
        &mut self,
        has_room: impl Fn(ServerIndex) -> bool,
        avoid: Option<ServerIndex>,
    ) -> Option<ServerIndex> {
        if self.window == 0 {
            self.window = self.total;
            self.turn = self.total;
        }
        let mut passed_over = Vec::new();
        let mut avoided = None;
        let mut window_over = false;
        let chosen = loop {
            let Some(slot) = self.next_due() else {
                if window_over {
                    break avoided;
                }
                window_over = true;
                self.begin_window();
                continue;
            };
            self.visit(slot);
            let server = ServerIndex::from_slot(slot);
            if has_room(server) {
                if avoid != Some(server) {
                    break Some(slot);
                }
                avoided = Some(slot);
            }
            passed_over.push(slot);
        };
        if let Some(slot) = chosen {
            self.put_by_due(slot);
        }
        // Within a window those passed over get the place a visit would have given them; where the
        // window ended meanwhile that place means nothing any more.
        for &slot in passed_over.iter().rev().filter(|&&slot| chosen != Some(slot)) {
            if window_over {
                self.put_fresh(slot);
            } else {
                self.put_by_due(slot);
            }
        }
        chosen.map(ServerIndex::from_slot)
    }

    /// The server to visit now, still in its list: one that is due, else the heaviest fresh one,
    /// else the one due soonest.
    fn next_due(&mut self) -> Option<usize> {
        let soonest = self.current.first().map(|&(_, _, slot)| slot);
        if let Some(slot) = soonest
            && self.entry(slot).due <= self.turn
        {
            return soonest;
        }
        let Some(&(_, _, slot)) = self.fresh.first() else {
            return soonest;
        };
        let entry = self.entry_mut(slot);
        entry.due = 0;
        entry.saved = 0;
        Some(slot)
    }

    /// Takes a server out of its list and moves its due turn one step on; a turn has passed.
    fn visit(&mut self, slot: usize) {
        self.take_out(slot);
        let (turn, total) = (self.turn, self.total);
        let entry = self.entry_mut(slot);
        let weight = u64::from(entry.weight);
        if entry.due == 0 {
            entry.due = turn;
        }
        entry.last = entry.due;
        entry.due += total / weight;
        entry.saved += total % weight;
        if entry.saved >= weight {
            entry.saved -= weight;
            entry.due += 1;
        }
        self.turn += 1;
    }

    fn begin_window(&mut self) {
        // Whoever waited for this window is fresh now. `fresh` is empty, or it would have been
        // visited.
        std::mem::swap(&mut self.fresh, &mut self.later);
        let moved: Vec<usize> = self.fresh.iter().map(|&(_, _, slot)| slot).collect();
        for slot in moved {
            self.entry_mut(slot).place = Place::Fresh;
        }
        self.window = self.total;
        self.turn = self.total;
    }

    fn join(&mut self, member: &Member) {
        self.add_entry(member);
        let slot = member.server.slot();
        let share = self.turns_ahead() / u64::from(member.weight.value());
        self.entry_mut(slot).due = self.turn + share;
        self.put_by_due(slot);
    }

    fn reweigh(&mut self, slot: usize, weight: u32) {
        let (turn, window) = (self.turn, self.window);
        let place = self.entry(slot).place;
        self.take_out(slot);
        self.total = self.total - u64::from(self.entry(slot).weight) + u64::from(weight);
        let step = self.total / u64::from(weight);
        let entry = self.entry_mut(slot);
        entry.weight = weight;
        if place == Place::Fresh {
            self.put_fresh(slot);
            return;
        }
        if place == Place::Later {
            entry.due += window;
        }
        // Sooner where the new weight asks for it, never later than promised, and not at once.
        entry.due = entry.due.min(entry.last + step);
        entry.saved = 0;
        if entry.due < turn + 2 {
            entry.due = turn + step;
        }
        self.put_by_due(slot);
    }

    /// Turns of this window that are left, and all of the next.
    fn turns_ahead(&self) -> u64 {
        (self.total + self.window).saturating_sub(self.turn)
    }

    fn add_entry(&mut self, member: &Member) {
        let slot = member.server.slot();
        if self.entries.len() <= slot {
            self.entries.resize(slot + 1, None);
        }
        let weight = member.weight.value();
        self.total += u64::from(weight);
        let new = Entry { weight, due: 0, last: 0, saved: 0, place: Place::Nowhere, arrival: 0 };
        self.entries[slot].get_or_insert(new).weight = weight;
    }

    fn is_member(&self, slot: usize) -> bool {
        let entry = self.entries.get(slot).and_then(Option::as_ref);
        entry.is_some_and(|entry| entry.place != Place::Nowhere)
    }

    fn put_fresh(&mut self, slot: usize) {
        let arrival = self.arrive(slot, Place::Fresh);
        self.fresh.insert((Reverse(self.entry(slot).weight), arrival, slot));
    }

    /// Queues a server for its due turn, or for the window in which that lies.
    fn put_by_due(&mut self, slot: usize) {
        let (window, total) = (self.window, self.total);
        if self.entry(slot).due < window + total {
            let arrival = self.arrive(slot, Place::Current);
            self.current.insert((self.entry(slot).due_key(), arrival, slot));
            return;
        }
        let arrival = self.arrive(slot, Place::Later);
        let entry = self.entry_mut(slot);
        entry.due -= window;
        let weight = entry.weight;
        self.later.insert((Reverse(weight), arrival, slot));
    }

    fn arrive(&mut self, slot: usize, place: Place) -> Arrival {
        self.arrivals += 1;
        let arrival = self.arrivals;
        let entry = self.entry_mut(slot);
        (entry.place, entry.arrival) = (place, arrival);
        arrival
    }

    fn take_out(&mut self, slot: usize) {
        let entry = self.entry(slot);
        let (weight, arrival) = (Reverse(entry.weight), entry.arrival);
        match entry.place {
            Place::Nowhere => true,
            Place::Fresh => self.fresh.remove(&(weight, arrival, slot)),
            Place::Current => {
                let key = entry.due_key();
                self.current.remove(&(key, arrival, slot))
            }
            Place::Later => self.later.remove(&(weight, arrival, slot)),
        };
        self.entry_mut(slot).place = Place::Nowhere;
    }

    fn entry(&self, slot: usize) -> &Entry {
        self.entries[slot].as_ref().expect("lists name only servers that have an entry")
    }

    fn entry_mut(&mut self, slot: usize) -> &mut Entry {
        self.entries[slot].as_mut().expect("lists name only servers that have an entry")
    }
}
