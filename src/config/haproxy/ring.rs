//! `ring` sections.

use haproxy_compat::span::Spanned;
use haproxy_compat::tree::{Line, Section, Word};
use haproxy_compat::units::{TimeUnit, parse_size};

use super::server;
use super::words::{Args, Context, text};
use crate::config::raw::{Field, Ring};

/// Lines that a section may have.
const KEYWORDS: [&str; 7] =
    ["backing-file", "description", "format", "maxlen", "server", "size", "timeout"];

/// Reads a section; `None` where it has no name.
pub(super) fn lower(section: &Section, cx: &mut Context<'_>) -> Option<Ring> {
    let Some(name) = &section.name else {
        cx.report.alert(section.header.span, "'ring' needs a name");
        return None;
    };
    let mut ring = Ring::new(text(name));
    for line in &section.lines {
        statement(line, &mut ring, cx);
    }
    Some(ring)
}

fn statement(line: &Line, ring: &mut Ring, cx: &mut Context<'_>) {
    let word = &line.words[0];
    let keyword = word.text();
    let args = &mut Args::new(line, 1);
    match keyword.as_ref() {
        "backing-file" => ring.backing_file = args.text(&keyword, "a path", cx),
        "description" => ring.description = args.text(&keyword, "a text", cx),
        "format" => ring.format = args.text(&keyword, "a format such as 'rfc5424'", cx),
        "maxlen" => ring.maxlen = bytes(&keyword, args, cx),
        "size" => {
            if ring.backing_file.is_some() {
                cx.report
                    .alert(word.span, "'size' cannot change a ring that has its file already")
                    .help("write 'size' before 'backing-file'");
            }
            ring.size = bytes(&keyword, args, cx);
        }
        "timeout" => return timeout(args, ring, cx),
        // HTTP words have no effect here, and nobody expects one.
        "server" => {
            let template = server::empty_template();
            ring.servers.extend(server::lower(line, &template, &mut Vec::new(), cx));
            return;
        }
        _ => {
            cx.unknown(word, "in a 'ring' section", KEYWORDS);
            return;
        }
    }
    args.finish(&keyword, cx);
}

/// A size of at least one byte.
fn bytes(keyword: &str, args: &mut Args<'_>, cx: &mut Context<'_>) -> Field<u64> {
    let word = args.expect(keyword, "a number of bytes", cx)?;
    let found = text(word);
    let size = parse_size(&found.value).ok().and_then(|size| u64::try_from(size).ok());
    let Some(size) = size.filter(|&size| size > 0) else {
        cx.report.alert(found.span, format!("'{keyword}': '{}' is no size in bytes", found.value));
        return None;
    };
    Some(Spanned::new(size, found.span))
}

/// A `timeout` line, of which HAProxy reads what it looks for and nothing else.
fn timeout(args: &mut Args<'_>, ring: &mut Ring, cx: &mut Context<'_>) {
    let what = args.peek().map(Word::text).unwrap_or_default();
    match what.as_ref() {
        "connect" | "server" => args.skip(1),
        _ => {
            let message = "'timeout' of a ring is ignored: it can be 'connect' or 'server'";
            cx.report.warning(args.span(), message);
            return;
        }
    }
    let time = args.time(&what, TimeUnit::Milliseconds, cx);
    if what == "connect" {
        ring.connect = time;
    } else {
        ring.stall = time;
    }
    args.ignore_rest(&format!("timeout {what}"), cx);
}
