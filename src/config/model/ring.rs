//! Rings of log lines, and which lines of many a target gets.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use super::{LogFraming, Server};
use crate::pure::id::Name;

/// A `ring` section: the last log lines, for `show events` and for log servers over TCP.
#[derive(Clone, Debug, PartialEq)]
pub struct Ring {
    /// What `log ring@NAME` calls it.
    pub name: Name,
    /// Shown in the list of `show events`; `None`: its name is.
    pub description: Option<String>,
    /// Header before each message, whatever the `log` line says.
    pub framing: LogFraming,
    /// Longest line, header included, in bytes; at most `size`.
    pub maxlen: usize,
    /// Bytes of all lines, with a few for each of them.
    pub size: usize,
    /// A file that shows the last lines, too.
    pub backing_file: Option<PathBuf>,
    /// How long connecting to a server may take.
    pub connect: Option<Duration>,
    /// How long a server may take nothing of what it is sent.
    pub stall: Option<Duration>,
    /// Every one of them is sent every line.
    pub servers: Vec<Server>,
}

/// How lines are told apart on a TCP connection (RFC 6587).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogProto {
    /// A newline ends each.
    #[default]
    Legacy,
    /// Its length stands before each.
    OctetCount,
}

/// A log server that is sent lines over a connection of their own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LogStream {
    /// `tcp@…`
    Tcp(SocketAddr),
    /// `uxst@…`
    Unix(PathBuf),
}

impl std::fmt::Display for LogStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "tcp@{address}"),
            Self::Unix(path) => write!(f, "uxst@{}", path.display()),
        }
    }
}

/// `sample`: which lines of so many a target gets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LogSample {
    /// First and last number of each range, from 1; in order and without overlap.
    pub ranges: Vec<(NonZeroU32, NonZeroU32)>,
    /// After so many lines it begins again.
    pub size: NonZeroU32,
}

impl LogSample {
    /// Whether the target gets the line after the first `count`.
    #[must_use]
    pub fn takes(&self, count: u64) -> bool {
        let number = count % u64::from(self.size.get()) + 1;
        let within = |&(low, high): &(NonZeroU32, NonZeroU32)| {
            (u64::from(low.get())..=u64::from(high.get())).contains(&number)
        };
        self.ranges.iter().any(within)
    }
}

impl std::fmt::Display for LogSample {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, (low, high)) in self.ranges.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            match low == high {
                true => write!(f, "{comma}{low}")?,
                false => write!(f, "{comma}{low}-{high}")?,
            }
        }
        write!(f, ":{}", self.size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_takes_its_numbers_of_every_round() {
        let number = |n| NonZeroU32::new(n).unwrap();
        let sample = LogSample {
            ranges: vec![(number(1), number(1)), (number(3), number(4))],
            size: number(5),
        };
        let taken: Vec<u64> = (0..10).filter(|&count| sample.takes(count)).collect();
        assert_eq!(taken, [0, 2, 3, 5, 7, 8]);
        assert_eq!(sample.to_string(), "1,3-4:5");
    }
}
