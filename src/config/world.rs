//! What a load asks of the world around it.
//!
//! A load is a function of its texts and of these answers alone: whoever records the answers of one
//! load can repeat it elsewhere, such as in a process that may not read the files any more. So
//! whatever a configuration names that must be looked at (a host, a file, an account) is asked for
//! here, and nowhere else.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// The answers a load needs. An error is the reason in words, without the name that was asked for.
pub trait World {
    /// The addresses of a host name, best first; asked once a load for each.
    ///
    /// # Errors
    /// Why there is none.
    fn resolve(&mut self, host: &str) -> Result<Vec<IpAddr>, String>;

    /// Whether a server whose name has no address may begin without one, whatever its `init-addr` says
    /// (`-dr`).
    fn excuses_missing_addresses(&mut self) -> bool {
        false
    }

    /// Whether descriptor `number`, which was inherited, is an open socket. Who repeats a load has
    /// inherited the same.
    ///
    /// # Errors
    /// Why it is none.
    fn socket(&mut self, _number: i32) -> Result<(), String> {
        Ok(())
    }

    /// Whether there is a network namespace called `name`. Who repeats a load has opened the same.
    ///
    /// # Errors
    /// Why it cannot be entered.
    fn namespace(&mut self, _name: &str) -> Result<(), String> {
        Ok(())
    }

    /// The bytes of a file.
    ///
    /// # Errors
    /// Why it cannot be read, or that it is larger than any sensible one.
    fn read(&mut self, path: &Path) -> Result<Vec<u8>, String>;

    /// The paths of a directory's entries, sorted.
    ///
    /// # Errors
    /// Why it cannot be listed; a file that is no directory is one reason.
    fn list(&mut self, directory: &Path) -> Result<Vec<PathBuf>, String>;

    /// The number of an account, if the system knows the name.
    fn account(&mut self, kind: Account, name: &str) -> Option<u32>;
}

/// Kinds of accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Account {
    /// A user.
    User,
    /// A group.
    Group,
}

impl Account {
    /// The word of the file.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Group => "group",
        }
    }
}

/// A resolver alone is a world without files in which every account is root's.
impl<F> World for F
where
    F: FnMut(&str) -> Result<Vec<IpAddr>, String>,
{
    fn resolve(&mut self, host: &str) -> Result<Vec<IpAddr>, String> {
        self(host)
    }

    fn read(&mut self, _: &Path) -> Result<Vec<u8>, String> {
        Err("there are no files".to_owned())
    }

    fn list(&mut self, _: &Path) -> Result<Vec<PathBuf>, String> {
        Err("there are no files".to_owned())
    }

    fn account(&mut self, _: Account, _: &str) -> Option<u32> {
        Some(0)
    }
}
