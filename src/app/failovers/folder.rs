//! The folder of records in the directory of what outlives the process: for each of the last
//! [`RECORDS_KEPT`] records of failovers a JSON file and a page.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, Dir, Mode, OFlags, mkdirat, openat, unlinkat};
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

use super::files;
use crate::telemetry::failover::Record;

/// Its name.
const FOLDER: &str = "failovers";

/// Records that have files, the latest: some 16 KB each.
const RECORDS_KEPT: usize = 200;

/// The folder, and the records whose files are there, by what they are called.
#[derive(Debug)]
pub(in crate::app) struct Folder {
    dir: OwnedFd,
    written: Vec<Record>,
}

impl Folder {
    /// The folder in `dir`, which is made where it is not there.
    ///
    /// # Errors
    /// It cannot be made or opened.
    pub(in crate::app) fn open(dir: BorrowedFd<'_>) -> io::Result<Self> {
        match mkdirat(dir, FOLDER, Mode::from(0o700)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        Ok(Self { dir: openat(dir, FOLDER, flags, Mode::empty())?, written: Vec::new() })
    }

    /// Makes the files those of `records`, oldest first, by `replace`, which writes one whole.
    ///
    /// # Errors
    /// A file cannot be written; what is there stays.
    pub(in crate::app) fn follow<'a>(
        &mut self,
        records: impl DoubleEndedIterator<Item = &'a Record>,
        replace: impl Fn(&OwnedFd, &str, &[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        let (mut names, mut written) = (BTreeSet::new(), Vec::new());
        for record in records.rev().take(RECORDS_KEPT) {
            let is_there = self.written.contains(record);
            for (name, text) in files(record)? {
                if !is_there {
                    replace(&self.dir, &name, text.as_bytes())?;
                }
                names.insert(name);
            }
            written.push(record.clone());
        }
        self.written = written;
        self.prune(&names)
    }

    /// Removes the files of other records; what is none of ours stays, and what another process that
    /// runs yet is about to rename.
    fn prune(&self, names: &BTreeSet<String>) -> io::Result<()> {
        for entry in Dir::read_from(&self.dir)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy();
            let is_ours = ["failover-", "switchover-", "unseen-", "drill-"]
                .iter()
                .any(|kind| name.starts_with(kind));
            if is_ours && !names.contains(&*name) && !is_being_written(&name) {
                match unlinkat(&self.dir, entry.file_name(), AtFlags::empty()) {
                    // Another process prunes, too.
                    Ok(()) | Err(Errno::NOENT) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(())
    }
}

/// Whether the name ends with the number of a process that runs.
fn is_being_written(name: &str) -> bool {
    let pid = name.rsplit('.').next().and_then(|end| end.parse().ok()).and_then(Pid::from_raw);
    pid.is_some_and(|pid| test_kill_process(pid).is_ok())
}
