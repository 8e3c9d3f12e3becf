//! Pure: the statistics page, its rules and conditions, and accounts.
//!
//! Conditions are HAProxy's in its own grammar, with the tests that mean something for a request to
//! the process itself; what they cannot express is refused by name.

use std::collections::HashSet;
use std::net::IpAddr;

use haproxy_compat::span::Spanned;

use super::context::Context;
use crate::config::defaults::{PAGE_REALM, PAGE_URI};
use crate::config::model::{Action, Condition, Page, Rule, Term, Test, User, Userlist};
use crate::config::raw::{self, Field};
use crate::config::statement;
use crate::pure::password::Password;

/// Tests that conditions know, for messages.
const TESTS: &str = "tests are 'src', 'path', 'path_beg', 'method', 'http_auth(LIST)', \
                     'http_auth_group(LIST)', 'always_true', 'always_false'";

/// What the conditions of one listener may name.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    /// `acl` lines.
    pub(super) acls: &'a [Spanned<String>],
    /// Accounts.
    pub(super) userlists: &'a [Userlist],
}

/// A test, or why there is none.
type Read<T> = Result<T, String>;

impl Context<'_> {
    /// Every `userlist`.
    pub(super) fn userlists(&mut self, raw: &[raw::Userlist]) -> Vec<Userlist> {
        let mut names = std::collections::HashMap::new();
        let mut lists = Vec::new();
        for raw in raw {
            let Some(name) = self.new_name("userlist", &raw.name, &mut names) else { continue };
            lists.push(Userlist { users: self.users(raw), name });
        }
        lists
    }

    fn users(&mut self, raw: &raw::Userlist) -> Vec<User> {
        let mut users: Vec<User> = Vec::new();
        let clear = raw.users.iter().map(|(name, it)| (name, Password::Clear(it.value.clone())));
        let encrypted = raw.encrypted.iter();
        let encrypted = encrypted.map(|(name, it)| (name, Password::Encrypted(it.value.clone())));
        for (name, password) in clear.chain(encrypted) {
            if users.iter().any(|user| user.name == name.value) {
                self.report.alert(name.span, format!("a second user '{}'", name.value));
                continue;
            }
            if !password.is_known() {
                let message = format!(
                    "nobody can be user '{}': its password is of no known kind",
                    name.value
                );
                self.report.warning(name.span, message);
                self.report.help("encrypted passwords begin with $1$, $5$ or $6$");
            }
            users.push(User { name: name.value.clone(), password, groups: Vec::new() });
        }
        for (group, members) in &raw.groups {
            for member in members {
                match users.iter_mut().find(|user| user.name == member.value) {
                    Some(user) if user.groups.contains(&group.value) => {}
                    Some(user) => user.groups.push(group.value.clone()),
                    None => {
                        let message = format!("group '{}': no such user", group.value);
                        self.report.alert(member.span, message);
                    }
                }
            }
        }
        for user in &mut users {
            user.groups.sort_unstable();
        }
        users
    }

    /// The statistics page of the listener called `owner`.
    pub(super) fn page(&mut self, raw: &raw::Page, owner: &str, known: Known<'_>) -> Page {
        let text = |field: &Field<String>, default: &str| {
            field.as_ref().map_or_else(|| default.to_owned(), |field| field.value.clone())
        };
        let is_on = |field: &Field<bool>| field.as_ref().is_some_and(|field| field.value);
        for account in raw.auth.iter().filter(|account| !account.value.contains(':')) {
            self.report.alert(account.span, "an account is written as 'user:password'");
        }
        if let (Some(account), [_, ..]) = (raw.auth.first(), raw.rules.as_slice()) {
            let message = "a page has accounts ('auth') or rules about requests, not both";
            self.report.alert(account.span, message).help("test a userlist in the rules");
        }
        let realm = raw.realm.as_ref();
        if let Some(realm) = realm.filter(|realm| realm.value.chars().any(char::is_control)) {
            self.report.alert(realm.span, "a realm has no control characters");
        }
        let own = |name: &String| if name == "." { owner.to_owned() } else { name.clone() };
        Page {
            uri: text(&raw.uri, PAGE_URI),
            auth: distinct(&raw.auth),
            realm: text(&raw.realm, PAGE_REALM),
            refresh: self.duration("refresh of the page", &raw.refresh),
            hide_version: is_on(&raw.hide_version),
            node: raw.node.as_ref().map(|node| node.value.clone()),
            description: raw.description.as_ref().map(|text| text.value.clone()),
            legends: is_on(&raw.legends),
            scope: distinct(&raw.scope).iter().map(own).collect(),
            admin: raw.admin.iter().filter_map(|text| self.condition(text, known)).collect(),
            rules: self.request_rules(&raw.rules, known),
        }
    }

    /// Rules about requests, such as `deny unless LOCALHOST`.
    pub(super) fn request_rules(&mut self, raw: &[Spanned<String>], known: Known<'_>) -> Vec<Rule> {
        raw.iter()
            .filter_map(|text| match rule(&text.value, known) {
                Ok(rule) => Some(rule),
                Err(why) => self.wrong_text(text, why),
            })
            .collect()
    }

    fn condition(&mut self, text: &Spanned<String>, known: Known<'_>) -> Option<Condition> {
        match condition(&statement::split(&text.value), known) {
            Ok(condition) => Some(Condition { text: text.value.clone(), ..condition }),
            Err(why) => self.wrong_text(text, why),
        }
    }

    fn wrong_text<T>(&mut self, text: &Spanned<String>, why: String) -> Option<T> {
        self.refuse(text.span, format!("'{}': {why}", text.value), Some(TESTS.to_owned()));
        None
    }
}

