//! Those who read rings, each in a task of its own, as configurations come and go.

use std::sync::Arc;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::telemetry::ring::Ring;

/// Readers of rings, by what each of them reads for.
#[derive(Debug)]
pub(super) struct Readers<W> {
    running: Vec<Running<W>>,
}

#[derive(Debug)]
struct Running<W> {
    wanted: W,
    ring: Arc<Ring>,
    task: JoinHandle<()>,
    stop: CancellationToken,
}

impl<W> Default for Readers<W> {
    fn default() -> Self {
        Self { running: Vec::new() }
    }
}

impl<W: PartialEq> Readers<W> {
    /// Makes the readers those that are `wanted`. One that stays as it was goes on, with its ring; others
    /// are begun by `start`, where they can be; who is not wanted any more reads what there is, and ends.
    pub(super) fn follow(
        &mut self,
        wanted: impl IntoIterator<Item = (W, Arc<Ring>)>,
        mut start: impl FnMut(&W, &Arc<Ring>, CancellationToken) -> Option<JoinHandle<()>>,
    ) {
        let mut old = std::mem::take(&mut self.running);
        for (wanted, ring) in wanted {
            let same =
                |known: &Running<W>| known.wanted == wanted && Arc::ptr_eq(&known.ring, &ring);
            if let Some(index) = old.iter().position(same) {
                self.running.push(old.swap_remove(index));
                continue;
            }
            let stop = CancellationToken::new();
            if let Some(task) = start(&wanted, &ring, stop.clone()) {
                self.running.push(Running { wanted, ring, task, stop });
            }
        }
        old.iter().for_each(|gone| gone.stop.cancel());
    }

    /// Lets them read what is left.
    ///
    /// # Cancel safety
    /// Dropping it leaves the tasks to the runtime.
    pub(super) async fn finish(self) {
        for running in self.running {
            running.stop.cancel();
            // A task that panicked has nothing left to do.
            let _ = running.task.await;
        }
    }
}
