//! The check that holds a session with a database.

use std::fmt;

/// `type = "postgres"`.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseCheck {
    /// The account that logs in.
    pub user: String,
    /// The file its password was read from; `None`: it has none.
    pub password_file: Option<String>,
    /// Its password; may be empty.
    pub password: String,
    /// The database.
    pub database: String,
}

impl fmt::Debug for DatabaseCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseCheck({} at {}, password hidden)", self.user, self.database)
    }
}
