//! A session's place among those that its frontend, its listener and its backend have now.

use std::sync::Arc;
use std::time::Duration;

use crate::state::{Backend, Frontend, Listener};

/// A session's place among those its frontend and its backend have now. Dropping it leaves both,
/// however the session ends.
pub(super) struct Presence {
    frontend: Arc<Frontend>,
    pub(super) listener: Arc<Listener>,
    backend: Option<Arc<Backend>>,
}

impl Presence {
    /// A connection was accepted on `listener` of `frontend`, at `uptime`.
    pub(super) fn on(frontend: &Arc<Frontend>, listener: &Arc<Listener>, uptime: Duration) -> Self {
        frontend.traffic.sessions.rise();
        listener.note_accepted(uptime);
        Self { frontend: Arc::clone(frontend), listener: Arc::clone(listener), backend: None }
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
        self.frontend.traffic.sessions.fall();
        self.listener.note_ended();
    }
}
