//! A Postgres client of a few lines: start-up without a password, simple queries
//! (PostgreSQL documentation, "Frontend/Backend Protocol", message formats).

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A logged-in client.
pub(crate) struct Client(TcpStream);

impl Client {
    /// Connects and logs in as `user` to the database `postgres`.
    pub(crate) fn connect(addr: SocketAddr, user: &str, patience: Duration) -> Result<Self> {
        Self::over(TcpStream::connect_timeout(&addr, patience)?, user, patience)
    }

    /// The same over a connection on which nothing was said.
    pub(crate) fn over(stream: TcpStream, user: &str, patience: Duration) -> Result<Self> {
        stream.set_read_timeout(Some(patience))?;
        let mut body = 196_608_u32.to_be_bytes().to_vec(); // protocol 3.0
        for word in ["user", user, "database", "postgres", ""] {
            body.extend(word.as_bytes());
            body.push(0);
        }
        let mut client = Self(stream);
        client.write(&body)?;
        client.until_ready()?;
        Ok(client)
    }

    /// Runs one statement and yields the text of each row's columns, NULL as an empty one.
    pub(crate) fn query(&mut self, sql: &str) -> Result<Vec<Vec<String>>> {
        self.0.write_all(b"Q")?;
        self.write(format!("{sql}\0").as_bytes())?;
        self.until_ready()
    }

    /// Whether the connection is over; waits some milliseconds to find out.
    pub(crate) fn is_closed(&mut self) -> bool {
        let before = self.0.read_timeout().unwrap();
        self.0.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let found = self.0.peek(&mut [0]);
        self.0.set_read_timeout(before).unwrap();
        match found {
            Ok(len) => len == 0,
            Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
        }
    }

    /// Reads until the connection is over, and yields the last error it was told.
    pub(crate) fn last_words(&mut self) -> Option<String> {
        self.until_ready().err().filter(|error| error.kind() == ErrorKind::Other).map(|error| {
            assert!(self.is_closed(), "{error}");
            error.to_string()
        })
    }

    fn write(&mut self, body: &[u8]) -> Result<()> {
        let len = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
        self.0.write_all(&[&len, body].concat())
    }

    /// Reads messages up to ReadyForQuery; the first error becomes the result.
    fn until_ready(&mut self) -> Result<Vec<Vec<String>>> {
        let mut rows = Vec::new();
        let mut failed = None;
        loop {
            let mut head = [0; 5];
            if let Err(error) = self.0.read_exact(&mut head) {
                return Err(failed.unwrap_or(error));
            }
            let len = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
            let mut body = vec![0; usize::try_from(len).unwrap() - 4];
            self.0.read_exact(&mut body)?;
            match head[0] {
                b'Z' => return failed.map_or(Ok(rows), Err),
                b'D' => rows.push(texts(&body)),
                b'E' => {
                    failed = Some(Error::other(String::from_utf8_lossy(&body).replace('\0', " ")));
                }
                b'R' if body != [0; 4] => {
                    return Err(Error::new(ErrorKind::PermissionDenied, "asks for a password"));
                }
                _ => {}
            }
        }
    }
}

fn texts(body: &[u8]) -> Vec<String> {
    let mut rest = &body[2..];
    let mut texts = Vec::new();
    while let [a, b, c, d, tail @ ..] = rest {
        let len = usize::try_from(i32::from_be_bytes([*a, *b, *c, *d])).unwrap_or(0);
        let (text, tail) = tail.split_at(len);
        texts.push(String::from_utf8_lossy(text).into_owned());
        rest = tail;
    }
    texts
}
