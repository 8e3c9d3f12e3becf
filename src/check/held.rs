//! The sessions that are held with databases: one for each server and account, shared by all
//! backends that ask the same.
//!
//! A session belongs to a task of its own, which ends, with a goodbye, when the last check that
//! asks by it lets go. Checks that are due at the same time get the answer to one question.
//!
//! A session that ends says nothing of its server yet: a database ends one alone, too. A new one is
//! begun at once, and that decides.
//!
//! Where clients could not reach a Postgres, or it left one of them, its door is tried first: the
//! process that listens goes before those of its sessions, and each of those needs milliseconds to
//! follow. MySQL is one process.
//!
//! | session | the next one | verdict |
//! |---|---|---|
//! | ended | is logged in and answers | what it answers |
//! | ended | nobody listens, or the server says that it goes | failed, and certain: `fall` is not asked |
//! | held, also while asked, and clients are refused or left | nobody listens, twice | as if it had ended |
//! | held, and answers | `fall` knocks in a row fail, which are made beside it | failed, and shut |
//! | ended | is logged in and ends | that of a third one |
//! | ended | anything else | failed, one of `fall` |
//! | silent beyond `timeout` | – | failed, one of `fall` |
//! | none | is refused | refused, and for a [while](crate::pure::sentinel::refusal) without asking, but whether anybody listens |

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, mpsc, oneshot, watch};

use super::door::Knocker;
use super::driver::held::{Held, is_listening, is_refused};
use super::target::{Target, TargetAddr, Timing};
use crate::clock;
use crate::config::model::{DatabaseCheck, DatabaseKind, DatabaseTls, ServerTls};
use crate::pure::health::verdict::{CheckStatus, Verdict};
use crate::pure::role::Reading;
use crate::pure::sentinel::refusal::Refusal;
use crate::pure::sentinel::{Dialogue, Login};
use crate::state::Server;
use crate::state::upkeep::{Owned, own};

/// Checks that wait for one answer; more wait for room.
const ASKING_MAX: usize = 64;

/// Sessions that are begun for one answer: the first may end as the one before it did.
const BEGUN_MAX: usize = 2;

type Answer = Result<Reading, Verdict>;

/// What tells sessions apart.
#[derive(Clone, Debug, PartialEq)]
struct Key {
    addr: TargetAddr,
    source: Option<SocketAddr>,
    socks4: Option<SocketAddr>,
    send_proxy: bool,
    tls: Option<Box<ServerTls>>,
    check: DatabaseCheck,
}

/// A check waits for an answer.
struct Ask {
    timing: Timing,
    is_doubted: bool,
    /// Clients have waited for a first answer for long.
    is_awaited: bool,
    /// Knocks in a row that shut the door.
    fall: u32,
    /// When a new client was answered last.
    answered_at: Instant,
    reply: oneshot::Sender<Answer>,
}

/// All sessions; the map leads to those with one address.
#[derive(Debug, Default)]
pub(super) struct Sessions(Mutex<HashMap<TargetAddr, Vec<Weak<Session>>>>);

struct Session {
    key: Key,
    asks: mpsc::Sender<Ask>,
    doubts: Arc<Notify>,
    /// Whether clients wait for a first answer is to be told with each question.
    asks_who_waits: Arc<AtomicBool>,
    gone: watch::Receiver<()>,
    _task: Owned<()>,
}

/// A check's part in a session.
#[derive(Debug)]
pub(super) struct Share {
    session: Arc<Session>,
    gone: watch::Receiver<()>,
}

impl Sessions {
    /// The part of a check that asks `target` what `check` says; `before` is what it had.
    pub(super) fn share(
        &self,
        target: &Target,
        check: &DatabaseCheck,
        before: Option<Share>,
    ) -> Share {
        let key = Key {
            addr: target.addr.clone(),
            source: target.source,
            socks4: target.socks4.filter(|_| target.is_via_socks4),
            send_proxy: target.send_proxy,
            tls: target.tls.clone(),
            check: check.clone(),
        };
        let is_it = |session: &Arc<Session>| session.key == key && !session.asks.is_closed();
        if let Some(share) = before.filter(|share| is_it(&share.session)) {
            return share;
        }
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        map.retain(|_, known| {
            known.retain(|session| session.strong_count() > 0);
            !known.is_empty()
        });
        let known = map.entry(key.addr.clone()).or_default();
        let found = known.iter().filter_map(Weak::upgrade).find(is_it);
        let session = found.unwrap_or_else(|| {
            let session = Arc::new(Session::new(key, target.clone()));
            known.push(Arc::downgrade(&session));
            session
        });
        let gone = session.gone.clone();
        Share { session, gone }
    }
}

