//! The last words to a database's client whose connection is closed over its server's head.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::Session;
use super::dial::Server;
use crate::config::model::{self, CheckKind, DatabaseKind};
use crate::net::relay::{End, Relay, poll_read_into};
use crate::net::stream::Stream;
use crate::pure::session::farewell::{is_due, is_goodbye, last_words};
use crate::state::{Backend, CutReason};

/// How long a client may take to read its last words and to end its side: a few round trips, anywhere.
const LINGER: Duration = Duration::from_secs(3);

/// Bytes of it that are thrown away meanwhile: more than any statement that is under way.
const LINGER_BYTES_MAX: usize = 1 << 20;

impl Session {
    /// Tells the client why its session ends, in its server's protocol, where its server cannot.
    /// Whether it was told: not where the protocol is not known or does not allow for it, nor where
    /// the client does not take it at once.
    pub(super) async fn say_farewell(&mut self, relay: &Relay, server: &Server, end: End) -> bool {
        let why = match (end, self.running.order()) {
            (End::Cut, Some(CutReason::RoleLost)) => "the server lost its role",
            (End::Cut, Some(CutReason::Fenced)) => "the server is kept out",
            (End::Cut, Some(CutReason::Lagging)) => "the server is too far behind",
            (End::Cut, Some(CutReason::ServerDown | CutReason::ServerLeft)) => "the server is down",
            (End::Cut, Some(CutReason::Maintenance)) => "the server is taken out for maintenance",
            (End::Cut, Some(CutReason::ServerUp)) => "another server is up again",
            (End::Cut, _) => "an operator ended it",
            (End::Parted, _) => "another server becomes the primary",
            (End::ServerLeft, _) => "the server is gone",
            _ => return false,
        };
        let Some(last) = relay.last_sent() else { return false };
        let Some(words) = database_of(server).and_then(|kind| last_words(kind, last, why)) else {
            return false;
        };
        let client = &mut self.client;
        let written = poll_fn(|cx| Poll::Ready(client.poll_write(cx, &words))).await;
        matches!(written, Poll::Ready(Ok(len)) if len == words.len())
    }

    /// Whether the client is told that its server has left. Asks the server's check where that decides.
    pub(super) async fn is_to_be_told(
        &mut self,
        relay: &Relay,
        backend: &Arc<Backend>,
        settings: &model::Backend,
        server: &Server,
    ) -> bool {
        let Some(kind) = database_of(server) else { return false };
        let Some(is_asking) = relay.is_asking() else { return false };
        if relay.last_sent().is_none_or(|last| last_words(kind, last, "").is_none()) {
            return false;
        }
        is_due(kind, is_asking)
            || self.is_dead(backend, settings, server).await && !is_goodbye(&self.early)
    }
}

/// Stays with a client that was told why it is left, and has its end: what it had sent by then, or sends
/// before it has read that, is thrown away, for a reset would take the words from it.
///
/// # Cancel safety
/// Dropping it closes the connection.
pub(super) async fn linger(mut client: Stream) {
    let throw = async {
        let (mut part, mut thrown) = (Vec::new(), 0);
        while thrown < LINGER_BYTES_MAX {
            part.clear();
            let read = poll_fn(|cx| poll_read_into(cx, &mut client, &mut part, LINGER_BYTES_MAX));
            match read.await {
                Ok(read @ 1..) => thrown += read,
                Ok(0) | Err(_) => return,
            }
        }
    };
    let _ = tokio::time::timeout(LINGER, throw).await;
}

/// What a server speaks, where its check knows it.
pub(super) fn database_of(server: &Server) -> Option<DatabaseKind> {
    spoken_by(&server.lease.server.settings())
}

/// What a server with these settings speaks, where its check knows it.
pub(super) fn spoken_by(server: &model::Server) -> Option<DatabaseKind> {
    match &server.check.as_ref()?.kind {
        CheckKind::Database(check) => Some(check.kind),
        CheckKind::Patroni { .. } => Some(DatabaseKind::Postgres),
        _ => None,
    }
}
