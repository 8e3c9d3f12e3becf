//! `clitcpka-…` and `srvtcpka-…`: the pace of keepalives.

use haproxy_compat::units::TimeUnit;

use super::settings::Settings;
use super::words::{Args, Context, set};

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
        set(&mut side.cnt, args.digits(keyword, cx));
    } else if keyword.ends_with("-idle") {
        set(&mut side.idle, args.time(keyword, TimeUnit::Seconds, cx));
    } else {
        set(&mut side.intvl, args.time(keyword, TimeUnit::Seconds, cx));
    }
}
