//! The last words to a database's client whose connection is closed over its server's head.

use std::future::poll_fn;
use std::task::Poll;

use super::Session;
use super::dial::Server;
use crate::config::model::{self, CheckKind, DatabaseKind};
use crate::net::relay::{End, Relay};
use crate::pure::session::farewell::last_words;
use crate::pure::session::idle::Side;
use crate::state::CutReason;

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
            (End::Cut, Some(CutReason::ServerUp)) => "another server is up again",
            (End::Cut, _) => "an operator ended it",
            (End::Parted, _) => "another server becomes the primary",
            (End::Reset(Side::Server), _) => "the server broke it off",
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
