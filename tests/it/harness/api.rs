//! The command socket of the proxy under test.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use super::dir::TempDir;
use super::{PATIENCE, eventually};

/// A place for command sockets.
#[derive(Debug)]
pub(crate) struct Api {
    dir: TempDir,
}

impl Api {
    pub(crate) fn new() -> Self {
        Self { dir: TempDir::new() }
    }

    /// Where the socket of clients with this level is.
    pub(crate) fn path(&self, level: &str) -> PathBuf {
        self.dir.join(&format!("{level}.sock"))
    }

    /// Lines of `global` for a socket of each level.
    pub(crate) fn lines(&self) -> String {
        let line = |level| format!("stats socket {} level {level}\n", self.path(level).display());
        ["user", "operator", "admin"].map(line).concat()
    }

    /// A connection that the proxy may be slow to accept.
    #[track_caller]
    pub(crate) fn connect(&self, level: &str) -> UnixStream {
        let path = self.path(level);
        let stream = eventually("the command socket", || UnixStream::connect(&path).ok());
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// What an admin is answered to the lines of `commands`.
    #[track_caller]
    pub(crate) fn ask(&self, commands: &str) -> String {
        self.ask_as("admin", commands)
    }

    /// What somebody of this level is answered: the way of `echo … | socat - …`.
    #[track_caller]
    pub(crate) fn ask_as(&self, level: &str, commands: &str) -> String {
        let mut stream = self.connect(level);
        stream.write_all(format!("{commands}\n").as_bytes()).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        rest(&mut stream)
    }
}

/// Everything up to the end of the connection.
#[track_caller]
pub(crate) fn rest(stream: &mut UnixStream) -> String {
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}
