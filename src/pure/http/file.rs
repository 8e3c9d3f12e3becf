//! A whole answer as a file holds it (`errorfile`): status line, headers, body.
//!
//! It is judged when it is read, as HAProxy judges it, and written again with the header names in
//! lower case and without `connection`, which is decided with each answer.

use std::fmt;

use super::answer::Connection;
use super::head::is_token;

/// An answer out of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorFile {
    /// Status line and headers, without the empty line behind them.
    head: Vec<u8>,
    /// It is one of HTTP/1.0: a connection that stays is said, one that ends is not.
    is_old: bool,
    /// Who reads it sees where it ends.
    is_framed: bool,
    /// It says itself that the connection ends.
    closes: bool,
    body: Vec<u8>,
}

/// Why a file holds no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadFile {
    /// There is no status line in the beginning.
    StatusLine,
    /// This status says that the answer is still to come.
    Status(u16),
    /// The line of this number is no header.
    Header(usize),
    /// No empty line ends the headers.
    NoEnd,
    /// The body is written in chunks.
    Chunked,
    /// `content-length` does not say how long the body is.
    Length(usize),
    /// Answers of its status have no body.
    Body,
}

impl fmt::Display for BadFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StatusLine => {
                f.write_str("it does not begin with a status line such as 'HTTP/1.1 503 Gone'")
            }
            Self::Status(status) => write!(f, "status {status} ends no request"),
            Self::Header(line) => write!(f, "line {line} is no header"),
            Self::NoEnd => f.write_str("an empty line has to stand between headers and body"),
            Self::Chunked => f.write_str("its body may not be written in chunks"),
            Self::Length(length) => {
                write!(f, "its content-length is wrong: the body has {length} bytes")
            }
            Self::Body => f.write_str("answers of its status have no body"),
        }
    }
}

impl ErrorFile {
    /// Reads the bytes of a file that is not empty.
    ///
    /// # Errors
    /// Why they are no answer.
    pub fn read(bytes: &[u8]) -> Result<Self, BadFile> {
        let mut lines = Lines { bytes, number: 0 };
        let mut first = lines.take().ok_or(BadFile::StatusLine)?;
        while first.is_empty() {
            first = lines.take().ok_or(BadFile::StatusLine)?;
        }
        let (minor, status, reason) = status_line(first).ok_or(BadFile::StatusLine)?;
        if status == 100 || (102..200).contains(&status) {
            return Err(BadFile::Status(status));
        }
        let mut file = Self {
            head: format!("HTTP/{minor} {status} ").into_bytes(),
            is_old: minor != "1.1",
            is_framed: matches!(status, 204 | 304),
            closes: false,
            body: Vec::new(),
        };
        file.head.extend_from_slice(reason);
        file.head.extend_from_slice(b"\r\n");
        let mut length = None;
        loop {
            let line = lines.take().ok_or(BadFile::NoEnd)?;
            if line.is_empty() {
                break;
            }
            let (name, value) = header(line).ok_or(BadFile::Header(lines.number))?;
            match name.as_str() {
                "transfer-encoding" => return Err(BadFile::Chunked),
                "connection" => file.closes |= says_close(value),
                "content-length" if length == Some(value) => {}
                _ => {
                    if name == "content-length" {
                        length = Some(value);
                    }
                    for part in [name.as_bytes(), b": ", value, b"\r\n"] {
                        file.head.extend_from_slice(part);
                    }
                }
            }
        }
        lines.bytes.clone_into(&mut file.body);
        if file.is_framed && !file.body.is_empty() {
            return Err(BadFile::Body);
        }
        if let Some(length) = length {
            let said = std::str::from_utf8(length).ok().and_then(|text| text.parse().ok());
            if said != Some(file.body.len()) {
                return Err(BadFile::Length(file.body.len()));
            }
            file.is_framed = true;
        }
        Ok(file)
    }

    /// What becomes of a connection that would go on as `wanted`.
    pub(super) const fn connection(&self, wanted: Connection) -> Connection {
        if self.closes || !self.is_framed { Connection::Closes } else { wanted }
    }

    /// Adds it to `bytes`, with `headers` behind its own; `bare`: without its body.
    pub(super) fn push(
        &self,
        bytes: &mut Vec<u8>,
        headers: &str,
        bare: bool,
        connection: Connection,
    ) {
        bytes.extend_from_slice(&self.head);
        bytes.extend_from_slice(headers.as_bytes());
        let connection = match (connection, self.is_old) {
            (Connection::Stays, true) => Connection::StaysAsAsked,
            (Connection::Closes, true) => Connection::Stays,
            (connection, _) => connection,
        };
        bytes.extend_from_slice(connection.line().as_bytes());
        bytes.extend_from_slice(b"\r\n");
        if !bare {
            bytes.extend_from_slice(&self.body);
        }
    }
}

/// Lines that end with LF or CR LF.
struct Lines<'a> {
    bytes: &'a [u8],
    /// Of the line that was taken last.
    number: usize,
}

