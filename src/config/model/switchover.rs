//! How the primary of a group is changed on purpose.

use std::time::Duration;

use super::DatabaseCheck;

/// `switchover` of a backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Switchover {
    /// What changes the servers.
    pub step: Promote,
    /// How long clients may wait for it where the operator does not say.
    pub timeout: Duration,
}

/// What makes a server the primary, and the one before none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Promote {
    /// SQL, as this account.
    BuiltIn(DatabaseCheck),
    /// A program of the operator's.
    Program {
        /// It, and its arguments.
        promote: Vec<String>,
        /// What undoes it where it failed, and its arguments; none: nothing has to be.
        rollback: Vec<String>,
    },
}
