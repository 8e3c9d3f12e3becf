//! The auxiliary agent of one server: its timetable, and what it said last.
//!
//! It has one life each way: `up` is up, `down`, `fail` and `stopped` are down, and anything else
//! (another word, silence, no connection) leaves what it said before. It goes on in maintenance, so
//! that it can end what it began.

use std::time::{Duration, Instant};

use super::schedule::{After, Intervals, Schedule, Settled};
use super::verdict::{CheckStatus, Class, Verdict};
use super::{Health, Outcome};

/// How a server's agent is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AgentSettings {
    /// Distances between questions; all but the spread are `agent-inter`.
    pub intervals: Intervals,
    /// From the start to the first question.
    pub start_offset: Duration,
}

/// The agent of one server.
#[derive(Clone, Debug)]
pub struct Agent {
    intervals: Intervals,
    schedule: Schedule,
    up: bool,
    /// An operator switched it off.
    off: bool,
    /// The answer to the running question is void: it was switched off meanwhile.
    void: bool,
    last: Option<Verdict>,
}

impl Agent {
    pub(super) fn new(now: Instant, settings: &AgentSettings) -> Self {
        Self {
            intervals: settings.intervals,
            schedule: Schedule::new(now + settings.start_offset),
            up: true,
            off: false,
            void: false,
            last: None,
        }
    }

    /// The server is up as far as the agent knows; so it is while nobody asks.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.up || self.off
    }

    /// Nobody switched it off.
    #[must_use]
    pub fn is_on(&self) -> bool {
        !self.off
    }

    /// It is being asked.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.schedule.is_running()
    }

    /// What it said last; `None` before the first answer.
    #[must_use]
    pub fn last_verdict(&self) -> Option<&Verdict> {
        self.last.as_ref()
    }

    pub(super) fn reconfigure(&mut self, now: Instant, settings: &AgentSettings) {
        self.intervals = settings.intervals;
        self.schedule.hasten(now + self.intervals.next(Settled::Up, u64::MAX));
    }
}

impl Health {
    /// The agent; `None` for a server without one.
    #[must_use]
    pub fn agent(&self) -> Option<&Agent> {
        self.agent.as_ref()
    }

    /// When to ask the agent next: call [`Self::handle_agent_started`] then. `None` while it is
    /// asked, while it is off, and without an agent.
    #[must_use]
    pub fn next_agent_check(&self) -> Option<Instant> {
        self.agent.as_ref().filter(|agent| !agent.off)?.schedule.next_check()
    }

    /// The agent is asked now; the end is [`Self::handle_agent_verdict`] or
    /// [`Self::handle_agent_cancelled`].
    pub fn handle_agent_started(&mut self) {
        if let Some(agent) = &mut self.agent {
            agent.schedule.handle_started();
        }
    }

    /// The agent answered, or did not: `L7OK` is its word for up, `L7STS` for down. `random` must be
    /// uniform; it spreads the next question.
    pub fn handle_agent_verdict(&mut self, now: Instant, verdict: Verdict, random: u64) -> Outcome {
        let nothing = Outcome { transition: None, news: false };
        let Some(agent) = self.agent.as_mut().filter(|agent| agent.schedule.is_running()) else {
            return nothing;
        };
        let interval = agent.intervals.next(Settled::Up, random);
        agent.schedule.handle_finished(now, After::Passed, interval);
        if std::mem::take(&mut agent.void) {
            return nothing;
        }
        match verdict.status {
            CheckStatus::L7Ok => agent.up = true,
            CheckStatus::L7Status => agent.up = false,
            _ => {}
        }
        let was = agent.last.as_ref().map(|last| last.status);
        let news = verdict.status.class() != Class::Neutral && was != Some(verdict.status);
        agent.last = Some(verdict);
        Outcome { transition: self.settle(now), news }
    }

    /// The running question was given up; it is due again at once.
    pub fn handle_agent_cancelled(&mut self, now: Instant) {
        if let Some(agent) = &mut self.agent {
            agent.void = false;
            agent.schedule.handle_cancelled(now);
        }
    }

    /// Switches the agent on or off. Off, its last word counts no more. `None`: there is no agent to
    /// switch on.
    pub fn handle_agent_switch(&mut self, now: Instant, on: bool) -> Option<Outcome> {
        let Some(agent) = &mut self.agent else {
            return (!on).then_some(Outcome { transition: None, news: false });
        };
        if on && agent.off {
            agent.schedule.restart(now);
        }
        if !on {
            agent.void |= agent.schedule.is_running();
            agent.up = true;
        }
        agent.off = !on;
        Some(Outcome { transition: self.settle(now), news: false })
    }

