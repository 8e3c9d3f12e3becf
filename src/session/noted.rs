//! What a session notes on its way for formats of its own: of the log, and of ids.

use std::net::SocketAddr;
use std::time::Duration;

use super::identity::UniqueId;
use super::rare::Rare;
use crate::pure::tls::facts::Facts as TlsFacts;
use crate::telemetry::record::Refused;

/// What is noted on the way where a format of its own may show it.
#[derive(Default)]
pub(super) struct Noted {
    pub(super) number: u64,
    /// What `unique-id-format` made, once something asked for it.
    pub(super) unique_id: UniqueId,
    pub(super) beside: Rare<Beside>,
}

/// What few formats show.
#[derive(Default)]
pub(super) struct Beside {
    pub(super) handshake: Duration,
    pub(super) source: Option<SocketAddr>,
    pub(super) server: Option<SocketAddr>,
    /// What was agreed on with the server.
    pub(super) tls: Option<Box<TlsFacts>>,
    /// Its PROXY header was refused.
    refusal: Option<Refused>,
}

impl Noted {
    /// How long the client's PROXY header and TLS handshake took.
    pub(super) fn handshake(&self) -> Duration {
        self.beside.get().map_or(Duration::ZERO, |beside| beside.handshake)
    }

    /// Why its PROXY header was refused, if it was.
    pub(super) fn refusal(&self) -> Option<&Refused> {
        self.beside.get()?.refusal.as_ref()
    }

    /// Its PROXY header is refused.
    pub(super) fn refuse(&mut self, why: Refused) {
        self.beside.change().refusal = Some(why);
    }

    /// The address of our end of the connection to the server.
    pub(super) fn source(&self) -> Option<SocketAddr> {
        self.beside.get()?.source
    }

    /// The server's address.
    pub(super) fn server(&self) -> Option<SocketAddr> {
        self.beside.get()?.server
    }

    /// What was agreed on with the server, where a format may show it.
    pub(super) fn server_tls(&self) -> Option<&TlsFacts> {
        self.beside.get()?.tls.as_deref()
    }
}
