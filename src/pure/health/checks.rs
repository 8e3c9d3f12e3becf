//! The checks of one server: score, timetable and the last verdict, moved together.

use std::time::Instant;

use super::risefall::RiseFall;
use super::schedule::{After, Intervals, Schedule, Settled};
use super::verdict::{Class, Verdict};
use super::{CheckSettings, InitState, Said};

/// The checks of one server.
#[derive(Clone, Debug)]
pub(super) struct Checks {
    pub(super) intervals: Intervals,
    pub(super) score: RiseFall,
    init: InitState,
    pub(super) schedule: Schedule,
    /// The last verdict said to take no new sessions.
    pub(super) conditional: bool,
    /// An operator switched them off.
    pub(super) off: bool,
    /// The verdict of the running check is void: the server was in maintenance, or its checks were
    /// off, meanwhile.
    pub(super) void: bool,
    pub(super) last: Option<Verdict>,
}

impl Checks {
    pub(super) fn new(due: Instant, settings: &CheckSettings) -> Self {
        Self {
            intervals: settings.intervals,
            score: initial(settings),
            init: settings.init,
            schedule: Schedule::new(due),
            conditional: false,
            off: false,
            void: false,
            last: None,
        }
    }

    /// Counts a verdict; whether the score moved.
    pub(super) fn count(&mut self, verdict: &Verdict) -> bool {
        if verdict.refused || verdict.unasked {
            return false;
        }
        let moved = match verdict.status.class() {
            Class::Neutral => return false,
            Class::Failed => {
                if verdict.certain || verdict.shut.is_some() {
                    self.score.last_life();
                }
                self.score.handle(false)
            }
            Class::Passed | Class::Conditional => self.score.handle(true),
        };
        match verdict.status.class() {
            Class::Conditional => self.conditional = true,
            Class::Passed => self.conditional = false,
            Class::Failed if !self.score.is_up() => self.conditional = false,
            Class::Failed | Class::Neutral => {}
        }
        moved.counted
    }

    /// Takes an operator's word for what the checks found.
    pub(super) fn pretend(&mut self, said: Said) {
        self.score.force(said != Said::Down);
        self.conditional = said == Said::Stopping;
    }

    pub(super) fn plan_next(&mut self, now: Instant, verdict: &Verdict, random: u64) {
        let after = match verdict.status.class() {
            Class::Failed if verdict.refused || verdict.unasked => After::Passed,
            Class::Failed if verdict.heard && self.score.is_up() => After::Confirm,
            Class::Failed if self.score.is_up() => After::Failed,
            Class::Failed => After::Down,
            Class::Passed | Class::Conditional | Class::Neutral => After::Passed,
        };
        let interval = self.intervals.next(self.settled(), random);
        self.schedule.handle_finished(now, after, interval);
    }

    fn settled(&self) -> Settled {
        if self.score.is_full() {
            Settled::Up
        } else if self.score.score() == 0 {
            Settled::Down
        } else {
            Settled::Between
        }
    }

    pub(super) fn resume(&mut self, now: Instant) {
        self.score = initial(&CheckSettings {
            intervals: self.intervals,
            rise: self.score.rise(),
            fall: self.score.fall(),
            init: self.init,
        });
        self.conditional = false;
        self.schedule.restart(now);
    }

    pub(super) fn reconfigure(&mut self, now: Instant, settings: &CheckSettings) {
        (self.intervals, self.init) = (settings.intervals, settings.init);
        self.score.reconfigure(settings.rise, settings.fall);
        let longest_wait = self.intervals.next(self.settled(), u64::MAX);
        self.schedule.hasten(now + longest_wait);
    }
}

/// The score before the first check.
fn initial(settings: &CheckSettings) -> RiseFall {
    let mut score = RiseFall::new(settings.rise, settings.fall);
    match settings.init {
        InitState::None | InitState::Up => {}
        InitState::FullyUp => score.force(true),
        InitState::Down => score.last_try(),
        InitState::FullyDown => score.force(false),
    }
    score
}
