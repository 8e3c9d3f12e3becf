//! Frontends that commands pause, resume and shut down.
//!
//! A paused socket keeps its port and refuses connections, as in HAProxy: `shutdown(2)` takes a TCP
//! socket out of the listening state and leaves it bound, `listen(2)` puts it back. A Unix socket
//! cannot do that, and an inherited socket must not: where the system chose its port, the system
//! takes it back. Their clients wait in the backlog meanwhile.

use std::io;
use std::net::Shutdown;
use std::sync::Arc;

use rustix::io::Errno;
use tokio_util::sync::CancellationToken;

use super::{Listeners, Listening, Owner, Scene, duplicates};
use crate::config::model::ListenAddr;
use crate::net::listen;
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
                match socket.shutdown(Shutdown::Read) {
                    // Not listening any more: what is wanted.
                    Err(error) if Errno::from_io_error(&error) == Some(Errno::NOTCONN) => {}
                    other => other?,
                }
            }
        }
        Ok(())
    }

    pub(super) fn resume(&mut self, scene: &Scene<'_>) -> io::Result<()> {
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

    /// Whether its sockets, taken out of the listening state, stay bound where they are.
    const fn keeps_its_port(&self) -> bool {
        matches!(self.settings.bind.address, ListenAddr::Tcp(_))
    }
}
