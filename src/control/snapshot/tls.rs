//! What TLS did.

use super::Load;

/// TLS of the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// Connections with clients and servers, and how those of clients come; the rate's limit is
    /// `maxsslrate`.
    pub connections: Load,
    /// Keys made with clients a second.
    pub client_keys: u32,
    /// Most of them in a second.
    pub client_keys_max: u32,
    /// Keys made with servers a second.
    pub server_keys: u32,
    /// Most of them in a second.
    pub server_keys_max: u32,
    /// Sessions that clients without tickets asked for.
    pub lookups: u64,
    /// Those of them that were not remembered.
    pub misses: u64,
}

impl Tls {
    /// Percent of new connections with clients that made no key.
    #[must_use]
    pub fn reuse_percent(&self) -> u32 {
        let (all, keys) = (u64::from(self.connections.rate), u64::from(self.client_keys));
        if keys >= all {
            return 0;
        }
        // The share of keys, rounded.
        100 - u32::try_from((100 * keys + (all - 1) / 2) / all).unwrap_or(100)
    }
}

/// How handshakes of TLS ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Handshakes {
    /// With keys of their own.
    pub full: u64,
    /// With those of an earlier session.
    pub resumed: u64,
    /// Not at all.
    pub failed: u64,
}
