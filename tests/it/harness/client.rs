//! Clients of one connection, blocking, with a time limit on every step.

use std::io::{ErrorKind, Read, Result, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use socket2::SockRef;

use super::PATIENCE;

/// One connection.
#[derive(Debug)]
pub(crate) struct Client(pub(crate) TcpStream);

/// How a connection ended for its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Fin,
    Reset,
}

impl Client {
    #[track_caller]
    pub(crate) fn connect(addr: SocketAddr) -> Self {
        Self::try_connect(addr).unwrap()
    }

    pub(crate) fn try_connect(addr: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect_timeout(&addr, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Self(stream))
    }

    #[track_caller]
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).unwrap();
    }

    /// Reads up to a newline, or to the end of the stream.
    pub(crate) fn line(&mut self) -> Result<String> {
        let mut line = Vec::new();
        let mut byte = [0];
        while self.0.read(&mut byte)? == 1 && byte[0] != b'\n' {
            line.push(byte[0]);
        }
        Ok(String::from_utf8_lossy(&line).into_owned())
    }

    /// Sends `text` and expects the very same back.
    #[track_caller]
    pub(crate) fn ping(&mut self, text: &str) {
        self.send(text);
        let mut back = vec![0; text.len()];
        self.0.read_exact(&mut back).unwrap();
        assert_eq!(String::from_utf8_lossy(&back), text);
    }

    /// Sends FIN and keeps reading.
    pub(crate) fn half_close(&self) {
        match self.0.shutdown(Shutdown::Write) {
            // The peer was faster with a reset, which the next read tells.
            Err(error) if error.kind() == ErrorKind::NotConnected => {}
            done => done.unwrap(),
        }
    }

    /// Closes with a reset.
    pub(crate) fn reset(self) {
        SockRef::from(&self.0).set_linger(Some(Duration::ZERO)).unwrap();
    }

    /// Reads what is left and yields it with the kind of end.
    #[track_caller]
    pub(crate) fn drain(&mut self) -> (Vec<u8>, End) {
        let mut all = Vec::new();
        let mut buf = [0; 65_536];
        loop {
            match self.0.read(&mut buf) {
                Ok(0) => return (all, End::Fin),
                Ok(len) => all.extend(&buf[..len]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => {
                    return (all, End::Reset);
                }
                Err(error) => panic!("after {} bytes: {error}", all.len()),
            }
        }
    }
}

/// Connects, reads the name of the server that greets, and closes.
pub(crate) fn served_by(addr: SocketAddr) -> Result<String> {
    let name = Client::try_connect(addr)?.line()?;
    if name.is_empty() { Err(ErrorKind::UnexpectedEof.into()) } else { Ok(name) }
}
