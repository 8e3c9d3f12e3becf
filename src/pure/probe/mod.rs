//! What a check asks and how it judges the answer, without a socket.
//!
//! A probe is a machine that one driver feeds: something happened ([`Input`]), do this next
//! ([`Step`]). It never waits and never reads a clock; the driver bounds its time and tells it when
//! that is over.
//!
//! ```text
//!   Start -> Connect -> Connected -> Send -> Sent -> Receive -> Bytes | Closed -> ... -> Done
//!                '--- Failed | TimedOut, anywhere -------------------------------------> Done
//! ```
//! **Invariants.** Any bytes, cut anywhere, give the same verdict and never panic; an answer is
//! kept up to [`Context::answer_bytes_max`], and being full counts as the end of the answer.

mod agent;
mod answer;
mod database;
mod exchange;
mod expect;
pub mod format;
mod http;
pub(crate) mod http_head;
mod http_header;
pub mod kind;
mod ldap;
mod mysql;
mod patroni;
mod pgsql;
mod place;
mod redis;
mod script;
mod smtp;
mod ssl_hello;
mod tcp;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use std::num::NonZeroU16;

pub use self::place::Place;
use crate::pure::health::verdict::{CheckStatus, Verdict};
use crate::pure::probe::kind::{CheckKind, Layer};
use crate::pure::role::{Reading, Role};
use crate::pure::sample::Facts;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input<'a> {
    /// The check begins.
    Start,
    /// The connection asked for is up.
    Connected,
    /// All bytes of the last [`Step::Send`] are handed to the system.
    Sent,
    /// Some of the answer, never empty.
    Bytes(&'a [u8]),
    /// The server closed its side.
    Closed,
    /// The connection could not be made, or broke; the text is the system's.
    Failed(&'a str),
    /// The time is over.
    TimedOut,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Close the connection there is and make one; then [`Input::Connected`].
    Connect(Connect),
    /// Send all of this; then [`Input::Sent`].
    Send(Vec<u8>),
    /// Wait for bytes or the end of the connection.
    Receive,
    /// The check is over.
    Done(Verdict),
}

/// A connection a probe asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connect {
    /// Another address than the check's.
    pub addr: Option<Place>,
    /// Another port than the address'.
    pub port: Option<NonZeroU16>,
    /// A PROXY header first even where the check sends none.
    pub send_proxy: bool,
    /// Through the server's SOCKS4 proxy even where the check goes without, if there is one.
    pub via_socks4: bool,
    /// How it ends.
    pub close: Close,
    /// Who speaks first once connected.
    pub opening: Opening,
    /// With TLS or without.
    pub layer: Layer,
}

/// How a check's connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Close {
    /// With RST: no TIME_WAIT here, and no session there for a connection nobody speaks on.
    Reset,
    /// With FIN: servers that count aborted connections see a polite end.
    Polite,
}

/// Who speaks first on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// Nobody: being connected is all.
    Silent,
    /// The check.
    Ours,
    /// The server.
    Theirs,
}

impl Connect {
    /// To the check's own address.
    pub(crate) const fn plain(close: Close, opening: Opening) -> Self {
        let layer = Layer::Default;
        Self { addr: None, port: None, send_proxy: false, via_socks4: false, close, opening, layer }
    }
}

/// What a probe must know beyond its configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    /// Bytes of an answer that are kept (`tune.bufsize`), from 1.
    pub answer_bytes_max: usize,
    /// The server is down: a conditional pass does not bring it back.
    pub down: bool,
    /// Seconds since 1970, for a hello that carries them; they wrap in 2106.
    pub unix_time_s: u32,
}

/// What is known around a check while it runs: facts for its samples.
pub trait Surroundings: Facts + Sync {
    /// What the server is worth, as `http-check send-state` tells it.
    fn state(&self) -> String;
}

/// One check of one server, from [`Input::Start`] to [`Step::Done`].
pub struct Probe<'a>(Kind<'a>);

