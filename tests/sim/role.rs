//! 100,000 random orders of what a group's servers may say, with the fence's invariants checked
//! after every step: at most one may be written to, never an older history, never one that was
//! primary before and has not followed the newest since, never one that stayed on an older timeline.

use std::collections::BTreeSet;

use evenkeel::pure::role::fence::{Fence, Memory, OnConflict};
use evenkeel::pure::role::gtid::GtidSet;
use evenkeel::pure::role::{History, Reading, Role};

const ORDERS: u64 = 100_000;
const SERVERS: [&str; 3] = ["a", "b", "c"];

/// Which database the servers are of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Postgres,
    Mariadb,
    /// It does not say whether it replicates.
    Mysql,
}

/// What a server is and has.
#[derive(Clone, Copy)]
struct Server {
    role: Role,
    timeline: u32,
    position: u64,
    /// Whether it applies what another sends.
    replicates: bool,
    /// How many transactions of each server it has, and whose the last one is.
    has: [u64; 3],
    last: usize,
}

impl Server {
    fn new(role: Role, has: u64) -> Self {
        let replicates = role == Role::Replica;
        Self { role, timeline: 1, position: has, replicates, has: [has, 0, 0], last: 0 }
    }
}

/// What really happens in a cluster, of which the fence sees readings.
struct World {
    rng: fastrand::Rng,
    kind: Kind,
    servers: [Server; 3],
    timeline: u32,
}

impl World {
    fn reading(&self, index: usize) -> Reading {
        let Server { role, timeline, position, replicates, has, last } = self.servers[index];
        let of = |executed: Option<GtidSet>| History::Mysql {
            server: index as u128 + 1,
            executed: executed.expect("it is one"),
        };
        let history = match self.kind {
            Kind::Postgres => History::Postgres { system: 1, timeline },
            Kind::Mariadb => of(GtidSet::mariadb(&format!("0-{}-{position}", last + 1))),
            Kind::Mysql => {
                let sources = has.iter().enumerate().filter(|(_, count)| **count > 0);
                let sets = sources.map(|(source, count)| format!("{:032x}:1-{count},", source + 1));
                of(GtidSet::mysql(&sets.collect::<String>()))
            }
        };
        let replicates = (self.kind == Kind::Mariadb).then_some(replicates);
        Reading { replicates, ..Reading::new(role, history, position) }
    }

    /// One thing happens to one server, by mistake or by design.
    fn happen(&mut self) {
        let index = self.rng.usize(..3);
        let is_mysql = self.kind != Kind::Postgres;
        let server = &mut self.servers[index];
        match self.rng.u8(..6) {
            // Told to take writes without an end of following, which only MariaDB shows.
            5 if self.kind == Kind::Mariadb => {
                (server.role, server.replicates) = (Role::Loose, true);
            }
            4 if is_mysql => self.follow(index),
            0 => {
                self.timeline += 1;
                (server.role, server.timeline) = (Role::Primary, self.timeline);
                server.replicates = false;
            }
            // Of MySQL, told to take no writes, and not whom to follow.
            1 => {
                (server.role, server.timeline) = (Role::Replica, self.timeline);
                server.replicates = !is_mysql;
            }
            2 => {
                let more = self.rng.u64(..5);
                server.position += more;
                if more > 0 && !server.replicates {
                    server.has[index] += more;
                    server.last = index;
                }
            }
            // Restored from a backup.
            _ => {
                server.timeline = server.timeline.saturating_sub(self.rng.u32(..2)).max(1);
                let lost = self.rng.u64(..5).min(server.has[server.last] - 1);
                let lost = if is_mysql { lost } else { self.rng.u64(..5).min(server.position) };
                server.position -= lost;
                if is_mysql {
                    server.has[server.last] -= lost;
                }
            }
        }
    }

    /// One refuses writes and gets all that another has, where that has more.
    fn follow(&mut self, index: usize) {
        let upstream = self.servers[self.rng.usize(..3)];
        let server = &mut self.servers[index];
        (server.role, server.replicates) = (Role::Replica, true);
        if upstream.position > server.position {
            (server.position, server.has, server.last) =
                (upstream.position, upstream.has, upstream.last);
        }
    }
}

/// What must hold, kept apart from the fence.
#[derive(Default)]
struct Law {
    timeline: u32,
    primary: Option<usize>,
    barred: BTreeSet<usize>,
    /// Those that were heard as replicas of an older timeline than that of a primary, twice since it took
    /// over, and have not followed it since.
    left: BTreeSet<usize>,
    /// The same, once: the answer may have been asked for before.
    behind: BTreeSet<usize>,
    /// MySQL: what each had when it was heard last.
    had: [Option<Server>; 3],
    /// What the primary had when it took over.
    began: Option<Server>,
    /// What it said when it was heard last.
    known: Option<GtidSet>,
}

