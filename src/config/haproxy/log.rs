//! `log` lines.
//!
//! `log <target> [len <n>] [sample …] [format <word>] <facility> [<level> [<minlevel>]]`, or
//! `log global` in a proxy. The words are judged by validation, which knows them all.

use haproxy_compat::span::Spanned;
use haproxy_compat::tree::{Line, Prefix, SectionKind};

use super::proxy::Reader;
use super::words::{Args, Context, text};
use crate::config::raw::{Log, LogTarget};

/// A line of `global`.
pub(super) fn global(line: &Line, targets: &mut Vec<LogTarget>, cx: &mut Context<'_>) {
    if line.words.get(1).is_some_and(|word| word.bytes == b"global") {
        cx.report
            .alert(line.span, "'log global' in 'global' names itself")
            .help("write a target such as '/dev/log local0', '127.0.0.1:514 local0' or 'stdout format raw local0'");
    } else {
        targets.extend(target(line, cx));
    }
}

/// A line of a proxy or of `defaults`.
pub(super) fn proxy(line: &Line, log: &mut Vec<Log>, cx: &mut Context<'_>) {
    if line.prefix != Prefix::Plain {
        log.clear();
        return Args::new(line, 1).finish("no log", cx);
    }
    if line.words.get(1).is_some_and(|word| word.bytes == b"global") {
        Args::new(line, 2).finish("log global", cx);
        log.push(Log::Global(line.span));
    } else {
        log.extend(target(line, cx).map(|target| Log::Target(Box::new(target))));
    }
}

/// The format of log lines, said by `written`. HAProxy warns of the second one in `defaults`.
pub(super) fn format(
    written: &str,
    format: Spanned<String>,
    reader: &mut Reader,
    cx: &mut Context<'_>,
) {
    if reader.kind == SectionKind::Defaults && reader.settings.log_format.is_some() {
        let message = format!("'{written}' overrides the format of log lines said above");
        cx.report.warning(format.span, message);
    }
    reader.settings.log_format = Some(format);
}

/// Formats and the tag of a proxy.
pub(super) fn words(keyword: &str, args: &mut Args<'_>, reader: &mut Reader, cx: &mut Context<'_>) {
    let what = if keyword == "log-tag" { "a tag" } else { "a format" };
    let Some(written) = args.text(keyword, what, cx) else { return };
    let settings = &mut reader.settings;
    let field = match keyword {
        "log-format" => return format(keyword, written, reader, cx),
        "error-log-format" => &mut settings.error_log_format,
        "log-format-sd" => &mut settings.log_format_sd,
        "unique-id-format" => &mut settings.unique_id_format,
        _ => {
            args.ignore_rest(keyword, cx);
            &mut settings.log_tag
        }
    };
    *field = Some(written);
}

fn target(line: &Line, cx: &mut Context<'_>) -> Option<LogTarget> {
    let mut args = Args::new(line, 1);
    let address = args.expect("log", "a target and a facility", cx)?;
    let mut target = LogTarget::new(cx.address(address));
    loop {
        if args.take("len") {
            target.len = Some(args.digits("len", cx)?);
        } else if args.take("format") {
            target.format = Some(args.text("format", "a format such as 'rfc5424'", cx)?);
        } else if args.take("profile") {
            args.expect("profile", "a name", cx)?;
        } else if args.take("sample") {
            target.sample = Some(args.text("sample", "ranges and a size such as '1:4'", cx)?);
        } else {
            break;
        }
    }
    target.facility = Some(args.text("log", "a facility such as 'local0' after the target", cx)?);
    target.level = args.next().map(text);
    target.minlevel = args.next().map(text);
    args.finish("log", cx);
    Some(target)
}