enum Kind<'a> {
    Tcp(tcp::Tcp),
    Script(script::Script<'a>),
    Mysql(mysql::Mysql),
    Pgsql(pgsql::Pgsql),
    Redis(redis::Redis),
    Smtp(smtp::Smtp<'a>),
    Ldap(ldap::Ldap),
    SslHello(ssl_hello::SslHello),
    Agent(agent::Agent),
    Patroni(patroni::Patroni),
    /// Nothing that is asked over a connection: it fails at once.
    Program,
}

impl<'a> Probe<'a> {
    /// The probe that asks what `kind` says.
    #[must_use]
    pub fn for_kind(kind: &'a CheckKind, context: &Context, around: &'a dyn Surroundings) -> Self {
        let max = context.answer_bytes_max.max(1);
        Self(match kind {
            CheckKind::Tcp => Kind::Tcp(tcp::Tcp),
            CheckKind::Script(steps) => Kind::Script(script::Script::tcp(steps, context, around)),
            CheckKind::Http(check) => Kind::Script(script::Script::http(check, context, around)),
            CheckKind::Mysql { user } => Kind::Mysql(mysql::Mysql::new(user.as_ref(), max)),
            CheckKind::Pgsql { user } => Kind::Pgsql(pgsql::Pgsql::new(user, max)),
            CheckKind::Redis => Kind::Redis(redis::Redis::new(max)),
            CheckKind::Smtp { hello } => Kind::Smtp(smtp::Smtp::new(hello, max)),
            CheckKind::Ldap => Kind::Ldap(ldap::Ldap::new(max)),
            CheckKind::External(_) | CheckKind::Database(_) => Kind::Program,
            CheckKind::Patroni { lag } => Kind::Patroni(patroni::Patroni::new(lag.as_deref(), max)),
            CheckKind::SslHello => {
                Kind::SslHello(ssl_hello::SslHello::new(context.unix_time_s, max))
            }
        })
    }

    /// The probe that asks an agent `question`, which may be empty, and reads its line.
    #[must_use]
    pub fn for_agent(question: &[u8], context: &Context) -> Self {
        Self(Kind::Agent(agent::Agent::new(question, context.answer_bytes_max.max(1))))
    }

    /// The line that an agent answered.
    #[must_use]
    pub fn agent_line(&self) -> Option<&[u8]> {
        match &self.0 {
            Kind::Agent(agent) => agent.line(),
            _ => None,
        }
    }

    /// What a check that asks for the role has learned, with the reading where it was told.
    #[must_use]
    pub fn role(&self) -> Option<&(Role, Option<Reading>)> {
        match &self.0 {
            Kind::Patroni(patroni) => patroni.found(),
            _ => None,
        }
    }

    /// Takes what happened and says what to do next. After [`Step::Done`] it says the same again or
    /// something equally final; nobody asks.
    pub fn step(&mut self, input: Input<'_>) -> Step {
        match &mut self.0 {
            Kind::Tcp(probe) => probe.step(input),
            Kind::Script(probe) => probe.step(input),
            Kind::Mysql(probe) => probe.step(input),
            Kind::Pgsql(probe) => probe.step(input),
            Kind::Redis(probe) => probe.step(input),
            Kind::Smtp(probe) => probe.step(input),
            Kind::Ldap(probe) => probe.step(input),
            Kind::SslHello(probe) => probe.step(input),
            Kind::Agent(probe) => probe.step(input),
            Kind::Patroni(probe) => probe.step(input),
            Kind::Program => Step::Done(Verdict::new(CheckStatus::ProcessError)),
        }
    }
}

/// How far a connection got, which names its failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reached {
    Connecting,
    Connected,
}

impl Reached {
    /// The verdict on a failure of the system at this point.
    fn failed(self, system: impl AsRef<[u8]>) -> Verdict {
        let status = match self {
            Self::Connecting => CheckStatus::L4Con,
            Self::Connected => CheckStatus::SocketError,
        };
        Verdict::new(status).with_info(system.as_ref())
    }

    /// The verdict when time is over at this point.
    fn timed_out(self) -> Verdict {
        Verdict::new(match self {
            Self::Connecting => CheckStatus::L4Timeout,
            Self::Connected => CheckStatus::L7Timeout,
        })
    }
}
