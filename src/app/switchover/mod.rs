//! A planned switchover: another server becomes the primary while new clients wait.
//!
//! ```text
//! look -> rest -> drain -> freeze -> catch up -> promote -> route -> release
//!           '--------'---------'----------'---------'--> undo -> release (given up)
//! ```
//! - *look*: the route leads to a primary, the one that is to take over follows it, both can be logged
//!   in to, and the hold of clients is longer than all of it may take;
//! - *rest*: new clients of routes to the primary wait, as in a failover;
//! - *drain*: sessions are ended between two transactions: at first those that are quiet, from a
//!   quarter of the time on all. What is in one at half of the time is ended where the operator said
//!   so, else it is given up;
//! - *freeze* to *promote*: see [`steps`];
//! - *route*: the checks see the new primary, by themselves, and believe it by the usual rules.
//!
//! Bounds: one a backend at a time, and a time for all of it; *undo* has a time of its own.

mod steps;

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::operation::{Teller, primary_of, route_of};
use crate::clock;
use crate::config::model::{CheckKind, DatabaseCheck, Promote};
use crate::pure::role::route::{Part, RoleRoute};
use crate::state::request::Switchover;
use crate::state::sessions::Parting;
use crate::state::{Backend, CutReason, Occasion, Process, Server, publish};
use crate::telemetry::bus::Bus;
use crate::telemetry::event::RoleChange;
use steps::Pair;

/// How often the state of things is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// How often in a row no session may be seen before there is none: one that was just given the primary
/// shows a moment later.
const QUIET_LOOKS: u32 = 3;

/// How long undoing may take.
const UNDO_MAX: Duration = Duration::from_secs(10);

/// What is about to be done, with everything that was looked up for it.
struct Plan {
    process: Arc<Process>,
    backend: Arc<Backend>,
    from: Arc<Server>,
    to: Arc<Server>,
    step: Promote,
    timeout: Duration,
}

/// The whole of it.
pub(super) async fn run(
    process: &Arc<Process>,
    bus: &Bus,
    order: &Switchover,
    teller: &Teller,
) -> Result<(), String> {
    let plan = look(process, order)?;
    let Plan { from, to, timeout, .. } = &plan;
    let deadline = clock::now() + *timeout;
    teller.say(format!("{} takes over from {} within {timeout:?}", to.name, from.name));
    let mut pair = Pair::connect(&plan, deadline).await?;
    let behind = pair.behind(deadline).await?;
    teller.say(format!("both can be reached; {} lacks {behind}", to.name));
    if order.dry_run {
        teller.say("nothing was changed".to_owned());
        return Ok(());
    }
    let rest = Rest::begin(&plan, bus)?;
    rest.say(RoleChange::Planned { from: from.name.to_string(), to: to.name.to_string() });
    let begun = clock::now();
    let result = change(&plan, &mut pair, order, teller, begun, deadline).await;
    if let Err(why) = &result {
        teller.say(format!("given up: {why}"));
        match tokio::time::timeout(UNDO_MAX, pair.undo(&plan)).await {
            Ok(Ok(true)) => teller.say(format!("{} takes writes again", from.name)),
            Ok(Ok(false)) => {}
            Ok(Err(error)) => teller.say(format!("it could not be undone: {error}")),
            Err(_) => teller.say("it could not be undone in time".to_owned()),
        }
        rest.say(RoleChange::GivenUp { to: to.name.to_string(), why: why.clone() });
    }
    drop(rest);
    result?;
    let paused = clock::now().saturating_duration_since(begun);
    teller.say(format!("{} is primary; new clients waited {} ms", to.name, paused.as_millis()));
    Ok(())
}

