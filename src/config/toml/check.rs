//! Pure: `check = { type = …, … }` of a backend or server.

use haproxy_compat::span::{Span, Spanned};

use super::table::{Table, Value, span_of};
use super::values::Decoder;
use crate::config::raw::{
    AgentSettings, CheckKind, CheckSettings, DatabaseCheck, Expect, ExpectReport, ExternalCheck,
    Field, Layer, Pattern, Payload, Step, Witness,
};
use crate::config::suggest::did_you_mean;
use crate::config::units::OFF;
use crate::pure::probe::kind::DatabaseKind;

/// The words of `type`.
const TYPES: [&str; 12] = [
    "tcp",
    "tcp-check",
    "http",
    "mysql",
    "pgsql",
    "redis",
    "smtp",
    "ldap",
    "ssl-hello",
    "external",
    "postgres",
    "patroni",
];

/// What a check of MySQL has only where it holds a session.
const HELD: [&str; 6] = ["password_file", "database", "cluster", "tls", "ca_file", "door"];

/// The things that a step of a `tcp-check` does.
const STEPS: [&str; 8] = [
    "connect",
    "send",
    "send_binary",
    "send_lf",
    "send_binary_lf",
    "expect",
    "set_var",
    "unset_var",
];

/// A `check` key.
#[derive(Default)]
pub(super) struct CheckTable {
    /// Whether there is one, and it is not `false`; with its place.
    pub(super) on: Field<bool>,
    /// `type` and its parameters.
    pub(super) kind: Field<CheckKind>,
    /// Timing and target.
    pub(super) settings: CheckSettings,
    /// Those behind the first, where a list was written.
    pub(super) witnesses: Vec<Witness>,
}

