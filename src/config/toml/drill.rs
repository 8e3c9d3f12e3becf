//! Pure: `drill` of a backend.

use super::table::Table;
use super::values::Decoder;
use crate::config::raw::Drill;

impl Decoder<'_> {
    /// `drill = { … }`
    pub(super) fn drill(&mut self, parent: &mut Table<'_>) -> Option<Drill> {
        let place = format!("drill of {}", parent.place);
        let mut table = self.table(parent, "drill", place)?;
        let t = &mut table;
        let drill = Drill {
            kill: self.texts(t, "kill"),
            hang: self.texts(t, "hang"),
            partition: self.texts(t, "partition"),
            heal: self.texts(t, "heal"),
            write: self.string(t, "write"),
            timeout: self.duration(t, "timeout"),
        };
        self.finish(&table);
        Some(drill)
    }
}
