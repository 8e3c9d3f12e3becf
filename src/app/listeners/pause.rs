//! Frontends that commands pause, resume and shut down.
//!
//! A paused socket keeps its port and refuses connections, as in HAProxy: `shutdown(2)` takes a TCP
//! socket out of the listening state and leaves it bound, `listen(2)` puts it back. A Unix socket
//! cannot do that, and an inherited socket must not: where the system chose its port, the system
//! takes it back. Their clients wait in the backlog meanwhile.

use std::io;
use std::net::Shutdown;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::{Listeners, Listening, Owner, Scene, duplicates, is_called};
use crate::config::model::ListenAddr;
use crate::net::listen;
use crate::session::Context;
use crate::state::Frontend;
use crate::state::frontend::Phase;
use crate::state::request::{Refused, SocketWish};

impl Listeners {
    /// Does with the sockets of `frontend` what a command wishes.
    ///
    /// # Errors
    /// Some sockets could not; it was logged. Those that could did.
    pub(in crate::app) fn fulfil(
        &mut self,
        frontend: &Arc<Frontend>,
        wish: SocketWish,
        scene: &Scene<'_>,
    ) -> Result<(), Refused> {
        let is_its = |listening: &Listening| match &listening.place.owner {
            Owner::Frontend(name) => name.as_str() == &*frontend.name,
            _ => false,
        };
        let mut result = Ok(());
        if wish == SocketWish::ShutDown {
            self.listening.retain(|listening| {
                let kept = !is_its(listening);
                if !kept {
                    listening.stop.cancel();
                }
                kept
            });
        } else {
            for listening in self.listening.iter_mut().filter(|listening| is_its(listening)) {
                let done = match wish {
                    SocketWish::Pause => listening.pause(),
                    SocketWish::Resume | SocketWish::ShutDown => listening.resume(scene),
                };
                if let Err(error) = done {
                    let address = listen::display(&listening.settings.bind.address);
                    tracing::error!("Proxy {}: listener {address}: {error}", frontend.name);
                    result = Err(Refused::System);
                }
            }
        }
        if result.is_ok() {
            frontend.set_phase(match wish {
                SocketWish::Pause => Phase::Paused,
                SocketWish::Resume => Phase::Open,
                SocketWish::ShutDown => Phase::Stopped,
            });
        }
        result
    }
}

impl Listening {
    pub(super) fn pause(&mut self) -> io::Result<()> {
        self.stop.cancel();
        self.paused = true;
        if self.keeps_its_port() {
            for socket in &*self.sockets {
                // One that does not listen would be marked as ended for reading, and every connection
                // that it accepts later with it.
                if socket.is_listener()? {
                    socket.shutdown(Shutdown::Read)?;
                }
            }
        }
        Ok(())
    }

    pub(super) fn resume(&mut self, scene: &Scene<'_>) -> io::Result<()> {
        if !self.paused {
            return Ok(());
        }
        let backlog = i32::try_from(self.settings.bind.backlog.get()).unwrap_or(i32::MAX);
        if self.keeps_its_port() {
            for socket in &*self.sockets {
                socket.listen(backlog)?;
            }
        }
        let duplicates = duplicates(&self.sockets)?;
        self.stop = CancellationToken::new();
        self.paused = false;
        self.start(duplicates, scene);
        Ok(())
    }

    /// Whether a command paused the frontend that it belongs to.
    pub(super) fn is_of_paused(&self, context: &Context) -> bool {
        let Owner::Frontend(name) = &self.place.owner else { return false };
        let frontends = &context.process.objects().frontends;
        let own = frontends.iter().find(|frontend| is_called(frontend, name.as_str()));
        own.is_some_and(|frontend| frontend.phase() == Phase::Paused)
    }

    /// Logs what kept it from being done.
    pub(super) fn tell(&self, done: io::Result<()>) {
        if let Err(error) = done {
            let address = listen::display(&self.settings.bind.address);
            tracing::error!("listener {address}: {error}");
        }
    }

    /// Whether its sockets, taken out of the listening state, stay bound where they are.
    const fn keeps_its_port(&self) -> bool {
        matches!(self.settings.bind.address, ListenAddr::Tcp(_))
    }
}
