//! The pause: new clients wait, and the sessions on the primary end between their transactions.

use std::iter;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::LOOK_EVERY;
use super::plan::Plan;
use crate::app::operation::{Beat, Teller};
use crate::check::again::is_awaited;
use crate::clock;
use crate::pure::role::route::RoleRoute;
use crate::state::sessions::{Parting, Told};
use crate::state::{Backend, CutReason, Process, Server, publish};

/// How long only quiet sessions are ended, at most: whoever comes waits meanwhile.
const PATIENCE_MAX: Duration = Duration::from_millis(500);

/// How long the two servers may take to say what they are: one that does not by then is found to be DOWN.
const HEARD_MAX: Duration = Duration::from_secs(1);

/// How often in a row no session may be seen before there is none: one that was just given the primary
/// shows a moment later.
const QUIET_LOOKS: u32 = 3;

/// New clients of the two servers' backends wait while this is there.
#[derive(Debug)]
pub(super) struct Rest {
    process: Arc<Process>,
    /// That of the route first.
    resting: Vec<Resting>,
}

/// A backend that has both servers, by names of its own.
#[derive(Debug)]
struct Resting {
    backend: Arc<Backend>,
    from: Arc<Server>,
    to: Arc<Server>,
    /// Sessions that were told to end.
    told: usize,
}

impl Rest {
    /// They wait for `to` to take over from `from`, in `backend` and wherever else those two are.
    ///
    /// # Errors
    /// They wait already.
    pub(super) fn begin(
        process: &Arc<Process>,
        backend: &Arc<Backend>,
        from: &Arc<Server>,
        to: &Arc<Server>,
    ) -> Result<Self, String> {
        let objects = process.objects();
        // A backend that no route by role leads to knows of no primary.
        let is_other = |known: &&Arc<Backend>| {
            !Arc::ptr_eq(known, backend) && !known.settings().routes.is_empty()
        };
        let others = objects.backends.iter().filter(is_other);
        let others = others.filter_map(|known| {
            let (from, to) = (at(known, from)?, at(known, to)?);
            Some((Arc::clone(known), from, to))
        });
        let mut rest = Self { process: Arc::clone(process), resting: Vec::new() };
        let first = (Arc::clone(backend), Arc::clone(from), Arc::clone(to));
        for (backend, from, to) in iter::once(first).chain(others) {
            if !publish::rest(&backend, clock::now(), Some(&to.name)) {
                return Err(format!("another switchover of backend '{}' goes on", backend.name));
            }
            rest.resting.push(Resting { backend, from, to, told: 0 });
        }
        Ok(rest)
    }

    /// The primary is told to take no more writes, or a program is to tell it.
    pub(super) fn note_frozen(&self, by_program: bool) {
        let now = clock::now();
        self.resting.iter().for_each(|it| publish::frozen(&it.backend, now, by_program));
    }

    /// It is given up, and the primary takes writes again; who is `pending` may become it yet.
    pub(super) fn give_up(&self, pending: Option<&str>) {
        let now = clock::now();
        self.resting.iter().for_each(|it| publish::given_up(&it.backend, now, pending));
    }

    /// Whether all backends take the one that took over for the primary; those that do not, look.
    pub(super) fn is_followed(&self) -> bool {
        let late = self
            .resting
            .iter()
            .filter(|it| it.backend.group.claims().primary.as_deref() != Some(&*it.to.name));
        late.map(|it| it.to.hint()).count() == 0
    }

