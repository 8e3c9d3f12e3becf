//! What is read of a connection before a server is chosen: the PROXY header, or NetScaler's.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::num::NonZeroU32;

use super::{Ended, Session};
use crate::clock::sleep_or_forever;
use crate::config::model::Bind;
use crate::net::relay::poll_read_into;
use crate::net::stream::Stream;
use crate::pure::session::termination::{Cause, Phase, Termination};
use crate::pure::wire::proxy::{self, Endpoints, Refusal};
use crate::pure::wire::{Parsed, netscaler};
use crate::telemetry::record::{Refused, Why};

/// Longest header: version 2 has 16 bytes and up to 65,535 more.
const HEADER_MAX: usize = 16 + 65_535;

impl Session {
    /// Takes the client's and the destination's address from the PROXY header that must come first
    /// on connections of `bind`. What follows the header stays in `early`.
    pub(super) async fn read_proxy_header(&mut self, bind: &Bind) -> Result<(), Ended> {
        let limit = self.route.settings.timeouts.client_hs;
        let read = read_header(&mut self.client, &mut self.early);
        let read = tokio::select! {
            read = read => read,
            () = sleep_or_forever(limit) => Err(Refusal::Timeout),
        };
        match read {
            Ok(Read { addresses, tlvs, used }) => {
                self.ruled.received_proxy = true;
                if tlvs.is_some() || addresses.is_some() {
                    self.ruled.wire.change().received_tlvs = tlvs;
                }
                if let Some(addresses) = addresses {
                    self.rename(addresses);
                }
                self.early.drain(..used);
                Ok(())
            }
            Err(why) => Err(self.refuse(why, bind)),
        }
    }

    /// The client and the destination are those that a header names.
    fn rename(&mut self, (source, destination): (SocketAddr, SocketAddr)) {
        self.ruled.wire.change().peer = self.running.source();
        self.running.set_addresses(Some(source), Some(destination));
    }

    /// The same from the header of NetScaler's client IP insertion.
    pub(super) async fn read_netscaler_header(&mut self, bind: &Bind) -> Result<(), Ended> {
        use netscaler::Refusal as No;
        // What a rule expects where the bind names no number begins with 0, as in HAProxy.
        let magic = bind.socket.netscaler_cip.map_or(0, NonZeroU32::get);
        let limit = self.route.settings.timeouts.client_hs;
        let read = read_netscaler(&mut self.client, &mut self.early, magic);
        let read = tokio::select! {
            read = read => read,
            () = sleep_or_forever(limit) => Err(No::Timeout),
        };
        match read {
            Ok(((source, destination), used)) => {
                self.rename((source, destination));
                self.early.drain(..used);
                Ok(())
            }
            Err(why) => Err(self.refuse_for(
                Why::Netscaler(why),
                bind,
                match why {
                    No::Magic | No::Protocol => Cause::Refused,
                    No::Truncated | No::Closed | No::ConnectionError => Cause::ClientAbort,
                    No::Timeout => Cause::ClientTimeout,
                },
            )),
        }
    }

    fn refuse(&mut self, why: Refusal, bind: &Bind) -> Ended {
        let cause = match why {
            Refusal::NotProxy | Refusal::Invalid | Refusal::Unhandled => Cause::Refused,
            Refusal::Truncated | Refusal::Closed | Refusal::ConnectionError => Cause::ClientAbort,
            Refusal::Timeout => Cause::ClientTimeout,
        };
        self.refuse_for(Why::Proxy(why), bind, cause)
    }

    /// Closes the connection as HAProxy does: with a reset where it brought anything.
    fn refuse_for(&mut self, why: Why, bind: &Bind, cause: Cause) -> Ended {
        if !self.early.is_empty() {
            self.client.reset_on_close();
        }
        self.note_refusal(why, bind);
        Termination::new(cause, Phase::Request)
    }

    /// Remembers why the connection became no session.
    pub(super) fn note_refusal(&mut self, why: Why, bind: &Bind) {
        let number = || self.running.listener.id.to_string();
        let listener = bind.name.clone().unwrap_or_else(number).into();
        self.outcome.noted.refuse(Refused { why, listener });
    }
}

/// The header at the front of `early`, which is filled from `client`.
async fn read_header(client: &mut Stream, early: &mut Vec<u8>) -> Result<Read, Refusal> {
    loop {
        match proxy::decode(early) {
            Parsed::Done(header, used) => {
                let addresses = match header.endpoints {
                    Endpoints::Tcp { src, dst } => Some((src, dst)),
                    _ => None,
                };
                let tlvs = header.tlvs.as_bytes();
                let tlvs = (!tlvs.is_empty()).then(|| tlvs.into());
                return Ok(Read { addresses, tlvs, used });
            }
            Parsed::Bad(why) => return Err(why),
            Parsed::More if early.len() >= HEADER_MAX => return Err(Refusal::Truncated),
            Parsed::More => {}
        }
        let room = HEADER_MAX - early.len();
        match poll_fn(|cx| poll_read_into(cx, client, early, room)).await {
            Ok(1..) => {}
            _ if !early.is_empty() => return Err(Refusal::Truncated),
            Ok(0) => return Err(Refusal::Closed),
            Err(_) => return Err(Refusal::ConnectionError),
        }
    }
}

/// The ends that the header at the front of `early` names, and its length.
async fn read_netscaler(
    client: &mut Stream,
    early: &mut Vec<u8>,
    magic: u32,
) -> Result<(netscaler::Ends, usize), netscaler::Refusal> {
    loop {
        match netscaler::decode(early, magic) {
            Parsed::Done(ends, used) => return Ok((ends, used)),
            Parsed::Bad(why) => return Err(why),
            Parsed::More => {}
        }
        match poll_fn(|cx| poll_read_into(cx, client, early, HEADER_MAX)).await {
            Ok(1..) => {}
            _ if !early.is_empty() => return Err(netscaler::Refusal::Truncated),
            Ok(0) => return Err(netscaler::Refusal::Closed),
            Err(_) => return Err(netscaler::Refusal::ConnectionError),
        }
    }
}

/// What a header said.
struct Read {
    /// Source and destination, where it names them.
    addresses: Option<(SocketAddr, SocketAddr)>,
    /// Its extensions, if it has any.
    tlvs: Option<Box<[u8]>>,
    /// Its length.
    used: usize,
}
