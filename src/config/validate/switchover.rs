//! Pure: how the primary of a group is changed on purpose.

use haproxy_compat::span::Spanned;

use super::context::Context;
use crate::config::defaults::SWITCHOVER_TIMEOUT;
use crate::config::model::{CheckKind, DatabaseCheck, Promote, Switchover};
use crate::config::raw;

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
