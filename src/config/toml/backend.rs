//! Pure: `[backend.NAME]` and its servers.

use haproxy_compat::span::Spanned;

use super::check::CheckTable;
use super::table::{Table, Value, in_order, span_of};
use super::tls::Side;
use super::values::Decoder;
use crate::config::raw::{
    Backend, Field, Server, ServerTimeouts, TEMPLATE_MAX, made_from, template_numbers,
};
use crate::config::validate::TROUBLES;

/// Timeouts that `[defaults]` may have beside those of backends.
const CLIENT_TIMEOUTS: [&str; 3] = ["client", "client_fin", "client_hs"];

impl Decoder<'_> {
    pub(super) fn backend(
        &mut self,
        section: u32,
        name: Spanned<String>,
        mut table: Table<'_>,
    ) -> Backend {
        let t = &mut table;
        let id = self.number(t, "id");
        let (backend, check) = self.backend_settings(section, name, t);
        let mut servers = self.servers(t, &backend.name.value, check.on.as_ref());
        servers.extend(self.templates(t, &backend.name.value, check.on.as_ref()));
        self.finish(&table);
        Backend { id, servers, ..backend }
    }

    /// What `[defaults]` may have too.
    pub(super) fn backend_settings(
        &mut self,
        section: u32,
        name: Spanned<String>,
        t: &mut Table<'_>,
    ) -> (Backend, CheckTable) {
        let check = self.check(t);
        let backend = Backend {
            balance: self.string(t, "balance"),
            rules: self.rules(t),
            hash_type: self.string(t, "hash_type"),
            hash_balance_factor: self.number(t, "hash_balance_factor"),
            hash_preserve_affinity: self.string(t, "hash_preserve_affinity"),
            allbackups: self.boolean(t, "allbackups"),
            on_conflict: self.string(t, "on_conflict"),
            stays: self.stays(t),
            switchover: self.switchover(t),
            drill: self.drill(t),
            check: check.kind.clone(),
            check_settings: check.settings.clone(),
            witnesses: check.witnesses.clone(),
            agree: self.string(t, "agree"),
            agree_deadline: self.duration(t, "agree_deadline"),
            retries: self.number(t, "retries"),
            redispatch: self.redispatch(t),
            timeouts: self.server_timeouts(t),
            http: self.http(t),
            keepalive: self.keepalive(t),
            nolinger: self.boolean(t, "nolinger"),
            side: self.server_side(t),
            source: self.string(t, "source"),
            fullconn: self.number(t, "fullconn"),
            log_health_checks: self.boolean(t, "log_health_checks"),
            log: self.log(t),
            log_tag: self.string(t, "log_tag"),
            load_server_state: self.string(t, "load_server_state"),
            server_state_file: self.string(t, "server_state_file"),
            ..Backend::new(section, name)
        };
        if let (Some(timeout), Some(other)) =
            (&backend.check_settings.timeout, &backend.timeouts.check)
        {
            let message = format!("two time limits for the check of {}", t.place);
            self.alert(other.span, message, "keep the one in check".to_owned());
            self.related(timeout.span, "the other one");
        }
        (backend, check)
    }

    /// `sessions`, by [`TROUBLES`].
    fn stays(&mut self, parent: &mut Table<'_>) -> [Field<String>; 5] {
        let place = format!("sessions of {}", parent.place);
        let Some(mut table) = self.table(parent, "sessions", place) else {
            return [const { None }; 5];
        };
        let stays = TROUBLES.map(|trouble| self.string(&mut table, trouble));
        self.finish(&table);
        stays
    }

    /// `true`, `false`, or the interval as HAProxy counts it.
    fn redispatch(&mut self, table: &mut Table<'_>) -> Field<Option<i64>> {
        let value = table.take("redispatch")?;
        let span = span_of(self.file, value);
        match value.get_ref().as_bool() {
            Some(on) => Some(Spanned::new(on.then_some(-1), span)),
            None if value.get_ref().is_integer() => {
                let interval = self.integer_of("redispatch", value)?;
                Some(Spanned::new(Some(interval.value), span))
            }
            None => self.wrong_type("redispatch", value, "true, false or a whole number"),
        }
    }

    fn server_timeouts(&mut self, parent: &mut Table<'_>) -> ServerTimeouts {
        let place = format!("timeout of {}", parent.place);
        let Some(mut table) = self.table(parent, "timeout", place) else {
            return ServerTimeouts::default();
        };
        let t = &mut table;
        let timeouts = ServerTimeouts {
            connect: self.timeout(t, "connect"),
            server: self.timeout(t, "server"),
            server_fin: self.timeout(t, "server_fin"),
            tunnel: self.timeout(t, "tunnel"),
            queue: self.timeout(t, "queue"),
            check: self.timeout(t, "check"),
        };
        if table.is_defaults {
            table.allow(&CLIENT_TIMEOUTS);
        }
        for key in CLIENT_TIMEOUTS {
            if let Some(span) = table.own_key(key, self.file).filter(|_| !table.is_defaults) {
                let message = format!("'{key}' is a timeout of frontends, not of {}", parent.place);
                self.alert(span, message, "move it to the [frontend.…]".to_owned());
            }
        }
        self.finish(&table);
        timeouts
    }

    pub(super) fn servers(
        &mut self,
        parent: &mut Table<'_>,
        backend: &str,
        checked: Option<&Spanned<bool>>,
    ) -> Vec<Server> {
        let Some(value) = parent.take("server") else {
            return Vec::new();
        };
        let Some(servers) = value.get_ref().as_table() else {
            let span = span_of(self.file, value);
            let help = "write server.NAME = \"address:port\", one for each server".to_owned();
            self.alert(span, format!("the servers of {} have no names", parent.place), help);
            return Vec::new();
        };
        in_order(servers)
            .into_iter()
            .filter_map(|(key, value)| {
                let span = span_of(self.file, key);
                let name = Spanned::new(key.get_ref().to_string(), span);
                self.server(name, value, backend, checked)
            })
            .collect()
    }

    /// `server_template.NAME = { count = …, … }`, each made into its servers.
    fn templates(
        &mut self,
        parent: &mut Table<'_>,
        backend: &str,
        checked: Option<&Spanned<bool>>,
    ) -> Vec<Server> {
        let Some(value) = parent.take("server_template") else {
            return Vec::new();
        };
        let Some(templates) = value.get_ref().as_table() else {
            self.wrong_type::<()>("server_template", value, "a table { … } with a name");
            return Vec::new();
        };
        let mut made = Vec::new();
        for (key, value) in in_order(templates) {
            let name = Spanned::new(key.get_ref().to_string(), span_of(self.file, key));
            let Some(entries) = value.get_ref().as_table() else {
                self.wrong_type::<()>(&name.value, value, "a table { count, address, … }");
                continue;
            };
            let place = format!("server_template '{backend}/{}'", name.value);
            let mut table = Table::new(entries, span_of(self.file, value), place);
            let count = self.string(&mut table, "count");
            let numbers = count.as_ref().and_then(|count| template_numbers(&count.value));
            if numbers.is_none() {
                let span = count.map_or(name.span, |count| count.span);
                let message = format!("{} does not say how many servers it makes", table.place);
                let help = format!("write count = \"5\" or \"3-7\", at most {TEMPLATE_MAX}");
                self.alert(span, message, help);
            }
            let server = self.server_of(name, table, checked);
            made.extend(server.zip(numbers).into_iter().flat_map(|(s, n)| made_from(&s, n)));
        }
        made
    }

    fn server(
        &mut self,
        name: Spanned<String>,
        value: Value<'_>,
        backend: &str,
        checked: Option<&Spanned<bool>>,
    ) -> Option<Server> {
        let place = format!("server '{backend}/{}'", name.value);
        let Some(entries) = value.get_ref().as_table() else {
            let address = self.string_of(&name.value, value)?;
            return Some(Server { check: checked.cloned(), ..Server::new(name, address) });
        };
        let table = Table::new(entries, span_of(self.file, value), place);
        self.server_of(name, table, checked)
    }

    fn server_of(
        &mut self,
        name: Spanned<String>,
        mut table: Table<'_>,
        checked: Option<&Spanned<bool>>,
    ) -> Option<Server> {
        let (span, place) = (table.span, table.place.clone());
        let t = &mut table;
        let address = self.string(t, "address");
        let check = self.check(t);
        if let Some(on) = check.on.as_ref().filter(|_| !check.witnesses.is_empty()) {
            let help = "write the list into the [backend.…]: it is asked of each server".to_owned();
            self.alert(on.span, format!("{place} has several checks of its own"), help);
        }
        let track = self.string(t, "track");
        // What it tracks is checked in its place.
        let checked = checked.filter(|_| track.is_none());
        let options = Server {
            id: self.number(t, "id"),
            weight: self.number(t, "weight"),
            backup: self.boolean(t, "backup"),
            disabled: self.boolean(t, "disabled"),
            non_stick: self.boolean(t, "non_stick"),
            maxconn: self.number(t, "maxconn"),
            minconn: self.number(t, "minconn"),
            maxqueue: self.number(t, "maxqueue"),
            slowstart: self.duration(t, "slowstart"),
            hash_key: self.string(t, "hash_key"),
            check: check.on.or_else(|| checked.cloned()),
            check_kind: check.kind,
            check_section: None,
            check_settings: check.settings,
            track,
            agent: self.agent(t),
            observe: self.string(t, "observe"),
            error_limit: self.number(t, "error_limit"),
            on_error: self.string(t, "on_error"),
            on_marked_down: self.string(t, "on_marked_down"),
            on_marked_up: self.string(t, "on_marked_up"),
            send_proxy: self.string(t, "send_proxy"),
            log_proto: self.string(t, "log_proto"),
            tcp_ut: self.duration(t, "tcp_ut"),
            socket: self.server_socket(t),
            naming: self.naming(t),
            tls: self.tls(t, Side::Server),
            ..Server::new(name.clone(), Spanned::new(String::new(), span))
        };
        if address.is_none() && t.own_key("address", self.file).is_none() {
            let help = format!("write server.{} = {{ address = \"10.0.0.1:3306\" }}", name.value);
            self.alert(name.span, format!("{place} has no address"), help);
        }
        self.finish(&table);
        Some(Server { address: address?, ..options })
    }
}
