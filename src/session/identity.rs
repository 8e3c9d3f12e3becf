//! What a session is called: `unique-id-format`, and other texts that are made of a session while it
//! runs.

use std::cell::{Cell, OnceCell};

use super::Session;
use super::facts::View;
use crate::clock;
use crate::pure::log_format::{Format, Variable};
use crate::pure::session::termination::Termination;
use crate::telemetry::record::Moment;
use crate::telemetry::time::LocalTime;
use crate::telemetry::written::{self, Absent, Writer};

/// HAProxy keeps 128 bytes, with the one that ends its strings.
const UNIQUE_ID_BYTES_MAX: usize = 127;

/// A session's id: made when it is first asked for, and the same from then on.
#[derive(Default)]
pub(super) struct UniqueId {
    made: OnceCell<Box<str>>,
    begun: Cell<bool>,
}

impl Session {
    /// What `unique-id-format` makes of the session; `None` where there is no such format, and while
    /// the id is being made: it cannot be part of itself.
    pub(super) fn unique_id(&self) -> Option<&str> {
        let format = self.route.log.unique_id.as_deref()?;
        let id = &self.outcome.noted.unique_id;
        if id.begun.replace(true) {
            return id.made.get().map(|id| &**id);
        }
        let mut made = match format.shows(Variable::UniqueId) {
            true => "-".to_owned(),
            false => self.fill(format, &self.view(&self.route.patterns, None, true)),
        };
        made.truncate(made.floor_char_boundary(UNIQUE_ID_BYTES_MAX));
        Some(id.made.get_or_init(|| made.into()))
    }

    /// What `format` shows of the session now, to whom it is as `view` says; nothing stands for what
    /// is absent.
    pub(super) fn fill(&self, format: &Format, view: &View<'_>) -> String {
        let details = Some(Box::new(self.details_of(format, view)));
        let total = clock::now().saturating_duration_since(self.running.started);
        let mut record = self.record_with(Termination::NORMAL, total, Moment::End, details);
        record.destination = record.destination.or_else(|| self.client.original_destination());
        let writer = Writer { pid: std::process::id(), line: 0, absent: Absent::Nothing };
        let mut text = String::new();
        let mut time = LocalTime::new(clock::zone());
        // Writing to a string cannot fail.
        let _ = written::push(&record, format, writer, &mut time, &mut text);
        text
    }
}
