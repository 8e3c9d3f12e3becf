//! Becoming somebody else: names to ids, then groups, group, user, in that order.
//!
//! rustix offers these calls for one thread only; libc's change the whole process, which is what a
//! daemon means. Called before any thread is started.

use std::ffi::CString;
use std::io;

/// The number of a user by name.
#[must_use]
pub fn user_id(name: &str) -> Option<u32> {
    let name = CString::new(name).ok()?;
    // SAFETY: `name` is NUL-terminated; the result points into static storage and is read before
    // any other call could overwrite it (start-up is single-threaded).
    let entry = unsafe { libc::getpwnam(name.as_ptr()) };
    // SAFETY: getpwnam returns NULL or a valid entry.
    unsafe { entry.as_ref() }.map(|entry| entry.pw_uid)
}

/// The number of a group by name.
#[must_use]
pub fn group_id(name: &str) -> Option<u32> {
    let name = CString::new(name).ok()?;
    // SAFETY: as in `user_id`.
    let entry = unsafe { libc::getgrnam(name.as_ptr()) };
    // SAFETY: getgrnam returns NULL or a valid entry.
    unsafe { entry.as_ref() }.map(|entry| entry.gr_gid)
}

/// Leaves all supplementary groups.
///
/// # Errors
/// `EPERM` without the privilege.
pub fn clear_groups() -> io::Result<()> {
    // SAFETY: a length of 0 reads nothing through the pointer.
    check(unsafe { libc::setgroups(0, std::ptr::null()) })
}

/// Becomes group `gid`, for good.
///
/// # Errors
/// `EPERM` without the privilege.
pub fn become_group(gid: u32) -> io::Result<()> {
    // SAFETY: takes a number.
    check(unsafe { libc::setgid(gid) })
}

/// Becomes user `uid`, for good.
///
/// # Errors
/// `EPERM` without the privilege.
pub fn become_user(uid: u32) -> io::Result<()> {
    // SAFETY: takes a number.
    check(unsafe { libc::setuid(uid) })
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
