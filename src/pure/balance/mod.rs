//! Which server gets the next session.
//!
//! A [`LiveSet`] says who may be picked; a [`Policy`] picks. The policy is told of every session
//! that starts, ends or waits, and of every new live set, and keeps its servers in order as it goes:
//! a pick asks nobody and scans nothing while servers have room. One backend owns one policy and
//! calls it under one short lock.
//!
//! Equal calls give equal picks, and those are HAProxy's: the tables in the tests were recorded
//! from 2.6.12.
//!
//! To add a policy: a file with its state, a variant of [`Algorithm`] and of `State`, and a row in
//! the recorded tables.

use std::num::NonZeroU32;

mod first;
mod hash;
mod least_conn;
mod limits;
mod live_set;
mod load;
mod order;
mod request;
mod ring;
mod round_robin;
mod weight_map;

pub use hash::{Affinity, Function, HashKey, HashType, Method, seed};
pub use limits::{Crowd, Limits};
pub use live_set::{Backups, Candidate, EffectiveWeight, LiveSet, Member, ServerIndex, Tier};
pub use load::Load;
pub use request::{Pick, QueueOrder, Request};

use first::First;
use least_conn::LeastConn;
use load::Loads;
use ring::{Bound, Ring};
use round_robin::RoundRobin;
use weight_map::WeightMap;

/// `balance`; the words are HAProxy's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// Smooth weighted round robin.
    RoundRobin,
    /// Round robin over a map computed once.
    StaticRr,
    /// Fewest sessions for the weight, in turns among equals.
    LeastConn,
    /// The lowest number that has room.
    First,
    /// Hash of the client's address.
    Source(HashType),
    /// Hash of what the configuration tells to take from the session.
    Hash(HashType),
    /// The least loaded of this many random draws.
    Random {
        /// At least 1.
        draws: NonZeroU32,
        /// `hash-balance-factor`, above 100.
        factor: Option<NonZeroU32>,
    },
}

impl Algorithm {
    /// Whether weights may change while it runs; the others keep the shares of their map.
    #[must_use]
    pub const fn is_dynamic(self) -> bool {
        match self {
            Self::StaticRr => false,
            Self::Source(hash) | Self::Hash(hash) => {
                matches!(hash.method, Method::Consistent { .. })
            }
            Self::RoundRobin | Self::LeastConn | Self::First | Self::Random { .. } => true,
        }
    }

    /// Whether a session that comes again may be sent to another server: it has no key that
    /// decides.
    #[must_use]
    pub const fn is_fickle(self) -> bool {
        !matches!(self, Self::Source(_) | Self::Hash(_))
    }

    const fn hash_type(self) -> Option<HashType> {
        match self {
            Self::Source(hash) | Self::Hash(hash) => Some(hash),
            _ => None,
        }
    }
}

/// One backend's policy: its state, and the loads it decides by.
#[derive(Clone, Debug)]
pub struct Policy {
    algorithm: Algorithm,
    live: LiveSet,
    loads: Loads,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    RoundRobin(Tiers<RoundRobin>),
    StaticRr(WeightMap),
    LeastConn(Tiers<LeastConn>),
    First(First),
    Map(WeightMap),
    Ring(Ring),
}

/// Active servers and backups take turns apart: the backups' order is kept while they rest.
#[derive(Clone, Debug)]
struct Tiers<S> {
    active: S,
    /// `None` until backups served for the first time.
    backup: Option<S>,
}

impl<S> Tiers<S> {
    fn new(live: &LiveSet, new: impl Fn(&[Member]) -> S) -> Self {
        match live.tier() {
            Tier::Active => Self { active: new(live.members()), backup: None },
            Tier::FirstBackup | Tier::AllBackups => {
                Self { active: new(&[]), backup: Some(new(live.members())) }
            }
        }
    }

