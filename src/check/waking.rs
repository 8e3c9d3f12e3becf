//! After the process stood still, every server of a group is asked before a client's bytes go to the
//! primary that was known before.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::again::is_awaited;
use crate::clock;
use crate::state::Process;

/// Between two beats: some fit into what counts as standing still.
const BEAT: Duration = Duration::from_millis(250);

/// How often the answers are looked for.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// Whoever has not answered by then is not waited for: as at a start.
const ASKED_MAX: Duration = Duration::from_secs(10);

/// Ends the beat with the task that makes it.
struct Beating(Arc<Process>);

impl Drop for Beating {
    fn drop(&mut self) {
        self.0.waking.stop();
        self.0.sessions.wake_all();
    }
}

/// Beats, and asks all servers of groups again where a beat came late.
pub(super) async fn run(process: Arc<Process>) -> Infallible {
    let Beating(process) = &Beating(process);
    loop {
        if let Some(still) = process.waking.beat(clock::coarse()) {
            tracing::warn!(
                "This process stood still for {:.1} s: nothing is written before it was asked again who \
                 is primary.",
                still.as_secs_f64()
            );
            ask_all(process).await;
            process.waking.trust();
            process.sessions.wake_all();
        }
        sleep(BEAT).await;
    }
}

/// Returns when each server of a group has come to a verdict on a question that was put since the
/// process runs.
async fn ask_all(process: &Process) {
    let mut woken = clock::now();
    loop {
        let mut is_asking = false;
        let objects = process.objects();
        let with_roles = objects.backends.iter().filter(|it| !it.settings().routes.is_empty());
        for backend in with_roles {
            for server in &backend.live().servers {
                is_asking |= is_awaited(backend, server, woken);
            }
        }
        if !is_asking || clock::now().saturating_duration_since(woken) >= ASKED_MAX {
            return;
        }
        sleep(LOOK_EVERY).await;
        if process.waking.beat(clock::coarse()).is_some() {
            woken = clock::now();
        }
    }
}
