//! An answer: status, headers, body.

/// Statuses that have a text of their own: their reasons, and a sentence for people.
const TEXTS: [(u16, &str, &str); 18] = [
    (200, "OK", "Service ready."),
    (303, "See Other", ""),
    (400, "Bad request", "This is no valid request."),
    (401, "Unauthorized", "A name and its password are needed here."),
    (403, "Forbidden", "A rule forbids this request."),
    (404, "Not Found", "There is nothing here."),
    (405, "Method Not Allowed", "This cannot be done here."),
    (408, "Request Time-out", "The request did not come in time."),
    (410, "Gone", "It is no longer here."),
    (413, "Payload Too Large", "The request is too long."),
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
const REASONS: [(u16, &str); 8] = [
    (201, "Created"),
    (202, "Accepted"),
    (204, "No Content"),
    (301, "Moved Permanently"),
    (302, "Found"),
    (304, "Not Modified"),
    (307, "Temporary Redirect"),
    (308, "Permanent Redirect"),
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
    headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
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
        Self { status, headers: Vec::new(), body }
    }

    /// What a status says where nothing else is said, in a small page.
    #[must_use]
    pub fn plain(status: u16) -> Self {
        let text = TEXTS.iter().find(|row| row.0 == status).map_or("", |row| row.2);
        let title = format!("{status} {}", reason(status));
        let page = format!("<!DOCTYPE html><title>{title}</title><h1>{title}</h1>\n<p>{text}\n");
        Self::new(status, "text/html", page).uncached()
    }

    /// Nobody keeps it.
    #[must_use]
    pub fn uncached(self) -> Self {
        self.with("cache-control", "no-cache")
    }

    /// With one header more. A value that could end its line is left out.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        if !value.chars().any(char::is_control) {
            self.headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    /// The value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// As it goes over the wire; `bare`: without the body, as an answer to HEAD.
    #[must_use]
    pub fn bytes(&self, bare: bool, connection: Connection) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if self.status != 204 && self.status != 304 {
            head.push_str(&format!("content-length: {}\r\n", self.body.len()));
        }
        head.push_str(match connection {
            Connection::Stays => "\r\n",
            Connection::StaysAsAsked => "connection: keep-alive\r\n\r\n",
            Connection::Closes => "connection: close\r\n\r\n",
        });
        let mut bytes = head.into_bytes();
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

/// The words behind a status.
fn reason(status: u16) -> &'static str {
    let known = TEXTS.iter().map(|row| (row.0, row.1)).chain(REASONS);
    known.into_iter().find(|row| row.0 == status).map_or("Other", |row| row.1)
}
