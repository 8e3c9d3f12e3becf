//! The statistics page of an HTTP listener, and who may see and use it.

use std::net::IpAddr;
use std::time::Duration;

use crate::pure::id::Name;
use crate::pure::password::Password;

/// The statistics page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// What the target of a request for it begins with; the query counts.
    pub uri: String,
    /// Accounts that may see it, `user:password`; none: no account is needed.
    pub auth: Vec<String>,
    /// What a browser says the account is for.
    pub realm: String,
    /// How often a browser asks again; `None`: never by itself.
    pub refresh: Option<Duration>,
    /// The version is not shown.
    pub hide_version: bool,
    /// The node that is shown; empty: the name of the host.
    pub node: Option<String>,
    /// A text that is shown.
    pub description: Option<String>,
    /// More is told where the pointer rests: addresses, algorithms.
    pub legends: bool,
    /// Proxies that are shown; empty: all.
    pub scope: Vec<String>,
    /// Who may change servers: those for whom one of these holds.
    pub admin: Vec<Condition>,
    /// Who may see it: the first that applies decides.
    pub rules: Vec<Rule>,
}

impl Page {
    /// Whether anybody may see it.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.auth.is_empty() && self.rules.is_empty()
    }
}

/// A rule about requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// As it was written.
    pub text: String,
    /// What happens to requests that it applies to.
    pub action: Action,
    /// Which those are; `None`: all.
    pub condition: Option<Condition>,
}

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// It is answered; later rules do not count.
    Allow,
    /// 403.
    Deny,
    /// 401, with this realm.
    Auth {
        /// What a browser says the account is for.
        realm: Option<String>,
    },
    /// It gets the metrics.
    Metrics,
}

/// `if` or `unless`, and tests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// As it was written.
    pub text: String,
    /// `unless`: it holds where the tests do not.
    pub unless: bool,
    /// One of these must hold in all its terms.
    pub any: Vec<Vec<Term>>,
}

/// A test, or its opposite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// `!`
    pub negated: bool,
    /// The tests of one name: one of them is enough.
    pub tests: Vec<Test>,
}

/// What is asked of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// Nothing.
    Always(bool),
    /// The client's address lies in one of these networks.
    Source(Vec<(IpAddr, u8)>),
    /// The path is one of these.
    Path(Vec<String>),
    /// The path begins with one of these.
    PathBegins(Vec<String>),
    /// The method is one of these.
    Method(Vec<String>),
    /// It comes with one of these accounts.
    Account(Vec<User>),
}

/// A `userlist`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Userlist {
    /// Its name.
    pub name: Name,
    /// Its accounts.
    pub users: Vec<User>,
}

/// An account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Its name.
    pub name: String,
    /// Its password.
    pub password: Password,
    /// Groups it belongs to.
    pub groups: Vec<String>,
}
