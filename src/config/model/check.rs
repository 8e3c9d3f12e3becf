//! Health checks of servers.

use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::time::Duration;

use super::{CheckKind, ProxyHeader, ServerTls};

/// The health check of one server.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// What is asked.
    pub kind: CheckKind,
    /// Time between checks while the server is fully up; also bounds a check without `timeout`.
    pub inter: Duration,
    /// Time between checks in transition; defaults to `inter`.
    pub fastinter: Duration,
    /// Time between checks while the server is fully down; defaults to `inter`.
    pub downinter: Duration,
    /// Passing checks in a row that bring the server up.
    pub rise: NonZeroU16,
    /// Failing checks in a row that take it down.
    pub fall: NonZeroU16,
    /// `timeout check`: bounds what follows the connection.
    pub timeout: Option<Duration>,
    /// Bounds the connection where `timeout` is set: `min(inter, timeout connect)`, else `inter`.
    pub timeout_connect: Duration,
    /// Address to check; `None`: the server's own.
    pub addr: Option<SocketAddr>,
    /// Port to check; `None`: that of the address.
    pub port: Option<NonZeroU16>,
    /// PROXY header sent first.
    pub send_proxy: Option<ProxyHeader>,
    /// Asked over TLS.
    pub tls: Option<Box<ServerTls>>,
}
