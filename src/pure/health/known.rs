//! What is known of a server's health: queries that change nothing.

use std::time::{Duration, Instant};

use super::admin::Admin;
use super::risefall::RiseFall;
use super::verdict::Verdict;
use super::{Health, Standing};

impl Health {
    /// What the server is worth.
    #[must_use]
    pub fn standing(&self) -> Standing {
        self.standing
    }

    /// Flags of operators and configuration.
    #[must_use]
    pub fn admin(&self) -> Admin {
        self.admin
    }

    /// The score; `None` without a check.
    #[must_use]
    pub fn score(&self) -> Option<&RiseFall> {
        self.checks.as_ref().map(|checks| &checks.score)
    }

    /// The last verdict; `None` before the first and without a check.
    #[must_use]
    pub fn last_verdict(&self) -> Option<&Verdict> {
        self.checks.as_ref()?.last.as_ref()
    }

    /// It is down because it takes no new sessions, and answered the one that is held with it.
    #[must_use]
    pub fn is_shut(&self) -> bool {
        self.standing == Standing::Down
            && self.last_verdict().is_some_and(|verdict| verdict.shut.is_some())
    }

    /// The checks are configured and not switched off.
    #[must_use]
    pub fn has_checks_on(&self) -> bool {
        self.checks.as_ref().is_some_and(|checks| !checks.off)
    }

    /// A check runs.
    #[must_use]
    pub fn is_checking(&self) -> bool {
        self.checks.as_ref().is_some_and(|checks| checks.schedule.is_running())
    }

    /// The check that runs was asked for by a hint, not by its timetable.
    #[must_use]
    pub fn is_hinted(&self) -> bool {
        self.checks.as_ref().is_some_and(|checks| checks.schedule.is_hinted())
    }

    /// When the standing last changed; the start, before that.
    #[must_use]
    pub fn last_change(&self) -> Instant {
        self.last_change
    }

    /// When it came to serve, and its slow start began; `None`: it does not, or has ever since.
    #[must_use]
    pub fn serves_since(&self) -> Option<Instant> {
        self.serves_since
    }

    /// Time spent down or in maintenance, the running one included.
    #[must_use]
    pub fn downtime(&self, now: Instant) -> Duration {
        if self.standing.is_running() {
            self.downtime
        } else {
            self.downtime + now.saturating_duration_since(self.last_change)
        }
    }

    /// Failed checks that cost a life (`chkfail`).
    #[must_use]
    pub fn failed_checks(&self) -> u64 {
        self.failed_checks
    }

    /// Times the server went from running to down or maintenance (`chkdown`).
    #[must_use]
    pub fn flips(&self) -> u64 {
        self.flips
    }
}
