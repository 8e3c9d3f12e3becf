//! Where framed lines go: UDP, a Unix datagram socket, a descriptor, or a ring.
//!
//! Nothing here ever waits. A datagram that the kernel does not take is lost; a descriptor that
//! takes half a line gets the rest before the next one, and lines that come meanwhile are lost.
//! Bound: one line waits per descriptor.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr as UnixAddr, UnixDatagram};
use std::path::PathBuf;
use std::sync::Arc;

use crate::config::model::LogSink;
use crate::telemetry::ring::Rings;
use crate::telemetry::stdio::write_some;

/// Bytes of a name in the abstract namespace: `sun_path` without the leading NUL (unix(7)).
const ABSTRACT_NAME_BYTES: usize = 107;

/// Gives an inherited descriptor to its one owner; only `sys` can.
pub type Adopt = Box<dyn FnMut(i32) -> io::Result<OwnedFd> + Send>;

/// One open destination.
#[derive(Debug)]
pub struct Sink {
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Udp {
        socket: UdpSocket,
        to: SocketAddr,
    },
    /// Not connected: a syslog daemon that was restarted, or comes later, is found by its path.
    Unix {
        socket: UnixDatagram,
        path: PathBuf,
    },
    /// As a path, in the abstract namespace.
    Abstract {
        socket: UnixDatagram,
        to: UnixAddr,
    },
    /// Which ring that is may change with a reload.
    Ring {
        rings: Arc<Rings>,
        sink: LogSink,
    },
    Stream {
        fd: Stream,
        unsent: Vec<u8>,
    },
}

#[derive(Debug)]
enum Stream {
    Stdout(io::Stdout),
    Stderr(io::Stderr),
    Fd(OwnedFd),
}

impl Sink {
    /// Opens `target`. A Unix socket's path need not exist yet.
    ///
    /// # Errors
    /// No socket was to be had, or the descriptor was not inherited.
    pub fn open(target: &LogSink, adopt: &mut Adopt, rings: &Arc<Rings>) -> io::Result<Self> {
        let stream = |fd| Kind::Stream { fd, unsent: Vec::new() };
        let kind = match target {
            LogSink::Udp(to) => Kind::Udp { socket: udp_socket(to)?, to: *to },
            LogSink::Unix(path) => {
                let socket = UnixDatagram::unbound()?;
                socket.set_nonblocking(true)?;
                Kind::Unix { socket, path: path.clone() }
            }
            LogSink::Abstract(name) => {
                let socket = UnixDatagram::unbound()?;
                socket.set_nonblocking(true)?;
                // HAProxy's names fill the address with NULs.
                let mut name = name.clone();
                name.resize(name.len().max(ABSTRACT_NAME_BYTES), 0);
                Kind::Abstract { socket, to: UnixAddr::from_abstract_name(name)? }
            }
            LogSink::Stdout => stream(Stream::Stdout(io::stdout())),
            LogSink::Stderr => stream(Stream::Stderr(io::stderr())),
            LogSink::Fd(number) => stream(Stream::Fd(adopt(*number)?)),
            LogSink::Ring(_) | LogSink::Stream(_) => {
                Kind::Ring { rings: Arc::clone(rings), sink: target.clone() }
            }
        };
        Ok(Self { kind })
    }

    /// Sends one line, which ends with a newline. Yields how many older ones were lost for it.
    ///
    /// # Errors
    /// The line is lost: `WouldBlock` where the other side is too slow, or what the system said.
    pub fn send(&mut self, line: &[u8]) -> io::Result<u64> {
        match &mut self.kind {
            Kind::Ring { rings, sink } => {
                let ring = rings.find(sink).ok_or(io::ErrorKind::NotFound)?;
                Ok(ring.push(line.strip_suffix(b"\n").unwrap_or(line)))
            }
            Kind::Udp { socket, to } => match socket.send_to(line, *to) {
                // An ICMP answer to an earlier line; UDP promises nothing.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(0),
                sent => sent.map(|_| 0),
            },
            Kind::Unix { socket, path } => socket.send_to(line, path).map(|_| 0),
            Kind::Abstract { socket, to } => socket.send_to_addr(line, to).map(|_| 0),
            Kind::Stream { fd, unsent } => send_stream(fd.as_fd(), unsent, line).map(|()| 0),
        }
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Stdout(fd) => fd.as_fd(),
            Self::Stderr(fd) => fd.as_fd(),
            Self::Fd(fd) => fd.as_fd(),
        }
    }
}

fn udp_socket(to: &SocketAddr) -> io::Result<UdpSocket> {
    let any: SocketAddr = match to {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Writes what is left of an earlier line, then `line`; keeps what is left of that.
fn send_stream(fd: BorrowedFd<'_>, unsent: &mut Vec<u8>, line: &[u8]) -> io::Result<()> {
    while !unsent.is_empty() {
        let written = write_some(fd, unsent)?;
        unsent.drain(..written);
    }
    let mut sent = 0;
    while sent < line.len() {
        match write_some(fd, &line[sent..]) {
            Ok(written) => sent += written,
            Err(error) if sent > 0 && error.kind() == io::ErrorKind::WouldBlock => {
                unsent.extend_from_slice(&line[sent..]);
                return Ok(());
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Read;

    use rustix::pipe::PipeFlags;

    use super::*;

    fn pipe() -> (File, Sink) {
        let (reader, writer) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC).expect("a pipe");
        let mut writer = Some(writer);
        let mut adopt: Adopt = Box::new(move |_| Ok(writer.take().expect("adopted once")));
        (reader.into(), Sink::open(&LogSink::Fd(9), &mut adopt, &Arc::default()).expect("adopted"))
    }

    #[test]
    fn a_stuck_pipe_loses_whole_lines_and_never_half_of_one() {
        let (mut reader, mut sink) = pipe();
        let line = |n: usize| format!("{n} {}\n", "x".repeat(9_000));
        let taken: Vec<usize> =
            (0..40).filter(|&n| sink.send(line(n).as_bytes()).is_ok()).collect();
        assert!(taken.len() > 3 && taken.len() < 40, "{taken:?}");
        rustix::io::ioctl_fionbio(&reader, true).expect("a pipe");
        let mut read = Vec::new();
        let empty = reader.read_to_end(&mut read).expect_err("the writer is still there");
        assert_eq!(empty.kind(), io::ErrorKind::WouldBlock);
        sink.send(b"last\n").expect("there is room again");
        drop(sink);
        reader.read_to_end(&mut read).expect("the rest");
        let expected: String = taken.iter().map(|&n| line(n)).chain(["last\n".into()]).collect();
        assert_eq!(String::from_utf8(read).expect("text"), expected);
    }

    #[test]
    fn udp_without_a_listener_is_no_error() {
        let closed = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let to = closed.local_addr().expect("bound");
        drop(closed);
        let mut adopt: Adopt = Box::new(|_| Err(io::ErrorKind::NotFound.into()));
        let mut sink =
            Sink::open(&LogSink::Udp(to), &mut adopt, &Arc::default()).expect("a socket");
        for _ in 0..3 {
            sink.send(b"line\n").expect("UDP promises nothing");
        }
    }
}
