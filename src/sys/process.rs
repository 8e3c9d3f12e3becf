//! Going to the background, and the ends of processes.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

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

/// Has what `command` starts killed by the kernel when the thread that starts it ends, as it does with
/// the process. Not for programs that change their user: the kernel forgets it for them.
pub fn bind_to_life(command: &mut Command) {
    let parent = std::process::id();
    let bind = move || {
        rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
        // The parent may have ended before.
        let is_there = rustix::process::getppid()
            .is_some_and(|now| now.as_raw_nonzero().get().unsigned_abs() == parent);
        if is_there { Ok(()) } else { Err(io::ErrorKind::BrokenPipe.into()) }
    };
    // SAFETY: two system calls, no allocation and no lock.
    unsafe { command.pre_exec(bind) };
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
