//! Pure: checks beside the first one, and how many of them it takes.

use super::check::BackendCheck;
use super::context::Context;
use crate::config::model::{Check, ProxyHeader, ServerAddr};
use crate::config::raw::{self, Field};
use crate::pure::role::witness::{Agree, Agreement};

/// The words of `agree`.
pub(in crate::config) const AGREEMENTS: [(&str, Agreement); 2] =
    [("all", Agreement::All), ("any", Agreement::Any)];

impl Context<'_> {
    /// `check` with those that are written behind it.
    pub(super) fn with_witnesses<'r>(
        &mut self,
        raw: &'r raw::Backend,
        check: BackendCheck<'r>,
    ) -> BackendCheck<'r> {
        let mut witnesses = Vec::new();
        for witness in &raw.witnesses {
            let kind = self.check_kind(witness.kind.as_ref());
            let (timeout, connect) = (check.timeout, check.connect);
            let settings = &witness.settings;
            let none = Vec::new();
            witnesses.push(BackendCheck { kind, settings, timeout, connect, witnesses: none });
        }
        BackendCheck { witnesses, ..check }
    }

    /// What the witnesses of a server ask.
    pub(super) fn witnesses(
        &mut self,
        raw: &raw::Server,
        what: &str,
        address: Option<&ServerAddr>,
        send_proxy: Option<ProxyHeader>,
        check: &BackendCheck<'_>,
    ) -> Vec<Check> {
        if check.witnesses.is_empty() {
            return Vec::new();
        }
        // What a server says of its check is about the first one.
        let raw = raw::Server {
            check_kind: None,
            check_settings: raw::CheckSettings::default(),
            ..raw.clone()
        };
        let asked = check.witnesses.iter().zip(2..).filter_map(|(witness, number)| {
            let what = format!("{what}, number {number}");
            self.server_check(&raw, &what, address, send_proxy, witness)
        });
        asked.collect()
    }

    /// Patroni reads bytes, with a unit or without.
    pub(super) fn patroni_lag(&mut self, field: &Field<String>) -> Option<String> {
        let field = field.as_ref()?;
        let unit = field.value.trim_start_matches(|c: char| c.is_ascii_digit());
        if unit.len() < field.value.len() && ["", "B", "kB", "MB", "GB", "TB"].contains(&unit) {
            return Some(field.value.clone());
        }
        let message = format!("lag of a check: '{}' is no number of bytes", field.value);
        let help = "write it as Patroni reads it, \"1MB\"".to_owned();
        self.refuse(field.span, message, Some(help));
        None
    }

    /// `agree` and `agree_deadline`.
    pub(super) fn agree(&mut self, what: &str, raw: &raw::Backend) -> Agree {
        let agreement = self.word(&format!("agree of {what}"), &raw.agree, &AGREEMENTS);
        let deadline =
            self.optional_duration(&format!("agree_deadline of {what}"), &raw.agree_deadline);
        let written = [
            raw.agree.as_ref().map(|field| ("agree", field.span)),
            raw.agree_deadline.as_ref().map(|field| ("agree_deadline", field.span)),
        ];
        for (key, span) in written.into_iter().flatten() {
            if raw.witnesses.is_empty() {
                self.report
                    .alert(span, format!("{key} of {what} counts only among several checks"));
                self.report.help("write check = [{ type = … }, { type = … }]");
            } else if key == "agree_deadline" && agreement == Some(Agreement::Any) {
                self.report
                    .alert(span, format!("{key} of {what} counts only where all must agree"));
                self.report.help("leave it out, or write agree = \"all\"");
            }
        }
        Agree { agreement: agreement.unwrap_or_default(), deadline }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::export::export;
    use crate::config::model::CheckKind;
    use crate::config::tests::{load_clean, messages};

    fn text(keys: &str, server: &str) -> String {
        format!("[backend.b]\n{keys}\nserver.one = \"10.0.0.1:5432\"\nserver.two = {server}\n")
    }

    const SQL: &str = "{ type = \"postgres\", user = \"u\", inter = \"1s\" }";

    #[test]
    fn lists_of_checks_come_back_as_they_were_written() {
        for (keys, server) in [
            ("check = [SQL]", "\"10.0.0.2:5432\""),
            ("check = [SQL, { type = \"patroni\", port = 8008 }]", "\"10.0.0.2:5432\""),
            (
                "check = [SQL, { type = \"patroni\", port = 8008, lag = \"10MB\" }, { fall = 5 }]\n\
                 agree = \"any\"",
                "{ address = \"10.0.0.2:5432\", check = { inter = \"3s\" } }",
            ),
            (
                "check = [SQL, { type = \"http\", port = 1 }]\nagree_deadline = \"9s\"",
                "{ address = \"10.0.0.2:5432\", check = false }",
            ),
        ] {
            let text = text(&keys.replace("SQL", SQL), server);
            let config = load_clean(&text);
            let [one, two] = &config.backends[0].servers[..] else { panic!("two servers") };
            assert!(matches!(one.check.as_ref().unwrap().kind, CheckKind::Database(_)));
            assert_eq!(one.witnesses.len(), keys.matches('{').count(), "{keys}");
            let shown = if two.check.is_some() { one.witnesses.len() } else { 0 };
            assert_eq!(two.witnesses.len(), shown, "{keys}");
            let exported = export(&config);
            assert_eq!(load_clean(&exported), config, "{exported}");
        }
    }

    #[test]
    fn mistakes_are_told() {
        let two = "\"10.0.0.2:5432\"";
        for (keys, server, expected) in [
            ("check = []", two, "2: a list of no checks"),
            (
                "agree = \"any\"\ncheck = SQL",
                two,
                "2: agree of backend 'b' counts only among several checks",
            ),
            (
                "agree = \"any\"\nagree_deadline = \"1s\"\ncheck = [SQL, {}]",
                two,
                "3: agree_deadline of backend 'b' counts only where all must agree",
            ),
            (
                "check = [SQL, { type = \"patroni\", lag = \"1 second\" }]",
                two,
                "2: lag of a check: '1 second' is no number of bytes",
            ),
            (
                "check = SQL",
                "{ address = \"10.0.0.2:5432\", check = [SQL, {}] }",
                "4: server 'b/two' has several checks of its own",
            ),
        ] {
            let text = text(&keys.replace("SQL", SQL), &server.replace("SQL", SQL));
            assert_eq!(messages(&[&text]), [expected], "{text}");
        }
    }
}
