//! Pure: what the outcome of an `expect` rule is called.

use super::context::Context;
use crate::config::model::{CheckStatus, CodeFrom, ExpectReport};
use crate::config::raw::{self, Field};

/// The words of `ok_status`.
const OK: [CheckStatus; 4] =
    [CheckStatus::L7Ok, CheckStatus::L7OkConditional, CheckStatus::L6Ok, CheckStatus::L4Ok];
/// The words of `error_status`.
const ERROR: [CheckStatus; 5] = [
    CheckStatus::L7OkConditional,
    CheckStatus::L7Response,
    CheckStatus::L7Status,
    CheckStatus::L6Response,
    CheckStatus::L4Con,
];
/// The words of `tout_status`.
const TIMEOUT: [CheckStatus; 3] =
    [CheckStatus::L7Timeout, CheckStatus::L6Timeout, CheckStatus::L4Timeout];

impl Context<'_> {
    /// What was written over what holds without.
    pub(super) fn expect_report(
        &mut self,
        raw: &raw::ExpectReport,
        default: ExpectReport,
    ) -> ExpectReport {
        let text = |field: &Field<Vec<u8>>| field.as_ref().map(|field| field.value.clone());
        ExpectReport {
            ok: self.status("ok_status", &raw.ok, &OK).unwrap_or(default.ok),
            error: self.status("error_status", &raw.error, &ERROR).unwrap_or(default.error),
            timeout: self.status("tout_status", &raw.timeout, &TIMEOUT).unwrap_or(default.timeout),
            on_success: text(&raw.on_success).or(default.on_success),
            on_error: text(&raw.on_error).or(default.on_error),
            code: self.code(&raw.code).or(default.code),
        }
    }

    fn status(
        &mut self,
        what: &str,
        field: &Field<String>,
        known: &[CheckStatus],
    ) -> Option<CheckStatus> {
        let words: Vec<(&str, CheckStatus)> =
            known.iter().map(|status| (status.name(), *status)).collect();
        self.word(what, field, &words)
    }

    fn code(&mut self, field: &Field<String>) -> Option<CodeFrom> {
        let field = field.as_ref()?;
        let code = CodeFrom::parse(&field.value);
        if code.is_none() {
            let message = format!("'{}' is not an expression for a check's code", field.value);
            self.report.alert(field.span, message);
            self.report.help("write int(NUMBER) or res.payload(OFFSET,LENGTH)");
        }
        code
    }
}
