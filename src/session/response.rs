//! Rules on what the server sends first: its bytes are held while they may decide, those of the
//! client go on.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::dial::Server;
use super::facts::Response;
use super::follow::Watched;
use super::rules::{Closing, Walked};
use super::{Ended, Session, termination};
use crate::clock::{self, Stamp, sleep_or_forever};
use crate::net::http;
use crate::net::relay::{Relay, Watch};
use crate::pure::session::termination::{Cause, Phase, Termination};
use crate::state::Backend;

/// Longest silence of a client who is sent the last bytes of a server: nobody can end such a session.
const PASS_ON_MAX: Duration = Duration::from_secs(10);

impl Session {
    /// Walks `tcp-response content` of `backend`. Where it has such rules, what the server sends is held
    /// until they are done; `relay` goes on with it.
    pub(super) async fn response_rules(
        &mut self,
        backend: &Arc<Backend>,
        server: &mut Server,
        relay: &mut Relay,
    ) -> Result<(), Ended> {
        if backend.ruling().rules.response.is_empty() {
            self.stick_to_response(backend, &server.lease, &[]);
            return Ok(());
        }
        Box::pin(self.hold_response(backend, server, relay)).await
    }

    async fn hold_response(
        &mut self,
        backend: &Arc<Backend>,
        server: &mut Server,
        relay: &mut Relay,
    ) -> Result<(), Ended> {
        let ruling = Arc::clone(&backend.ruling());
        let delay = ruling.rules.response_delay;
        let until = clock::now() + delay.unwrap_or_default();
        let capacity = self.inspect_bytes_max();
        let (mut held, mut ended, mut expired) = (Vec::new(), false, delay.is_none());
        loop {
            let is_final = ended || expired || held.len() >= capacity;
            let (passed_on, _) = relay.bytes();
            let response = Response { bytes: &held, passed_on, server: Some(&server.stream) };
            match self.walk(&ruling.rules.response, &ruling.patterns, Some(response), is_final) {
                Walked::Ended(Closing::Server) => {
                    Watched(&self.running, None).note(relay, Stamp::now());
                    return Err(self.pass_on(&held).await);
                }
                Walked::Ended(closing) => {
                    let phase = self.count_denied_response(closing, backend, server);
                    // What was held back counts, as in HAProxy.
                    Watched(&self.running, None).note(relay, Stamp::now());
                    self.close_client(closing);
                    return Err(Termination::new(Cause::Refused, phase));
                }
                Walked::Open(_) if !is_final => {}
                Walked::Answered(_) | Walked::Through | Walked::Open(_) => break,
            }
            let left = until.saturating_duration_since(clock::now());
            let (client, stream) = (&mut self.client, &mut server.stream);
            let (room, watch) = (capacity - held.len(), Watched(&self.running, None));
            tokio::select! {
                biased;
                more = relay.hold(client, stream, &mut held, room, &watch) => {
                    let order = self.running.order();
                    ended = !more.map_err(|end| termination(end, order))?;
                }
                () = sleep_or_forever(Some(left)) => expired = true,
            }
        }
        self.stick_to_response(backend, &server.lease, &held);
        relay.release(held);
        Ok(())
    }

    /// The server is heard no more (`close`): what it said goes to the client, and that was all.
    async fn pass_on(&mut self, held: &[u8]) -> Termination {
        let limit = self.route.settings.timeouts.client.unwrap_or(PASS_ON_MAX).min(PASS_ON_MAX);
        match http::write(&mut self.client, held, Some(limit), |_| ()).await {
            Ok(()) => Termination::NORMAL,
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                Termination::new(Cause::ClientTimeout, Phase::Data)
            }
            Err(_) => Termination::new(Cause::ClientAbort, Phase::Data),
        }
    }

    /// A client that is dropped without a word is counted among denied requests, as in HAProxy, and
    /// its session ends as theirs do.
    fn count_denied_response(&self, closing: Closing, backend: &Backend, server: &Server) -> Phase {
        if let Closing::Silently(_) = closing {
            self.count_closed(closing, |traffic| &traffic.denied_requests);
            return Phase::Request;
        }
        let server = &server.lease.server.service.traffic;
        for traffic in self.intake().chain([&backend.service.traffic, server]) {
            traffic.denied_responses.add(1);
        }
        Phase::Data
    }
}
