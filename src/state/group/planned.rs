//! What is measured of a planned change of the primary.

use std::time::Instant;

use super::Group;

/// What is measured of a planned change of the primary while it goes on.
#[derive(Clone, Debug)]
pub(super) struct Planned {
    pub(super) since: Instant,
    /// When the primary was told to take no more writes.
    pub(super) frozen_at: Option<Instant>,
    /// By a program that alone knows.
    pub(super) by_program: bool,
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
            by_program: false,
            frozen: None,
            cut: 0,
            held: 0,
            is_given_up: false,
            pending: None,
        }
    }
}

impl Group {
    /// Gives the primary no new sessions from `now` on, for `heir` takes over, or some again. Whether
    /// that is a change: there is one heir at a time.
    pub(in crate::state) fn rest(&self, now: Instant, heir: Option<&str>) -> bool {
        let mut inner = self.lock();
        let is_change = inner.planned.is_some() != heir.is_some();
        if is_change {
            inner.planned = heir.map(|_| Planned::new(now));
            inner.fence.set_heir(heir.map(str::to_owned));
        }
        is_change
    }

    /// Who claims to be primary while a switchover goes on, and is neither of the two it is about.
    #[must_use]
    pub fn intruder(&self) -> Option<String> {
        self.lock().fence.intruder().map(str::to_owned)
    }

    /// What is measured of a planned change: so many sessions were ended for it by now.
    pub(in crate::state) fn note_parted(&self, cut: u64) {
        if let Some(planned) = &mut self.lock().planned {
            planned.cut = cut;
        }
    }

    /// The same: the primary is what it was, at `now`; who is `pending` may become it yet.
    pub(in crate::state) fn give_up(&self, now: Instant, pending: Option<&str>) {
        let mut inner = self.lock();
        if let Some(planned) = &mut inner.planned {
            planned.is_given_up = true;
            planned.pending = pending.map(str::to_owned);
            let primary = inner.primary();
            inner.follow(now, primary);
            self.expect(&inner);
        }
    }

    /// The same: the primary takes no more writes from `now` on, or a program sees to that.
    pub(in crate::state) fn note_frozen(&self, now: Instant, by_program: bool) {
        let mut inner = self.lock();
        let frozen = inner.primary();
        if let Some(planned) = &mut inner.planned {
            (planned.frozen_at, planned.by_program) = (Some(now), by_program);
            planned.frozen = frozen.map(|(server, _)| server);
        }
    }
}
