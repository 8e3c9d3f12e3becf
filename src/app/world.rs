//! The system, as a configuration asks it: names, files and accounts; and a recording of what it said,
//! for a process that may not ask any more.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read};
use std::net::{IpAddr, ToSocketAddrs};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;

use crate::config::world::{Account, World};
use crate::net::namespace;
use crate::sys::{inherit, privileges};

/// Largest file of a configuration. Nobody writes one by hand; more is a mistake (a log, a device).
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Longest silence of a pipe that a configuration is read from: a program that writes one may have to
/// ask others first.
const SILENCE_MAX: Duration = Duration::from_mins(1);

/// How names of hosts are looked up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// IPv6 addresses are none (`-4`).
    pub ipv4_only: bool,
    /// Servers without an address begin without one (`-dr`).
    pub may_be_missing: bool,
}

/// This machine, right now.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct System(pub(super) Names);

impl World for System {
    fn excuses_missing_addresses(&mut self) -> bool {
        self.0.may_be_missing
    }

    fn resolve(&mut self, host: &str) -> Result<Vec<IpAddr>, String> {
        match (host, 0).to_socket_addrs() {
            Ok(addresses) => {
                let known = addresses.map(|address| address.ip());
                Ok(known.filter(|ip| ip.is_ipv4() || !self.0.ipv4_only).collect())
            }
            Err(error) => Err(error.to_string()),
        }
    }

    fn socket(&mut self, number: i32) -> Result<(), String> {
        let socket = inherit::adopt(number).and_then(|fd| Ok(rustix::net::getsockname(&fd)?));
        socket.map(|_| ()).map_err(|error| error.to_string())
    }

    fn namespace(&mut self, name: &str) -> Result<(), String> {
        namespace::open(name).map_err(|error| error.to_string())
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

/// All bytes of a file, at most 64 MiB. What is no regular file, such as a pipe, may keep its reader
/// waiting for [`SILENCE_MAX`].
pub(super) fn read(path: &Path) -> io::Result<Vec<u8>> {
    read_patiently(path, SILENCE_MAX)
}

fn read_patiently(path: &Path, patience: Duration) -> io::Result<Vec<u8>> {
    // Opening a named pipe that nobody writes to would wait for ever.
    let nonblocking = OFlags::NONBLOCK.bits().cast_signed();
    let file = fs::File::options().read(true).custom_flags(nonblocking).open(path)?;
    let patience = (!file.metadata()?.is_file()).then_some(patience);
    let mut bytes = Vec::new();
    Source { file, patience }.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "larger than 64 MiB"));
    }
    Ok(bytes)
}

/// A file that is read; with `patience`, it is waited for so long each time it has nothing.
struct Source {
    file: fs::File,
    patience: Option<Duration>,
}

impl Read for Source {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let Some(patience) = self.patience else { return self.file.read(buf) };
        let patience = Timespec::try_from(patience).unwrap_or_default();
        loop {
            let mut polled = [PollFd::new(&self.file, PollFlags::IN)];
            if poll(&mut polled, Some(&patience))? == 0 {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "nothing comes out of it"));
            }
            match self.file.read(buf) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return done,
            }
        }
    }
}

/// Answers of the world, by question. An answer is a list of values, or why there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Recording(pub(super) BTreeMap<Vec<u8>, Result<Vec<Vec<u8>>, String>>);

/// The question whether servers may lack an address.
const EXCUSES: &str = "excuses";

fn question(what: &str, object: &[u8]) -> Vec<u8> {
    [what.as_bytes(), b" ", object].concat()
}

/// The system, and every answer it gave.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    pub(super) system: System,
    pub(super) recording: Recording,
}

impl Recorder {
    /// Remembers `answer`, whose values are read from it by `values`.
    fn keep<T>(
        &mut self,
        what: &str,
        object: &[u8],
        answer: &Result<T, String>,
        values: impl FnOnce(&T) -> Vec<Vec<u8>>,
    ) {
        // An empty reason would be taken for an answer.
        let why = |why: &String| if why.is_empty() { "no reason".to_owned() } else { why.clone() };
        let kept = answer.as_ref().map(values).map_err(why);
        self.recording.0.insert(question(what, object), kept);
    }
}

impl World for Recorder {
    fn excuses_missing_addresses(&mut self) -> bool {
        let excuses = self.system.excuses_missing_addresses();
        let answer = if excuses { Ok(()) } else { Err("an address is asked for".to_owned()) };
        self.keep(EXCUSES, b"", &answer, |()| Vec::new());
        excuses
    }

    fn resolve(&mut self, host: &str) -> Result<Vec<IpAddr>, String> {
        let answer = self.system.resolve(host);
        self.keep("resolve", host.as_bytes(), &answer, |addrs| {
            addrs.iter().map(|addr| addr.to_string().into_bytes()).collect()
        });
        answer
    }

    fn socket(&mut self, number: i32) -> Result<(), String> {
        self.system.socket(number)
    }

