//! The system, as a configuration asks it: names, files and accounts.

use std::fs;
use std::io::{self, Read};
use std::net::{IpAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};

use crate::config::world::{Account, World};
use crate::sys::privileges;

/// Largest file of a configuration. Nobody writes one by hand; more is a mistake (a log, a device).
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// This machine, right now.
#[derive(Clone, Copy, Debug)]
pub(super) struct System;

impl World for System {
    fn resolve(&mut self, host: &str) -> Result<Vec<IpAddr>, String> {
        match (host, 0).to_socket_addrs() {
            Ok(addresses) => Ok(addresses.map(|address| address.ip()).collect()),
            Err(error) => Err(error.to_string()),
        }
    }

    fn read(&mut self, path: &Path) -> Result<Vec<u8>, String> {
        read(path).map_err(|error| error.to_string())
    }

    fn list(&mut self, directory: &Path) -> Result<Vec<PathBuf>, String> {
        let list = || -> io::Result<Vec<PathBuf>> {
            fs::read_dir(directory)?.map(|entry| Ok(entry?.path())).collect()
        };
        let mut paths = list().map_err(|error| error.to_string())?;
        paths.sort();
        Ok(paths)
    }

    fn account(&mut self, kind: Account, name: &str) -> Option<u32> {
        match kind {
            Account::User => privileges::user_id(name),
            Account::Group => privileges::group_id(name),
        }
    }
}

/// All bytes of a file, at most 64 MiB.
pub(super) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "larger than 64 MiB"));
    }
    Ok(bytes)
}
