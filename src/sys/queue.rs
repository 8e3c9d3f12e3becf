//! How much of what was written to a socket has not been acknowledged yet.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Bytes in the send queue of a TCP or Unix stream socket (`SIOCOUTQ`, tcp(7)).
///
/// # Errors
/// What the kernel says of a descriptor that is no socket.
pub fn unsent_bytes(socket: BorrowedFd<'_>) -> io::Result<usize> {
    let mut bytes: libc::c_int = 0;
    // SAFETY: TIOCOUTQ (the number of SIOCOUTQ) writes one int through the pointer, which outlives
    // the call.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::TIOCOUTQ, &raw mut bytes) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(usize::try_from(bytes).unwrap_or(0))
}