/// Texts without what was said before.
fn distinct(texts: &[Spanned<String>]) -> Vec<String> {
    let mut seen = HashSet::new();
    texts.iter().filter(|text| seen.insert(&text.value)).map(|text| text.value.clone()).collect()
}

fn rule(text: &str, known: Known<'_>) -> Read<Rule> {
    let words = statement::split(text);
    let (action, rest) = match words.as_slice() {
        [word, rest @ ..] if word == "allow" => (Action::Allow, rest),
        [word, option, status, rest @ ..]
            if word == "deny" && matches!(option.as_str(), "status" | "deny_status") =>
        {
            if status != "403" {
                return Err(format!("requests are denied with status 403, not {status}"));
            }
            (Action::Deny, rest)
        }
        [word, rest @ ..] if word == "deny" => (Action::Deny, rest),
        [word, option, realm, rest @ ..] if word == "auth" && option == "realm" => {
            if realm.chars().any(char::is_control) {
                return Err("a realm has no control characters".to_owned());
            }
            (Action::Auth { realm: Some(realm.clone()) }, rest)
        }
        [word, rest @ ..] if word == "auth" => (Action::Auth { realm: None }, rest),
        [word, service, rest @ ..] if word == "use-service" && service == "prometheus-exporter" => {
            (Action::Metrics, rest)
        }
        [word, ..] => return Err(format!("'{word}' is not supported")),
        [] => return Err("an action is missing".to_owned()),
    };
    let condition = match rest {
        [] => None,
        rest => {
            let text = statement::join(rest);
            Some(Condition { text, ..condition(rest, known)? })
        }
    };
    Ok(Rule { text: text.to_owned(), action, condition })
}

/// `if` or `unless` and tests, of which all that follow one another must hold.
fn condition(words: &[String], known: Known<'_>) -> Read<Condition> {
    let (unless, mut words) = match words {
        [word, rest @ ..] if word == "if" => (false, rest),
        [word, rest @ ..] if word == "unless" => (true, rest),
        _ => return Err("a condition begins with 'if' or 'unless'".to_owned()),
    };
    let mut any = vec![Vec::new()];
    while let [word, rest @ ..] = words {
        words = rest;
        if matches!(word.as_str(), "or" | "||") {
            any.push(Vec::new());
            continue;
        }
        let (negated, word) = match word.strip_prefix('!') {
            Some("") => {
                let [word, rest @ ..] = words else { return Err("'!' of what?".to_owned()) };
                words = rest;
                (true, word.as_str())
            }
            Some(word) => (true, word),
            None => (false, word.as_str()),
        };
        let tests = if word == "{" {
            let end = words.iter().position(|word| word == "}").ok_or("a '}' is missing")?;
            let inner = &words[..end];
            words = &words[end + 1..];
            vec![test(inner, known)?]
        } else {
            named(word, known)?
        };
        any.last_mut().expect("it begins with one").push(Term { negated, tests });
    }
    if any.iter().any(Vec::is_empty) {
        return Err("a test is missing".to_owned());
    }
    Ok(Condition { text: String::new(), unless, any })
}

