//! The open listening sockets, and their accept loops on the workers.

use std::sync::Arc;

use socket2::Socket;
use tokio_util::sync::CancellationToken;

use super::workers::Workers;
use crate::config::model::{Bind, Frontend as Settings, Keepalive};
use crate::net::accept;
use crate::net::listen::{self, ListenError};
use crate::session::Context;
use crate::session::listener::Door;
use crate::state::Frontend;

/// Sockets that listen for one `bind`, one a worker, not accepted from yet.
#[derive(Debug)]
pub(super) struct Opened {
    frontend: String,
    bind: Bind,
    keepalive: Option<Keepalive>,
    number: u32,
    sockets: Vec<Socket>,
}

impl Opened {
    /// Whether these sockets are of `frontend`.
    pub(super) fn belongs_to(&self, frontend: &Frontend) -> bool {
        *frontend.name == *self.frontend
    }
}

/// One `bind` that is being accepted from.
#[derive(Debug)]
struct Listening {
    frontend: String,
    bind: Bind,
    keepalive: Option<Keepalive>,
    stop: CancellationToken,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Listeners {
    listening: Vec<Listening>,
}

impl Listeners {
    /// Opens the sockets of all `frontends` that are not open yet.
    ///
    /// # Errors
    /// Every refusal; what was opened by this call is closed again then.
    pub(super) fn open<'a>(
        &self,
        frontends: impl Iterator<Item = &'a Settings>,
        workers: usize,
    ) -> Result<Vec<Opened>, Vec<ListenError>> {
        let mut opened = Vec::new();
        let mut errors = Vec::new();
        for frontend in frontends {
            for (bind, number) in frontend.binds.iter().zip(1..) {
                if self.is_open(frontend, bind) {
                    continue;
                }
                match listen::open(bind, frontend.keepalive, workers) {
                    Ok(sockets) => opened.push(Opened {
                        frontend: frontend.name.to_string(),
                        bind: bind.clone(),
                        keepalive: frontend.keepalive,
                        number,
                        sockets,
                    }),
                    Err(error) => errors.push(error),
                }
            }
        }
        if errors.is_empty() { Ok(opened) } else { Err(errors) }
    }

    /// Starts accepting from sockets of `frontend`.
    pub(super) fn start(
        &mut self,
        opened: Opened,
        frontend: &Arc<Frontend>,
        context: &Arc<Context>,
        workers: &Workers,
    ) {
        let Opened { frontend: name, bind, keepalive, number, sockets } = opened;
        let door = Door::new(Arc::clone(context), Arc::clone(frontend), bind.clone(), number);
        let door = Arc::new(door);
        let stop = CancellationToken::new();
        for (socket, worker) in sockets.into_iter().zip(workers.handles()) {
            let (door, stop) = (Arc::clone(&door), stop.clone());
            worker.spawn(async move {
                let accepting = accept::run(socket, &door);
                if let Some(Err(error)) = stop.run_until_cancelled(accepting).await {
                    tracing::error!("Proxy {}: listener failed: {error}", door.frontend.name);
                }
            });
        }
        self.listening.push(Listening { frontend: name, bind, keepalive, stop });
    }

    /// Closes the sockets that `frontends` no longer name.
    pub(super) fn close_others(&mut self, frontends: &[Settings]) {
        self.listening.retain(|listening| {
            let kept = frontends.iter().any(|frontend| {
                frontend.name.as_str() == listening.frontend
                    && frontend.keepalive == listening.keepalive
                    && frontend.binds.contains(&listening.bind)
            });
            if !kept {
                listening.stop.cancel();
            }
            kept
        });
    }

    /// Closes all sockets. Sessions go on.
    pub(super) fn close(&mut self) {
        for listening in self.listening.drain(..) {
            listening.stop.cancel();
        }
    }

    fn is_open(&self, frontend: &Settings, bind: &Bind) -> bool {
        self.listening.iter().any(|listening| {
            listening.frontend == frontend.name.as_str()
                && listening.keepalive == frontend.keepalive
                && listening.bind == *bind
        })
    }
}
