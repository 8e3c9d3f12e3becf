//! The workers as those who take each other's connections.
//!
//! ```text
//! accepted ──> pure::session::placement ── this worker ──> a session here
//!                       │ another: a place there
//!                       └──> waits in its channel ── it wakes ──> a session there
//! ```
//! A connection is handed over before anything of it is registered with its worker, and has its places
//! inside the gates of its door meanwhile: who waits for the last session to end waits for it, too.
//! Bound: `WAITING_MAX` connections a worker. Where so many wait for it, or it has ended, who accepted
//! one keeps it.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::Session;
use super::listener::Admission;
use crate::net::accept::Accepted;
use crate::net::busy_poll;
use crate::pure::session::placement;
use crate::state::sessions::{Seat, Sessions, Table};

/// Connections that may wait for one worker: a few batches of `maxaccept`.
const WAITING_MAX: usize = 128;

/// All workers of the process.
#[derive(Debug)]
pub struct Crew(Box<[Member]>);

#[derive(Debug)]
struct Member {
    table: Arc<Table>,
    waiting: mpsc::Sender<Newcomer>,
}

/// A connection that is accepted, and its place on the worker that is to run its session.
#[derive(Debug)]
struct Newcomer {
    accepted: Accepted,
    admission: Admission,
    seat: Seat,
}

impl Newcomer {
    fn begin(self) {
        if let Some(session) = Session::accept(self.accepted, self.admission, self.seat) {
            tokio::spawn(super::run(session));
        }
    }
}

impl Crew {
    /// Those who run on `workers`, which have these tables in the same order.
    #[must_use]
    pub fn new<'a>(sessions: &Sessions, workers: impl Iterator<Item = &'a Handle>) -> Self {
        let member = |(number, worker): (usize, &Handle)| {
            let (waiting, newcomers) = mpsc::channel(WAITING_MAX);
            worker.spawn(take_in(newcomers));
            Member { table: Arc::clone(sessions.table(number)), waiting }
        };
        Self(workers.enumerate().map(member).collect())
    }

    /// Begins a session, here or on the worker that has fewest.
    pub(super) fn begin(&self, accepted: Accepted, admission: Admission) {
        let own = &admission.door().table;
        own.note_accepted();
        let Some(member) = self.taker(&admission) else {
            let seat = own.seat();
            return Newcomer { accepted, admission, seat }.begin();
        };
        let newcomer = Newcomer { accepted, admission, seat: member.table.seat() };
        let mut kept = match member.waiting.try_send(newcomer) {
            Ok(()) => return member.table.note_taken(),
            Err(TrySendError::Full(newcomer)) => {
                member.table.note_full();
                newcomer
            }
            Err(TrySendError::Closed(newcomer)) => newcomer,
        };
        kept.seat = kept.admission.door().table.seat();
        kept.begin();
    }

    /// Who is to run what came in by this admission, where it is not the worker that accepted it.
    fn taker(&self, admission: &Admission) -> Option<&Member> {
        let process = &admission.door().context.process;
        // It has its place inside already.
        let all = process.gate.current().saturating_sub(1);
        let load = |worker: usize| self.0[worker].table.sessions();
        let own = admission.door().table.worker();
        let taker = placement::taker(own, self.0.len(), all, load)?;
        process.objects().config.global.tuning.multi_queue.then(|| &self.0[taker])
    }
}

/// Begins the sessions of connections that other workers accepted.
async fn take_in(mut newcomers: mpsc::Receiver<Newcomer>) {
    while let Some(newcomer) = newcomers.recv().await {
        busy_poll::note();
        newcomer.begin();
    }
}
