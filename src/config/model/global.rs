//! The process: limits, identity, life and log targets.

use std::net::SocketAddr;
use std::num::{NonZeroU16, NonZeroU32};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::{Life, LogSample, LogStream, Place, Tuning};
use crate::pure::id::Name;
use crate::pure::rules::preset::Preset;

/// The `global` section.
#[derive(Clone, Debug, PartialEq)]
pub struct Global {
    /// Concurrent client connections of the process; `None`: derived from the descriptor limit.
    pub maxconn: Option<NonZeroU32>,
    /// Worker threads; `None`: one a usable core.
    pub nbthread: Option<NonZeroU16>,
    /// Targets of `log global`.
    pub log: Vec<LogTarget>,
    /// Name in front of syslog lines; `None`: the program's name.
    pub log_tag: Option<String>,
    /// Host name in syslog headers; `Some("")`: the machine's own. Targets whose framing was not
    /// written have one that shows it.
    pub log_send_hostname: Option<String>,
    /// User to become after binding, as written.
    pub user: Option<String>,
    /// Group to become after binding, as written.
    pub group: Option<String>,
    /// Numeric user id, which `uid` gives without a lookup.
    pub uid: Option<u32>,
    /// Numeric group id, which `gid` gives without a lookup.
    pub gid: Option<u32>,
    /// Directory to change root to after binding.
    pub chroot: Option<PathBuf>,
    /// Where `chroot` is written.
    pub chroot_place: Place,
    /// Where a daemon or a master writes its process id.
    pub pidfile: Option<PathBuf>,
    /// Where `pidfile` is written.
    pub pidfile_place: Place,
    /// `server-state-file`: what servers were before, for backends that ask for it.
    pub server_state_file: Option<PathBuf>,
    /// `server-state-base`: directory of state files with relative names.
    pub server_state_base: Option<PathBuf>,
    /// `state_dir`: where it is remembered who was primary, and what happened at failovers; `None`:
    /// that ends with the process.
    pub state_dir: Option<PathBuf>,
    /// The process as a whole.
    pub life: Life,
    /// Go to the background.
    pub daemon: bool,
    /// Longest graceful stop; sessions left are ended then.
    pub hard_stop_after: Option<Duration>,
    /// Random part of check intervals, in percent, 0 to 50.
    pub spread_checks_percent: u8,
    /// Upper bound of the spread of first checks.
    pub max_spread_checks: Option<Duration>,
    /// `tune.bufsize`: bytes a check answer or a relayed read may fill.
    pub bufsize: usize,
    /// Rates, buffers and pipes.
    pub tuning: Tuning,
    /// Variables that the process starts with, in order.
    pub variables: Vec<ProcessVariable>,
}

/// `set-var` or `set-var-fmt` of `global`.
#[derive(Clone, Debug, PartialEq)]
pub struct ProcessVariable {
    /// As it was written.
    pub text: String,
    /// What it says.
    pub preset: Preset,
}

/// Where the lines of a proxy, or of the process, go and under which name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Log {
    /// Targets, `log global` already replaced by the global ones.
    pub targets: Arc<[LogTarget]>,
    /// `log-tag`, where it is not that of the process.
    pub tag: Option<Arc<str>>,
}

impl From<&[LogTarget]> for Log {
    /// Lines of the process.
    fn from(targets: &[LogTarget]) -> Self {
        Self { targets: targets.into(), tag: None }
    }
}

/// One `log` line.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LogTarget {
    /// Where to.
    pub sink: LogSink,
    /// Header before each message.
    pub framing: LogFraming,
    /// Longest line, header included, 80 to 65535 bytes.
    pub len: usize,
    /// Syslog facility.
    pub facility: Facility,
    /// Messages less urgent than this are not sent.
    pub level: LogLevel,
    /// Messages more urgent than this are sent as this.
    pub minlevel: LogLevel,
    /// `sample`; `None`: it gets every line.
    pub sample: Option<LogSample>,
}

/// Where log lines go.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LogSink {
    /// UDP syslog.
    Udp(SocketAddr),
    /// A Unix datagram socket such as `/dev/log`.
    Unix(PathBuf),
    /// A Unix datagram socket in Linux' abstract namespace, without the leading NUL.
    Abstract(Vec<u8>),
    /// Standard output, one line a message.
    Stdout,
    /// Standard error, one line a message.
    Stderr,
    /// An inherited descriptor, one line a message.
    Fd(i32),
    /// A `ring` section.
    Ring(Name),
    /// A connection, through a ring of its own.
    Stream(LogStream),
}

/// What stands before the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum LogFraming {
    /// `<134>Nov 21 03:48:43 haproxy[1928]: msg`
    #[default]
    Local,
    /// As `Local` with the host name.
    Rfc3164,
    /// `<134>1 2026-11-21T03:48:43.939654+00:00 host haproxy 1928 - - msg`
    Rfc5424,
    /// `<134>msg`
    Priority,
    /// `<6>msg`
    Short,
    /// `<6>2026-11-21T03:48:43.939654+00:00 msg`
    Timed,
    /// `2026-11-21T03:48:43.939654+00:00 msg`
    Iso,
    /// `msg`
    Raw,
}

/// Syslog severities, most urgent first (RFC 5424 §6.2.1); the discriminant is the number sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "the names are RFC 5424's")]
pub enum LogLevel {
    Emerg = 0,
    Alert = 1,
    Crit = 2,
    Err = 3,
    Warning = 4,
    Notice = 5,
    Info = 6,
    Debug = 7,
}

/// A syslog facility by its number, 0 to 23 (RFC 5424 §6.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Facility(u8);

/// HAProxy's names of the 24 facilities, at their numbers.
const FACILITY_NAMES: [&str; 24] = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "auth2",
    "ftp", "ntp", "audit", "alert", "cron2", "local0", "local1", "local2", "local3", "local4",
    "local5", "local6", "local7",
];

impl Facility {
    /// `local0`.
    pub const LOCAL0: Self = Self(16);

    /// The facility called `name`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let index = FACILITY_NAMES.iter().position(|&known| known == name)?;
        u8::try_from(index).ok().map(Self)
    }

    /// All names, in the order of their numbers.
    #[must_use]
    pub const fn names() -> &'static [&'static str] {
        &FACILITY_NAMES
    }

    /// HAProxy's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        FACILITY_NAMES[usize::from(self.0)]
    }

    /// The number, 0 to 23.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }
}

/// Names of the severities, at their numbers.
const LEVEL_NAMES: [(&str, LogLevel); 8] = [
    ("emerg", LogLevel::Emerg),
    ("alert", LogLevel::Alert),
    ("crit", LogLevel::Crit),
    ("err", LogLevel::Err),
    ("warning", LogLevel::Warning),
    ("notice", LogLevel::Notice),
    ("info", LogLevel::Info),
    ("debug", LogLevel::Debug),
];

impl LogLevel {
    /// The severity of this number, 0 to 7.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        LEVEL_NAMES.get(usize::from(number)).map(|(_, level)| *level)
    }

    /// All severities with HAProxy's names, most urgent first.
    #[must_use]
    pub const fn all() -> &'static [(&'static str, Self)] {
        &LEVEL_NAMES
    }

    /// HAProxy's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        LEVEL_NAMES[self as usize].0
    }
}
