//! The clients: a fixed number of new connections a second, whatever becomes of the earlier
//! ones, each a login, one query, its answer, and the end.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use measure::poller::{EventFlags, Poller, dial, receive, send};
use socket2::Socket;

use crate::packet;

/// How long a client waits for its answer; beyond `timeout connect` and haproxy's retries.
const PATIENCE: Duration = Duration::from_secs(15);

/// How a connection failed, as its client sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Failure {
    /// Nobody accepts.
    Refused,
    /// A reset before the answer.
    Reset,
    /// An end of the stream before the server had said anything.
    Closed,
    /// An end of the stream after the greeting: the server died in the middle of the exchange, and
    /// nobody else can finish it.
    Interrupted,
    /// An error packet, or an answer that is none.
    BadAnswer,
    /// No answer within the client's patience.
    TimedOut,
    /// Another error of the socket.
    Other,
}

impl Failure {
    /// All kinds, in the order of the table.
    pub(crate) const ALL: [Self; 7] = [
        Self::Refused,
        Self::Reset,
        Self::Closed,
        Self::Interrupted,
        Self::BadAnswer,
        Self::TimedOut,
        Self::Other,
    ];

    fn of(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::Refused,
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => Self::Reset,
            io::ErrorKind::UnexpectedEof => Self::Closed,
            io::ErrorKind::InvalidData => Self::BadAnswer,
            _ => Self::Other,
        }
    }
}

/// A client that got its answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answer {
    pub(crate) at: Instant,
    /// From the start of the connection.
    pub(crate) took: Duration,
    pub(crate) by_backup: bool,
}

/// What the clients have seen so far.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) started: u64,
    /// In the order of their arrival.
    pub(crate) answers: Vec<Answer>,
    pub(crate) failures: BTreeMap<Failure, u64>,
    pub(crate) last_failure: Option<Instant>,
}

/// What a client waits for.
enum Step {
    Connected,
    Greeting,
    Consent,
    /// Packets of the answer seen, and the row's content.
    Answer {
        packets: u8,
        by_backup: Option<bool>,
    },
}

struct Session {
    socket: Socket,
    started: Instant,
    step: Step,
    inbox: Vec<u8>,
}

/// All clients of a run.
pub(crate) struct Load {
    target: SocketAddr,
    sessions: Vec<Option<Session>>,
    /// Indexes of `sessions` that are `None`.
    free: Vec<usize>,
    pub(crate) seen: Seen,
}

impl Load {
    /// No clients yet.
    pub(crate) fn new(target: SocketAddr) -> Self {
        Self { target, sessions: Vec::new(), free: Vec::new(), seen: Seen::default() }
    }

    /// Clients that wait for their answer.
    pub(crate) fn waiting(&self) -> usize {
        self.sessions.len() - self.free.len()
    }

    /// Starts one client.
    pub(crate) fn start(&mut self, poller: &Poller) -> io::Result<()> {
        let started = Instant::now();
        self.seen.started += 1;
        let socket = match dial(self.target) {
            Ok(socket) => socket,
            Err(error) => {
                self.fail(Failure::of(&error));
                return Ok(());
            }
        };
        let id = self.free.pop().unwrap_or_else(|| {
            self.sessions.push(None);
            self.sessions.len() - 1
        });
        poller.add(&socket, id as u64, EventFlags::OUT)?;
        let (step, inbox) = (Step::Connected, Vec::new());
        self.sessions[id] = Some(Session { socket, started, step, inbox });
        Ok(())
    }

    /// Serves client `id`.
    pub(crate) fn handle(&mut self, poller: &Poller, id: usize) -> io::Result<()> {
        let Some(session) = self.sessions.get_mut(id).and_then(Option::as_mut) else {
            return Ok(());
        };
        if matches!(session.step, Step::Connected) {
            // A refusal shows with the first receive.
            session.step = Step::Greeting;
            return poller.modify(&session.socket, id as u64, EventFlags::IN);
        }
        match session.step() {
            Ok(None) => return Ok(()),
            Ok(Some(by_backup)) => {
                let (at, took) = (Instant::now(), session.started.elapsed());
                self.seen.answers.push(Answer { at, took, by_backup });
            }
            Err(error) => {
                let greeted = !matches!(session.step, Step::Connected | Step::Greeting);
                self.fail(match Failure::of(&error) {
                    Failure::Reset | Failure::Closed if greeted => Failure::Interrupted,
                    other => other,
                });
            }
        }
        self.end(id);
        Ok(())
    }

    /// Ends the clients that have waited too long.
    pub(crate) fn expire(&mut self) {
        for id in 0..self.sessions.len() {
            let session = self.sessions[id].as_ref();
            if session.is_some_and(|session| session.started.elapsed() > PATIENCE) {
                self.fail(Failure::TimedOut);
                self.end(id);
            }
        }
    }

    fn end(&mut self, id: usize) {
        self.sessions[id] = None;
        self.free.push(id);
    }

    fn fail(&mut self, failure: Failure) {
        *self.seen.failures.entry(failure).or_default() += 1;
        self.seen.last_failure = Some(Instant::now());
    }
}

impl Session {
    /// Takes what has arrived; who answered once the answer is complete.
    fn step(&mut self) -> io::Result<Option<bool>> {
        let mut buf = [0; 1024];
        match receive(&self.socket, &mut buf)? {
            None => return Ok(None),
            Some(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Some(len) => self.inbox.extend_from_slice(&buf[..len]),
        }
        while let Some((payload, used)) = packet::first(&self.inbox) {
            if packet::is_error(payload) {
                return Err(io::ErrorKind::InvalidData.into());
            }
            match &mut self.step {
                Step::Connected | Step::Greeting => {
                    send(&self.socket, &packet::login("haproxy_check"))?;
                    self.step = Step::Consent;
                }
                Step::Consent => {
                    send(&self.socket, &packet::query())?;
                    self.step = Step::Answer { packets: 0, by_backup: None };
                }
                Step::Answer { packets, by_backup } => {
                    *packets += 1;
                    if *packets == packet::ROW_OF_ANSWER {
                        *by_backup = server(payload);
                    }
                    if *packets == packet::PACKETS_OF_ANSWER {
                        return by_backup.map(Some).ok_or(io::ErrorKind::InvalidData.into());
                    }
                }
            }
            self.inbox.drain(..used);
        }
        Ok(None)
    }
}

/// Whether the row names the backup; `None` when it names neither server.
fn server(row: &[u8]) -> Option<bool> {
    match packet::only_column(row)? {
        b"1" => Some(false),
        b"2" => Some(true),
        _ => None,
    }
}
