//! How to run, why a start fails, and how a run ends.

use std::io;
use std::num::NonZeroU32;
use std::path::PathBuf;

use super::load::Sources;
use crate::config::model::Place;
use crate::net::system_text::system_text;

/// How to run, beside what the configuration says.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// What to load, and to load again on a reload.
    pub sources: Sources,
    /// Go to the background (`-D`), whatever the file and the other flags say.
    pub daemon: bool,
    /// Stay in the foreground (`-db`, `-d`), whatever the file says; `-Ws` means this, too.
    pub foreground: bool,
    /// A warning of the configuration is an error (`-dW`).
    pub zero_warning: bool,
    /// `-p`: where to write the process id.
    pub pidfile: Option<PathBuf>,
    /// `-sf`: processes to stop softly once this one serves.
    pub finish: Vec<i32>,
    /// `-st`: processes to stop at once then.
    pub terminate: Vec<i32>,
    /// `-W`, `-Ws`: a master reloads for a worker.
    pub master: bool,
    /// `-Ws`: the service manager is told how things are.
    pub notify: bool,
    /// `-S`: where the master takes commands, each with its options.
    pub master_sockets: Vec<String>,
    /// `-x`: the command socket of the process whose listening sockets are taken over.
    pub take_from: Option<PathBuf>,
    /// Where the program file is: a master whose file was replaced gives way to it.
    pub program_file: Option<PathBuf>,
    /// `-m`: address space in MiB that a process which serves may have.
    pub memory_mib: Option<NonZeroU32>,
    /// SIGHUP asks for a report, as in HAProxy, not for a reload.
    pub hup_reports: bool,
    /// The program's name in log lines.
    pub program: String,
}

impl Options {
    /// Nothing but the program's name.
    #[must_use]
    pub fn named(program: &str) -> Self {
        Self { program: program.to_owned(), ..Self::default() }
    }
}

/// Why the process cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The system refused something; each line names the operation and its object.
    #[error("{}", .0.join("\n"))]
    Refused(Vec<String>),
}

impl StartError {
    pub(super) fn because(what: &str, error: &io::Error) -> Self {
        Self::Refused(vec![format!("cannot {what}: {error}")])
    }

    /// The same of what stands at `place`, or on the command line.
    pub(super) fn at(place: &Place, what: &str, error: &io::Error) -> Self {
        Self::Refused(vec![told_at(place, what, error)])
    }
}

/// How the process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// A soft stop, or the parent of a daemon.
    Done,
    /// By this signal, at once.
    Signal(i32),
    /// A master, with its worker's exit status.
    Code(u8),
}

/// That the process cannot do `what`, which is asked for at `place`.
pub(super) fn told_at(place: &Place, what: &str, error: &io::Error) -> String {
    let place = if place.line == 0 { String::new() } else { format!("[{place}] ") };
    format!("{place}Cannot {what}: {}", system_text(error))
}
