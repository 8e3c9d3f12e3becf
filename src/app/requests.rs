//! What commands ask of the control thread's things: its sockets and its checks.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::listeners::Scene;
use super::{Control, objects};
use crate::clock;
use crate::state::Backend;
use crate::state::frontend::Phase;
use crate::state::request::{Refused, Request, SocketWish, Wish};

impl Control {
    /// Fulfils a request and answers it.
    ///
    /// # Cancel safety
    /// Dropped before a server was read, nothing has changed; the rest does not await.
    pub(super) async fn fulfil(&mut self, request: Request) {
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
                self.resolver.follow(&self.context.process.objects());
                Ok(())
            }
            Wish::AddServer(backend, words) => self.add_server(&backend, words).await,
        };
        // Whoever asked may be gone: it is done all the same.
        let _ = request.answer.send(result);
    }

    async fn add_server(
        &mut self,
        backend: &Arc<Backend>,
        words: Vec<String>,
    ) -> Result<(), Refused> {
        let (sources, name) = (self.sources.clone(), Arc::clone(&backend.name));
        // A name may have to be resolved: that may take seconds, and checks go on meanwhile.
        let read = move || sources.added_server(&name, &words);
        let added = tokio::task::spawn_blocking(read).await.map_err(|_| Refused::System)?;
        let added = added.map_err(Refused::Because)?;
        let process = &self.context.process;
        objects::add_server(process, backend, added, clock::now()).map_err(Refused::Because)?;
        self.engine.follow(&process.objects());
        Ok(())
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