    fn namespace(&mut self, name: &str) -> Result<(), String> {
        self.system.namespace(name)
    }

    fn read(&mut self, path: &Path) -> Result<Vec<u8>, String> {
        let answer = self.system.read(path);
        self.keep("read", path.as_os_str().as_bytes(), &answer, |bytes| vec![bytes.clone()]);
        answer
    }

    fn list(&mut self, directory: &Path) -> Result<Vec<PathBuf>, String> {
        let answer = self.system.list(directory);
        self.keep("list", directory.as_os_str().as_bytes(), &answer, |paths| {
            paths.iter().map(|path| path.as_os_str().as_bytes().to_vec()).collect()
        });
        answer
    }

    fn account(&mut self, kind: Account, name: &str) -> Option<u32> {
        let number = self.system.account(kind, name);
        let answer = number.ok_or_else(|| "unknown".to_owned());
        self.keep(kind.name(), name.as_bytes(), &answer, |number| {
            vec![number.to_string().into_bytes()]
        });
        number
    }
}

/// The world as it was when it was recorded.
#[derive(Debug)]
pub(super) struct Replay(pub(super) Recording);

impl Replay {
    fn answer(&self, what: &str, object: &[u8]) -> Result<&[Vec<u8>], String> {
        match self.0.0.get(&question(what, object)) {
            Some(Ok(values)) => Ok(values),
            Some(Err(why)) => Err(why.clone()),
            None => Err("it was not asked for".to_owned()),
        }
    }
}

impl World for Replay {
    fn excuses_missing_addresses(&mut self) -> bool {
        self.0.0.get(&question(EXCUSES, b"")).is_some_and(Result::is_ok)
    }

    fn resolve(&mut self, host: &str) -> Result<Vec<IpAddr>, String> {
        let values = self.answer("resolve", host.as_bytes())?;
        let addrs = values.iter().filter_map(|value| std::str::from_utf8(value).ok()?.parse().ok());
        Ok(addrs.collect())
    }

    fn read(&mut self, path: &Path) -> Result<Vec<u8>, String> {
        let values = self.answer("read", path.as_os_str().as_bytes())?;
        Ok(values.first().cloned().unwrap_or_default())
    }

    fn list(&mut self, directory: &Path) -> Result<Vec<PathBuf>, String> {
        let values = self.answer("list", directory.as_os_str().as_bytes())?;
        Ok(values.iter().map(|value| PathBuf::from(OsStr::from_bytes(value))).collect())
    }

    fn account(&mut self, kind: Account, name: &str) -> Option<u32> {
        let values = self.answer(kind.name(), name.as_bytes()).ok()?;
        std::str::from_utf8(values.first()?).ok()?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;

    use super::*;

    #[test]
    fn a_pipe_is_read_to_its_end_and_a_silent_one_is_given_up() {
        let (reads, writes) = rustix::pipe::pipe().unwrap();
        let path = PathBuf::from(format!("/dev/fd/{}", reads.as_raw_fd()));
        rustix::io::write(&writes, b"global\n").unwrap();
        let silent = read_patiently(&path, Duration::from_millis(20)).unwrap_err();
        assert_eq!(silent.kind(), io::ErrorKind::TimedOut);
        rustix::io::write(&writes, b"defaults\n").unwrap();
        drop(writes);
        assert_eq!(read_patiently(&path, Duration::from_secs(60)).unwrap(), b"defaults\n");
    }

    #[test]
    fn a_named_pipe_without_a_writer_is_given_up() {
        let path = std::env::temp_dir().join(format!("evenkeel-pipe-{}", std::process::id()));
        let kind = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, &path, kind, rustix::fs::Mode::RUSR, 0).unwrap();
        let read = read_patiently(&path, Duration::from_millis(20));
        fs::remove_file(&path).unwrap();
        assert_eq!(read.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(read_patiently(Path::new("/dev/null"), Duration::ZERO).unwrap(), b"");
    }

    #[test]
    fn a_recording_answers_as_the_system_did() {
        let directory = std::env::temp_dir();
        let missing = Path::new("/nonexistent/file");
        let mut recorder = Recorder::default();
        let file = std::env::current_exe().unwrap();
        let said = (
            recorder.resolve("127.0.0.1"),
            recorder.read(Path::new("/proc/self/comm")),
            recorder.read(missing),
            recorder.list(file.parent().unwrap()),
            recorder.account(Account::User, "root"),
            recorder.account(Account::Group, "no such group"),
        );
        let mut replay = Replay(recorder.recording);
        let repeated = (
            replay.resolve("127.0.0.1"),
            replay.read(Path::new("/proc/self/comm")),
            replay.read(missing),
            replay.list(file.parent().unwrap()),
            replay.account(Account::User, "root"),
            replay.account(Account::Group, "no such group"),
        );
        assert_eq!(said, repeated);
        assert!(repeated.2.is_err() && repeated.1.is_ok());
        assert!(replay.list(&directory).is_err());
    }
}
