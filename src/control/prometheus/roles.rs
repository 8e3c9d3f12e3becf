//! What HAProxy has no names for: roles, and how far replicas are behind.

use metrics::Label;

use super::{Column, Row, Scrape, Value};
use crate::control::snapshot::{Failovers, Hold, Role, RoleState};
use crate::pure::role::lag::Lag;
use crate::pure::role::witness::Say;
use crate::telemetry::failover::{Outcome, Seconds};
use crate::telemetry::names;

impl Scrape<'_> {
    /// A backend's failovers.
    pub(super) fn failovers(&self, row: &Row, failovers: &Failovers) {
        let with = |name, value| {
            let mut labels = row.labels.clone();
            labels.push(Label::from_static_parts(name, value));
            Row { scope: row.scope, labels }
        };
        for (outcome, count) in Outcome::ALL.into_iter().zip(&failovers.counts) {
            let row = with("outcome", outcome.word());
            self.columns(&row, &[(names::FAILOVERS, |count: &u64| (*count).into())], count);
        }
        let Some(last) = &failovers.last else { return };
        let Seconds { detect, cut, promote, attach, pause, total } = last.seconds;
        let phases = [
            ("detect", detect),
            ("cut", cut),
            ("promote", promote),
            ("attach", attach),
            ("pause", pause),
            ("total", total),
        ];
        for (phase, seconds) in phases {
            let Some(seconds) = seconds else { continue };
            let row = with("phase", phase);
            let value = Value::Float(seconds);
            self.columns(&row, &[(names::FAILOVER_SECONDS, |value: &Value| *value)], &value);
        }
        // That at least nothing is missing says nothing.
        if let Some(missing) = last.rpo.filter(|&missing| missing > 0 || !last.rpo_at_least) {
            self.columns(row, &[(names::RPO, |missing: &u64| (*missing).into())], &missing);
        }
    }

    /// A backend's clients that are held.
    pub(super) fn hold(&self, row: &Row, hold: &Hold) {
        let columns: [Column<Hold>; 3] = [
            (names::HELD, |it| it.held.into()),
            (names::HOLD_REFUSED, |it| it.refused.into()),
            (names::HOLD_EXPIRED, |it| it.expired.into()),
        ];
        self.columns(row, &columns, hold);
    }

    /// What the checks of a server beside the first one say.
    pub(super) fn witnesses(&self, row: &Row, says: &[Say]) {
        for (number, say) in (2..).zip(says) {
            let mut labels = row.labels.clone();
            labels.push(Label::new("check", number.to_string()));
            let row = Row { scope: row.scope, labels };
            for state in Say::ALL {
                self.state(&row, names::WITNESS, state.word(), (state == *say).into());
            }
        }
    }

    /// A server's role.
    pub(super) fn role(&self, row: &Row, role: Role) {
        for state in RoleState::ALL {
            self.state(row, names::ROLE, state.word(), (state == role.state).into());
        }
        self.columns(row, &[(names::LOGIN_REFUSED, |role: &Role| role.is_mute.into())], &role);
        if let Some(lag) = role.lag {
            self.columns(row, &[(names::LAG_SECONDS, |lag: &Lag| lag.time.into())], &lag);
            self.columns(row, &[(names::LAG_AMOUNT, |lag: &Lag| lag.amount.into())], &lag);
        }
    }
}
