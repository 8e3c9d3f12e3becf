//! What rules know and did of a session. Most have none: what takes room is made when it is needed.

use std::net::SocketAddr;

use super::assign::{Choice, Priority};
use super::facts::Variables;
use super::rare::Rare;
use super::stick::Stuck;
use crate::pure::rules::Level;

/// What rules know and did of a session.
#[derive(Default)]
pub(super) struct Ruled {
    pub(super) variables: Variables,
    pub(super) wire: Rare<Wire>,
    pub(super) kept: Rare<Kept>,
    pub(super) received_proxy: bool,
    /// `expect-proxy layer4`.
    pub(super) expects_proxy: bool,
    /// `expect-netscaler-cip layer4`.
    pub(super) expects_netscaler: bool,
    /// `set-log-level`.
    pub(super) log_level: Option<Level>,
    /// Who chose the server.
    pub(super) choice: Choice,
    /// `set-priority-class`, `set-priority-offset`.
    pub(super) priority: Priority,
    /// `set-bc-mark`: of the connection to the server.
    pub(super) server_mark: Option<u32>,
    /// `set-bc-tos`.
    pub(super) server_tos: Option<u8>,
}

/// What the connection was before a header or a rule said otherwise.
#[derive(Default)]
pub(super) struct Wire {
    /// The client's address on the wire, where a header or a rule named another.
    pub(super) peer: Option<SocketAddr>,
    /// The destination on the wire, where a rule of the connection named another.
    pub(super) local: Option<SocketAddr>,
    /// What else its PROXY header said.
    pub(super) received_tlvs: Option<Box<[u8]>>,
}

/// What rules keep of a session.
#[derive(Default)]
pub(super) struct Kept {
    /// What `capture` kept, by the number of its rule among the frontend's.
    pub(super) captures: Vec<(usize, String)>,
    pub(super) stuck: Stuck,
}

impl Ruled {
    /// The client's address on the wire, where a header or a rule named another.
    pub(super) fn peer(&self) -> Option<SocketAddr> {
        self.wire.get()?.peer
    }

    /// What it has to do with stick tables.
    pub(super) fn stuck(&self) -> Option<&Stuck> {
        Some(&self.kept.get()?.stuck)
    }
}
