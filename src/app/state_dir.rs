//! The directory of what outlives the process (`state_dir`): the fence's memory, and the
//! records of failovers, in one file for programs and as pages for people.
//!
//! It is opened while the process may still open anything, and used through its descriptor, so that
//! `chroot` and a lesser account change nothing. A file is replaced whole, by another name first:
//! whoever reads it sees what was before or what is now. A disk that is full or hangs is said in the
//! log and tried again; nothing waits for it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::{Mode, OFlags, StatVfsMountFlags, openat, renameat};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use super::failovers::folder::Folder;
use super::identity;
use super::state_lock::StateLock;
use super::switchover::Journal;
use crate::clock;
use crate::config::model::Config;
use crate::pure::role::fence::written;
use crate::pure::role::incident::Running;
use crate::state::Process;
use crate::state::remembered::Past;
use crate::telemetry::failover::Record;

/// What systemd names a service's directory by.
const VARIABLE: &str = "STATE_DIRECTORY";

/// The file of the fence.
const FENCE: &str = "fence";

/// The file of the records of failovers: one a line, in JSON, oldest first.
const FAILOVERS: &str = "failovers.jsonl";

/// The file of failovers that go on: for whoever goes on with them.
const RUNNING: &str = "running";

/// What tells one start of the system from another.
const BOOT: &str = "/proc/sys/kernel/random/boot_id";

/// A larger file is none that was written here.
const BYTES_MAX: u64 = 16 << 20;

/// Between a write that failed and the next.
const PAUSE: Duration = Duration::from_secs(1);

/// An open directory, and what the fence's file in it says.
#[derive(Debug)]
pub(super) struct StateDir {
    dir: OwnedFd,
    path: PathBuf,
    past: Past,
    /// This start of the system.
    boot: String,
}

impl StateDir {
    /// Opens the directory of a configuration and reads what is there; `None`: nothing is to be
    /// remembered, or there is no place for it.
    ///
    /// # Errors
    /// A directory that cannot be opened, and a file that is not understood: whoever starts without
    /// what is remembered may let an old primary take writes.
    pub(super) fn open(config: &Config) -> Result<Option<Self>, String> {
        if !remembers(config) {
            return Ok(None);
        }
        let Some(path) = place(config) else {
            tracing::warn!(
                "who is primary is remembered until this process ends, and no longer: \
                 set state_dir in [global]"
            );
            return Ok(None);
        };
        Self::open_at(path).map(Some)
    }

    fn open_at(path: PathBuf) -> Result<Self, String> {
        let refused =
            |error: &dyn std::fmt::Display| format!("state_dir {}: {error}", path.display());
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let dir = rustix::fs::open(&path, flags, Mode::empty())
            .map_err(|error| refused(&io::Error::from(error)))?;
        let text = read(&dir, FENCE).map_err(|error| refused(&format!("{FENCE}: {error}")))?;
        let groups = match text {
            Some(text) => written::read(&String::from_utf8_lossy(&text)).map_err(|error| {
                refused(&format!(
                    "the file '{FENCE}' is not understood ({error}); without it an old primary may \
                     take writes again: remove it if there is none"
                ))
            })?,
            None => BTreeMap::new(),
        };
        let failovers =
            records(&dir).map_err(|error| refused(&format!("{FAILOVERS}: {error}")))?.into();
        let boot = std::fs::read_to_string(BOOT).unwrap_or_default();
        let running = running(&dir, &boot);
        Ok(Self {
            dir,
            path,
            past: Past { groups, failovers, running, system_start: clock::system_start() },
            boot,
        })
    }

    /// Where switchovers are written down.
    ///
    /// # Errors
    /// The system has no descriptor left.
    pub(super) fn journal(&self) -> io::Result<Journal> {
        Ok(Journal::new(self.dir.try_clone()?))
    }

    /// Lets `process` remember what is there, and writes down what it says, at once and whenever that
    /// changes. The sender is dropped when the last of it is on disk. The directory is locked against
    /// all but `predecessors` for as long as the process lives, or until it gives the lock up.
    ///
    /// # Errors
    /// The system starts no thread, or has no descriptor left.
    pub(super) fn keep(
        self,
        process: &Arc<Process>,
        predecessors: Vec<i32>,
        done: oneshot::Sender<()>,
    ) -> io::Result<Arc<StateLock>> {
        let Self { dir, path, past, boot } = self;
        let kept = Arc::new(StateLock::new(dir.try_clone()?));
        let lock = Arc::clone(&kept);
        process.remembered.recall(past);
        let process = Arc::clone(process);
        std::thread::Builder::new().name("state".to_owned()).spawn(move || {
            let learning = Arc::clone(&process);
            lock.take(&path, &predecessors, move || learning.remembered.refresh());
            let mut complained = false;
            let mut folder = None;
            while process.remembered.fresh() {
                // What cannot be read is known here, but for what a successor or predecessor wrote.
                let past = process.remembered.learn(records(&dir).unwrap_or_default());
                match write(&dir, &mut folder, &past, &boot) {
                    Ok(()) if complained => {
                        process.remembered.saved();
                        tracing::warn!("state_dir {} is written again.", path.display());
                        complained = false;
                    }
                    Ok(()) => {}
                    Err(error) => {
                        if !complained {
                            tracing::error!("{}", forgetful(&path, &error));
                        }
                        complained = true;
                        std::thread::sleep(PAUSE);
                        process.remembered.retry();
                    }
                }
                lock.written();
            }
            drop(done);
        })?;
        Ok(kept)
    }
}

