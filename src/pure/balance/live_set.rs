//! The servers that may be picked now: built once when a standing changes, never changed.
//!
//! Plain data in file order. Nothing here knows why a server may or may not be picked, how loaded
//! it is, or which policy will read it; the shares that policies need are worked out here once.

use std::num::{NonZeroU16, NonZeroU32};

use super::limits::{Crowd, Limits};
use crate::pure::id::ServerId;
use crate::pure::weight::Weight;

/// The place of a server in its backend's table of servers, from 0.
///
/// A server keeps its place as long as it exists; the place of a removed one may be used again once
/// none of its sessions is left. Tables indexed by it are as long as the largest place in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerIndex(pub u32);

impl ServerIndex {
    pub(super) fn slot(self) -> usize {
        self.0 as usize
    }

    pub(super) fn from_slot(slot: usize) -> Self {
        Self(u32::try_from(slot).expect("slots come from server indexes, which are 32 bits"))
    }
}

/// A weight in sixteenths of the written one, 1 to 4096, so that a slow start has steps even where
/// the written weight is 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EffectiveWeight(NonZeroU16);

impl EffectiveWeight {
    /// Steps of one unit of written weight.
    pub const SCALE: u16 = 16;
    /// The largest, that of a server with weight 256.
    pub const MAX: u16 = Weight::MAX.value() * Self::SCALE;

    /// `None` for 0 and above [`MAX`](Self::MAX).
    #[must_use]
    pub const fn new(sixteenths: u16) -> Option<Self> {
        match NonZeroU16::new(sixteenths) {
            Some(value) if sixteenths <= Self::MAX => Some(Self(value)),
            _ => None,
        }
    }

    /// What a written weight is worth outside of a slow start; `None` for 0.
    #[must_use]
    pub const fn full(weight: Weight) -> Option<Self> {
        Self::new(weight.value() * Self::SCALE)
    }

    /// What a written weight is worth at a step of a slow start (1 to 16); `None` for 0.
    #[must_use]
    pub const fn ramped(weight: Weight, step: u16) -> Option<Self> {
        Self::new(weight.value() * if step < Self::SCALE { step } else { Self::SCALE })
    }

    /// In sixteenths, 1 to 4096.
    #[must_use]
    pub const fn value(self) -> u32 {
        self.0.get() as u32
    }
}

/// One server of the backend, whatever its state: what a live set is built from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its place in the backend.
    pub server: ServerIndex,
    /// Its number, which orders `balance first`.
    pub id: ServerId,
    /// The configured weight; policies over a fixed map take their shares from it.
    pub weight: Weight,
    /// What its standing makes of the weight now; `None` where it may not be picked.
    pub effective: Option<EffectiveWeight>,
    /// It serves only while no other server may.
    pub backup: bool,
    /// How many sessions it takes.
    pub limits: Option<Limits>,
    /// Where on the ring its first node is: [`seed`](super::seed).
    pub seed: u32,
}

/// A server that may be picked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its place in the backend.
    pub server: ServerIndex,
    /// Its number.
    pub id: ServerId,
    /// Its share where weights may change at any time.
    pub weight: EffectiveWeight,
    /// Its share in a fixed map: the configured weight divided by what all of the backend's
    /// weights have in common.
    pub map_weight: NonZeroU16,
    /// How many sessions it takes.
    pub limits: Option<Limits>,
    /// Where on the ring its first node is.
    pub seed: u32,
}

/// Which servers a live set holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    /// Servers that are not backups; also the tier of an empty set.
    Active,
    /// No active server may be picked: the first backup in file order.
    FirstBackup,
    /// The same with `option allbackups`.
    AllBackups,
}

/// `option allbackups`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backups {
    /// Only the first usable one serves.
    First,
    /// All usable ones serve.
    All,
}

/// The servers that may be picked now, in file order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveSet {
    members: Box<[Member]>,
    tier: Tier,
    fullconn: NonZeroU32,
    /// By place, of servers that may not be picked, too: rules and persistence go there.
    limits: Box<[Option<Limits>]>,
    /// Effective weights by place; 0 for servers that are no members.
    weights: Box<[u32]>,
}

impl LiveSet {
    /// Chooses the active servers that may be picked, else the backups.
    ///
    /// `candidates` are all servers of the backend in file order, each place at most once.
    #[must_use]
    pub fn build(candidates: &[Candidate], backups: Backups) -> Self {
        let divisor = common_divisor(candidates);
        let chosen = |backup: bool| {
            candidates
                .iter()
                .filter(move |candidate| candidate.backup == backup)
                .filter_map(move |candidate| member(candidate, divisor))
        };
        let active: Box<[Member]> = chosen(false).collect();
        if !active.is_empty() {
            return Self::of(active, Tier::Active, candidates);
        }
        let (members, tier): (Box<[Member]>, Tier) = match backups {
            Backups::First => (chosen(true).take(1).collect(), Tier::FirstBackup),
            Backups::All => (chosen(true).collect(), Tier::AllBackups),
        };
        let tier = if members.is_empty() { Tier::Active } else { tier };
        Self::of(members, tier, candidates)
    }

    fn of(members: Box<[Member]>, tier: Tier, candidates: &[Candidate]) -> Self {
        let count = candidates.iter().map(|candidate| candidate.server.slot() + 1).max();
        let mut limits = vec![None; count.unwrap_or(0)];
        for candidate in candidates {
            limits[candidate.server.slot()] = candidate.limits;
        }
        let mut weights = vec![0; limits.len()];
        for member in &members {
            weights[member.server.slot()] = member.weight.value();
        }
        let (limits, weights) = (limits.into(), weights.into());
        Self { members, tier, fullconn: NonZeroU32::MIN, limits, weights }
    }

