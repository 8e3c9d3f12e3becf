//! A switchover of the same primary that another process makes, which is in front of it, too: clients wait
//! here as well, and nothing is changed from here.

use std::time::{Duration, Instant};

use super::drain::Rest;
use super::left;
use super::plan::Plan;
use super::steps::Pair;
use super::{Switchovers, THIRD_MAX};
use crate::app::operation::{Beat, Teller};
use crate::clock;
use crate::state::sessions::Parting;
use crate::telemetry::event::RoleChange;

/// How often it is asked whether the other one has ended.
const ASK_EVERY: Duration = Duration::from_millis(50);

/// How long after that the new primary may take to be heard: as long as a poll or two.
const HEARD_MAX: Duration = Duration::from_secs(1);

impl Switchovers {
    /// Waits with the clients for what becomes of the other one.
    ///
    /// # Errors
    /// Who was to is not primary after it.
    ///
    /// # Cancel safety
    /// Clients go on as they would without it.
    pub(super) async fn join(
        &self,
        plan: &Plan,
        pair: Pair,
        teller: &Teller,
    ) -> Result<(), String> {
        let Plan { process, backend, from, to, timeout, .. } = plan;
        teller.say(format!(
            "another process makes a switchover of {}; clients wait here for what becomes of it",
            from.name
        ));
        let mut rest = Rest::begin(process, backend, from, to)?;
        let planned = RoleChange::Planned { from: from.name.to_string(), to: to.name.to_string() };
        self.say(backend, planned);
        let begun = clock::now();
        let result = tokio::select! {
            result = follow(plan, pair, &mut rest, teller, begun + *timeout) => result,
            () = self.over() => Err("the process stops".to_owned()),
        };
        match &result {
            Ok(()) => {
                let paused = clock::now().saturating_duration_since(begun).as_millis();
                teller.say(format!("{} is primary; new clients waited {paused} ms", to.name));
            }
            Err(why) => {
                rest.give_up(None);
                drop(rest);
                self.say(backend, left::given_up(backend, (&from.name, &to.name), why).await);
            }
        }
        result
    }
}

/// Until the other server is primary here, too. Sessions end between their transactions for as long as
/// the other process lets them.
async fn follow(
    plan: &Plan,
    mut pair: Pair,
    rest: &mut Rest,
    teller: &Teller,
    deadline: Instant,
) -> Result<(), String> {
    let (mut beat, mut since, mut over_since) = (Beat::new(), None, None);
    loop {
        let told = rest.part(Parting::Quiet);
        if rest.is_followed() {
            return Ok(());
        }
        let now = clock::now();
        match plan.is_alone() {
            Ok(()) => since = None,
            Err(why) if now >= *since.get_or_insert(now) + THIRD_MAX => return Err(why),
            Err(_) => {}
        }
        // Of one that does not answer nothing is known.
        if over_since.is_none() && pair.claim(deadline).await.is_ok_and(|is_ours| is_ours) {
            over_since = Some(now);
        }
        if over_since.is_some_and(|since| now >= since + HEARD_MAX) {
            return Err(format!(
                "the other process has ended its own, and {} is not primary",
                plan.to.name
            ));
        }
        if now >= deadline {
            return Err("the other process has not ended its own in time".to_owned());
        }
        beat.say(teller, || format!("{} sessions are left", told.left))?;
        tokio::time::sleep(ASK_EVERY).await;
    }
}
