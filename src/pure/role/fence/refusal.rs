//! Why claims are refused.

use std::fmt;

/// Why a server that claims to be primary is not taken for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// Its data is of another cluster.
    Foreign,
    /// Another took over from it, or while it was a replica of those before, and it has not been a
    /// replica of that one.
    Returned,
    /// Its history lacks what the newest primary had.
    Older,
    /// It became primary without a new timeline.
    Diverged,
    /// Another server claims it, too.
    Conflict,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Foreign => "its data is of another cluster",
            Self::Returned => "another took over and it has not followed that one since",
            Self::Older => "its history lacks what the newest primary had",
            Self::Diverged => "it became primary without a history of its own",
            Self::Conflict => "another server claims it too",
        })
    }
}
