//! Listening sockets from one process to its successor, as HAProxy does it: `_getsocks` on a
//! command socket with `expose-fd listeners`. Both programs take over from each other.
//!
//! ```text
//! successor                                predecessor
//! "_getsocks\n"                      -->
//!                                    <--   int: how many there are
//!                                    <--   up to 252 descriptors, and for each of them:
//!                                          1 byte + namespace, 1 byte + interface, 4 zero bytes
//! int: how many have arrived so far  -->   (then the next message)
//! ```
//! Integers are the machine's own. All calls block, for at most `PATIENCE` each.

use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use super::descriptors::{self, BATCH_MAX};
use super::listen::{self, Handed};

/// Longest silence of the other process. HAProxy waits for 1 s.
const PATIENCE: Duration = Duration::from_secs(5);

/// Most sockets that are taken over: beyond, the number is no number.
const SOCKETS_MAX: usize = 1 << 20;

/// Bytes that describe one socket, at most.
const ENTRY_BYTES_MAX: usize = 1 + 255 + 1 + 255 + 4;

/// Asks the process whose command socket is at `path` (a path, `unix@PATH` or `abns@NAME`) for its
/// listening sockets. They stay open there, too.
///
/// # Errors
/// Nobody answers, the socket has no `expose-fd listeners`, or the answer is none.
pub fn take(path: &Path) -> io::Result<Vec<Handed>> {
    take_from(&connect(path)?)
}

/// As [`take`], over a connection to that process.
///
/// # Errors
/// As [`take`]'s.
pub fn take_from(stream: &UnixStream) -> io::Result<Vec<Handed>> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut stream_out = stream;
    stream_out.write_all(b"_getsocks\n")?;
    let mut count = [0; 4];
    let mut stream_in = stream;
    stream_in.read_exact(&mut count).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => {
            io::Error::other("it hands none over (is 'expose-fd listeners' there?)")
        }
        _ => error,
    })?;
    let no_number = || io::Error::from(io::ErrorKind::InvalidData);
    let count = usize::try_from(i32::from_ne_bytes(count)).map_err(|_| no_number())?;
    if count > SOCKETS_MAX {
        return Err(no_number());
    }
    let (mut sockets, mut entries) = (Vec::new(), Vec::new());
    let mut bytes = vec![0; BATCH_MAX * ENTRY_BYTES_MAX];
    while sockets.len() < count {
        let (got, batch) = descriptors::receive(stream, &mut bytes)?;
        if got == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        entries.extend_from_slice(&bytes[..got]);
        sockets.extend(batch);
        let arrived = i32::try_from(sockets.len()).unwrap_or(i32::MAX);
        // Nobody may wait for the last one; where more were to come, the next read tells.
        let _ = stream_out.write_all(&arrived.to_ne_bytes());
    }
    // What describes the last sockets may come behind them.
    let mut rest = &entries[..];
    let mut handed = Vec::with_capacity(sockets.len());
    for socket in sockets {
        let (namespace, interface) = entry(&mut rest).ok_or_else(no_number)?;
        handed.push(Handed { socket: Socket::from(socket), interface, namespace });
    }
    Ok(handed)
}

fn connect(path: &Path) -> io::Result<UnixStream> {
    let text = path.as_os_str().as_bytes();
    if let Some(name) = text.strip_prefix(b"abns@") {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.connect(&listen::abstract_address(name)?)?;
        return Ok(UnixStream::from(std::os::fd::OwnedFd::from(socket)));
    }
    let path = text.strip_prefix(b"unix@").unwrap_or(text);
    UnixStream::connect(std::ffi::OsStr::from_bytes(path))
}

/// The namespace and the interface of one socket, and 4 bytes.
fn entry(bytes: &mut &[u8]) -> Option<(String, String)> {
    let mut text = || {
        let (&length, rest) = bytes.split_first()?;
        let (text, rest) = rest.split_at_checked(usize::from(length))?;
        *bytes = rest;
        Some(String::from_utf8_lossy(text).into_owned())
    };
    let (namespace, interface) = (text()?, text()?);
    *bytes = bytes.get(4..)?;
    Some((namespace, interface))
}

/// Answers `_getsocks`: hands `sockets` over, each with the interface it is bound to.
///
/// # Errors
/// What the socket says: the successor is gone or does not read.
pub fn give(stream: &UnixStream, sockets: &[(Socket, String)]) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let count = i32::try_from(sockets.len()).unwrap_or(i32::MAX);
    let mut writer = stream;
    writer.write_all(&count.to_ne_bytes())?;
    for batch in sockets.chunks(BATCH_MAX) {
        let mut entries = Vec::new();
        for (_, interface) in batch {
            let length = u8::try_from(interface.len()).unwrap_or(0);
            entries.extend_from_slice(&[0, length]);
            entries.extend_from_slice(&interface.as_bytes()[..usize::from(length)]);
            entries.extend_from_slice(&[0; 4]);
        }
        let descriptors: Vec<_> = batch.iter().map(|(socket, _)| socket.as_fd()).collect();
        descriptors::send(stream, &entries, &descriptors)?;
        (&*stream).read_exact(&mut [0; 4])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    /// A socket that listens, as another process' would.
    fn listener() -> Socket {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&std::net::SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
        socket.listen(1).unwrap();
        socket
    }

    /// What a successor gets from a predecessor that answers with `answer`.
    fn dialogue(answer: impl FnOnce(&UnixStream) + Send) -> io::Result<Vec<Handed>> {
        let path = std::env::temp_dir().join(format!(
            "evenkeel-handover-{}-{:?}.sock",
            std::process::id(),
            std::thread::current().id()
        ));
        let _ = std::fs::remove_file(&path);
        let server = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let taken = std::thread::scope(|scope| {
            scope.spawn(|| {
                let (stream, _) = server.accept().unwrap();
                let mut line = [0; 10];
                (&stream).read_exact(&mut line).unwrap();
                assert_eq!(&line, b"_getsocks\n");
                answer(&stream);
            });
            take(&path)
        });
        let _ = std::fs::remove_file(&path);
        taken
    }

    #[test]
    fn all_sockets_arrive_in_order() {
        let sockets: Vec<_> = (0..BATCH_MAX + 3)
            .map(|number| (listener(), if number == 1 { "lo".to_owned() } else { String::new() }))
            .collect();
        let handed = dialogue(|stream| give(stream, &sockets).unwrap()).unwrap();
        assert_eq!(handed.len(), sockets.len());
        for (handed, (socket, interface)) in handed.iter().zip(&sockets) {
            assert_eq!(
                handed.socket.local_addr().unwrap().as_socket(),
                socket.local_addr().unwrap().as_socket()
            );
            assert_eq!(handed.interface, *interface);
        }
    }

    #[test]
    fn answers_that_are_none_are_errors() {
        assert!(dialogue(|_| {}).is_err());
        assert!(dialogue(|mut stream| stream.write_all(&(-1_i32).to_ne_bytes()).unwrap()).is_err());
        assert!(dialogue(|mut stream| stream.write_all(&7_i32.to_ne_bytes()).unwrap()).is_err());
    }

    #[test]
    fn entries_that_are_cut_are_none() {
        assert_eq!(
            entry(&mut &b"\x02ns\x02lo\0\0\0\0"[..]),
            Some(("ns".to_owned(), "lo".to_owned()))
        );
        for cut in [&b""[..], b"\x02n", b"\0\x03lo", b"\0\0\0\0\0"] {
            assert_eq!(entry(&mut &*cut), None, "{cut:?}");
        }
    }
}
