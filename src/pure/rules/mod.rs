//! Rules: what is done with a connection, in order, each under its condition.
//!
//! A list is walked by [`next`]: it yields the actions whose conditions hold, one after the other,
//! and whoever performs them decides which one ends the walk. Where a condition is open the walk
//! stops, to begin anew with more bytes; facts say when nothing more is waited for, so that every
//! walk ends.

pub mod http;
mod number;
pub mod pages;
mod parse;
pub mod preset;
pub mod template;

#[cfg(test)]
mod tests;

use std::time::Duration;

use super::acl::{Condition, Truth};
use super::log_format::Format;
use super::sample::{Assignment, Expr, Facts, Stage, Variable};
use pages::ErrorPages;
use template::Template;

/// The lists, by when they are walked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RuleSet {
    /// `tcp-request connection`: at accept, before any handshake.
    Connection,
    /// `tcp-request session`: once the client's handshakes are over.
    Session,
    /// `tcp-request content` of a frontend.
    Content,
    /// `tcp-request content` of a backend.
    BackendContent,
    /// `tcp-response content`.
    Response,
    /// `http-request`, of a frontend or a backend.
    Request,
    /// `stats http-request`.
    Page,
}

impl RuleSet {
    /// The stage its samples are asked for at.
    #[must_use]
    pub const fn stage(self) -> Stage {
        match self {
            Self::Connection => Stage::Connection,
            Self::Session => Stage::Session,
            Self::Content => Stage::Content,
            Self::BackendContent => Stage::BackendContent,
            Self::Response => Stage::Response,
            Self::Request | Self::Page => Stage::HttpRequest,
        }
    }

    /// The words that begin its rules.
    #[must_use]
    pub const fn keyword(self) -> &'static str {
        match self {
            Self::Connection => "tcp-request connection",
            Self::Session => "tcp-request session",
            Self::Content | Self::BackendContent => "tcp-request content",
            Self::Response => "tcp-response content",
            Self::Request => "http-request",
            Self::Page => "stats http-request",
        }
    }
}

/// An action and its condition.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// What is done.
    pub action: Action,
    /// When; always without one.
    pub condition: Option<Condition>,
}

/// What a rule does.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Ends the walk: the connection goes on.
    Accept,
    /// Ends the connection.
    Reject,
    /// Closes the server's side.
    Close,
    /// Ends the connection without a word to the client; or with a reset that lives for so many
    /// routers (`rst-ttl`).
    SilentDrop(Option<u8>),
    /// A PROXY header must come first.
    ExpectProxy,
    /// A header of NetScaler's client IP insertion must come first.
    ExpectNetscaler,
    /// Replaces an address or port.
    Rewrite(Endpoint, Expr),
    /// Sets a variable, if there is a value.
    SetVar(Assignment, Expr),
    /// Sets a variable to what a log format shows of the session.
    SetVarFormat(Assignment, Format),
    /// Where the session stands among those that wait for a server.
    SetPriority(Precedence, Expr),
    /// Accepted: tasks have no niceness here.
    SetNice,
    /// Forgets a variable.
    UnsetVar(Variable),
    /// Marks packets to the client or the server.
    SetMark(Peer, u32),
    /// The DS field of packets to the client or the server.
    SetTos(Peer, u8),
    /// The level of the session's log line.
    SetLogLevel(Level),
    /// Keeps the beginning of a sample for the log.
    Capture {
        /// The sample.
        expr: Expr,
        /// Most bytes kept.
        len: usize,
    },
    /// Counts the connection in a stick table from now on.
    Track {
        /// Which counter, from 0.
        counter: u8,
        /// Its entry.
        key: Expr,
        /// The table; the proxy's own where none is named.
        table: Option<String>,
    },
    /// Changes a counter of a tracked entry.
    Counter(CounterChange),
    /// Answers a request of HTTP; ends the walk.
    Respond(Box<http::Respond>),
}

/// `sc-inc-gpc(0,1)`, `sc-set-gpt0(0) 5` and the like.
#[derive(Clone, Debug, PartialEq)]
pub struct CounterChange {
    /// Which tracked entry, from 0.
    pub counter: u8,
    /// The array.
    pub array: CounterArray,
    /// The place in it.
    pub index: u32,
    /// What is added or set.
    pub by: Expr,
}

/// Arrays of general purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CounterArray {
    /// `gpc`: counters, which are added to.
    Gpc,
    /// `gpt`: tags, which are set.
    Gpt,
}

