//! The process' paces and the sizes it works with.

use std::num::NonZeroU32;

/// What `global` says of rates, buffers, pipes and ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tuning {
    /// `maxconnrate`: connections a second that are accepted; beyond, they wait in the kernel.
    pub maxconnrate: Option<NonZeroU32>,
    /// `maxsessrate`: sessions a second that are begun.
    pub maxsessrate: Option<NonZeroU32>,
    /// `maxsslconn`: TLS connections of both sides.
    pub maxsslconn: Option<NonZeroU32>,
    /// `maxsslrate`: connections a second that listeners with TLS accept.
    pub maxsslrate: Option<NonZeroU32>,
    /// `harden.reject-privileged-ports.tcp`: clients with a port below 1024 are dropped.
    pub reject_privileged_ports: bool,
    /// `tune.maxaccept`: connections accepted per wake-up of a listener.
    pub maxaccept: NonZeroU32,
    /// `tune.listener.multi-queue`: a worker that has clearly more sessions than another hands it what it
    /// accepts.
    pub multi_queue: bool,
    /// `maxpipes`: pipes for bulk transfers; `None`: a share of `maxconn`.
    pub maxpipes: Option<u32>,
    /// `tune.pipesize`: bytes a pipe may hold.
    pub pipesize: NonZeroU32,
    /// Whether bulk goes through pipes at all; `nosplice` says no.
    pub splice: bool,
    /// Buffers of client connections.
    pub client: SocketBuffers,
    /// Buffers of server connections.
    pub server: SocketBuffers,
}

/// Sizes of a socket's buffers in bytes; `None` leaves the kernel's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SocketBuffers {
    /// SO_RCVBUF.
    pub rcvbuf: Option<NonZeroU32>,
    /// SO_SNDBUF.
    pub sndbuf: Option<NonZeroU32>,
    /// TCP_NOTSENT_LOWAT.
    pub notsent_lowat: Option<NonZeroU32>,
}
