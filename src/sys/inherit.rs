//! Adopting a descriptor that the parent process left open for us (`fd@N`).

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd, RawFd};

/// Takes a copy of descriptor `number`; the inherited one stays open and is never closed by us, so
/// that a reload can adopt it again.
///
/// # Errors
/// `EBADF` where no such descriptor is open, `EMFILE` where no further one may be.
pub fn adopt(number: RawFd) -> io::Result<OwnedFd> {
    if number < 0 {
        return Err(io::Error::from_raw_os_error(libc::EBADF));
    }
    // SAFETY: F_GETFD reads a flag and reports EBADF for a number that is not open.
    let flags = unsafe { libc::fcntl(number, libc::F_GETFD) };
    if flags < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the line above saw the descriptor open, and inherited descriptors are closed by
    // nobody in this process.
    let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
    borrowed.try_clone_to_owned()
}

/// As [`adopt`], of a descriptor that is for this process alone: programs that it starts do not get
/// it.
///
/// # Errors
/// As [`adopt`]'s.
pub fn adopt_sealed(number: RawFd) -> io::Result<OwnedFd> {
    let adopted = adopt(number)?;
    // SAFETY: `adopt` saw the descriptor open; F_SETFD sets a flag of it.
    if unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(adopted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_are_not_open_are_refused() {
        assert_eq!(adopt(-1).map_err(|e| e.raw_os_error()).err(), Some(Some(libc::EBADF)));
        assert_eq!(adopt(1_000_000).map_err(|e| e.raw_os_error()).err(), Some(Some(libc::EBADF)));
        assert!(adopt(2).is_ok());
    }
}
