//! TLS of the process: how many connections there are, how they come, and what their handshakes
//! cost.

use std::num::NonZeroU32;
use std::sync::Arc;

use super::counters::{Counter, Rate};
use super::{Gate, Pace, Permit};

/// What is counted of TLS, with clients and servers.
#[derive(Debug)]
pub struct Tls {
    /// `maxsslconn`: TLS connections of both sides; those of clients that do not fit wait to be
    /// accepted.
    pub gate: Arc<Gate>,
    /// `maxsslrate`.
    pub pace: Pace,
    /// TLS connections of both sides since the start.
    pub connections: Counter,
    /// Connections a second that came to listeners with TLS.
    pub rate: Rate,
    /// Handshakes a second with clients that were not resumed.
    pub client_keys: Rate,
    /// Handshakes a second with servers that were not resumed.
    pub server_keys: Rate,
    /// Sessions that clients without tickets asked for.
    pub lookups: Counter,
    /// Those of them that were not remembered.
    pub misses: Counter,
}

impl Default for Tls {
    fn default() -> Self {
        Self {
            gate: Arc::new(Gate::new(u32::MAX)),
            pace: Pace::default(),
            connections: Counter::default(),
            rate: Rate::default(),
            client_keys: Rate::default(),
            server_keys: Rate::default(),
            lookups: Counter::default(),
            misses: Counter::default(),
        }
    }
}

impl Tls {
    /// Lets `limit` connections in from now on; `None` is no limit.
    pub fn set_limit(&self, limit: Option<NonZeroU32>) {
        self.gate.set_limit(limit.map_or(u32::MAX, NonZeroU32::get));
    }

    /// How many connections are let in; 0 is no limit.
    #[must_use]
    pub fn limit(&self) -> u32 {
        match self.gate.limit() {
            u32::MAX => 0,
            limit => limit,
        }
    }

    /// A place for one more connection, which counts from here on; `None` at the limit.
    #[must_use]
    pub fn try_enter(&self) -> Option<Permit> {
        let permit = self.gate.try_enter()?;
        self.connections.add(1);
        Some(permit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_count_while_they_have_a_place() {
        let tls = Tls::default();
        assert_eq!(tls.limit(), 0);
        tls.set_limit(NonZeroU32::new(1));
        let first = tls.try_enter().expect("there is room for one");
        assert!(tls.try_enter().is_none());
        drop(first);
        let _second = tls.try_enter().expect("there is room again");
        assert_eq!((tls.limit(), tls.gate.current(), tls.connections.get()), (1, 1, 2));
        tls.set_limit(None);
        assert!(tls.try_enter().is_some());
    }
}
