//! Certificates with names of their own (`crt-store`): each is read, used or not.

use super::{Context, Problems};
use crate::config::model::certificate::StoredCertificate;
use crate::config::raw::{self, Field};
use crate::config::tls::{self, Reader};

impl Context<'_> {
    /// Remembers them for those that refer to them.
    pub(in crate::config::validate) fn stored_certificates(
        &mut self,
        raw: &[raw::StoredCertificate],
    ) {
        let text = |field: &Field<String>| field.as_ref().map(|field| field.value.clone());
        for one in raw {
            let name = &one.name;
            if !name.value.starts_with('@') || !name.value.contains('/') {
                let message =
                    format!("the certificate '{}' has no name that can be referred to", name.value);
                self.report.alert(name.span, message).help("call it '@STORE/NAME' or '@/NAME'");
                continue;
            }
            if self.certificates.iter().any(|known| known.name == name.value) {
                let message = format!("two certificates are called '{}'", name.value);
                self.report.alert(name.span, message).help("give one of them an 'alias'");
                continue;
            }
            let Some(crt) = text(&one.crt) else {
                self.report.alert(name.span, format!("'{}' has no 'crt'", name.value));
                continue;
            };
            let stored = StoredCertificate {
                name: name.value.clone(),
                crt,
                key: text(&one.key),
                ocsp: text(&one.ocsp),
                issuer: text(&one.issuer),
            };
            let mut problems = Problems::default();
            let reader = &mut Reader::new(&mut *self.world, &[]);
            problems.keep(name.span, tls::stored_identity(&stored, reader));
            self.report_tls(problems);
            self.certificates.push(stored);
        }
    }
}