/// What [`Action::Rewrite`] replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// The source address.
    Src,
    /// The source port.
    SrcPort,
    /// The destination address.
    Dst,
    /// The destination port.
    DstPort,
}

/// What [`Action::SetPriority`] changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Precedence {
    /// The class: lower ones first.
    Class,
    /// Milliseconds, added to the time of arrival that counts within a class.
    Offset,
}

/// To whom packets go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Peer {
    /// The client.
    Client,
    /// The server.
    Server,
}

/// `set-log-level`: a severity by its number, or no line at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Level {
    /// RFC 5424's number, 0 to 7.
    Severity(u8),
    /// `silent`.
    Silent,
}

/// Where a walk stands.
#[derive(Debug, PartialEq)]
pub enum Step<'a> {
    /// This is to be done; the walk goes on at the number.
    Perform(&'a Action, usize),
    /// More bytes will tell.
    Wait,
    /// No rule is left.
    Done,
}

/// The first rule from number `from` on whose condition holds.
#[must_use]
pub fn next<'a>(rules: &'a [Rule], from: usize, facts: &dyn Facts) -> Step<'a> {
    for (index, rule) in rules.iter().enumerate().skip(from) {
        match rule.condition.as_ref().map_or(Truth::True, |condition| condition.holds(facts)) {
            Truth::True => return Step::Perform(&rule.action, index + 1),
            Truth::Open => return Step::Wait,
            Truth::False => {}
        }
    }
    Step::Done
}

/// `use_backend` or `use-server`: a name, and when it is taken.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// Whom.
    pub target: Template,
    /// When; always without one.
    pub condition: Option<Condition>,
}

impl Choice {
    /// Whether it is taken; what is open counts as no.
    #[must_use]
    pub fn is_taken(&self, facts: &dyn Facts) -> bool {
        self.condition.as_ref().is_none_or(|condition| condition.holds(facts) == Truth::True)
    }
}

/// A `stick` rule: servers of a table's entries.
#[derive(Clone, Debug, PartialEq)]
pub struct Stick {
    /// What it does.
    pub verb: StickVerb,
    /// Whose entry.
    pub key: Expr,
    /// The table; the backend's own where none is named.
    pub table: Option<String>,
    /// When; always without one.
    pub condition: Option<Condition>,
}

/// What a [`Stick`] does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StickVerb {
    /// `match`: the entry's server is taken.
    Match,
    /// `store-request`: the server that was found is noted.
    StoreRequest,
    /// `on`: both.
    On,
    /// `store-response`: the server is noted under what it says itself.
    StoreResponse,
}

impl Stick {
    /// The stage its samples are asked for at.
    #[must_use]
    pub const fn stage(&self) -> Stage {
        match self.verb {
            StickVerb::StoreResponse => Stage::Store,
            _ => Stage::ServerChoice,
        }
    }
}

/// `force-persist` or `ignore-persist`.
#[derive(Clone, Debug, PartialEq)]
pub struct Persistence {
    /// A server that is down is reached all the same; otherwise persistence does not count.
    pub force: bool,
    /// When.
    pub condition: Condition,
}

/// The rules of a frontend.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FrontendRules {
    /// As they were written, ACLs included.
    pub statements: Vec<String>,
    /// `tcp-request connection`.
    pub connection: Vec<Rule>,
    /// `tcp-request session`.
    pub session: Vec<Rule>,
    /// `tcp-request content`.
    pub content: Vec<Rule>,
    /// `tcp-request inspect-delay`: how long bytes are waited for.
    pub inspect_delay: Option<Duration>,
    /// `use_backend`.
    pub switching: Vec<Choice>,
    /// `http-request`.
    pub requests: Vec<Rule>,
    /// `monitor fail`.
    pub monitor_fail: Vec<Condition>,
    /// What is said of statuses.
    pub pages: ErrorPages,
}

/// The rules of a backend.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BackendRules {
    /// As they were written, ACLs included.
    pub statements: Vec<String>,
    /// `tcp-request content`.
    pub content: Vec<Rule>,
    /// `http-request`.
    pub requests: Vec<Rule>,
    /// What is said of statuses.
    pub pages: ErrorPages,
    /// `tcp-request inspect-delay`.
    pub inspect_delay: Option<Duration>,
    /// `use-server`.
    pub servers: Vec<Choice>,
    /// `stick`.
    pub sticking: Vec<Stick>,
    /// `force-persist`, `ignore-persist`.
    pub persistence: Vec<Persistence>,
    /// `tcp-response content`.
    pub response: Vec<Rule>,
    /// `tcp-response inspect-delay`.
    pub response_delay: Option<Duration>,
}
