//! The check that holds a session with a database.

use std::fmt;
use std::time::Duration;

/// Which protocol is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DatabaseKind {
    /// Postgres.
    Postgres,
    /// MySQL or MariaDB.
    Mysql,
}

/// `tls`: how a database is spoken to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DatabaseTls {
    /// In clear text.
    #[default]
    Off,
    /// By TLS, whoever answers.
    Require,
    /// By TLS, with a certificate of the authorities.
    VerifyCa,
    /// By TLS, with a certificate of the authorities for the server's name or address.
    VerifyFull,
}

/// `cluster`: what MySQL and MariaDB servers are part of, where they do not replicate from one to
/// another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cluster {
    /// Galera: every node that is synced takes writes.
    Galera,
    /// MySQL Group Replication, with one primary.
    GroupReplication,
}

/// `type = "postgres"`, and `type = "mysql"` with `password_file`.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseCheck {
    /// Which protocol is spoken.
    pub kind: DatabaseKind,
    /// The account that logs in.
    pub user: String,
    /// The file its password was read from; `None`: it has none.
    pub password_file: Option<String>,
    /// Its password; may be empty.
    pub password: String,
    /// The database; empty: none, which only MySQL lets be.
    pub database: String,
    /// What it is part of, and asked for instead of `read_only` alone.
    pub cluster: Option<Cluster>,
    /// How it is spoken to.
    pub tls: DatabaseTls,
    /// The authorities.
    pub ca_file: Option<String>,
    /// How far apart new connections are tried beside the session, where it is written; zero: never.
    pub door: Option<Duration>,
}

impl fmt::Debug for DatabaseCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, user, database, .. } = self;
        write!(f, "DatabaseCheck({kind:?}, {user} at {database}, password hidden)")
    }
}
