//! A planned switchover: another server becomes the primary while new clients wait.
//!
//! ```text
//! look -> rest -> drain -> freeze -> catch up -> promote -> route -> release
//!           '--------'---------'----------'---------'--> undo -> release (given up)
//! ```
//! - *look*: the route leads to a primary, the one that is to take over follows it, both can be logged
//!   in to, by an account that may do all of it (see [`rights`]), the hold of clients is longer than
//!   they may have to wait, and what the primary has now the other one gets within `--max-lag`;
//! - *rest*: new clients of routes to the primary wait, as in a failover;
//! - *drain*: sessions are ended between two transactions: at first those that are quiet, soon all.
//!   What is in one at half of the time is ended where the operator said so, else it is given up;
//! - *freeze* to *promote*: see [`steps`];
//! - *route*: the checks see the new primary, by themselves, and believe it by the usual rules.
//!
//! Before each step that cannot be taken back it is asked whether a reload, a command or a check has made
//! the plan void. Until the freeze it is given up when who asked for it is gone: nothing is changed later
//! than somebody waits for it.
//!
//! What is about to be changed is on disk before the rest (see [`journal`]): who comes after a process that
//! ended half-way undoes it, and who comes beside one that goes on waits for it (see [`mend`]). A soft stop
//! waits for the end of it, any other one gives it up.
//!
//! Bounds: one a server at a time, and a time from the pause on; *look* and *undo* have their own. Of several
//! processes one makes it, and the others wait for what becomes of it (see [`join`]).

mod before;
mod drain;
mod followers;
mod join;
mod journal;
mod left;
mod mend;
mod plan;
mod rights;
mod running;
mod stale;
mod standbys;
mod steps;
mod undo;

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::operation::Teller;
use crate::clock;
use crate::config::model::Promote;
use crate::pure::role::lag::Lag;
use crate::state::request::{Stage, Switchover};
use crate::telemetry::event::RoleChange;
use before::Before;
use drain::{Rest, drain};
use journal::{Entry, Page};
use plan::Plan;
use running::Going;
use steps::Pair;
use undo::{Half, Undone};

pub(super) use journal::Journal;
pub(super) use running::Switchovers;

/// How often the state of things is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// How long a third may claim to be primary beside the new one: a replica that takes writes does, while
/// it is told to follow that one.
const THIRD_MAX: Duration = Duration::from_secs(1);

/// How long undoing may take.
const UNDO_MAX: Duration = Duration::from_secs(10);

impl Switchovers {
    /// The whole of one.
    pub(super) async fn run(
        self: &Arc<Self>,
        order: &Switchover,
        teller: &Teller,
    ) -> Result<(), String> {
        let plan = Plan::look(&self.process, order)?;
        let Plan { process, backend, from, to, timeout, .. } = &plan;
        self.announce(&plan, teller);
        let going = self.begin(&plan)?;
        let mut pair = Pair::connect(&plan, clock::now() + *timeout).await?;
        pair.may(&plan, clock::now() + *timeout).await?;
        let hangs = standbys::look(&mut pair, &plan, order.force).await?;
        let behind = tokio::select! {
            behind = pair.keep_up(&plan, teller) => behind?,
            () = self.closing() => return Err("the process stops".to_owned()),
        };
        teller.say(format!("both can be reached; {} lacks {behind}", to.name));
        if let Some(hidden) = drain::hidden_now(&plan, order.force) {
            teller.say(hidden);
        }
        if let Some(why) = followers::look(&mut pair, &plan).await? {
            teller.say(format!("warning: {why}"));
        }
        if order.dry_run {
            teller.say("nothing was changed".to_owned());
            return Ok(());
        }
        if !pair.claim(clock::now() + *timeout).await? {
            return self.join(&plan, pair, teller).await;
        }
        let before = pair.look(&plan, clock::now() + *timeout).await?;
        let page = self.write_down(&plan, &before).await?;
        let rest = match Rest::begin(process, backend, from, to) {
            Ok(rest) => rest,
            Err(why) => {
                page.into_iter().for_each(mend::remove);
                return Err(why);
            }
        };
        let planned = RoleChange::Planned { from: from.name.to_string(), to: to.name.to_string() };
        self.say(backend, planned);
        let begun = clock::now();
        going.reach(Stage::Draining);
        let half = Half { before, is_promoting: false };
        let is_changed = false;
        let mut course = Course {
            all: self,
            plan: &plan,
            teller,
            going: &going,
            pair,
            rest,
            half,
            is_changed,
            page,
        };
        let result = tokio::select! {
            result = course.change(order.force, begun) => result,
            () = self.over() => Err("the process stops".to_owned()),
        };
        if let Err(why) = &result {
            course.give_up(why).await;
            return result;
        }
        if let Some(page) = course.page.take() {
            mend::remove(page);
        }
        let hangs = standbys::look_again(&mut course.pair, &plan, hangs).await;
        drop(course);
        let paused = clock::now().saturating_duration_since(begun);
        teller.say(format!("{} is primary; new clients waited {} ms", to.name, paused.as_millis()));
        hangs.into_iter().for_each(|why| teller.say(format!("warning: {why}")));
        Ok(())
    }

