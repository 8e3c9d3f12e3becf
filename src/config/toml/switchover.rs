//! Pure: `switchover` of a backend.

use super::table::Table;
use super::values::Decoder;
use crate::config::raw::Switchover;

impl Decoder<'_> {
    /// `switchover = { … }`
    pub(super) fn switchover(&mut self, parent: &mut Table<'_>) -> Option<Switchover> {
        let place = format!("switchover of {}", parent.place);
        let mut table = self.table(parent, "switchover", place)?;
        let t = &mut table;
        let switchover = Switchover {
            span: t.span,
            user: self.string(t, "user"),
            password_file: self.string(t, "password_file"),
            promote: self.texts(t, "promote"),
            rollback: self.texts(t, "rollback"),
            timeout: self.duration(t, "timeout"),
        };
        self.finish(&table);
        Some(switchover)
    }
}