    /// An operator speaks for the agent (`set server … agent`), until its next word. `None`: there is
    /// no agent that is on.
    pub fn handle_agent_said(&mut self, now: Instant, up: bool) -> Option<Outcome> {
        let agent = self.agent.as_mut().filter(|agent| !agent.off)?;
        agent.up = up;
        Some(Outcome { transition: self.settle(now), news: false })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pure::health::admin::Command;
    use crate::pure::health::{CheckSettings, InitState, Settings, Standing};

    const MS: Duration = Duration::from_millis(1);

    fn health(now: Instant, checked: bool) -> Health {
        let intervals = Intervals {
            inter: 100 * MS,
            fastinter: 100 * MS,
            downinter: 100 * MS,
            spread_percent: 0,
        };
        let two = std::num::NonZeroU16::new(2).expect("not 0");
        let check = CheckSettings { intervals, rise: two, fall: two, init: InitState::None };
        let settings = Settings {
            check: checked.then_some(check),
            agent: Some(AgentSettings { intervals, start_offset: Duration::ZERO }),
            disabled: false,
            tracks: false,
        };
        Health::new(now, &settings, Duration::ZERO)
    }

    fn ask(health: &mut Health, now: Instant, status: CheckStatus) -> Outcome {
        health.handle_agent_started();
        health.handle_agent_verdict(now, Verdict::new(status), 0)
    }

    #[test]
    fn only_its_words_change_what_it_said() {
        let now = Instant::now();
        let mut health = health(now, false);
        let rows = [
            // (answer, standing after, news)
            (CheckStatus::L4Con, Standing::Up, true),
            (CheckStatus::L7Timeout, Standing::Up, true),
            (CheckStatus::L7Status, Standing::Down, true),
            (CheckStatus::L7Status, Standing::Down, false),
            (CheckStatus::Checked, Standing::Down, false),
            (CheckStatus::L4Con, Standing::Down, true),
            (CheckStatus::L7Ok, Standing::Up, true),
            (CheckStatus::L7Ok, Standing::Up, false),
        ];
        for (status, standing, news) in rows {
            assert_eq!(ask(&mut health, now, status).news, news, "{status:?}");
            assert_eq!(health.standing(), standing, "{status:?}");
        }
    }

    #[test]
    fn up_needs_the_check_and_the_agent() {
        let now = Instant::now();
        let mut health = health(now, true);
        let failed = Verdict::new(CheckStatus::L4Con);
        health.handle_started();
        assert!(health.handle_verdict(now, failed, 0).transition.is_some());
        assert_eq!(ask(&mut health, now, CheckStatus::L7Status).transition, None);
        assert_eq!(ask(&mut health, now, CheckStatus::L7Ok).transition, None);
        assert_eq!(health.standing(), Standing::Down, "the check still fails");
        assert_eq!(health.status(), "DOWN");
    }

    #[test]
    fn the_status_names_the_agent() {
        let now = Instant::now();
        let mut health = health(now, false);
        assert_eq!(health.status(), "no check");
        ask(&mut health, now, CheckStatus::L7Status);
        assert_eq!(health.status(), "DOWN (agent)");
        ask(&mut health, now, CheckStatus::L7Ok);
        health.handle_command(now, Command::Drain);
        assert_eq!(health.status(), "DRAIN (agent)");
    }

    #[test]
    fn it_goes_on_in_maintenance() {
        let now = Instant::now();
        let mut health = health(now, true);
        health.handle_command(now, Command::Maint);
        assert_eq!((health.next_check(), health.next_agent_check()), (None, Some(now)));
        ask(&mut health, now, CheckStatus::L7Status);
        assert_eq!(health.standing(), Standing::Maint);
        health.handle_command(now, Command::Ready);
        assert_eq!(health.standing(), Standing::Down);
        assert_eq!(health.next_agent_check(), Some(now + 100 * MS));
    }

    #[test]
    fn switched_off_it_has_no_opinion() {
        let now = Instant::now();
        let mut health = health(now, false);
        ask(&mut health, now, CheckStatus::L7Status);
        health.handle_agent_started();
        assert!(health.handle_agent_switch(now, false).expect("an agent").transition.is_some());
        assert_eq!((health.standing(), health.next_agent_check()), (Standing::Up, None));
        let late = health.handle_agent_verdict(now, Verdict::new(CheckStatus::L7Status), 0);
        assert_eq!(late, Outcome { transition: None, news: false });
        assert_eq!(health.handle_agent_said(now, false), None);
        health.handle_agent_switch(now, true);
        assert_eq!(health.next_agent_check(), Some(now));
        assert!(health.handle_agent_said(now, false).expect("an agent").transition.is_some());
    }
}
