//! One server's health: checks × agent × admin → standing.
//!
//! The machine is told what happened (`handle_*`), says when it wants the next check
//! ([`Health::next_check`]) and what the server is worth ([`Health::standing`]). It knows no socket
//! and no other server. Semantics are HAProxy's; what is ours (hints, quick confirmation) is in
//! [`schedule`].
//!
//! | maint | checks | last verdict | drain | standing |
//! |---|---|---|---|---|
//! | yes | – | – | – | `Maint` |
//! | no | failing | – | – | `Down` |
//! | no | passing | conditional | – | `Stopping` |
//! | no | passing | plain | yes | `Draining` |
//! | no | passing | plain | no | `Up` |
//!
//! `failing` is a check or an agent that fails. A server without a check counts as passing, unless an operator said otherwise ([`Said`]): with
//! a check, that lasts until the next verdict.
//!
//! **Invariants.** One check at a time; a server goes down by verdicts or by an operator, never by
//! a hint; an interval counts from the end of the check before.

pub mod admin;
pub mod agent;
pub mod agent_words;
mod checks;
mod known;
pub mod passive;
pub mod ramp;
pub mod risefall;
pub mod schedule;
mod status;
pub mod verdict;

use std::num::NonZeroU16;
use std::time::{Duration, Instant};

use admin::{Admin, Command};
use agent::{Agent, AgentSettings};
use checks::Checks;
use schedule::Intervals;
use verdict::{Class, Verdict};

/// What a server is worth right now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Standing {
    /// May be picked.
    Up,
    /// An operator lets it run empty.
    Draining,
    /// It asked itself to run empty (a conditionally passed check).
    Stopping,
    /// Its checks fail.
    Down,
    /// Switched off by an operator or by the configuration.
    Maint,
}

impl Standing {
    /// Neither down nor in maintenance: sessions on it may go on.
    #[must_use]
    pub fn is_running(self) -> bool {
        matches!(self, Self::Up | Self::Draining | Self::Stopping)
    }
}

/// A change of standing; `from` and `to` differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition {
    /// What it was.
    pub from: Standing,
    /// What it is.
    pub to: Standing,
}

/// What a verdict did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The standing changed.
    pub transition: Option<Transition>,
    /// The result is worth a line of `option log-health-checks`: the score moved or the status is
    /// another than before.
    pub news: bool,
}

/// How a server is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckSettings {
    /// Distances between checks.
    pub intervals: Intervals,
    /// Passing checks in a row that bring the server up.
    pub rise: NonZeroU16,
    /// Failing checks in a row that take it down.
    pub fall: NonZeroU16,
    /// Where the score begins.
    pub init: InitState,
}

/// `init-state`: what a server is before its first check, at the start and after maintenance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InitState {
    /// Up; the first failed check takes it down. HAProxy's way before the option was there.
    #[default]
    None,
    /// Up with all its lives.
    FullyUp,
    /// As without the option.
    Up,
    /// Down; the first check that passes brings it up.
    Down,
    /// Down, and it takes `rise` checks that pass.
    FullyDown,
}

/// What an operator may say of a server's health, in place of its check.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Said {
    /// It passes, with all its lives.
    #[default]
    Up,
    /// It passes and takes no new sessions by balancing.
    Stopping,
    /// It fails.
    Down,
}

/// What an operator's command did, or a change of the server that is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Commanded {
    /// Flags before.
    pub before: Admin,
    /// Flags after.
    pub after: Admin,
    /// The standing changed.
    pub transition: Option<Transition>,
}

/// What the configuration says about one server's health.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Its check; `None`: it counts as up.
    pub check: Option<CheckSettings>,
    /// Its agent.
    pub agent: Option<AgentSettings>,
    /// Starts in maintenance.
    pub disabled: bool,
    /// It follows another server.
    pub tracks: bool,
}

/// One server's health.
#[derive(Clone, Debug)]
pub struct Health {
    disabled: bool,
    /// `said` is what the server it follows says.
    tracks: bool,
    admin: Admin,
    checks: Option<Checks>,
    agent: Option<Agent>,
    /// Times sessions failed so often that `on-error` was done.
    detections: u64,
    /// Counts where there is no check.
    said: Said,
    standing: Standing,
    last_change: Instant,
    /// When it last came to serve new sessions; `None` where it does not, or did from the start.
    serves_since: Option<Instant>,
    /// Time spent down or in maintenance before `last_change`.
    downtime: Duration,
    failed_checks: u64,
    flips: u64,
}