impl Law {
    fn check(
        &mut self,
        fence: &Fence,
        world: &World,
        told: usize,
        reading: Option<&Reading>,
        seed: u64,
    ) {
        self.hear(world, told, reading);
        if let (Some(reading), Some(stray)) = (reading, fence.stray(SERVERS[told])) {
            assert!(reading.role.follows(), "seed {seed}: {stray}");
        }
        let claims = |name: &&str| fence.reading(name).is_some_and(|r| r.role == Role::Primary);
        let Some(name) = fence.primary() else { return };
        let is_replica = fence.reading(name).is_none_or(|r| r.role == Role::Replica);
        assert!(!is_replica, "seed {seed}: a primary that takes writes");
        let others = SERVERS.iter().filter(|other| claims(other) && **other != name);
        for other in others {
            assert!(fence.refusal(other).is_some(), "seed {seed}: one of them only");
        }
        let index = SERVERS.iter().position(|server| *server == name).expect("one of them");
        assert!(!self.barred.contains(&index), "seed {seed}: {name} was primary before");
        assert!(!self.left.contains(&index), "seed {seed}: {name} lacks what the newest had");
        if let Some(History::Postgres { timeline, .. }) = fence.reading(name).map(|r| &r.history) {
            assert!(*timeline >= self.timeline, "seed {seed}: timeline {timeline} is older");
            self.timeline = *timeline;
        }
        let before = self.primary.replace(index);
        self.known = fence.reading(name).and_then(executed);
        if before != Some(index) {
            self.began = self.had[index];
            self.behind.clear();
        }
        // One of MySQL that only refuses writes follows nobody.
        let may_follow = |r: &Reading| match &r.history {
            History::Postgres { .. } => r.role.follows(),
            History::Mysql { .. } => r.role.follows() && r.replicates == Some(true),
        };
        if let Some(before) = before.filter(|&before| before != index)
            && !fence.reading(SERVERS[before]).is_some_and(may_follow)
        {
            self.barred.insert(before);
        }
    }
}

impl Law {
    /// What a server says of itself counts before the fence has decided on it.
    fn hear(&mut self, world: &World, told: usize, reading: Option<&Reading>) {
        let Some(reading) = reading else { return };
        self.had[told] = Some(world.servers[told]);
        let timeline = match &reading.history {
            History::Postgres { timeline, .. } => *timeline,
            History::Mysql { .. } => self.timeline,
        };
        match (reading.role.follows(), timeline < self.timeline) {
            (true, true) if self.behind.insert(told) => {}
            (true, true) => drop(self.left.insert(told)),
            (true, false) => {
                self.left.remove(&told);
                self.behind.remove(&told);
                if world.kind == Kind::Postgres || self.follows(world, told, reading) {
                    self.barred.remove(&told);
                }
            }
            (false, _) => {}
        }
    }

    /// Whether one of MySQL's that refuses writes has what the primary wrote since it took over, or
    /// replicates and has no more and no less than that.
    fn follows(&self, world: &World, told: usize, reading: &Reading) -> bool {
        let (Some(primary), Some(began)) = (self.primary, self.began) else { return true };
        let Server { has, replicates, position, last, .. } = world.servers[told];
        let has_news = match world.kind {
            // The last one is all that its sets name.
            Kind::Mariadb => last == primary && position > began.position,
            _ => has[primary] > began.has[primary],
        };
        has_news || replicates && executed(reading) == self.known
    }
}

fn executed(reading: &Reading) -> Option<GtidSet> {
    match &reading.history {
        History::Mysql { executed, .. } => Some(executed.clone()),
        History::Postgres { .. } => None,
    }
}

#[test]
fn never_two_write_targets_never_an_older_history() {
    let first = std::env::var("SIM_SEED").ok().and_then(|seed| seed.parse().ok());
    for seed in first.map_or(0..ORDERS, |seed| seed..seed + 1) {
        let mut rng = fastrand::Rng::with_seed(seed);
        let on_conflict = [OnConflict::Stop, OnConflict::KeepIncumbent][rng.usize(..2)];
        let kind = [Kind::Postgres, Kind::Mariadb, Kind::Mysql][rng.usize(..3)];
        let servers = [(Role::Primary, 10), (Role::Replica, 9), (Role::Replica, 8)];
        let servers = servers.map(|(role, has)| Server::new(role, has));
        let mut world = World { rng, kind, servers, timeline: 1 };
        let mut fence = Fence::new(Memory::default(), on_conflict).asking(SERVERS.into_iter());
        let mut law = Law::default();
        for _ in 0..30 {
            if world.rng.u8(..3) == 0 {
                world.happen();
            }
            let told = world.rng.usize(..3);
            let reading = (world.rng.u8(..4) > 0).then(|| world.reading(told));
            match &reading {
                // It lives, and lets nobody ask.
                None if world.rng.bool() => drop(fence.handle_refused(SERVERS[told])),
                None if world.rng.bool() => drop(fence.handle_silent(SERVERS[told])),
                Some(reading) => fence.handle_reading(SERVERS[told], reading.clone()),
                None => drop(fence.handle_lost(SERVERS[told])),
            }
            if world.rng.u8(..5) == 0 {
                let word = [None, Some(true), Some(false)][world.rng.usize(..3)];
                fence.handle_word(SERVERS[world.rng.usize(..3)], word);
            }
            law.check(&fence, &world, told, reading.as_ref(), seed);
            if world.rng.u8(..20) == 0 {
                // The process starts anew with what it remembers.
                let memory = fence.memory().clone();
                fence = Fence::new(memory, on_conflict).asking(SERVERS.into_iter());
            }
        }
    }
}
