//! Between a session and those who follow it from outside: what it tells them, and how it hears
//! them wherever it waits.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use super::Ended;
use crate::clock::Stamp;
use crate::config::model::DatabaseKind;
use crate::net::relay::{Relay, Watch, Wish};
use crate::pure::session::farewell::is_between_transactions;
use crate::pure::session::termination::Termination;
use crate::state::sessions::{Handle, Moved, Parting, Stage};
use crate::state::{CutReason, Server};

/// Runs `session` until it ends or an operator ends it, in whatever it waits for.
///
/// # Cancel safety
/// That of `session`, which is dropped where an operator ends it.
pub(super) fn unless_killed(
    handle: &Handle,
    mut session: Pin<&mut impl Future<Output = Result<Termination, Ended>>>,
) -> impl Future<Output = Result<Termination, Ended>> {
    let mut attached = false;
    poll_fn(move |cx| {
        if !attached {
            handle.attach(cx);
            attached = true;
        }
        if handle.order() == Some(CutReason::Killed) {
            // Who waits for a place ends by itself: the log tells where it stood. A relay, too: its
            // client is told why.
            if matches!(handle.stage(), Stage::Queued | Stage::Relaying)
                && let Poll::Ready(end) = session.as_mut().poll(cx)
            {
                return Poll::Ready(end);
            }
            let killed = CutReason::Killed.cause();
            return Poll::Ready(Err(Termination::new(killed, handle.stage().phase())));
        }
        session.as_mut().poll(cx)
    })
}

/// Runs `attempt` until it ends or the server it speaks to is cut; `None` then.
///
/// # Cancel safety
/// That of `attempt`.
pub(super) async fn unless_cut<T>(
    handle: &Handle,
    mut attempt: Pin<&mut impl Future<Output = T>>,
) -> Option<T> {
    poll_fn(|cx| match handle.order() {
        Some(_) => Poll::Ready(None),
        None => attempt.as_mut().poll(cx).map(Some),
    })
    .await
}

/// Waits until an operator ends the session of `handle`, whose task polls this whenever it is told.
pub(super) async fn killed(handle: &Handle) {
    poll_fn(|_| match handle.order() {
        Some(CutReason::Killed) => Poll::Ready(()),
        _ => Poll::Pending,
    })
    .await;
}

/// A relay's view of the session's handle, and of its server where that is known for a database.
pub(super) struct Watched<'a>(pub(super) &'a Handle, pub(super) Option<(DatabaseKind, &'a Server)>);

impl Watch for Watched<'_> {
    fn wish(&self) -> Wish {
        match self.0.orders() {
            (Some(_), _) => Wish::End,
            (None, Some(Parting::Quiet)) => Wish::PartQuiet,
            (None, Some(Parting::Soon)) => Wish::Part,
            (None, None) => Wish::GoOn,
        }
    }

    fn is_between(&self, last: &[u8]) -> bool {
        self.1.is_some_and(|(kind, _)| is_between_transactions(kind, last))
    }

    fn note(&self, relay: &Relay, at: Stamp) {
        let (bytes_in, bytes_out) = relay.bytes();
        let moved = Moved { bytes_in, bytes_out, spliced: relay.spliced_bytes() };
        let is_first = self.0.note_moved(moved, at);
        if let Some((_, server)) = self.1.filter(|_| is_first) {
            server.note_answer(at);
        }
        if relay.is_encrypted() {
            self.0.note_hidden();
        }
        // A database leaves no client that stays, unless it goes itself.
        if let Some((_, server)) = self.1.filter(|_| relay.is_left_by_server()) {
            server.hint();
        }
    }
}
