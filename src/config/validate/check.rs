//! Pure: health checks.

use std::num::NonZeroU16;
use std::time::Duration;

use haproxy_compat::addr::{Address, Endpoint, Host};
use haproxy_compat::span::{Span, Spanned};

use super::agent::INIT_STATES;
use super::context::Context;
use super::frontend::is_on;
use crate::config::defaults::{FALL, INTER, RISE, ROLE_INTER, ROLE_TIMEOUT, SMTP_CHECK_HELLO};
use crate::config::model::{
    Assigned, Check, CheckKind, Expect, ExpectReport, ExternalCheck, HttpCheck, Layer,
    MysqlDialect, Pattern, Payload, PortFrom, ProxyHeader, ScriptStep, ServerAddr,
};
use crate::config::raw::{self, Dialect, Field};
use crate::pure::pattern::Regex;
use crate::pure::probe::Place;

/// The words of `dialect`.
pub(in crate::config) const MYSQL_DIALECTS: [(&str, MysqlDialect); 3] = [
    ("pre-41", MysqlDialect::Pre41),
    ("post-41", MysqlDialect::Post41),
    ("post-80", MysqlDialect::Post80),
];

/// Longest account name, in bytes: above MariaDB's 128 and Postgres' 63.
const USER_MAX_BYTES: usize = 255;

/// What the checks of a backend's servers have in common.
pub(super) struct BackendCheck<'a> {
    /// What is asked.
    pub(super) kind: CheckKind,
    /// Settings that servers without their own use.
    pub(super) settings: &'a raw::CheckSettings,
    /// `timeout check`.
    pub(super) timeout: Option<Duration>,
    /// `timeout connect`.
    pub(super) connect: Option<Duration>,
    /// What is asked beside it.
    pub(super) witnesses: Vec<BackendCheck<'a>>,
}

/// The header that a check sends: what was `written` of it, and what sessions of the server send.
fn sent_header(
    written: Option<bool>,
    sessions: Option<ProxyHeader>,
    own_target: bool,
    dialect: Dialect,
) -> Option<ProxyHeader> {
    match written {
        Some(true) => Some(sessions.unwrap_or(ProxyHeader::V1)),
        // HAProxy's word against it only takes another one back.
        Some(false) if dialect == Dialect::Toml => None,
        _ => sessions.filter(|_| !own_target),
    }
}