impl Health {
    /// As `init-state` says, or in maintenance; the first check is due `start_offset` from `now`.
    #[must_use]
    pub fn new(now: Instant, settings: &Settings, start_offset: Duration) -> Self {
        let admin = Admin::new(settings.disabled);
        let checks = settings.check.map(|check| Checks::new(now + start_offset, &check));
        let is_up = checks.as_ref().is_none_or(|checks| checks.score.is_up());
        Self {
            disabled: settings.disabled,
            tracks: settings.tracks,
            admin,
            checks,
            agent: settings.agent.map(|agent| Agent::new(now, &agent)),
            detections: 0,
            said: Said::default(),
            standing: match (admin.is_maint(), is_up) {
                (true, _) => Standing::Maint,
                (false, true) => Standing::Up,
                (false, false) => Standing::Down,
            },
            last_change: now,
            serves_since: None,
            downtime: Duration::ZERO,
            failed_checks: 0,
            flips: 0,
        }
    }

    /// When to start the next check: call [`Self::handle_started`] then. `None` while one runs, in
    /// maintenance, while checks are off, and for a server without a check. Changes with every
    /// `handle_*`.
    #[must_use]
    pub fn next_check(&self) -> Option<Instant> {
        let checks = self.checks.as_ref().filter(|_| self.is_checked())?;
        checks.schedule.next_check()
    }

    /// Whether checks are made of it at all.
    #[must_use]
    pub fn is_checked(&self) -> bool {
        !self.admin.is_maint() && self.checks.as_ref().is_some_and(|checks| !checks.off)
    }

    /// The check that was due runs now; its end is [`Self::handle_verdict`] or
    /// [`Self::handle_cancelled`].
    pub fn handle_started(&mut self) {
        if let Some(checks) = &mut self.checks {
            checks.schedule.handle_started();
        }
    }

    /// The running check ended at `now`. A verdict nobody waits for is ignored. `random` must be
    /// uniform; it spreads the next check.
    pub fn handle_verdict(&mut self, now: Instant, verdict: Verdict, random: u64) -> Outcome {
        let nothing = Outcome { transition: None, news: false };
        let Some(checks) = self.checks.as_mut().filter(|checks| checks.schedule.is_running())
        else {
            return nothing;
        };
        if checks.void {
            checks.void = false;
            checks.schedule.handle_cancelled(now);
            return nothing;
        }
        let moved = checks.count(&verdict);
        let failed = verdict.status.class() == Class::Failed;
        self.failed_checks += u64::from(failed && moved);
        let news = moved || checks.last.as_ref().map(|last| last.status) != Some(verdict.status);
        checks.plan_next(now, &verdict, random);
        checks.last = Some(verdict);
        Outcome { transition: self.settle(now), news }
    }

    /// The running check was given up without a verdict; it is due again at once.
    pub fn handle_cancelled(&mut self, now: Instant) {
        if let Some(checks) = &mut self.checks {
            checks.void = false;
            checks.schedule.handle_cancelled(now);
        }
    }

    /// A session could not connect (refused, timed out, reset): a check is due at once. Hints alone
    /// never change the standing, and a server that is down already keeps its pace.
    pub fn handle_hint(&mut self, now: Instant) {
        if self.admin.is_maint() {
            return;
        }
        let checks = self.checks.as_mut().filter(|checks| checks.score.is_up() && !checks.off);
        if let Some(checks) = checks {
            checks.schedule.handle_hint(now);
        }
    }

    /// What a check held with the server ended: as [`handle_hint`](Self::handle_hint), and hints that
    /// came to nothing do not put it off.
    pub fn handle_end(&mut self, now: Instant) {
        if self.admin.is_maint() {
            return;
        }
        let checks = self.checks.as_mut().filter(|checks| checks.score.is_up() && !checks.off);
        if let Some(checks) = checks {
            checks.schedule.handle_end(now);
        }
    }

    /// The next check is due at `at`, if not before.
    pub fn hasten(&mut self, at: Instant) {
        if let Some(checks) = &mut self.checks {
            checks.schedule.hasten(at);
        }
    }

    /// An operator's command.
    pub fn handle_command(&mut self, now: Instant, command: Command) -> Commanded {
        let before = self.admin;
        let transition = self.apply(now, before.after(command));
        Commanded { before, after: self.admin, transition }
    }

    /// The standing is as old as `then`: another process had the server before.
    pub fn restore_last_change(&mut self, then: Instant) {
        self.last_change = self.last_change.min(then);
    }

    /// The server got its first address, or lost its last one.
    pub fn handle_resolved(&mut self, now: Instant, resolved: bool) -> Option<Transition> {
        self.apply(now, self.admin.resolved(resolved))
    }

