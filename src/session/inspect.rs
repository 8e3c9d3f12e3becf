//! What is read of a connection before a server is chosen: the PROXY header.

use std::future::poll_fn;

use super::assign::sleep_or_forever;
use super::{Ended, Session};
use crate::net::relay::poll_read_into;
use crate::pure::session::termination::{Cause, Phase, Termination};
use crate::pure::wire::Parsed;
use crate::pure::wire::proxy::{self, Endpoints};

/// Longest header: version 2 has 16 bytes and up to 65,535 more.
const HEADER_MAX: usize = 16 + 65_535;

impl Session {
    /// Takes the client's and the destination's address from the PROXY header that must come first.
    /// What follows the header stays in `early`.
    pub(super) async fn read_proxy_header(&mut self) -> Result<(), Ended> {
        let limit = self.route.settings.timeouts.client;
        let refused = |cause| Termination::new(cause, Phase::Request);
        let (client, early) = (&mut self.client, &mut self.early);
        let header = async {
            loop {
                match proxy::decode(early) {
                    Parsed::Done(header, used) => {
                        let addresses = match header.endpoints {
                            Endpoints::Tcp { src, dst } => Some((src, dst)),
                            _ => None,
                        };
                        return Ok((addresses, used));
                    }
                    Parsed::Bad(_) => return Err(refused(Cause::Refused)),
                    Parsed::More if early.len() >= HEADER_MAX => {
                        return Err(refused(Cause::Refused));
                    }
                    Parsed::More => {}
                }
                let room = HEADER_MAX - early.len();
                let read = poll_fn(|cx| poll_read_into(cx, client, early, room)).await;
                if !matches!(read, Ok(1..)) {
                    return Err(refused(Cause::ClientAbort));
                }
            }
        };
        let (addresses, used) = tokio::select! {
            header = header => header?,
            () = sleep_or_forever(limit) => return Err(refused(Cause::ClientTimeout)),
        };
        if let Some((source, destination)) = addresses {
            self.source = Some(source);
            self.destination = Some(destination);
        }
        self.early.drain(..used);
        Ok(())
    }
}
