//! A fixed map of turns: each server stands in it as often as its weight says, spread out evenly.
//!
//! `static-rr` walks it, `source` looks a hash up in it. Servers of equal claim stand in file
//! order, so the first turn is always the first server's. A map holds as many turns as the weights
//! of its members add up to, at most 256 a server.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use super::live_set::{Member, ServerIndex};

/// The turns of one round, and where the walk stands.
#[derive(Clone, Debug)]
pub(super) struct WeightMap {
    turns: Box<[ServerIndex]>,
    /// May lie one past the end: the walk starts over only when it is asked to go on, so that a
    /// longer map built meanwhile goes on there.
    next: usize,
}

impl WeightMap {
    /// The map of `members`; a walk starts at its first turn.
    pub(super) fn new(members: &[Member]) -> Self {
        Self { turns: spread(members), next: 0 }
    }

    /// Replaces the turns. The walk goes on at the same turn, or at the first where that is gone.
    pub(super) fn rebuild(&mut self, members: &[Member]) {
        self.turns = spread(members);
    }

    /// Walks to the next server with room. `avoid` is taken only where it alone has room; a round
    /// without any leaves the walk where it was.
    pub(super) fn walk(
        &mut self,
        has_room: impl Fn(ServerIndex) -> bool,
        avoid: Option<ServerIndex>,
    ) -> Option<ServerIndex> {
        if self.next >= self.turns.len() {
            self.next = 0;
        }
        let mut avoided = None;
        for step in 0..self.turns.len() {
            let turn = (self.next + step) % self.turns.len();
            let server = self.turns[turn];
            if !has_room(server) {
                continue;
            }
            if avoid != Some(server) {
                self.next = turn + 1;
                return Some(server);
            }
            avoided = Some((server, turn + 1));
        }
        let (server, next) = avoided?;
        self.next = next;
        Some(server)
    }

    /// The server that owns `hash`, or the first after it that `suits`, or where none does the
    /// owner all the same. `None` in an empty map.
    pub(super) fn at(&self, hash: u32, suits: impl Fn(ServerIndex) -> bool) -> Option<ServerIndex> {
        let turns = u32::try_from(self.turns.len()).ok().filter(|&turns| turns > 0)?;
        let (after, before) = (self.turns.iter().cycle().skip((hash % turns) as usize), turns);
        let own = self.turns[(hash % turns) as usize];
        Some(after.take(before as usize).copied().find(|&server| suits(server)).unwrap_or(own))
    }
}

/// Lays out one round. Before each turn every server's claim grows by its weight; a full round's
/// worth of claim is one credit; the turn goes to the first server with the most credits, which
/// pays one. Claims are not added up turn by turn: a server's next credit comes at a known turn, so
/// that a map of T turns takes T log n steps.
fn spread(members: &[Member]) -> Box<[ServerIndex]> {
    let weight = |place: usize| u64::from(members[place].map_weight.get());
    let round: u64 = (0..members.len()).map(weight).sum();
    // The turn, counted from 1, before which a server gets its n-th credit.
    let credit_turn = |place: usize, nth: u64| (nth * round).div_ceil(weight(place));

    let mut standings: BTreeSet<(Reverse<i64>, usize)> =
        (0..members.len()).map(|place| (Reverse(0), place)).collect();
    let mut credits = vec![0i64; members.len()];
    let mut coming: BinaryHeap<Reverse<(u64, usize, u64)>> =
        (0..members.len()).map(|place| Reverse((credit_turn(place, 1), place, 1))).collect();
    let mut change = |standings: &mut BTreeSet<_>, place: usize, by: i64| {
        standings.remove(&(Reverse(credits[place]), place));
        credits[place] += by;
        standings.insert((Reverse(credits[place]), place));
    };

    let mut turns = Vec::new();
    for turn in 1..=round {
        while let Some(&Reverse((due, place, nth))) = coming.peek()
            && due <= turn
        {
            coming.pop();
            coming.push(Reverse((credit_turn(place, nth + 1), place, nth + 1)));
            change(&mut standings, place, 1);
        }
        let Some(&(_, place)) = standings.first() else {
            break;
        };
        change(&mut standings, place, -1);
        turns.push(members[place].server);
    }
    turns.into()
}
