//! The load programs' event loop: epoll with 64-bit tokens, one descriptor one event a turn,
//! and the non-blocking socket calls they make. It knows nothing of who owns a token.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::net::{RecvFlags, SendFlags, SocketFlags};
use socket2::{Domain, Protocol, Socket, Type};

pub use rustix::event::epoll::EventFlags;

/// Events taken in one turn; the rest wait for the next one.
const EVENTS_PER_TURN: usize = 512;

/// One ready descriptor.
#[derive(Debug, Clone, Copy)]
pub struct Ready {
    /// What the descriptor was registered with.
    pub token: u64,
    /// What it is ready for.
    pub flags: EventFlags,
}

/// An epoll instance.
#[derive(Debug)]
pub struct Poller {
    epoll: OwnedFd,
}

impl Poller {
    /// A poller that watches nothing yet.
    ///
    /// # Errors
    /// What `epoll_create1` refuses, which is a lack of descriptors.
    pub fn new() -> io::Result<Self> {
        Ok(Self { epoll: epoll::create(epoll::CreateFlags::CLOEXEC)? })
    }

    /// Watches `fd` until it is closed.
    ///
    /// # Errors
    /// What `epoll_ctl` refuses: a descriptor already watched, or too many watches.
    pub fn add(&self, fd: impl AsFd, token: u64, interest: EventFlags) -> io::Result<()> {
        Ok(epoll::add(&self.epoll, fd, epoll::EventData::new_u64(token), interest)?)
    }

    /// Replaces what `fd` is watched for.
    ///
    /// # Errors
    /// What `epoll_ctl` refuses: a descriptor that is not watched.
    pub fn modify(&self, fd: impl AsFd, token: u64, interest: EventFlags) -> io::Result<()> {
        Ok(epoll::modify(&self.epoll, fd, epoll::EventData::new_u64(token), interest)?)
    }

    /// Waits until something is ready or `timeout` has passed, and replaces `ready`'s content.
    /// A signal ends the wait early with nothing ready.
    ///
    /// # Errors
    /// What `epoll_wait` refuses; no cause is known for a valid instance.
    pub fn wait(&self, ready: &mut Vec<Ready>, timeout: Duration) -> io::Result<()> {
        let timeout = Timespec {
            tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(timeout.subsec_nanos()),
        };
        let mut events: Vec<epoll::Event> = Vec::with_capacity(EVENTS_PER_TURN);
        ready.clear();
        match epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&timeout)) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => return Ok(()),
            Err(errno) => return Err(errno.into()),
        }
        ready.extend(
            events.iter().map(|event| Ready { token: event.data.u64(), flags: event.flags }),
        );
        Ok(())
    }
}

/// Starts a non-blocking connection; its outcome shows as readiness to write.
///
/// # Errors
/// A refusal known at once, or a lack of descriptors or ports.
pub fn dial(addr: SocketAddr) -> io::Result<Socket> {
    let kind = Type::STREAM.nonblocking().cloexec();
    let socket = Socket::new(Domain::for_address(addr), kind, Some(Protocol::TCP))?;
    match socket.connect(&addr.into()) {
        Err(error)
            if error.raw_os_error() != Some(rustix::io::Errno::INPROGRESS.raw_os_error()) =>
        {
            Err(error)
        }
        _ => Ok(socket),
    }
}

/// Takes a waiting connection, non-blocking; `None` when none is there.
///
/// # Errors
/// A lack of descriptors, or a connection that ended while it waited.
pub fn accept(listener: impl AsFd) -> io::Result<Option<OwnedFd>> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    would_block(rustix::net::accept_with(listener, flags))
}

/// Receives what is there; `None` when nothing is, `Some(0)` at the end of the stream.
///
/// # Errors
/// What the peer or the kernel did to the connection: a reset, a refusal.
pub fn receive(fd: impl AsFd, buf: &mut [u8]) -> io::Result<Option<usize>> {
    would_block(rustix::net::recv(fd, buf, RecvFlags::empty()).map(|(len, _)| len))
}

/// Discards what is there without copying it, at most `buf.len()` bytes; else as [`receive`].
///
/// # Errors
/// As [`receive`].
pub fn discard(fd: impl AsFd, buf: &mut [u8]) -> io::Result<Option<usize>> {
    would_block(rustix::net::recv(fd, buf, RecvFlags::TRUNC).map(|(_, len)| len))
}

/// Sends what the socket takes; `None` when it takes nothing now.
///
/// # Errors
/// As [`receive`]; a closed peer is an error, not a signal.
pub fn send(fd: impl AsFd, buf: &[u8]) -> io::Result<Option<usize>> {
    would_block(rustix::net::send(fd, buf, SendFlags::NOSIGNAL))
}

fn would_block<T>(result: rustix::io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}
