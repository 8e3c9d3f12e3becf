//! What a check asks, as the operator wrote it: what a probe is built from.
//!
//! The configuration's model uses these very types.

use std::borrow::Cow;
use std::num::NonZeroU16;

use crate::pure::health::verdict::{CheckStatus, Verdict};
use crate::pure::pattern::Regex;
use crate::pure::probe::Place;
use crate::pure::probe::format::Format;
use crate::pure::sample::{Expr, Facts, Variable};

pub use super::database::{Cluster, DatabaseCheck, DatabaseKind, DatabaseTls};

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
    /// Patroni's REST API: what it says its server is.
    Patroni {
        /// How far a replica may be behind, in Patroni's words; `None`: any.
        lag: Option<String>,
    },
    /// A session with a database that is held: what it is, not only that it answers.
    Database(DatabaseCheck),
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

/// One `tcp-check` or `http-check` rule.
#[derive(Clone, Debug, PartialEq)]
pub enum ScriptStep {
    /// Opens a (new) connection.
    Connect {
        /// Another port than the check's.
        port: Option<PortFrom>,
        /// Another address than the check's.
        addr: Option<Place>,
        /// A PROXY header first.
        send_proxy: bool,
        /// Through the server's SOCKS4 proxy, if it has one.
        via_socks4: bool,
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
        data: Payload,
        /// Shown when the step fails.
        comment: Option<String>,
    },
    /// Sends a request of HTTP.
    HttpSend(HttpSend),
    /// Waits for an answer.
    Expect(Expect),
    /// Waits for an answer of HTTP.
    HttpExpect(HttpExpect),
    /// `set-var`, `set-var-fmt`: keeps a value until the check is over.
    SetVar(Variable, Assigned),
    /// `unset-var`: forgets one.
    UnsetVar(Variable),
    /// Does nothing but counts as a step, and names the steps after it in their failures: those
    /// without a comment of their own, as long as they are of one kind.
    Comment(String),
}

/// Where a connection's port comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum PortFrom {
    /// It was written.
    Fixed(NonZeroU16),
    /// A sample says it as the connection is made; where it says none, it is the check's.
    Sample(Expr),
}

/// What a `send` rule sends.
#[derive(Clone, Debug, PartialEq)]
pub enum Payload {
    /// `send`.
    Text(Vec<u8>),
    /// `send-binary`; hexadecimal already decoded.
    Binary(Vec<u8>),
    /// `send-lf`.
    Format(Format),
    /// `send-binary-lf`: the hexadecimal digits of what is sent.
    BinaryFormat(Format),
}

/// What a variable is set to.
#[derive(Clone, Debug, PartialEq)]
pub enum Assigned {
    /// `set-var`: a sample.
    Sample(Expr),
    /// `set-var-fmt`: a text.
    Format(Format),
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
#[derive(Clone, Debug, PartialEq)]
pub struct ExpectReport {
    /// `ok-status`, where the rule is the last that does something.
    pub ok: CheckStatus,
    /// `error-status`.
    pub error: CheckStatus,
    /// `tout-status`.
    pub timeout: CheckStatus,
    /// `on-success`: said instead of the usual words where the rule is the last.
    pub on_success: Option<Format>,
    /// `on-error`: said instead of the usual words.
    pub on_error: Option<Format>,
    /// `status-code`: a sample that begins with a number; 0 where it does not.
    pub code: Option<Expr>,
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
    /// `verdict` with the code this rule takes from what is known.
    pub(super) fn coded(&self, verdict: Verdict, facts: &dyn Facts) -> Verdict {
        let Some(code) = &self.code else { return verdict };
        let value = code.evaluate(facts).value();
        verdict
            .with_code(leading_number(&value.map(|value| value.into_bytes()).unwrap_or_default()))
    }
}

/// The bytes of hexadecimal digits, two a byte.
pub(crate) fn unhex(digits: &[u8]) -> Option<Vec<u8>> {
    let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|n| u8::try_from(n).ok());
    let pairs = digits.chunks(2).map(|pair| match *pair {
        [high, low] => Some(digit(high)? << 4 | digit(low)?),
        _ => None,
    });
    pairs.collect()
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
    Regex(Regex),
    /// `rbinary`: a regular expression on the upper-case hexadecimal dump.
    BinaryRegex(Regex),
    /// `string-lf`: a substring that failures do not show.
    TextFormat(Format),
    /// `binary-lf`: the hexadecimal digits of a substring that failures do not show.
    BinaryFormat(Format),
}

