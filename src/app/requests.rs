//! What commands ask of the control thread's things: its sockets and its checks.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::listeners::Scene;
use super::{Control, drill, objects, operation};
use crate::clock;
use crate::config::added::Added;
use crate::control::cli::frontends;
use crate::state::Backend;
use crate::state::frontend::Phase;
use crate::state::request::{Refused, Request, SocketWish, Wish};

/// A server that is being read: a name may have to be resolved, which may take seconds.
#[derive(Debug)]
pub(super) struct Adding {
    backend: Arc<str>,
    answer: oneshot::Sender<Result<(), Refused>>,
    task: JoinHandle<Result<Added, String>>,
}

/// What was read of the server that is added; never, where none is.
///
/// # Cancel safety
/// Safe, up to its end.
pub(super) async fn was_read(adding: &mut Option<Adding>) -> Result<Added, Refused> {
    match adding {
        Some(adding) => match (&mut adding.task).await {
            Ok(read) => read.map_err(Refused::Because),
            Err(_) => Err(Refused::System),
        },
        None => std::future::pending().await,
    }
}

impl Control {
    /// Fulfils a request and answers it; an added server is read first (see [`was_read`]).
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
                self.resolver.follow(&self.context.process.objects());
                Ok(())
            }
            Wish::Switchover(order, told) => {
                let switchovers = Arc::clone(&self.switchovers);
                operation::start("switchover", told, request.answer, |teller| async move {
                    switchovers.run(&order, &teller).await
                });
                return;
            }
            Wish::Switchovers(told) => {
                self.switchovers.tell(&told);
                Ok(())
            }
            Wish::Drill(order, told) => {
                let switchovers = Arc::clone(&self.switchovers);
                operation::start("drill", told, request.answer, |teller| async move {
                    drill::run(&switchovers, &order, &teller).await
                });
                return;
            }
            Wish::AddServer(backend, words) => {
                self.adding = Some(self.begin_adding(&backend, words, request.answer));
                return;
            }
        };
        // Whoever asked may be gone: it is done all the same.
        let _ = request.answer.send(result);
    }

    fn begin_adding(
        &self,
        backend: &Arc<Backend>,
        words: Vec<String>,
        answer: oneshot::Sender<Result<(), Refused>>,
    ) -> Adding {
        let (sources, name) = (self.sources.clone(), Arc::clone(&backend.name));
        let read = move || sources.added_server(&name, &words);
        let task = tokio::task::spawn_blocking(read);
        Adding { backend: Arc::clone(&backend.name), answer, task }
    }

    /// Adds a server that was read, where its backend is still there, and answers who asked for it.
    pub(super) fn end_adding(&mut self, read: Result<Added, Refused>) {
        let Some(Adding { backend, answer, .. }) = self.adding.take() else { return };
        let process = &self.context.process;
        let result = read.and_then(|added| {
            let objects = process.objects();
            let backend = objects.backends.iter().find(|known| known.name == backend);
            let gone = || Refused::Because("No such backend.".to_owned());
            objects::add_server(process, backend.ok_or_else(gone)?, added, clock::now())
                .map_err(Refused::Because)
        });
        if result.is_ok() {
            self.engine.follow(&process.objects());
        }
        // Whoever asked may be gone: it is done all the same.
        let _ = answer.send(result);
    }

    /// Pauses or resumes all frontends, for a successor that wants their addresses.
    pub(super) fn rest(&mut self, wish: SocketWish) {
        let objects = self.context.process.objects();
        let from = if wish == SocketWish::Pause { Phase::Open } else { Phase::Paused };
        for frontend in objects.frontends.iter().filter(|frontend| frontend.phase() == from) {
            let scene =
                Scene { context: &self.context, workers: &self.workers, shared: &self.commands };
            // What could not was logged.
            if self.listeners.fulfil(frontend, wish, &scene).is_ok() {
                self.context.bus.event(frontends::event(&objects, frontend, wish));
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
