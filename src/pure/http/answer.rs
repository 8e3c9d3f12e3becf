//! An answer: status, headers, body.

use super::file::ErrorFile;

/// Statuses that have a page of their own: their reasons, and a sentence for people.
const TEXTS: [(u16, &str, &str); 19] = [
    (200, "OK", "Service ready."),
    (400, "Bad request", "This is no valid request."),
    (401, "Unauthorized", "A name and its password are needed here."),
    (403, "Forbidden", "A rule forbids this request."),
    (404, "Not Found", "There is nothing here."),
    (405, "Method Not Allowed", "This cannot be done here."),
    (408, "Request Time-out", "The request did not come in time."),
    (410, "Gone", "It is no longer here."),
    (413, "Payload Too Large", "The request is too long."),
    (421, "Misdirected Request", "This is not the place for this request."),
    (422, "Unprocessable Content", "The request makes no sense."),
    (425, "Too Early", "The request came too early."),
    (429, "Too Many Requests", "Too many requests came in too short a time."),
    (500, "Internal Server Error", "It went wrong here."),
    (501, "Not Implemented", "This is not known here."),
    (502, "Bad Gateway", "The server's answer was no answer."),
    (503, "Service Unavailable", "No server can take this request."),
    (504, "Gateway Time-out", "The server did not answer in time."),
    (407, "Unauthorized", "A name and its password are needed here."),
];

/// Reasons of other statuses.
const REASONS: [(u16, &str); 10] = [
    (201, "Created"),
    (202, "Accepted"),
    (204, "No Content"),
    (301, "Moved Permanently"),
    (302, "Found"),
    (303, "See Other"),
    (304, "Not Modified"),
    (307, "Temporary Redirect"),
    (308, "Permanent Redirect"),
    (418, "I'm a teapot"),
];

/// Plain text.
pub const TEXT: &str = "text/plain; charset=utf-8";
/// A page.
pub const HTML: &str = "text/html; charset=utf-8";

/// An answer. Its length and what becomes of the connection are written with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The status that is logged and counted.
    pub because: u16,
    headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    form: Form,
    /// It says itself that the connection ends.
    closes: bool,
}

/// Where the rest of an answer comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Form {
    /// Status line, length and connection are written with it.
    Made,
    /// A file holds all of it but the headers that were added.
    Filed(Box<ErrorFile>),
    /// Nothing is said: the connection ends.
    Silent,
}

/// Whether a status has a page of its own: those are the ones that can be replaced.
#[must_use]
pub fn has_page(status: u16) -> bool {
    TEXTS.iter().any(|row| row.0 == status)
}

impl Answer {
    /// An answer with a body of the type `kind`.
    #[must_use]
    pub fn new(status: u16, kind: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::bare(status, body.into()).with("content-type", kind)
    }

    /// One without any header.
    #[must_use]
    pub const fn bare(status: u16, body: Vec<u8>) -> Self {
        Self { status, because: status, headers: Vec::new(), body, form: Form::Made, closes: false }
    }

    /// What a file holds, or nothing where it is empty. A client reads the file's own status; `status` is
    /// what is logged and counted.
    #[must_use]
    pub fn filed(status: u16, file: Option<Box<ErrorFile>>) -> Self {
        let form = file.map_or(Form::Silent, Form::Filed);
        Self { form, ..Self::bare(status, Vec::new()) }
    }

    /// What a status says where nothing else is said, in a small page; one that has none is bare.
    #[must_use]
    pub fn plain(status: u16) -> Self {
        let Some((.., text)) = TEXTS.iter().find(|row| row.0 == status) else {
            return Self::bare(status, Vec::new());
        };
        let title = format!("{status} {}", reason(status));
        let page = format!("<!DOCTYPE html><title>{title}</title><h1>{title}</h1>\n<p>{text}\n");
        Self::new(status, "text/html", page).uncached()
    }

    /// Nobody keeps it.
    #[must_use]
    pub fn uncached(self) -> Self {
        self.with("cache-control", "no-cache")
    }

    /// With one header more. A value that could end its line is left out; `connection` is written with
    /// the answer, and can only say that it ends.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        if name == "connection" {
            let mut words = value.split(',');
            self.closes |= words.any(|word| word.trim().eq_ignore_ascii_case("close"));
        } else if !value.chars().any(char::is_control) {
            self.headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    /// It is logged and counted as `status`, whatever a client reads.
    #[must_use]
    pub fn because(self, status: u16) -> Self {
        Self { because: status, ..self }
    }

    /// The value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// What becomes of a connection that would go on as `wanted`.
    #[must_use]
    pub fn connection(&self, wanted: Connection) -> Connection {
        match &self.form {
            Form::Silent => Connection::Closes,
            _ if self.closes => Connection::Closes,
            Form::Filed(file) => file.connection(wanted),
            Form::Made => wanted,
        }
    }

    /// As it goes over the wire; `bare`: without the body, as an answer to HEAD.
    #[must_use]
    pub fn bytes(&self, bare: bool, connection: Connection) -> Vec<u8> {
        let line = |(name, value): &(String, String)| format!("{name}: {value}\r\n");
        let headers: String = self.headers.iter().map(line).collect();
        let mut bytes = Vec::new();
        match &self.form {
            Form::Silent => return bytes,
            Form::Filed(file) => {
                file.push(&mut bytes, &headers, bare, connection);
                return bytes;
            }
            Form::Made => {}
        }
        let head = format!("HTTP/1.1 {} {}\r\n{headers}", self.status, reason(self.status));
        bytes.extend_from_slice(head.as_bytes());
        if self.status != 204 && self.status != 304 {
            bytes.extend_from_slice(format!("content-length: {}\r\n", self.body.len()).as_bytes());
        }
        bytes.extend_from_slice(connection.line().as_bytes());
        bytes.extend_from_slice(b"\r\n");
        if !bare {
            bytes.extend_from_slice(&self.body);
        }
        bytes
    }
}

/// What becomes of the connection behind an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connection {
    /// It stays, as is usual.
    Stays,
    /// It stays since a client of HTTP/1.0 asked for it.
    StaysAsAsked,
    /// It ends.
    Closes,
}

impl Connection {
    /// The header that says so.
    pub(super) const fn line(self) -> &'static str {
        match self {
            Self::Stays => "",
            Self::StaysAsAsked => "connection: keep-alive\r\n",
            Self::Closes => "connection: close\r\n",
        }
    }
}

/// The words behind a status.
fn reason(status: u16) -> &'static str {
    let known = TEXTS.iter().map(|row| (row.0, row.1)).chain(REASONS);
    known.into_iter().find(|row| row.0 == status).map_or("Other", |row| row.1)
}
