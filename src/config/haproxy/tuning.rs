//! Lines of `global` about rates, buffers and pipes.

use haproxy_compat::span::Spanned;
use haproxy_compat::tree::Line;

use super::words::{Args, Context};
use crate::config::raw::{Field, Tuning};

/// Sets what `keyword` says; false if it is about something else.
pub(super) fn lower(
    keyword: &str,
    line: &Line,
    args: &mut Args<'_>,
    tuning: &mut Tuning,
    cx: &mut Context<'_>,
) -> bool {
    let number = match keyword {
        "maxconnrate" => &mut tuning.maxconnrate,
        "maxsessrate" => &mut tuning.maxsessrate,
        "maxsslconn" => &mut tuning.maxsslconn,
        "maxsslrate" => &mut tuning.maxsslrate,
        "maxpipes" => &mut tuning.maxpipes,
        "tune.pipesize" => &mut tuning.pipesize,
        "tune.rcvbuf.client" => &mut tuning.client.rcvbuf,
        "tune.rcvbuf.server" => &mut tuning.server.rcvbuf,
        "tune.sndbuf.client" => &mut tuning.client.sndbuf,
        "tune.sndbuf.server" => &mut tuning.server.sndbuf,
        "tune.notsent-lowat.client" => &mut tuning.client.notsent_lowat,
        "tune.notsent-lowat.server" => &mut tuning.server.notsent_lowat,
        "nosplice" => {
            tuning.splice = Some(Spanned::new(false, line.span));
            return true;
        }
        "tune.maxaccept" => {
            keep(&mut tuning.maxaccept, maxaccept(keyword, args, cx));
            return true;
        }
        "tune.listener.multi-queue" => {
            keep(&mut tuning.multi_queue, multi_queue(keyword, args, cx));
            return true;
        }
        "harden.reject-privileged-ports.tcp" => {
            keep(&mut tuning.reject_privileged_ports, on_off(keyword, args, cx));
            return true;
        }
        _ => return false,
    };
    let value = match keyword {
        "maxsslconn" => args.number(keyword, cx),
        "maxconnrate" | "maxsessrate" | "maxsslrate" => args.limit(keyword, cx),
        _ => args.count(keyword, cx),
    };
    keep(number, value);
    true
}

/// Keeps what was there when the line was wrong.
fn keep<T>(field: &mut Field<T>, value: Field<T>) {
    if value.is_some() {
        *field = value;
    }
}

/// Less than nothing is no limit, and nothing is as if it were not written.
fn maxaccept(keyword: &str, args: &mut Args<'_>, cx: &mut Context<'_>) -> Field<i64> {
    if let Some(word) = args.peek()
        && word.text().parse().is_ok_and(|number: i64| number > i32::MAX.into())
    {
        cx.report.alert(word.span, format!("'{keyword}' is at most {}", i32::MAX));
        args.skip(1);
        return None;
    }
    let mut count = args.signed(keyword, cx)?;
    match count.value {
        0 => {
            let message = format!("'{keyword} 0' is read as if it were not written");
            cx.report
                .warning(count.span, message)
                .help("write a number from 1, or -1 for no limit");
            return None;
        }
        ..0 if count.value != -1 => {
            let message = format!("'{keyword} {}' is read as no limit", count.value);
            cx.report.warning(count.span, message).help("write -1");
            count.value = -1;
        }
        _ => {}
    }
    Some(count)
}

/// `fair` shares evenly, too.
fn multi_queue(keyword: &str, args: &mut Args<'_>, cx: &mut Context<'_>) -> Field<bool> {
    match args.peek() {
        Some(word) if word.text() == "fair" => {
            args.skip(1);
            Some(Spanned::new(true, word.span))
        }
        _ => on_off(keyword, args, cx),
    }
}

fn on_off(keyword: &str, args: &mut Args<'_>, cx: &mut Context<'_>) -> Field<bool> {
    let word = args.expect(keyword, "'on' or 'off'", cx)?;
    match word.text().as_ref() {
        "on" => Some(Spanned::new(true, word.span)),
        "off" => Some(Spanned::new(false, word.span)),
        _ => {
            cx.unknown(word, &format!("after '{keyword}'"), ["on", "off"]);
            None
        }
    }
}
