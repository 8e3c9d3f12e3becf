//! `clitcpka-…` and `srvtcpka-…`: the pace of keepalives.

use haproxy_compat::units::TimeUnit;

use super::settings::Settings;
use super::words::{Args, Context, set};
use crate::config::raw::Field;

/// One line; bare times are seconds here.
pub(super) fn lower(
    keyword: &str,
    args: &mut Args<'_>,
    settings: &mut Settings,
    cx: &mut Context<'_>,
) {
    let side = if keyword.starts_with("cli") {
        &mut settings.client_keepalive
    } else {
        &mut settings.server_keepalive
    };
    if keyword.ends_with("-cnt") {
        set(&mut side.cnt, count(keyword, args, cx));
    } else if keyword.ends_with("-idle") {
        set(&mut side.idle, args.time(keyword, TimeUnit::Seconds, cx));
    } else {
        set(&mut side.intvl, args.time(keyword, TimeUnit::Seconds, cx));
    }
}

/// How many keepalives: HAProxy takes any number, and the system refuses what it cannot count.
fn count(keyword: &str, args: &mut Args<'_>, cx: &mut Context<'_>) -> Field<u64> {
    let word = args.peek().filter(|word| {
        word.text().parse().is_ok_and(|number: i64| !(0..=i32::MAX.into()).contains(&number))
    });
    let Some(word) = word else { return args.digits(keyword, cx) };
    args.skip(1);
    let text = word.text();
    cx.report.warning(word.span, format!("'{keyword} {text}' is ignored: no system counts so far"));
    None
}
