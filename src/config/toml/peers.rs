//! Pure: `[peers.NAME]`: tables that belong to no proxy.

use haproxy_compat::span::Spanned;

use super::table::{Table, in_order, span_of};
use super::values::Decoder;
use crate::config::raw::Peers;

impl Decoder<'_> {
    /// Every `[peers.NAME]` of the file.
    pub(super) fn peers(&mut self, root: &mut Table<'_>) -> Vec<Peers> {
        let Some(value) = root.take("peers") else {
            return Vec::new();
        };
        let Some(named) = value.get_ref().as_table() else {
            self.wrong_type::<()>("peers", value, "tables with names, such as [peers.all]");
            return Vec::new();
        };
        let mut found = Vec::new();
        for (key, value) in in_order(named) {
            let name = Spanned::new(key.get_ref().to_string(), span_of(self.file, key));
            match value.get_ref().as_table() {
                Some(entries) => {
                    let place = format!("peers '{}'", name.value);
                    let mut table = Table::new(entries, span_of(self.file, value), place);
                    let tables = self.rules(&mut table);
                    self.finish(&table);
                    found.push(Peers { name, tables });
                }
                None => drop(self.wrong_type::<()>(&name.value, value, "a table")),
            }
        }
        found
    }
}
