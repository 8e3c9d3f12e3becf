//! The pause: new clients wait, and the sessions on the primary end between their transactions.

use std::sync::Arc;
use std::time::Instant;

use super::LOOK_EVERY;
use super::plan::Plan;
use crate::app::operation::Teller;
use crate::clock;
use crate::pure::role::route::RoleRoute;
use crate::state::sessions::{Parting, Told};
use crate::state::{Backend, CutReason, Process, Server, publish};

/// How often in a row no session may be seen before there is none: one that was just given the primary
/// shows a moment later.
const QUIET_LOOKS: u32 = 3;

/// New clients of a backend wait while this is there.
#[derive(Debug)]
pub(super) struct Rest {
    process: Arc<Process>,
    backend: Arc<Backend>,
    from: Arc<Server>,
}

impl Rest {
    /// They wait for `to` to take over from `from`.
    ///
    /// # Errors
    /// They wait already.
    pub(super) fn begin(
        process: &Arc<Process>,
        backend: &Arc<Backend>,
        from: &Arc<Server>,
        to: &str,
    ) -> Result<Self, String> {
        if !publish::rest(backend, clock::now(), Some(to)) {
            return Err(format!("another switchover of backend '{}' goes on", backend.name));
        }
        let (process, backend) = (Arc::clone(process), Arc::clone(backend));
        Ok(Self { process, backend, from: Arc::clone(from) })
    }
}

impl Drop for Rest {
    fn drop(&mut self) {
        publish::rest(&self.backend, clock::now(), None);
        self.process.sessions.stay_on(&self.from);
    }
}

/// Ends the sessions on the primary between their transactions.
pub(super) async fn drain(
    plan: &Plan,
    force: bool,
    teller: &Teller,
    until: Instant,
) -> Result<(), String> {
    let Plan { process, backend, from, .. } = plan;
    let sessions = &process.sessions;
    let begun = clock::now();
    let patience = until.saturating_duration_since(begun) / 2;
    let first = sessions.part_on(from, Parting::Quiet);
    teller.say(format!("{} sessions of {} are to end", first.left, from.name));
    if first.hidden > 0 {
        teller.say(hidden(first.hidden, force));
    }
    let (mut told, mut quiet) = (first.newly, 0);
    while quiet < QUIET_LOOKS {
        plan.stands()?;
        let is_patient = clock::now() < begun + patience;
        let how = if is_patient { Parting::Quiet } else { Parting::Soon };
        let now = sessions.part_on(from, how);
        told += now.newly;
        publish::parted(backend, u64::try_from(told.saturating_sub(now.left)).unwrap_or(u64::MAX));
        quiet = if now.left == 0 { quiet + 1 } else { 0 };
        if now.left > 0 && clock::now() >= until {
            if !force {
                return Err(busy(now));
            }
            let is_write = |route| route == RoleRoute::Primary;
            let cut = sessions.end_routed_on(from, CutReason::RoleLost, is_write);
            publish::parted(backend, u64::try_from(told).unwrap_or(u64::MAX));
            teller.say(format!("{cut} busy sessions are cut"));
            return Ok(());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(())
}

/// Said in time, for those who have to decide.
fn hidden(count: usize, force: bool) -> String {
    let what = format!("TLS hides of {count} of them whether they are between two transactions");
    match force {
        true => format!("{what}: they are cut if they do not end by themselves"),
        false => format!("{what}: they have to end by themselves, or --force cuts them"),
    }
}

/// Why those that are left keep it from going on.
fn busy(told: Told) -> String {
    let busy = told.left - told.hidden;
    let force = "(--force ends them)";
    match (busy, told.hidden) {
        (busy, 0) => format!("{busy} sessions are still busy {force}"),
        (0, hidden) => {
            format!("{hidden} sessions are left whose transactions TLS hides {force}")
        }
        (busy, hidden) => format!(
            "{busy} sessions are still busy, and {hidden} are left whose transactions TLS hides \
             {force}"
        ),
    }
}
