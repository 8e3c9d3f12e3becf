//! Pure: `[peers.NAME]`: tables that belong to no proxy.

use super::table::Table;
use super::values::Decoder;
use crate::config::raw::Peers;

impl Decoder<'_> {
    /// Every `[peers.NAME]` of the file.
    pub(super) fn peers(&mut self, root: &mut Table<'_>) -> Vec<Peers> {
        let sections = self.sections(root, "peers", "all").into_iter();
        let read = |(name, mut table): (_, Table<'_>)| {
            let tables = self.rules(&mut table);
            self.finish(&table);
            Peers { name, tables, members: Vec::new(), binds: Vec::new(), is_empty: false }
        };
        sections.map(read).collect()
    }
}
