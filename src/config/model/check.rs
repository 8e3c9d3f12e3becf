//! Health checks of servers.

use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::time::Duration;

use super::ProxyHeader;

/// The health check of one server.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// What is asked.
    pub kind: CheckKind,
    /// Time between checks while the server is fully up; also bounds a check without `timeout`.
    pub inter: Duration,
    /// Time between checks in transition; defaults to `inter`.
    pub fastinter: Duration,
    /// Time between checks while the server is fully down; defaults to `inter`.
    pub downinter: Duration,
    /// Passing checks in a row that bring the server up.
    pub rise: NonZeroU16,
    /// Failing checks in a row that take it down.
    pub fall: NonZeroU16,
    /// `timeout check`: bounds what follows the connection.
    pub timeout: Option<Duration>,
    /// Bounds the connection where `timeout` is set: `min(inter, timeout connect)`, else `inter`.
    pub timeout_connect: Duration,
    /// Address to check; `None`: the server's own.
    pub addr: Option<SocketAddr>,
    /// Port to check; `None`: that of the address.
    pub port: Option<NonZeroU16>,
    /// PROXY header sent first.
    pub send_proxy: Option<ProxyHeader>,
}

/// What a check asks.
#[derive(Clone, Debug, PartialEq)]
pub enum CheckKind {
    /// A connection that succeeds.
    Tcp,
    /// `option tcp-check` with at least one rule.
    Script(Vec<ScriptStep>),
    /// `option httpchk`.
    Http(HttpCheck),
    /// `option mysql-check`.
    Mysql {
        /// Account to log in as and the dialect; `None` reads the greeting only.
        user: Option<(String, MysqlDialect)>,
    },
    /// `option pgsql-check user …`.
    Pgsql {
        /// Account named in the startup packet.
        user: String,
    },
    /// `option redis-check`.
    Redis,
}

/// How `mysql-check user` introduces itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MysqlDialect {
    /// Before MySQL 4.1.
    Pre41,
    /// MySQL 4.1 and later; the default.
    #[default]
    Post41,
    /// Names `mysql_native_password`.
    Post80,
}

/// One `tcp-check` rule.
#[derive(Clone, Debug, PartialEq)]
pub enum ScriptStep {
    /// Opens a (new) connection.
    Connect {
        /// Another port than the check's.
        port: Option<NonZeroU16>,
        /// Another address than the check's.
        addr: Option<SocketAddr>,
        /// A PROXY header first.
        send_proxy: bool,
        /// Close with FIN instead of RST.
        linger: bool,
        /// Shown when the step fails.
        comment: Option<String>,
    },
    /// Sends bytes.
    Send {
        /// What is sent.
        data: Vec<u8>,
        /// `send-binary`: shown as such in failures.
        binary: bool,
        /// Shown when the step fails.
        comment: Option<String>,
    },
    /// Waits for an answer.
    Expect(Expect),
}

/// One `expect` rule of a tcp-check.
#[derive(Clone, Debug, PartialEq)]
pub struct Expect {
    /// What the answer is compared with.
    pub pattern: Pattern,
    /// `!`: the answer must not match.
    pub negated: bool,
    /// Bytes to wait for before the answer is judged; `None`: judge, and wait for more on mismatch.
    pub min_recv: Option<u32>,
    /// Shown when the step fails.
    pub comment: Option<String>,
}

/// What an answer is compared with. Patterns compare equal by their text.
#[derive(Clone, Debug)]
pub enum Pattern {
    /// `string`: a substring.
    Text(Vec<u8>),
    /// `binary`: a substring, shown in hexadecimal.
    Binary(Vec<u8>),
    /// `rstring`: a regular expression on the bytes.
    Regex(regex::bytes::Regex),
    /// `rbinary`: a regular expression on the upper-case hexadecimal dump.
    BinaryRegex(regex::bytes::Regex),
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Text(a), Self::Text(b)) | (Self::Binary(a), Self::Binary(b)) => a == b,
            (Self::Regex(a), Self::Regex(b)) | (Self::BinaryRegex(a), Self::BinaryRegex(b)) => {
                a.as_str() == b.as_str()
            }
            _ => false,
        }
    }
}

/// `option httpchk` and its `http-check` rules.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpCheck {
    /// Method, `OPTIONS` by default.
    pub method: String,
    /// URI, `/` by default.
    pub uri: String,
    /// Version, `HTTP/1.0` by default.
    pub version: String,
    /// Headers to send, in order.
    pub headers: Vec<SendHeader>,
    /// Body to send.
    pub body: Vec<u8>,
    /// What the answer must be; `None`: a status of 200 to 399.
    pub expect: Option<HttpExpect>,
    /// `http-check disable-on-404`: 404 takes no new sessions but is not down.
    pub disable_on_404: bool,
}

/// A header of a check's request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendHeader {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// `http-check expect`.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpExpect {
    /// `!`: the answer must not match.
    pub negated: bool,
    /// What is compared.
    pub matcher: HttpMatch,
}

/// What `http-check expect` compares.
#[derive(Clone, Debug, PartialEq)]
pub enum HttpMatch {
    /// `status`: inclusive ranges.
    Status(Vec<(u16, u16)>),
    /// `rstatus`: a regular expression on the status' digits; always [`Pattern::Regex`].
    StatusRegex(Pattern),
    /// `string` ([`Pattern::Text`]) or `rstring` ([`Pattern::Regex`]) on the body.
    Body(Pattern),
}
