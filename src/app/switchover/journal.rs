//! What switchovers change, on disk before they do: whoever comes after a process that ended in the
//! middle of one finds it in `state_dir`, and undoes it.
//!
//! One file a switchover. Who carries it out holds a lock on it, which the system takes back when the
//! process ends, however it does: a file that is not locked belongs to nobody. It is one line of JSON,
//! and anything behind that says that the other server was told to become the primary.
//!
//! Bounds: [`DISK_MAX`] for a disk that hangs, and [`BYTES_MAX`] of a file.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::{
    AtFlags, Dir, FlockOperation, Mode, OFlags, flock, fstat, openat, renameat, unlinkat,
};
use serde::{Deserialize, Serialize};

use super::before::Before;

/// What the files' names begin with.
const PREFIX: &str = "switchover.";

/// The name of one that is not whole yet.
const FRESH: &str = "begin-switchover";

/// Longest wait for the disk.
const DISK_MAX: Duration = Duration::from_secs(3);

/// A larger file is none that was written here.
const BYTES_MAX: u64 = 64 << 10;

/// What is about to be changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// The frontend.
    pub(super) route: String,
    pub(super) backend: String,
    /// The old primary.
    pub(super) from: String,
    pub(super) from_addr: String,
    /// The next one.
    pub(super) to: String,
    pub(super) to_addr: String,
    /// What the settings were that are changed.
    #[serde(default)]
    pub(super) before: Before,
    /// How long clients may wait.
    pub(super) timeout_ms: u64,
}

/// The open directory.
#[derive(Clone, Debug)]
pub(in crate::app) struct Journal(Arc<OwnedFd>);

/// A switchover's file, which is ours until this is dropped. It stays unless it is removed.
#[derive(Debug)]
pub(super) struct Page {
    dir: Arc<OwnedFd>,
    file: File,
    name: String,
}

/// Another process's file, which can be read on when it is removed.
#[derive(Debug)]
pub(super) struct Peek {
    pub(super) entry: Entry,
    file: File,
}

/// Whose file it is.
#[derive(Debug)]
pub(super) enum Claim {
    /// That of a process that runs.
    Taken,
    /// There is none any more.
    Gone,
    /// Ours, and whether the next primary was told to become it. A file that is not whole is of one
    /// that changed nothing, and has no entry.
    Ours(Page, Option<Box<Entry>>, bool),
}

impl Journal {
    pub(in crate::app) fn new(dir: OwnedFd) -> Self {
        Self(Arc::new(dir))
    }

    /// The files that are there.
    pub(super) fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&*self.0)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if name.starts_with(PREFIX) {
                names.push(name);
            }
        }
        Ok(names)
    }

    /// What a file says, whoever has it.
    pub(super) fn peek(&self, name: &str) -> Option<Peek> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let mut file = File::from(openat(&*self.0, name, flags, Mode::empty()).ok()?);
        let entry = read(&mut file).ok()?.0?;
        Some(Peek { entry, file })
    }

    /// Takes a file that nobody has.
    pub(super) fn claim(&self, name: &str) -> io::Result<Claim> {
        let flags = OFlags::RDWR | OFlags::APPEND | OFlags::CLOEXEC;
        let mut file = match openat(&*self.0, name, flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(rustix::io::Errno::NOENT) => return Ok(Claim::Gone),
            Err(error) => return Err(error.into()),
        };
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Ok(Claim::Taken),
            Err(error) => return Err(error.into()),
        }
        if fstat(&file)?.st_nlink == 0 {
            return Ok(Claim::Gone);
        }
        let (entry, is_promoting) = read(&mut file)?;
        let entry = entry.map(Box::new);
        let page = Page { dir: Arc::clone(&self.0), file, name: name.to_owned() };
        Ok(Claim::Ours(page, entry, is_promoting))
    }

    /// Writes down what is about to be changed, in a file of this name (see [`name`]).
    ///
    /// # Errors
    /// What the disk says, or that it hangs: what it writes late is removed.
    ///
    /// # Cancel safety
    /// The file may be there afterwards; it is found to have changed nothing.
    pub(super) async fn begin(&self, entry: &Entry, name: String) -> io::Result<Page> {
        let (dir, entry) = (Arc::clone(&self.0), entry.clone());
        in_time(
            DISK_MAX,
            move || {
                let fresh = format!("{FRESH}.{}", std::process::id());
                let flags = OFlags::RDWR
                    | OFlags::APPEND
                    | OFlags::CREATE
                    | OFlags::TRUNC
                    | OFlags::CLOEXEC;
                let mut file = File::from(openat(&*dir, fresh.as_str(), flags, Mode::from(0o600))?);
                flock(&file, FlockOperation::NonBlockingLockExclusive)?;
                let mut line = serde_json::to_string(&entry)?;
                line.push('\n');
                file.write_all(line.as_bytes())?;
                file.sync_all()?;
                renameat(&*dir, fresh.as_str(), &*dir, name.as_str())?;
                rustix::fs::fsync(&*dir)?;
                Ok(Page { dir, file, name })
            },
            Page::remove,
        )
        .await
    }
}