impl Session {
    fn new(key: Key, target: Target) -> Self {
        let (asks, asked) = mpsc::channel(ASKING_MAX);
        let (tell, gone) = watch::channel(());
        let doubts = Arc::new(Notify::new());
        let knocker = Knocker::new(target.clone(), key.check.clone());
        let asks_who_waits = Arc::new(AtomicBool::new(false));
        let line = Line {
            target,
            check: key.check.clone(),
            doubts: Arc::clone(&doubts),
            asks_who_waits: Arc::clone(&asks_who_waits),
            held: None,
            lost: false,
            is_begun: false,
            refusal: None,
        };
        let task = own(hold(line, knocker, asked, tell));
        Self { key, asks, doubts, asks_who_waits, gone, _task: task }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("key", &self.key).finish_non_exhaustive()
    }
}

impl Share {
    /// Whether it counts that clients wait for a first answer.
    pub(super) fn asks_who_waits(&self) -> bool {
        self.session.asks_who_waits.load(Ordering::Relaxed)
    }

    /// Asks the database what it is. `None`: the session's task has ended by a fault. Where
    /// clients cannot reach `server` meanwhile, no answer may be coming. With it goes whether some wait
    /// for a first answer, and how many knocks in a row that fail shut the door.
    ///
    /// # Errors
    /// The verdict on one that does not say.
    ///
    /// # Cancel safety
    /// Dropping the future gives up the answer; the session goes on.
    pub(super) async fn ask(
        &mut self,
        target: &Target,
        server: &Server,
        (is_awaited, fall): (bool, u32),
    ) -> Option<Answer> {
        let (reply, mut answer) = oneshot::channel();
        let &Target { timing, is_doubted, .. } = target;
        let answered_at = server.answered_at();
        let ask = Ask { timing, is_doubted, is_awaited, fall, answered_at, reply };
        self.session.asks.send(ask).await.ok()?;
        let answer = loop {
            tokio::select! {
                biased;
                answer = &mut answer => break answer.ok(),
                () = server.doubted() => self.session.doubts.notify_waiters(),
            }
        };
        // What the answer says is no news any more.
        self.gone.mark_unchanged();
        answer
    }
}

/// Completes when a session that was held is gone; never where there is none.
///
/// # Cancel safety
/// Safe: what was not heard is heard the next time.
pub(super) async fn gone(share: &mut Option<Share>) {
    match share {
        Some(Share { gone, .. }) => match gone.changed().await {
            Ok(()) => {}
            // Its task has ended by a fault; the next check makes a new one.
            Err(_) => std::future::pending().await,
        },
        None => std::future::pending().await,
    }
}

/// Holds the session: logs in when it is asked the first time, and again after it was gone.
async fn hold(
    mut line: Line,
    mut knocker: Knocker,
    mut asked: mpsc::Receiver<Ask>,
    tell: watch::Sender<()>,
) {
    loop {
        let first = tokio::select! {
            biased;
            () = line.ends() => {
                knocker.handle_ended();
                tell.send_replace(());
                continue;
            }
            ask = asked.recv() => ask,
            () = knocker.fails() => {
                // Whom that is enough for asks now.
                tell.send_replace(());
                continue;
            }
        };
        let Some(first) = first else { return };
        let mut asks = vec![first];
        while let Ok(ask) = asked.try_recv() {
            asks.push(ask);
        }
        line.target.timing = asks[0].timing;
        line.target.is_doubted = asks.iter().any(|ask| ask.is_doubted);
        let was_held = line.held.is_some();
        let answer = line.answer().await;
        if was_held && answer.is_err() {
            tell.send_replace(());
        }
        line.note(&mut knocker, asks.iter().any(|ask| ask.is_awaited));
        asks.iter().for_each(|ask| knocker.handle_client(ask.answered_at));
        for ask in asks {
            let shut = knocker.verdict(ask.fall).filter(|_| answer.is_ok());
            // A check that was given up has no use for it.
            let _ = ask.reply.send(shut.map_or_else(|| answer.clone(), Err));
        }
    }
}

