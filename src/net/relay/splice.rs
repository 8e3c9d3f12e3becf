//! Bulk through a pipe: the pages of one socket become those of the other, uncopied.
//!
//! `splice(2)` answers `EAGAIN` both for an empty socket and for a full pipe. The two are told apart
//! by filling the pipe only when it is empty, so that a full pipe cannot be what stopped a read.
//! Pipes are one mebibyte where the system allows it (measured: 0.21 s of CPU a gigabyte against
//! 0.30 s with 64 KiB) and come from a pool of each worker, because making one costs three calls
//! and pipe pages count against the user's limit.

use std::cell::RefCell;
use std::io;
use std::num::NonZeroU32;
use std::os::fd::{AsFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use rustix::io::Errno;
use rustix::pipe::{PipeFlags, SpliceFlags};
use tokio::io::Interest;

use crate::net::stream::Stream;

/// Pipes kept for the next bulk transfer of this worker.
const POOL_MAX: usize = 16;

/// Pipes of the process, and how many there may be.
static OPEN: AtomicUsize = AtomicUsize::new(0);
static OPEN_MAX: AtomicUsize = AtomicUsize::new(64);

/// The descriptor from which on connections have no others to spare, and whether the last one that
/// came in got such a one.
static CROWDED_FROM: AtomicI32 = AtomicI32::new(RawFd::MAX);
static CROWDED: AtomicBool = AtomicBool::new(false);

/// Wanted capacity of a pipe; the kernel may give less to an unprivileged user.
static PIPE_BYTES: AtomicUsize = AtomicUsize::new(1024 * 1024);

/// Allows at most `pipes` pipes of `bytes` in the process from now on, two descriptors each, and none
/// while connections get descriptors from `crowded` on; beyond, bulk is copied. Pipes that are open
/// stay as they are.
pub fn allow_pipes(pipes: usize, bytes: NonZeroU32, crowded: RawFd) {
    OPEN_MAX.store(pipes, Ordering::Relaxed);
    PIPE_BYTES.store(usize::try_from(bytes.get()).unwrap_or(usize::MAX), Ordering::Relaxed);
    CROWDED_FROM.store(crowded, Ordering::Relaxed);
}

/// Pipes that are open.
#[must_use]
pub fn pipes_open() -> usize {
    OPEN.load(Ordering::Relaxed)
}

/// A connection got `descriptor`, the lowest that was free: a high one says that the table is nearly
/// full, and what this worker keeps for bulk is given back.
pub(in crate::net) fn note_descriptor(descriptor: RawFd) {
    let crowded = descriptor >= CROWDED_FROM.load(Ordering::Relaxed);
    if crowded {
        POOL.with_borrow_mut(Vec::clear);
    }
    if crowded != CROWDED.load(Ordering::Relaxed) {
        CROWDED.store(crowded, Ordering::Relaxed);
    }
}

fn pipe_bytes() -> usize {
    PIPE_BYTES.load(Ordering::Relaxed)
}

thread_local! {
    /// Empty pipes of this worker.
    static POOL: RefCell<Vec<Pipe>> = const { RefCell::new(Vec::new()) };
}

/// The two ends a pump works between.
pub(super) struct Pair<'a> {
    /// Read from.
    pub(super) from: &'a mut Stream,
    /// Written to.
    pub(super) to: &'a mut Stream,
}

#[derive(Debug)]
struct Pipe {
    read: OwnedFd,
    write: OwnedFd,
}