impl Peek {
    /// Whether the next primary was told to become it, by now.
    pub(super) fn is_promoting(&mut self) -> bool {
        let read = self.file.rewind().and_then(|()| read(&mut self.file));
        read.is_ok_and(|(_, is_promoting)| is_promoting)
    }
}

/// The name of a file that this process begins at `wall`.
pub(super) fn name(wall: SystemTime) -> String {
    let since = wall.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    format!("{PREFIX}{since}-{}", std::process::id())
}

/// When the file of this name was begun; `None`: somebody else named it.
pub(super) fn since(name: &str) -> Option<SystemTime> {
    let (since, _) = name.strip_prefix(PREFIX)?.split_once('-')?;
    UNIX_EPOCH.checked_add(Duration::from_nanos(since.parse().ok()?))
}

impl Page {
    /// When it was begun.
    pub(super) fn since(&self) -> Option<SystemTime> {
        since(&self.name)
    }

    /// Writes down that the next primary is told to become it.
    pub(super) async fn promote(&mut self) -> io::Result<()> {
        let mut file = self.file.try_clone()?;
        in_time(
            DISK_MAX,
            move || {
                file.write_all(b"promoting\n")?;
                file.sync_data()
            },
            Ok,
        )
        .await
    }

    /// All is done, or undone.
    pub(super) fn remove(self) -> io::Result<()> {
        unlinkat(&*self.dir, self.name.as_str(), AtFlags::empty())?;
        Ok(rustix::fs::fsync(&*self.dir)?)
    }
}

/// What a file says, and whether the next primary was told to become it.
fn read(file: &mut File) -> io::Result<(Option<Entry>, bool)> {
    let mut text = String::new();
    file.take(BYTES_MAX).read_to_string(&mut text)?;
    let (line, rest) = text.split_once('\n').unwrap_or((&text, ""));
    Ok((serde_json::from_str(line).ok(), !rest.is_empty()))
}

/// Does `work` on a thread that may block, and gives it up when it takes too long: what comes of it late
/// is taken back by `undo`.
async fn in_time<T: Send + 'static>(
    limit: Duration,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
    undo: impl FnOnce(T) -> io::Result<()> + Send + 'static,
) -> io::Result<T> {
    // Who comes second, the work's end or that of the patience, knows of the other.
    let over = Arc::new(AtomicBool::new(false));
    let is_given_up = Arc::clone(&over);
    let mut done = tokio::task::spawn_blocking(move || {
        let done = work()?;
        if is_given_up.swap(true, Ordering::AcqRel) {
            undo(done)?;
            return Err(hangs());
        }
        Ok(done)
    });
    match tokio::time::timeout(limit, &mut done).await {
        Err(_) if !over.swap(true, Ordering::AcqRel) => Err(hangs()),
        Err(_) => done.await.map_err(io::Error::other)?,
        Ok(done) => done.map_err(io::Error::other)?,
    }
}

fn hangs() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the disk hangs")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_a_disk_writes_after_it_was_given_up_is_taken_back() {
        let (go_on, wait) = std::sync::mpsc::channel::<()>();
        let (undone, taken_back) = tokio::sync::oneshot::channel();
        let work = move || Ok(wait.recv().is_ok());
        let undo = move |was| undone.send(was).map_err(|_| io::ErrorKind::Other.into());
        let given_up = in_time(Duration::ZERO, work, undo).await;
        assert_eq!(given_up.unwrap_err().kind(), io::ErrorKind::TimedOut);
        go_on.send(()).unwrap();
        assert!(taken_back.await.unwrap());
    }

    #[tokio::test]
    async fn a_file_is_found_by_whoever_comes_after_and_taken_by_one() {
        let path = std::env::temp_dir().join(format!("evenkeel-journal-{}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        let journal = Journal::new(File::open(&path).unwrap().into());
        assert!(journal.names().unwrap().is_empty());
        let entry = Entry {
            route: "write".to_owned(),
            backend: "db".to_owned(),
            from: "a".to_owned(),
            from_addr: "127.0.0.1:1".to_owned(),
            to: "b".to_owned(),
            to_addr: "127.0.0.1:2".to_owned(),
            before: Before::default(),
            timeout_ms: 10_000,
        };
        let wall = SystemTime::now();
        let mut page = journal.begin(&entry, super::name(wall)).await.unwrap();
        let names = journal.names().unwrap();
        let [name] = &names[..] else { panic!("{names:?}") };
        let mut peek = journal.peek(name).unwrap();
        assert_eq!(peek.entry, entry);
        assert!(!peek.is_promoting());
        assert!(matches!(journal.claim(name).unwrap(), Claim::Taken));
        page.promote().await.unwrap();
        drop(page);
        let Claim::Ours(page, found, true) = journal.claim(name).unwrap() else { panic!("taken") };
        assert_eq!(page.since(), Some(wall));
        assert_eq!(found.as_deref(), Some(&entry));
        page.remove().unwrap();
        assert!(peek.is_promoting(), "though it is gone");
        assert!(matches!(journal.claim(name).unwrap(), Claim::Gone));
        std::fs::write(path.join("switchover.torn"), "{\"route\":\"wr").unwrap();
        assert!(matches!(journal.claim("switchover.torn").unwrap(), Claim::Ours(_, None, false)));
        std::fs::remove_dir_all(&path).unwrap();
    }
}
