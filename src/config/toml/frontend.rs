//! Pure: `[frontend.NAME]` and listening addresses.

use haproxy_compat::span::Spanned;

use super::table::{Table, Value, span_of};
use super::tls::Side;
use super::values::Decoder;
use crate::config::raw::{Bind, ClientTimeouts, Field, Frontend, Keepalive, RoleSettings};

/// Timeouts that `[defaults]` may have beside those of frontends.
const SERVER_TIMEOUTS: [&str; 6] = ["connect", "server", "server_fin", "tunnel", "queue", "check"];

impl Decoder<'_> {
    pub(super) fn frontend(
        &mut self,
        section: u32,
        name: Spanned<String>,
        mut table: Table<'_>,
    ) -> Frontend {
        let t = &mut table;
        let frontend = Frontend {
            binds: self.binds(t),
            id: self.number(t, "id"),
            ..self.frontend_settings(section, name, t)
        };
        self.finish(&table);
        frontend
    }

    /// What `[defaults]` may have too.
    pub(super) fn frontend_settings(
        &mut self,
        section: u32,
        name: Spanned<String>,
        t: &mut Table<'_>,
    ) -> Frontend {
        Frontend {
            default_backend: self.string(t, "backend"),
            role: RoleSettings {
                role: self.string(t, "role"),
                max_lag: self.duration_or_zero(t, "max_lag"),
                fallback: self.string(t, "fallback"),
                rto: self.duration(t, "rto"),
                rpo: self.number(t, "rpo"),
                hold: self.duration_or_zero(t, "hold"),
                hold_max: self.number(t, "hold_max"),
                attach_rate: self.string(t, "attach_rate"),
            },
            rules: self.rules(t),
            maxconn: self.number(t, "maxconn"),
            backlog: self.number(t, "backlog"),
            timeouts: self.client_timeouts(t),
            keepalive: self.keepalive(t),
            nolinger: self.boolean(t, "nolinger"),
            log: self.log(t),
            log_format: self.string(t, "log_format"),
            error_log_format: self.string(t, "error_log_format"),
            log_format_sd: self.string(t, "log_format_sd"),
            unique_id_format: self.string(t, "unique_id_format"),
            log_tag: self.string(t, "log_tag"),
            dontlognull: self.boolean(t, "dontlognull"),
            dontlog_normal: self.boolean(t, "dontlog_normal"),
            log_separate_errors: self.boolean(t, "log_separate_errors"),
            logasap: self.boolean(t, "logasap"),
            side: self.client_side(t),
            http: self.http(t),
            ..Frontend::new(section, name)
        }
    }

    fn client_timeouts(&mut self, parent: &mut Table<'_>) -> ClientTimeouts {
        let place = format!("timeout of {}", parent.place);
        let Some(mut table) = self.table(parent, "timeout", place) else {
            return ClientTimeouts::default();
        };
        let timeouts = ClientTimeouts {
            client: self.timeout(&mut table, "client"),
            client_fin: self.timeout(&mut table, "client_fin"),
            client_hs: self.timeout(&mut table, "client_hs"),
            http_request: self.timeout(&mut table, "http_request"),
            http_keep_alive: self.timeout(&mut table, "http_keep_alive"),
        };
        if table.is_defaults {
            table.allow(&SERVER_TIMEOUTS);
        }
        for key in SERVER_TIMEOUTS {
            if let Some(span) = table.own_key(key, self.file).filter(|_| !table.is_defaults) {
                let message = format!("'{key}' is a timeout of backends, not of {}", parent.place);
                self.alert(span, message, "move it to the [backend.…]".to_owned());
            }
        }
        self.finish(&table);
        timeouts
    }

    /// `tcpka = true` or `{ idle, intvl, cnt }`.
    pub(super) fn keepalive(&mut self, parent: &mut Table<'_>) -> Keepalive {
        let Some(value) = parent.take("tcpka") else {
            return Keepalive::default();
        };
        let span = span_of(self.file, value);
        if let Some(on) = value.get_ref().as_bool() {
            return Keepalive { enabled: Some(Spanned::new(on, span)), ..Keepalive::default() };
        }
        let Some(entries) = value.get_ref().as_table() else {
            self.wrong_type::<()>("tcpka", value, "true, false or { idle, intvl, cnt }");
            return Keepalive::default();
        };
        let place = format!("tcpka of {}", parent.place);
        let mut table = parent.child("tcpka", entries, span, place);
        let keepalive = Keepalive {
            enabled: Some(Spanned::new(true, span)),
            idle: self.duration(&mut table, "idle"),
            intvl: self.duration(&mut table, "intvl"),
            cnt: self.number(&mut table, "cnt"),
        };
        self.finish(&table);
        keepalive
    }

    pub(super) fn binds(&mut self, table: &mut Table<'_>) -> Vec<Bind> {
        let place = table.place.clone();
        self.list(table, "bind").into_iter().filter_map(|value| self.bind(value, &place)).collect()
    }

    fn bind(&mut self, value: Value<'_>, place: &str) -> Option<Bind> {
        let Some(entries) = value.get_ref().as_table() else {
            return self.string_of("bind", value).map(Bind::new);
        };
        let span = span_of(self.file, value);
        let mut table = Table::new(entries, span, format!("a bind of {place}"));
        let bind = self.bind_table(&mut table);
        self.finish(&table);
        bind
    }

    /// The keys of a listening socket, whoever listens.
    pub(super) fn bind_table(&mut self, t: &mut Table<'_>) -> Option<Bind> {
        let address = self.string(t, "address");
        let options = Bind {
            name: self.string(t, "name"),
            maxconn: self.number(t, "maxconn"),
            backlog: self.number(t, "backlog"),
            accept_proxy: self.boolean(t, "accept_proxy"),
            tcp_ut: self.duration(t, "tcp_ut"),
            interface: self.string(t, "interface"),
            v6only: self.boolean(t, "v6only"),
            mode: self.mode(t),
            user: self.string(t, "user"),
            group: self.string(t, "group"),
            socket: self.bind_socket(t),
            tls: self.tls(t, Side::Bind),
            ..Bind::new(Spanned::new(String::new(), t.span))
        };
        if address.is_none() && t.own_key("address", self.file).is_none() {
            let help = "write { address = \"0.0.0.0:3306\", … }".to_owned();
            self.alert(t.span, format!("{} without 'address'", t.place), help);
        }
        Some(Bind { address: address?, ..options })
    }

    /// Permission bits, in octal: `"660"`.
    fn mode(&mut self, table: &mut Table<'_>) -> Field<u64> {
        let value = table.take("mode")?;
        let span = span_of(self.file, value);
        if let Some(number) = value.get_ref().as_integer() {
            let help = format!("write mode = \"{}\", read as octal", number.as_str());
            self.alert(span, "'mode' must be octal digits in quotes", help);
            return None;
        }
        let text = self.string_of("mode", value)?;
        match u64::from_str_radix(&text.value, 8) {
            Ok(mode) => Some(Spanned::new(mode, span)),
            Err(_) => {
                let message = format!("'mode': '{}' is not an octal number", text.value);
                self.alert(span, message, "write the bits as in chmod, \"660\"".to_owned());
                None
            }
        }
    }
}
