//! Pure: checks that hold a session with a database.

use std::path::Path;

use haproxy_compat::span::{Span, Spanned};

use super::context::Context;
use crate::config::model::{DatabaseCheck, DatabaseKind, DatabaseTls, ServerTls};
use crate::config::raw;
use crate::pure::probe::kind::Cluster;

/// The words of `cluster`.
pub(in crate::config) const CLUSTERS: [(&str, Cluster); 2] =
    [("galera", Cluster::Galera), ("group-replication", Cluster::GroupReplication)];

/// The words of `tls`.
pub(in crate::config) const DATABASE_TLS: [(&str, DatabaseTls); 4] = [
    ("off", DatabaseTls::Off),
    ("require", DatabaseTls::Require),
    ("verify-ca", DatabaseTls::VerifyCa),
    ("verify-full", DatabaseTls::VerifyFull),
];

impl Context<'_> {
    /// An account that logs in to find out what a database is.
    pub(super) fn database(&mut self, raw: &raw::DatabaseCheck, span: Span) -> DatabaseCheck {
        if raw.user.is_none() {
            let kind = match raw.kind {
                DatabaseKind::Postgres => "postgres",
                DatabaseKind::Mysql => "mysql",
            };
            self.report.alert(span, format!("a {kind} check needs a user who can log in"));
            self.report.help("any account will do: it reads what everybody may");
        }
        let user = raw.user.as_ref().map(|user| self.user(user)).unwrap_or_default();
        let database = match (&raw.database, raw.kind) {
            (Some(name), _) => name.value.clone(),
            (None, DatabaseKind::Postgres) => user.clone(),
            (None, DatabaseKind::Mysql) => String::new(),
        };
        let tls = self.word("tls of a check", &raw.tls, &DATABASE_TLS).unwrap_or_default();
        match (tls, &raw.ca_file) {
            (DatabaseTls::VerifyCa | DatabaseTls::VerifyFull, None) => {
                let span = raw.tls.as_ref().map_or(span, |tls| tls.span);
                self.report.alert(span, "nobody says whose certificates to trust");
                self.report.help("name the authorities: ca_file = \"/etc/ssl/db-ca.pem\"");
            }
            (DatabaseTls::Off | DatabaseTls::Require, Some(ca_file)) => {
                let message = "ca_file counts only where certificates are verified";
                self.report.alert(ca_file.span, message);
                self.report.help("write tls = \"verify-full\" beside it");
            }
            _ => {}
        }
        DatabaseCheck {
            kind: raw.kind,
            cluster: self.word("cluster of a check", &raw.cluster, &CLUSTERS),
            tls,
            ca_file: raw.ca_file.as_ref().map(|file| file.value.clone()),
            database,
            user,
            password: raw
                .password_file
                .as_ref()
                .map(|file| self.password(file))
                .unwrap_or_default(),
            password_file: raw.password_file.as_ref().map(|file| file.value.clone()),
            door: raw.door.as_ref().map(|door| door.value),
        }
    }

    /// How TLS is spoken with the database at `address`, as it was written; `None`: not at all.
    pub(super) fn database_tls(
        &mut self,
        check: &DatabaseCheck,
        address: &Spanned<String>,
        what: &str,
    ) -> Option<Box<ServerTls>> {
        let field = |text: &str| Some(Spanned::new(text.to_owned(), address.span));
        let verify = match check.tls {
            DatabaseTls::Off => return None,
            DatabaseTls::Require => "none",
            // Refused already.
            _ if check.ca_file.is_none() => return None,
            DatabaseTls::VerifyCa | DatabaseTls::VerifyFull => "required",
        };
        let is_full = check.tls == DatabaseTls::VerifyFull;
        let raw = raw::Tls {
            verify: field(verify),
            ca_file: check.ca_file.as_deref().and_then(field).filter(|_| verify == "required"),
            verify_host: field(host(&address.value)).filter(|_| is_full),
            ..raw::Tls::default()
        };
        self.server_tls(&raw, address.span, what, true)
    }

    /// The first and only line of a file.
    pub(super) fn password(&mut self, file: &Spanned<String>) -> String {
        match self.world.read(Path::new(&file.value)).map(String::from_utf8) {
            Ok(Ok(text)) => return text.trim_end_matches(['\r', '\n']).to_owned(),
            Ok(Err(_)) => {
                self.report.alert(file.span, "the password is not UTF-8 text");
            }
            Err(error) => {
                let message = format!("cannot read '{}': {error}", file.value);
                self.report.alert(file.span, message);
            }
        }
        String::new()
    }
}

/// The host of an address: `ipv4@db1:5432`, `[::1]:5432`.
fn host(address: &str) -> &str {
    let address = address.split_once('@').map_or(address, |(_, rest)| rest);
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    host.trim_start_matches('[').trim_end_matches(']')
}

#[cfg(test)]
mod tests {
    use super::host;
    use crate::config::tests::{load_clean, messages};

    fn text(check: &str) -> String {
        format!("[backend.b]\ncheck = {{ {check} }}\nserver.s = \"10.0.0.1:5432\"\n")
    }

    #[test]
    fn hosts_of_addresses() {
        let rows = [
            ("10.0.0.1:5432", "10.0.0.1"),
            ("db1.local:5432", "db1.local"),
            ("ipv4@db1:5432", "db1"),
            ("[::1]:5432", "::1"),
            ("::1:5432", "::1"),
        ];
        for (address, expected) in rows {
            assert_eq!(host(address), expected, "{address}");
        }
    }

    #[test]
    fn mistakes_are_told() {
        let rows = [
            ("type = \"postgres\"", "a postgres check needs a user who can log in"),
            ("type = \"mysql\", database = \"\"", "a mysql check needs a user who can log in"),
            (
                "type = \"mysql\", user = \"u\", tls = \"verify-full\"",
                "nobody says whose certificates to trust",
            ),
            ("type = \"postgres\", user = \"u\", door = \"0s\"", "'door' must be longer than zero"),
            (
                "type = \"postgres\", user = \"u\", tls = \"require\", ca_file = \"x\"",
                "ca_file counts only where certificates are verified",
            ),
            (
                "type = \"postgres\", user = \"u\", password_file = \"x\"",
                "cannot read 'x': there are no files",
            ),
        ];
        for (check, expected) in rows {
            let found = messages(&[&text(check)]);
            assert_eq!(found, [format!("2: {expected}")], "{check}");
        }
        assert_eq!(messages(&[&text("type = \"mysql\", user = \"u\", tls = \"on\"")]).len(), 1);
    }

    #[test]
    fn what_is_written_comes_back() {
        for check in [
            "type = \"mysql\", user = \"u\", database = \"\"",
            "type = \"mysql\", user = \"u\", cluster = \"galera\"",
            "type = \"mysql\", user = \"u\", cluster = \"group-replication\"",
            "type = \"mysql\", user = \"u\", database = \"d\", tls = \"require\"",
            "type = \"postgres\", user = \"u\", tls = \"require\"",
            "type = \"postgres\", user = \"u\", door = \"500ms\"",
            "type = \"mysql\", user = \"u\", door = \"off\"",
        ] {
            let config = load_clean(&text(check));
            let exported = crate::config::export::export(&config);
            assert_eq!(load_clean(&exported), config, "{exported}");
        }
    }
}
