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
    let Some((backend, server)) = name.split_once('/').filter(|(_, server)| !server.is_empty())
    else {
        return Err("Require 'backend/server'.");
    };
    if process.objects().config.disabled.backends.iter().any(|disabled| disabled == backend) {
        return Err("Proxy is disabled.");
    }
    let backend = backend_named(process, backend).ok_or("No such backend.")?;
    let live = backend.live();
    let is_meant = |known: &&Arc<Server>| means(server, &known.name, known.settings().id.0);
    let server = live.servers.iter().find(is_meant);
    let server = Arc::clone(server.ok_or("No such server.")?);
    drop(live);
    Ok((backend, server))
}

/// Whether a client that says `asked` means what has this name and number: `#` stands before a
/// number.
pub(super) fn means(asked: &str, name: &str, id: u32) -> bool {
    match asked.strip_prefix('#') {
        Some(number) => number.parse() == Ok(id),
        None => *asked == *name,
    }
}

/// The backend of this name, or of this number after `#`.
pub(super) fn backend_named(process: &Process, name: &str) -> Option<Arc<Backend>> {
    let is_meant = |known: &&Arc<Backend>| means(name, &known.name, known.settings().id.0);
    process.objects().backends.iter().find(is_meant).cloned()
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
    let is_meant = |known: &&Arc<Frontend>| means(name, &known.name, known.route().settings.id.0);
    let found = objects.frontends.iter().find(is_meant).cloned();
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
