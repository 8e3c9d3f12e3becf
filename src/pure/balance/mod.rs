//! Which server gets the next session.
//!
//! A [`LiveSet`] says who may be picked; a [`Policy`] picks. The policy is told of every session
//! that starts, ends or waits, and of every new live set, and keeps its servers in order as it goes:
//! a pick asks nobody and scans nothing while servers have room. One backend owns one policy and
//! calls it under one short lock.
//!
//! Equal calls give equal picks, and those are HAProxy's: the tables in the tests were recorded
//! from 2.6.12. What differs is `random`, which follows the weights exactly.
//!
//! To add a policy: a file with its state, a variant of [`Algorithm`] and of `State`, and a row in
//! the recorded tables.

use std::net::IpAddr;
use std::num::NonZeroU32;

mod first;
mod least_conn;
mod live_set;
mod load;
mod order;
mod random;
mod round_robin;
mod source;
mod weight_map;

pub use live_set::{Backups, Candidate, EffectiveWeight, LiveSet, Member, ServerIndex, Tier};
pub use load::Load;

use first::First;
use least_conn::LeastConn;
use load::Loads;
use random::Random;
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
    Source,
    /// The least loaded of this many random draws.
    Random {
        /// At least 1.
        draws: NonZeroU32,
    },
}

/// Who asks for a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// The client's address; `None` for one without (a Unix socket).
    pub client: Option<IpAddr>,
    /// The server that failed this session: another one is preferred.
    pub avoid: Option<ServerIndex>,
}

/// The answer to a [`Request`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pick {
    /// This server has room.
    Server(ServerIndex),
    /// Only this server will do, and it is full: wait in its queue.
    QueueAt(ServerIndex),
    /// Every server that could do is full: wait for any.
    QueueAny,
    /// Nobody may be picked at all.
    NoServer,
}

/// One backend's policy: its state, and the loads it decides by.
#[derive(Clone, Debug)]
pub struct Policy {
    algorithm: Algorithm,
    live: LiveSet,
    loads: Loads,
    /// Maps a server's place to its place in the live set; `None` where it is not in it.
    places: Vec<Option<usize>>,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    RoundRobin(Tiers<RoundRobin>),
    StaticRr(WeightMap),
    LeastConn(Tiers<LeastConn>),
    First(First),
    Source(WeightMap),
    Random(Random),
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
        let state = match algorithm {
            Algorithm::RoundRobin => State::RoundRobin(Tiers::new(&live, RoundRobin::new)),
            Algorithm::StaticRr => State::StaticRr(WeightMap::new(members)),
            Algorithm::LeastConn => {
                State::LeastConn(Tiers::new(&live, |members| LeastConn::new(members, load)))
            }
            Algorithm::First => State::First(First::new(members, load)),
            Algorithm::Source => State::Source(WeightMap::new(members)),
            Algorithm::Random { draws } => State::Random(Random::new(draws, members)),
        };
        let places = places(&live);
        Self { algorithm, live, loads, places, state }
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
        match &mut self.state {
            State::RoundRobin(tiers) => {
                tiers.go_on(&live, RoundRobin::new, RoundRobin::handle_members);
            }
            State::StaticRr(map) | State::Source(map) => map.rebuild(members),
            State::LeastConn(tiers) => tiers.go_on(
                &live,
                |members| LeastConn::new(members, load),
                |state, members| state.handle_members(members, load),
            ),
            State::First(state) => *state = First::new(members, load),
            State::Random(state) => state.handle_members(members),
        }
        self.places = places(&live);
        self.live = live;
    }

    /// Whether a session that waits for `server` may take a slot of it now.
    #[must_use]
    pub fn has_slot(&self, server: ServerIndex) -> bool {
        let place = self.places.get(server.slot()).copied().flatten();
        let maxconn = place.and_then(|place| self.live.members()[place].maxconn);
        maxconn.is_none_or(|max| self.load(server).served < max.get())
    }

    /// A session took a slot of `server`, as a pick told it to or for a reason of its own.
    pub fn handle_started(&mut self, server: ServerIndex) {
        self.change(server, |load| load.served = load.served.saturating_add(1));
    }

    /// A session gave back its slot.
    pub fn handle_ended(&mut self, server: ServerIndex) {
        debug_assert!(self.load(server).served > 0, "a slot is given back once");
        self.change(server, |load| load.served = load.served.saturating_sub(1));
    }

    /// A session waits for a slot of this very server.
    pub fn handle_queued(&mut self, server: ServerIndex) {
        self.change(server, |load| load.queued = load.queued.saturating_add(1));
    }

    /// A session ceased to wait for this server, whether it got a slot (then
    /// [`handle_started`](Self::handle_started) follows) or left.
    pub fn handle_dequeued(&mut self, server: ServerIndex) {
        debug_assert!(self.load(server).queued > 0, "a place in a queue is left once");
        self.change(server, |load| load.queued = load.queued.saturating_sub(1));
    }

    /// Picks a server. `random` yields 64 uniform bits a call and is used by `random` only.
    ///
    /// The pick takes a turn but no slot: [`handle_started`](Self::handle_started) does, and
    /// belongs under the same lock.
    pub fn pick(&mut self, request: &Request, mut random: impl FnMut() -> u64) -> Pick {
        let Self { live, loads, places, state, algorithm: _ } = self;
        let members = live.members();
        if members.is_empty() {
            return Pick::NoServer;
        }
        let load = |server: ServerIndex| loads.of(server);
        let has_room = |server: ServerIndex| {
            let place = places.get(server.slot()).copied().flatten();
            place.is_some_and(|place| loads.of(server).leaves_room(&members[place]))
        };
        let bound_to = |server| {
            if has_room(server) { Pick::Server(server) } else { Pick::QueueAt(server) }
        };
        // These policies do not ask whether the one backup has room: a session waits for it alone.
        if live.tier() == Tier::FirstBackup
            && matches!(state, State::RoundRobin(_) | State::LeastConn(_) | State::First(_))
        {
            return bound_to(members[0].server);
        }
        let found = match state {
            State::RoundRobin(tiers) => tiers.serving(live.tier()).pick(has_room, request.avoid),
            State::StaticRr(map) => map.walk(has_room, request.avoid),
            State::LeastConn(tiers) => tiers.serving(live.tier()).pick(request.avoid),
            State::First(state) => state.pick(request.avoid),
            State::Source(map) => match request.client {
                Some(client) => {
                    return map.at(source::hash(client)).map_or(Pick::NoServer, bound_to);
                }
                None => map.walk(has_room, request.avoid),
            },
            State::Random(state) => state.pick(load, request.avoid, &mut random),
        };
        found.map_or(Pick::QueueAny, Pick::Server)
    }

    fn change(&mut self, server: ServerIndex, by: impl FnOnce(&mut Load)) {
        let load = self.loads.of_mut(server);
        by(load);
        let load = *load;
        match &mut self.state {
            State::LeastConn(Tiers { active, backup }) => {
                active.handle_load(server, load);
                if let Some(backup) = backup {
                    backup.handle_load(server, load);
                }
            }
            State::First(state) => state.handle_load(server, load),
            State::RoundRobin { .. } | State::StaticRr(_) | State::Source(_) | State::Random(_) => {
            }
        }
    }
}

fn places(live: &LiveSet) -> Vec<Option<usize>> {
    let last = live.members().iter().map(|member| member.server.slot()).max();
    let mut places = vec![None; last.map_or(0, |last| last + 1)];
    for (place, member) in live.members().iter().enumerate() {
        places[member.server.slot()] = Some(place);
    }
    places
}

#[cfg(test)]
mod tests;