    fn go_on(
        &mut self,
        live: &LiveSet,
        new: impl Fn(&[Member]) -> S,
        carry_over: impl Fn(&mut S, &[Member]),
    ) {
        if live.tier() == Tier::Active {
            return carry_over(&mut self.active, live.members());
        }
        carry_over(&mut self.active, &[]);
        match &mut self.backup {
            Some(backup) => carry_over(backup, live.members()),
            None => self.backup = Some(new(live.members())),
        }
    }

    fn serving(&mut self, tier: Tier) -> &mut S {
        match (tier, &mut self.backup) {
            (Tier::FirstBackup | Tier::AllBackups, Some(backup)) => backup,
            _ => &mut self.active,
        }
    }
}

impl Policy {
    /// A policy nobody asked yet. The servers in `live` count as there from the start: they come in
    /// file order, while those that join later wait for their share.
    #[must_use]
    pub fn new(algorithm: Algorithm, live: LiveSet) -> Self {
        Self::with_loads(algorithm, live, Loads::default())
    }

    /// Another policy for the same servers (a reload changed `balance`): sessions still count,
    /// turns start anew.
    #[must_use]
    pub fn replaced(self, algorithm: Algorithm, live: LiveSet) -> Self {
        Self::with_loads(algorithm, live, self.loads)
    }

    fn with_loads(algorithm: Algorithm, live: LiveSet, loads: Loads) -> Self {
        let members = live.members();
        let load = |server| loads.of(server);
        let crowd = live.crowd(loads.sessions());
        let state = match algorithm {
            Algorithm::RoundRobin => State::RoundRobin(Tiers::new(&live, RoundRobin::new)),
            Algorithm::StaticRr => State::StaticRr(WeightMap::new(members)),
            Algorithm::LeastConn => {
                State::LeastConn(Tiers::new(&live, |members| LeastConn::new(members, load, crowd)))
            }
            Algorithm::First => State::First(First::new(members, load, crowd)),
            Algorithm::Source(hash) | Algorithm::Hash(hash) => match hash.method {
                Method::MapBased => State::Map(WeightMap::new(members)),
                Method::Consistent { .. } => State::Ring(Ring::new(members)),
            },
            Algorithm::Random { .. } => State::Ring(Ring::new(members)),
        };
        Self { algorithm, live, loads, state }
    }

    /// The policy in force.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The live set last heard of.
    #[must_use]
    pub fn live(&self) -> &LiveSet {
        &self.live
    }

    /// What this policy knows of a server's sessions.
    #[must_use]
    pub fn load(&self, server: ServerIndex) -> Load {
        self.loads.of(server)
    }

    /// Whether sessions in the backend's queue mean that nobody has room, so that a new session
    /// queues up without asking for a pick and cannot overtake them.
    #[must_use]
    pub fn queue_means_full(&self) -> bool {
        matches!(self.algorithm, Algorithm::RoundRobin | Algorithm::StaticRr | Algorithm::First)
    }

    /// Goes on with another live set. Servers that stay keep their turns.
    pub fn handle_live_set(&mut self, live: LiveSet) {
        let members = live.members();
        let load = |server| self.loads.of(server);
        let crowd = live.crowd(self.loads.sessions());
        match &mut self.state {
            State::RoundRobin(tiers) => {
                tiers.go_on(&live, RoundRobin::new, RoundRobin::handle_members);
            }
            State::StaticRr(map) | State::Map(map) => {
                if !same_shares(self.live.members(), members) {
                    map.rebuild(members);
                }
            }
            State::LeastConn(tiers) => tiers.go_on(
                &live,
                |members| LeastConn::new(members, load, crowd),
                |state, members| state.handle_members(members, load, crowd),
            ),
            State::First(state) => *state = First::new(members, load, crowd),
            State::Ring(ring) => ring.handle_members(members),
        }
        self.live = live;
    }

    /// Whether a session that waits for `server` may take a slot of it now.
    #[must_use]
    pub fn has_slot(&self, server: ServerIndex) -> bool {
        self.has_slot_beside(server, 0)
    }

