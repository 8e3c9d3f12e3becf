//! Pure: how the primary of a group is changed on purpose.

use haproxy_compat::span::Spanned;

use super::context::Context;
use crate::config::defaults::SWITCHOVER_TIMEOUT;
use crate::config::model::{Backend, CheckKind, DatabaseCheck, Frontend, Promote, Switchover};
use crate::config::raw;
use crate::config::units::format_duration;
use crate::pure::role::route::RoleRoute;

impl Context<'_> {
    /// `switchover` of a backend whose servers are checked so.
    pub(super) fn switchover(
        &mut self,
        what: &str,
        raw: Option<&raw::Switchover>,
        kind: &CheckKind,
    ) -> Option<Switchover> {
        let raw = raw?;
        let timeout = self.duration(&format!("switchover of {what}"), &raw.timeout);
        let words =
            |words: &[Spanned<String>]| words.iter().map(|word| word.value.clone()).collect();
        let only = |field: &raw::Field<String>| field.as_ref().map(|field| field.span);
        let step = if raw.promote.is_empty() {
            if let Some(word) = raw.rollback.first() {
                let message = format!("switchover of {what}: rollback counts only beside promote");
                self.report.alert(word.span, message);
            }
            Promote::BuiltIn(self.switching_account(what, raw, kind)?)
        } else {
            if let Some(span) = only(&raw.user).or_else(|| only(&raw.password_file)) {
                let message = format!("switchover of {what}: a program needs no account of ours");
                self.report.alert(span, message);
                self.report.help("keep either promote or user and password_file");
            }
            Promote::Program { promote: words(&raw.promote), rollback: words(&raw.rollback) }
        };
        Some(Switchover { step, timeout: timeout.unwrap_or(SWITCHOVER_TIMEOUT) })
    }

    /// Warns of routes to a primary that hold clients for less than a switchover may take: it is refused, as
    /// it would refuse them. What nobody wrote fits.
    pub(super) fn warn_of_holds(
        &mut self,
        raw: &raw::Config,
        frontends: &[Frontend],
        backends: &[Backend],
    ) {
        for frontend in frontends.iter().filter(|it| it.role == Some(RoleRoute::Primary)) {
            let backend = backends.iter().find(|it| Some(&it.name) == frontend.backend.as_ref());
            let planned = backend.and_then(|it| Some((&it.name, it.switchover.as_ref()?.timeout)));
            let Some(((name, timeout), hold)) = planned.zip(frontend.hold) else { continue };
            if hold.time > timeout {
                continue;
            }
            let route = raw.frontends.iter().find(|it| it.name.value == frontend.name.as_str());
            let group = raw.backends.iter().find(|it| it.name.value == name.as_str());
            let written = route.and_then(|it| Some(it.role.hold.as_ref()?.span));
            let timeout_at =
                || group.and_then(|it| Some(it.switchover.as_ref()?.timeout.as_ref()?.span));
            let Some(span) = written.or_else(timeout_at) else { continue };
            let (hold, timeout) = (format_duration(hold.time), format_duration(timeout));
            let message = format!(
                "frontend '{}' holds clients for {hold}, and a switchover of backend '{name}' may take \
                 {timeout}: it will be refused",
                frontend.name
            );
            self.report.warning(span, message);
            self.report.help("let hold be longer than the timeout of switchover");
        }
    }

    /// The account, which logs in where and as the check does.
    fn switching_account(
        &mut self,
        what: &str,
        raw: &raw::Switchover,
        kind: &CheckKind,
    ) -> Option<DatabaseCheck> {
        let CheckKind::Database(check) = kind else {
            let message = format!("switchover of {what}: its servers are no databases");
            self.report.alert(raw.span, message);
            self.report.help("write check = { type = \"postgres\", … }, or with \"mysql\"");
            return None;
        };
        let Some(user) = &raw.user else {
            self.report
                .alert(raw.span, format!("switchover of {what} has neither user nor promote"));
            self.report.help(
                "name an account that may change what servers are: user = \"…\", \
                 password_file = \"…\", or a program: promote = [\"/usr/local/bin/promote\"]",
            );
            return None;
        };
        let password = raw.password_file.as_ref().map(|file| self.password(file));
        Some(DatabaseCheck {
            user: self.user(user),
            password: password.unwrap_or_default(),
            password_file: raw.password_file.as_ref().map(|file| file.value.clone()),
            ..check.clone()
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::config::tests::{load_clean, messages};

    fn text(settings: &str) -> String {
        format!(
            "[backend.b]\ncheck = {{ type = \"postgres\", user = \"u\" }}\n\
             switchover = {{ {settings} }}\nserver.s = \"10.0.0.1:5432\"\n"
        )
    }

    #[test]
    fn mistakes_are_told() {
        let rows = [
            ("", "3: switchover of backend 'b' has neither user nor promote"),
            (
                "user = \"a\", rollback = \"x\"",
                "3: switchover of backend 'b': rollback counts only beside promote",
            ),
            (
                "user = \"a\", promote = \"x\"",
                "3: switchover of backend 'b': a program needs no account of ours",
            ),
            ("user = \"a\", password_file = \"x\"", "3: cannot read 'x': there are no files"),
        ];
        for (settings, expected) in rows {
            assert_eq!(messages(&[&text(settings)]), [expected], "{settings}");
        }
        let none = "[backend.b]\nswitchover = { user = \"a\" }\nserver.s = \"10.0.0.1:1\"\n";
        assert_eq!(
            messages(&[none]),
            ["2: switchover of backend 'b': its servers are no databases"]
        );
    }

    #[test]
    fn a_hold_that_is_shorter_than_a_switchover_may_take_is_told() {
        let said = |settings: &str, hold: &str| {
            let route =
                "[frontend.w]\nbind = \"127.0.0.1:1\"\nbackend = \"b\"\nrole = \"primary\"\n";
            messages(&[&format!("{}{route}{hold}\n", text(settings))])
        };
        let warning = |line: u32, hold: &str, timeout: &str| {
            vec![format!(
                "{line}: frontend 'w' holds clients for {hold}, and a switchover of backend 'b' may take \
                 {timeout}: it will be refused"
            )]
        };
        let user = "user = \"a\"";
        let slow = "user = \"a\", timeout = \"20s\"";
        assert_eq!(said(user, ""), [""; 0]);
        assert_eq!(said(user, "hold = \"11s\""), [""; 0]);
        assert_eq!(said(user, "hold = \"0s\""), [""; 0], "nobody waits");
        assert_eq!(said(user, "hold = \"10s\""), warning(9, "10s", "10s"));
        assert_eq!(said(slow, ""), warning(3, "15s", "20s"));
        assert_eq!(said(slow, "hold = \"21s\""), [""; 0]);
    }

    #[test]
    fn what_is_written_comes_back() {
        for settings in [
            "user = \"a\"",
            "promote = [\"/bin/p\", \"a b\"], rollback = \"/bin/r\", timeout = \"1m\"",
        ] {
            let config = load_clean(&text(settings));
            assert!(config.backends[0].switchover.is_some());
            let exported = crate::config::export::export(&config);
            assert_eq!(load_clean(&exported), config, "{exported}");
        }
    }
}
