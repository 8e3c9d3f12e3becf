//! Moving bytes between the two ends of a session until both are done.
//!
//! One future pumps both directions, and only it: no task, channel or allocation per message. Bytes
//! go through one buffer that all sessions of a worker share; a direction owns memory only while
//! its receiver is slower than its sender, and at most one buffer's worth or one pipe, which is the
//! backpressure. A direction that proves to be bulk moves to `splice(2)` (see the module `splice`) and back.
//!
//! Half-open connections stay half-open: the FIN of one side is passed on once everything before
//! it was written, and the other direction goes on.

mod direction;
mod held;
mod opening;
mod rest;
mod splice;
mod watch;

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use direction::{Direction, Ending, Moved};
use opening::Opening;
pub use opening::Replay;
pub(in crate::net) use splice::note_descriptor;
pub use splice::{allow_pipes, pipes_open};
pub use watch::{Watch, Wish};

use super::busy_poll;
use super::stream::Stream;
use crate::clock::{self, Stamp};
use crate::pure::session::farewell::is_goodbye;
use crate::pure::session::idle::{Limits, Side, SideState};

/// Size of a worker's shared read buffer. 64 KiB: larger reads gained nothing in bulk, smaller ones
/// cost a system call more often.
const BUFFER_BYTES: usize = 64 * 1024;

/// Longest wait for bytes under way before a reset is passed on (the reset would drop them).
const FLUSH_BEFORE_RESET: Duration = Duration::from_secs(1);

thread_local! {
    /// The buffer every read of this worker goes through; borrowed only within one poll.
    static BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; BUFFER_BYTES].into_boxed_slice());
}

/// How the relay ended; what came first decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Both sides closed.
    Closed,
    /// A side reset its connection, or it broke.
    Reset(Side),
    /// A side was silent for too long.
    TimedOut(Side),
    /// The session was ended from outside.
    Cut,
    /// It was ended between two transactions.
    Parted,
    /// The server closed or reset before its first byte, or said first that it shuts down, and what the
    /// client has sent may be sent again to another server. Only reported where the caller asked for
    /// it; running the relay again passes the end on to the client.
    ServerSilent,
    /// The server closed or reset while the client stays, which has all that it sent. Only reported
    /// where what the server sends is remembered; running the relay again passes the end on.
    ServerLeft,
}

/// What [`Relay::poll`] waits for silence with.
pub type Alarm = tokio::time::Sleep;

/// An alarm that is not set.
pub fn alarm() -> Alarm {
    tokio::time::sleep(Duration::ZERO)
}

/// One session's relay.
#[derive(Debug)]
pub struct Relay {
    up: Direction,
    down: Direction,
    limits: Limits,
    /// When the alarm goes off, if it is set.
    armed: Option<Stamp>,
    last_activity: Stamp,
    /// When the client and the server sent something last, where only that counts for them.
    heard: [Option<Stamp>; 2],
    first: Option<End>,
    /// The client sent something after the server's last bytes.
    asked: bool,
    opening: Opening,
    /// The server's end that was reported for somebody to judge was a reset.
    was_reset: bool,
    /// The server's end is passed on without that.
    is_end_accepted: bool,
    /// What the client sent last was its goodbye, or nobody saw it.
    may_quit: bool,
    /// Nothing more is taken from the server once the client has ended.
    ends_with_client: bool,
}

impl Relay {
    /// A relay that has moved nothing yet.
    #[must_use]
    pub fn new(limits: Limits, replay: Replay) -> Self {
        Self {
            up: Direction::default(),
            down: Direction::default(),
            limits,
            armed: None,
            last_activity: Stamp::now(),
            heard: [None; 2],
            first: None,
            asked: false,
            opening: Opening::new(replay),
            was_reset: false,
            is_end_accepted: false,
            may_quit: false,
            ends_with_client: false,
        }
    }

    /// The client's end is that of both: the server is not left half open.
    pub const fn end_with_client(&mut self) {
        self.ends_with_client = true;
    }

    /// What is sent to a side does not count as its activity any more.
    pub fn make_independent(&mut self, side: Side) {
        let heard = match side {
            Side::Client => &mut self.heard[0],
            Side::Server => &mut self.heard[1],
        };
        *heard = Some(self.last_activity);
    }

    /// Puts bytes in front of what the client sends: those read before there was a server, and an
    /// opening that is repeated.
    pub fn prepend(&mut self, bytes: Vec<u8>) {
        self.opening.note(&bytes);
        self.up.bytes += bytes.len() as u64;
        self.up.queue(bytes);
    }

    /// Bytes read from the client and from the server.
    #[must_use]
    pub const fn bytes(&self) -> (u64, u64) {
        (self.up.bytes, self.down.bytes)
    }

    /// Bytes that went through `splice(2)`, both directions.
    #[must_use]
    pub const fn spliced_bytes(&self) -> u64 {
        self.up.spliced + self.down.spliced
    }

    /// What the client has sent, of a session that is to start over: it is to be sent again.
    pub fn take_opening(&mut self) -> Vec<u8> {
        self.opening.take()
    }

