//! As much of the MySQL protocol as scripted servers and the test client need
//! (MariaDB "Client/Server Protocol": packets are a 3-byte length, a sequence number, a payload).

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};

/// CLIENT_PROTOCOL_41 | CLIENT_SECURE_CONNECTION | CLIENT_LONG_PASSWORD.
const CAPABILITIES: u32 = 0x0000_8201;

fn packet(sequence: u8, payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(payload.len()).unwrap().to_le_bytes();
    let mut packet = vec![len[0], len[1], len[2], sequence];
    packet.extend(payload);
    packet
}

/// The initial handshake packet of a server with version `name`.
pub(crate) fn greeting(name: &str) -> Vec<u8> {
    let mut payload = vec![10];
    payload.extend(name.as_bytes());
    payload.push(0);
    payload.extend(1_u32.to_le_bytes()); // thread id
    payload.extend(b"saltsalt\0");
    payload.extend([0x01, 0x82, 0x21, 0x02, 0x00, 0x00, 0x00, 21]); // capabilities … salt length
    payload.extend([0; 10]);
    payload.extend(b"saltsaltsalt\0");
    packet(0, &payload)
}

/// The OK packet that ends a login.
pub(crate) fn ok_packet() -> Vec<u8> {
    packet(2, &[0, 0, 0, 2, 0, 0, 0])
}

/// Reads one packet and forgets it.
pub(crate) async fn skip_packet(stream: &mut (impl AsyncRead + Unpin)) -> Result<()> {
    let mut head = [0; 4];
    stream.read_exact(&mut head).await?;
    let len = u32::from_le_bytes([head[0], head[1], head[2], 0]);
    let mut payload = vec![0; usize::try_from(len).unwrap()];
    stream.read_exact(&mut payload).await?;
    Ok(())
}

/// Reads the greeting a client gets and yields the server's version.
pub(crate) async fn read_version(stream: &mut (impl AsyncRead + Unpin)) -> Result<String> {
    let mut head = [0; 4];
    stream.read_exact(&mut head).await?;
    let len = u32::from_le_bytes([head[0], head[1], head[2], 0]);
    let mut payload = vec![0; usize::try_from(len).unwrap()];
    stream.read_exact(&mut payload).await?;
    version(&payload)
}

fn version(payload: &[u8]) -> Result<String> {
    match payload {
        [10, rest @ ..] => {
            let end = rest.iter().position(|&byte| byte == 0).unwrap_or(rest.len());
            Ok(String::from_utf8_lossy(&rest[..end]).into_owned())
        }
        other => Err(Error::other(String::from_utf8_lossy(other).into_owned())),
    }
}

/// A logged-in client. It takes packets by their numbers only, as all clients do.
pub(crate) struct Client {
    stream: TcpStream,
    /// That of the next packet.
    number: u8,
}

impl Client {
    /// Connects and logs in as `user` without a password.
    pub(crate) fn connect(addr: SocketAddr, user: &str, patience: Duration) -> Result<Self> {
        let stream = TcpStream::connect_timeout(&addr, patience)?;
        stream.set_read_timeout(Some(patience))?;
        let mut client = Self { stream, number: 0 };
        version(&client.read()?)?;
        let mut login = CAPABILITIES.to_le_bytes().to_vec();
        login.extend(0x0100_0000_u32.to_le_bytes());
        login.push(0x21);
        login.extend([0; 23]);
        login.extend(user.as_bytes());
        login.extend([0, 0]);
        client.write(1, &login)?;
        let mut answer = client.read()?;
        if answer.first() == Some(&0xfe) {
            // The server names another way to log in: an empty password is an empty packet there.
            client.write(3, &[])?;
            answer = client.read()?;
        }
        refused(&answer)?;
        Ok(client)
    }

