//! What a command asks of those who hold the sockets and the checks.
//!
//! Commands change servers by themselves, through [`publish`](super::publish); listening sockets
//! and the tasks that check belong to `app`. It holds the other end of this channel, does what is asked and answers. Bound:
//! `WAITING_MAX` requests wait; a client that asks more waits to ask.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::{Backend, Frontend};

/// Requests that may wait for their turn.
const WAITING_MAX: usize = 16;

/// What is asked.
#[derive(Clone, Debug)]
pub enum Wish {
    /// Something about a frontend's listening sockets.
    Sockets(Arc<Frontend>, SocketWish),
    /// Servers came or went: those that are there are checked, and no others.
    Checks,
    /// Another server is to be primary. What is done is told line by line.
    Switchover(Switchover, mpsc::Sender<String>),
    /// The switchovers that go on, or are waited for, one by one.
    Switchovers(mpsc::Sender<UnderWay>),
    /// A fault on purpose. What is done is told line by line.
    Drill(Drill, mpsc::Sender<String>),
    /// A server for a backend, in the words of a `server` line behind `server`.
    AddServer(Arc<Backend>, Vec<String>),
}

/// A planned change of the primary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Switchover {
    /// The frontend whose route leads to the primary.
    pub route: String,
    /// Who is to be primary.
    pub to: String,
    /// How long clients may wait for it; `None`: as configured.
    pub timeout: Option<Duration>,
    /// How far behind the next primary may be when that begins; `None`: as by default.
    pub max_lag: Option<Duration>,
    /// Sessions whose transactions do not end are ended.
    pub force: bool,
    /// Only look whether it could be done.
    pub dry_run: bool,
}

/// A switchover that goes on, or is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnderWay {
    /// The frontend whose route leads to the primary.
    pub route: String,
    /// Its backend.
    pub backend: String,
    /// Who is primary, or was.
    pub from: String,
    /// Who is to be.
    pub to: String,
    /// How far it is.
    pub stage: Stage,
    /// For how long it goes on.
    pub age: Duration,
}

/// How far a switchover is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Whether it can be is looked at; nobody waits.
    Looking,
    /// New clients wait, and sessions are to end.
    Draining,
    /// The old primary takes no writes, and the next one gets what it lacks.
    Frozen,
    /// The next one was told to become primary.
    Promoting,
    /// It was given up, and what was changed is changed back.
    Undoing,
    /// Another process goes on with it: it is waited for.
    Elsewhere,
    /// It was left half done: it is undone as soon as that can be.
    HalfDone,
}

impl Stage {
    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Looking => "looking",
            Self::Draining => "draining",
            Self::Frozen => "frozen",
            Self::Promoting => "promoting",
            Self::Undoing => "undoing",
            Self::Elsewhere => "elsewhere",
            Self::HalfDone => "half-done",
        }
    }
}

/// A fault on purpose, and what is measured of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drill {
    /// The frontend whose route leads to the primary.
    pub route: String,
    /// What is done to the primary.
    pub fault: Fault,
    /// It is done; else it is only looked whether it could be.
    pub live: bool,
}

/// What a drill does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The primary's process ends.
    Kill,
    /// It is stopped.
    Hang,
    /// It is cut off.
    Partition,
    /// Another one takes over, as planned.
    Switchover(Switchover),
}

impl Fault {
    /// Its word.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Hang => "hang",
            Self::Partition => "partition",
            Self::Switchover(_) => "switchover",
        }
    }
}

/// What is to become of a frontend's listening sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketWish {
    /// They keep their ports and refuse connections.
    Pause,
    /// They accept again.
    Resume,
    /// They are closed, until a reload.
    ShutDown,
}

/// Why a wish was not fulfilled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// What was asked cannot be, for this reason.
    #[error("{0}")]
    Because(String),
    /// It was done, and whether it is as it should be is not known, for this reason.
    #[error("{0}")]
    Unknown(String),
    /// The system refused; it was logged.
    #[error("the system refused, see the log")]
    System,
    /// The process stops.
    #[error("the process stops")]
    Stopping,
}

impl From<String> for Refused {
    fn from(why: String) -> Self {
        Self::Because(why)
    }
}

/// A request and where its answer goes.
#[derive(Debug)]
pub struct Request {
    /// What is asked.
    pub wish: Wish,
    /// Dropped, it says that the process stops.
    pub answer: oneshot::Sender<Result<(), Refused>>,
}

/// The channel, with both ends until [`receiver`](Self::receiver) is called.
#[derive(Debug)]
pub struct Requests {
    sender: mpsc::Sender<Request>,
    receiver: Mutex<Option<mpsc::Receiver<Request>>>,
}

impl Default for Requests {
    fn default() -> Self {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        Self { sender, receiver: Mutex::new(Some(receiver)) }
    }
}

impl Requests {
    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// What kept the wish from being fulfilled.
    ///
    /// # Cancel safety
    /// A request that was sent is fulfilled even if its answer is not waited for.
    pub async fn ask(&self, wish: Wish) -> Result<(), Refused> {
        let (answer, answered) = oneshot::channel();
        let request = Request { wish, answer };
        self.sender.send(request).await.map_err(|_| Refused::Stopping)?;
        answered.await.unwrap_or(Err(Refused::Stopping))
    }

    /// The other end, for its one owner; `None` the second time.
    #[must_use]
    pub fn receiver(&self) -> Option<mpsc::Receiver<Request>> {
        self.receiver.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
