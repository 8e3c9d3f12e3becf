//! What HAProxy has no names for: roles, and how far replicas are behind.

use super::{Row, Scrape};
use crate::control::snapshot::{Role, RoleState};
use crate::pure::role::lag::Lag;
use crate::telemetry::names;

impl Scrape<'_> {
    /// A server's role.
    pub(super) fn role(&self, row: &Row, role: Role) {
        for state in RoleState::ALL {
            self.state(row, names::ROLE, state.word(), (state == role.state).into());
        }
        if let Some(lag) = role.lag {
            self.columns(row, &[(names::LAG_SECONDS, |lag: &Lag| lag.time.into())], &lag);
            self.columns(row, &[(names::LAG_AMOUNT, |lag: &Lag| lag.amount.into())], &lag);
        }
    }
}