    /// The same where this many sessions more count for limits that follow the backend's load: the
    /// one that leaves its slot is still there.
    #[must_use]
    pub fn has_slot_beside(&self, server: ServerIndex, leaving: u32) -> bool {
        let crowd = self.live.crowd(self.loads.sessions().saturating_add(leaving));
        self.load(server).leaves_slot(self.live.limits(server), crowd)
    }

    /// The first server that may be picked and has a slot for a session that waits, in file order.
    #[must_use]
    pub fn any_slot(&self) -> Option<ServerIndex> {
        self.live.members().iter().map(|member| member.server).find(|&s| self.has_slot(s))
    }

    /// A session took a slot of `server`, as a pick told it to or for a reason of its own.
    pub fn handle_started(&mut self, server: ServerIndex) {
        self.loads.started();
        self.change(server, |load| load.served = load.served.saturating_add(1));
    }

    /// A session gave back its slot.
    pub fn handle_ended(&mut self, server: ServerIndex) {
        debug_assert!(self.load(server).served > 0, "a slot is given back once");
        self.loads.ended();
        self.change(server, |load| load.served = load.served.saturating_sub(1));
    }

    /// A session waits: for a slot of this very server, or for any.
    pub fn handle_queued(&mut self, server: Option<ServerIndex>) {
        self.loads.queued();
        if let Some(server) = server {
            self.change(server, |load| load.queued = load.queued.saturating_add(1));
        }
    }

    /// A session ceased to wait for this server or for any, whether it got a slot (then
    /// [`handle_started`](Self::handle_started) follows) or left.
    pub fn handle_dequeued(&mut self, server: Option<ServerIndex>) {
        self.loads.dequeued();
        if let Some(server) = server {
            debug_assert!(self.load(server).queued > 0, "a place in a queue is left once");
            self.change(server, |load| load.queued = load.queued.saturating_sub(1));
        }
    }

    /// Picks a server. `random` yields 64 uniform bits a call and is used by `random` only.
    ///
    /// The pick takes a turn but no slot: [`handle_started`](Self::handle_started) does, and
    /// belongs under the same lock.
    pub fn pick(&mut self, request: &Request, mut random: impl FnMut() -> u64) -> Pick {
        let crowd = self.live.crowd(self.loads.sessions() + u32::from(!request.waits));
        if let Some(server) = request.direct {
            return self.bound_to(server, crowd);
        }
        if self.live.members().is_empty() {
            return Pick::NoServer;
        }
        let tier = self.live.tier();
        // These policies do not ask whether the one backup has room: a session waits for it alone.
        if tier == Tier::FirstBackup
            && matches!(self.state, State::RoundRobin(_) | State::LeastConn(_) | State::First(_))
        {
            return self.bound_to(self.live.members()[0].server, crowd);
        }
        if let Some(hash_type) = self.algorithm.hash_type()
            && let Some(server) = self.hashed(request, hash_type, crowd)
        {
            return self.bound_to(server, crowd);
        }
        let Self { live, loads, state, algorithm } = self;
        let has_room = |server| loads.of(server).leaves_room(live.limits(server), crowd);
        let found = match state {
            State::RoundRobin(tiers) => tiers.serving(tier).pick(has_room, request.avoid),
            State::StaticRr(map) | State::Map(map) => map.walk(has_room, request.avoid),
            State::LeastConn(tiers) => {
                let load = |server| loads.of(server);
                let found = tiers.serving(tier).pick(request.avoid, load, crowd);
                // It may be one whose queue has room, no more.
                return found.map_or(Pick::QueueAny, |server| self.bound_to(server, crowd));
            }
            State::First(state) => state.pick(request.avoid, |server| loads.of(server), crowd),
            State::Ring(ring) => match *algorithm {
                Algorithm::Random { draws, factor } => {
                    let mut draw = || (random() >> 32) as u32;
                    drawn(ring, live, loads, (draws, factor), request.avoid, &mut draw)
                        .filter(|&server| has_room(server))
                }
                _ => ring.walk(has_room, request.avoid),
            },
        };
        found.map_or(Pick::QueueAny, Pick::Server)
    }