    /// The same with `fullconn`: the sessions of the backend from which on servers take all that
    /// `maxconn` allows. Until then it is 1, so that they always do.
    #[must_use]
    pub fn with_fullconn(self, fullconn: NonZeroU32) -> Self {
        Self { fullconn, ..self }
    }

    /// The backend's sessions, this many of them now, as [`Limits`] want to know them.
    #[must_use]
    pub fn crowd(&self, sessions: u32) -> Crowd {
        Crowd { sessions, full: self.fullconn }
    }

    /// How many sessions a server takes; `None`: any number.
    #[must_use]
    pub fn limits(&self, server: ServerIndex) -> Option<&Limits> {
        self.limits.get(server.slot())?.as_ref()
    }

    /// The effective weight of a member, 1 to 4096; 0 for who is none.
    #[must_use]
    pub fn weight(&self, server: ServerIndex) -> u32 {
        self.weights.get(server.slot()).copied().unwrap_or(0)
    }

    /// Whether a server may be picked.
    #[must_use]
    pub fn has(&self, server: ServerIndex) -> bool {
        self.weight(server) > 0
    }

    /// The servers, in file order.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// Which servers these are.
    #[must_use]
    pub fn tier(&self) -> Tier {
        self.tier
    }
}

fn member(candidate: &Candidate, divisor: u16) -> Option<Member> {
    Some(Member {
        server: candidate.server,
        id: candidate.id,
        weight: candidate.effective?,
        // A server whose weight was raised from 0 at run time still gets one place.
        map_weight: NonZeroU16::new(candidate.weight.value() / divisor).unwrap_or(NonZeroU16::MIN),
        limits: candidate.limits,
        seed: candidate.seed,
    })
}

/// The greatest common divisor of all weights above 0, backups and servers that are down included,
/// so that a server's share of a map stays the same while others come and go; 1 if there is none.
fn common_divisor(candidates: &[Candidate]) -> u16 {
    let gcd =
        candidates.iter().map(|candidate| candidate.weight.value()).fold(0, |mut a, mut b| {
            while b != 0 {
                (a, b) = (b, a % b);
            }
            a
        });
    gcd.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(index: u32, weight: u16, backup: bool, up: bool) -> Candidate {
        let weight = Weight::new(weight).unwrap();
        Candidate {
            server: ServerIndex(index),
            id: ServerId(index + 1),
            weight,
            effective: EffectiveWeight::full(weight).filter(|_| up),
            backup,
            limits: None,
            seed: index + 1,
        }
    }

    fn places(set: &LiveSet) -> Vec<u32> {
        set.members().iter().map(|member| member.server.0).collect()
    }

    #[test]
    fn active_servers_come_before_backups() {
        // a b active, c d backups; up or not; expected without and with allbackups.
        for (up, first, all, tiers) in [
            ([true, true, true, true], vec![0, 1], vec![0, 1], [Tier::Active, Tier::Active]),
            ([false, true, true, true], vec![1], vec![1], [Tier::Active, Tier::Active]),
            (
                [false, false, true, true],
                vec![2],
                vec![2, 3],
                [Tier::FirstBackup, Tier::AllBackups],
            ),
            ([false, false, false, true], vec![3], vec![3], [Tier::FirstBackup, Tier::AllBackups]),
            ([false; 4], vec![], vec![], [Tier::Active, Tier::Active]),
        ] {
            let candidates: Vec<_> =
                (0..4).map(|i| candidate(i, 1, i >= 2, up[i as usize])).collect();
            let sets = [Backups::First, Backups::All].map(|mode| LiveSet::build(&candidates, mode));
            assert_eq!([places(&sets[0]), places(&sets[1])], [first, all], "{up:?}");
            assert_eq!(sets.map(|set| set.tier()), tiers, "{up:?}");
        }
    }

    #[test]
    fn weight_zero_is_never_live() {
        let candidates = [candidate(0, 0, false, true), candidate(1, 3, true, true)];
        let set = LiveSet::build(&candidates, Backups::First);
        assert_eq!(places(&set), [1]);
    }

    #[test]
    fn map_shares_are_reduced_by_all_weights_even_of_servers_that_are_down() {
        let shares = |weights: [u16; 3], up: [bool; 3]| -> Vec<u16> {
            let candidates: Vec<_> =
                (0..3).map(|i| candidate(i, weights[i as usize], false, up[i as usize])).collect();
            let set = LiveSet::build(&candidates, Backups::First);
            set.members().iter().map(|member| member.map_weight.get()).collect()
        };
        assert_eq!(shares([4, 6, 8], [true; 3]), [2, 3, 4]);
        assert_eq!(shares([4, 6, 3], [true, true, false]), [4, 6]);
        assert_eq!(shares([0, 4, 8], [true; 3]), [1, 2]);
        assert_eq!(shares([100, 100, 100], [true; 3]), [1, 1, 1]);
    }

    #[test]
    fn effective_weights_keep_their_range() {
        assert_eq!(EffectiveWeight::new(0), None);
        assert_eq!(EffectiveWeight::new(4097), None);
        assert_eq!(EffectiveWeight::full(Weight::MAX).map(EffectiveWeight::value), Some(4096));
        assert_eq!(EffectiveWeight::full(Weight::DEFAULT).map(EffectiveWeight::value), Some(16));
        assert_eq!(EffectiveWeight::full(Weight::new(0).unwrap()), None);
    }
}
