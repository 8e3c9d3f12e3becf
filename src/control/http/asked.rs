//! Pure: what a request asks for, and whether it comes with an account or meets a condition.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::header::{AUTHORIZATION, HOST, HeaderName, ORIGIN, REFERER};
use hyper::{HeaderMap, Method};

use crate::config::model::{Action, Condition, Page, Rule, Term, Test};
use crate::pure::password::same;

/// What matters of a request's head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) method: Method,
    /// Path and query.
    pub(super) target: String,
    /// Who asks; `None` on a Unix socket.
    pub(super) client: Option<IpAddr>,
    /// `Authorization: Basic`, decoded: `user:password`.
    account: Option<String>,
    /// It was sent from a page of this very host, or no browser says where from.
    pub(super) is_own: bool,
}

impl Asked {
    pub(super) fn new(
        method: &Method,
        target: &str,
        headers: &HeaderMap,
        client: Option<IpAddr>,
    ) -> Self {
        Self {
            method: method.clone(),
            target: target.to_owned(),
            client: client.map(|ip| ip.to_canonical()),
            account: account(headers),
            is_own: is_own(headers),
        }
    }

    /// The target without its query.
    pub(super) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// Whether it comes with the account `wanted`, `user:password`.
    fn has_account(&self, wanted: &str) -> bool {
        self.account.as_deref().is_some_and(|given| same(given.as_bytes(), wanted.as_bytes()))
    }

    /// Whether `condition` holds for it.
    pub(super) fn meets(&self, condition: &Condition) -> bool {
        let holds = |term: &Term| term.tests.iter().any(|test| self.passes(test)) != term.negated;
        condition.any.iter().any(|all| all.iter().all(holds)) != condition.unless
    }

    fn passes(&self, test: &Test) -> bool {
        match test {
            Test::Always(answer) => *answer,
            Test::Source(networks) => self.client.is_some_and(|client| {
                networks.iter().any(|&(network, bits)| lies_in(client, network, bits))
            }),
            Test::Path(paths) => paths.iter().any(|path| path == self.path()),
            Test::PathBegins(paths) => {
                paths.iter().any(|path| self.path().starts_with(path.as_str()))
            }
            Test::Method(methods) => methods.iter().any(|method| method == self.method.as_str()),
            Test::Account(users) => {
                let given = self.account.as_deref().and_then(|account| account.split_once(':'));
                given.is_some_and(|(name, password)| {
                    users.iter().any(|user| user.name == name && user.password.admits(password))
                })
            }
        }
    }

    /// What the first of `rules` that applies does with it.
    pub(super) fn action<'a>(&self, rules: &'a [Rule]) -> Option<&'a Action> {
        let applies =
            |rule: &&Rule| rule.condition.as_ref().is_none_or(|condition| self.meets(condition));
        rules.iter().find(applies).map(|rule| &rule.action)
    }

    /// What the rules and the accounts of `page` say to it; `None`: nothing.
    pub(super) fn refusal(&self, page: &Page) -> Option<Action> {
        if !page.rules.is_empty() {
            return self.action(&page.rules).filter(|it| **it != Action::Allow).cloned();
        }
        // All of them are looked at, so that the time tells nothing.
        let known = page.auth.iter().fold(false, |known, it| known | self.has_account(it));
        (!page.auth.is_empty() && !known).then_some(Action::Auth { realm: None })
    }
}

fn account(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, text) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    String::from_utf8(STANDARD.decode(text.trim()).ok()?).ok()
}

/// A browser says on which page a form was: one of another host has no say here.
fn is_own(headers: &HeaderMap) -> bool {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let Some(from) = text(ORIGIN).or_else(|| text(REFERER)) else { return true };
    let host = from.split_once("://").map(|(_, rest)| rest.split('/').next().unwrap_or_default());
    host.is_some() && host == text(HOST)
}

/// Whether the first `bits` of both are the same.
fn lies_in(ip: IpAddr, network: IpAddr, bits: u8) -> bool {
    let number = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => (u128::from(u32::from(ip)) << 96, 32),
        IpAddr::V6(ip) => (u128::from(ip), 128),
    };
    let ((one, width), (other, network_width)) = (number(ip), number(network));
    let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or_default();
    width == network_width && (one ^ other) & mask == 0
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;
    use crate::config::model::User;
    use crate::pure::password::Password;

    fn asked(client: &str, headers: &[(HeaderName, &'static str)]) -> Asked {
        let headers = headers.iter().cloned().map(|(n, v)| (n, HeaderValue::from_static(v)));
        let client = client.parse().expect("an address of the test");
        Asked::new(&Method::GET, "/a/b?c", &headers.collect(), Some(client))
    }

    #[test]
    fn conditions_hold_or_do_not() {
        let it = asked("::ffff:10.1.2.3", &[(AUTHORIZATION, "Basic YTpi")]);
        let user = |name: &str, password: &str| User {
            name: name.to_owned(),
            password: Password::Clear(password.to_owned()),
            groups: Vec::new(),
        };
        let net = |text: &str, bits| Test::Source(vec![(text.parse().expect("an address"), bits)]);
        for (test, want) in [
            (Test::Always(true), true),
            (net("10.0.0.0", 8), true),
            (net("10.1.2.0", 31), false),
            (net("10.1.2.2", 31), true),
            (net("0.0.0.0", 0), true),
            (net("::", 0), false),
            (Test::Path(vec!["/a/b".to_owned()]), true),
            (Test::Path(vec!["/a".to_owned()]), false),
            (Test::PathBegins(vec!["/a".to_owned()]), true),
            (Test::Method(vec!["POST".to_owned()]), false),
            (Test::Account(vec![user("a", "b")]), true),
            (Test::Account(vec![user("a", "bc"), user("b", "b"), user("a", "")]), false),
        ] {
            let holds = |unless, negated| {
                let tests = vec![test.clone()];
                let any = vec![vec![Term { negated, tests }]];
                it.meets(&Condition { text: String::new(), unless, any })
            };
            assert_eq!(holds(false, false), want, "{test:?}");
            assert_eq!(holds(true, false), !want, "{test:?}");
            assert_eq!(holds(true, true), want, "{test:?}");
        }
    }

    #[test]
    fn accounts_that_are_none_are_none() {
        for text in ["Basic", "Basic !", "Bearer YTpi", "Basic /w=="] {
            let headers = [(AUTHORIZATION, HeaderValue::from_static(text))].into_iter().collect();
            assert_eq!(account(&headers), None, "{text}");
        }
    }

    #[test]
    fn forms_of_other_hosts_are_seen() {
        let own = |headers: &[(HeaderName, &'static str)]| asked("::1", headers).is_own;
        assert!(own(&[(HOST, "a:1")]));
        assert!(own(&[(HOST, "a:1"), (ORIGIN, "http://a:1")]));
        assert!(own(&[(HOST, "a:1"), (REFERER, "http://a:1/x?y")]));
        assert!(!own(&[(HOST, "a:1"), (ORIGIN, "http://a:2")]));
        assert!(!own(&[(HOST, "a:1"), (REFERER, "http://b/a:1")]));
        assert!(!own(&[(HOST, "a:1"), (ORIGIN, "null")]));
    }
}
