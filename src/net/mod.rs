//! Transport: addresses and bytes, and the only opener of sockets to clients and servers.
//!
//! **Architecture invariant.** Nothing here knows servers, policies or configuration beyond the
//! address and options of a socket.

pub mod accept;
pub mod busy_poll;
pub mod connect;
pub mod descriptors;
pub mod dns;
pub mod handover;
pub mod http;
pub mod http_client;
pub mod listen;
pub mod listen_error;
pub mod namespace;
pub mod probe_socket;
pub mod relay;
pub mod silence;
mod socks4;
pub mod stream;
pub mod system_text;
pub mod tls;