    /// Has the two servers asked again and waits for what they say, for who goes on is led by it.
    ///
    /// # Cancel safety
    /// Safe.
    pub(super) async fn hear(&self) {
        let since = clock::now();
        let is_awaited = |it: &Resting| {
            let [from, to] =
                [&it.from, &it.to].map(|server| is_awaited(&it.backend, server, since));
            from || to
        };
        while self.resting.iter().filter(|it| is_awaited(it)).count() > 0
            && clock::now() < since + HEARD_MAX
        {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Tells the sessions on the primary to end.
    pub(super) fn part(&mut self, how: Parting) -> Told {
        let mut all = Told::default();
        for it in &mut self.resting {
            let now = self.process.sessions.part_on(&it.from, how);
            it.told += now.newly;
            let gone = it.told.saturating_sub(now.left);
            publish::parted(&it.backend, u64::try_from(gone).unwrap_or(u64::MAX));
            all.left += now.left;
            all.newly += now.newly;
            all.hidden += now.hidden;
        }
        all
    }

    /// Ends them. How many.
    fn cut(&self) -> usize {
        let is_write = |route| route == RoleRoute::Primary;
        let cut = |it: &Resting| {
            publish::parted(&it.backend, u64::try_from(it.told).unwrap_or(u64::MAX));
            self.process.sessions.end_routed_on(&it.from, CutReason::RoleLost, is_write)
        };
        self.resting.iter().map(cut).sum()
    }
}

impl Drop for Rest {
    fn drop(&mut self) {
        for it in &self.resting {
            publish::rest(&it.backend, clock::now(), None);
            self.process.sessions.stay_on(&it.from);
        }
    }
}

/// The server of `backend` that has the address of `server`.
fn at(backend: &Backend, server: &Server) -> Option<Arc<Server>> {
    let settings = server.settings();
    let live = backend.live();
    live.servers.iter().find(|known| known.settings().address == settings.address).cloned()
}

/// Ends the sessions on the primary between their transactions.
pub(super) async fn drain(
    plan: &Plan,
    rest: &mut Rest,
    force: bool,
    teller: &Teller,
    until: Instant,
) -> Result<(), String> {
    let begun = clock::now();
    let patience = (until.saturating_duration_since(begun) / 2).min(PATIENCE_MAX);
    let first = rest.part(Parting::Quiet);
    teller.say(format!("{} sessions of {} are to end", first.left, plan.from.name));
    if first.hidden > 0 {
        teller.say(hidden(first.hidden, force));
    }
    let (mut quiet, mut beat) = (0, Beat::new());
    while quiet < QUIET_LOOKS {
        plan.stands()?;
        let is_patient = clock::now() < begun + patience;
        let how = if is_patient { Parting::Quiet } else { Parting::Soon };
        let now = rest.part(how);
        quiet = if now.left == 0 { quiet + 1 } else { 0 };
        beat.say(teller, || format!("{} sessions are left", now.left))?;
        if now.left > 0 && clock::now() >= until {
            if !force {
                return Err(busy(now));
            }
            teller.say(format!("{} busy sessions are cut", rest.cut()));
            return Ok(());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(())
}

/// The same of those that are there before anybody waits; nothing where there are none. They may end by
/// themselves: that is no reason to refuse.
pub(super) fn hidden_now(plan: &Plan, force: bool) -> Option<String> {
    let objects = plan.process.objects();
    let on = objects.backends.iter().filter_map(|known| at(known, &plan.from));
    let count = on.map(|server| plan.process.sessions.count_hidden_on(&server)).sum();
    (count > 0).then(|| hidden(count, force))
}

/// Said in time, for those who have to decide.
fn hidden(count: usize, force: bool) -> String {
    let what = format!(
        "TLS or compression hides of {count} of them whether they are between two transactions"
    );
    match force {
        true => format!("{what}: they are cut if they do not end by themselves"),
        false => format!("{what}: they have to end by themselves, or --force cuts them"),
    }
}

/// Why those that are left keep it from going on.
fn busy(told: Told) -> String {
    let busy = told.left - told.hidden;
    let force = "(--force ends them)";
    let hidden = format!(
        "{} sessions are left whose transactions TLS or compression hides {force}",
        told.hidden
    );
    match (busy, told.hidden) {
        (busy, 0) => format!("{busy} sessions are still busy {force}"),
        (0, _) => hidden,
        (busy, _) => format!("{busy} sessions are still busy, and {hidden}"),
    }
}
