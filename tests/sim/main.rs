//! A seeded simulation of the health machine: thousands of servers, random verdicts, hints, time
//! jumps, commands and reloads, with every invariant checked after every step.
//!
//! `SIM_SEED=n cargo test --test sim` replays a run; the seed is printed where one fails.

mod door;
mod role;

use std::num::NonZeroU16;
use std::time::{Duration, Instant};

use evenkeel::pure::health::admin::Command;
use evenkeel::pure::health::schedule::{CONFIRM_INTERVAL, Intervals};
use evenkeel::pure::health::verdict::{CheckStatus, Class, Verdict};
use evenkeel::pure::health::{CheckSettings, Health, InitState, Outcome, Settings, Standing};

const SERVERS: usize = 2_000;
const STEPS: usize = 200_000;

/// One simulated server: the machine, and what must hold of it.
struct Server {
    health: Health,
    settings: Settings,
    running: bool,
    /// The running check began before maintenance.
    void: bool,
}

struct Sim {
    rng: fastrand::Rng,
    now: Instant,
    servers: Vec<Server>,
}

fn settings(rng: &mut fastrand::Rng) -> Settings {
    let mut ms = |max| Duration::from_millis(rng.u64(1..=max));
    let (inter, fastinter, downinter) = (ms(5000), ms(2000), ms(5000));
    let spread_percent = rng.u8(0..=50);
    let limit = |rng: &mut fastrand::Rng| NonZeroU16::new(rng.u16(1..=5)).expect("from 1");
    let check = CheckSettings {
        intervals: Intervals { inter, fastinter, downinter, spread_percent },
        rise: limit(rng),
        fall: limit(rng),
        init: InitState::None,
    };
    let check = (rng.u8(..) > 10).then_some(check);
    Settings { check, agent: None, disabled: rng.u8(..) < 10, tracks: false }
}

fn verdict(rng: &mut fastrand::Rng, failing_percent: u8) -> Verdict {
    let failing = rng.u8(0..100) < failing_percent;
    let statuses: Vec<CheckStatus> = CheckStatus::all()
        .filter(|status| match status.class() {
            Class::Failed => failing,
            Class::Passed | Class::Conditional => !failing,
            Class::Neutral => false,
        })
        .collect();
    let mut verdict = Verdict::new(statuses[rng.usize(..statuses.len())]);
    verdict.heard = failing && rng.bool();
    verdict
}

impl Sim {
    fn new(seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let now = Instant::now();
        let servers = (0..SERVERS)
            .map(|_| {
                let settings = settings(&mut rng);
                let offset = Duration::from_millis(rng.u64(0..2000));
                Server {
                    health: Health::new(now, &settings, offset),
                    settings,
                    running: false,
                    void: false,
                }
            })
            .collect();
        Self { rng, now, servers }
    }

    /// One thing happens to one server; time moves a little, and now and then a lot.
    fn step(&mut self) {
        let jump = if self.rng.u16(..) < 30 { 30_000_000 } else { 400 };
        self.now += Duration::from_micros(self.rng.u64(0..jump));
        // A few servers get most of the attention, so that storms happen.
        let crowd = if self.rng.bool() { 8 } else { SERVERS };
        let index = self.rng.usize(..crowd);
        let failing_percent = if index.is_multiple_of(3) { 90 } else { 20 };
        let server = &mut self.servers[index];
        let due_before = server.health.next_check();
        match self.rng.u8(0..100) {
            0..40 => server.start_due(self.now),
            40..65 => server.finish(self.now, failing_percent, &mut self.rng),
            65..95 => server.hint(self.now),
            95..98 => server.command(self.now, &mut self.rng),
            98 => server.reload(self.now, &mut self.rng),
            _ => server.cancel(self.now),
        }
        let due = server.health.next_check();
        let late = due.is_some_and(|due| due < self.now);
        assert!(!late || due == due_before, "a check is never planned for the past");
        server.assert_sound(self.now);
    }
}

impl Server {
    fn start_due(&mut self, now: Instant) {
        if self.health.next_check().is_none_or(|due| due > now) {
            return;
        }
        assert!(!self.running, "a check is due while one runs");
        self.health.handle_started();
        self.running = true;
    }

    fn finish(&mut self, now: Instant, failing_percent: u8, rng: &mut fastrand::Rng) {
        if !std::mem::take(&mut self.running) {
            let late = self.health.handle_verdict(now, verdict(rng, 100), rng.u64(..));
            assert_eq!(late, Outcome { transition: None, news: false }, "nobody waited for it");
            return;
        };
        let verdict = verdict(rng, failing_percent);
        let (passed, heard) = (verdict.passed(), verdict.heard);
        let (before, was_up) = (self.health.standing(), self.is_passing());
        let outcome = self.health.handle_verdict(now, verdict, rng.u64(..));
        let void = std::mem::take(&mut self.void);
        let after = self.health.standing();
        assert_eq!(outcome.transition.is_some(), before != after);
        assert!(!(void && before != after), "a void verdict changes nothing");
        if after == Standing::Down && before != Standing::Down {
            assert!(!passed, "only a failed verdict takes a server down");
        }
        if heard && !void && was_up && self.is_passing() && before != Standing::Maint {
            let next = self.health.next_check().expect("no check runs");
            assert!(next <= now + CONFIRM_INTERVAL, "a refusal is confirmed soon");
        }
    }

