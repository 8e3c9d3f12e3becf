//! A planned switchover: another server becomes the primary while new clients wait.
//!
//! ```text
//! look -> rest -> drain -> freeze -> catch up -> promote -> route -> release
//!           '--------'---------'----------'---------'--> undo -> release (given up)
//! ```
//! - *look*: the route leads to a primary, the one that is to take over follows it, both can be logged
//!   in to, the hold of clients is longer than they may have to wait, and what the primary has now the
//!   other one gets within `--max-lag`;
//! - *rest*: new clients of routes to the primary wait, as in a failover;
//! - *drain*: sessions are ended between two transactions: at first those that are quiet, from a
//!   quarter of the time on all. What is in one at half of the time is ended where the operator said
//!   so, else it is given up;
//! - *freeze* to *promote*: see [`steps`];
//! - *route*: the checks see the new primary, by themselves, and believe it by the usual rules.
//!
//! Before each step that cannot be taken back it is asked whether a reload, a command or a check has made
//! the plan void.
//!
//! Bounds: one a backend at a time, and a time from the pause on; *look* and *undo* have their own.

mod drain;
mod plan;
mod steps;

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::operation::Teller;
use crate::clock;
use crate::pure::role::lag::Lag;
use crate::state::request::Switchover;
use crate::state::{Process, publish};
use crate::telemetry::bus::Bus;
use crate::telemetry::event::RoleChange;
use drain::{Rest, drain};
use plan::Plan;
use steps::Pair;

/// How often the state of things is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// How long undoing may take.
const UNDO_MAX: Duration = Duration::from_secs(10);

/// The whole of it.
pub(super) async fn run(
    process: &Arc<Process>,
    bus: &Bus,
    order: &Switchover,
    teller: &Teller,
) -> Result<(), String> {
    let plan = Plan::look(process, order)?;
    let Plan { from, to, timeout, .. } = &plan;
    teller.say(format!("{} takes over from {} within {timeout:?}", to.name, from.name));
    let mut pair = Pair::connect(&plan, clock::now() + *timeout).await?;
    let behind = pair.keep_up(&plan).await?;
    teller.say(format!("both can be reached; {} lacks {behind}", to.name));
    if order.dry_run {
        teller.say("nothing was changed".to_owned());
        return Ok(());
    }
    let rest = Rest::begin(&plan, bus)?;
    rest.say(RoleChange::Planned { from: from.name.to_string(), to: to.name.to_string() });
    let begun = clock::now();
    let result = change(&plan, &mut pair, order, teller, begun).await;
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
) -> Result<(), String> {
    let Plan { backend, from, to, timeout, max_lag, .. } = plan;
    let deadline = begun + *timeout;
    drain(plan, order.force, teller, begun + *timeout / 2).await?;
    plan.stands()?;
    if let Some(lag) = plan.lag().filter(|lag| lag.time > *max_lag) {
        let Lag { time, amount } = lag;
        return Err(format!(
            "{} has come to be {time:.1?} behind, it lacks {amount} (--max-lag {max_lag:?})",
            to.name
        ));
    }
    publish::frozen(backend, clock::now());
    pair.freeze(plan, deadline).await?;
    teller.say(format!("{} takes no writes any more", from.name));
    pair.catch_up(plan, deadline).await?;
    teller.say(format!("{} has all that {} had", to.name, from.name));
    plan.may_go_on()?;
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
