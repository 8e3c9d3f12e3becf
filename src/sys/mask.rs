//! Holding signals back while a process changes its program: until the new one listens, each has its
//! default effect, and most of those end it.

use std::io;
use std::mem::MaybeUninit;

/// Holds `signals` back, in the calling thread and in what it starts, or lets them through again.
/// Those that come meanwhile are delivered then.
///
/// # Errors
/// A number that is no signal.
pub fn hold(signals: &[i32], held: bool) -> io::Result<()> {
    let mut set = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: writes the whole set through the pointer.
    unsafe { libc::sigemptyset(set.as_mut_ptr()) };
    for &signal in signals {
        // SAFETY: the set was initialized above; a bad number is an error that changes nothing.
        if unsafe { libc::sigaddset(set.as_mut_ptr(), signal) } != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    let how = if held { libc::SIG_BLOCK } else { libc::SIG_UNBLOCK };
    // SAFETY: reads the set, which was initialized above; the old mask is not asked for.
    match unsafe { libc::pthread_sigmask(how, set.as_ptr(), std::ptr::null_mut()) } {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_back_comes_later() {
        // A thread of its own: the mask is the thread's.
        std::thread::spawn(|| {
            hold(&[libc::SIGWINCH], true).unwrap();
            hold(&[libc::SIGWINCH], false).unwrap();
            assert!(hold(&[-1], true).is_err());
        })
        .join()
        .unwrap();
    }
}
