//! Health checks of servers.

use std::num::{NonZeroU16, NonZeroU32};
use std::time::Duration;

use super::{CheckKind, InitState, OnError, ProxyHeader, ServerTls};
use crate::pure::probe::Place;

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
    /// `init-state`: what the server is before its first check.
    pub init_state: InitState,
    /// `timeout check`: bounds what follows the connection.
    pub timeout: Option<Duration>,
    /// Bounds the connection where `timeout` is set: `min(inter, timeout connect)`, else `inter`.
    pub timeout_connect: Duration,
    /// Address to check; `None`: the server's own.
    pub addr: Option<Place>,
    /// Port to check; `None`: that of the address.
    pub port: Option<NonZeroU16>,
    /// PROXY header sent first.
    pub send_proxy: Option<ProxyHeader>,
    /// How TLS is spoken, where all its connections or some of a script's have it.
    pub tls: Option<Box<ServerTls>>,
    /// Connections that no step of a script asks for have it.
    pub is_tls: bool,
}

/// The agent of one server: an auxiliary check beside the health check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentCheck {
    /// Time between questions; also bounds one without `timeout`.
    pub inter: Duration,
    /// `timeout check`: bounds what follows the connection.
    pub timeout: Option<Duration>,
    /// Bounds the connection where `timeout` is set.
    pub timeout_connect: Duration,
    /// Where it is; `None`: at the server's own address.
    pub addr: Option<Place>,
    /// Its port.
    pub port: NonZeroU16,
    /// What it is sent first; may be empty.
    pub send: Vec<u8>,
}

/// `observe layer4`: sessions that fail to connect count against the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observe {
    /// As many in a row have a consequence.
    pub error_limit: NonZeroU32,
    /// Which one.
    pub on_error: OnError,
}
