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
            keep(&mut tuning.maxaccept, signed(keyword, args, cx));
            return true;
        }
        "harden.reject-privileged-ports.tcp" => {
            keep(&mut tuning.reject_privileged_ports, on_off(keyword, args, cx));
            return true;
        }
        _ => return false,
    };
    keep(number, args.number(keyword, cx));
    true
}

/// Keeps what was there when the line was wrong.
fn keep<T>(field: &mut Field<T>, value: Field<T>) {
    if value.is_some() {
        *field = value;
    }
}

pub(super) fn signed(keyword: &str, args: &mut Args<'_>, cx: &mut Context<'_>) -> Field<i64> {
    let word = args.expect(keyword, "a number", cx)?;
    let text = word.text();
    match text.parse() {
        Ok(number) => Some(Spanned::new(number, word.span)),
        Err(_) => {
            cx.report.alert(word.span, format!("'{keyword}' needs a number, not '{text}'"));
            None
        }
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
