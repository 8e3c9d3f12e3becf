//! Pure: proxies that answer requests themselves, the statistics page, and accounts.

use std::collections::HashSet;

use haproxy_compat::span::{Span, Spanned};

use super::context::Context;
use super::rules::Known;
use crate::config::defaults::{PAGE_REALM, PAGE_URI};
use crate::config::model::{Http, Page, User, Userlist, Written};
use crate::config::raw::{self, Field, Statement};
use crate::config::statement;
use crate::pure::acl::Acl;
use crate::pure::password::Password;
use crate::pure::rules::RuleSet;

/// The words of `mode`: whether they mean HTTP.
const MODES: [(&str, bool); 2] = [("tcp", false), ("http", true)];

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

    /// The statistics page of the proxy called `owner`, `what` in messages.
    pub(super) fn page(
        &mut self,
        raw: &raw::Page,
        owner: &str,
        what: &str,
        acls: &[(Span, Acl)],
    ) -> Page {
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
            admin: self.written(&raw.admin, ["stats", "admin"], (what, acls), |it, known| {
                it.condition(2, known)
            }),
            rules: self.written(
                &raw.rules,
                ["stats", "http-request"],
                (what, acls),
                |it, known| it.rule(RuleSet::Page, 2, known),
            ),
        }
    }

    fn written<T>(
        &mut self,
        texts: &[Spanned<String>],
        keyword: [&str; 2],
        (what, acls): (&str, &[(Span, Acl)]),
        mut read: impl FnMut(&mut Self, &Known<'_>) -> Option<T>,
    ) -> Vec<Written<T>> {
        let mut written = Vec::new();
        for Spanned { value, span } in texts {
            let words = statement::split(value).into_iter();
            let words = keyword.map(str::to_owned).into_iter().chain(words);
            let words = words.map(|word| Spanned::new(word, *span)).collect();
            let statement = &Statement { words, span: *span };
            let meaning = read(self, &Known { what, acls, statement });
            written.extend(meaning.map(|meaning| Written { text: value.clone(), meaning }));
        }
        written
    }

    /// Whether a proxy speaks HTTP; what belongs to that is refused where it does not.
    pub(super) fn is_http(&mut self, raw: &raw::Http, what: &str) -> bool {
        let is_http = self.word("mode", &raw.mode, &MODES).unwrap_or(false);
        let page = raw.page.as_ref().and_then(|page| page.span);
        let monitor = raw.monitor_uri.as_ref().map(|uri| uri.span);
        if let Some(span) = page.or(monitor).filter(|_| !is_http) {
            self.report.alert(span, format!("{what} answers nothing by itself in 'mode tcp'"));
            self.report.help("write mode = \"http\"");
        }
        is_http
    }

    /// What a proxy in `mode http` answers.
    pub(super) fn answers(&self, raw: &raw::Http, page: Option<Page>) -> Box<Http> {
        let monitor_uri = raw.monitor_uri.as_ref().map(|uri| uri.value.clone());
        Box::new(Http { monitor_uri, page })
    }
}

/// Texts without what was said before.
fn distinct(texts: &[Spanned<String>]) -> Vec<String> {
    let mut seen = HashSet::new();
    texts.iter().filter(|text| seen.insert(&text.value)).map(|text| text.value.clone()).collect()
}
