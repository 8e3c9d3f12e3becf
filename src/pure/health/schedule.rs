//! When a server is checked next.
//!
//! The interval counts from the end of the previous check, as in HAProxy, and a check never
//! overlaps itself. Beyond HAProxy, failures are *heard*: a session that could not connect makes a
//! check due at once, and a check that was refused or reset is confirmed after
//! [`CONFIRM_INTERVAL`]. Bound: a server whose checks pass is checked at most once a
//! [`HINT_DISTANCE`] because of hints, after the first few.
//!
//! ```text
//!            started                     finished
//!   idle(due) ------> running(hinted, again) ------> idle(due)
//!      ^ hint: due now       ^ hint: again                | again: due now, else interval
//!      '----------------------------------------------------'
//! ```

use std::time::{Duration, Instant};

/// From a refused or reset check of a server that is still up to the next one. `fall` such checks
/// (3 by default) then take 10 ms: short against any client's patience, and long enough for a
/// listener that is being replaced to be back.
pub const CONFIRM_INTERVAL: Duration = Duration::from_millis(5);

/// From a hinted check that passed to the next one a hint may cause, where hinted ones pass in a row:
/// sessions that fail while checks pass (an overflowing backlog, a network that loses packets) cost a
/// server at most ten extra checks a second, whatever their number.
pub const HINT_DISTANCE: Duration = Duration::from_millis(100);

/// The same after the first of them; it grows by a quarter from then on. A process that is killed is heard
/// to leave some before it stops to listen: milliseconds later for a Postgres of many sessions (measured:
/// 2.5 in the median, 8 at most). So no more is lost than a quarter of what that took; where it doubled
/// from 2 ms on, 3 of 100 kills were told of 11 to 16 ms after nobody listened.
const HINT_DISTANCE_MIN: Duration = Duration::from_millis(1);

/// From a database that said what it is to the next time it is asked, while its group has no
/// primary: who waits for one learns of a promotion within this and a round trip.
pub const AWAITING_PRIMARY: Duration = Duration::from_millis(50);

/// Distances between checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Intervals {
    /// While fully up.
    pub inter: Duration,
    /// While between up and down.
    pub fastinter: Duration,
    /// While fully down.
    pub downinter: Duration,
    /// `spread-checks`: random part of every interval in percent of it, 0 to 50, either way.
    pub spread_percent: u8,
}

/// How sure the score is, which selects the interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// Up with all lives.
    Up,
    /// Somewhere in between.
    Between,
    /// Down without a pass.
    Down,
}

impl Intervals {
    /// The distance to the next check, spread by `random`, which must be uniform.
    #[must_use]
    pub fn next(&self, settled: Settled, random: u64) -> Duration {
        let base = match settled {
            Settled::Up => self.inter,
            Settled::Between => self.fastinter,
            Settled::Down => self.downinter,
        };
        spread(base, self.spread_percent, random)
    }
}

/// `base` plus or minus up to `percent` of it.
fn spread(base: Duration, percent: u8, random: u64) -> Duration {
    let percent = f64::from(percent.min(50)) / 100.0;
    // The upper 53 bits fill a double's mantissa: a uniform number from 0 to 1.
    let uniform = (random >> 11) as f64 / ((1u64 << 53) - 1) as f64;
    base.mul_f64(1.0 + percent * (2.0 * uniform - 1.0))
}

/// Checks start on a grid of this share of their interval, so that a process that checks hundreds
/// of servers sleeps between them (measured: 500 servers every second, 435 wake-ups a second
/// without a grid, 100 with it).
const GRAIN_SHARE: u32 = 100;

/// The coarsest grid: no check is later than this for it.
const GRAIN_MAX: Duration = Duration::from_millis(10);

