//! Pure: frontends that lead to servers by their role.

use std::time::Duration;

use super::context::Context;
use crate::config::defaults::{ATTACH_RATE, HOLD, HOLD_MAX};
use crate::config::model::{Backend, CheckKind, Frontend};
use crate::config::raw;
use crate::config::units::{INFINITE, format_duration, parse_duration};
use crate::pure::role::fence::OnConflict;
use crate::pure::role::hold::{AttachRate, Hold};
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

    /// `hold`, `hold_max` and `attach_rate`; a route by role has them without being told.
    pub(super) fn hold(&mut self, what: &str, raw: &raw::RoleSettings) -> Option<Hold> {
        let time = self.bounded(&format!("hold of {what}"), &raw.hold);
        let time = time.or_else(|| raw.role.as_ref().map(|_| HOLD)).filter(|time| !time.is_zero());
        let max = self.positive(&format!("hold_max of {what}"), &raw.hold_max);
        let rate = self.attach_rate(what, raw);
        if time.is_none() {
            let only = [
                raw.hold_max.as_ref().map(|field| ("hold_max", field.span)),
                raw.attach_rate.as_ref().map(|field| ("attach_rate", field.span)),
            ];
            for (key, span) in only.into_iter().flatten() {
                self.report
                    .alert(span, format!("{key} of {what} counts only where clients are held"));
                self.report.help("write hold = \"15s\" beside it, or leave it out");
            }
        }
        Some(Hold { time: time?, max: max.unwrap_or(HOLD_MAX), rate })
    }

    fn attach_rate(&mut self, what: &str, raw: &raw::RoleSettings) -> Option<AttachRate> {
        let Some(field) = &raw.attach_rate else {
            return raw.role.as_ref().map(|_| ATTACH_RATE);
        };
        let rate = AttachRate::parse(&field.value);
        if rate.is_none() && field.value != INFINITE {
            let message = format!("attach_rate of {what}: '{}' is not a rate", field.value);
            let help = format!(
                "write clients a second or minute, \"200/s\" or \"30/m\", or \"{INFINITE}\""
            );
            self.refuse(field.span, message, Some(help));
        }
        rate
    }

    /// What is said of sessions by role counts for nobody where no such route leads.
    fn warn_of_stays(&mut self, raw: &raw::Config, backends: &[Backend]) {
        for backend in backends.iter().filter(|backend| backend.routes.is_empty()) {
            let written = raw.backends.iter().find(|raw| raw.name.value == backend.name.as_str());
            let Some(written) = written else { continue };
            let stays = TROUBLES.iter().zip(&written.stays);
            let stays = stays.map(|(trouble, field)| (format!("sessions.{trouble}"), field));
            let other = [("on_conflict".to_owned(), &written.on_conflict)];
            let first = stays.chain(other).find_map(|(key, field)| Some((key, field.as_ref()?)));
            if let Some((key, field)) = first {
                let name = &backend.name;
                let message = format!(
                    "{key} of backend '{name}' counts for nobody: no route by role leads here"
                );
                self.report.warning(field.span, message);
                let help = "write role = \"primary\" into a frontend with this backend";
                self.report.help(help);
            }
        }
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
                !check.is_some_and(|check| {
                    matches!(check.kind, CheckKind::Database(_) | CheckKind::Patroni { .. })
                })
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
        self.warn_of_stays(raw, backends);
        self.warn_of_holds(raw, frontends, backends);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{load_clean, messages};

    #[test]
    fn what_becomes_of_sessions_is_read_as_it_is_written() {
        for text in ["keep", "cut", "drain 30s", "drain 1500ms", "drain 24d"] {
            assert_eq!(stay(text).map(stay_text), Ok(text.to_owned()));
        }
        for text in ["", "drain", "drain 0s", "drain 25d", "drain 30", "keep 1s", "cut ", "Keep"] {
            assert!(stay(text).is_err(), "{text}");
        }
    }

    fn frontend(keys: &str) -> String {
        format!(
            "[frontend.f]\nbind = \"*:5000\"\nbackend = \"b\"\n{keys}\n\n[backend.b]\n\
             check = {{ type = \"postgres\", user = \"u\" }}\nserver.s = \"10.0.0.1:5432\"\n"
        )
    }

    #[test]
    fn holds_come_back_as_they_were_written() {
        let held = |keys| load_clean(&frontend(keys)).frontends[0].hold;
        let by_role = Hold { time: HOLD, max: HOLD_MAX, rate: Some(ATTACH_RATE) };
        for (keys, expected) in [
            ("", None),
            ("hold = \"0s\"", None),
            ("hold = \"2s\"", Some(Hold { time: Duration::from_secs(2), rate: None, ..by_role })),
            ("role = \"primary\"", Some(by_role)),
            ("role = \"primary\"\nhold = \"0s\"", None),
            (
                "role = \"primary\"\nattach_rate = \"infinite\"",
                Some(Hold { rate: None, ..by_role }),
            ),
            (
                "role = \"replica\"\nhold = \"1m\"\nhold_max = 7\nattach_rate = \"30/m\"",
                Some(Hold {
                    time: Duration::from_secs(60),
                    max: 7.try_into().unwrap(),
                    rate: AttachRate::parse("30/m"),
                }),
            ),
        ] {
            assert_eq!(held(keys), expected, "{keys}");
            let config = load_clean(&frontend(keys));
            let exported = crate::config::export::export(&config);
            assert_eq!(load_clean(&exported), config, "{exported}");
        }
        for (keys, line, expected) in [
            ("hold_max = 3", 4, "hold_max of frontend 'f' counts only where clients are held"),
            (
                "role = \"primary\"\nhold = \"0s\"\nattach_rate = \"1/s\"",
                6,
                "attach_rate of frontend 'f' counts only where clients are held",
            ),
            ("hold = \"1s\"\nhold_max = 0", 5, "hold_max of frontend 'f': 0 is out of range"),
            (
                "hold = \"1s\"\nattach_rate = \"9\"",
                5,
                "attach_rate of frontend 'f': '9' is not a rate",
            ),
        ] {
            assert_eq!(messages(&[&frontend(keys)]), [format!("{line}: {expected}")]);
        }
    }

    #[test]
    fn policies_that_count_for_nobody_are_told() {
        let policies = "sessions = { dead = \"keep\" }\non_conflict = \"stop\"\nserver.s";
        let text = |keys| frontend(keys).replace("server.s", policies);
        let told = messages(&[&text("")]);
        assert_eq!(
            told,
            ["8: sessions.dead of backend 'b' counts for nobody: no route by role leads here"]
        );
        load_clean(&text("role = \"primary\""));
    }
}
