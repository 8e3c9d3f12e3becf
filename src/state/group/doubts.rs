//! What is lost in a failover: what is known of that before, and what is not known yet of those that are
//! over, which the old primaries settle with what they say.
//!
//! Bound: one a server, the last.

use std::collections::BTreeMap;

use super::{Group, Inner};
use crate::pure::role::Reading;
use crate::pure::role::doubt::{Doubt, Settled};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Doubts {
    /// By the old primary: with the time of the record.
    open: BTreeMap<String, (Doubt, String)>,
    told: Vec<Told>,
}

/// What an old primary told of a failover that is over.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// When that was, as its record has it.
    pub at: String,
    /// What came of it.
    pub settled: Settled,
    /// What the old primary said.
    pub reading: Reading,
}

impl Doubts {
    /// A server said what it is.
    pub(super) fn handle_reading(&mut self, server: &str, reading: &Reading) {
        if let Some((doubt, at)) = self.open.remove(server) {
            let (settled, reading) = (doubt.settle(reading), reading.clone());
            self.told.push(Told { at, settled, reading });
        }
    }
}

impl Inner {
    /// The primary spoke: whom it waits for, of those that stream from it.
    pub(super) fn note_awaited(&mut self) {
        let Self { fence, awaited, .. } = self;
        awaited.clear();
        let primary = fence.primary().and_then(|server| fence.reading(server)?.copies.as_ref());
        if let Some(copies) = primary {
            let is_awaited = |server: &&str| {
                let standby = fence.reading(server).and_then(|reading| reading.copies.as_ref());
                standby.is_some_and(|standby| copies.waits_for(standby))
            };
            awaited.extend(fence.heard().filter(is_awaited).map(str::to_owned));
        }
    }
}

impl Group {
    /// What the next primary lacked in a failover that is over, and on record as of `at`, may become
    /// known from now on. `None`: that is known, or nobody can say it.
    pub(in crate::state) fn doubt(&self, doubt: Option<Doubt>, at: String) {
        if let Some(doubt) = doubt {
            let mut inner = self.lock();
            inner.doubts.open.insert(doubt.from().to_owned(), (doubt, at));
        }
    }

    /// What old primaries told since this was asked.
    pub(in crate::state) fn take_told(&self) -> Vec<Told> {
        std::mem::take(&mut self.lock().doubts.told)
    }
}
