//! Proxies in `mode http`: what they count, what samples learn of a request, and who makes answers.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::counters::{Clear, Counter, Rate};
use crate::config::model::{Page, User, Userlist};
use crate::pure::http::{Answer, Request};
use crate::pure::password::same;
use crate::pure::sample::{Arg, Fact, Kind, Value};

/// Requests and answers of a proxy.
#[derive(Debug, Default)]
pub struct Requests {
    /// Requests.
    pub total: Counter,
    /// Those a second.
    pub rate: Rate,
    /// Answers by the first digit of their status, from 1; the last counts all else.
    pub statuses: [Counter; 6],
    /// Requests that the frontend answered by itself.
    pub intercepted: Counter,
}

impl Requests {
    /// A request came, at `uptime`.
    pub fn came(&self, uptime: Duration) {
        self.total.add(1);
        self.rate.tick(uptime);
    }

    /// It was answered with `status`; `None`: not at all.
    pub fn answered(&self, status: Option<u16>) {
        let class = usize::from(status.unwrap_or_default() / 100);
        let place = if (1..=5).contains(&class) { class - 1 } else { 5 };
        self.statuses[place].add(1);
    }

    /// Forgets what was counted.
    pub fn clear(&self, what: Clear) {
        self.rate.clear_max();
        if what == Clear::All {
            let all = [&self.total, &self.intercepted].into_iter().chain(&self.statuses);
            all.for_each(Counter::clear);
        }
    }
}

/// What requests are answered with; the layers above make it.
pub trait Pages: Send + Sync + std::fmt::Debug {
    /// The statistics as `wanted`, what stands behind the page's URI, says; `admin`: with forms.
    fn statistics(&self, page: &Page, wanted: &str, admin: bool) -> Answer;

    /// Carries out a form, or says why it is not.
    fn act(&self, page: &Page, wanted: &str, form: Form) -> Answer;

    /// The metrics that `query` selects.
    fn metrics(&self, query: &str) -> Answer;
}

/// A form of the statistics page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// Who sent it may not.
    Denied,
    /// It is too long.
    TooLong,
    /// Its text.
    Text(Vec<u8>),
}

/// A request at one moment.
#[derive(Clone, Copy, Debug)]
pub struct RequestFacts<'a> {
    /// The request.
    pub request: &'a Request,
    /// It is the first of its connection.
    pub is_first: bool,
    /// Whom `http_auth` may know.
    pub userlists: &'a [Userlist],
}

impl<'a> RequestFacts<'a> {
    /// What `fact` is; `None` where it is not one of the request.
    #[must_use]
    pub fn value(&self, fact: Fact, args: &[Arg]) -> Option<Value> {
        let it = self.request;
        let text = |text: &str| Some(Value::text(text));
        let some = |text: &str| (!text.is_empty()).then(|| Value::text(text));
        let host = || it.header("host").unwrap_or_default();
        let wanted = args.first().and_then(Arg::text);
        let name = wanted.map(str::to_ascii_lowercase);
        let name = name.as_deref();
        match fact {
            Fact::Method => text(&it.method),
            Fact::Path => text(it.path()),
            Fact::PathQ => text(it.path_and_query()),
            Fact::Query => some(it.query()),
            Fact::Url => text(&it.target),
            Fact::Base => text(&format!("{}{}", host(), it.path())),
            Fact::BaseQ => text(&format!("{}{}", host(), it.path_and_query())),
            Fact::ReqVer => text(it.version),
            Fact::Hdr => text(&nth(parts(it, name), args)?),
            Fact::Fhdr => text(&nth(lines(it, name), args)?),
            Fact::HdrCnt => Some(Value::Int(parts(it, name).len().try_into().ok()?)),
            Fact::HdrIp => Value::text(&nth(parts(it, name), args)?).cast(Kind::Addr),
            Fact::HdrVal => Value::text(&nth(parts(it, name), args)?).cast(Kind::Int),
            Fact::Cook => {
                let pairs = it.values("cookie").flat_map(|line| line.split(';'));
                let mut pairs = pairs.filter_map(|pair| pair.trim().split_once('='));
                text(pairs.find(|(name, _)| wanted.is_none_or(|wanted| *name == wanted))?.1)
            }
            Fact::UrlParam => {
                let mut pairs = it.query().split('&').filter_map(|pair| pair.split_once('='));
                text(pairs.find(|(name, _)| wanted.is_none_or(|wanted| *name == wanted))?.1)
            }
            Fact::HttpFirstReq => Some(Value::Bool(self.is_first)),
            Fact::HttpAuth => Some(Value::Bool(!self.groups(args)?.0.is_empty())),
            Fact::HttpAuthGroup => text(&nth(self.groups(args)?.1, args)?),
            Fact::HttpAuthUser => text(account(it)?.split(':').next()?),
            Fact::HttpAuthPass => text(account(it)?.split_once(':')?.1),
            Fact::HttpAuthType => text(it.header("authorization")?.split(' ').next()?),
            _ => None,
        }
    }

    /// The user of a list that the request comes from, and the groups he is in; empty: none.
    fn groups(&self, args: &[Arg]) -> Option<(&'a str, Vec<String>)> {
        let name = args.first()?.text()?;
        let list = self.userlists.iter().find(|list| list.name.as_str() == name)?;
        let account = account(self.request);
        let given = account.as_deref().and_then(|account| account.split_once(':'));
        let admits = |user: &&User| {
            given.is_some_and(|(name, word)| user.name == name && user.password.admits(word))
        };
        let known = list.users.iter().find(admits);
        Some(known.map_or(("", Vec::new()), |user| (user.name.as_str(), user.groups.clone())))
    }
}

