//! Name servers, and how a server's name is followed while running.

use std::net::{IpAddr, SocketAddr};

use crate::pure::id::Name;
use crate::pure::resolve::assign::Net;
use crate::pure::resolve::{Kind, Schedule};

/// A `resolvers` section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolvers {
    /// Its name.
    pub name: Name,
    /// Nobody wrote it: it is `default`, which asks the system's name servers.
    pub is_implied: bool,
    /// Who is asked: all of them at once; the first useful answer counts.
    pub nameservers: Vec<Nameserver>,
    /// `accepted_payload_size`: longest answer over UDP, in bytes, 512 to 8192.
    pub payload_bytes: u16,
    /// When names are asked for, and how long what was known is kept.
    pub schedule: Schedule,
}

/// A name server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nameserver {
    /// Its name in `show resolvers`, metrics and log lines.
    pub name: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// It is asked over TCP instead of UDP.
    pub tcp: bool,
}

/// How a server's name is followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolve {
    /// The name that is asked for, in lower case, without the final dot.
    pub fqdn: String,
    /// The section that says who is asked.
    pub resolvers: Name,
    /// What is asked for: [`Kind::Srv`] for a name like `_pg._tcp.example`, whose answers name hosts
    /// and ports; else the family of addresses that is preferred.
    pub kind: Kind,
    /// `resolve-prefer`: the family of addresses that is asked for first.
    pub prefer: Kind,
    /// `resolve-net`: addresses of these networks are taken first.
    pub nets: Vec<Net>,
    /// Several servers may have one address (`allow-dup-ip`).
    pub allow_dup_ip: bool,
    /// The weights of service records are not taken over (`ignore-weight`).
    pub ignore_weight: bool,
}

/// A way to a first address, of `init-addr`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InitAddr {
    /// What the state file has.
    Last,
    /// What the system's resolver says when the configuration is loaded.
    Libc,
    /// None: the server starts in maintenance until its name is resolved.
    None,
    /// This one.
    Ip(IpAddr),
}
