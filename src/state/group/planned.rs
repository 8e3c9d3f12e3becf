//! What is measured of a planned change of the primary.

use std::time::Instant;

/// What is measured of a planned change of the primary while it goes on.
#[derive(Clone, Debug)]
pub(super) struct Planned {
    pub(super) since: Instant,
    /// When the primary was told to take no more writes.
    pub(super) frozen_at: Option<Instant>,
    /// Who that was.
    pub(super) frozen: Option<String>,
    pub(super) cut: u64,
    pub(super) held: u32,
    /// The primary stays it.
    pub(super) is_given_up: bool,
    /// Who may become it all the same.
    pub(super) pending: Option<String>,
}

impl Planned {
    pub(super) const fn new(since: Instant) -> Self {
        Self {
            since,
            frozen_at: None,
            frozen: None,
            cut: 0,
            held: 0,
            is_given_up: false,
            pending: None,
        }
    }
}
