//! Health checks, as written.

use std::time::Duration;

use haproxy_compat::span::Spanned;

use super::Field;
use crate::pure::probe::kind::DatabaseKind;

/// When a check runs, and where to. Written on a server, or (in TOML) for all of a backend.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CheckSettings {
    /// `inter`.
    pub inter: Field<Duration>,
    /// `fastinter`.
    pub fastinter: Field<Duration>,
    /// `downinter`.
    pub downinter: Field<Duration>,
    /// `rise`.
    pub rise: Field<u64>,
    /// `fall`.
    pub fall: Field<u64>,
    /// Wins over the backend's `timeout check`. Only TOML can write it.
    pub timeout: Field<Duration>,
    /// `init-state`, a word.
    pub init_state: Field<String>,
    /// `addr`: an address, perhaps with a port.
    pub addr: Field<String>,
    /// `port`.
    pub port: Field<u64>,
    /// `check-send-proxy`: true; `no-check-send-proxy`: false. Not written: what traffic does, unless
    /// `addr` or `port` is written.
    pub send_proxy: Field<bool>,
}

/// A check beside the first one, of the native form only.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Witness {
    /// What it asks; `None`: a plain connection.
    pub kind: Field<CheckKind>,
    /// When, and where.
    pub settings: CheckSettings,
}

/// An `agent-check`. Written on a server.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AgentSettings {
    /// `agent-check`: only `true` makes an agent asked.
    pub on: Field<bool>,
    /// `agent-inter`.
    pub inter: Field<Duration>,
    /// Wins over the backend's `timeout check`. Only TOML can write it.
    pub timeout: Field<Duration>,
    /// `agent-addr`.
    pub addr: Field<String>,
    /// `agent-port`; mandatory.
    pub port: Field<u64>,
    /// `agent-send`.
    pub send: Field<Vec<u8>>,
}

/// What a check asks.
#[derive(Clone, Debug, PartialEq)]
pub enum CheckKind {
    /// A connection.
    Tcp,
    /// `option tcp-check` and its rules.
    Script(Vec<Step>),
    /// `option httpchk` and its rules.
    Http(Box<HttpCheck>),
    /// `option mysql-check`.
    Mysql {
        /// `user`.
        user: Field<String>,
        /// `pre-41`, `post-41` or `post-80`.
        dialect: Field<String>,
    },
    /// `option pgsql-check`.
    Pgsql {
        /// `user`; mandatory.
        user: Field<String>,
    },
    /// `option redis-check`.
    Redis,
    /// `option smtpchk`.
    Smtp {
        /// The command that introduces us, `EHLO host`.
        hello: Field<String>,
    },
    /// `option ldap-check`.
    Ldap,
    /// `option ssl-hello-chk`.
    SslHello,
    /// `option external-check`.
    External(ExternalCheck),
    /// Patroni's REST API. Only TOML can write it.
    Patroni {
        /// `lag`.
        lag: Field<String>,
    },
    /// `type = "postgres"`, or `"mysql"` with a `password_file`. Only TOML can write it.
    Database(DatabaseCheck),
}

/// A check that holds a session with a database.
#[derive(Clone, Debug, PartialEq)]
pub struct DatabaseCheck {
    /// What `type` says.
    pub kind: DatabaseKind,
    /// `user`; mandatory.
    pub user: Field<String>,
    /// `password_file`.
    pub password_file: Field<String>,
    /// `database`.
    pub database: Field<String>,
    /// `cluster`, a word.
    pub cluster: Field<String>,
    /// `tls`, a word.
    pub tls: Field<String>,
    /// `ca_file`.
    pub ca_file: Field<String>,
    /// `door`; zero: `"off"`.
    pub door: Field<Duration>,
}

/// `option external-check`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExternalCheck {
    /// `external-check command`; mandatory.
    pub command: Field<String>,
    /// `external-check path`.
    pub path: Field<String>,
    /// `external-check preserve-env` of `global`.
    pub preserve_env: Field<bool>,
}

/// What lies on a connection of a `tcp-check`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Layer {
    /// `default`: as connections that no rule asks for.
    pub default: bool,
    /// `ssl`.
    pub ssl: bool,
    /// `sni`, a name.
    pub sni: Field<String>,
    /// `alpn`.
    pub alpn: Field<String>,
}

/// One `tcp-check` or `http-check` rule.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// `connect`.
    Connect {
        /// `port`: a number or a sample.
        port: Field<String>,
        /// `addr`.
        addr: Field<String>,
        /// `send-proxy`.
        send_proxy: bool,
        /// `via-socks4`.
        via_socks4: bool,
        /// `linger`.
        linger: bool,
        /// `default`, `ssl`, `sni`, `alpn`.
        layer: Layer,
        /// `comment`.
        comment: Field<String>,
    },
    /// `send` and its kin.
    Send {
        /// What is sent.
        data: Spanned<Payload>,
        /// `comment`.
        comment: Field<String>,
    },
    /// `expect`.
    Expect(Box<Expect>),
    /// `http-check send`.
    HttpSend(Box<HttpSend>),
    /// `http-check expect`.
    HttpExpect(Box<Spanned<HttpExpect>>),
    /// `set-var` or `set-var-fmt`.
    SetVar {
        /// `check.name`.
        name: Spanned<String>,
        /// A sample, or a text with samples.
        value: Spanned<String>,
        /// `set-var-fmt`.
        is_format: bool,
    },
    /// `unset-var`.
    UnsetVar(Spanned<String>),
    /// `comment`, a rule of its own.
    Comment(Spanned<String>),
}

