//! A drill: a fault that is made on purpose, with clients of its own on the route, and the record of
//! what came of it.
//!
//! ```text
//! look -> a client is served -> (--dry-run: done)
//!      -> fault -> noticed -> new primary -> served again -> heal -> record
//! ```
//! Where what is missing is known as a floor only, and the fault is healed, the old primary is waited for,
//! which says how much it was.
//!
//! The fault is a program of the operator's, or a planned switchover; nothing here promotes anybody.
//! The clients come one after the other, each by a connection of its own to where the route listens,
//! as the account of the check. Bounds: one client at a time, and a time for all of it.

mod look;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::operation::Teller;
use super::switchover::Switchovers;
use crate::check::operate::{Operator, program};
use crate::clock;
use crate::pure::role::Role;
use crate::pure::role::incident::Incident;
use crate::state::request::{Drill, Fault, Refused};
use crate::state::upkeep::own;
use crate::telemetry::failover::{self, LEAD};
use look::Plan;

/// From one client of the drill to the next.
const CLIENT_EVERY: Duration = Duration::from_millis(20);

/// How often the state of things is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// How long the record of the failover is waited for: longer than it waits for a first session and for
/// the last one of the old primary.
const RECORD_WAIT: Duration = Duration::from_secs(12);

/// What is said of a certificate of another server than the one expected.
const OTHER_NAME: &str = "different from the configured one";