    /// Says what is to come of it.
    fn announce(&self, plan: &Plan, teller: &Teller) {
        let Plan { from, to, timeout, .. } = plan;
        teller.say(format!(
            "{} is to take over from {}; clients wait {timeout:?} at most",
            to.name, from.name
        ));
        if self.journal.is_none() {
            teller.say(format!(
                "without state_dir: if this process is killed half-way, {} may be left refusing writes",
                from.name
            ));
        }
    }

    /// What is about to be changed is on disk before the first client waits: a process that starts from
    /// then on waits for it, too.
    async fn write_down(&self, plan: &Plan, before: &Before) -> Result<Option<Page>, String> {
        if self.is_closing() {
            return Err("the process stops".to_owned());
        }
        let Some(journal) = &self.journal else { return Ok(None) };
        let name = journal::name(clock::wall());
        self.note(&name);
        let page = journal.begin(&entry(plan, before), name).await;
        page.map(Some).map_err(|error| unwritten(&error))
    }
}

/// A switchover on its way.
struct Course<'a> {
    all: &'a Arc<Switchovers>,
    plan: &'a Plan,
    teller: &'a Teller,
    going: &'a Going,
    pair: Pair,
    rest: Rest,
    /// What is to come back once something was changed.
    half: Half,
    is_changed: bool,
    /// What is to be changed, on disk.
    page: Option<Page>,
}