/// What a `send` sends.
#[derive(Clone, Debug, PartialEq)]
pub enum Payload {
    /// `send`.
    Text(Vec<u8>),
    /// `send-binary`; hexadecimal already decoded.
    Binary(Vec<u8>),
    /// `send-lf`.
    Format(Vec<u8>),
    /// `send-binary-lf`: a text of hexadecimal digits.
    BinaryFormat(Vec<u8>),
}

/// A `tcp-check expect`.
#[derive(Clone, Debug, PartialEq)]
pub struct Expect {
    /// What is looked for.
    pub pattern: Spanned<Pattern>,
    /// `!`.
    pub negated: bool,
    /// `min-recv`; negative counts as not written.
    pub min_recv: Field<i64>,
    /// `comment`.
    pub comment: Field<String>,
    /// What its outcome is called.
    pub report: ExpectReport,
}

/// What the outcome of an `expect` is called.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExpectReport {
    /// `ok-status`, such as `L7OK`.
    pub ok: Field<String>,
    /// `error-status`.
    pub error: Field<String>,
    /// `tout-status`.
    pub timeout: Field<String>,
    /// `on-success`, a text with samples.
    pub on_success: Field<Vec<u8>>,
    /// `on-error`, a text with samples.
    pub on_error: Field<Vec<u8>>,
    /// `status-code`, an expression.
    pub code: Field<String>,
}

/// What an answer is compared with.
#[derive(Clone, Debug, PartialEq)]
pub enum Pattern {
    /// `string`.
    Text(Vec<u8>),
    /// `binary`; hexadecimal already decoded.
    Binary(Vec<u8>),
    /// `rstring`: a regular expression.
    Regex(String),
    /// `rbinary`: a regular expression on the hexadecimal dump.
    BinaryRegex(String),
    /// `string-lf`.
    TextFormat(Vec<u8>),
    /// `binary-lf`: a text of hexadecimal digits.
    BinaryFormat(Vec<u8>),
}

/// `option httpchk` and `http-check`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HttpCheck {
    /// The request and what its answer must be, where there are no `steps`.
    pub send: HttpSend,
    /// `http-check expect` in order, where there are no `steps`.
    pub expects: Vec<Spanned<HttpExpect>>,
    /// All rules in order.
    pub steps: Vec<Step>,
    /// `http-check disable-on-404`.
    pub disable_on_404: Field<bool>,
    /// `http-check send-state`.
    pub send_state: Field<bool>,
}

/// A request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HttpSend {
    /// Method.
    pub method: Field<String>,
    /// URI.
    pub uri: Field<String>,
    /// The URI is a text with samples.
    pub is_uri_format: bool,
    /// `HTTP/1.0` and the like.
    pub version: Field<String>,
    /// Headers to send, in order; their values are texts with samples.
    pub headers: Vec<Header>,
    /// Body to send.
    pub body: Field<Vec<u8>>,
    /// The body is a text with samples.
    pub is_body_format: bool,
    /// `comment`.
    pub comment: Field<String>,
}

/// A header of a check's request.
#[derive(Clone, Debug, PartialEq)]
pub struct Header {
    /// Its name.
    pub name: Spanned<String>,
    /// Its value.
    pub value: Spanned<String>,
}

/// `http-check expect`.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpExpect {
    /// `!`.
    pub negated: bool,
    /// What is compared.
    pub matcher: HttpMatch,
    /// `min-recv`.
    pub min_recv: Field<i64>,
    /// `comment`.
    pub comment: Field<String>,
    /// What becomes of the result.
    pub report: ExpectReport,
}

/// What `http-check expect` compares.
#[derive(Clone, Debug, PartialEq)]
pub enum HttpMatch {
    /// `status`: `200`, `200-299,301`.
    Status(String),
    /// `rstatus`: a regular expression.
    StatusRegex(String),
    /// `string`, on the body.
    Text(Vec<u8>),
    /// `string-lf`, on the body.
    TextFormat(Vec<u8>),
    /// `rstring`, a regular expression on the body.
    Regex(String),
    /// `hdr`, or `fhdr` where `full`.
    Header {
        /// `fhdr`.
        full: bool,
        /// Its name.
        name: TextMatch,
        /// One of its values.
        value: Option<TextMatch>,
    },
}

/// A text of a header, and how it is compared: `str`, `beg`, `end`, `sub` or `reg`.
#[derive(Clone, Debug, PartialEq)]
pub struct TextMatch {
    /// The way; `None`: `str`.
    pub way: Field<String>,
    /// The text has samples.
    pub is_format: bool,
    /// The text.
    pub text: Spanned<String>,
}