    fn hint(&mut self, now: Instant) {
        let before = (self.health.standing(), self.health.next_check());
        self.health.handle_hint(now);
        assert_eq!(self.health.standing(), before.0, "a hint is no verdict");
        let after = self.health.next_check();
        assert!(after <= before.1, "a hint puts nothing off");
    }

    fn command(&mut self, now: Instant, rng: &mut fastrand::Rng) {
        let command = [Command::Ready, Command::Drain, Command::Maint][rng.usize(..3)];
        let before = self.health.standing();
        let change = self.health.handle_command(now, command).transition;
        let after = self.health.standing();
        assert_eq!(
            change.map(|change| (change.from, change.to)),
            (before != after).then_some((before, after))
        );
        assert_eq!(after == Standing::Maint, command == Command::Maint);
        self.entered(before, after);
    }

    fn reload(&mut self, now: Instant, rng: &mut fastrand::Rng) {
        let before = (self.health.standing(), self.is_passing());
        let settings = settings(rng);
        self.health.reconfigure(now, &settings, Duration::ZERO);
        if settings.check.is_none() || self.settings.check.is_none() {
            self.running = false;
            self.void = false;
        } else if before.0 != Standing::Maint {
            assert_eq!(self.is_passing(), before.1, "a reload keeps health");
        }
        self.settings = settings;
        self.entered(before.0, self.health.standing());
    }

    fn cancel(&mut self, now: Instant) {
        let before = self.health.standing();
        self.health.handle_cancelled(now);
        self.running = false;
        self.void = false;
        assert_eq!(self.health.standing(), before, "giving up is no verdict");
    }

    fn entered(&mut self, before: Standing, after: Standing) {
        if after == Standing::Maint && before != after {
            self.void = self.running;
        }
    }

    fn is_passing(&self) -> bool {
        self.health.score().is_none_or(|score| score.is_up())
    }

    fn assert_sound(&self, now: Instant) {
        let health = &self.health;
        if let Some(score) = health.score() {
            let (rise, fall) = (u32::from(score.rise().get()), u32::from(score.fall().get()));
            assert!(score.score() < rise + fall);
            assert_eq!(score.is_up(), score.score() >= rise);
        }
        let expected = match (health.admin().is_maint(), self.is_passing()) {
            (true, _) => health.standing() == Standing::Maint,
            (false, false) => health.standing() == Standing::Down,
            (false, true) => {
                let stopping = health.standing() == Standing::Stopping;
                let draining = health.standing() == Standing::Draining;
                let drained = health.admin().is_drain();
                stopping || draining == drained && health.standing().is_running()
            }
        };
        assert!(expected, "{:?} with {:?}", health.standing(), health.admin());
        assert_eq!(health.is_checking(), self.running);
        if health.is_checking() || health.admin().is_maint() || health.score().is_none() {
            assert_eq!(health.next_check(), None);
        } else {
            let due = health.next_check().expect("an idle check has its time");
            let longest = Duration::from_secs(5).mul_f64(1.5) + Duration::from_millis(1);
            assert!(due <= now + longest, "the next check is too far away");
        }
        assert!(health.downtime(now) <= now - START.with(|start| *start));
        assert!(health.last_change() <= now);
    }
}

thread_local! {
    static START: Instant = Instant::now();
}

/// Prints the seed if the run does not end well.
struct SeedOnPanic(u64);

impl Drop for SeedOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("replay with SIM_SEED={}", self.0);
        }
    }
}

/// That of `SIM_SEED`, or a new one.
fn seed() -> u64 {
    let replayed = std::env::var("SIM_SEED").ok().and_then(|seed| seed.parse().ok());
    replayed.unwrap_or_else(|| fastrand::u64(..))
}

#[test]
fn health_stays_sound_whatever_happens() {
    START.with(|_| ());
    let replayed = std::env::var("SIM_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = SeedOnPanic(replayed.unwrap_or_else(|| fastrand::u64(..)));
    let mut sim = Sim::new(seed.0);
    for _ in 0..STEPS {
        sim.step();
    }
    let flips: u64 = sim.servers.iter().map(|server| server.health.flips()).sum();
    assert!(flips > 0, "a run in which nothing goes down proves nothing");
}

#[test]
fn a_storm_of_hints_costs_a_passing_server_ten_checks_a_second() {
    let seed = SeedOnPanic(seed());
    let mut rng = fastrand::Rng::with_seed(seed.0);
    let start = Instant::now();
    let never = Duration::from_secs(3600);
    let limit = NonZeroU16::new(3).expect("not 0");
    let intervals =
        Intervals { inter: never, fastinter: never, downinter: never, spread_percent: 0 };
    let check = Some(CheckSettings { intervals, rise: limit, fall: limit, init: InitState::None });
    let mut health = Health::new(start, &Settings { check, ..Settings::default() }, never);
    let (mut now, mut checks, mut ends) = (start, 0u32, None);
    while now < start + Duration::from_secs(60) {
        now += Duration::from_micros(rng.u64(1..2_000));
        health.handle_hint(now);
        if ends.is_some_and(|at| at <= now) {
            health.handle_verdict(now, Verdict::new(CheckStatus::L4Ok), rng.u64(..));
            ends = None;
        } else if health.next_check().is_some_and(|due| due <= now) {
            health.handle_started();
            checks += 1;
            ends = Some(now + Duration::from_micros(rng.u64(0..5_000)));
        }
    }
    assert!((400..=601).contains(&checks), "{checks} checks in 60 s");
}