impl Context<'_> {
    /// The check of a server, `None` where it has none; what was written is judged either way.
    pub(super) fn server_check(
        &mut self,
        raw: &raw::Server,
        what: &str,
        address: Option<&ServerAddr>,
        send_proxy: Option<ProxyHeader>,
        backend: &BackendCheck<'_>,
    ) -> Option<Check> {
        let own = &raw.check_settings;
        let base = backend.settings;
        let what = &format!("check of {what}");
        let inter = self.interval(what, "inter", &own.inter, &base.inter);
        let fastinter = self.interval(what, "fastinter", &own.fastinter, &base.fastinter);
        let downinter = self.interval(what, "downinter", &own.downinter, &base.downinter);
        let rise = self.count(what, "rise", &own.rise, &base.rise, RISE);
        let fall = self.count(what, "fall", &own.fall, &base.fall, FALL);
        let init_state = own.init_state.as_ref().or(base.init_state.as_ref()).cloned();
        let init_state = self.word("init_state", &init_state, &INIT_STATES).unwrap_or_default();
        let timeout = own.timeout.as_ref().or(base.timeout.as_ref()).cloned();
        let timeout = self.timeout(&format!("timeout of the {what}"), &timeout, backend.timeout);
        let port_field = own.port.as_ref().or(base.port.as_ref()).cloned();
        let port = self.port(&format!("port of the {what}"), &port_field);
        let addr_field = own.addr.as_ref().or(base.addr.as_ref());
        let service_port = match address {
            Some(ServerAddr::Tcp(address)) => address.port(),
            _ => 0,
        };
        let default_port = port.map_or(service_port, NonZeroU16::get);
        let addr = addr_field.and_then(|addr| self.check_place(what, addr, default_port));
        let own_kind = raw.check_kind.as_ref().map(|kind| self.check_kind(Some(kind)));
        let kind = own_kind.unwrap_or_else(|| backend.kind.clone());
        let own_target = port_field.is_some() || addr_field.is_some();
        if !is_on(&raw.check) {
            // What a check would be done with has to be right even where none is done.
            self.check_tls(raw, &kind, own_target, what);
            return None;
        }
        let is_inet =
            matches!(address, Some(ServerAddr::Tcp(_) | ServerAddr::TcpClientPort { .. }));
        let is_addr_wrong = addr_field.is_some() && addr.is_none();
        let needs_port = port_field.is_none()
            && !is_addr_wrong
            && service_port == 0
            && (is_inet || addr_field.is_some())
            && addr.as_ref().is_none_or(Place::needs_port)
            && !names_its_ports(&kind);
        if needs_port {
            self.lacks_port(&raw.address, what);
        }
        let written = own.send_proxy.as_ref().or(base.send_proxy.as_ref());
        let written = written.map(|field| field.value);
        let header = sent_header(written, send_proxy, own_target, self.dialect);
        let (tls, is_tls) = match &kind {
            CheckKind::Database(check) => {
                let place = addr_field.unwrap_or(&raw.address);
                (self.database_tls(check, place, what), false)
            }
            kind => self.check_tls(raw, kind, own_target, what),
        };
        let (inter, timeout) = paced(&kind, inter, timeout);
        Some(Check {
            kind,
            inter,
            fastinter: fastinter.unwrap_or(inter),
            downinter: downinter.unwrap_or(inter),
            rise,
            fall,
            init_state,
            timeout,
            timeout_connect: connect_bound(inter, timeout, backend.connect),
            addr,
            port,
            send_proxy: header,
            tls,
            is_tls,
        })
    }

    /// A check knows no port. HAProxy does not see it where the server has a name, and the check of
    /// such a server fails each time.
    fn lacks_port(&mut self, address: &Spanned<String>, what: &str) {
        let endpoint = Address::parse(&address.value).map(|address| address.endpoint);
        let message = format!("{what}: its port is not known");
        if matches!(endpoint, Ok(Endpoint::Inet { host: Host::Name(_), .. })) {
            self.report.warning(address.span, format!("{message}: it fails"));
        } else {
            self.report.alert(address.span, message);
        }
        self.report.help("give the server a port, or its check: port = 3306");
    }

    fn interval(
        &mut self,
        what: &str,
        key: &str,
        own: &Field<Duration>,
        base: &Field<Duration>,
    ) -> Option<Duration> {
        let field = own.as_ref().or(base.as_ref()).cloned();
        self.duration(&format!("{key} of the {what}"), &field)
    }

    fn count(
        &mut self,
        what: &str,
        key: &str,
        own: &Field<u64>,
        base: &Field<u64>,
        default: u16,
    ) -> NonZeroU16 {
        let field = own.as_ref().or(base.as_ref()).cloned();
        let count = self.number(&format!("{key} of the {what}"), &field, 1..=u64::from(u16::MAX));
        count
            .and_then(|count| NonZeroU16::new(u16::try_from(count).ok()?))
            .unwrap_or_else(|| NonZeroU16::new(default).expect("the defaults are not 0"))
    }

    /// What is asked; a plain connection where nothing was written.
    pub(super) fn check_kind(&mut self, raw: Option<&Spanned<raw::CheckKind>>) -> CheckKind {
        let Some(Spanned { value, span }) = raw else {
            return CheckKind::Tcp;
        };
        match value {
            raw::CheckKind::Tcp => CheckKind::Tcp,
            raw::CheckKind::Redis => CheckKind::Redis,
            raw::CheckKind::Patroni { lag } => CheckKind::Patroni { lag: self.patroni_lag(lag) },
            raw::CheckKind::Smtp { hello } => CheckKind::Smtp { hello: self.hello(hello) },
            raw::CheckKind::Ldap => CheckKind::Ldap,
            raw::CheckKind::SslHello => CheckKind::SslHello,
            raw::CheckKind::External(check) => self.external(check, *span),
            raw::CheckKind::Database(raw) => CheckKind::Database(self.database(raw, *span)),
            raw::CheckKind::Script(steps) => {
                CheckKind::Script(steps.iter().filter_map(|step| self.step(step)).collect())
            }
            raw::CheckKind::Http(http) => CheckKind::Http(self.http(http)),
            raw::CheckKind::Mysql { user, dialect } => {
                let word = self.word("mysql dialect", dialect, &MYSQL_DIALECTS);
                if let (None, Some(dialect)) = (user, dialect) {
                    self.report.alert(dialect.span, "a mysql dialect counts only with a user");
                }
                let user = user.as_ref().map(|user| self.user(user));
                CheckKind::Mysql { user: user.map(|user| (user, word.unwrap_or_default())) }
            }
            raw::CheckKind::Pgsql { user: Some(user) } => {
                CheckKind::Pgsql { user: self.user(user) }
            }
            raw::CheckKind::Pgsql { user: None } => {
                // The other front end says so itself.
                if self.dialect == Dialect::Toml || !self.report.is_refused() {
                    self.report.alert(*span, "a pgsql check needs a user");
                    self.report.help("any name will do: it is sent, but nobody logs in");
                }
                CheckKind::Pgsql { user: String::new() }
            }
        }
    }

    /// A program to run.
    fn external(&mut self, raw: &raw::ExternalCheck, span: Span) -> CheckKind {
        if raw.command.as_ref().is_none_or(|command| command.value.is_empty()) {
            self.report.alert(span, "an external check needs the command to run");
            self.report.help("in haproxy.cfg: 'external-check command /path/to/program'");
        }
        let text = |field: &Field<String>| field.as_ref().map(|field| field.value.clone());
        CheckKind::External(ExternalCheck {
            command: text(&raw.command).unwrap_or_default(),
            path: text(&raw.path),
            preserve_env: is_on(&raw.preserve_env),
        })
    }

    /// A line of SMTP, without its end.
    fn hello(&mut self, field: &Field<String>) -> String {
        let Some(field) = field else {
            return SMTP_CHECK_HELLO.to_owned();
        };
        if field.value.is_empty() || field.value.contains(char::is_control) {
            self.report.alert(field.span, "the hello of an smtp check must be one line");
        }
        field.value.clone()
    }

    /// An account name; it ends at a NUL on the wire.
    pub(super) fn user(&mut self, user: &Spanned<String>) -> String {
        if user.value.is_empty() || user.value.contains('\0') || user.value.len() > USER_MAX_BYTES {
            let message = format!("the user must have 1 to {USER_MAX_BYTES} bytes and no NUL");
            self.report.alert(user.span, message);
        }
        user.value.clone()
    }

    fn layer(&mut self, raw: &raw::Layer) -> Option<Layer> {
        if !raw.ssl {
            return Some(if raw.default { Layer::Default } else { Layer::Plain });
        }
        if let Some(sni) = &raw.sni
            && rustls_pki_types::ServerName::try_from(sni.value.as_str()).is_err()
        {
            self.report.alert(sni.span, format!("'{}' is no host name for 'sni'", sni.value));
            return None;
        }
        let text = |field: &Field<String>| field.as_ref().map(|field| field.value.clone());
        Some(Layer::Tls { sni: text(&raw.sni), alpn: text(&raw.alpn) })
    }

    pub(super) fn step(&mut self, raw: &raw::Step) -> Option<ScriptStep> {
        let text = |field: &Field<String>| field.as_ref().map(|field| field.value.clone());
        Some(match raw {
            raw::Step::Connect { port, addr, send_proxy, via_socks4, linger, layer, comment } => {
                let is_number = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
                let number = port.as_ref().and_then(|port| {
                    is_number(&port.value).then(|| port.clone().map(|n| n.parse().unwrap_or(0)))
                });
                ScriptStep::Connect {
                    port: match port {
                        Some(sample) if number.is_none() => {
                            Some(PortFrom::Sample(self.check_sample(sample.span, &sample.value)?))
                        }
                        _ => self.port("port of a connect", &number).map(PortFrom::Fixed),
                    },
                    addr: match addr {
                        None => None,
                        Some(addr) => {
                            let default =
                                number.as_ref().map_or(0, |port: &Spanned<u64>| port.value);
                            let default = u16::try_from(default).unwrap_or(0);
                            Some(self.check_place("tcp-check connect", addr, default)?)
                        }
                    },
                    send_proxy: *send_proxy,
                    via_socks4: *via_socks4,
                    linger: *linger,
                    layer: self.layer(layer)?,
                    comment: text(comment),
                }
            }
            raw::Step::Send { data, comment } => ScriptStep::Send {
                data: match &data.value {
                    raw::Payload::Text(bytes) => Payload::Text(bytes.clone()),
                    raw::Payload::Binary(bytes) => Payload::Binary(bytes.clone()),
                    raw::Payload::Format(text) => {
                        Payload::Format(self.check_format(data.span, text)?)
                    }
                    raw::Payload::BinaryFormat(text) => {
                        Payload::BinaryFormat(self.check_format(data.span, text)?)
                    }
                },
                comment: text(comment),
            },
            raw::Step::HttpSend(send) => ScriptStep::HttpSend(self.http_send(send)),
            raw::Step::HttpExpect(expect) => ScriptStep::HttpExpect(self.http_expect(expect)?),
            raw::Step::SetVar { name, value, is_format } => {
                let assigned = match is_format {
                    true => {
                        Assigned::Format(self.check_format(value.span, value.value.as_bytes())?)
                    }
                    false => Assigned::Sample(self.check_sample(value.span, &value.value)?),
                };
                ScriptStep::SetVar(self.check_variable(name)?, assigned)
            }
            raw::Step::UnsetVar(name) => ScriptStep::UnsetVar(self.check_variable(name)?),
            raw::Step::Expect(expect) => ScriptStep::Expect(Expect {
                pattern: self.pattern(&expect.pattern)?,
                negated: expect.negated,
                min_recv: min_recv(&expect.min_recv),
                comment: text(&expect.comment),
                report: self.expect_report(&expect.report, ExpectReport::default()),
            }),
            raw::Step::Comment(comment) => ScriptStep::Comment(comment.value.clone()),
        })
    }

    pub(super) fn pattern(&mut self, raw: &Spanned<raw::Pattern>) -> Option<Pattern> {
        let span = raw.span;
        match &raw.value {
            raw::Pattern::Text(bytes)
            | raw::Pattern::Binary(bytes)
            | raw::Pattern::TextFormat(bytes)
            | raw::Pattern::BinaryFormat(bytes)
                if bytes.is_empty() =>
            {
                self.report.alert(span, "an empty expectation matches everything");
                None
            }
            raw::Pattern::Text(bytes) => Some(Pattern::Text(bytes.clone())),
            raw::Pattern::Binary(bytes) => Some(Pattern::Binary(bytes.clone())),
            raw::Pattern::TextFormat(text) => {
                self.check_format(span, text).map(Pattern::TextFormat)
            }
            raw::Pattern::BinaryFormat(text) => {
                self.check_format(span, text).map(Pattern::BinaryFormat)
            }
            raw::Pattern::Regex(text) => self.regex(span, text).map(Pattern::Regex),
            raw::Pattern::BinaryRegex(text) => self.regex(span, text).map(Pattern::BinaryRegex),
        }
    }

    /// A regular expression on bytes.
    pub(super) fn regex(&mut self, span: Span, text: &str) -> Option<Regex> {
        match Regex::new(text, false) {
            Ok(regex) => Some(regex),
            Err(reason) => {
                let message = format!("'{text}' is not a regular expression: {reason}");
                self.report.alert(span, message);
                None
            }
        }
    }
}