    /// An operator speaks for the check: the score is as if it had found this many times. In
    /// maintenance that counts for nothing, since leaving it starts over.
    pub fn handle_said(&mut self, now: Instant, said: Said) -> Option<Transition> {
        if self.admin.is_maint() {
            return None;
        }
        match &mut self.checks {
            Some(checks) => checks.pretend(said),
            None => self.said = said,
        }
        self.settle(now)
    }

    /// The server it follows stands like `tracked`: its state and its flags are taken over.
    pub fn handle_tracked(&mut self, now: Instant, tracked: &Self) -> Commanded {
        match tracked.standing {
            Standing::Up | Standing::Draining => self.said = Said::Up,
            Standing::Stopping => self.said = Said::Stopping,
            Standing::Down => self.said = Said::Down,
            // What it will be after that is said then.
            Standing::Maint => {}
        }
        let before = self.admin;
        let transition = self.apply(now, before.inheriting(Some(tracked.admin)));
        Commanded { before, after: self.admin, transition }
    }

    /// Switches the checks on or off; what they found last stands while they are off. Off, the
    /// verdict of a running check counts for nothing. `false`: there is no check to switch on.
    pub fn handle_switch(&mut self, now: Instant, on: bool) -> bool {
        let Some(checks) = &mut self.checks else { return !on };
        if on && checks.off {
            checks.schedule.restart(now);
        }
        checks.void |= !on && checks.schedule.is_running();
        checks.off = !on;
        true
    }

    /// New settings after a reload. Health, the last verdict and what operators asked for are kept;
    /// a check that is new starts `start_offset` from `now`.
    pub fn reconfigure(
        &mut self,
        now: Instant,
        settings: &Settings,
        start_offset: Duration,
    ) -> Option<Transition> {
        match (&mut self.agent, &settings.agent) {
            (Some(running), Some(agent)) => running.reconfigure(now, agent),
            (None, Some(agent)) => self.agent = Some(Agent::new(now, agent)),
            (_, None) => self.agent = None,
        }
        match (&mut self.checks, &settings.check) {
            (Some(checks), Some(check)) => checks.reconfigure(now, check),
            (None, Some(check)) => self.checks = Some(Checks::new(now + start_offset, check)),
            (_, None) => self.checks = None,
        }
        if self.tracks && !settings.tracks {
            self.said = Said::Up;
            self.apply(now, self.admin.inheriting(None));
        }
        self.tracks = settings.tracks;
        if settings.disabled == self.disabled {
            return self.settle(now);
        }
        self.disabled = settings.disabled;
        self.apply(now, self.admin.reconfigured(settings.disabled))
    }

    /// Forgets failures, detections and flips (`clear counters all`).
    pub fn clear_counters(&mut self) {
        (self.failed_checks, self.detections, self.flips) = (0, 0, 0);
    }

    /// Takes new flags; checks pause in maintenance and start over after it, as `init-state` says.
    fn apply(&mut self, now: Instant, admin: Admin) -> Option<Transition> {
        let was_maint = self.admin.is_maint();
        self.admin = admin;
        if was_maint && !admin.is_maint() && !self.tracks {
            self.said = Said::Up;
        }
        if let Some(checks) = &mut self.checks {
            match (was_maint, admin.is_maint()) {
                (false, true) => checks.void = checks.schedule.is_running(),
                (true, false) => checks.resume(now),
                _ => {}
            }
        }
        self.settle(now)
    }

    /// Recomputes the standing and accounts for its change.
    fn settle(&mut self, now: Instant) -> Option<Transition> {
        let (from, to) = (self.standing, self.judged());
        if from == to {
            return None;
        }
        self.downtime = self.downtime(now);
        self.last_change = now;
        // A drain leaves a server warm.
        let serves = |standing| matches!(standing, Standing::Up | Standing::Draining);
        let began = if serves(from) { self.serves_since } else { Some(now) };
        self.serves_since = began.filter(|_| serves(to));
        self.standing = to;
        self.flips += u64::from(from.is_running() && !to.is_running());
        Some(Transition { from, to })
    }

    /// The truth table of the module's documentation.
    fn judged(&self) -> Standing {
        let (passing, conditional) = match &self.checks {
            Some(checks) => (checks.score.is_up(), checks.conditional),
            None => (self.said != Said::Down, self.said == Said::Stopping),
        };
        let passing = passing && self.agent.as_ref().is_none_or(Agent::is_up);
        match (self.admin.is_maint(), passing, conditional, self.admin.is_drain()) {
            (true, _, _, _) => Standing::Maint,
            (false, false, _, _) => Standing::Down,
            (false, true, true, _) => Standing::Stopping,
            (false, true, false, true) => Standing::Draining,
            (false, true, false, false) => Standing::Up,
        }
    }
}

#[cfg(test)]
mod tests;