    /// Starts over with another server after [`End::ServerSilent`].
    pub fn rewind(&mut self) {
        let heard = self.heard.map(|heard| heard.map(|_| Stamp::now()));
        let tail = self.down.tail.take();
        let ends_with_client = self.ends_with_client;
        *self = Self { heard, ends_with_client, ..Self::new(self.limits, self.opening.replay) };
        self.down.tail = tail;
    }

    /// Passes the server's end on after [`End::ServerSilent`] or [`End::ServerLeft`]. `Some` where
    /// nothing is left to relay.
    pub fn accept_end(&mut self) -> Option<End> {
        self.opening.forbid();
        self.is_end_accepted = true;
        self.down.release();
        self.was_reset.then_some(End::Reset(Side::Server))
    }

    /// Relays until both sides are done, one of them fails, is silent for too long, or `watch` cuts
    /// it. The sockets are left open: how they are closed follows from the result. `alarm` is the
    /// same one at each call.
    ///
    /// No future of its own: its state would be kept beside that of the session, which is all that an
    /// idle connection has.
    pub fn poll(
        &mut self,
        cx: &mut Context<'_>,
        client: &mut Stream,
        server: &mut Stream,
        watch: &impl Watch,
        alarm: Pin<&mut Alarm>,
    ) -> Poll<End> {
        let wish = watch.wish();
        if wish == Wish::End {
            return Poll::Ready(End::Cut);
        }
        let before = self.last_activity;
        let end = self.poll_pump(cx, client, server);
        watch.note(self, self.last_activity);
        if let Some(end) = end {
            return Poll::Ready(end);
        }
        if wish != Wish::GoOn && self.is_between(watch, wish) {
            return Poll::Ready(End::Parted);
        }
        if self.last_activity != before && self.is_alarm_early() {
            return Poll::Pending;
        }
        let limits = self.limits;
        self.poll_silence(cx, &limits, alarm)
    }

    /// Whether the alarm, which this task waits for, goes off in time whatever was active just now: with
    /// nothing ended and nothing stuck, activity only puts deadlines off. Saves a tenth of a round
    /// trip's instructions.
    fn is_alarm_early(&self) -> bool {
        let is_open = |it: &Direction| !it.source_ended && !it.is_stuck();
        self.armed.is_some_and(|at| self.last_activity < at)
            && is_open(&self.up)
            && is_open(&self.down)
    }

    /// How the session ended that came to `end` now: what happened first decides.
    #[must_use]
    pub fn first(&self, end: End) -> End {
        self.first.unwrap_or(end)
    }

    /// Moves what can be moved in both directions.
    fn poll_pump(
        &mut self,
        cx: &mut Context<'_>,
        client: &mut Stream,
        server: &mut Stream,
    ) -> Option<End> {
        let is_judged = self.is_judged();
        let end = BUFFER.with_borrow_mut(|buffer| {
            let ending = match self.up.is_done() {
                _ if self.is_unanswered() => Ending::Held(self.opening.declined()),
                _ if is_judged => Ending::Judged,
                true => Ending::ByClosing,
                false => Ending::PassedOn,
            };
            if let Some(end) = self.poll_first(cx, server, buffer) {
                return Some(end);
            }
            let down = self.down.poll(cx, server, client, buffer, ending, |_| {});
            if self.server_was_silent(&down) {
                self.was_reset = matches!(down, Moved::ReadFailed);
                return Some(End::ServerSilent);
            }
            if self.down.bytes > self.opening.declined() {
                self.opening.forbid();
            }
            let (opening, may_quit) = (&mut self.opening, &mut self.may_quit);
            let spliced = self.up.spliced;
            let is_last = self.ends_with_client || self.down.is_done();
            let ending = if is_last { Ending::ByClosing } else { Ending::PassedOn };
            let up = self.up.poll(cx, client, server, buffer, ending, |read| {
                opening.note(read);
                *may_quit = is_judged && is_goodbye(read);
            });
            self.may_quit |= self.up.spliced > spliced;
            if up == Moved::WriteFailed && self.is_unanswered() {
                self.was_reset = true;
                return Some(End::ServerSilent);
            }
            self.judge(up, down)
        });
        if is_judged { self.left(end) } else { end }
    }

    fn judge(&mut self, up: Moved, down: Moved) -> Option<End> {
        if up.is_progress() || down.is_progress() {
            busy_poll::note();
            let now = Stamp::now();
            self.last_activity = now;
            // The server's bytes are moved first: those of the client may be an answer to them.
            self.asked = up.is_progress() || self.asked && !down.is_progress();
            for (heard, moved) in self.heard.iter_mut().zip([up, down]) {
                if let Some(at) = heard.as_mut().filter(|_| moved.is_progress()) {
                    *at = now;
                }
            }
            self.up.note_progress(now);
            self.down.note_progress(now);
        }
        for direction in [&mut self.up, &mut self.down] {
            if direction.fin_sent && direction.fin_sent_at.is_none() {
                direction.fin_sent_at = Some(Stamp::now());
            }
        }
        match (up, down) {
            // A broken server is reported by the read side, which still delivers what came before.
            (Moved::ReadFailed, _) | (_, Moved::WriteFailed) => Some(End::Reset(Side::Client)),
            (_, Moved::ReadFailed) => Some(End::Reset(Side::Server)),
            (Moved::WriteFailed, _) if self.down.is_done() => Some(End::Reset(Side::Server)),
            (Moved::WriteFailed, _) => {
                self.up.abandon();
                None
            }
            _ if self.up.is_done() && (self.ends_with_client || self.down.is_done()) => {
                Some(if self.up.failed { End::Reset(Side::Server) } else { End::Closed })
            }
            _ => None,
        }
    }

