//! What a session is to a server and to a backend.

use std::sync::Arc;
use std::time::Instant;

use super::{Handle, Moved, Stage};
use crate::state::{Backend, Server};

/// Bytes of a Postgres that says no to TLS and to GSS, which is no answer yet: the client begins anew.
const DECLINED_BYTES_MAX: u64 = 2;

impl Handle {
    /// Whether it said something, the last of it before `since`, and heard nothing yet.
    pub(in crate::state::sessions) fn is_unanswered(&self, since: Instant) -> bool {
        let Moved { bytes_in, bytes_out, .. } = self.moved();
        bytes_in > 0 && bytes_out == 0 && self.active() < since
    }

    /// Whether its server has answered it: one that loses its server before goes on with another.
    pub(super) fn is_served(&self) -> bool {
        self.stage() == Stage::Relaying && self.moved().bytes_out > DECLINED_BYTES_MAX
    }

    /// Whether the session has `server`.
    pub(in crate::state::sessions) fn is_on(&self, server: &Arc<Server>) -> bool {
        self.lock().server.as_ref().is_some_and(|s| Arc::ptr_eq(s, server))
    }

    /// Whether the session is in `backend`.
    pub(in crate::state::sessions) fn is_in(&self, backend: &Arc<Backend>) -> bool {
        self.lock().backend.as_ref().is_some_and(|b| Arc::ptr_eq(b, backend))
    }
}
