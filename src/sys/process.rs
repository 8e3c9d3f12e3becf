//! Going to the background.

use std::io;

/// Which of the two processes this is after [`fork`].
#[derive(Debug, PartialEq, Eq)]
pub enum Forked {
    /// The process that called; the number is the child's id.
    Parent(u32),
    /// The new process.
    Child,
}

/// Forks. Must be called before any thread is started: the child gets only the calling thread.
///
/// # Errors
/// `EAGAIN` or `ENOMEM` where the system is out of processes or memory.
pub fn fork() -> io::Result<Forked> {
    // SAFETY: the process is single-threaded here (documented above), so the child may go on
    // running any code.
    match unsafe { libc::fork() } {
        0 => Ok(Forked::Child),
        id if id > 0 => Ok(Forked::Parent(id.unsigned_abs())),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Ends the process by `signal`, with its default effect, so that the parent sees how it ended.
pub fn die_by(signal: i32) -> ! {
    // SAFETY: SIG_DFL is a valid disposition; a bad number is an error that changes nothing.
    unsafe { libc::signal(signal, libc::SIG_DFL) };
    // SAFETY: takes a number.
    unsafe { libc::raise(signal) };
    // A signal whose default does not end a process.
    std::process::exit(128 + signal)
}