impl<'a> Lines<'a> {
    /// The next line that has an end.
    fn take(&mut self) -> Option<&'a [u8]> {
        let end = self.bytes.iter().position(|&byte| byte == b'\n')?;
        let (line, rest) = self.bytes.split_at(end);
        self.bytes = &rest[1..];
        self.number += 1;
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }
}

/// The version, the status and the words behind it. What is newer than HTTP/1.1 is said in it.
fn status_line(line: &[u8]) -> Option<(&'static str, u16, &[u8])> {
    let rest = line.strip_prefix(b"HTTP/")?;
    let (version, rest) = rest.split_at_checked(3)?;
    let version = match version {
        [b'0', b'.', b'0'..=b'9'] => "0.9",
        b"1.0" => "1.0",
        [b'1'..=b'9', b'.', b'0'..=b'9'] => "1.1",
        _ => return None,
    };
    let rest = rest.strip_prefix(b" ")?.trim_ascii_start();
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (status, reason) = rest.split_at(digits);
    let status = std::str::from_utf8(status).ok()?.parse().ok().filter(|it| *it <= 999)?;
    if !matches!(reason, [] | [b' ', ..]) {
        return None;
    }
    Some((version, status, reason.trim_ascii()))
}

/// The name in lower case, and the value.
fn header(line: &[u8]) -> Option<(String, &[u8])> {
    let colon = line.iter().position(|&byte| byte == b':')?;
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    if !is_token(name) {
        return None;
    }
    Some((String::from_utf8_lossy(name).to_ascii_lowercase(), value.trim_ascii()))
}

/// Whether a value of `connection` ends it.
fn says_close(value: &[u8]) -> bool {
    value.split(|&byte| byte == b',').any(|word| word.trim_ascii().eq_ignore_ascii_case(b"close"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(file: &str, connection: Connection) -> String {
        let file = ErrorFile::read(file.as_bytes()).unwrap();
        let mut bytes = Vec::new();
        file.push(&mut bytes, "", false, file.connection(connection));
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_file_is_written_as_haproxy_writes_it() {
        for (file, stays) in [
            (
                "HTTP/1.0 503 Gone\r\nX-A: b\r\nConnection: close\r\n\r\n<b>\n",
                "HTTP/1.0 503 Gone\r\nx-a: b\r\n\r\n<b>\n",
            ),
            ("HTTP/1.1 503\n\nhi", "HTTP/1.1 503 \r\nconnection: close\r\n\r\nhi"),
            (
                "\r\nHTTP/2.0 503 X\r\nContent-Length: 2\r\n\r\nhi",
                "HTTP/1.1 503 X\r\ncontent-length: 2\r\n\r\nhi",
            ),
            (
                "HTTP/1.0 503 X\r\nContent-Length: 2\r\n\r\nhi",
                "HTTP/1.0 503 X\r\ncontent-length: 2\r\nconnection: keep-alive\r\n\r\nhi",
            ),
            (
                "HTTP/1.1 503 X\r\nContent-Length: 2\r\nConnection: x, Close\r\n\r\nhi",
                "HTTP/1.1 503 X\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi",
            ),
            ("HTTP/1.1 204 X\r\n\r\n", "HTTP/1.1 204 X\r\n\r\n"),
        ] {
            assert_eq!(written(file, Connection::Stays), stays, "{file:?}");
        }
        let ends = "HTTP/1.0 503 X\r\ncontent-length: 0\r\n\r\n";
        assert_eq!(written(ends, Connection::Closes), ends);
    }

    #[test]
    fn what_is_no_answer_is_told_apart() {
        for (file, why) in [
            ("<html>", BadFile::StatusLine),
            ("<html>\n", BadFile::StatusLine),
            ("HTTP/1.1 abc X\r\n\r\n", BadFile::StatusLine),
            ("HTTP/1.1 100 X\r\n\r\n", BadFile::Status(100)),
            ("HTTP/1.1 503 X\r\n", BadFile::NoEnd),
            ("HTTP/1.1 503 X\r\nA: b\r\nB c\r\n\r\n", BadFile::Header(3)),
            ("HTTP/1.1 503 X\r\nA b: c\r\n\r\n", BadFile::Header(2)),
            ("HTTP/1.1 503 X\r\nTransfer-Encoding: chunked\r\n\r\n", BadFile::Chunked),
            ("HTTP/1.1 503 X\r\nContent-Length: 3\r\n\r\nhello", BadFile::Length(5)),
            ("HTTP/1.1 304 X\r\n\r\nhello", BadFile::Body),
        ] {
            assert_eq!(ErrorFile::read(file.as_bytes()), Err(why), "{file:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_file_panics(bytes: Vec<u8>) {
            let _ = ErrorFile::read(&bytes);
            let _ = ErrorFile::read(&[b"HTTP/1.0 503 X\r\n", &bytes[..], b"\r\n\r\n"].concat());
        }
    }
}
