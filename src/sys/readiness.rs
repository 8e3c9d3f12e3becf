//! Waiting for a socket that tokio has no type for: a listener that is accepted from only when
//! there is room.

use std::io;

use socket2::Socket;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Registers `socket` for readability with the runtime of the calling task.
///
/// # Errors
/// What epoll reports: no memory, too many watches.
pub fn watch_readable(socket: Socket) -> io::Result<AsyncFd<Socket>> {
    // SAFETY: `Socket` owns its descriptor and returns the same one from `as_raw_fd` until it is
    // dropped, which AsyncFd does after deregistering it.
    let registered = unsafe { AsyncFd::register_with_interest(socket, Interest::READABLE) };
    registered.map_err(|refused| refused.into())
}
