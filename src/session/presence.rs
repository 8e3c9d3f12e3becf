//! A session's place among those that its frontend, its listener and its backend have now.

use std::sync::Arc;
use std::time::Duration;

use crate::state::Backend;
use crate::state::sessions::Handle;

/// A session's place among those its frontend and its backend have now. Dropping it leaves both,
/// however the session ends.
pub(super) struct Presence {
    /// Its frontend and its listener.
    session: Arc<Handle>,
    backend: Option<Arc<Backend>>,
}

impl Presence {
    /// `session` was accepted at `uptime`.
    pub(super) fn begin(session: Arc<Handle>, uptime: Duration) -> Self {
        session.frontend.traffic.sessions.rise();
        session.listener.note_accepted(uptime);
        Self { session, backend: None }
    }

    pub(super) fn enter(&mut self, backend: &Arc<Backend>) {
        backend.service.traffic.sessions.rise();
        self.backend = Some(Arc::clone(backend));
    }

    pub(super) fn leave_backend(&mut self) {
        if let Some(backend) = self.backend.take() {
            backend.service.traffic.sessions.fall();
        }
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.leave_backend();
        self.session.frontend.traffic.sessions.fall();
        self.session.listener.note_ended();
    }
}