/// All tests that are called `name`.
fn named(name: &str, known: Known<'_>) -> Read<Vec<Test>> {
    let mut tests = Vec::new();
    for acl in known.acls {
        let words = statement::split(&acl.value);
        if let [first, words @ ..] = words.as_slice()
            && first == name
        {
            tests.push(test(words, known)?);
        }
    }
    if !tests.is_empty() {
        return Ok(tests);
    }
    let loopback = [([127, 0, 0, 0].into(), 8), (std::net::Ipv6Addr::LOCALHOST.into(), 128)];
    Ok(vec![match name {
        "TRUE" => Test::Always(true),
        "FALSE" => Test::Always(false),
        "LOCALHOST" => Test::Source(loopback.to_vec()),
        "METH_GET" => Test::Method(vec!["GET".to_owned(), "HEAD".to_owned()]),
        "METH_HEAD" => Test::Method(vec!["HEAD".to_owned()]),
        "METH_POST" => Test::Method(vec!["POST".to_owned()]),
        _ => return Err(format!("there is no acl '{name}'")),
    }])
}

fn test(words: &[String], known: Known<'_>) -> Read<Test> {
    let [what, values @ ..] = words else { return Err("a test is missing".to_owned()) };
    let values = values.to_vec();
    if let Some(flag) = values.iter().find(|value| value.starts_with('-')) {
        return Err(format!("'{flag}' is not supported"));
    }
    let some = |values: Vec<String>| match values.as_slice() {
        [] => Err(format!("'{what}' needs a value")),
        _ => Ok(values),
    };
    let (name, argument) = match what.strip_suffix(')').and_then(|text| text.split_once('(')) {
        Some((name, argument)) => (name, Some(argument)),
        None => (what.as_str(), None),
    };
    match (name, argument) {
        ("always_true", None) => Ok(Test::Always(true)),
        ("always_false", None) => Ok(Test::Always(false)),
        ("src", None) => {
            some(values)?.iter().map(|text| network(text)).collect::<Read<_>>().map(Test::Source)
        }
        ("path", None) => some(values).map(Test::Path),
        ("path_beg", None) => some(values).map(Test::PathBegins),
        ("method", None) => some(values).map(Test::Method),
        ("http_auth", Some(list)) => {
            userlist(list, known).map(|users| Test::Account(users.to_vec()))
        }
        ("http_auth_group", Some(list)) => {
            let groups = some(values)?;
            let is_in = |user: &&User| user.groups.iter().any(|group| groups.contains(group));
            let users = userlist(list, known)?;
            Ok(Test::Account(users.iter().filter(is_in).cloned().collect()))
        }
        _ => Err(format!("there is no test '{what}' for requests to the process itself")),
    }
}

fn userlist<'a>(name: &str, known: Known<'a>) -> Read<&'a [User]> {
    let found = known.userlists.iter().find(|list| list.name.as_str() == name);
    found.map(|list| list.users.as_slice()).ok_or_else(|| format!("there is no userlist '{name}'"))
}

/// `10.0.0.0/8`, `::1`
fn network(text: &str) -> Read<(IpAddr, u8)> {
    let (ip, bits) = text.split_once('/').map_or((text, None), |(ip, bits)| (ip, Some(bits)));
    let wrong = || format!("'{text}' is no network: write 10.0.0.0/8 or an address");
    let ip: IpAddr = ip.parse().map_err(|_| wrong())?;
    let widest = if ip.is_ipv4() { 32 } else { 128 };
    let bits = bits.map_or(Ok(widest), str::parse).map_err(|_| wrong())?;
    if bits > widest { Err(wrong()) } else { Ok((ip, bits)) }
}

#[cfg(test)]
mod tests;
