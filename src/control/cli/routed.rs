//! Commands that reach a worker through its master: one line a connection.
//!
//! ```text
//! master                                             worker
//! one byte (who asks) + one end of a socket pair  -->        on the line they share
//!                                                 <--  "+"   on the pair: somebody is there
//! one line, with its payload                      -->
//!                                                 <--  the answer, and the end
//! ```
//! The master's own `_getsocks` comes the same way, where a new worker takes over. So it does to and
//! from HAProxy, whose messages are two bytes that mean nothing (2.6 sends zeros, 2.8 spaces), and
//! whose worker greets nobody.
//! The line has no other way into it: what comes through it is believed. The master bounds how many
//! connections there are, and each ends like any client's: with its line, or with its silence.

use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::Interest;

use super::wire::Wire;
use super::{Client, Prompt, Shared, converse};
use crate::config::model::{Level, SeverityOutput};
use crate::net::descriptors;
use crate::net::handover;
use crate::net::listen::Handed;
use crate::net::stream::Stream;

/// The worker's first byte: somebody is there, and reads.
pub(super) const PRESENT: u8 = b'+';

/// Longest wait until a master takes one byte.
const PATIENCE: Duration = Duration::from_secs(5);

/// On whose behalf the master asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Introduction {
    /// What it may do.
    pub level: Level,
    /// `expert-mode on`.
    pub expert: bool,
    /// `experimental-mode on`.
    pub experimental: bool,
    /// It is the master itself, for a successor of the worker.
    pub takes_listeners: bool,
}

impl Introduction {
    /// HAProxy's master: what it asks for it may have.
    const HAPROXY: Self =
        Self { level: Level::Admin, expert: false, experimental: false, takes_listeners: true };

    /// What HAProxy's worker, which takes everybody for an administrator, has to hear first. Each gets
    /// an empty answer.
    pub(super) fn prelude(self) -> Vec<&'static str> {
        let level = match self.level {
            Level::User => Some("user"),
            Level::Operator => Some("operator"),
            Level::Admin => None,
        };
        let expert = self.expert.then_some("expert-mode on");
        let experimental = self.experimental.then_some("experimental-mode on");
        // A lower level drops both modes.
        level.into_iter().chain(expert).chain(experimental).collect()
    }

    fn to_byte(self) -> u8 {
        let flags = [self.expert, self.experimental, self.takes_listeners];
        let flags = flags.iter().enumerate().map(|(at, &flag)| u8::from(flag) << (at + 2));
        self.level as u8 | flags.sum::<u8>()
    }

    /// Who sent this message; `None`: HAProxy's master.
    fn of_message(message: &[u8]) -> Option<Self> {
        match message {
            [byte] => Some(Self::from_byte(*byte)),
            _ => None,
        }
    }

    fn from_byte(byte: u8) -> Self {
        let level = Level::WORDS.get(usize::from(byte & 3)).map_or(Level::User, |known| known.1);
        let flag = |at: u32| byte & (1 << (at + 2)) != 0;
        Self { level, expert: flag(0), experimental: flag(1), takes_listeners: flag(2) }
    }
}

/// The master's end of the line to one worker.
#[derive(Debug)]
pub struct Line {
    end: UnixStream,
    /// The worker is HAProxy's.
    is_haproxy: bool,
}

impl Line {
    /// Takes over this end of a socket pair.
    ///
    /// # Errors
    /// What the system says of a socket that is none.
    pub fn new(end: UnixStream) -> io::Result<Self> {
        end.set_nonblocking(true)?;
        Ok(Self { end, is_haproxy: false })
    }

    /// As [`new`](Self::new), where the worker is HAProxy's.
    ///
    /// # Errors
    /// As [`new`](Self::new)'s.
    pub fn to_haproxy(end: UnixStream) -> io::Result<Self> {
        Ok(Self { is_haproxy: true, ..Self::new(end)? })
    }

    /// Whether the worker is HAProxy's, which greets nobody and is not told who asks.
    #[must_use]
    pub const fn is_haproxy(&self) -> bool {
        self.is_haproxy
    }

    /// A connection to the worker, on which it has not answered yet.
    ///
    /// # Errors
    /// The worker is gone, takes no more (`WouldBlock`), or descriptors have run out.
    pub fn call(&self, who: Introduction) -> io::Result<UnixStream> {
        let (ours, theirs) = UnixStream::pair()?;
        if self.is_haproxy {
            descriptors::hand_over(self.end.as_fd(), theirs.as_fd())?;
        } else {
            descriptors::send(&self.end, &[who.to_byte()], &[theirs.as_fd()])?;
        }
        Ok(ours)
    }
}

