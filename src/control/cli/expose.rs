//! `_getsocks`: the listening sockets for a successor, on a socket with `expose-fd listeners`.

use std::collections::HashSet;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use socket2::Socket;

use crate::net::handover;
use crate::net::stream::Stream;

/// The line that asks for them.
pub(super) const COMMAND: &str = "_getsocks";

/// The sockets that are open now, by listener, with the interface each is bound to. What is closed
/// meanwhile is not held open from here.
#[derive(Debug, Default)]
pub struct Exposed(Mutex<Vec<(Weak<Vec<Socket>>, String)>>);

impl Exposed {
    /// Takes over which there are.
    pub fn set(&self, listeners: Vec<(Weak<Vec<Socket>>, String)>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = listeners;
    }

    /// Copies of all that are open, each once.
    fn sockets(&self) -> io::Result<Vec<(Socket, String)>> {
        let listeners = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut seen, mut copies) = (HashSet::new(), Vec::new());
        let open = listeners.iter().filter_map(|(sockets, on)| Some((sockets.upgrade()?, on)));
        for (sockets, interface) in open {
            for socket in &*sockets {
                // Workers may share a socket, each with a descriptor of its own.
                if seen.insert(rustix::fs::fstat(socket)?.st_ino) {
                    copies.push((socket.try_clone()?, interface.clone()));
                }
            }
        }
        Ok(copies)
    }

    /// Hands them over to the client of `stream`, which then talks no more.
    pub(super) async fn give(self: &Arc<Self>, stream: &Stream) {
        let given = stream
            .as_fd()
            .try_clone_to_owned()
            .and_then(|socket| Ok((UnixStream::from(socket), self.sockets()?)));
        let given = match given {
            Ok((stream, sockets)) => {
                let count = sockets.len();
                let giving =
                    tokio::task::spawn_blocking(move || handover::give(&stream, &sockets)).await;
                giving.unwrap_or_else(|error| Err(error.into())).map(|()| count)
            }
            Err(error) => Err(error),
        };
        match given {
            Ok(count) => tracing::info!("{count} listening sockets were handed over."),
            Err(error) => tracing::warn!("cannot hand the listening sockets over: {error}"),
        }
    }
}
