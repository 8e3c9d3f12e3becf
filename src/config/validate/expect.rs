//! Pure: what the outcome of an `expect` rule is called.

use haproxy_compat::span::{Span, Spanned};

use super::context::Context;
use crate::config::model::{CheckStatus, ExpectReport, Format};
use crate::config::raw::{self, Field};
use crate::pure::probe::format::tells;
use crate::pure::sample::{Expr, ParseError, Variable};

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
        let mut text = |field: &Field<Vec<u8>>| {
            field.as_ref().and_then(|f| self.check_format(f.span, &f.value))
        };
        let (on_success, on_error) = (text(&raw.on_success), text(&raw.on_error));
        ExpectReport {
            ok: self.status("ok_status", &raw.ok, &OK).unwrap_or(default.ok),
            error: self.status("error_status", &raw.error, &ERROR).unwrap_or(default.error),
            timeout: self.status("tout_status", &raw.timeout, &TIMEOUT).unwrap_or(default.timeout),
            on_success: on_success.or(default.on_success),
            on_error: on_error.or(default.on_error),
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

    fn code(&mut self, field: &Field<String>) -> Option<Expr> {
        let field = field.as_ref()?;
        self.check_sample(field.span, &field.value)
    }

    /// A sample of a check.
    pub(super) fn check_sample(&mut self, span: Span, text: &str) -> Option<Expr> {
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        let parsed = Expr::parse_words(&words, self).and_then(|(expr, used)| {
            tells(&expr)?;
            match words.get(used) {
                Some(word) => Err(format!("unexpected '{word}' after '{}'", expr.text).into()),
                None => Ok(expr),
            }
        });
        let expr = parsed.map_err(|error| self.wrong_sample(span, error)).ok()?;
        self.refer(span, &expr);
        Some(expr)
    }

    /// A text of a check with samples in it.
    pub(super) fn check_format(&mut self, span: Span, text: &[u8]) -> Option<Format> {
        let parsed = Format::parse(text, self);
        let format = parsed.map_err(|error| self.wrong_sample(span, error)).ok()?;
        for expr in format.samples() {
            self.refer(span, expr);
        }
        Some(format)
    }

    fn wrong_sample(&mut self, span: Span, ParseError { message, help }: ParseError) {
        self.refuse(span, message, help);
    }

    /// A variable that a check may set.
    pub(super) fn check_variable(&mut self, name: &Spanned<String>) -> Option<Variable> {
        let variable = Variable::parse(&name.value);
        variable.map_err(|message| self.refuse(name.span, message, None)).ok()
    }
}

#[cfg(test)]
mod tests {
    use crate::config::tests::{load_clean, messages};

    #[test]
    fn what_a_check_computes_is_checked_when_it_is_read() {
        let check = |step: &str| {
            format!(
                "[backend.b]\ncheck = {{ type = \"tcp-check\", steps = [{step}] }}\n\
                 server.a = {{ address = \"10.0.0.1:1\", check = true }}\n"
            )
        };
        let good =
            "{ set_var = \"check.a\", to = \"res.len,add(1)\" }, { send_lf = \"%[srv_name]%%\" }";
        load_clean(&check(good));
        for (step, why) in [
            ("{ send_lf = \"%[ssl_fc]\" }", "'ssl_fc' has nothing to tell in a health check"),
            ("{ send_lf = \"%ci\" }", "'%ci' tells nothing in a check"),
            ("{ send_lf = \"%[nothing]\" }", "nothing"),
            ("{ set_var = \"a\", to = \"int(1)\" }", "has no scope"),
            ("{ connect = { port = \"what\" } }", "what"),
            ("{ expect = { string = \"a\", status_code = \"int(1) b\" } }", "b"),
        ] {
            let said = messages(&[&check(step)]);
            assert!(said.iter().any(|message| message.contains(why)), "{step}: {said:?}");
        }
    }
}