/// When to start a check that is due `due` after the process' start and repeated every `inter`: at
/// the next line of a grid that all checks share, less than a hundredth of `inter` later.
#[must_use]
pub fn on_grid(due: Duration, inter: Duration) -> Duration {
    let grain = (inter / GRAIN_SHARE).min(GRAIN_MAX).as_millis();
    if grain == 0 {
        return due;
    }
    let lines = due.as_millis().div_ceil(grain);
    Duration::from_millis(u64::try_from(lines * grain).unwrap_or(u64::MAX))
}

/// Checks that are farther apart than this are spread over the whole start-up; faster ones over
/// their own interval only (HAProxy's bound).
const SPREAD_INTERVAL_MIN: Duration = Duration::from_secs(1);

/// The smallest interval of `inters` that start-up is spread over; zero when none is slow enough.
#[must_use]
pub fn start_interval(inters: impl Iterator<Item = Duration>) -> Duration {
    inters.filter(|&inter| inter >= SPREAD_INTERVAL_MIN).min().unwrap_or_default()
}

/// How long after start the first check of server `index` of `count` runs: a fraction of the larger
/// of its own interval and `start_interval`, so that checks do not come in waves. `bound` is
/// `max-spread-checks`.
#[must_use]
pub fn start_offset(
    inter: Duration,
    start_interval: Duration,
    bound: Option<Duration>,
    index: u32,
    count: u32,
) -> Duration {
    let window = inter.max(start_interval);
    let window = bound.map_or(window, |bound| window.min(bound));
    window.mul_f64(f64::from(index) / f64::from(count.max(1)))
}

/// What a finished check means for the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// It passed.
    Passed,
    /// It failed and that is all.
    Failed,
    /// It was refused or reset and the server is still up: confirm soon.
    Confirm,
    /// It failed and the server is down: hints have nothing to hasten.
    Down,
}

/// Why a check runs, and what happened meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Running {
    hinted: bool,
    again: bool,
}

/// The timetable of one server's check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// When the next check is due; ignored while one runs.
    due: Instant,
    /// The next check is due because of a hint.
    hinted: bool,
    running: Option<Running>,
    /// Hints cause no check before this.
    hint_floor: Option<Instant>,
    /// How far it was from the last hinted check that passed; zero after any other.
    hint_distance: Duration,
    /// Ends cause no check before this.
    end_floor: Option<Instant>,
}

impl Schedule {
    /// First check at `due`.
    #[must_use]
    pub fn new(due: Instant) -> Self {
        let (hint_floor, end_floor, hint_distance) = (None, None, Duration::ZERO);
        Self { due, hinted: false, running: None, hint_floor, hint_distance, end_floor }
    }

    /// When the next check must start; `None` while one runs.
    #[must_use]
    pub fn next_check(&self) -> Option<Instant> {
        if self.running.is_some() { None } else { Some(self.due) }
    }

    /// A check runs.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// A check runs because of a hint.
    #[must_use]
    pub fn is_hinted(&self) -> bool {
        self.running.is_some_and(|running| running.hinted)
    }

    /// A check was started. Starting another before it finished is the caller's mistake and has no
    /// effect.
    pub fn handle_started(&mut self) {
        if self.running.is_none() {
            self.running = Some(Running { hinted: self.hinted, again: false });
            self.hinted = false;
        }
    }

    /// The running check ended, and without hints the next one is `interval` away.
    pub fn handle_finished(&mut self, now: Instant, after: After, interval: Duration) {
        let Some(running) = self.running.take() else {
            return;
        };
        let interval = match after {
            After::Confirm => interval.min(CONFIRM_INTERVAL),
            After::Passed | After::Failed | After::Down => interval,
        };
        self.due = now + interval;
        (self.hint_floor, self.hint_distance) = match after {
            After::Passed if running.hinted => {
                let next = self.hint_distance * 5 / 4;
                let distance = next.clamp(HINT_DISTANCE_MIN, HINT_DISTANCE);
                (Some(now + distance), distance)
            }
            After::Passed => (self.hint_floor, Duration::ZERO),
            After::Failed | After::Confirm | After::Down => (None, Duration::ZERO),
        };
        if running.again && after != After::Down {
            self.handle_hint(now);
        }
    }