impl Pattern {
    /// What it says now: never a format.
    ///
    /// # Errors
    /// HAProxy's words where nothing is left to look for.
    pub(super) fn resolved(&self, facts: &dyn Facts) -> Result<Cow<'_, Self>, &'static [u8]> {
        let empty = &b"log-format string evaluated to an empty string"[..];
        let odd = &b"Failed to parse hexastring resulting of eval of a log-format string"[..];
        let (Self::TextFormat(format) | Self::BinaryFormat(format)) = self else {
            return Ok(Cow::Borrowed(self));
        };
        let text = format.fill(facts);
        if text.is_empty() {
            return Err(empty);
        }
        Ok(Cow::Owned(match self {
            Self::BinaryFormat(_) => Self::Binary(unhex(&text).ok_or(odd)?),
            _ => Self::Text(text),
        }))
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Text(a), Self::Text(b)) | (Self::Binary(a), Self::Binary(b)) => a == b,
            (Self::TextFormat(a), Self::TextFormat(b))
            | (Self::BinaryFormat(a), Self::BinaryFormat(b)) => a == b,
            (Self::Regex(a), Self::Regex(b)) | (Self::BinaryRegex(a), Self::BinaryRegex(b)) => {
                a == b
            }
            _ => false,
        }
    }
}

/// `option httpchk` and its `http-check` rules.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpCheck {
    /// What is done in turn.
    pub steps: Vec<ScriptStep>,
    /// `http-check disable-on-404`: 404 takes no new sessions but is not down.
    pub disable_on_404: bool,
    /// `http-check send-state`: requests carry what the server is worth.
    pub send_state: bool,
}

impl HttpCheck {
    /// The first request.
    #[must_use]
    pub fn request(&self) -> Option<&HttpSend> {
        self.steps.iter().find_map(|step| match step {
            ScriptStep::HttpSend(send) => Some(send),
            _ => None,
        })
    }

    /// What answers must be, in order.
    pub fn expects(&self) -> impl Iterator<Item = &HttpExpect> {
        self.steps.iter().filter_map(|step| match step {
            ScriptStep::HttpExpect(expect) => Some(expect),
            _ => None,
        })
    }
}

/// `http-check send`, with what `option httpchk` says.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpSend {
    /// Method, `OPTIONS` by default.
    pub method: String,
    /// URI, `/` by default.
    pub uri: Format,
    /// Version, `HTTP/1.0` by default.
    pub version: String,
    /// Headers to send, in order.
    pub headers: Vec<SendHeader>,
    /// Body to send.
    pub body: Format,
    /// Shown when the step fails.
    pub comment: Option<String>,
}

/// A header of a check's request.
#[derive(Clone, Debug, PartialEq)]
pub struct SendHeader {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Format,
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

impl HttpExpect {
    /// A status of 200 to 399: what an answer must have where nothing was written.
    #[must_use]
    pub fn usual() -> Self {
        let matcher = HttpMatch::Status(vec![(200, 399)]);
        Self { negated: false, min_recv: None, comment: None, report: matcher.report(), matcher }
    }
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
    /// `name-lf` or `value-lf`, compared as the first says.
    Computed(TextWay, Format),
}

/// How a computed text is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextWay {
    /// As [`TextMatch::Is`].
    Is,
    /// As [`TextMatch::Begins`].
    Begins,
    /// As [`TextMatch::Ends`].
    Ends,
    /// As [`TextMatch::Contains`].
    Contains,
}

impl TextMatch {
    /// What it says now: never [`TextMatch::Computed`].
    pub(super) fn resolved(&self, facts: &dyn Facts) -> Self {
        let Self::Computed(way, format) = self else { return self.clone() };
        let text = String::from_utf8_lossy(&format.fill(facts)).into_owned();
        match way {
            TextWay::Is => Self::Is(text),
            TextWay::Begins => Self::Begins(text),
            TextWay::Ends => Self::Ends(text),
            TextWay::Contains => Self::Contains(text),
        }
    }
}