/// `inter` and `timeout` of a check, where they are not written.
fn paced(
    kind: &CheckKind,
    inter: Option<Duration>,
    timeout: Option<Duration>,
) -> (Duration, Option<Duration>) {
    match kind {
        CheckKind::Database(_) => {
            (inter.unwrap_or(ROLE_INTER), Some(timeout.unwrap_or(ROLE_TIMEOUT)))
        }
        _ => (inter.unwrap_or(INTER), timeout),
    }
}

/// Negative numbers count as not written.
pub(super) fn min_recv(field: &Field<i64>) -> Option<u32> {
    field.as_ref().and_then(|count| u32::try_from(count.value).ok())
}

/// What bounds the connection of a check.
pub(in crate::config) fn connect_bound(
    inter: Duration,
    timeout: Option<Duration>,
    connect: Option<Duration>,
) -> Duration {
    match (timeout, connect) {
        (Some(_), Some(connect)) => inter.min(connect),
        _ => inter,
    }
}

/// Whether each connection of a check names its own port.
fn names_its_ports(kind: &CheckKind) -> bool {
    if matches!(kind, CheckKind::External(_)) {
        return true;
    }
    let (CheckKind::Script(steps) | CheckKind::Http(HttpCheck { steps, .. })) = kind else {
        return false;
    };
    let has_port = |step: &ScriptStep| match step {
        ScriptStep::Connect { port, addr, .. } => {
            port.is_some() || addr.as_ref().is_some_and(|addr| !addr.needs_port())
        }
        _ => true,
    };
    let mut acting = steps.iter().filter(|step| !matches!(step, ScriptStep::Comment(_)));
    matches!(acting.next(), Some(ScriptStep::Connect { .. })) && steps.iter().all(has_port)
}
