//! The check that holds a session with a database.

use std::fmt;

/// Which protocol is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DatabaseKind {
    /// Postgres.
    Postgres,
    /// MySQL or MariaDB.
    Mysql,
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
}

impl fmt::Debug for DatabaseCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, user, database, .. } = self;
        write!(f, "DatabaseCheck({kind:?}, {user} at {database}, password hidden)")
    }
}
