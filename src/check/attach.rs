//! Clients that were held go on as fast as their routes allow.
//!
//! One task for each backend. It sleeps until the next of those who are held may go on, and where
//! none is, until one may be.

use std::convert::Infallible;
use std::sync::Arc;

use crate::clock;
use crate::state::{Backend, publish};

/// Lets clients of a backend go on until it is dropped.
pub(super) async fn run(backend: Arc<Backend>) -> Infallible {
    loop {
        let next = publish::attach(&backend, clock::now());
        tokio::select! {
            () = backend.attach_wanted() => {}
            () = tokio::time::sleep_until(next.unwrap_or_else(clock::now).into()), if next.is_some() => {}
        }
    }
}
