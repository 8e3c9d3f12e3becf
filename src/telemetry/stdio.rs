//! Writing to descriptors that may be stuck.
//!
//! Standard output and error are often pipes whose reader can stop. Making them non-blocking would
//! change them for every process that shares them, so each write is preceded by a poll and is small
//! enough that a writable pipe takes it whole: a pipe that polls writable has a free page of 4096
//! bytes or more (pipe(7)).

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// What a descriptor that polls writable takes without blocking, in bytes: POSIX' `PIPE_BUF`.
const WRITE_BYTES_MAX: usize = 4096;

/// Writes what `fd` takes right now, at most 4096 bytes.
///
/// # Errors
/// `WouldBlock` where it takes nothing, and what `write` says.
pub fn write_some(fd: impl AsFd, bytes: &[u8]) -> io::Result<usize> {
    let now = Timespec::try_from(Duration::ZERO).unwrap_or_default();
    let mut fds = [PollFd::new(&fd, PollFlags::OUT)];
    if poll(&mut fds, Some(&now))? == 0 {
        return Err(io::ErrorKind::WouldBlock.into());
    }
    let bytes = &bytes[..bytes.len().min(WRITE_BYTES_MAX)];
    Ok(rustix::io::write(fd, bytes)?)
}

/// Whether [`PatientStderr`] says nothing any more.
static QUIET: AtomicBool = AtomicBool::new(false);

/// Lets [`PatientStderr`] say nothing any more (`quiet`).
pub fn be_quiet() {
    QUIET.store(true, Ordering::Relaxed);
}

/// Whether nothing is said any more.
#[must_use]
pub fn is_quiet() -> bool {
    QUIET.load(Ordering::Relaxed)
}

/// Standard error that drops what its reader does not take.
#[derive(Clone, Copy, Debug, Default)]
pub struct PatientStderr;

impl Write for PatientStderr {
    /// Claims to have written everything: a message that cannot be shown is no error.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut rest = if is_quiet() { &[] } else { bytes };
        while !rest.is_empty() {
            match write_some(io::stderr(), rest) {
                Ok(written) => rest = &rest[written..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rustix::pipe::PipeFlags;

    use super::*;

    #[test]
    fn a_full_pipe_refuses_instead_of_blocking() {
        let (reader, writer) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC).expect("a pipe");
        let block = [b'x'; 10_000];
        let mut total = 0;
        let refused = loop {
            match write_some(&writer, &block) {
                Ok(written) => total += written,
                Err(error) => break error,
            }
        };
        assert_eq!(refused.kind(), io::ErrorKind::WouldBlock);
        assert!(total >= WRITE_BYTES_MAX && total % WRITE_BYTES_MAX == 0, "{total}");
        drop(reader);
    }

    #[test]
    fn a_reader_that_left_is_an_error() {
        let (reader, writer) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC).expect("a pipe");
        drop(reader);
        let error = write_some(&writer, b"x").expect_err("nobody reads");
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }
}
