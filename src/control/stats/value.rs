//! Pure: a value and its kind, as every form of the statistics prints it.

use std::fmt;
use std::time::Duration;

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Unsigned, 32 bits.
    U32(u32),
    /// Unsigned, 64 bits.
    U64(u64),
    /// Signed, 32 bits.
    S32(i32),
    /// A fraction, only where the client asked for it.
    Float(f64),
    /// Text.
    Text(String),
}

impl Value {
    /// The word for its type.
    #[must_use]
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::U32(_) => "u32",
            Self::U64(_) => "u64",
            Self::S32(_) => "s32",
            Self::Float(_) => "flt",
            Self::Text(_) => "str",
        }
    }

    /// Whole seconds, as many as 32 bits hold.
    #[must_use]
    pub fn seconds(duration: Duration) -> Self {
        Self::U32(u32::try_from(duration.as_secs()).unwrap_or(u32::MAX))
    }

    /// Whole milliseconds, as many as 32 bits hold.
    #[must_use]
    pub fn millis(duration: Duration) -> Self {
        Self::U32(u32::try_from(duration.as_millis()).unwrap_or(u32::MAX))
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::U32(value)
    }
}

impl From<u64> for Value {
    fn from(value: u64) -> Self {
        Self::U64(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::U32(value) => value.fmt(f),
            Self::U64(value) => value.fmt(f),
            Self::S32(value) => value.fmt(f),
            Self::Float(value) => write!(f, "{value:.6}"),
            Self::Text(value) => f.write_str(value),
        }
    }
}

/// What the three letters of a column's tags say.
pub(super) struct Tags {
    pub(super) origin: &'static str,
    pub(super) nature: &'static str,
    pub(super) scope: &'static str,
}

impl Tags {
    /// Reads the letters; what they do not know is `Unknown`.
    pub(super) fn read(letters: &str) -> Self {
        let mut letters = letters.chars();
        let origin = match letters.next() {
            Some('M') => "Metric",
            Some('S') => "Status",
            Some('K') => "Key",
            Some('C') => "Config",
            Some('P') => "Product",
            _ => "Unknown",
        };
        let nature = match letters.next() {
            Some('G') => "Gauge",
            Some('L') => "Limit",
            Some('m') => "Min",
            Some('M') => "Max",
            Some('R') => "Rate",
            Some('C') => "Counter",
            Some('D') => "Duration",
            Some('A') => "Age",
            Some('T') => "Time",
            Some('N') => "Name",
            Some('O') => "Output",
            Some('a') => "Avg",
            _ => "Unknown",
        };
        let scope = match letters.next() {
            Some('C') => "Cluster",
            Some('P') => "Process",
            Some('S') => "Service",
            Some('s') => "System",
            _ => "Unknown",
        };
        Self { origin, nature, scope }
    }
}