/// The whole of it.
pub(super) async fn run(
    switchovers: &Arc<Switchovers>,
    order: &Drill,
    teller: &Teller,
) -> Result<(), Refused> {
    let process = &switchovers.process;
    let plan = look::look(process, order)?;
    let unserved = |why| format!("a client of the drill is not served: {why}");
    plan.client(Duration::from_secs(5)).await.map_err(unserved)?;
    teller.say(format!("{} serves clients at {}", plan.from.name, plan.address));
    if !order.live {
        if let Fault::Switchover(switchover) = &order.fault {
            let dry = crate::state::request::Switchover { dry_run: true, ..switchover.clone() };
            return Ok(switchovers.run(&dry, teller).await?);
        }
        let words = plan.fault.as_deref().unwrap_or_default().join(" ");
        teller.say(format!("{words} would be run; nothing was changed"));
        return Ok(());
    }
    let tally = Arc::new(Mutex::new(Tally::default()));
    let clients = own(clients(plan.clone(), Arc::clone(&tally)));
    let begun = clock::now();
    let started = failover::written(clock::wall());
    let fault = async {
        match (&order.fault, &plan.fault) {
            (Fault::Switchover(order), _) => switchovers.run(order, teller).await,
            (_, Some(words)) => plan.run(words).await,
            (_, None) => Ok(()),
        }
    };
    let mut times = Times::default();
    let (made, ()) = tokio::join!(fault, watch(&plan, begun, &tally, &mut times));
    if let Err(why) = &made {
        teller.say(format!("the fault could not be made: {why}"));
    }
    let is_healed = plan.mend(teller).await;
    let healed = clock::now();
    let noted = begun + RECORD_WAIT + times.promoted.unwrap_or_default();
    let measured = || {
        let failovers = process.remembered.failovers(&plan.backend.name);
        failovers.into_iter().next_back().filter(|last| last.at >= started)
    };
    while times.promoted.is_some() && measured().is_none() && clock::now() < noted {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    drop(clients);
    if is_healed && plan.rpo.is_some() && measured().is_some_and(|record| record.is_open()) {
        teller.say(format!("{} is waited for, which says how much is missing", plan.from.name));
        let until = healed + plan.timeout;
        while measured().is_some_and(|record| record.is_open()) && clock::now() < until {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
    let tally = *tally.lock().unwrap_or_else(PoisonError::into_inner);
    let under_way = plan.backend.group.incident().filter(|it| it.lost_at >= begun);
    let measured = measured();
    if measured.is_none() && under_way.is_none() {
        // Nothing happened of which a record could tell.
        if made.is_err() {
            return Ok(made?);
        }
        if times.detected.is_none() {
            return Err(plan.without_effect(&tally).into());
        }
    }
    let measured = measured.unwrap_or_else(|| plan.so_far(under_way, started));
    let record = plan.record(measured, &times, &tally);
    process.remembered.record(record.clone());
    teller.say(record.line());
    // Text and numbers are always JSON.
    teller.say(format!("{LEAD}{}", serde_json::to_string(&record).unwrap_or_default()));
    made?;
    kept(&record)
}

/// Whether a drill kept to what was declared.
fn kept(record: &failover::Record) -> Result<(), Refused> {
    match &record.broken()[..] {
        [] => Ok(()),
        broken if record.is_unknown() => Err(Refused::Unknown(broken.join("; "))),
        broken => Err(broken.join("; ").into()),
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
    /// The record of a drill: what was measured of the failover, as it shows from the fault on.
    fn record(&self, measured: failover::Record, times: &Times, tally: &Tally) -> failover::Record {
        let seconds = |time: Option<Duration>| time.map(|time| time.as_secs_f64());
        let since = |later: Option<Duration>, earlier: Option<Duration>| {
            seconds(later.zip(earlier).map(|(later, earlier)| later.saturating_sub(earlier)))
        };
        let drill = failover::Drill {
            fault: self.word.to_owned(),
            writes: self.write.is_some(),
            clients_good: tally.good,
            clients_failed: tally.failed,
            longest_wait: tally.longest.as_secs_f64(),
        };
        let record = failover::Record {
            backend: self.backend.name.to_string(),
            from: self.from.name.to_string(),
            to: self.backend.group.claims().primary,
            // Of what was planned nothing had to be noticed, and its pause is a time of its own.
            seconds: if self.is_planned {
                measured.seconds
            } else {
                failover::Seconds {
                    detect: seconds(times.detected),
                    promote: since(times.promoted, times.detected),
                    attach: since(times.served, times.promoted),
                    total: seconds(times.served),
                    // What it was is in the whole of it: the clients of a drill see it from outside.
                    pause: None,
                    cut: measured.seconds.cut,
                }
            },
            // Its clients always want to be served.
            nobody_waited: self.is_planned && measured.nobody_waited,
            waited_elsewhere: self.is_planned && measured.waited_elsewhere,
            drill: Some(drill),
            ..measured
        };
        let rto = seconds(self.rto);
        record.judged(vec![self.route.clone()], failover::Declared { rto, rpo: self.rpo })
    }

    /// What is known of a failover that has no record: it goes on, or began at `started`.
    fn so_far(&self, under_way: Option<Incident>, started: String) -> failover::Record {
        let Some(incident) = under_way else {
            return failover::Record { at: started, ..Default::default() };
        };
        let ago = clock::now().saturating_duration_since(incident.lost_at);
        failover::Record::so_far(&self.backend.name, &incident, clock::wall(), ago)
    }

    /// What is said where the primary was taken for one all the time.
    fn without_effect(&self, tally: &Tally) -> String {
        let Self { from, timeout, .. } = self;
        let Tally { good, failed, longest, last_good } = tally;
        let since = last_good.map(|last| clock::now().saturating_duration_since(last));
        let long = *timeout / 2;
        let goes_on = since.is_some_and(|since| since < long) && *longest < long;
        let stayed = format!("{} was the primary for all of {timeout:?}", from.name);
        if *failed == 0 && goes_on {
            return format!("the fault had no effect: {stayed}, and {good} clients were served");
        }
        format!(
            "the fault was not noticed: {stayed}; {good} clients were served, the last one {:?} ago, and \
             {failed} saw an error",
            since.unwrap_or(*timeout)
        )
    }

    /// Undoes the fault, where a program for that is named. Whether that was done.
    async fn mend(&self, teller: &Teller) -> bool {
        let Some(words) = &self.heal else { return false };
        let healed = self.run(words).await;
        match &healed {
            Ok(()) => teller.say("healed".to_owned()),
            Err(why) => teller.say(format!("it could not be healed: {why}")),
        }
        healed.is_ok()
    }

    /// Runs a program of the operator's.
    async fn run(&self, words: &[String]) -> Result<(), String> {
        program(words, &self.variables(), self.timeout).await
    }

    /// Logs in at the route as the check does. Which server it comes to shows in its certificate, where
    /// that has to be of a name.
    async fn log_in(&self, limit: Duration) -> Result<Operator, String> {
        let mut opened = Err("the backend has no servers".to_owned());
        for server in &self.backend.live().servers.clone() {
            let check = server.settings().check.clone();
            let tls = check.and_then(|check| check.tls);
            opened = Operator::reach(self.address, &self.account, tls, limit).await;
            match &opened {
                Err(why) if why.ends_with(OTHER_NAME) => {}
                _ => break,
            }
        }
        opened
    }

    /// Comes to the route as a client: whether a primary answers, and takes the write there is.
    async fn client(&self, limit: Duration) -> Result<(), String> {
        let served = async {
            let mut session = self.log_in(limit).await?;
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
