//! What the `expect` rules of `tcp-check` and `http-check` have in common.

use haproxy_compat::span::Spanned;
use haproxy_compat::tree::Word;

use super::words::{Args, Context, text};
use crate::config::raw::{ExpectReport, Field, Step};

/// Words of `expect` that both kinds of rules know.
pub(super) const OPTIONS: [&str; 8] = [
    "min-recv",
    "comment",
    "ok-status",
    "error-status",
    "tout-status",
    "on-success",
    "on-error",
    "status-code",
];

/// What stands before the match of an `expect`, or after it.
#[derive(Default)]
pub(super) struct Options {
    pub(super) negated: bool,
    pub(super) min_recv: Field<i64>,
    pub(super) comment: Field<String>,
    pub(super) report: ExpectReport,
}

impl Options {
    /// Reads `rule`'s options up to the match and yields the match's word without its `!`.
    pub(super) fn until_match<'a>(
        &mut self,
        rule: &str,
        args: &mut Args<'a>,
        cx: &mut Context<'_>,
    ) -> Option<(String, &'a Word)> {
        loop {
            let word = args.expect(rule, "a match such as 'string'", cx)?;
            let written = word.text();
            let kind = match written.strip_prefix('!') {
                Some(rest) => {
                    self.negated = !self.negated;
                    rest
                }
                None => written.as_ref(),
            };
            match kind {
                "" => {}
                _ if OPTIONS.contains(&kind) && self.negated => {
                    let message = format!("'!' stands before the match, not before '{kind}'");
                    cx.report.alert(word.span, message);
                    return None;
                }
                _ if OPTIONS.contains(&kind) => self.take(kind, args, cx)?,
                _ => return Some((kind.to_owned(), word)),
            }
        }
    }

    /// Reads `rule`'s options that stand after the match, and expects no more.
    pub(super) fn after_match(
        &mut self,
        rule: &str,
        args: &mut Args<'_>,
        cx: &mut Context<'_>,
    ) -> Option<()> {
        while let Some(option) = args.peek().map(|word| word.text().into_owned()) {
            if !OPTIONS.contains(&option.as_str()) {
                break;
            }
            args.next();
            self.take(&option, args, cx)?;
        }
        args.finish(rule, cx);
        Some(())
    }

    fn take(&mut self, option: &str, args: &mut Args<'_>, cx: &mut Context<'_>) -> Option<()> {
        let report = &mut self.report;
        match option {
            "min-recv" => self.min_recv = Some(min_recv(args, cx)?),
            "comment" => self.comment = args.text(option, "a text", cx),
            "ok-status" => report.ok = Some(status(args, option, cx)?),
            "error-status" => report.error = Some(status(args, option, cx)?),
            "tout-status" => report.timeout = Some(status(args, option, cx)?),
            "on-success" => report.on_success = Some(format(args, option, cx)?),
            "on-error" => report.on_error = Some(format(args, option, cx)?),
            _ => report.code = args.text(option, "a number such as 'int(1)'", cx),
        }
        Some(())
    }
}

/// A status, in any case.
fn status(args: &mut Args<'_>, option: &str, cx: &mut Context<'_>) -> Field<String> {
    let word = args.expect(option, "a status such as 'L7OK'", cx)?;
    Some(text(word).map(|status| status.to_ascii_uppercase()))
}

/// At least -1, which is as if it were not written.
fn min_recv(args: &mut Args<'_>, cx: &mut Context<'_>) -> Field<i64> {
    let bytes = args.signed("min-recv", cx)?;
    if bytes.value < -1 {
        cx.report.alert(bytes.span, format!("'min-recv' is a size, not {}", bytes.value));
        return None;
    }
    Some(bytes)
}

/// A log-format text, to be understood later.
pub(super) fn format(
    args: &mut Args<'_>,
    keyword: &str,
    cx: &mut Context<'_>,
) -> Option<Spanned<Vec<u8>>> {
    let word = args.expect(keyword, "a text", cx)?;
    Some(Spanned::new(word.bytes.clone(), word.span))
}

/// `set-var(check.x) <sample>`, `set-var-fmt(check.x) <text>` or `unset-var(check.x)`.
pub(super) fn variable(word: &Word, args: &mut Args<'_>, cx: &mut Context<'_>) -> Option<Step> {
    let written = word.text();
    let (verb, name) = written.split_once('(')?;
    let Some(name) = name.strip_suffix(')') else {
        cx.report.alert(word.span, format!("')' is missing after '{written}'"));
        return None;
    };
    let name = Spanned::new(name.to_owned(), word.span);
    let step = match verb {
        "unset-var" => Step::UnsetVar(name),
        _ => {
            let first = args.text(verb, "a value", cx)?;
            // Converters may stand in words of their own.
            let rest = std::iter::from_fn(|| args.next().map(|word| word.text().into_owned()));
            let words: Vec<String> = std::iter::once(first.value).chain(rest).collect();
            let value = Spanned::new(words.join(" "), first.span);
            Step::SetVar { name, value, is_format: verb == "set-var-fmt" }
        }
    };
    args.finish(verb, cx);
    Some(step)
}

/// Whether a rule's word is about a variable.
pub(super) fn is_variable(rule: &str) -> bool {
    ["set-var(", "set-var-fmt(", "unset-var("].iter().any(|verb| rule.starts_with(verb))
}
