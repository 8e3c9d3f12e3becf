//! Keywords of `global` of which HAProxy heeds the first line only.

use std::collections::HashMap;

use haproxy_compat::span::Span;
use haproxy_compat::tree::{Line, Prefix, Section};

use super::numeral::leading;
use super::words::{Args, Context};

/// A second line of these is passed over.
const FIRST_COUNTS: [&str; 25] = [
    "maxconn",
    "maxconnrate",
    "maxsessrate",
    "maxsslrate",
    "maxpipes",
    "ulimit-n",
    "fd-hard-limit",
    "pidfile",
    "uid",
    "user",
    "gid",
    "group",
    "chroot",
    "spread-checks",
    "server-state-file",
    "server-state-base",
    "log-send-hostname",
    "cluster-secret",
    "tune.maxaccept",
    "tune.rcvbuf.client",
    "tune.rcvbuf.server",
    "tune.sndbuf.client",
    "tune.sndbuf.server",
    "ca-base",
    "crt-base",
];

/// A second line of these is refused.
const ONLY_ONE: [&str; 2] = ["ca-base", "crt-base"];

/// What was written so far.
#[derive(Debug, Default)]
pub(super) struct Written(HashMap<String, Span>);

impl Written {
    /// The lines of a `global` section but for those that HAProxy passes over.
    pub(super) fn heeded<'a>(
        &mut self,
        section: &'a Section,
        cx: &mut Context<'_>,
    ) -> Vec<&'a Line> {
        let mut heeded = Vec::new();
        for line in &section.lines {
            if line.prefix != Prefix::Plain || !self.is_again(line, cx) {
                heeded.push(line);
            }
        }
        heeded
    }

    /// Whether `line` is one of those that HAProxy passes over, which is reported.
    fn is_again(&mut self, line: &Line, cx: &mut Context<'_>) -> bool {
        let keyword = &*line.words[0].text();
        if !FIRST_COUNTS.contains(&keyword) {
            return false;
        }
        let meaning = match keyword {
            "uid" => "user",
            "gid" => "group",
            _ => keyword,
        };
        let Some(&first) = self.0.get(meaning) else {
            if says_something(keyword, line) {
                self.0.insert(meaning.to_owned(), line.span);
            }
            return false;
        };
        if ONLY_ONE.contains(&keyword) {
            cx.report.alert(line.span, format!("'{keyword}' is written already"));
        } else {
            let message = format!("'{keyword}' is ignored: it is written already");
            cx.report.warning(line.span, message);
        }
        cx.report.related(first, "the line that counts");
        true
    }
}

/// Root and 0 are to HAProxy as if they were not written.
fn says_something(keyword: &str, line: &Line) -> bool {
    let Some(word) = Args::new(line, 1).next() else {
        return keyword == "log-send-hostname";
    };
    let text = word.text();
    match keyword {
        "user" | "group" => text != "root",
        "uid" | "gid" | "ulimit-n" | "fd-hard-limit" | "spread-checks" => leading(&text) != 0,
        _ if keyword.starts_with("max") || keyword.starts_with("tune.") => leading(&text) != 0,
        _ => true,
    }
}
