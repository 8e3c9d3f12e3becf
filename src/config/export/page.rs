//! Pure: the statistics page and accounts as TOML.

use std::collections::BTreeMap;

use super::text::{Pairs, duration, key, list, quote};
use crate::config::defaults::{PAGE_REALM, PAGE_URI};
use crate::config::model::{Http, Page, Userlist};
use crate::pure::password::Password;

/// The keys of `page`.
pub(super) fn page(page: &Page) -> Pairs {
    let mut pairs = Pairs::default();
    pairs.maybe("uri", (page.uri != PAGE_URI).then(|| quote(&page.uri)));
    pairs.maybe("auth", texts(page.auth.iter()));
    pairs.maybe("realm", (page.realm != PAGE_REALM).then(|| quote(&page.realm)));
    pairs.maybe("refresh", page.refresh.map(duration));
    pairs.flag("hide_version", page.hide_version);
    pairs.maybe("node", page.node.as_deref().map(quote));
    pairs.maybe("description", page.description.as_deref().map(quote));
    pairs.flag("legends", page.legends);
    pairs.maybe("scope", texts(page.scope.iter()));
    pairs.maybe("admin", texts(page.admin.iter().map(|written| &written.text)));
    pairs.maybe("http_request", texts(page.rules.iter().map(|written| &written.text)));
    pairs
}

/// The keys of a proxy in `mode http`.
pub(super) fn http(pairs: &mut Pairs, http: Option<&Http>) {
    let Some(http) = http else { return };
    pairs.add("mode", "\"http\"");
    pairs.maybe("monitor_uri", http.monitor_uri.as_deref().map(quote));
    pairs.maybe("page", http.page.as_ref().map(|page| self::page(page).inline()));
}

/// A list of texts.
fn texts<'a>(texts: impl Iterator<Item = &'a String>) -> Option<String> {
    list(&texts.map(|text| quote(text)).collect::<Vec<_>>())
}

/// The keys of a `[userlist.NAME]`.
pub(super) fn userlist(list: &Userlist) -> Pairs {
    let mut pairs = Pairs::default();
    let mut groups: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let (mut users, mut encrypted) = (Pairs::default(), Pairs::default());
    for user in &list.users {
        match &user.password {
            Password::Clear(password) => users.add(&key(&user.name), quote(password)),
            Password::Encrypted(hash) => encrypted.add(&key(&user.name), quote(hash)),
        };
        for group in &user.groups {
            groups.entry(group).or_default().push(quote(&user.name));
        }
    }
    pairs.table("user", &users);
    pairs.table("encrypted", &encrypted);
    let mut members = Pairs::default();
    for (group, names) in groups {
        members.maybe(&key(group), super::text::list(&names));
    }
    pairs.table("group", &members);
    pairs
}
