//! Conditions of rules that have no effect: names that stand for nothing and braces that do not close
//! are refused, as HAProxy refuses them. What the tests in braces look for is not asked.

use haproxy_compat::tree::{Line, Word};

use super::words::{Args, Context};
use crate::config::raw::Statement;
use crate::pure::acl;

/// Rules that are passed over, and what stands between their keyword and their condition.
const RULES: [&str; 5] =
    ["http-after-response", "http-request", "http-response", "monitor", "redirect"];

/// Judges the condition of a rule without effect; `rules` has the tests that it may name.
pub(super) fn of_rule(keyword: &str, line: &Line, rules: &[Statement], cx: &mut Context<'_>) {
    if !RULES.contains(&keyword) {
        return;
    }
    if keyword == "monitor" {
        let mut args = Args::new(line, 1);
        if !args.take("fail") || args.peek().is_none() {
            return args.lacks(keyword, "'fail' and a condition", cx);
        }
        return whole("monitor fail", &line.words[2..], rules, cx);
    }
    if let Some(condition) = behind(&line.words) {
        judge(condition, rules, cx);
    }
}

/// Judges `words`, which are a condition and nothing else.
pub(super) fn whole(keyword: &str, words: &[Word], rules: &[Statement], cx: &mut Context<'_>) {
    match words {
        [word, condition @ ..] if matches!(&*word.bytes, b"if" | b"unless") => {
            judge(condition, rules, cx);
        }
        [word, ..] => {
            let text = word.text();
            let message = format!("'{keyword}' needs 'if' or 'unless', not '{text}'");
            cx.report.alert(word.span, message);
        }
        [] => {}
    }
}

/// What stands behind `if` or `unless`: behind the last of them, as they may be arguments before it.
fn behind(words: &[Word]) -> Option<&[Word]> {
    let (mut start, mut in_braces) = (None, false);
    for (at, word) in words.iter().enumerate() {
        match word.bytes.as_slice() {
            b"if" | b"unless" if !in_braces => start = Some(at + 1),
            b"}" => in_braces = false,
            bytes if start.is_some() && opens(bytes) => in_braces = true,
            _ => {}
        }
    }
    start.map(|start| &words[start..])
}

fn opens(bytes: &[u8]) -> bool {
    bytes.ends_with(b"{") && bytes[..bytes.len() - 1].iter().all(|&byte| byte == b'!')
}

fn judge(words: &[Word], rules: &[Statement], cx: &mut Context<'_>) {
    let is_test = |name: &str| {
        let mut named = rules.iter().filter(|rule| rule.keyword() == "acl");
        named.any(|rule| rule.second() == name) || acl::is_predefined(name)
    };
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        let text = word.text();
        if opens(&word.bytes) {
            let inside = rest.as_slice();
            let Some(end) = inside.iter().position(|word| word.bytes == b"}") else {
                cx.report.alert(word.span, "this '{' lacks its '}'");
                return;
            };
            if end == 0 {
                cx.report.alert(word.span, "there is no test between these braces");
            }
            rest = inside[end + 1..].iter();
            continue;
        }
        match text.trim_start_matches('!') {
            "" | "or" | "||" => {}
            name if is_test(name) => {}
            name => {
                cx.report
                    .alert(word.span, format!("no such ACL: '{name}'"))
                    .help("a test without a name stands in braces, with blanks around them");
            }
        }
    }
}
