//! `backend/server` in a command's words, and what is said where there is no such thing.

use std::sync::Arc;

use crate::state::{Backend, Process, Server};

/// The backend called `name`.
///
/// # Errors
/// What HAProxy says.
pub fn backend(process: &Process, name: &str) -> Result<Arc<Backend>, &'static str> {
    let objects = process.objects();
    let found = objects.backends.iter().find(|backend| *backend.name == *name);
    found.map(Arc::clone).ok_or("No such backend.")
}

/// The server that `word` names.
///
/// # Errors
/// What HAProxy says.
pub fn server(process: &Process, word: &str) -> Result<(Arc<Backend>, Arc<Server>), &'static str> {
    let (backend, name) = word.split_once('/').ok_or("Require 'backend/server'.")?;
    let backend = self::backend(process, backend)?;
    let live = backend.live();
    let found = live.servers.iter().find(|server| *server.name == *name).map(Arc::clone);
    drop(live);
    found.map(|server| (backend, server)).ok_or("No such server.")
}
