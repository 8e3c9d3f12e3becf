//! Pure: `[certificate."@STORE/NAME"]`: certificates in several files.

use super::table::Table;
use super::values::Decoder;
use crate::config::raw::StoredCertificate;

impl Decoder<'_> {
    /// Every `[certificate.NAME]` of the file.
    pub(super) fn certificates(&mut self, root: &mut Table<'_>) -> Vec<StoredCertificate> {
        let sections = self.sections(root, "certificate", "\"@store/db\"").into_iter();
        let read = |(name, mut table): (_, Table<'_>)| {
            let t = &mut table;
            let certificate = StoredCertificate {
                name,
                crt: self.string(t, "crt"),
                key: self.string(t, "key"),
                ocsp: self.string(t, "ocsp"),
                issuer: self.string(t, "issuer"),
            };
            self.finish(&table);
            certificate
        };
        sections.map(read).collect()
    }
}