    /// Runs one statement and yields the text of each row's columns, NULL as an empty one.
    pub(crate) fn query(&mut self, sql: &str) -> Result<Vec<Vec<String>>> {
        let mut command = vec![3];
        command.extend(sql.as_bytes());
        self.write(0, &command)?;
        let first = self.read()?;
        refused(&first)?;
        let columns = first.first().copied().unwrap_or(0);
        if columns == 0 {
            return Ok(Vec::new());
        }
        while self.read()?.first() != Some(&0xfe) {}
        let mut rows = Vec::new();
        loop {
            let row = self.read()?;
            refused(&row)?;
            if row.first() == Some(&0xfe) && row.len() < 9 {
                return Ok(rows);
            }
            rows.push(texts(&row));
        }
    }

    /// Says goodbye, and waits until the server has heard it: it counts nobody who does as aborted.
    pub(crate) fn quit(mut self) {
        let _ = self.write(0, &[1]);
        let _ = self.stream.read_to_end(&mut Vec::new());
    }

    /// As [`query`](Self::query), in two parts: a server that has closed its side and reads no more
    /// refuses the second.
    pub(crate) fn query_in_parts(&mut self, sql: &str) -> Result<Vec<Vec<String>>> {
        let command = packet(0, &[&[3], sql.as_bytes()].concat());
        let (first, second) = command.split_at(command.len() / 2);
        self.stream.write_all(first)?;
        self.stream.write_all(second)?;
        self.number = 1;
        refused(&self.read()?)?;
        Ok(Vec::new())
    }

    /// Sends a command, whatever comes of it.
    pub(crate) fn ask(&mut self, command: &[u8]) -> Result<()> {
        self.write(0, command)
    }

    /// Reads until the connection is over, and yields the packets that came, with how it ended: `None`
    /// in order.
    pub(crate) fn last_words(&mut self) -> (Vec<String>, Option<ErrorKind>) {
        // What is said to who has asked nothing is the answer to what it asks next.
        self.number = 1;
        let mut said = Vec::new();
        loop {
            match self.read() {
                Ok(payload) => said.push(String::from_utf8_lossy(&payload).into_owned()),
                Err(error) => {
                    let kind = error.kind();
                    return (said, (kind != ErrorKind::UnexpectedEof).then_some(kind));
                }
            }
        }
    }

    fn write(&mut self, number: u8, payload: &[u8]) -> Result<()> {
        self.number = number.wrapping_add(1);
        self.stream.write_all(&packet(number, payload))
    }

    fn read(&mut self) -> Result<Vec<u8>> {
        let mut head = [0; 4];
        self.stream.read_exact(&mut head)?;
        if head[3] != self.number {
            let wrong = format!("packet {} in place of {}", head[3], self.number);
            return Err(Error::new(ErrorKind::InvalidData, wrong));
        }
        self.number = self.number.wrapping_add(1);
        let len = u32::from_le_bytes([head[0], head[1], head[2], 0]);
        let mut payload = vec![0; usize::try_from(len).unwrap()];
        self.stream.read_exact(&mut payload)?;
        Ok(payload)
    }
}

fn refused(payload: &[u8]) -> Result<()> {
    match payload {
        [0xff, rest @ ..] => Err(Error::other(String::from_utf8_lossy(rest).into_owned())),
        [] => Err(Error::new(ErrorKind::InvalidData, "an empty packet")),
        _ => Ok(()),
    }
}

/// The length-encoded strings of a row; the tests read none of 64 KiB and more.
fn texts(mut row: &[u8]) -> Vec<String> {
    let mut texts = Vec::new();
    while let [first, rest @ ..] = row {
        let (len, rest) = match (first, rest) {
            (0xfb, rest) => (0, rest),
            (0xfc, [low, high, rest @ ..]) => {
                (usize::from(u16::from_le_bytes([*low, *high])), rest)
            }
            (len, rest) => (usize::from(*len), rest),
        };
        let (text, rest) = rest.split_at(len.min(rest.len()));
        texts.push(String::from_utf8_lossy(text).into_owned());
        row = rest;
    }
    texts
}
