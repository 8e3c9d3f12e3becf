//! Proxies in `mode http`: the statistics page, and who may see and use it.

use std::time::Duration;

use crate::pure::acl::Condition;
use crate::pure::id::Name;
use crate::pure::password::Password;
use crate::pure::rules::Rule;

/// The statistics page.
#[derive(Clone, Debug, PartialEq)]
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
    pub admin: Vec<Written<Condition>>,
    /// `stats http-request`: who may see it; the first that applies decides.
    pub rules: Vec<Written<Rule>>,
}

/// What a text means, and the text.
#[derive(Clone, Debug, PartialEq)]
pub struct Written<T> {
    /// As it was written.
    pub text: String,
    /// What it means.
    pub meaning: T,
}

/// What a proxy in `mode http` answers by itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Http {
    /// The path that is answered with 200, whoever asks.
    pub monitor_uri: Option<String>,
    /// The statistics page.
    pub page: Option<Page>,
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
