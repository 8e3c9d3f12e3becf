//! Words of `bind`, `server` and `source` lines about sockets.

use haproxy_compat::span::Spanned;
use haproxy_compat::tree::{Line, Word};

use super::settings::Settings;
use super::words::{Args, Context, set};
use crate::config::raw::{BindSocket, Field, ServerSocket};

/// Sets what a word of a `bind` line says; false if it is about something else.
pub(super) fn bind(
    option: &str,
    word: &Word,
    args: &mut Args<'_>,
    socket: &mut BindSocket,
    cx: &mut Context<'_>,
) -> bool {
    let on = || Some(Spanned::new(true, word.span));
    match option {
        "id" => socket.id = args.digits_cut(option, cx),
        "mss" => socket.mss = args.signed(option, cx),
        "tfo" => socket.tfo = on(),
        "defer-accept" => socket.defer_accept = on(),
        "cc" => socket.cc = args.text(option, "a congestion algorithm", cx),
        "namespace" => socket.namespace = args.text(option, "a network namespace", cx),
        "transparent" => socket.transparent = on(),
        "accept-netscaler-cip" => socket.netscaler_cip = args.signed(option, cx),
        _ => return false,
    }
    true
}

/// Sets what a word of a `server` line says; false if it is about something else.
pub(super) fn server(
    option: &str,
    word: &Word,
    args: &mut Args<'_>,
    socket: &mut ServerSocket,
    cx: &mut Context<'_>,
) -> bool {
    match option {
        "source" => socket.source = source(args, cx),
        "cc" => socket.cc = args.text(option, "a congestion algorithm", cx),
        "namespace" => socket.namespace = args.text(option, "a network namespace", cx),
        "proxy-v2-options" => {
            let Some(words) = args.text(option, "a list such as 'crc32c,unique-id'", cx) else {
                return true;
            };
            let words = words
                .value
                .split(',')
                .map(|option| Spanned::new(option.trim().to_owned(), word.span));
            socket.proxy_v2_options = words.collect();
        }
        "socks4" => {
            let address = args.expect(option, "an address such as '10.0.0.1:1080'", cx);
            socket.socks4 = address.map(|word| cx.address(word));
        }
        "check-via-socks4" => socket.check_via_socks4 = Some(Spanned::new(true, word.span)),
        "pp2-never-send-local" => {
            socket.pp2_never_send_local = Some(Spanned::new(true, word.span));
        }
        "set-proxy-v2-tlv-fmt" => {
            let Some(format) = args.text(option, "a format such as '%[fc_pp_authority]'", cx)
            else {
                return true;
            };
            let written = word.text();
            let kind = written.split_once('(').and_then(|(_, kind)| kind.strip_suffix(')'));
            let text = format!("{} {}", kind.unwrap_or_default(), format.value);
            socket.proxy_v2_tlvs.push(Spanned::new(text, word.span));
        }
        _ => return false,
    }
    true
}

/// A `dispatch` line.
pub(super) fn dispatch(line: &Line, settings: &mut Settings, cx: &mut Context<'_>) {
    let mut args = Args::new(line, 1);
    let address = args.expect("dispatch", "an address such as '10.0.0.1:3306'", cx);
    set(&mut settings.dispatch, address.map(|word| cx.address(word)));
    args.finish("dispatch", cx);
    cx.report.warning(line.span, "'dispatch' is deprecated: HAProxy 3.5 no longer knows it");
    cx.report.help("write a 'server' line with this address");
}

/// An address and the words that belong to it, which end at the first other one.
pub(super) fn source(args: &mut Args<'_>, cx: &mut Context<'_>) -> Field<String> {
    let word = args.expect("source", "an address", cx)?;
    let mut text = cx.address(word);
    while let Some(option) = args.peek().map(Word::text)
        && matches!(option.as_ref(), "usesrc" | "interface")
    {
        args.skip(1);
        let value = args.expect(&option, "a value", cx)?;
        if option == "usesrc" && value.bytes.starts_with(b"hdr_ip(") {
            let message = "'usesrc hdr_ip' is ignored: a TCP proxy sees no headers";
            cx.report.warning(value.span, message);
            continue;
        }
        let value =
            if option == "usesrc" { cx.address(value).value } else { value.text().into_owned() };
        text.value.push_str(&format!(" {option} {value}"));
    }
    Some(text)
}