/// From the pause to the new primary.
async fn change(
    plan: &Plan,
    pair: &mut Pair,
    order: &Switchover,
    teller: &Teller,
    begun: Instant,
    deadline: Instant,
) -> Result<(), String> {
    let Plan { backend, from, to, timeout, .. } = plan;
    drain(plan, order.force, teller, begun + *timeout / 2).await?;
    pair.freeze(plan, deadline).await?;
    teller.say(format!("{} takes no writes any more", from.name));
    pair.catch_up(deadline).await?;
    teller.say(format!("{} has all that {} had", to.name, from.name));
    pair.promote(plan, deadline).await?;
    while backend.group.claims().primary.as_deref() != Some(&*to.name) {
        if clock::now() >= deadline {
            return Err(match backend.group.refusal(&to.name) {
                Some(why) => format!("{} is not believed to be primary: {why}", to.name),
                None => format!("{} did not become primary in time", to.name),
            });
        }
        to.hint();
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(())
}

/// Ends the sessions on the primary between their transactions.
async fn drain(plan: &Plan, force: bool, teller: &Teller, until: Instant) -> Result<(), String> {
    let Plan { process, from, .. } = plan;
    let sessions = &process.sessions;
    let begun = clock::now();
    let patience = until.saturating_duration_since(begun) / 2;
    let sessions_now = sessions.part_on(from, Parting::Quiet);
    teller.say(format!("{sessions_now} sessions of {} are to end", from.name));
    let mut quiet = 0;
    while quiet < QUIET_LOOKS {
        plan.stands()?;
        let is_patient = clock::now() < begun + patience;
        let how = if is_patient { Parting::Quiet } else { Parting::Soon };
        let left = sessions.part_on(from, how);
        quiet = if left == 0 { quiet + 1 } else { 0 };
        if left > 0 && clock::now() >= until {
            if !force {
                return Err(format!("{left} sessions are still busy (--force ends them)"));
            }
            let is_write = |route| route == RoleRoute::Primary;
            let cut = sessions.end_routed_on(from, CutReason::RoleLost, is_write);
            teller.say(format!("{cut} busy sessions are cut"));
            return Ok(());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(())
}

impl Plan {
    /// Whether the two still are what they were.
    fn stands(&self) -> Result<(), String> {
        let Self { backend, from, to, .. } = self;
        if backend.group.claims().primary.as_deref() != Some(&*from.name) {
            return Err(format!("{} is no longer primary", from.name));
        }
        let parts = backend.group.parts(clock::now(), std::slice::from_ref(to));
        if !matches!(parts[..], [Part::Replica(_)]) || !to.standing().is_running() {
            let why = backend.group.stray(&to.name).map(|why| format!(": {why}"));
            return Err(format!("{} is no running replica{}", to.name, why.unwrap_or_default()));
        }
        if let Some(stray) = backend.group.stray(&to.name) {
            return Err(format!("{} would not do: {stray}", to.name));
        }
        Ok(())
    }

    /// Who logs in to look, and to change something where that is built in.
    fn account(&self) -> Result<DatabaseCheck, String> {
        if let Promote::BuiltIn(account) = &self.step {
            return Ok(account.clone());
        }
        match self.to.settings().check.as_ref().map(|check| &check.kind) {
            Some(CheckKind::Database(check)) => Ok(check.clone()),
            _ => Err(format!("the check of {} does not ask what it is", self.to.name)),
        }
    }
}

/// Whether and how it can be done, as far as that is known here.
fn look(process: &Arc<Process>, order: &Switchover) -> Result<Plan, String> {
    let (_, backend) = route_of(process, &order.route)?;
    let settings = backend.settings();
    let Some(switchover) = &settings.switchover else {
        return Err(format!("backend '{}' has no 'switchover'", backend.name));
    };
    let timeout = order.timeout.unwrap_or(switchover.timeout);
    let leads_there = |f: &&Arc<crate::state::Frontend>| {
        let route = f.route();
        let backend_of = route.backend.as_ref();
        route.settings.role == Some(RoleRoute::Primary)
            && backend_of.is_some_and(|known| Arc::ptr_eq(known, &backend))
    };
    for frontend in process.objects().frontends.iter().filter(leads_there) {
        if frontend.route().settings.hold.is_some_and(|hold| hold.time <= timeout) {
            return Err(format!(
                "it may take {timeout:?}, and frontend '{}' holds clients for less",
                frontend.name
            ));
        }
    }
    let from = primary_of(&backend)?;
    let live = backend.live();
    let to = live.servers.iter().find(|server| *server.name == *order.to).cloned();
    let missing = || format!("backend '{}' has no server '{}'", backend.name, order.to);
    let to = to.ok_or_else(missing)?;
    if Arc::ptr_eq(&to, &from) {
        return Err(format!("{} is primary already", from.name));
    }
    let (process, step) = (Arc::clone(process), switchover.step.clone());
    let plan = Plan { process, backend: Arc::clone(&backend), from, to, step, timeout };
    plan.stands()?;
    Ok(plan)
}

/// New clients wait while this is there.
struct Rest<'a> {
    plan: &'a Plan,
    bus: &'a Bus,
}

impl<'a> Rest<'a> {
    /// # Errors
    /// They wait already.
    fn begin(plan: &'a Plan, bus: &'a Bus) -> Result<Self, String> {
        if publish::rest(&plan.backend, clock::now(), Some(&plan.to.name)) {
            return Ok(Self { plan, bus });
        }
        Err(format!("another switchover of backend '{}' goes on", plan.backend.name))
    }

    fn say(&self, change: RoleChange) {
        let (process, bus) = (&*self.plan.process, self.bus);
        let occasion = Occasion { process, bus, now: clock::now(), wall: clock::wall() };
        occasion.say_role(&self.plan.backend, change);
    }
}

impl Drop for Rest<'_> {
    fn drop(&mut self) {
        publish::rest(&self.plan.backend, clock::now(), None);
        self.plan.process.sessions.stay();
    }
}
