//! Pure: frontends that lead to servers by their role.

use std::time::Duration;

use super::context::Context;
use crate::config::defaults::HOLD;
use crate::config::model::{Backend, CheckKind, Frontend};
use crate::config::raw;
use crate::pure::role::fence::OnConflict;
use crate::pure::role::route::RoleRoute;

/// The words of `role`.
#[derive(Clone, Copy)]
enum Word {
    Primary,
    Replica,
}

const ROLES: [(&str, Word); 2] = [("primary", Word::Primary), ("replica", Word::Replica)];

/// The words of `on_conflict`.
pub(in crate::config) const ON_CONFLICTS: [(&str, OnConflict); 2] =
    [("stop", OnConflict::Stop), ("keep-incumbent", OnConflict::KeepIncumbent)];

/// The one word of `fallback`.
const FALLBACKS: [(&str, ()); 1] = [("primary", ())];

impl Context<'_> {
    /// `role`, `max_lag` and `fallback`.
    pub(super) fn role(&mut self, what: &str, raw: &raw::RoleSettings) -> Option<RoleRoute> {
        let role = self.word(&format!("role of {what}"), &raw.role, &ROLES);
        let fallback = self.word(&format!("fallback of {what}"), &raw.fallback, &FALLBACKS);
        if !matches!(role, Some(Word::Replica)) {
            let only = [
                raw.max_lag.as_ref().map(|field| ("max_lag", field.span)),
                raw.fallback.as_ref().map(|field| ("fallback", field.span)),
            ];
            for (key, span) in only.into_iter().flatten() {
                self.report.alert(span, format!("{key} of {what} counts only for replicas"));
                self.report.help("write role = \"replica\" beside it, or leave it out");
            }
        }
        Some(match role? {
            Word::Primary => RoleRoute::Primary,
            Word::Replica => RoleRoute::Replica {
                max_lag: self.optional_duration(&format!("max_lag of {what}"), &raw.max_lag),
                fallback: fallback.is_some(),
            },
        })
    }

    /// `on_conflict`.
    pub(super) fn on_conflict(&mut self, what: &str, raw: &raw::Backend) -> OnConflict {
        self.word(what, &raw.on_conflict, &ON_CONFLICTS).unwrap_or_default()
    }

    /// `hold`; a route by role has one without being told.
    pub(super) fn hold(&mut self, what: &str, raw: &raw::RoleSettings) -> Option<Duration> {
        let hold = self.optional_duration(&format!("hold of {what}"), &raw.hold);
        hold.or_else(|| raw.role.as_ref().map(|_| HOLD))
    }

    /// Tells backends of the routes that lead to them; all of their servers must say what they are.
    pub(super) fn routes(
        &mut self,
        raw: &raw::Config,
        frontends: &[Frontend],
        backends: &mut [Backend],
    ) {
        for frontend in frontends {
            let Some((role, name)) = frontend.role.zip(frontend.backend.as_ref()) else {
                continue;
            };
            let Some(backend) = backends.iter_mut().find(|backend| backend.name == *name) else {
                continue;
            };
            if !backend.routes.contains(&role) {
                backend.routes.push(role);
            }
            let silent = backend.servers.iter().find(|server| {
                let check = server.check.as_ref();
                !check.is_some_and(|check| matches!(check.kind, CheckKind::Database(_)))
            });
            let raw = raw.frontends.iter().find(|raw| raw.name.value == frontend.name.as_str());
            let written = raw.and_then(|raw| raw.role.role.as_ref());
            if let Some((silent, role)) = silent.zip(written) {
                let message = format!(
                    "the role of server '{}/{}' is not known: its check does not ask for it",
                    backend.name, silent.name
                );
                self.report.alert(role.span, message);
                self.report.help(format!(
                    "write check = {{ type = \"postgres\", user = …, password_file = … }}, or with \
                     \"mysql\", into [backend.{name}]"
                ));
            }
        }
    }
}
