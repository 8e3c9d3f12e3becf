//! Pure: `[webhook.NAME]`: who is told of events.

use super::table::Table;
use super::values::Decoder;
use crate::config::raw::Webhook;

impl Decoder<'_> {
    /// Every `[webhook.NAME]` of the file.
    pub(super) fn webhooks(&mut self, root: &mut Table<'_>) -> Vec<Webhook> {
        let mut found = Vec::new();
        for (name, mut table) in self.sections(root, "webhook", "ops") {
            let t = &mut table;
            let webhook = Webhook {
                name,
                url: self.string(t, "url"),
                url_file: self.string(t, "url_file"),
                format: self.string(t, "format"),
                key_file: self.string(t, "key_file"),
                events: self.texts(t, "events"),
                backends: self.texts(t, "backends"),
                ca_file: self.string(t, "ca_file"),
                timeout: self.duration(t, "timeout"),
                keep: self.duration(t, "keep"),
                queue: self.number(t, "queue"),
            };
            self.finish(&table);
            found.push(webhook);
        }
        found
    }
}