impl Pipe {
    fn new() -> Option<Self> {
        let flags = PipeFlags::NONBLOCK | PipeFlags::CLOEXEC;
        let allowed = OPEN_MAX.load(Ordering::Relaxed);
        let counted = |open| (open < allowed).then_some(open + 1);
        OPEN.fetch_update(Ordering::Relaxed, Ordering::Relaxed, counted).ok()?;
        let Ok((read, write)) = rustix::pipe::pipe_with(flags) else {
            OPEN.fetch_sub(1, Ordering::Relaxed);
            return None;
        };
        // Refused beyond the user's limit: a smaller pipe works, too.
        let _ = rustix::pipe::fcntl_setpipe_size(&write, pipe_bytes());
        Some(Self { read, write })
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        OPEN.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What one round came to.
#[derive(Debug)]
pub(super) enum Spliced {
    /// Bytes came into the pipe.
    Read(usize),
    /// Bytes left it.
    Written,
    /// The sender's FIN; the pipe is empty.
    Ended,
    /// These sockets cannot be spliced: go on by copying, these bytes first.
    Refused(Vec<u8>),
    /// The sender's connection broke.
    ReadFailed,
    /// The receiver's connection broke.
    WriteFailed,
}

/// A pipe on loan and the bytes in it. Dropping it gives an empty pipe back to the pool.
#[derive(Debug)]
pub(super) struct Pump {
    pipe: Option<Pipe>,
    filled: usize,
}

impl Pump {
    /// A pump with an empty pipe; `None` where the process has no descriptors to spare.
    pub(super) fn take() -> Option<Self> {
        if CROWDED.load(Ordering::Relaxed) {
            return None;
        }
        let pipe = POOL.with_borrow_mut(Vec::pop).or_else(Pipe::new)?;
        Some(Self { pipe: Some(pipe), filled: 0 })
    }

    /// No bytes are in the pipe.
    pub(super) const fn is_empty(&self) -> bool {
        self.filled == 0
    }

    /// Empties the pipe if it holds bytes, else fills it.
    pub(super) fn poll_round(
        &mut self,
        cx: &mut Context<'_>,
        pair: &mut Pair<'_>,
    ) -> Poll<Spliced> {
        if self.filled > 0 { self.poll_empty(cx, pair.to) } else { self.poll_fill(cx, pair.from) }
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>, from: &Stream) -> Poll<Spliced> {
        let Some(pipe) = &self.pipe else { return Poll::Ready(Spliced::Refused(Vec::new())) };
        loop {
            if ready!(from.poll_read_ready(cx)).is_err() {
                return Poll::Ready(Spliced::ReadFailed);
            }
            let moved = from.try_io(Interest::READABLE, || splice(from, &pipe.write, pipe_bytes()));
            return Poll::Ready(match moved {
                Ok(0) => Spliced::Ended,
                Ok(bytes) => {
                    self.filled = bytes;
                    Spliced::Read(bytes)
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(error) if is_refusal(&error) => Spliced::Refused(Vec::new()),
                Err(_) => Spliced::ReadFailed,
            });
        }
    }

    fn poll_empty(&mut self, cx: &mut Context<'_>, to: &Stream) -> Poll<Spliced> {
        let Some(pipe) = &self.pipe else { return Poll::Ready(Spliced::Refused(Vec::new())) };
        loop {
            if ready!(to.poll_write_ready(cx)).is_err() {
                return Poll::Ready(Spliced::WriteFailed);
            }
            let moved = to.try_io(Interest::WRITABLE, || splice(&pipe.read, to, self.filled));
            return Poll::Ready(match moved {
                Ok(bytes) => {
                    self.filled -= bytes.min(self.filled);
                    Spliced::Written
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(error) if is_refusal(&error) => Spliced::Refused(self.drain()),
                Err(_) => Spliced::WriteFailed,
            });
        }
    }

    /// Takes the bytes out of the pipe, to be written by copying.
    pub(super) fn into_bytes(mut self) -> Vec<u8> {
        self.drain()
    }

    fn drain(&mut self) -> Vec<u8> {
        let mut bytes = vec![0; self.filled];
        let mut read = 0;
        while let Some(pipe) = &self.pipe
            && read < bytes.len()
        {
            match rustix::io::read(&pipe.read, &mut bytes[read..]) {
                Ok(0) | Err(_) => break,
                Ok(some) => read += some,
            }
        }
        bytes.truncate(read);
        self.filled = 0;
        bytes
    }
}

impl Drop for Pump {
    fn drop(&mut self) {
        if let Some(pipe) = self.pipe.take()
            && self.filled == 0
            && !CROWDED.load(Ordering::Relaxed)
        {
            POOL.with_borrow_mut(|pool| {
                if pool.len() < POOL_MAX {
                    pool.push(pipe);
                }
            });
        }
    }
}

/// Pipes in this worker's pool.
#[cfg(test)]
pub(super) fn pooled() -> usize {
    POOL.with_borrow(Vec::len)
}

fn splice(from: impl AsFd, to: impl AsFd, bytes: usize) -> io::Result<usize> {
    let flags = SpliceFlags::MOVE | SpliceFlags::NONBLOCK;
    Ok(rustix::pipe::splice(from, None, to, None, bytes, flags)?)
}

/// The kernel cannot splice this kind of socket, now or ever.
fn is_refusal(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP))
}