impl Decoder<'_> {
    pub(super) fn check(&mut self, parent: &mut Table<'_>) -> CheckTable {
        let Some(value) = parent.take("check") else {
            return CheckTable::default();
        };
        let Some(list) = value.get_ref().as_array() else {
            return self.one_check(parent, value);
        };
        let mut tables: Vec<CheckTable> =
            list.iter().map(|value| self.one_check(parent, value)).collect();
        if tables.is_empty() {
            let help = "write check = { type = … }, or false".to_owned();
            self.alert(span_of(self.file, value), "a list of no checks", help);
            return CheckTable::default();
        }
        let first = tables.remove(0);
        let witness = |table: CheckTable| Witness { kind: table.kind, settings: table.settings };
        CheckTable { witnesses: tables.into_iter().map(witness).collect(), ..first }
    }

    fn one_check(&mut self, parent: &Table<'_>, value: Value<'_>) -> CheckTable {
        let span = span_of(self.file, value);
        if let Some(on) = value.get_ref().as_bool() {
            return CheckTable { on: Some(Spanned::new(on, span)), ..CheckTable::default() };
        }
        let Some(entries) = value.get_ref().as_table() else {
            let expected = "true, false or a table such as { type = \"mysql\" }";
            self.wrong_type::<()>("check", value, expected);
            return CheckTable::default();
        };
        let place = format!("check of {}", parent.place);
        let mut table = parent.child("check", entries, span, place);
        let t = &mut table;
        let kind = self.check_kind(t);
        let settings = CheckSettings {
            inter: self.duration(t, "inter"),
            fastinter: self.duration(t, "fastinter"),
            downinter: self.duration(t, "downinter"),
            rise: self.number(t, "rise"),
            fall: self.number(t, "fall"),
            timeout: self.timeout(t, "timeout"),
            init_state: self.string(t, "init_state"),
            addr: self.string(t, "addr"),
            port: self.number(t, "port"),
            send_proxy: self.boolean(t, "send_proxy"),
        };
        self.finish(&table);
        let on = Some(Spanned::new(true, span));
        CheckTable { on, kind, settings, witnesses: Vec::new() }
    }

    /// `agent = { port, inter, addr, send }`.
    pub(super) fn agent(&mut self, parent: &mut Table<'_>) -> AgentSettings {
        let place = format!("agent of {}", parent.place);
        let Some(mut table) = self.table(parent, "agent", place) else {
            return AgentSettings::default();
        };
        let t = &mut table;
        let agent = AgentSettings {
            on: Some(Spanned::new(true, t.span)),
            inter: self.duration(t, "inter"),
            timeout: self.timeout(t, "timeout"),
            addr: self.string(t, "addr"),
            port: self.number(t, "port"),
            send: self.bytes(t, "send"),
        };
        self.finish(&table);
        agent
    }

    fn check_kind(&mut self, t: &mut Table<'_>) -> Field<CheckKind> {
        let word = self.string(t, "type")?;
        let kind = match word.value.as_str() {
            "tcp" => CheckKind::Tcp,
            "tcp-check" => CheckKind::Script(self.steps(t)),
            "http" => CheckKind::Http(Box::new(self.http_check(t))),
            "mysql" if HELD.iter().any(|key| t.own_key(key, self.file).is_some()) => {
                CheckKind::Database(self.database_check(t, DatabaseKind::Mysql))
            }
            "mysql" => CheckKind::Mysql {
                user: self.string(t, "user"),
                dialect: self.string(t, "dialect"),
            },
            "pgsql" => CheckKind::Pgsql { user: self.string(t, "user") },
            "redis" => CheckKind::Redis,
            "smtp" => CheckKind::Smtp { hello: self.string(t, "hello") },
            "ldap" => CheckKind::Ldap,
            "ssl-hello" => CheckKind::SslHello,
            "external" => CheckKind::External(ExternalCheck {
                command: self.string(t, "command"),
                path: self.string(t, "path"),
                preserve_env: self.boolean(t, "preserve_env"),
            }),
            "patroni" => CheckKind::Patroni { lag: self.string(t, "lag") },
            "postgres" => CheckKind::Database(self.database_check(t, DatabaseKind::Postgres)),
            other => {
                let guess = did_you_mean(other, TYPES);
                let message = format!("'{other}' is not a type of check{guess}");
                self.alert(word.span, message, format!("types: {}", TYPES.join(", ")));
                t.allow(&["steps", "user", "dialect", "method", "uri", "version", "headers"]);
                t.allow(&["body", "expect", "disable_on_404", "hello"]);
                t.allow(&["command", "path", "preserve_env", "password_file", "database"]);
                t.allow(&["body", "expect", "disable_on_404", "send_state", "hello"]);
                t.allow(&["uri_lf", "body_lf", "tls", "ca_file", "door", "lag", "cluster"]);
                t.allow(&["command", "path", "preserve_env"]);
                return None;
            }
        };
        Some(Spanned::new(kind, word.span))
    }

    fn database_check(&mut self, t: &mut Table<'_>, kind: DatabaseKind) -> DatabaseCheck {
        DatabaseCheck {
            kind,
            user: self.string(t, "user"),
            password_file: self.string(t, "password_file"),
            database: self.string(t, "database"),
            cluster: match kind {
                DatabaseKind::Mysql => self.string(t, "cluster"),
                DatabaseKind::Postgres => None,
            },
            tls: self.string(t, "tls"),
            ca_file: self.string(t, "ca_file"),
            door: self.duration_or(t, "door", OFF),
        }
    }

    fn steps(&mut self, t: &mut Table<'_>) -> Vec<Step> {
        let place = t.place.clone();
        self.list(t, "steps").into_iter().filter_map(|value| self.step(value, &place)).collect()
    }

    /// One of `{ connect = … }`, `{ send = … }`, `{ send_binary = … }`, `{ expect = … }`, with an
    /// optional `comment`, or a `comment` alone.
    fn step(&mut self, value: Value<'_>, place: &str) -> Option<Step> {
        let span = span_of(self.file, value);
        let Some(entries) = value.get_ref().as_table() else {
            return self.wrong_type("steps", value, "a list of tables { send = … }");
        };
        let mut table = Table::new(entries, span, format!("a step in the {place}"));
        let t = &mut table;
        let comment = self.string(t, "comment");
        let mut found: Vec<Step> = Vec::new();
        found.extend(self.connect_step(t, comment.clone()));
        if let Some(data) = self.bytes(t, "send") {
            found.push(Step::Send { data: data.map(Payload::Text), comment: comment.clone() });
        }
        let others = [
            self.hex(t, "send_binary").map(|data| data.map(Payload::Binary)),
            self.bytes(t, "send_lf").map(|data| data.map(Payload::Format)),
            self.bytes(t, "send_binary_lf").map(|data| data.map(Payload::BinaryFormat)),
        ];
        let others = others.into_iter().flatten();
        found.extend(others.map(|data| Step::Send { data, comment: comment.clone() }));
        found.extend(self.variable_step(t));
        found.extend(self.expect_step(t, comment.clone()));
        let named = STEPS.iter().filter(|key| t.own_key(key, self.file).is_some()).count();
        if named == 0 {
            found.extend(comment.map(Step::Comment));
        }
        if named > 1 || named == 0 && found.is_empty() {
            let message = format!("a step in the {place} must do exactly one thing");
            let help = format!("write one of {} and comment", STEPS.join(", "));
            self.alert(span, message, help);
        }
        self.finish(&table);
        found.pop().filter(|_| named <= 1)
    }

    /// `set_var = "check.x"` with `to`, a sample, or `to_lf`, a text; `unset_var = "check.x"`.
    pub(super) fn variable_step(&mut self, t: &mut Table<'_>) -> Option<Step> {
        if let Some(name) = self.string(t, "unset_var") {
            return Some(Step::UnsetVar(name));
        }
        let name = self.string(t, "set_var")?;
        let (sample, format) = (self.string(t, "to"), self.string(t, "to_lf"));
        let is_format = format.is_some();
        let Some(value) = sample.xor(format) else {
            let help = "to = \"res.len\", or a text: to_lf = \"%[srv_name]\"".to_owned();
            self.alert(name.span, "'set_var' needs one of 'to' and 'to_lf'", help);
            return None;
        };
        Some(Step::SetVar { name, value, is_format })
    }

    /// `connect = true` or `connect = { port, addr, send_proxy, via_socks4, linger, default, ssl, sni,
    /// alpn }`.
    pub(super) fn connect_step(
        &mut self,
        parent: &mut Table<'_>,
        comment: Field<String>,
    ) -> Option<Step> {
        let value = parent.take("connect")?;
        if value.get_ref().as_bool() == Some(true) {
            return Some(Step::Connect {
                port: None,
                addr: None,
                send_proxy: false,
                via_socks4: false,
                linger: false,
                layer: Layer::default(),
                comment,
            });
        }
        let Some(entries) = value.get_ref().as_table() else {
            return self.wrong_type("connect", value, "true or { port, addr, … }");
        };
        let place = format!("connect of {}", parent.place);
        let mut table = Table::new(entries, span_of(self.file, value), place);
        let t = &mut table;
        let step = Step::Connect {
            port: self.number_or_text(t, "port"),
            addr: self.string(t, "addr"),
            send_proxy: self.boolean(t, "send_proxy").is_some_and(|on| on.value),
            via_socks4: self.boolean(t, "via_socks4").is_some_and(|on| on.value),
            linger: self.boolean(t, "linger").is_some_and(|on| on.value),
            layer: Layer {
                default: self.boolean(t, "default").is_some_and(|on| on.value),
                ssl: self.boolean(t, "ssl").is_some_and(|on| on.value),
                sni: self.string(t, "sni"),
                alpn: self.string(t, "alpn"),
            },
            comment,
        };
        self.finish(&table);
        Some(step)
    }

    /// `expect = "text"` or `expect = { string | binary | rstring | rbinary, not, min_recv, … }`.
    fn expect_step(&mut self, parent: &mut Table<'_>, comment: Field<String>) -> Option<Step> {
        let value = parent.take("expect")?;
        let span = span_of(self.file, value);
        if let Some(text) = value.get_ref().as_str() {
            return Some(Step::Expect(Box::new(Expect {
                pattern: Spanned::new(Pattern::Text(text.as_bytes().to_vec()), span),
                negated: false,
                min_recv: None,
                comment,
                report: ExpectReport::default(),
            })));
        }
        let Some(entries) = value.get_ref().as_table() else {
            return self.wrong_type("expect", value, "a text or { string = … }");
        };
        let mut table = Table::new(entries, span, format!("expect of {}", parent.place));
        let t = &mut table;
        let patterns = [
            self.bytes(t, "string").map(|bytes| bytes.map(Pattern::Text)),
            self.hex(t, "binary").map(|bytes| bytes.map(Pattern::Binary)),
            self.string(t, "rstring").map(|text| text.map(Pattern::Regex)),
            self.string(t, "rbinary").map(|text| text.map(Pattern::BinaryRegex)),
            self.bytes(t, "string_lf").map(|bytes| bytes.map(Pattern::TextFormat)),
            self.bytes(t, "binary_lf").map(|bytes| bytes.map(Pattern::BinaryFormat)),
        ];
        let negated = self.boolean(t, "not").is_some_and(|on| on.value);
        let min_recv = self.min_recv(t);
        let report = self.expect_report(t);
        self.finish(&table);
        let words = "string, binary, rstring, rbinary, string_lf and binary_lf";
        let pattern = self.one_of(span, patterns, words)?;
        Some(Step::Expect(Box::new(Expect { pattern, negated, min_recv, comment, report })))
    }

    /// `ok_status`, `error_status`, `tout_status`, `on_success`, `on_error` and `status_code`.
    pub(super) fn expect_report(&mut self, t: &mut Table<'_>) -> ExpectReport {
        ExpectReport {
            ok: self.string(t, "ok_status"),
            error: self.string(t, "error_status"),
            timeout: self.string(t, "tout_status"),
            on_success: self.bytes(t, "on_success"),
            on_error: self.bytes(t, "on_error"),
            code: self.string(t, "status_code"),
        }
    }

    /// The only value that is there.
    pub(super) fn one_of<T>(
        &mut self,
        span: Span,
        choices: impl IntoIterator<Item = Option<T>>,
        words: &str,
    ) -> Option<T> {
        let mut found: Vec<T> = choices.into_iter().flatten().collect();
        if found.len() != 1 {
            let help = format!("write one of {words}");
            self.alert(span, "'expect' must name exactly one thing to look for", help);
            return None;
        }
        found.pop()
    }

    pub(super) fn min_recv(&mut self, t: &mut Table<'_>) -> Field<i64> {
        let number = self.number(t, "min_recv")?;
        Some(number.map(|number| i64::try_from(number).unwrap_or(i64::MAX)))
    }

    /// `200` or `"200-299,301"`.
    pub(super) fn number_or_text(&mut self, t: &mut Table<'_>, key: &'static str) -> Field<String> {
        let value = t.take(key)?;
        if value.get_ref().is_integer() {
            return self.integer_of(key, value).map(|number| number.map(|n| n.to_string()));
        }
        self.string_of(key, value)
    }

    /// A text, or `{ hex = "00ff" }` for bytes that are none.
    pub(super) fn bytes(&mut self, t: &mut Table<'_>, key: &'static str) -> Field<Vec<u8>> {
        let value = t.take(key)?;
        let span = span_of(self.file, value);
        let Some(entries) = value.get_ref().as_table() else {
            let text = self.string_of(key, value)?;
            return Some(text.map(String::into_bytes));
        };
        let mut table = Table::new(entries, span, format!("{key} of {}", t.place));
        let bytes = self.hex(&mut table, "hex");
        self.finish(&table);
        bytes
    }

    /// Bytes as hexadecimal digits.
    pub(super) fn hex(&mut self, t: &mut Table<'_>, key: &'static str) -> Field<Vec<u8>> {
        let text = self.string(t, key)?;
        match decode_hex(&text.value) {
            Some(bytes) => Some(Spanned::new(bytes, text.span)),
            None => {
                let message = format!("'{key}': '{}' is not hexadecimal", text.value);
                self.alert(text.span, message, "write two digits a byte: \"00ff\"".to_owned());
                None
            }
        }
    }
}

/// The bytes of a text of hexadecimal digits, two a byte.
fn decode_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let digits = digits.filter(|digits| digits.len().is_multiple_of(2))?;
    Some(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}
