//! Passive health: sessions that fail to connect, counted as `observe layer4` asks.

use std::time::Instant;

use super::verdict::{CheckStatus, Verdict};
use super::{Health, Outcome};

/// `on-error`: what happens after `error-limit` failed connections in a row. Each of them also makes
/// the next check come after `fastinter`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnError {
    /// Nothing else.
    FastInter,
    /// As if a check had failed.
    #[default]
    FailCheck,
    /// The same, and one failure more takes the server down.
    SuddenDeath,
    /// The server is down.
    MarkDown,
}

impl Health {
    /// `count` connections failed in a row. The verdict is the one on the server, `None` where
    /// `on-error` passes none.
    pub fn handle_errors(
        &mut self,
        now: Instant,
        count: u32,
        on_error: OnError,
    ) -> Option<(Verdict, Outcome)> {
        let checks = self.checks.as_mut().filter(|checks| !checks.off)?;
        self.detections += 1;
        if !self.admin.is_maint() {
            checks.schedule.hasten(now + checks.intervals.fastinter);
        }
        match on_error {
            OnError::FastInter => return None,
            OnError::FailCheck => {}
            OnError::SuddenDeath => checks.score.last_two_lives(),
            OnError::MarkDown => checks.score.last_life(),
        }
        let info = format!(
            "Detected {count} consecutive errors, last one was: L4 unsuccessful connection"
        );
        let verdict = Verdict::new(CheckStatus::HealthAnalyze).with_info(info.as_bytes());
        let moved = checks.count(&verdict);
        self.failed_checks += u64::from(moved);
        let news = moved || checks.last.as_ref().map(|last| last.status) != Some(verdict.status);
        checks.last = Some(verdict.clone());
        Some((verdict, Outcome { transition: self.settle(now), news }))
    }

    /// Times that failed sessions had consequences (`hanafail`).
    #[must_use]
    pub fn detections(&self) -> u64 {
        self.detections
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU16;
    use std::time::Duration;

    use super::*;
    use crate::pure::health::schedule::Intervals;
    use crate::pure::health::{CheckSettings, InitState, Settings, Standing};

    const SECOND: Duration = Duration::from_secs(1);

    fn health(now: Instant, init: InitState) -> Health {
        let intervals = Intervals {
            inter: 10 * SECOND,
            fastinter: SECOND,
            downinter: 10 * SECOND,
            spread_percent: 0,
        };
        let three = NonZeroU16::new(3).expect("not 0");
        let check = CheckSettings { intervals, rise: three, fall: three, init };
        let settings = Settings { check: Some(check), agent: None, disabled: false, tracks: false };
        Health::new(now, &settings, 5 * SECOND)
    }

    #[test]
    fn each_consequence_row_by_row() {
        // (on-error, status after the first time, after the second), from all three lives.
        let rows = [
            (OnError::FastInter, "UP", "UP"),
            (OnError::FailCheck, "UP 2/3", "UP 1/3"),
            (OnError::SuddenDeath, "UP 1/3", "DOWN"),
            (OnError::MarkDown, "DOWN", "DOWN"),
        ];
        let now = Instant::now();
        for (on_error, first, second) in rows {
            let mut health = health(now, InitState::FullyUp);
            assert_eq!(health.next_check(), Some(now + 5 * SECOND));
            health.handle_errors(now, 10, on_error);
            assert_eq!(health.status(), first, "{on_error:?}");
            assert_eq!(health.next_check(), Some(now + SECOND), "{on_error:?}");
            health.handle_errors(now, 10, on_error);
            assert_eq!(health.status(), second, "{on_error:?}");
            assert_eq!(health.detections(), 2);
        }
    }

    #[test]
    fn the_verdict_counts_them() {
        let now = Instant::now();
        let mut health = health(now, InitState::None);
        let (verdict, outcome) =
            health.handle_errors(now, 7, OnError::FailCheck).expect("a verdict");
        assert_eq!(
            (verdict.status.name(), verdict.code, verdict.info()),
            (
                "HANA",
                None,
                "Detected 7 consecutive errors, last one was: L4 unsuccessful connection"
            )
        );
        assert_eq!(health.standing(), Standing::Down, "it had one life");
        assert!(outcome.news && outcome.transition.is_some());
        assert_eq!(health.failed_checks(), 1);
    }

    #[test]
    fn the_initial_state_is_where_the_score_begins() {
        let now = Instant::now();
        let rows = [
            (InitState::None, "UP 1/3"),
            (InitState::FullyUp, "UP"),
            (InitState::Up, "UP 1/3"),
            (InitState::Down, "DOWN 2/3"),
            (InitState::FullyDown, "DOWN"),
        ];
        for (init, status) in rows {
            let mut health = health(now, init);
            assert_eq!(health.status(), status, "{init:?}");
            use crate::pure::health::admin::Command;
            health.handle_command(now, Command::Maint);
            health.handle_command(now, Command::Ready);
            assert_eq!(health.status(), status, "{init:?} after maintenance");
        }
    }
}