    fn server_was_silent(&self, down: &Moved) -> bool {
        (matches!(down, Moved::ReadFailed) || self.down.source_ended) && self.is_unanswered()
    }

    /// Whether the client has had no answer yet and another server may take over.
    #[must_use]
    pub fn is_unanswered(&self) -> bool {
        self.down.bytes == self.opening.declined()
            && self.opening.may_be_repeated()
            && !self.up.source_ended
            && self.first.is_none()
    }

    fn sides(&self) -> (SideState, SideState) {
        let side = |reading: &Direction, writing: &Direction, heard: Option<Stamp>| SideState {
            read_ended: reading.source_ended,
            fin_sent: writing.fin_sent_at(),
            stuck_since: writing.stuck_since(),
            heard: heard.map(Stamp::instant),
        };
        let [client, server] = self.heard;
        (side(&self.up, &self.down, client), side(&self.down, &self.up, server))
    }

    /// Waits until a side may have been silent for too long, and acts if it has been. The alarm is
    /// not moved at each message: when it goes off, the last activity says whether it was right.
    fn poll_silence(
        &mut self,
        cx: &mut Context<'_>,
        limits: &Limits,
        mut alarm: Pin<&mut Alarm>,
    ) -> Poll<End> {
        loop {
            let (client, server) = self.sides();
            let Some((deadline, side)) = limits.next(self.last_activity.instant(), client, server)
            else {
                return Poll::Pending;
            };
            // An alarm that goes off too early is moved then; one that is too late, now.
            if self.armed.is_none_or(|at| deadline < at.instant()) {
                alarm.as_mut().reset(deadline.into());
                self.armed = Some(deadline.into());
            }
            if alarm.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.armed = None;
            if clock::now() >= deadline {
                let Some(end) = self.handle_expiry(side) else {
                    // The pump passes the end on before anything else happens.
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                };
                return Poll::Ready(end);
            }
        }
    }

    /// A silent side that may still send is treated as closed; one that cannot take its bytes ends
    /// the session.
    fn handle_expiry(&mut self, side: Side) -> Option<End> {
        self.first.get_or_insert(End::TimedOut(side));
        let (reading, writing) = match side {
            Side::Client => (&mut self.up, &self.down),
            Side::Server => (&mut self.down, &self.up),
        };
        if reading.source_ended || writing.is_stuck() {
            return Some(End::TimedOut(side));
        }
        reading.source_ended = true;
        None
    }

    /// Gives bytes on their way to the client time to arrive before the server's reset, which is passed
    /// on, drops them.
    ///
    /// # Cancel safety
    /// Bytes that are not written are lost.
    pub async fn deliver(&mut self, client: &mut Stream) {
        let flushed = async {
            let written = poll_fn(|cx| self.down.poll_flush(cx, client)).await;
            while written.is_ok() && unsent(client) > 0 {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        // Past the limit the client is not reading: what is left is lost with its connection.
        let _ = tokio::time::timeout(FLUSH_BEFORE_RESET, flushed).await;
    }
}

/// Appends what can be read now, at most `limit` bytes, to `into`; yields how much, 0 for a FIN.
/// The reading itself goes through the worker's shared buffer.
pub fn poll_read_into(
    cx: &mut Context<'_>,
    stream: &mut Stream,
    into: &mut Vec<u8>,
    limit: usize,
) -> Poll<io::Result<usize>> {
    BUFFER.with_borrow_mut(|buffer| {
        let part = limit.min(buffer.len());
        let polled = stream.poll_read(cx, &mut buffer[..part]);
        if let Poll::Ready(Ok(read)) = polled {
            into.extend_from_slice(&buffer[..read]);
        }
        polled
    })
}

fn unsent(stream: &Stream) -> usize {
    use std::os::fd::AsFd;
    crate::sys::queue::unsent_bytes(stream.as_fd()).unwrap_or(0)
}

/// Writes all of `bytes`; used for what stands before the relay (a PROXY header).
///
/// # Errors
/// What the socket reports; a socket that takes nothing more is `WriteZero`.
///
/// # Cancel safety
/// Dropping it may leave a part written: the connection must be closed then.
pub async fn write_all(stream: &mut Stream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match poll_fn(|cx| stream.poll_write(cx, bytes)).await? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            written => bytes = &bytes[written..],
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
