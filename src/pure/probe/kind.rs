//! What a check asks, as the operator wrote it: what a probe is built from.
//!
//! The configuration's model uses these very types.

use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroU16;

use crate::pure::health::verdict::{CheckStatus, Verdict};

/// What a check asks.
#[derive(Clone, Debug, PartialEq)]
pub enum CheckKind {
    /// A connection that succeeds.
    Tcp,
    /// `option tcp-check`; without a rule that does something, a connection that succeeds.
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
    /// `option smtpchk`.
    Smtp {
        /// The command that introduces us, without its end: `HELO localhost` by default.
        hello: String,
    },
    /// `option ldap-check`.
    Ldap,
    /// `option ssl-hello-chk`.
    SslHello,
    /// `option external-check`: no connection is made, a program is run.
    External(ExternalCheck),
    /// A session with a database that is held: what it is, not only that it answers.
    Database(DatabaseCheck),
}

/// `type = "postgres"`.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseCheck {
    /// The account that logs in.
    pub user: String,
    /// The file its password was read from; `None`: it has none.
    pub password_file: Option<String>,
    /// Its password; may be empty.
    pub password: String,
    /// The database.
    pub database: String,
}

impl fmt::Debug for DatabaseCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseCheck({} at {}, password hidden)", self.user, self.database)
    }
}

/// `option external-check`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalCheck {
    /// The program: a path, or a name to be looked for in `path`.
    pub command: String,
    /// `PATH` of the program; `None`: empty, or our own with `preserve_env`.
    pub path: Option<String>,
    /// The program sees our environment too.
    pub preserve_env: bool,
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

/// What lies on a connection of a check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Layer {
    /// What connections of this check have that no step asks for.
    Default,
    /// Nothing.
    #[default]
    Plain,
    /// TLS.
    Tls {
        /// The name to ask for, instead of none.
        sni: Option<String>,
        /// Protocols separated by commas, instead of none.
        alpn: Option<String>,
    },
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
        /// With TLS or without.
        layer: Layer,
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
    /// Does nothing but counts as a step, and names the steps after it in their failures: those
    /// without a comment of their own, as long as they are of one kind.
    Comment(String),
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
    /// What becomes of the result.
    pub report: ExpectReport,
}

/// What the outcome of an `expect` rule is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectReport {
    /// `ok-status`, where the rule is the last that does something.
    pub ok: CheckStatus,
    /// `error-status`.
    pub error: CheckStatus,
    /// `tout-status`.
    pub timeout: CheckStatus,
    /// `on-success`: said instead of the usual words where the rule is the last.
    pub on_success: Option<Vec<u8>>,
    /// `on-error`: said instead of the usual words.
    pub on_error: Option<Vec<u8>>,
    /// `status-code`.
    pub code: Option<CodeFrom>,
}

impl Default for ExpectReport {
    fn default() -> Self {
        Self {
            ok: CheckStatus::L7Ok,
            error: CheckStatus::L7Response,
            timeout: CheckStatus::L7Timeout,
            on_success: None,
            on_error: None,
            code: None,
        }
    }
}

impl ExpectReport {
    /// `verdict` with the code this rule takes from `answer`.
    pub(super) fn coded(&self, verdict: Verdict, answer: &[u8]) -> Verdict {
        match &self.code {
            Some(code) => verdict.with_code(code.of(answer)),
            None => verdict,
        }
    }
}

/// Where `status-code` takes a verdict's code from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CodeFrom {
    /// `int(N)`.
    Fixed(u32),
    /// `res.payload(OFFSET,LEN)`: the number there; 0 where there is none.
    Payload {
        /// Bytes before it.
        offset: usize,
        /// Its length; 0: to the end.
        len: usize,
    },
}

impl CodeFrom {
    /// The expression as it is written; `None` for one that is not known here.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (name, rest) = text.split_once('(')?;
        let args = rest.strip_suffix(')')?;
        match name {
            "int" => args.trim().parse().ok().map(Self::Fixed),
            "res.payload" => {
                let (offset, len) = args.split_once(',')?;
                let (offset, len) = (offset.trim().parse().ok()?, len.trim().parse().ok()?);
                Some(Self::Payload { offset, len })
            }
            _ => None,
        }
    }

    fn of(&self, answer: &[u8]) -> u32 {
        match *self {
            Self::Fixed(code) => code,
            Self::Payload { offset, len } => {
                let end = if len == 0 { answer.len() } else { offset.saturating_add(len) };
                leading_number(answer.get(offset..end).unwrap_or_default())
            }
        }
    }
}

impl fmt::Display for CodeFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(code) => write!(f, "int({code})"),
            Self::Payload { offset, len } => write!(f, "res.payload({offset},{len})"),
        }
    }
}

/// The decimal number that `text` starts with; 0 where it starts with none.
pub(super) fn leading_number(text: &[u8]) -> u32 {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |number: u32, digit| {
        number.saturating_mul(10).saturating_add(u32::from(digit - b'0'))
    })
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
    /// `string-lf`: a substring that failures do not show.
    TextFormat(Vec<u8>),
    /// `binary-lf`: a substring that failures do not show.
    BinaryFormat(Vec<u8>),
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Text(a), Self::Text(b))
            | (Self::Binary(a), Self::Binary(b))
            | (Self::TextFormat(a), Self::TextFormat(b))
            | (Self::BinaryFormat(a), Self::BinaryFormat(b)) => a == b,
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
    /// What the answer must be, each in turn; none: a status of 200 to 399.
    pub expects: Vec<HttpExpect>,
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
    /// Bytes of a body to wait for before it is judged; `None`: judge, and wait for more on mismatch.
    pub min_recv: Option<u32>,
    /// Shown when the expectation is not met.
    pub comment: Option<String>,
    /// What becomes of the result.
    pub report: ExpectReport,
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
    /// `hdr` or `fhdr`.
    Header {
        /// `fhdr`: a header is one value, whatever commas it has.
        full: bool,
        /// Its name, in any case.
        name: TextMatch,
        /// One of its values; `None`: any.
        value: Option<TextMatch>,
    },
}

impl HttpMatch {
    /// What the outcome is called where nothing else is said.
    #[must_use]
    pub fn report(&self) -> ExpectReport {
        let error = match self {
            Self::Body(_) => CheckStatus::L7Response,
            Self::Status(_) | Self::StatusRegex(_) | Self::Header { .. } => CheckStatus::L7Status,
        };
        ExpectReport { error, ..ExpectReport::default() }
    }
}

/// How a name or value of a header is compared.
#[derive(Clone, Debug, PartialEq)]
pub enum TextMatch {
    /// `-m str`, or nothing.
    Is(String),
    /// `-m beg`.
    Begins(String),
    /// `-m end`.
    Ends(String),
    /// `-m sub`.
    Contains(String),
    /// `-m reg`; always [`Pattern::Regex`].
    Regex(Pattern),
}
