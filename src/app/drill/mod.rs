//! A drill: a fault that is made on purpose, with clients of its own on the route, and the record of
//! what came of it.
//!
//! ```text
//! look -> a client is served -> (--dry-run: done)
//!      -> fault -> noticed -> new primary -> served again -> heal -> record
//! ```
//! The fault is a program of the operator's, or a planned switchover; nothing here promotes anybody.
//! The clients come one after the other, each by a connection of its own to where the route listens,
//! as the account of the check. Bounds: one client at a time, and a time for all of it.

mod look;
pub(super) mod page;
pub(super) mod record;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::operation::Teller;
use super::switchover::Switchovers;
use crate::check::operate::{Operator, program};
use crate::clock;
use crate::pure::role::Role;
use crate::state::request::{Drill, Fault};
use crate::state::upkeep::own;
use look::Plan;
use record::Record;

/// From one client of the drill to the next.
const CLIENT_EVERY: Duration = Duration::from_millis(20);

/// How often the state of things is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// How long the record of the failover is waited for, which is written at the next reading of a server.
const RECORD_WAIT: Duration = Duration::from_secs(3);

/// What the line with the record begins with; `evenkeel ctl` writes it to files.
pub(super) const RECORD: &str = "Record: ";

/// The whole of it.
pub(super) async fn run(
    switchovers: &Arc<Switchovers>,
    order: &Drill,
    teller: &Teller,
) -> Result<(), String> {
    let process = &switchovers.process;
    let plan = look::look(process, order)?;
    let unserved = |why| format!("a client of the drill is not served: {why}");
    plan.client(Duration::from_secs(5)).await.map_err(unserved)?;
    teller.say(format!("{} serves clients at {}", plan.from.name, plan.address));
    if !order.live {
        if let Fault::Switchover(switchover) = &order.fault {
            let dry = crate::state::request::Switchover { dry_run: true, ..switchover.clone() };
            return switchovers.run(&dry, teller).await;
        }
        teller.say(format!("{:?} would be run; nothing was changed", plan.fault));
        return Ok(());
    }
    let tally = Arc::new(Mutex::new(Tally::default()));
    let clients = own(clients(plan.clone(), Arc::clone(&tally)));
    let before = process.remembered.failovers(&plan.backend.name).len();
    let (begun, started_at) = (clock::now(), clock::wall());
    let fault = async {
        match &order.fault {
            Fault::Switchover(order) => switchovers.run(order, teller).await,
            _ => program(&plan.fault, &plan.variables(), plan.timeout).await,
        }
    };
    let mut times = Times::default();
    let (made, ()) = tokio::join!(fault, watch(&plan, begun, &tally, &mut times));
    if let Err(why) = &made {
        teller.say(format!("the fault could not be made: {why}"));
    }
    if !plan.heal.is_empty() {
        match program(&plan.heal, &plan.variables(), plan.timeout).await {
            Ok(()) => teller.say("healed".to_owned()),
            Err(why) => teller.say(format!("it could not be healed: {why}")),
        }
    }
    let noted = begun + RECORD_WAIT + times.promoted.unwrap_or_default();
    let failovers = || process.remembered.failovers(&plan.backend.name);
    while times.promoted.is_some() && failovers().len() <= before && clock::now() < noted {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    drop(clients);
    let Tally { good, failed, longest, .. } = *tally.lock().unwrap_or_else(PoisonError::into_inner);
    let record = Record {
        route: order.route.clone(),
        backend: plan.backend.name.to_string(),
        fault: order.fault.word().to_owned(),
        started_at: Timestamp::try_from(started_at)
            .map_or_else(|_| String::new(), |t| t.to_string()),
        from: plan.from.name.to_string(),
        to: plan.backend.group.claims().primary,
        detected: times.detected.map(|time| time.as_secs_f64()),
        promoted: times.promoted.map(|time| time.as_secs_f64()),
        served: times.served.map(|time| time.as_secs_f64()),
        probes_good: good,
        probes_failed: failed,
        longest_wait: longest.as_secs_f64(),
        rto: plan.rto.map(|time| time.as_secs_f64()),
        rpo: plan.rpo,
        failover: failovers().into_iter().skip(before).next_back(),
    };
    // Text and numbers are always JSON.
    teller.say(format!("{RECORD}{}", serde_json::to_string(&record).unwrap_or_default()));
    made?;
    match &record.broken()[..] {
        [] => Ok(()),
        broken => Err(broken.join("; ")),
    }
}

/// When things happened, since the fault.
#[derive(Debug, Default)]
struct Times {
    detected: Option<Duration>,
    promoted: Option<Duration>,
    served: Option<Duration>,
}

/// Waits until clients are served again, or the time is over.
async fn watch(plan: &Plan, begun: Instant, tally: &Mutex<Tally>, times: &mut Times) {
    loop {
        let primary = plan.backend.group.claims().primary;
        let now = clock::now();
        let since = now.saturating_duration_since(begun);
        if primary.as_deref() != Some(&*plan.from.name) {
            times.detected.get_or_insert(since);
        }
        if times.detected.is_some() && primary.is_some() {
            times.promoted.get_or_insert(since);
        }
        if let Some(promoted) = times.promoted {
            let last = tally.lock().unwrap_or_else(PoisonError::into_inner).last_good;
            let last = last.map(|at| at.saturating_duration_since(begun));
            times.served = last.filter(|last| *last >= promoted);
        }
        if times.served.is_some() || since >= plan.timeout {
            return;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// What became of the clients of a drill.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    good: u64,
    failed: u64,
    longest: Duration,
    /// When one was served last.
    last_good: Option<Instant>,
}

/// Comes as one client after the other.
async fn clients(plan: Plan, tally: Arc<Mutex<Tally>>) {
    loop {
        let begun = clock::now();
        let served = plan.client(plan.timeout).await;
        let now = clock::now();
        {
            let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
            tally.longest = tally.longest.max(now.saturating_duration_since(begun));
            match served {
                Ok(()) => (tally.good, tally.last_good) = (tally.good + 1, Some(now)),
                Err(_) => tally.failed += 1,
            }
        }
        tokio::time::sleep(CLIENT_EVERY).await;
    }
}

impl Plan {
    /// Comes to the route as a client: whether a primary answers, and takes the write there is.
    async fn client(&self, limit: Duration) -> Result<(), String> {
        let served = async {
            let mut session = Operator::reach(self.address, &self.account, limit).await?;
            if session.ask(limit).await?.role != Role::Primary {
                return Err("it is no primary that answers".to_owned());
            }
            match &self.write {
                Some(statement) => session.execute(statement, limit).await.map(drop),
                None => Ok(()),
            }
        };
        match tokio::time::timeout(limit, served).await {
            Ok(served) => served,
            Err(_) => Err("no answer in time".to_owned()),
        }
    }
}
