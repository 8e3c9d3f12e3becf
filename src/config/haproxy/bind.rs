//! `bind` lines.

use haproxy_compat::keywords::form::of_bind;
use haproxy_compat::keywords::{BIND, Effect};
use haproxy_compat::span::Spanned;
use haproxy_compat::tree::{Line, Word};
use haproxy_compat::units::TimeUnit;

use super::server::HttpWord;
use super::words::{Args, Context};
use super::{form, socket};
use crate::config::raw::{Bind, Field};

/// The protocol above TCP that a `bind` line asks for, if any.
pub(super) fn spoken(line: &Line) -> Option<HttpWord> {
    let at = line.words.iter().position(|word| word.bytes == b"proto")?;
    let protocol = line.words.get(at + 1).filter(|word| word.bytes != b"none")?;
    Some((format!("proto {}", protocol.text()), protocol.span))
}

/// Words about certificates made on the fly, which nobody needs without `ssl`.
const SIGNING: [&str; 3] = ["ca-sign-file", "ca-sign-pass", "generate-certificates"];

/// A `bind` line.
pub(super) fn lower(line: &Line, cx: &mut Context<'_>) -> Option<Bind> {
    let mut args = Args::new(line, 1);
    let address = args.expect("bind", "an address such as '*:3306'", cx)?;
    let mut bind = Bind::new(cx.address(address));
    let is_plain = !line.words.iter().any(|word| word.bytes == b"ssl");
    while let Some(word) = args.next() {
        let option = word.text();
        if is_plain && SIGNING.contains(&option.as_ref()) {
            let reason = "there is no TLS without 'ssl'";
            cx.report.warning(word.span, format!("'{option}' is ignored: {reason}"));
            form::without_effect(Effect::Ignored(reason), word, &BIND, of_bind, &mut args, cx);
            continue;
        }
        match cx.effect(word, &option, &BIND) {
            None => {
                cx.unknown(word, "in a 'bind' line", BIND.names());
                // What follows may be its arguments.
                break;
            }
            Some(Effect::Applies) => apply(&option, word, &mut args, &mut bind, cx),
            Some(effect) => form::without_effect(effect, word, &BIND, of_bind, &mut args, cx),
        }
    }
    Some(bind)
}

pub(super) fn apply(
    option: &str,
    word: &Word,
    args: &mut Args<'_>,
    bind: &mut Bind,
    cx: &mut Context<'_>,
) {
    if socket::bind(option, word, args, &mut bind.socket, cx)
        || super::tls::option(option, word, args, &mut bind.tls, cx)
    {
        return;
    }
    match option {
        "name" => bind.name = args.text(option, "a name", cx),
        "maxconn" => bind.maxconn = args.number(option, cx),
        "backlog" => bind.backlog = args.number(option, cx),
        "accept-proxy" => bind.accept_proxy = Some(Spanned::new(true, word.span)),
        "tcp-ut" => bind.tcp_ut = args.time(option, TimeUnit::Milliseconds, cx),
        "interface" => bind.interface = args.text(option, "an interface", cx),
        "v6only" => bind.v6only = Some(Spanned::new(true, word.span)),
        "v4v6" => bind.v6only = Some(Spanned::new(false, word.span)),
        "mode" => bind.mode = mode(args, cx),
        "user" | "uid" => bind.user = args.text(option, "a user", cx),
        _ => bind.group = args.text(option, "a group", cx),
    }
}

/// Permission bits in octal.
pub(super) fn mode(args: &mut Args<'_>, cx: &mut Context<'_>) -> Field<u64> {
    let word = args.expect("mode", "permissions such as '660'", cx)?;
    let text = word.text();
    match i64::from_str_radix(&text, 8) {
        Ok(mode @ 0..=0o7777) => Some(Spanned::new(mode.unsigned_abs(), word.span)),
        Ok(mode) => {
            let mode = mode.cast_unsigned() & 0o7777;
            let message = format!("'{text}' after 'mode' is read as {mode:o}");
            cx.report.warning(word.span, message).help("write permissions such as '660'");
            Some(Spanned::new(mode, word.span))
        }
        Err(_) => {
            cx.report.alert(
                word.span,
                format!("'mode' needs permissions in octal such as '660', not '{text}'"),
            );
            None
        }
    }
}
