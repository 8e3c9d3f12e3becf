//! Pure: `tls` of a bind or of a server: `true`, or a table.

use haproxy_compat::span::Spanned;

use super::table::{Table, span_of};
use super::values::Decoder;
use crate::config::raw::Tls;

/// Which side of a connection the table is about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// A listening socket.
    Bind,
    /// A server.
    Server,
}

impl Decoder<'_> {
    pub(super) fn tls(&mut self, parent: &mut Table<'_>, side: Side) -> Box<Tls> {
        let Some(value) = parent.take("tls") else { return Box::default() };
        let span = span_of(self.file, value);
        if let Some(on) = value.get_ref().as_bool() {
            return Box::new(Tls { on: Some(Spanned::new(on, span)), ..Tls::default() });
        }
        let Some(entries) = value.get_ref().as_table() else {
            self.wrong_type::<()>("tls", value, "true, false or a table { … }");
            return Box::default();
        };
        let place = format!("tls of {}", parent.place);
        let mut table = parent.child("tls", entries, span, place);
        let t = &mut table;
        let on = self.boolean(t, "on").or_else(|| Some(Spanned::new(true, span)));
        let mut tls = Tls {
            on,
            crt: self.texts(t, "crt"),
            ca_file: self.string(t, "ca_file"),
            crl_file: self.string(t, "crl_file"),
            verify: self.string(t, "verify"),
            alpn: self.string(t, "alpn"),
            ciphers: self.string(t, "ciphers"),
            ciphersuites: self.string(t, "ciphersuites"),
            curves: self.string(t, "curves"),
            min_ver: self.string(t, "min_ver"),
            max_ver: self.string(t, "max_ver"),
            resume: self.boolean(t, "resume"),
            ..Tls::default()
        };
        if side == Side::Bind {
            tls.crt_list = self.texts(t, "crt_list");
            tls.crt_base = self.string(t, "crt_base");
            tls.ca_base = self.string(t, "ca_base");
            tls.ca_verify_file = self.string(t, "ca_verify_file");
            tls.crt_ignore_err = self.string(t, "crt_ignore_err");
            tls.ca_ignore_err = self.string(t, "ca_ignore_err");
            tls.strict_sni = self.boolean(t, "strict_sni");
            tls.prefer_client_ciphers = self.boolean(t, "prefer_client_ciphers");
            tls.ca_names = self.boolean(t, "ca_names");
        } else {
            tls.sni = self.string(t, "sni");
            tls.verify_host = self.string(t, "verify_host");
            tls.check = self.boolean(t, "check");
            tls.check_sni = self.string(t, "check_sni");
            tls.check_alpn = self.string(t, "check_alpn");
        }
        self.finish(&table);
        Box::new(tls)
    }

    pub(super) fn texts(
        &mut self,
        table: &mut Table<'_>,
        key: &'static str,
    ) -> Vec<Spanned<String>> {
        let values = self.list(table, key);
        values.into_iter().filter_map(|value| self.string_of(key, value)).collect()
    }
}
