//! Becoming somebody else: names to ids, then groups, group, user, in that order.
//!
//! rustix offers these calls for one thread only; libc's change the whole process, which is what a
//! daemon means. Becoming somebody else comes before any thread is started; names are looked up in
//! every reload, too.

use std::ffi::CString;
use std::io;
use std::mem::MaybeUninit;

/// The number of a user by name. Any thread may ask at any time.
#[must_use]
pub fn user_id(name: &str) -> Option<u32> {
    let name = CString::new(name).ok()?;
    let mut entry = MaybeUninit::<libc::passwd>::uninit();
    let found = look_up(|text, found| {
        // SAFETY: all pointers are to memory that outlives the call and is written by it alone;
        // `name` is NUL-terminated, and `text` is as long as said.
        unsafe {
            libc::getpwnam_r(
                name.as_ptr(),
                entry.as_mut_ptr(),
                text.as_mut_ptr().cast(),
                text.len(),
                found,
            )
        }
    });
    // SAFETY: where an entry was found, it was written to `entry`.
    found.then(|| unsafe { entry.assume_init_ref() }.pw_uid)
}

/// The number of a group by name. Any thread may ask at any time.
#[must_use]
pub fn group_id(name: &str) -> Option<u32> {
    let name = CString::new(name).ok()?;
    let mut entry = MaybeUninit::<libc::group>::uninit();
    let found = look_up(|text, found| {
        // SAFETY: as in `user_id`.
        unsafe {
            libc::getgrnam_r(
                name.as_ptr(),
                entry.as_mut_ptr(),
                text.as_mut_ptr().cast(),
                text.len(),
                found,
            )
        }
    });
    // SAFETY: as in `user_id`.
    found.then(|| unsafe { entry.assume_init_ref() }.gr_gid)
}

/// Bytes for the texts of an entry: at first, and at most, for a group of tens of thousands.
const TEXT_BYTES: (usize, usize) = (1024, 1 << 20);

/// Calls `ask` with more and more room for an entry's texts until they fit; whether there is one.
fn look_up<T>(mut ask: impl FnMut(&mut [u8], *mut *mut T) -> libc::c_int) -> bool {
    let mut text = vec![0; TEXT_BYTES.0];
    loop {
        let mut found = std::ptr::null_mut();
        match ask(&mut text, &raw mut found) {
            libc::ERANGE if text.len() < TEXT_BYTES.1 => text.resize(text.len() * 2, 0),
            libc::EINTR => {}
            0 => return !found.is_null(),
            _ => return false,
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_looked_up_by_many_threads_at_once() {
        let ask = || {
            for _ in 0..200 {
                assert_eq!((user_id("root"), user_id("daemon")), (Some(0), Some(1)));
                assert_eq!((group_id("root"), group_id("daemon")), (Some(0), Some(1)));
                assert_eq!((user_id("no such user"), group_id("no\0group")), (None, None));
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(ask);
            }
        });
    }

    #[test]
    fn an_entry_gets_the_room_it_needs_and_no_more_than_the_bound() {
        let mut rooms = Vec::new();
        let found = look_up::<u8>(|text, _| {
            rooms.push(text.len());
            libc::ERANGE
        });
        assert!(!found);
        assert_eq!((rooms[0], rooms[1], rooms.last()), (1024, 2048, Some(&(1 << 20))));
    }
}
