//! Pure: `[ring.NAME]`: rings of log lines.

use super::table::Table;
use super::values::Decoder;
use crate::config::raw::Ring;

impl Decoder<'_> {
    /// Every `[ring.NAME]` of the file.
    pub(super) fn rings(&mut self, root: &mut Table<'_>) -> Vec<Ring> {
        let mut found = Vec::new();
        for (name, mut table) in self.sections(root, "ring", "logs") {
            let t = &mut table;
            let mut ring = Ring {
                description: self.string(t, "description"),
                format: self.string(t, "format"),
                maxlen: self.number(t, "maxlen"),
                size: self.number(t, "size"),
                backing_file: self.string(t, "backing_file"),
                ..Ring::new(name)
            };
            let place = format!("timeout of {}", t.place);
            if let Some(mut timeouts) = self.table(t, "timeout", place) {
                ring.connect = self.timeout(&mut timeouts, "connect");
                ring.stall = self.timeout(&mut timeouts, "server");
                self.finish(&timeouts);
            }
            ring.servers = self.servers(t, &ring.name.value, None);
            self.finish(&table);
            found.push(ring);
        }
        found
    }
}
