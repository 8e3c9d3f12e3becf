//! Socket options that neither rustix nor socket2 offers.

use std::io;
use std::os::fd::{AsFd, AsRawFd};

/// Seconds that a connection may wait for its first bytes before it is accepted without (HAProxy's
/// number).
const DEFER_ACCEPT_SECS: libc::c_int = 1;

/// Makes a listening socket hold connections back until they have brought data
/// (`TCP_DEFER_ACCEPT`, tcp(7)), or no longer.
///
/// # Errors
/// What the kernel says of it.
pub fn set_defer_accept(socket: &impl AsFd, on: bool) -> io::Result<()> {
    let secs = if on { DEFER_ACCEPT_SECS } else { 0 };
    set(socket, libc::IPPROTO_TCP, libc::TCP_DEFER_ACCEPT, secs)
}

/// Lets clients of a listening socket send data with their SYN (`TCP_FASTOPEN`, tcp(7)); at most
/// `queue` of them at a time, 0 for none.
///
/// # Errors
/// What the kernel says of it.
pub fn set_fast_open(socket: &impl AsFd, queue: u32) -> io::Result<()> {
    let queue = libc::c_int::try_from(queue).unwrap_or(libc::c_int::MAX);
    set(socket, libc::IPPROTO_TCP, libc::TCP_FASTOPEN, queue)
}

/// Sets an option whose value is one int.
pub(super) fn set(
    socket: &impl AsFd,
    level: libc::c_int,
    option: libc::c_int,
    value: libc::c_int,
) -> io::Result<()> {
    let len = libc::socklen_t::try_from(size_of::<libc::c_int>()).expect("4 bytes");
    let fd = socket.as_fd().as_raw_fd();
    // SAFETY: the kernel reads `len` bytes of one int that outlives the call.
    let result = unsafe { libc::setsockopt(fd, level, option, (&raw const value).cast(), len) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