impl Course<'_> {
    /// From the pause to the new primary.
    ///
    /// # Cancel safety
    /// [`take_back`](Self::take_back) is due when it was dropped.
    async fn change(&mut self, force: bool, begun: Instant) -> Result<(), String> {
        let (plan, teller) = (self.plan, self.teller);
        let Plan { backend, from, to, timeout, max_lag, .. } = plan;
        let deadline = begun + *timeout;
        drain(plan, &mut self.rest, force, teller, begun + *timeout / 2).await?;
        teller.is_heard()?;
        plan.stands()?;
        if let Some(Lag { time, amount, .. }) = plan.lag().filter(|lag| lag.time > *max_lag) {
            return Err(format!(
                "{} has come to be {time:.1?} behind, it lacks {amount} (--max-lag {max_lag:?})",
                to.name
            ));
        }
        self.is_changed = true;
        self.going.reach(Stage::Frozen);
        let is_ours = matches!(plan.step, Promote::BuiltIn(_));
        self.rest.note_frozen(!is_ours);
        self.pair.freeze(plan, &self.half.before, deadline).await?;
        if is_ours {
            teller.say(format!("{} takes no writes any more", from.name));
        }
        self.pair.catch_up(plan, deadline).await?;
        // What clients past this proxy write is the program's to end.
        teller.say(match is_ours {
            true => format!("{} has all that {} had", to.name, from.name),
            false => {
                format!("{} has what {} had a moment ago; the program is run", to.name, from.name)
            }
        });
        if let Some(page) = &mut self.page {
            page.promote().await.map_err(|error| unwritten(&error))?;
        }
        plan.may_go_on()?;
        self.pair.stays_frozen(plan, deadline).await?;
        self.half.is_promoting = true;
        self.going.reach(Stage::Promoting);
        let promoted = self.pair.promote(plan, &self.half.before, deadline).await;
        if let Err(why) = &promoted {
            self.half.is_promoting = !steps::is_refused(why);
        }
        promoted?;
        let is_primary = || backend.group.claims().primary.as_deref() == Some(&*to.name);
        let mut since = None;
        while !self.rest.is_followed() {
            if let Err(why) = plan.is_alone() {
                if clock::now() >= *since.get_or_insert_with(clock::now) + THIRD_MAX {
                    return Err(why);
                }
            } else {
                since = None;
            }
            if clock::now() >= deadline {
                if is_primary() {
                    teller.say("another backend with these servers does not follow yet".to_owned());
                    return Ok(());
                }
                return Err(match backend.group.refusal(&to.name) {
                    Some(why) => format!("{} is not believed to be primary: {why}", to.name),
                    None => format!("{} did not become primary in time", to.name),
                });
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    /// It failed for this reason.
    async fn give_up(self, why: &str) {
        let (all, plan, teller) = (self.all, self.plan, self.teller);
        teller.say(format!("given up: {why}"));
        let undone = self.take_back().await;
        let more = match undone {
            Some(Undone::Pending) => format!("; {}", undo::pending(&plan.to.name)),
            _ => String::new(),
        };
        let (from, to) = (&*plan.from.name, &*plan.to.name);
        let change = left::given_up(&plan.backend, (from, to), &format!("{why}{more}")).await;
        if let RoleChange::GivenUp { why: told, .. } = &change
            && let Some(more) = told.strip_prefix(why).and_then(|more| more.strip_prefix("; "))
        {
            teller.say(more.to_owned());
        }
        all.say(&plan.backend, change);
    }

    /// Undoes what was changed. What cannot be now is tried again, for as long as this process lives.
    /// Yields what came of it, if anything did.
    async fn take_back(mut self) -> Option<Undone> {
        let (plan, teller) = (self.plan, self.teller);
        let (from, to) = (&plan.from.name, &plan.to.name);
        let (page, half) = (self.page.take(), self.half);
        if !self.is_changed {
            self.rest.give_up(None);
            page.into_iter().for_each(mend::remove);
            return None;
        }
        self.going.reach(Stage::Undoing);
        let is_program = matches!(plan.step, Promote::Program { .. });
        if is_program {
            // What it did before it failed nobody was told.
            self.rest.hear().await;
        }
        let undone = tokio::time::timeout(UNDO_MAX, half.undo_unless_stale(plan, None)).await;
        match undone.unwrap_or_else(|_| Err("it takes too long".to_owned())) {
            Ok(undone) => {
                if is_program && undone == Undone::Reversed {
                    self.rest.hear().await;
                }
                if !undone.is_left() {
                    self.rest.give_up((undone == Undone::Pending).then_some(&**to));
                }
                if undone != Undone::Nothing {
                    teller.say(undone.words(from, to));
                }
                page.into_iter().for_each(mend::remove);
                Some(undone)
            }
            Err(why) => {
                teller.say(format!("it could not be undone: {why}; it is tried until it can be"));
                let (all, entry) = (Arc::clone(self.all), entry(plan, &half.before));
                drop(self.rest);
                self.all.look_after(mend::settle(all, entry, half, page, None));
                None
            }
        }
    }
}

/// What is written down of a switchover.
fn entry(plan: &Plan, before: &Before) -> Entry {
    let Plan { route, backend, from, to, timeout, .. } = plan;
    Entry {
        route: route.clone(),
        backend: backend.name.to_string(),
        from: from.name.to_string(),
        from_addr: from.settings().address.text(),
        to: to.name.to_string(),
        to_addr: to.settings().address.text(),
        before: before.clone(),
        timeout_ms: u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX),
    }
}

/// Why nothing goes on without the file.
fn unwritten(error: &std::io::Error) -> String {
    format!("what is to be done cannot be written to state_dir: {error}")
}
