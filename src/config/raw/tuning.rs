//! Rates, buffers and pipes of the process, as written.

use super::Field;

/// What `global` says of them; numbers are as written, 0 counts as not written where a size or a
/// rate is meant.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tuning {
    /// `maxconnrate`.
    pub maxconnrate: Field<u64>,
    /// `maxsessrate`.
    pub maxsessrate: Field<u64>,
    /// `maxsslconn`.
    pub maxsslconn: Field<u64>,
    /// `maxsslrate`.
    pub maxsslrate: Field<u64>,
    /// `harden.reject-privileged-ports.tcp`.
    pub reject_privileged_ports: Field<bool>,
    /// `tune.maxaccept`; -1 is no limit.
    pub maxaccept: Field<i64>,
    /// `tune.listener.multi-queue`.
    pub multi_queue: Field<bool>,
    /// `maxpipes`.
    pub maxpipes: Field<u64>,
    /// `tune.pipesize`.
    pub pipesize: Field<u64>,
    /// `nosplice` is false.
    pub splice: Field<bool>,
    /// `tune.….client`.
    pub client: SocketBuffers,
    /// `tune.….server`.
    pub server: SocketBuffers,
}

/// Sizes of the buffers of one side's sockets.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SocketBuffers {
    /// `tune.rcvbuf.…`.
    pub rcvbuf: Field<u64>,
    /// `tune.sndbuf.…`.
    pub sndbuf: Field<u64>,
    /// `tune.notsent-lowat.…`.
    pub notsent_lowat: Field<u64>,
}
