//! The ring of `hash-type consistent` and of `balance random`.
//!
//! Each server stands on the ring of 32-bit numbers as often as its effective weight says; a hash
//! belongs to the node nearest to it, so that a server that goes leaves its share to its
//! neighbours and moves nobody else. Where the nodes stand is HAProxy's, and so is who owns a hash.
//!
//! Nodes are one sorted table with an index over their upper bits: a look-up costs the same
//! whatever the number of servers. A change of some servers costs one pass over the table.

use std::num::NonZeroU32;

use super::hash::spread;
use super::live_set::{Member, ServerIndex};
use super::load::Load;

/// The nodes of a live set, and where the walk along them stands.
#[derive(Clone, Debug, Default)]
pub(super) struct Ring {
    /// `position << 32 | slot`, sorted.
    nodes: Vec<u64>,
    /// The first node at or after each step of positions.
    starts: Vec<u32>,
    /// Bits of a position that an entry of `starts` covers.
    shift: u32,
    shares: Vec<Option<Share>>,
    /// All effective weights.
    total: u64,
    /// The node the walk took last.
    last: Option<u64>,
}

/// What a member has of the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Share {
    seed: u32,
    weight: u32,
    /// The weights of the members before it.
    before: u64,
}

impl Share {
    fn same_nodes(&self, other: &Self) -> bool {
        (self.seed, self.weight) == (other.seed, other.weight)
    }
}

/// `hash-balance-factor`: a server takes no more than this many hundredths of the average load.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bound {
    pub(super) factor: NonZeroU32,
    /// Sessions the backend's servers have.
    pub(super) served: u32,
}

fn slot(node: u64) -> usize {
    (node & u64::from(u32::MAX)) as usize
}

fn position(node: u64) -> u32 {
    (node >> 32) as u32
}

impl Ring {
    /// The ring of `members`.
    pub(super) fn new(members: &[Member]) -> Self {
        let mut ring = Self::default();
        ring.handle_members(members);
        ring
    }

    /// Takes the nodes of servers away that left or changed, and enters those of new ones.
    pub(super) fn handle_members(&mut self, members: &[Member]) {
        let count = members.iter().map(|member| member.server.slot() + 1).max().unwrap_or(0);
        let mut shares = vec![None; count];
        self.total = 0;
        for member in members {
            let (seed, weight) = (member.seed, member.weight.value());
            shares[member.server.slot()] = Some(Share { seed, weight, before: self.total });
            self.total += u64::from(weight);
        }
        let old = std::mem::replace(&mut self.shares, shares);
        let share = |shares: &[Option<Share>], slot: usize| shares.get(slot).copied().flatten();
        let stays = |slot: usize| match (share(&old, slot), share(&self.shares, slot)) {
            (Some(old), Some(new)) => old.same_nodes(&new),
            (old, new) => old.is_none() && new.is_none(),
        };
        let changed: Vec<usize> = (0..old.len().max(count)).filter(|&slot| !stays(slot)).collect();
        if changed.is_empty() {
            return;
        }
        self.nodes.retain(|&node| stays(slot(node)));
        for slot in changed {
            let Some(Share { seed, weight, .. }) = share(&self.shares, slot) else { continue };
            let nodes = (0..weight)
                .map(|nth| u64::from(spread(seed.wrapping_add(nth))) << 32 | slot as u64);
            self.nodes.extend(nodes);
        }
        // One sorted run and a few short ones: close to a single pass.
        self.nodes.sort();
        self.index();
        // The walk goes on behind the node that follows one that is gone, as HAProxy's does.
        if let Some(Err(place)) = self.last.map(|last| self.nodes.binary_search(&last)) {
            self.last = self.nodes.get(place).copied();
        }
    }

    fn index(&mut self) {
        let bits = self.nodes.len().next_power_of_two().trailing_zeros().clamp(1, 24);
        self.shift = 32 - bits;
        self.starts.clear();
        let mut at = 0u32;
        for step in 0..1u64 << bits {
            let from = step << (64 - bits);
            while self.nodes.get(at as usize).is_some_and(|&node| node < from) {
                at += 1;
            }
            self.starts.push(at);
        }
    }

    /// The place of the first node at or after `hash`, 0 past the last one.
    fn at_or_after(&self, hash: u32) -> usize {
        let mut place = self.starts[(hash >> self.shift) as usize] as usize;
        while self.nodes.get(place).is_some_and(|&node| position(node) < hash) {
            place += 1;
        }
        if place == self.nodes.len() { 0 } else { place }
    }

    /// The server whose node is nearest to `hash`; of equally near ones the one before it. From
    /// there on, the first that `suits`; where none does, the nearest all the same.
    pub(super) fn at(&self, hash: u32, suits: impl Fn(ServerIndex) -> bool) -> Option<ServerIndex> {
        let count = self.nodes.len();
        if count == 0 {
            return None;
        }
        let next = self.at_or_after(hash);
        let before = if next == 0 { count - 1 } else { next - 1 };
        let back = hash.wrapping_sub(position(self.nodes[before]));
        let ahead = position(self.nodes[next]).wrapping_sub(hash);
        let nearest = if back <= ahead { before } else { next };
        let server = |place: usize| ServerIndex::from_slot(slot(self.nodes[place]));
        let found = (0..count).map(|step| server((nearest + step) % count)).find(|&s| suits(s));
        Some(found.unwrap_or_else(|| server(nearest)))
    }

    /// Whether a server has room within `bound`.
    pub(super) fn is_within(&self, server: ServerIndex, load: Load, bound: Bound) -> bool {
        let Some(Some(share)) = self.shares.get(server.slot()) else {
            return false;
        };
        let factor = u64::from(bound.factor.get());
        let slots = (u64::from(bound.served) + 1).saturating_mul(factor).div_ceil(100);
        let (each, rest) = (slots / self.total, slots % self.total);
        let weight = u64::from(share.weight);
        // What is left over after whole slots goes to the servers one after the other.
        let upto = |weight: u64| weight.saturating_mul(rest) / self.total;
        let own = weight.saturating_mul(each) + upto(share.before + weight) - upto(share.before);
        u64::from(load.served) < own.max(1)
    }

    /// Walks to the next node whose server has room, for sessions without a hash. `avoid` is taken
    /// only where it alone has.
    pub(super) fn walk(
        &mut self,
        has_room: impl Fn(ServerIndex) -> bool,
        avoid: Option<ServerIndex>,
    ) -> Option<ServerIndex> {
        let count = self.nodes.len();
        let from = self.last.map_or(0, |last| self.nodes.partition_point(|&node| node <= last));
        let mut avoided = None;
        for step in 0..count {
            let node = self.nodes[(from + step) % count];
            let server = ServerIndex::from_slot(slot(node));
            if !has_room(server) {
                continue;
            }
            if avoid != Some(server) {
                self.last = Some(node);
                return Some(server);
            }
            avoided = Some((server, node));
        }
        let (server, node) = avoided?;
        self.last = Some(node);
        Some(server)
    }
}