/// The line to one database.
struct Line {
    target: Target,
    check: DatabaseCheck,
    /// Clients could not reach the server while it was asked.
    doubts: Arc<Notify>,
    asks_who_waits: Arc<AtomicBool>,
    held: Option<Held>,
    /// A session ended, and there was no other since.
    lost: bool,
    /// One was begun, and who knocks was not told yet.
    is_begun: bool,
    /// The last one that was begun was refused.
    refusal: Option<Refusal>,
}

impl Line {
    /// Completes when the session that is held ends; never where there is none.
    async fn ends(&mut self) {
        match &mut self.held {
            Some(held) => held.gone().await,
            None => std::future::pending().await,
        }
        self.held = None;
        self.lost = true;
    }

    /// Tells who knocks what is held after an answer, and how to.
    fn note(&mut self, knocker: &mut Knocker, is_awaited: bool) {
        if std::mem::take(&mut self.is_begun) {
            knocker.handle_begun();
        }
        let Some(held) = &self.held else { return knocker.handle_ended() };
        knocker.handle_answer(self.target.timing, held.settings(), is_awaited);
        self.asks_who_waits.store(knocker.asks_who_waits(), Ordering::Relaxed);
    }

    async fn answer(&mut self) -> Answer {
        let limit: Duration = self.target.timing.answer.unwrap_or(self.target.timing.inter);
        let mut begun = 0;
        loop {
            let mut session = match self.held.take() {
                Some(_) if self.target.is_doubted && self.is_shut().await => {
                    self.lost = true;
                    continue;
                }
                Some(session) => session,
                None => {
                    begun += 1;
                    self.begin().await?
                }
            };
            let answer = tokio::select! {
                biased;
                () = self.shuts() => None,
                answer = session.ask(limit) => Some(answer),
            };
            let verdict = match answer {
                Some(Ok(reading)) => {
                    (self.held, self.lost) = (Some(session), false);
                    return Ok(reading);
                }
                Some(Err(verdict)) => verdict,
                None => {
                    self.lost = true;
                    continue;
                }
            };
            let is_silent = verdict.status == CheckStatus::L7Timeout;
            let may_try = begun == 0 || (begun < BEGUN_MAX && verdict.heard);
            if is_silent || !may_try {
                return Err(verdict);
            }
            self.lost = true;
        }
    }

    /// Whether nobody listens any more, where that says more than the session.
    async fn is_shut(&self) -> bool {
        self.check.kind == DatabaseKind::Postgres && is_refused(&self.target).await
    }

    /// Completes when clients could not reach the server from now on, and nobody listens.
    async fn shuts(&self) {
        loop {
            self.doubts.notified().await;
            if self.is_shut().await {
                return;
            }
        }
    }

    /// A new session. Who was refused says so again for a while, unless sessions of clients ended
    /// since, or could not begin, and the server may be gone.
    async fn begin(&mut self) -> Result<Held, Verdict> {
        let now = clock::now();
        if let Some(refusal) = &self.refusal
            && let Some(said) = refusal.said(now)
        {
            let may_be_gone = match self.check.kind {
                _ if !self.target.is_doubted => false,
                DatabaseKind::Postgres => !is_listening(&self.target).await,
                // It counts who leaves it without a word.
                DatabaseKind::Mysql => refusal.is_old(now),
            };
            if !may_be_gone {
                return Err(said);
            }
        }
        let mut opened = Held::open(&self.target, dialogue(&self.check)).await;
        if let Err(verdict) = &mut opened {
            verdict.refused_at = verdict.refused.then(clock::now);
        }
        self.is_begun |= opened.is_ok();
        let refused = opened.as_ref().err().filter(|verdict| verdict.refused).cloned();
        self.refusal = refused.map(|why| Refusal::new(why, clock::now(), self.refusal.as_ref()));
        opened.map_err(|mut verdict| {
            verdict.certain &= self.lost;
            verdict
        })
    }
}

pub(super) fn dialogue(check: &DatabaseCheck) -> Dialogue {
    let login = Login {
        user: check.user.clone(),
        password: check.password.clone(),
        database: check.database.clone(),
        cluster: check.cluster,
    };
    let tls = check.tls != DatabaseTls::Off;
    match check.kind {
        DatabaseKind::Postgres => Dialogue::postgres(login, tls),
        DatabaseKind::Mysql => Dialogue::mysql(login, tls),
    }
}
