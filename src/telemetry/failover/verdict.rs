//! What a failover may cost, and whether it did not cost more.

use serde::{Deserialize, Serialize};

/// What a failover may cost.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Declared {
    /// Seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rto: Option<f64>,
    /// Bytes of WAL, or transactions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rpo: Option<u64>,
}

/// Whether what was declared was kept to; absent where nothing was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdicts {
    /// The time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rto: Option<Verdict>,
    /// The data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rpo: Option<Verdict>,
}

/// How what was measured compares with what was declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It is no more.
    Met,
    /// It is more.
    Missed,
    /// It could not be measured.
    Unknown,
}

impl Verdict {
    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::Missed => "missed",
            Self::Unknown => "unknown",
        }
    }

    pub(super) fn of<T: PartialOrd>(declared: Option<T>, measured: Option<T>) -> Option<Self> {
        let declared = declared?;
        Some(match measured {
            Some(measured) if measured <= declared => Self::Met,
            Some(_) => Self::Missed,
            None => Self::Unknown,
        })
    }
}
