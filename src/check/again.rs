//! Asking servers once more, because something may have changed that their next checks would find later.

use std::sync::Arc;
use std::time::Instant;

use crate::clock;
use crate::state::{Backend, Server, publish};

/// Whether a server that is checked at all has come to no verdict yet on a question that was put since
/// `since`; it is asked at once then. To be called until it has.
pub fn is_awaited(backend: &Arc<Backend>, server: &Server, since: Instant) -> bool {
    if !server.health().is_checked() || server.asked_at() >= since {
        return false;
    }
    let now = clock::now();
    publish::health(backend, server, now, |health| health.hasten(now));
    server.wake_check();
    true
}
