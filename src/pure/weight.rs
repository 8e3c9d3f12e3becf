//! Server weights.

/// A server's weight, 0 to 256 (HAProxy's range). 0 takes no new sessions by load balancing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Weight(u16);

impl Weight {
    /// The weight of a server that names none.
    pub const DEFAULT: Self = Self(1);
    /// The largest weight.
    pub const MAX: Self = Self(256);

    /// `None` above 256.
    #[must_use]
    pub const fn new(value: u16) -> Option<Self> {
        if value <= Self::MAX.0 { Some(Self(value)) } else { None }
    }

    /// The number itself, 0 to 256.
    #[must_use]
    pub const fn value(self) -> u16 {
        self.0
    }
}
