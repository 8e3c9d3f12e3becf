//! The objects that commands name, and HAProxy's words where there are none.

use std::sync::Arc;

use super::{Answer, Call};
use crate::clock;
use crate::state::{Backend, Frontend, Occasion, Process, Server};

/// The server that argument `index` of a command names as `backend/server`; `None` was refused.
pub(super) fn server(
    call: &Call<'_>,
    index: usize,
    answer: &mut Answer<'_>,
) -> Option<(Arc<Backend>, Arc<Server>)> {
    match named(&call.shared.process, call.arg(index)) {
        Ok(found) => Some(found),
        Err(message) => {
            answer.refuse(message);
            None
        }
    }
}

/// The server that `name` names as `backend/server`.
///
/// # Errors
/// HAProxy's sentence about what is missing.
pub(super) fn named(
    process: &Process,
    name: &str,
) -> Result<(Arc<Backend>, Arc<Server>), &'static str> {
    let Some((backend, server)) = name.split_once('/') else {
        return Err("Require 'backend/server'.");
    };
    let backend = backend_named(process, backend).ok_or("No such backend.")?;
    let live = backend.live();
    let server = live.servers.iter().find(|known| *known.name == *server);
    let server = Arc::clone(server.ok_or("No such server.")?);
    drop(live);
    Ok((backend, server))
}

/// The backend of this name.
pub(super) fn backend_named(process: &Process, name: &str) -> Option<Arc<Backend>> {
    process.objects().backends.iter().find(|known| *known.name == *name).cloned()
}

/// The frontend that argument `index` names; `None` was refused.
pub(super) fn frontend(
    call: &Call<'_>,
    index: usize,
    answer: &mut Answer<'_>,
) -> Option<Arc<Frontend>> {
    let name = call.arg(index);
    if name.is_empty() {
        answer.refuse("A frontend name is expected.");
        return None;
    }
    let objects = call.shared.process.objects();
    let found = objects.frontends.iter().find(|known| *known.name == *name).cloned();
    if found.is_none() {
        answer.refuse("No such frontend.");
    }
    found
}

/// Now, for a change of a server.
pub(super) fn occasion<'a>(call: &'a Call<'_>) -> Occasion<'a> {
    Occasion {
        process: &call.shared.process,
        bus: &call.shared.bus,
        now: clock::now(),
        wall: clock::wall(),
    }
}