/// Whether the request comes with the account `wanted`, `user:password`.
#[must_use]
pub fn comes_from(request: &Request, wanted: &str) -> bool {
    account(request).is_some_and(|given| same(given.as_bytes(), wanted.as_bytes()))
}

/// `Authorization: Basic`, decoded: `user:password`.
fn account(request: &Request) -> Option<String> {
    let (scheme, text) = request.header("authorization")?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    String::from_utf8(STANDARD.decode(text.trim()).ok()?).ok()
}

/// The values of a header, or of all, a line each.
fn lines(request: &Request, name: Option<&str>) -> Vec<String> {
    let headers = request.headers().filter(|(known, _)| name.is_none_or(|name| name == *known));
    headers.map(|(_, value)| value.to_owned()).collect()
}

/// The same, between commas.
fn parts(request: &Request, name: Option<&str>) -> Vec<String> {
    let lines = lines(request, name);
    let parts = lines.iter().flat_map(|line| line.split(','));
    parts.map(|part| part.trim().to_owned()).collect()
}

/// The one that the second argument numbers, from 1, or from the end with a sign; the last without.
fn nth(mut all: Vec<String>, args: &[Arg]) -> Option<String> {
    let wanted = args.get(1).and_then(Arg::int).unwrap_or(-1);
    let steps = usize::try_from(wanted.unsigned_abs()).ok()?.checked_sub(1)?;
    let place = if wanted > 0 { steps } else { all.len().checked_sub(steps + 1)? };
    (place < all.len()).then(|| all.swap_remove(place))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pure::id::Name;
    use crate::pure::password::Password;
    use crate::pure::wire::Parsed;

    fn value(head: &str, fact: Fact, args: &[Arg]) -> Option<Value> {
        let user = |name: &str, password: &str, groups: &[&str]| User {
            name: name.to_owned(),
            password: Password::Clear(password.to_owned()),
            groups: groups.iter().map(|&group| group.to_owned()).collect(),
        };
        let users = vec![user("a", "b", &["g", "h"]), user("c", "d", &[])];
        let userlists = [Userlist { name: Name::new("ul").expect("a name"), users }];
        let text = format!("GET /p/q?x=1&y=2 HTTP/1.1\r\nHost: h\r\n{head}\r\n");
        let Parsed::Done(request, _) = Request::parse(text.as_bytes()) else { panic!("{text}") };
        RequestFacts { request: &request, is_first: true, userlists: &userlists }.value(fact, args)
    }

    #[test]
    fn samples_learn_of_a_request() {
        let name = |name: &str| Arg::Text(name.to_owned());
        let text = |text: &str| Some(Value::text(text));
        let head = "X: 1, 2\r\nX: 3\r\nCookie: a=b; c=d\r\nF: 10.0.0.1\r\n";
        for (fact, args, want) in [
            (Fact::Path, vec![], text("/p/q")),
            (Fact::Base, vec![], text("h/p/q")),
            (Fact::Query, vec![], text("x=1&y=2")),
            (Fact::UrlParam, vec![name("y")], text("2")),
            (Fact::Cook, vec![name("c")], text("d")),
            (Fact::Hdr, vec![name("X")], text("3")),
            (Fact::Hdr, vec![name("x"), Arg::Int(2)], text("2")),
            (Fact::Hdr, vec![name("x"), Arg::Int(-3)], text("1")),
            (Fact::Hdr, vec![name("x"), Arg::Int(4)], None),
            (Fact::Hdr, vec![name("x"), Arg::Int(0)], None),
            (Fact::Fhdr, vec![name("x"), Arg::Int(1)], text("1, 2")),
            (Fact::HdrCnt, vec![name("x")], Some(Value::Int(3))),
            (Fact::HdrVal, vec![name("x"), Arg::Int(1)], Some(Value::Int(1))),
            (Fact::HdrIp, vec![name("f")], Value::text("10.0.0.1").cast(Kind::Addr)),
            (Fact::HttpAuth, vec![name("ul")], Some(Value::Bool(false))),
            (Fact::Src, vec![], None),
        ] {
            assert_eq!(value(head, fact, &args), want, "{fact:?} {args:?}");
        }
    }

    #[test]
    fn accounts_are_known_by_name_and_password() {
        let list = [Arg::Text("ul".to_owned())];
        let known = |line: &str| value(line, Fact::HttpAuth, &list) == Some(Value::Bool(true));
        assert!(known("Authorization: Basic YTpi\r\n") && known("Authorization: basic Yzpk\r\n"));
        for line in ["Basic", "Basic !", "Bearer YTpi", "Basic /w==", "Basic YTpj", "Basic YTo="] {
            assert!(!known(&format!("Authorization: {line}\r\n")), "{line}");
        }
        let group = |number| {
            let args = [list[0].clone(), Arg::Int(number)];
            value("Authorization: Basic YTpi\r\n", Fact::HttpAuthGroup, &args)
        };
        assert_eq!(
            (group(1), group(2), group(3)),
            (Some(Value::text("g")), Some(Value::text("h")), None)
        );
    }
}
