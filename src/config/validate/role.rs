//! Pure: frontends that lead to servers by their role.

use std::time::Duration;

use super::context::Context;
use crate::config::defaults::HOLD;
use crate::config::model::{Backend, CheckKind, Frontend};
use crate::config::raw;
use crate::config::units::{format_duration, parse_duration};
use crate::pure::role::fence::OnConflict;
use crate::pure::role::route::RoleRoute;
use crate::pure::role::stay::{Stay, Stays};

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

/// Longest deadline of `drain`: that of all times of HAProxy's, in whole days.
const DRAIN_MAX: Duration = Duration::from_secs(24 * 86_400);

/// The one word of `fallback`.
const FALLBACKS: [(&str, ()); 1] = [("primary", ())];

/// The keys of `sessions`, in the order of [`Trouble::ALL`](crate::pure::role::stay::Trouble::ALL).
pub(in crate::config) const TROUBLES: [&str; 5] =
    ["dead", "role_lost", "fenced", "lagging", "maintenance"];

/// What `text` says of sessions, or what to write instead.
fn stay(text: &str) -> Result<Stay, String> {
    match text.split_once(' ') {
        None if text == "keep" => Ok(Stay::Keep),
        None if text == "cut" => Ok(Stay::Cut),
        Some(("drain", time)) => match parse_duration(time) {
            Ok(time) if !time.is_zero() && time <= DRAIN_MAX => Ok(Stay::Drain(time)),
            Ok(_) => Err("drain them for some time, up to 24 days, or write \"cut\"".to_owned()),
            Err(bad) => Err(bad.help),
        },
        _ => Err("write \"keep\", \"cut\" or \"drain 30s\"".to_owned()),
    }
}

/// What is written for it.
pub(in crate::config) fn stay_text(stay: Stay) -> String {
    match stay {
        Stay::Keep => "keep".to_owned(),
        Stay::Cut => "cut".to_owned(),
        Stay::Drain(time) => format!("drain {}", format_duration(time)),
    }
}

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

    /// `sessions`: `keep`, `cut` or `drain` and a time for each trouble.
    pub(super) fn stays(&mut self, what: &str, raw: &raw::Backend) -> Stays {
        let mut stays = Stays::default();
        for (place, field) in raw.stays.iter().enumerate() {
            let Some(field) = field else { continue };
            match stay(&field.value) {
                Ok(stay) => stays.0[place] = stay,
                Err(help) => {
                    let (trouble, written) = (TROUBLES[place], &field.value);
                    let message = format!("sessions of {what}: {trouble} is '{written}'");
                    self.refuse(field.span, message, Some(help));
                }
            }
        }
        stays
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_becomes_of_sessions_is_read_as_it_is_written() {
        for text in ["keep", "cut", "drain 30s", "drain 1500ms", "drain 24d"] {
            assert_eq!(stay(text).map(stay_text), Ok(text.to_owned()));
        }
        for text in ["", "drain", "drain 0s", "drain 25d", "drain 30", "keep 1s", "cut ", "Keep"] {
            assert!(stay(text).is_err(), "{text}");
        }
    }
}
