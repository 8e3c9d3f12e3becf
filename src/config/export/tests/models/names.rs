//! Servers whose names are followed, and those who are asked.

use std::time::Duration;

use crate::config::defaults::{INIT_ADDR, RESOLVE};
use crate::config::model::{Backend, InitAddr, Nameserver, Resolve, Resolvers, ServerAddr};
use crate::pure::id::Name;
use crate::pure::resolve::assign::Net;
use crate::pure::resolve::{Hold, Kind, Schedule};
use crate::pure::role::stay::{Stay, Stays};
use proptest::collection::vec;
use proptest::prelude::*;

/// The sections that the servers of `backends` name.
pub(super) fn sections(backends: &[Backend]) -> Vec<Resolvers> {
    let servers = backends.iter().flat_map(|backend| &backend.servers);
    if servers.filter(|server| server.resolve.is_some()).count() == 0 {
        return Vec::new();
    }
    let server = |name: &str, tcp| Nameserver {
        name: name.to_owned(),
        address: "192.0.2.53:53".parse().unwrap(),
        tcp,
    };
    let hold = Hold { valid: Duration::from_secs(3), obsolete: Duration::ZERO, ..RESOLVE.hold };
    let schedule = Schedule { retries: 5, retry: Duration::from_millis(300), hold, ..RESOLVE };
    let section = |name: &str, payload_bytes, schedule, nameservers| Resolvers {
        name: Name::new(name).unwrap(),
        is_implied: false,
        nameservers,
        payload_bytes,
        schedule,
    };
    vec![
        section("plain", 512, RESOLVE, vec![server("one", false)]),
        section("own", 8192, schedule, vec![server("a.b", true), server("two", false)]),
    ]
}

/// How the only name of these tests is followed.
pub(super) fn resolve(flags: [bool; 4]) -> Resolve {
    let [ipv4_only, _, dup, service] = flags;
    let prefer = if dup { Kind::A } else { Kind::Aaaa };
    let nets = vec![Net { ip: [10, 0, 0, 0].into(), prefix: 8 }];
    Resolve {
        fqdn: if service { "_db._tcp.test" } else { "db.test" }.to_owned(),
        resolvers: Name::new(if ipv4_only { "plain" } else { "own" }).unwrap(),
        kind: if service { Kind::Srv } else { prefer },
        prefer,
        nets: if dup { nets } else { Vec::new() },
        allow_dup_ip: dup,
        ignore_weight: dup,
    }
}

/// Ways to a first address that lead to `address`.
pub(super) fn init_addr(address: &ServerAddr, flags: [bool; 4]) -> Vec<InitAddr> {
    match address {
        ServerAddr::Tcp(_) if flags[2] => vec![InitAddr::Libc, InitAddr::None],
        _ => INIT_ADDR.to_vec(),
    }
}

/// `sessions` of a backend.
pub(super) fn stays() -> impl Strategy<Value = Stays> {
    let stay =
        || prop_oneof![Just(Stay::Keep), Just(Stay::Cut), super::duration().prop_map(Stay::Drain)];
    vec(stay(), 5).prop_map(|stays| Stays([stays[0], stays[1], stays[2], stays[3], stays[4]]))
}
