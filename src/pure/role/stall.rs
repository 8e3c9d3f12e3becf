//! Why nothing is written to a server that is primary and answers.

use std::fmt;

use super::Reading;
use super::copies::Shortage;

/// What is the matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stall {
    /// Commits wait for standbys that it does not have.
    Standbys(Shortage),
    /// Transactions are read-only (`default_transaction_read_only`), as a switchover leaves them that was
    /// killed half-way.
    ReadOnly,
}

impl Stall {
    /// Of a primary that says this of itself.
    #[must_use]
    pub fn of(reading: &Reading) -> Option<Self> {
        let read_only = || reading.is_read_only.then_some(Self::ReadOnly);
        reading.shortage.map(Self::Standbys).or_else(read_only)
    }
}

impl fmt::Display for Stall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Standbys(shortage) => shortage.fmt(f),
            Self::ReadOnly => f.write_str(
                "its transactions are read-only (default_transaction_read_only by an operator or a \
                 switchover that was left half done)",
            ),
        }
    }
}