/// Fetches the listening sockets of the worker at the other end of `line`, for a successor. Blocks, for
/// some seconds at most.
///
/// # Errors
/// The worker is gone, stuck, or hands nothing over.
pub fn take_listeners(line: &Line) -> io::Result<Vec<Handed>> {
    let mut worker = line.call(Introduction::HAPROXY)?;
    worker.set_read_timeout(Some(PATIENCE))?;
    let mut present = [PRESENT];
    if !line.is_haproxy {
        worker.read_exact(&mut present)?;
    }
    if present != [PRESENT] {
        return Err(io::ErrorKind::InvalidData.into());
    }
    handover::take_from(&worker)
}

impl AsFd for Line {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.end.as_fd()
    }
}

/// Answers what comes through `line`, the worker's end, until the master is gone.
///
/// # Errors
/// What the system says of the line.
pub async fn serve(line: OwnedFd, shared: Arc<Shared>) -> io::Result<()> {
    let line = UnixStream::from(line);
    line.set_nonblocking(true)?;
    let line = tokio::net::UnixStream::from_std(line)?;
    loop {
        let mut message = [0; 2];
        line.readable().await?;
        match line.try_io(Interest::READABLE, || descriptors::receive(&line, &mut message)) {
            Ok((0, _)) => return Ok(()),
            Ok((count, sockets)) => {
                let who = Introduction::of_message(&message[..count]);
                for socket in sockets {
                    let shared = Arc::clone(&shared);
                    tokio::spawn(attend(socket, who, shared));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            // Descriptors have run out: this client is lost, and others will come.
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                tracing::warn!("a command of the master is lost: {error}");
            }
            Err(error) => return Err(error),
        }
    }
}

async fn attend(socket: OwnedFd, who: Option<Introduction>, shared: Arc<Shared>) {
    let is_haproxy = who.is_none();
    let who = who.unwrap_or(Introduction::HAPROXY);
    let stream = UnixStream::from(socket);
    let stream =
        stream.set_nonblocking(true).and_then(|()| tokio::net::UnixStream::from_std(stream));
    let Ok(stream) = stream else { return };
    let client = Client {
        level: who.level,
        severity: SeverityOutput::None,
        expert: who.expert,
        experimental: who.experimental,
        prompt: Prompt::None,
        timed: false,
        timeout: shared.process.objects().config.commands.timeout,
        quits: false,
        takes_listeners: who.takes_listeners,
        is_routed: true,
    };
    let mut wire = Wire::new(Stream::unix(stream));
    if is_haproxy || wire.send(&[PRESENT], Some(PATIENCE)).await.is_ok() {
        converse::run(wire, client, &shared).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn introductions_arrive_as_they_were_made() {
        for (_, level) in Level::WORDS {
            for flags in 0..8 {
                let flag = |at: i32| flags & (1 << at) != 0;
                let (expert, experimental, takes_listeners) = (flag(0), flag(1), flag(2));
                let who = Introduction { level, expert, experimental, takes_listeners };
                assert_eq!(Introduction::of_message(&[who.to_byte()]), Some(who));
            }
        }
        assert_eq!(Introduction::from_byte(3).level, Level::User);
        for haproxy in [b"\0\0", b"  "] {
            assert_eq!(Introduction::of_message(haproxy), None);
        }
    }

    #[test]
    fn messages_that_carry_sockets_are_not_taken_together() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let line = Line::new(ours).unwrap();
        let _kept = [0, 1].map(|_| line.call(Introduction::from_byte(1)).unwrap());
        for _ in 0..2 {
            let mut message = [0; 2];
            let (count, sockets) = descriptors::receive(&theirs, &mut message).unwrap();
            assert_eq!((count, sockets.len()), (1, 1));
        }
    }

    #[test]
    fn a_worker_that_takes_nothing_refuses_in_the_end_and_one_that_is_gone_at_once() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let line = Line::new(ours).unwrap();
        let who = Introduction::from_byte(2);
        let refused = (0..100_000).find_map(|_| line.call(who).err()).unwrap();
        assert_eq!(refused.kind(), io::ErrorKind::WouldBlock);
        drop(theirs);
        assert!(line.call(who).is_err());
    }
}
