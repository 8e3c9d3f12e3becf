//! Words about TLS where none is spoken: nothing is done with them, and HAProxy judges them all the
//! same.

use super::{Problems, VERIFY, VERSIONS};
use crate::config::model::Verify;
use crate::config::raw;
use crate::config::tls::{self, Reader};
use crate::config::validate::context::Context;

impl Context<'_> {
    /// Words that a bind and a server have.
    pub(in crate::config::validate) fn idle_tls(&mut self, raw: &raw::Tls, what: &str) {
        self.word("ssl-min-ver", &raw.min_ver, &VERSIONS);
        self.word("ssl-max-ver", &raw.max_ver, &VERSIONS);
        self.word("verify", &raw.verify, &VERIFY);
        self.ignored_errors(what, &raw.ca_ignore_err);
        self.ignored_errors(what, &raw.crt_ignore_err);
        let mut problems = Problems::default();
        let mut reader = Reader::new(&mut *self.world, &self.certificates);
        for path in [&raw.ca_file, &raw.ca_verify_file].into_iter().flatten() {
            problems.keep(path.span, tls::authorities(&path.value, &mut reader));
        }
        if let Some(path) = &raw.crl_file {
            problems.keep(path.span, tls::revocations(&path.value, &mut reader));
        }
        self.report_tls(problems);
    }

    /// What only a bind has.
    pub(super) fn idle_certificates(&mut self, raw: &raw::Tls) {
        let mut problems = Problems::default();
        let mut reader = Reader::new(&mut *self.world, &self.certificates);
        for crt in &raw.crt {
            problems.keep(crt.span, tls::identities(&crt.value, &mut reader));
        }
        for list in &raw.crt_list {
            let read = self.world.read(std::path::Path::new(&list.value));
            let why = |error| format!("cannot read '{}': {error}", list.value);
            problems.keep(list.span, read.map_err(why));
        }
        self.report_tls(problems);
    }

    /// What only a server has: its peer always has a certificate to show.
    pub(in crate::config::validate) fn idle_verify(&mut self, raw: &raw::Tls, what: &str) {
        let optional = VERIFY.iter().find(|row| row.1 == Verify::Optional).map(|row| row.0);
        if let Some(verify) = &raw.verify
            && Some(verify.value.as_str()) == optional
        {
            self.report.alert(verify.span, format!("{what}: 'verify' is 'none' or 'required'"));
        }
        self.sni(what, raw.sni.as_ref(), false);
    }
}
