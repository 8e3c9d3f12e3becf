//! Who knocks at the door of a database with which a session is held.
//!
//! Each knock is a task of its own, so that no answer that is awaited on the session makes it late.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::driver::held::Held;
use super::driver::hush::hush;
use super::held::dialogue;
use super::reach;
use super::target::{Target, Timing};
use crate::clock;
use crate::config::model::{DatabaseCheck, DatabaseKind};
use crate::pure::health::verdict::Verdict;
use crate::pure::sentinel::Settings;
use crate::pure::sentinel::door::{Door, Knock, Manner, apart};
use crate::state::upkeep::{Owned, own};

/// One packet that asks for the connection may be lost: it is sent again after this (RFC 6298, 2.1).
const SENT_AGAIN: Duration = Duration::from_secs(1);

/// How often somebody looks at the clock while an answer is awaited.
const LOOK: Duration = Duration::from_millis(50);

/// See the module. Without a session that is held nobody knocks: who begins one finds out.
pub(super) struct Knocker {
    target: Target,
    check: DatabaseCheck,
    door: Option<Door>,
    manner: Option<Manner>,
    /// What new sessions go by, as far as it is known: the one that is held does not say.
    settings: Option<Settings>,
    /// When those that hold now were read.
    read_at: Option<String>,
    running: Option<Owned<Found>>,
}

/// What came of a knock, and what a whole session said of the settings.
type Found = (Knock, Option<Settings>);

impl Knocker {
    /// Nothing is held yet.
    pub(super) const fn new(target: Target, check: DatabaseCheck) -> Self {
        let (door, manner, settings, read_at, running) = (None, None, None, None, None);
        Self { target, check, door, manner, settings, read_at, running }
    }

    /// A session was begun: whoever takes one takes others.
    pub(super) fn handle_begun(&mut self) {
        (self.door, self.running) = (Some(Door::open(clock::now())), None);
        self.settings = None;
    }

    /// There is none any more.
    pub(super) fn handle_ended(&mut self) {
        (self.door, self.running) = (None, None);
    }

    /// The session answered a check with these times. What the database says of its settings, and whether
    /// somebody waits for a first answer, decides when to knock.
    pub(super) fn handle_answer(
        &mut self,
        timing: Timing,
        settings: Option<&Settings>,
        is_awaited: bool,
    ) {
        self.settings = self.settings.take().or_else(|| settings.cloned());
        self.read_at = settings.map(|settings| settings.read_at.clone());
        let answer = timing.answer.unwrap_or(timing.inter);
        let connect = answer + SENT_AGAIN;
        self.target.timing = Timing { inter: timing.inter, connect, answer: Some(answer) };
        let usual = match self.check.kind {
            DatabaseKind::Postgres => apart::POSTGRES,
            DatabaseKind::Mysql => apart::MYSQL,
        };
        // One that is written is meant, whatever is noted.
        let is_noted = self.check.door.is_none()
            && !self.is_outdated()
            && self.settings.as_ref().is_some_and(|settings| settings.notes_connections);
        let every = self.check.door.unwrap_or_else(|| usual.max(timing.inter));
        let again = timing.inter.min(every);
        let manner = Manner { every, again, is_noted, is_awaited };
        self.manner = Some(manner).filter(|_| !every.is_zero());
    }

    /// A new client was answered last at `at`.
    pub(super) fn handle_client(&mut self, at: std::time::Instant) {
        if let Some(door) = &mut self.door {
            door.handle_client(at);
        }
    }

    /// Whether it has to ask again what is noted: the database was told something since.
    fn is_outdated(&self) -> bool {
        let known = self.settings.as_ref().map(|settings| &settings.read_at);
        self.check.door.is_none() && known != self.read_at.as_ref()
    }

    /// Whether it is told to knock where somebody waits, and only there.
    pub(super) fn asks_who_waits(&self) -> bool {
        self.manner.is_some_and(|manner| manner.is_noted)
    }

    /// The verdict on the door, which `fall` knocks in a row shut.
    pub(super) fn verdict(&self, fall: u32) -> Option<Verdict> {
        self.door.as_ref()?.verdict(fall)
    }

    /// Knocks when it is time to, and completes after a knock that failed.
    ///
    /// # Cancel safety
    /// Safe: a knock goes on by itself.
    pub(super) async fn fails(&mut self) {
        loop {
            let Some(running) = &mut self.running else {
                let due = self.door.as_ref().zip(self.manner);
                reach(due.and_then(|(door, manner)| door.next_knock(manner))).await;
                self.running = Some(own(self.knock()));
                continue;
            };
            let (knock, settings) = running.await.unwrap_or((Knock::Void, None));
            self.running = None;
            self.learn(&knock, settings);
            let door = self.door.as_mut().zip(self.manner);
            if door.is_some_and(|(door, manner)| door.handle_knock(clock::now(), knock, manner)) {
                return;
            }
        }
    }

    /// What new sessions go by was asked, perhaps. Where nobody says, they are noted until something
    /// else is read.
    fn learn(&mut self, knock: &Knock, settings: Option<Settings>) {
        let was_asked = matches!(knock, Knock::Answered | Knock::Refused);
        if let Some(read_at) = self.read_at.clone().filter(|_| was_asked && self.is_outdated()) {
            let notes_connections = settings.is_none_or(|settings| settings.notes_connections);
            self.settings = Some(Settings { notes_connections, read_at });
        }
    }

    fn knock(&self) -> impl Future<Output = Found> + Send + 'static {
        let (target, check) = (self.target.clone(), self.check.clone());
        let is_whole = check.kind == DatabaseKind::Mysql || self.is_outdated();
        async move {
            let found = async {
                if is_whole {
                    log_in(&target, &check).await
                } else {
                    hush(&target).await.map(|()| None)
                }
            };
            let (found, lapse) = watched(found).await;
            let (found, settings) = match found {
                Ok(settings) => (Ok(()), settings),
                Err(verdict) => (Err(verdict), None),
            };
            (Knock::judged(found, lapse), settings)
        }
    }
}

/// A whole session. MySQL greets, and counts who leaves without a login as one that failed; Postgres is
/// asked for its settings.
async fn log_in(target: &Target, check: &DatabaseCheck) -> Result<Option<Settings>, Verdict> {
    let mut held = Held::open(target, dialogue(check)).await?;
    if check.kind == DatabaseKind::Mysql {
        return Ok(None);
    }
    // That it was let in is the answer.
    let asked = held.ask(target.timing.answer.unwrap_or(target.timing.inter)).await;
    Ok(asked.ok().and_then(|_| held.settings().cloned()))
}

/// What is found, and for how long nobody looked after it at a time.
async fn watched<T>(found: impl Future<Output = T>) -> (T, Duration) {
    let mut found = pin!(found);
    let (mut looked, mut lapse) = (Instant::now(), Duration::ZERO);
    loop {
        let found = tokio::select! {
            biased;
            found = &mut found => Some(found),
            () = sleep(LOOK) => None,
        };
        lapse = lapse.max(looked.elapsed());
        looked = Instant::now();
        if let Some(found) = found {
            return (found, lapse);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn time_that_this_process_slept_through_is_noticed() {
        let limit = Duration::from_millis(100);
        let watched = own(watched(tokio::time::timeout(limit, std::future::pending::<()>())));
        tokio::task::yield_now().await;
        // The thread of all tasks, as if the process stood still.
        std::thread::sleep(3 * limit);
        let (found, lapse) = watched.await.unwrap();
        assert!(found.is_err() && lapse >= 3 * limit, "{lapse:?}");
    }
}