/// What a start says of the directory of a configuration, without changing anything there: `Some` where
/// it goes on all the same.
///
/// # Errors
/// What a start is refused for.
pub fn check(config: &Config) -> Result<Option<String>, String> {
    let Some(path) = place(config).filter(|_| remembers(config)) else { return Ok(None) };
    StateDir::open_at(path.clone())?;
    // Names that are not known the configuration was refused for.
    let may_write = identity::look_up(&config.global).unwrap_or_default().may_write(&path);
    let writes = may_write.and_then(|()| has_room(&path));
    Ok(writes.err().map(|error| forgetful(&path, &error)))
}

/// Whether the file system of a directory is written to, and has room for a file.
fn has_room(path: &Path) -> io::Result<()> {
    let found = rustix::fs::statvfs(path)?;
    if found.f_flag.contains(StatVfsMountFlags::RDONLY) {
        return Err(Errno::ROFS.into());
    }
    // Those that make files as they need them count none.
    let has_files = found.f_files == 0 || found.f_favail > 0;
    if found.f_bavail > 0 && has_files { Ok(()) } else { Err(Errno::NOSPC.into()) }
}

/// Whether anything is to be remembered.
fn remembers(config: &Config) -> bool {
    config.backends.iter().any(|backend| !backend.routes.is_empty())
}

/// The directory that is named for it.
fn place(config: &Config) -> Option<PathBuf> {
    config.global.state_dir.clone().or_else(of_service)
}

/// What is said of a directory that cannot be written.
fn forgetful(path: &Path, error: &io::Error) -> String {
    format!(
        "state_dir {}: {error}; who is primary is forgotten if the process ends now.",
        path.display()
    )
}

/// The first directory that systemd made for this service.
fn of_service() -> Option<PathBuf> {
    let names = std::env::var_os(VARIABLE)?;
    std::env::split_paths(&names).next().filter(|path| !path.as_os_str().is_empty())
}

/// A file of the directory; `None` where there is none.
pub(super) fn read(dir: &OwnedFd, name: &str) -> io::Result<Option<Vec<u8>>> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = match openat(dir, name, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(Errno::NOENT) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let mut text = Vec::new();
    file.take(BYTES_MAX).read_to_end(&mut text)?;
    Ok(Some(text))
}

/// The records of failovers that are on disk. One that is damaged is lost, and no more: nothing follows
/// from it.
fn records(dir: &OwnedFd) -> io::Result<Vec<Record>> {
    let text = read(dir, FAILOVERS)?;
    let lines = text.iter().flat_map(|text| text.split(|&byte| byte == b'\n'));
    Ok(lines.filter_map(|line| serde_json::from_slice(line).ok()).collect())
}

/// Failovers that went on in another process. What is damaged, or of before the system's start, is
/// measured by nobody any more.
fn running(dir: &OwnedFd, boot: &str) -> BTreeMap<String, Running> {
    let text = read(dir, RUNNING).ok().flatten().unwrap_or_default();
    let file: RunningFile = serde_json::from_slice(&text).unwrap_or_default();
    if file.boot == boot { file.backends } else { BTreeMap::new() }
}

/// See [`RUNNING`].
#[derive(Default, Deserialize, Serialize)]
struct RunningFile {
    boot: String,
    backends: BTreeMap<String, Running>,
}

/// The folder is made by whoever writes to it, once there is something to write.
fn write(dir: &OwnedFd, folder: &mut Option<Folder>, past: &Past, boot: &str) -> io::Result<()> {
    replace(dir, FENCE, written::write(&past.groups).as_bytes())?;
    let mut lines = String::new();
    for record in &past.failovers {
        lines.push_str(&serde_json::to_string(record)?);
        lines.push('\n');
    }
    replace(dir, FAILOVERS, lines.as_bytes())?;
    if running(dir, boot) != past.running {
        let file = RunningFile { boot: boot.to_owned(), backends: past.running.clone() };
        replace(dir, RUNNING, serde_json::to_string(&file)?.as_bytes())?;
    }
    if past.failovers.is_empty() {
        return Ok(());
    }
    let folder = match folder {
        Some(folder) => folder,
        None => folder.insert(Folder::open(dir.as_fd())?),
    };
    folder.follow(past.failovers.iter(), replace)
}

/// Puts a file in the place of another, whole.
pub(super) fn replace(dir: &OwnedFd, name: &str, bytes: &[u8]) -> io::Result<()> {
    let fresh = format!("{name}.{}", std::process::id());
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::CLOEXEC;
    let mut file = File::from(openat(dir, fresh.as_str(), flags, Mode::from(0o600))?);
    file.write_all(bytes)?;
    file.sync_data()?;
    renameat(dir, fresh.as_str(), dir, name)?;
    Ok(rustix::fs::fsync(dir)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_nothing_is_left_beside_it() {
        let path = std::env::temp_dir().join(format!("evenkeel-state-{}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        let dir: OwnedFd = File::open(&path).unwrap().into();
        assert_eq!(read(&dir, "fence").unwrap(), None);
        for text in ["long and first", "second"] {
            replace(&dir, "fence", text.as_bytes()).unwrap();
            assert_eq!(read(&dir, "fence").unwrap().as_deref(), Some(text.as_bytes()));
        }
        assert_eq!(std::fs::read_dir(&path).unwrap().count(), 1);
        std::fs::remove_dir_all(&path).unwrap();
    }
}