    /// The owner of the request's hash; `None` where the request has none.
    fn hashed(&self, request: &Request, hash_type: HashType, crowd: Crowd) -> Option<ServerIndex> {
        let hash = request.hash.filter(|_| self.live.members().len() > 1);
        let hash = hash.or_else(|| (self.live.members().len() == 1).then_some(0))?;
        let suits = |server: ServerIndex| {
            let load = self.loads.of(server);
            let limits = self.live.limits(server);
            match hash_type.affinity {
                Affinity::Always => true,
                Affinity::Maxconn => load.leaves_room(limits, crowd),
                Affinity::Maxqueue => load.leaves_room(limits, crowd) || load.leaves_place(limits),
            }
        };
        match (&self.state, hash_type.method) {
            (State::Map(map), _) => map.at(hash, suits),
            (State::Ring(ring), Method::Consistent { factor }) => {
                let bound = factor.map(|factor| Bound { factor, served: self.loads.served() });
                ring.at(hash, |server| {
                    request.avoid != Some(server)
                        && suits(server)
                        && bound.is_none_or(|b| ring.is_within(server, self.load(server), b))
                })
            }
            _ => None,
        }
    }

    fn bound_to(&self, server: ServerIndex, crowd: Crowd) -> Pick {
        let (load, limits) = (self.loads.of(server), self.live.limits(server));
        if load.leaves_room(limits, crowd) {
            Pick::Server(server)
        } else if load.leaves_place(limits) {
            Pick::QueueAt(server)
        } else {
            Pick::QueueFull(server)
        }
    }

    fn change(&mut self, server: ServerIndex, by: impl FnOnce(&mut Load)) {
        let load = self.loads.of_mut(server);
        by(load);
        let load = *load;
        let crowd = self.live.crowd(self.loads.sessions());
        match &mut self.state {
            State::LeastConn(Tiers { active, backup }) => {
                active.handle_load(server, load, crowd);
                if let Some(backup) = backup {
                    backup.handle_load(server, load, crowd);
                }
            }
            State::First(state) => state.handle_load(server, load, crowd),
            State::RoundRobin(_) | State::StaticRr(_) | State::Map(_) | State::Ring(_) => {}
        }
    }
}

/// The least loaded for its weight of some servers drawn at random; of equals the last one drawn.
fn drawn(
    ring: &Ring,
    live: &LiveSet,
    loads: &Loads,
    (draws, factor): (NonZeroU32, Option<NonZeroU32>),
    avoid: Option<ServerIndex>,
    random: &mut impl FnMut() -> u32,
) -> Option<ServerIndex> {
    let bound = factor.map(|factor| Bound { factor, served: loads.served() });
    let mut draw = || {
        ring.at(random(), |server| {
            avoid != Some(server)
                && bound.is_none_or(|b| ring.is_within(server, loads.of(server), b))
        })
    };
    let busy = |server: ServerIndex| u64::from(loads.of(server).served);
    let weight = |server: ServerIndex| u64::from(live.weight(server));
    let mut best = draw()?;
    for _ in 1..draws.get() {
        let other = draw()?;
        if busy(other) * weight(best) <= busy(best) * weight(other) {
            best = other;
        }
    }
    Some(best)
}

/// Whether a map of `new` is the one of `old`.
fn same_shares(old: &[Member], new: &[Member]) -> bool {
    old.len() == new.len()
        && old
            .iter()
            .zip(new)
            .all(|(old, new)| (old.server, old.map_weight) == (new.server, new.map_weight))
}

#[cfg(test)]
mod tests;
