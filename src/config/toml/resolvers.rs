//! Pure: `[resolvers.NAME]`, and how servers' names are followed.

use haproxy_compat::span::Spanned;

use super::table::{Table, in_order, span_of};
use super::values::Decoder;
use crate::config::raw::{Hold, Naming, Resolvers};

impl Decoder<'_> {
    /// Every `[resolvers.NAME]` of the file.
    pub(super) fn resolvers(&mut self, root: &mut Table<'_>) -> Vec<Resolvers> {
        let sections = self.sections(root, "resolvers", "dns").into_iter();
        sections.map(|(name, table)| self.section_of_resolvers(name, table)).collect()
    }

    fn section_of_resolvers(&mut self, name: Spanned<String>, mut table: Table<'_>) -> Resolvers {
        let t = &mut table;
        let mut resolvers = Resolvers {
            nameservers: self.nameservers(t),
            resolv_conf: self.boolean(t, "parse_resolv_conf"),
            accepted_payload_size: self.number(t, "accepted_payload_size"),
            resolve_retries: self.number(t, "resolve_retries"),
            ..Resolvers::new(name)
        };
        let place = format!("timeout of {}", t.place);
        if let Some(mut timeouts) = self.table(t, "timeout", place) {
            resolvers.timeout_resolve = self.duration(&mut timeouts, "resolve");
            resolvers.timeout_retry = self.duration(&mut timeouts, "retry");
            self.finish(&timeouts);
        }
        let place = format!("hold of {}", t.place);
        if let Some(mut hold) = self.table(t, "hold", place) {
            resolvers.hold = Hold {
                valid: self.duration_or_zero(&mut hold, "valid"),
                obsolete: self.duration_or_zero(&mut hold, "obsolete"),
                nx: self.duration_or_zero(&mut hold, "nx"),
                refused: self.duration_or_zero(&mut hold, "refused"),
                timeout: self.duration_or_zero(&mut hold, "timeout"),
                other: self.duration_or_zero(&mut hold, "other"),
            };
            self.finish(&hold);
        }
        self.finish(&table);
        resolvers
    }

    fn nameservers(&mut self, t: &mut Table<'_>) -> Vec<(Spanned<String>, Spanned<String>)> {
        let place = format!("nameserver of {}", t.place);
        let Some(value) = t.take("nameserver") else {
            return Vec::new();
        };
        let Some(entries) = value.get_ref().as_table() else {
            let span = span_of(self.file, value);
            let help = "write nameserver.NAME = \"address:port\", one for each".to_owned();
            self.alert(span, format!("the {place} have no names"), help);
            return Vec::new();
        };
        let mut found = Vec::new();
        for (key, value) in in_order(entries) {
            let name = Spanned::new(key.get_ref().to_string(), span_of(self.file, key));
            found.extend(self.string_of(&name.value, value).map(|address| (name, address)));
        }
        found
    }

    /// The keys of a server about its name.
    pub(super) fn naming(&mut self, t: &mut Table<'_>) -> Naming {
        Naming {
            resolvers: self.string(t, "resolvers"),
            prefer: self.string(t, "resolve_prefer"),
            nets: self.string(t, "resolve_net"),
            opts: self.string(t, "resolve_opts"),
            init_addr: self.string(t, "init_addr"),
        }
    }
}
