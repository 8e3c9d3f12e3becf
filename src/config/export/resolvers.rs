//! Pure: name servers, and how servers' names are followed, as TOML.

use super::text::{Pairs, duration, key, quote};
use crate::config::defaults::{INIT_ADDR, RESOLVE};
use crate::config::model::{InitAddr, Resolve, Resolvers, Server};
use crate::config::validate::RESOLVE_FAMILIES;
use crate::pure::resolve::message::PAYLOAD_DEFAULT;

pub(super) fn resolvers_pairs(resolvers: &Resolvers) -> Pairs {
    let mut pairs = Pairs::default();
    for server in &resolvers.nameservers {
        let transport = if server.tcp { "tcp@" } else { "" };
        let name = format!("nameserver.{}", key(&server.name));
        pairs.add(&name, quote(&format!("{transport}{}", server.address)));
    }
    let payload = resolvers.payload_bytes;
    pairs.maybe("accepted_payload_size", (payload != PAYLOAD_DEFAULT).then_some(payload));
    let (schedule, usual) = (&resolvers.schedule, &RESOLVE);
    let retries = schedule.retries;
    pairs.maybe("resolve_retries", (retries != usual.retries).then_some(retries));
    let differing = |of: &[(&str, std::time::Duration, std::time::Duration)]| {
        let mut table = Pairs::default();
        for (key, value, usual) in of {
            table.maybe(key, (value != usual).then(|| duration(*value)));
        }
        table
    };
    let timeouts =
        [("resolve", schedule.resolve, usual.resolve), ("retry", schedule.retry, usual.retry)];
    pairs.table("timeout", &differing(&timeouts));
    let (hold, usual) = (&schedule.hold, &usual.hold);
    let holds = [
        ("valid", hold.valid, usual.valid),
        ("obsolete", hold.obsolete, usual.obsolete),
        ("nx", hold.nx, usual.nx),
        ("refused", hold.refused, usual.refused),
        ("timeout", hold.timeout, usual.timeout),
        ("other", hold.other, usual.other),
    ];
    pairs.table("hold", &differing(&holds));
    pairs
}

/// What a server says about its name.
pub(super) fn naming(pairs: &mut Pairs, server: &Server) {
    if let Some(resolve) = &server.resolve {
        resolve_pairs(pairs, resolve);
    }
    // Where name servers are asked, to go without an address is one of the usual ways.
    let later = server.resolve.as_ref().map(|_| InitAddr::None);
    if !server.init_addr.iter().copied().eq(INIT_ADDR.into_iter().chain(later)) {
        let ways: Vec<String> = server.init_addr.iter().map(way).collect();
        pairs.add("init_addr", quote(&ways.join(",")));
    }
}

fn resolve_pairs(pairs: &mut Pairs, resolve: &Resolve) {
    pairs.add("resolvers", quote(resolve.resolvers.as_str()));
    if resolve.prefer != RESOLVE_FAMILIES[0].1 {
        pairs.maybe("resolve_prefer", super::word(&RESOLVE_FAMILIES, &resolve.prefer));
    }
    if !resolve.nets.is_empty() {
        let nets = resolve.nets.iter().map(|net| format!("{}/{}", net.ip, net.prefix));
        pairs.add("resolve_net", quote(&nets.collect::<Vec<_>>().join(",")));
    }
    let opts = [(resolve.allow_dup_ip, "allow-dup-ip"), (resolve.ignore_weight, "ignore-weight")];
    let opts: Vec<&str> = opts.iter().filter(|(on, _)| *on).map(|(_, word)| *word).collect();
    if !opts.is_empty() {
        pairs.add("resolve_opts", quote(&opts.join(",")));
    }
}

fn way(way: &InitAddr) -> String {
    match way {
        InitAddr::Last => "last".to_owned(),
        InitAddr::Libc => "libc".to_owned(),
        InitAddr::None => "none".to_owned(),
        InitAddr::Ip(ip) => ip.to_string(),
    }
}
