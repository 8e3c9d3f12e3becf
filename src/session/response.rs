//! Rules on what the server sends first: its bytes are held while they may decide, those of the
//! client go on.

use std::future::poll_fn;
use std::sync::Arc;

use super::dial::Server;
use super::facts::Response;
use super::rules::{Closing, Walked};
use super::{Ended, Session};
use crate::clock::{self, sleep_or_forever};
use crate::net::relay::{Relay, poll_read_into, write_all};
use crate::pure::session::termination::{Cause, Phase, Termination};
use crate::state::Backend;
use crate::state::sessions::Moved;

/// Bytes of the client that are passed on at once.
const CHUNK_BYTES: usize = 16 * 1024;

impl Session {
    /// Walks `tcp-response content` of `backend`. Where it has such rules, the client's first bytes
    /// are sent here, and `relay` goes on from there.
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
        let mut sent = 0;
        let mut chunk = std::mem::take(&mut self.early);
        let (mut held, mut ended, mut client_ended) = (Vec::new(), false, false);
        let mut expired = delay.is_none();
        loop {
            if !chunk.is_empty() {
                let left = until.saturating_duration_since(clock::now());
                let writing = write_all(&mut server.stream, &chunk);
                let limit = if expired { None } else { Some(left) };
                tokio::select! {
                    biased;
                    written = writing => written.map_err(|_| server_left())?,
                    // A server that takes nothing for so long will not answer in time either.
                    () = sleep_or_forever(limit) => return Err(server_left()),
                }
                sent += chunk.len() as u64;
                chunk.clear();
            }
            let is_final = ended || expired || held.len() >= capacity;
            let response = Response { bytes: &held, passed_on: sent, server: Some(&server.stream) };
            match self.walk(&ruling.rules.response, &ruling.patterns, Some(response), is_final) {
                Walked::Ended(closing) => {
                    let phase = self.count_denied_response(closing, backend, server);
                    // What was held back counts, as in HAProxy.
                    let bytes_out = held.len() as u64;
                    let moved = Moved { bytes_in: sent, bytes_out, spliced: 0 };
                    self.running.note_moved(moved, clock::now());
                    self.close_client(closing);
                    return Err(Termination::new(Cause::Refused, phase));
                }
                Walked::Open(_) if !is_final => {}
                Walked::Answered(_) | Walked::Through | Walked::Open(_) => break,
            }
            let left = until.saturating_duration_since(clock::now());
            let (client, stream) = (&mut self.client, &mut server.stream);
            let room = capacity - held.len();
            tokio::select! {
                biased;
                read = poll_fn(|cx| poll_read_into(cx, stream, &mut held, room)) => {
                    ended = read.map_err(|_| server_left())? == 0;
                }
                read = poll_fn(|cx| poll_read_into(cx, client, &mut chunk, CHUNK_BYTES)),
                    if !client_ended =>
                {
                    let read = read.map_err(|_| Termination::new(Cause::ClientAbort, Phase::Data))?;
                    client_ended = read == 0;
                }
                () = sleep_or_forever(Some(left)) => expired = true,
            }
        }
        self.stick_to_response(backend, &server.lease, &held);
        relay.take_over(sent, held);
        Ok(())
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

fn server_left() -> Ended {
    Termination::new(Cause::ServerAbort, Phase::Data)
}
