//! Proxies in `mode http`, the statistics page, and accounts, as they are written.

use std::time::Duration;

use haproxy_compat::span::{Span, Spanned};

use super::Field;

/// `stats` lines of a `mode http` section; `page` in TOML.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// Where it is first spoken of.
    pub span: Option<Span>,
    /// `stats uri`: what a request's target begins with.
    pub uri: Field<String>,
    /// `stats auth`: `user:password`.
    pub auth: Vec<Spanned<String>>,
    /// `stats realm`.
    pub realm: Field<String>,
    /// `stats refresh`.
    pub refresh: Field<Duration>,
    /// `stats hide-version`.
    pub hide_version: Field<bool>,
    /// `stats show-node`; empty: the name of the host.
    pub node: Field<String>,
    /// `stats show-desc`.
    pub description: Field<String>,
    /// `stats show-legends`.
    pub legends: Field<bool>,
    /// `stats scope`: proxies that are shown; `.` is the section itself.
    pub scope: Vec<Spanned<String>>,
    /// `stats admin`: conditions, such as `if LOCALHOST`.
    pub admin: Vec<Spanned<String>>,
    /// `stats http-request`: rules, such as `deny unless LOCALHOST`.
    pub rules: Vec<Spanned<String>>,
}

/// What only a proxy in `mode http` can say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Http {
    /// `mode`, a word.
    pub mode: Field<String>,
    /// `monitor-uri`: what is answered with 200, whoever asks.
    pub monitor_uri: Field<String>,
    /// The statistics page.
    pub page: Option<Page>,
}

/// A `userlist` section.
#[derive(Clone, Debug, PartialEq)]
pub struct Userlist {
    /// Its name.
    pub name: Spanned<String>,
    /// Accounts and their passwords in clear.
    pub users: Vec<(Spanned<String>, Spanned<String>)>,
    /// Accounts and their passwords as crypt(3) encrypts them.
    pub encrypted: Vec<(Spanned<String>, Spanned<String>)>,
    /// Groups and the accounts in them.
    pub groups: Vec<(Spanned<String>, Vec<Spanned<String>>)>,
}