    /// A session failed to reach the server: the next check is due at once, or right after the
    /// running one. Any number of hints is one.
    pub fn handle_hint(&mut self, now: Instant) {
        if let Some(running) = &mut self.running {
            running.again = true;
            return;
        }
        let at = self.hint_floor.map_or(now, |floor| floor.max(now));
        if at < self.due {
            self.due = at;
            self.hinted = true;
        }
    }

    /// What was held with the server ended: the next check is due at once. A server that ends every
    /// session is asked once a [`HINT_DISTANCE`] for it.
    pub fn handle_end(&mut self, now: Instant) {
        let at = self.end_floor.map_or(now, |floor| floor.max(now));
        self.end_floor = Some(at + HINT_DISTANCE);
        match &mut self.running {
            Some(running) => running.again = true,
            None if at < self.due => (self.due, self.hinted) = (at, true),
            None => {}
        }
    }

    /// Brings the next check forward to `at`; never puts it off.
    pub fn hasten(&mut self, at: Instant) {
        self.due = self.due.min(at);
    }

    /// Starts over: the next check is due at `at`, and hints before count no more.
    pub fn restart(&mut self, at: Instant) {
        self.due = at;
        self.hinted = false;
        (self.hint_floor, self.end_floor) = (None, None);
    }

    /// The running check was given up without a verdict.
    pub fn handle_cancelled(&mut self, now: Instant) {
        if self.running.take().is_some() {
            self.due = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: Duration = Duration::from_millis(1);

    fn intervals(spread_percent: u8) -> Intervals {
        Intervals { inter: 2000 * MS, fastinter: 500 * MS, downinter: 5000 * MS, spread_percent }
    }

    #[test]
    fn checks_start_on_a_grid_that_is_fine_for_their_interval() {
        let ms = |n: u32| n * MS;
        assert_eq!(on_grid(ms(1_001), ms(2_000)), ms(1_010));
        assert_eq!(on_grid(ms(1_010), ms(2_000)), ms(1_010));
        assert_eq!(on_grid(ms(1_001), ms(500)), ms(1_005));
        let odd = Duration::from_micros(1_234);
        assert_eq!(on_grid(odd, ms(50)), odd, "an interval too short for a grid");
    }

    #[test]
    fn interval_follows_the_score() {
        assert_eq!(intervals(0).next(Settled::Up, 7), 2000 * MS);
        assert_eq!(intervals(0).next(Settled::Between, 7), 500 * MS);
        assert_eq!(intervals(0).next(Settled::Down, 7), 5000 * MS);
        assert_eq!(intervals(50).next(Settled::Up, 0), 1000 * MS);
        assert_eq!(intervals(50).next(Settled::Up, u64::MAX), 3000 * MS);
    }

    #[test]
    fn start_is_spread_over_the_smallest_slow_interval() {
        let base = start_interval([200 * MS, 2000 * MS, 4000 * MS].into_iter());
        assert_eq!(base, 2000 * MS);
        assert_eq!(start_offset(200 * MS, base, None, 0, 4), Duration::ZERO);
        assert_eq!(start_offset(200 * MS, base, None, 1, 4), 500 * MS);
        assert_eq!(start_offset(4000 * MS, base, None, 3, 4), 3000 * MS);
        assert_eq!(start_offset(4000 * MS, base, Some(100 * MS), 2, 4), 50 * MS);
        let none = start_interval([200 * MS].into_iter());
        assert_eq!(start_offset(200 * MS, none, None, 1, 2), 100 * MS);
    }

    #[test]
    fn a_hint_makes_the_check_due_and_a_second_one_changes_nothing() {
        let start = Instant::now();
        let mut schedule = Schedule::new(start + 2000 * MS);
        schedule.handle_hint(start + 3 * MS);
        schedule.handle_hint(start + 4 * MS);
        assert_eq!(schedule.next_check(), Some(start + 3 * MS));
    }

    #[test]
    fn a_hint_during_a_check_makes_one_follow_directly() {
        let start = Instant::now();
        let mut schedule = Schedule::new(start);
        schedule.handle_started();
        assert_eq!(schedule.next_check(), None);
        schedule.handle_hint(start + MS);
        schedule.handle_finished(start + 2 * MS, After::Passed, 2000 * MS);
        assert_eq!(schedule.next_check(), Some(start + 2 * MS));
    }

    #[test]
    fn hinted_checks_that_pass_come_farther_and_farther_apart() {
        let mut now = Instant::now();
        let mut schedule = Schedule::new(now + 2000 * MS);
        let pass = |schedule: &mut Schedule, now| {
            schedule.handle_started();
            schedule.handle_finished(now, After::Passed, 2000 * MS);
        };
        schedule.handle_hint(now);
        let mut distance = MS;
        for _ in 0..30 {
            pass(&mut schedule, now);
            schedule.handle_hint(now);
            now += distance;
            assert_eq!(schedule.next_check(), Some(now));
            distance = (distance * 5 / 4).min(HINT_DISTANCE);
        }
        assert_eq!(distance, HINT_DISTANCE);
        pass(&mut schedule, now);
        now += 2000 * MS;
        pass(&mut schedule, now);
        schedule.handle_hint(now);
        assert_eq!(schedule.next_check(), Some(now), "one that nobody hinted at passed");
    }

    #[test]
    fn the_end_of_what_was_held_waits_for_no_hint_and_is_followed_at_a_distance() {
        let start = Instant::now();
        let mut schedule = Schedule::new(start + 2000 * MS);
        let pass = |schedule: &mut Schedule, now| {
            schedule.handle_started();
            schedule.handle_finished(now, After::Passed, 2000 * MS);
        };
        schedule.handle_hint(start);
        pass(&mut schedule, start + MS);
        schedule.handle_end(start + 2 * MS);
        assert_eq!(schedule.next_check(), Some(start + 2 * MS));
        pass(&mut schedule, start + 3 * MS);
        schedule.handle_end(start + 3 * MS);
        assert_eq!(schedule.next_check(), Some(start + 2 * MS + HINT_DISTANCE));
    }

    #[test]
    fn a_failure_lifts_the_distance() {
        let start = Instant::now();
        let mut schedule = Schedule::new(start + 2000 * MS);
        schedule.handle_hint(start);
        schedule.handle_started();
        schedule.handle_finished(start + MS, After::Passed, 2000 * MS);
        schedule.hasten(start + 2 * MS);
        schedule.handle_started();
        schedule.handle_finished(start + 3 * MS, After::Failed, 2000 * MS);
        schedule.handle_hint(start + 4 * MS);
        assert_eq!(schedule.next_check(), Some(start + 4 * MS));
    }

    #[test]
    fn a_refused_check_is_confirmed_soon() {
        let start = Instant::now();
        let mut schedule = Schedule::new(start);
        schedule.handle_started();
        schedule.handle_finished(start, After::Confirm, 2000 * MS);
        assert_eq!(schedule.next_check(), Some(start + CONFIRM_INTERVAL));
        schedule.handle_started();
        schedule.handle_finished(start, After::Confirm, MS);
        assert_eq!(schedule.next_check(), Some(start + MS));
    }

    proptest! {
        #[test]
        fn spread_stays_within_its_percentage(percent in 0u8..=50, random: u64) {
            let interval = intervals(percent).next(Settled::Up, random).as_secs_f64();
            let slack = 2.0 * f64::from(percent) / 100.0 + 1e-6;
            prop_assert!((interval - 2.0).abs() <= slack);
        }
    }
}
