//! A switchover that is half done, by a process that ended or by one that could not undo it: it is
//! undone as soon as that can be, or found to be done.
//!
//! ```text
//! taken ── its process ends ──> ours ──> both heard ──> undone, or done: the file is removed
//!   └──── its process removes the file ──> nothing to do
//! ```
//! Clients wait for it for as long as they would have for the switchover, and no longer.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::drain::Rest;
use super::journal::{self, Claim, Entry, Journal, Page, Peek};
use super::plan::{Plan, named};
use super::running::Switchovers;
use super::undo::{self, Half, Undone};
use super::{UNDO_MAX, left};
use crate::clock;
use crate::config::defaults::SWITCHOVER_MAX_LAG;
use crate::state::request::Stage;
use crate::state::{Process, publish};

/// How often the state of things is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// From an attempt to undo it that failed to the next.
const PAUSE: Duration = Duration::from_secs(1);

/// How long both servers are waited for, before one that is not heard is taken for dead.
const HEAR_MAX: Duration = Duration::from_secs(5);

/// Looks after a file that was there when this process began.
pub(super) async fn found(
    all: Arc<Switchovers>,
    journal: Journal,
    (name, peek): (String, Option<Peek>),
    rest: Option<Rest>,
) {
    let timeout = peek.as_ref().map_or(0, |it| it.entry.timeout_ms);
    let timeout = Duration::from_millis(timeout);
    let until = clock::now() + timeout + UNDO_MAX;
    let mut rest = rest;
    let mut was_said = false;
    let age = journal::since(&name).and_then(|since| clock::wall().duration_since(since).ok());
    let age = age.unwrap_or_default();
    let going = peek.as_ref().map(|it| all.go_on(&it.entry, Stage::Elsewhere, age));
    let (page, entry, is_promoting) = loop {
        rest = rest.filter(|_| clock::now() < until);
        match journal.claim(&name) {
            Ok(Claim::Ours(page, Some(entry), is_promoting)) => break (page, entry, is_promoting),
            Ok(Claim::Ours(page, None, _)) => return remove(page),
            Ok(Claim::Gone) => {
                tracing::info!("switchover: the process that began it has ended it.");
                if let (Some(rest), true) = (rest, peek.is_some_and(|mut it| it.is_promoting())) {
                    follow(&rest).await;
                }
                return;
            }
            Ok(Claim::Taken) if !was_said => {
                tracing::info!("switchover: another process goes on with one: it is waited for.");
                was_said = true;
            }
            Ok(Claim::Taken) => {}
            Err(error) => return tracing::error!("cannot take {name} in state_dir: {error}"),
        }
        tokio::time::sleep(LOOK_EVERY).await;
    };
    tracing::warn!(
        "switchover: the process that had {} take over from {} in backend {} ended half-way.",
        entry.to,
        entry.from,
        entry.backend
    );
    let half = Half { before: entry.before.clone(), is_promoting };
    drop(going);
    settle(all, *entry, half, Some(page), rest.map(|rest| (rest, until))).await;
}

/// Waits until the next primary of another process is the primary here, too: who hears of it when nobody
/// waits for it any more sees two of them.
async fn follow(rest: &Rest) {
    let until = clock::now() + HEAR_MAX;
    while !rest.is_followed() && clock::now() < until {
        tokio::time::sleep(super::LOOK_EVERY).await;
    }
}

/// Tries to undo it until that is done.
pub(super) async fn settle(
    all: Arc<Switchovers>,
    entry: Entry,
    half: Half,
    page: Option<Page>,
    mut rest: Option<(Rest, Instant)>,
) {
    let begun = clock::now();
    let since = page.as_ref().and_then(Page::since);
    let age = since.and_then(|since| clock::wall().duration_since(since).ok());
    let _going = all.go_on(&entry, Stage::HalfDone, age.unwrap_or_default());
    let mut said = String::new();
    loop {
        rest = rest.filter(|(_, until)| clock::now() < *until);
        match attempt(&all.process, &entry, &half, (begun, since)).await {
            Ok(Some(undone)) => {
                let Entry { backend, from, to, .. } = &entry;
                let what = undone.words(from, to);
                tracing::warn!("switchover to {to} in backend {backend}: {what}.");
                let objects = all.process.objects();
                let known = objects.backends.iter().find(|known| *known.name == **backend);
                if let Some(known) = known.filter(|_| !undone.is_left()) {
                    let pending = (undone == Undone::Pending).then_some(&**to);
                    let more =
                        pending.map_or(String::new(), |to| format!("; {}", undo::pending(to)));
                    let why = format!("it was left half done{more}");
                    publish::given_up(known, clock::now(), pending);
                    all.say(known, left::given_up(known, (from, to), &why).await);
                }
                if let Some(page) = page {
                    remove(page);
                }
                return;
            }
            Ok(None) => tokio::time::sleep(LOOK_EVERY).await,
            Err(why) => {
                if why != said {
                    tracing::error!(
                        "switchover to {} in backend {} is not undone yet: {why}.",
                        entry.to,
                        entry.backend
                    );
                    said = why;
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// What came of one attempt; `None`: not enough is known yet.
async fn attempt(
    process: &Arc<Process>,
    entry: &Entry,
    half: &Half,
    (begun, since): (Instant, Option<SystemTime>),
) -> Result<Option<Undone>, String> {
    let plan = plan(process, entry)?;
    let group = &plan.backend.group;
    let is_heard = |name: &str| group.reading(name).is_some();
    let is_patient = clock::now() < begun + HEAR_MAX;
    if is_patient && !(is_heard(&plan.from.name) && is_heard(&plan.to.name)) {
        return Ok(None);
    }
    let undone = tokio::time::timeout(UNDO_MAX, half.undo_unless_stale(&plan, since)).await;
    undone.unwrap_or_else(|_| Err("it takes too long".to_owned())).map(Some)
}

/// The plan as the configuration has it now.
fn plan(process: &Arc<Process>, entry: &Entry) -> Result<Plan, String> {
    let objects = process.objects();
    let backend = objects.backends.iter().find(|known| *known.name == *entry.backend);
    let backend = backend.ok_or_else(|| format!("there is no backend '{}'", entry.backend))?;
    let server = |name: &str, address: &str| {
        let gone = || format!("there is no server '{name}' ({address})");
        named(backend, name).ok_or_else(gone)
    };
    let (from, to) = (server(&entry.from, &entry.from_addr)?, server(&entry.to, &entry.to_addr)?);
    let settings = backend.settings();
    let switchover = settings.switchover.as_ref();
    let switchover =
        switchover.ok_or_else(|| format!("backend '{}' has no 'switchover'", backend.name))?;
    Ok(Plan {
        process: Arc::clone(process),
        route: entry.route.clone(),
        backend: Arc::clone(backend),
        from,
        to,
        step: switchover.step.clone(),
        timeout: Duration::from_millis(entry.timeout_ms),
        max_lag: SWITCHOVER_MAX_LAG,
    })
}

/// The file has done its work.
pub(super) fn remove(page: Page) {
    if let Err(error) = page.remove() {
        tracing::error!("a switchover that is over cannot be removed from state_dir: {error}");
    }
}
