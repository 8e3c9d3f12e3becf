//! HTTP as a script speaks it: one request, one answer, one connection.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::PATIENCE;

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Answer {
    /// The value of the header `name`.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(it, _)| it.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// A request to be sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    headers: String,
    form: Option<String>,
}

impl Request {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// With an account, `user:password`.
    pub(crate) fn account(mut self, account: &str) -> Self {
        self.headers.push_str(&format!("Authorization: Basic {}\r\n", STANDARD.encode(account)));
        self
    }

    pub(crate) fn header(mut self, line: &str) -> Self {
        self.headers.push_str(&format!("{line}\r\n"));
        self
    }

    /// With a form: it becomes a POST.
    pub(crate) fn form(mut self, form: &str) -> Self {
        self.form = Some(form.to_owned());
        self
    }

    #[track_caller]
    pub(crate) fn send(&self, addr: SocketAddr, target: &str) -> Answer {
        let method = if self.form.is_some() { "POST" } else { "GET" };
        let form = self.form.as_deref().unwrap_or_default();
        let mut stream = TcpStream::connect_timeout(&addr, PATIENCE).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let length = match &self.form {
            Some(form) => format!(
                "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n",
                form.len()
            ),
            None => String::new(),
        };
        let headers = &self.headers;
        // HTTP/1.0: the end of the connection is the end of the body.
        write!(stream, "{method} {target} HTTP/1.0\r\nHost: {addr}\r\n{headers}{length}\r\n{form}")
            .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap();
        let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
        let body = if chunked { super::metrics::join_chunks(body) } else { body.to_owned() };
        Answer { status, head: head.to_owned(), body }
    }
}
