//! 100,000 random orders of what a group's servers may say, with the fence's invariants checked
//! after every step: at most one may be written to, never an older history, never one that was
//! primary before and has not been a replica since, never one that stayed on an older timeline.

use std::collections::BTreeSet;

use evenkeel::pure::role::fence::{Fence, Memory, OnConflict};
use evenkeel::pure::role::gtid::GtidSet;
use evenkeel::pure::role::{History, Reading, Role};

const ORDERS: u64 = 100_000;
const SERVERS: [&str; 3] = ["a", "b", "c"];

/// What really happens in a cluster, of which the fence sees readings.
struct World {
    rng: fastrand::Rng,
    is_mysql: bool,
    /// Role, timeline and transactions of each server.
    servers: [(Role, u32, u64); 3],
    timeline: u32,
}

impl World {
    fn reading(&self, index: usize) -> Reading {
        let (role, timeline, position) = self.servers[index];
        let history = if self.is_mysql {
            let executed = GtidSet::mariadb(&format!("0-1-{position}")).expect("it is one");
            History::Mysql { server: index as u128, executed }
        } else {
            History::Postgres { system: 1, timeline }
        };
        Reading { role, history, position, is_floor: false }
    }

    /// One thing happens to one server, by mistake or by design.
    fn happen(&mut self) {
        let index = self.rng.usize(..3);
        match self.rng.u8(..5) {
            // Told to take writes without an end of following, which Postgres has not.
            4 if self.is_mysql => self.servers[index].0 = Role::Loose,
            0 => {
                self.timeline += 1;
                self.servers[index] = (Role::Primary, self.timeline, self.servers[index].2);
            }
            1 => self.servers[index] = (Role::Replica, self.timeline, self.servers[index].2),
            2 => self.servers[index].2 += self.rng.u64(..5),
            // Restored from a backup.
            _ => {
                let (role, timeline, position) = self.servers[index];
                let timeline = timeline.saturating_sub(self.rng.u32(..2)).max(1);
                self.servers[index] = (role, timeline, position.saturating_sub(self.rng.u64(..5)));
            }
        }
    }
}

/// What must hold, kept apart from the fence.
#[derive(Default)]
struct Law {
    timeline: u32,
    primary: Option<usize>,
    barred: BTreeSet<usize>,
    /// Those that were last heard as replicas of an older timeline than that of a primary, and have
    /// not followed it since.
    left: BTreeSet<usize>,
}

impl Law {
    fn check(&mut self, fence: &Fence, told: usize, reading: Option<&Reading>, seed: u64) {
        self.hear(told, reading);
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
        if let Some(before) = self.primary.replace(index).filter(|&before| before != index)
            && fence.reading(SERVERS[before]).is_none_or(|r| r.role == Role::Primary)
        {
            self.barred.insert(before);
        }
    }
}

impl Law {
    /// What a server says of itself counts before the fence has decided on it.
    fn hear(&mut self, told: usize, reading: Option<&Reading>) {
        let Some(reading) = reading else { return };
        let timeline = match &reading.history {
            History::Postgres { timeline, .. } => *timeline,
            History::Mysql { .. } => self.timeline,
        };
        match (reading.role.follows(), timeline < self.timeline) {
            (true, true) => drop(self.left.insert(told)),
            (true, false) => {
                self.left.remove(&told);
                self.barred.remove(&told);
            }
            (false, _) => {}
        }
    }
}

#[test]
fn never_two_write_targets_never_an_older_history() {
    let first = std::env::var("SIM_SEED").ok().and_then(|seed| seed.parse().ok());
    for seed in first.map_or(0..ORDERS, |seed| seed..seed + 1) {
        let mut rng = fastrand::Rng::with_seed(seed);
        let on_conflict = [OnConflict::Stop, OnConflict::KeepIncumbent][rng.usize(..2)];
        let servers = [(Role::Primary, 1, 10), (Role::Replica, 1, 9), (Role::Replica, 1, 8)];
        let is_mysql = rng.bool();
        let mut world = World { rng, is_mysql, servers, timeline: 1 };
        let mut fence = Fence::new(Memory::default(), on_conflict);
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
            law.check(&fence, told, reading.as_ref(), seed);
            if world.rng.u8(..20) == 0 {
                // The process starts anew with what it remembers.
                fence = Fence::new(fence.memory().clone(), on_conflict);
            }
        }
    }
}
