//! Slow starts: as time goes on, a server that came up is worth more.
//!
//! One task for each backend with such servers. It sleeps until the next step of any of them, and
//! where none ramps up until the live set changes.

use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;

use crate::clock;
use crate::state::{Backend, publish};

/// Follows the slow starts of a backend's servers until it is dropped.
pub(super) async fn run(backend: Arc<Backend>) -> Infallible {
    let mut changes = backend.changes();
    loop {
        changes.mark_unchanged();
        let next = publish::ramps(&backend, clock::now());
        tokio::select! {
            changed = changes.changed() => if changed.is_err() { pending::<()>().await },
            () = tokio::time::sleep_until(next.unwrap_or_else(clock::now).into()), if next.is_some() => {}
        }
    }
}
