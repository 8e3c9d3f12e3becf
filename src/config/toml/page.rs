//! Pure: `mode = "http"` and `page`, and `[userlist.NAME]`.

use haproxy_compat::span::Spanned;

use super::table::{Table, in_order, span_of};
use super::values::Decoder;
use crate::config::raw::{Http, Page, Userlist};

impl Decoder<'_> {
    /// `page = { … }`
    pub(super) fn page(&mut self, t: &mut Table<'_>) -> Option<Page> {
        let mut table = self.table(t, "page", format!("page of {}", t.place))?;
        let t = &mut table;
        let page = Page {
            span: Some(t.span),
            uri: self.string(t, "uri"),
            auth: self.texts(t, "auth"),
            realm: self.string(t, "realm"),
            refresh: self.duration(t, "refresh"),
            hide_version: self.boolean(t, "hide_version"),
            node: self.string(t, "node"),
            description: self.string(t, "description"),
            legends: self.boolean(t, "legends"),
            scope: self.texts(t, "scope"),
            admin: self.texts(t, "admin"),
            rules: self.texts(t, "http_request"),
        };
        self.finish(&table);
        Some(page)
    }

    /// `mode` and what goes with `http`.
    pub(super) fn http(&mut self, t: &mut Table<'_>) -> Box<Http> {
        Box::new(Http {
            mode: self.string(t, "mode"),
            monitor_uri: self.string(t, "monitor_uri"),
            page: self.page(t),
        })
    }

    /// Every `[userlist.NAME]` of the file.
    pub(super) fn userlists(&mut self, root: &mut Table<'_>) -> Vec<Userlist> {
        let Some(mut lists) = self.table(root, "userlist", "[userlist]".to_owned()) else {
            return Vec::new();
        };
        let mut found = Vec::new();
        for (name, mut table) in self.named_tables(&mut lists) {
            let (users, encrypted) = (Vec::new(), Vec::new());
            let mut list = Userlist { name, users, encrypted, groups: Vec::new() };
            for (key, accounts) in [("user", &mut list.users), ("encrypted", &mut list.encrypted)] {
                for (name, value) in self.entries(&mut table, key).into_iter().flatten() {
                    let password = self.string_of(&name.value, value);
                    accounts.extend(password.map(|password| (name, password)));
                }
            }
            if let Some(groups) = self.entries(&mut table, "group") {
                for (name, value) in groups {
                    let array = value.get_ref().as_array();
                    let members = array.map_or_else(|| vec![value], |array| array.iter().collect());
                    let members = members.iter().filter_map(|v| self.string_of(&name.value, v));
                    list.groups.push((name.clone(), members.collect()));
                }
            }
            self.finish(&table);
            found.push(list);
        }
        found
    }

    /// The tables of a table of names.
    fn named_tables<'a>(&mut self, table: &mut Table<'a>) -> Vec<(Spanned<String>, Table<'a>)> {
        let mut found = Vec::new();
        for (key, value) in table.all() {
            let name = Spanned::new(key.get_ref().to_string(), span_of(self.file, key));
            match value.get_ref().as_table() {
                Some(entries) => {
                    let place = format!("userlist '{}'", name.value);
                    found.push((name, Table::new(entries, span_of(self.file, value), place)));
                }
                None => drop(self.wrong_type::<()>(&name.value, value, "a table")),
            }
        }
        found
    }

    /// The keys and values of the table `key`.
    fn entries<'a>(
        &mut self,
        table: &mut Table<'a>,
        key: &'static str,
    ) -> Option<Vec<(Spanned<String>, super::table::Value<'a>)>> {
        let value = table.take(key)?;
        let Some(entries) = value.get_ref().as_table() else {
            return self.wrong_type(key, value, "a table of names");
        };
        let file = self.file;
        let named = in_order(entries).into_iter().map(|(key, value)| {
            (Spanned::new(key.get_ref().to_string(), span_of(file, key)), value)
        });
        Some(named.collect())
    }
}
