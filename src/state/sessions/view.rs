//! A running session as it is shown.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::{CutReason, Moved, SessionId, Stage};
use crate::state::{Backend, Frontend, Listener, Server};

/// A session at one instant.
#[derive(Clone, Debug)]
pub struct View {
    /// Its name.
    pub id: SessionId,
    /// Time since it was accepted.
    pub age: Duration,
    /// Time since bytes moved last, or since it was accepted.
    pub idle: Duration,
    /// Where it came in.
    pub frontend: Arc<Frontend>,
    /// Its listener.
    pub listener: Arc<Listener>,
    /// The client's address; `None` on a Unix socket.
    pub source: Option<SocketAddr>,
    /// The address the client connected to, where something needed it.
    pub destination: Option<SocketAddr>,
    /// Where it goes; `None`: not known yet.
    pub backend: Option<Arc<Backend>>,
    /// The server it has, or is trying.
    pub server: Option<Arc<Server>>,
    /// How far it has come.
    pub stage: Stage,
    /// What it has moved.
    pub moved: Moved,
    /// Connection attempts after the first.
    pub retries: u32,
    /// The client's descriptor and the server's, as far as there are.
    pub descriptors: [Option<i32>; 2],
    /// Somebody wants its end, and it has not got there yet.
    pub ordered: Option<CutReason>,
}
