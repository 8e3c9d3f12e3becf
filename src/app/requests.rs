//! What commands ask of the control thread's things: its sockets and its checks.

use tokio::sync::mpsc;

use super::Control;
use super::listeners::Scene;
use crate::state::frontend::Phase;
use crate::state::request::{Request, SocketWish, Wish};

impl Control {
    /// Fulfils a request and answers it.
    pub(super) fn fulfil(&mut self, request: Request) {
        let result = match request.wish {
            Wish::Sockets(frontend, wish) => {
                let scene = Scene {
                    context: &self.context,
                    workers: &self.workers,
                    shared: &self.commands,
                };
                self.listeners.fulfil(&frontend, wish, &scene)
            }
            Wish::Checks => {
                self.engine.follow(&self.context.process.objects());
                Ok(())
            }
        };
        // Whoever asked may be gone: it is done all the same.
        let _ = request.answer.send(result);
    }

    /// Pauses or resumes all frontends, for a successor that wants their addresses.
    pub(super) fn rest(&mut self, wish: SocketWish) {
        let objects = self.context.process.objects();
        let done = if wish == SocketWish::Pause { "Paused" } else { "Resumed" };
        for frontend in &objects.frontends {
            let scene =
                Scene { context: &self.context, workers: &self.workers, shared: &self.commands };
            // What could not was logged.
            if self.listeners.fulfil(frontend, wish, &scene).is_ok() {
                tracing::warn!("{done} frontend {}.", frontend.name);
            }
        }
    }

    /// A reload opened the sockets of all frontends of the file.
    pub(super) fn reopen_frontends(&self) {
        for frontend in &self.context.process.objects().frontends {
            if frontend.phase() == Phase::Stopped {
                frontend.set_phase(Phase::Open);
            }
        }
    }
}

/// Takes no more requests: whoever waits for an answer hears that the process stops.
pub(super) fn refuse_all(requests: &mut mpsc::Receiver<Request>) {
    requests.close();
    while requests.try_recv().is_ok() {}
}
