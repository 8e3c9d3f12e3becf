//! Prometheus text, fetched and read.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::PATIENCE;

/// One scrape.
#[derive(Debug)]
pub(crate) struct Metrics {
    pub(crate) text: String,
}

/// Fetches `path` with HTTP/1.0 and yields status line and body.
pub(crate) fn get(addr: SocketAddr, path: &str) -> std::io::Result<(String, String)> {
    let mut stream = TcpStream::connect_timeout(&addr, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    // haproxy sends chunks even to a client of HTTP/1.0.
    let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    let body = if chunked { join_chunks(body) } else { body.to_owned() };
    Ok((head.lines().next().unwrap_or_default().to_owned(), body))
}

/// The text of a chunked body (RFC 9112 §7.1).
pub(super) fn join_chunks(mut body: &str) -> String {
    let mut text = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap();
        text.push_str(&rest[..size]);
        body = rest[size..].trim_start_matches("\r\n");
    }
    text
}

impl Metrics {
    #[track_caller]
    pub(crate) fn scrape(addr: SocketAddr) -> Self {
        let (status, text) = get(addr, "/metrics").unwrap();
        assert!(status.contains(" 200 "), "{status}");
        Self { text }
    }

    /// The value of the series `name` that carries all of `labels` (and perhaps more).
    pub(crate) fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        self.text.lines().find_map(|line| {
            let rest = line.strip_prefix(name)?;
            let (own, value) = match rest.strip_prefix('{') {
                Some(rest) => rest.split_once("} ")?,
                None => ("", rest.strip_prefix(' ')?),
            };
            let all = labels
                .iter()
                .all(|(key, value)| own.split(',').any(|one| one == format!("{key}=\"{value}\"")));
            if all { value.split_whitespace().next()?.parse().ok() } else { None }
        })
    }

    /// The `state` label whose series is 1.
    pub(crate) fn state(&self, name: &str, labels: &[(&str, &str)]) -> Option<String> {
        self.text.lines().find_map(|line| {
            let (series, value) = line.rsplit_once(' ')?;
            let own = series.strip_prefix(name)?.strip_prefix('{')?.strip_suffix('}')?;
            let all = labels.iter().all(|(key, value)| own.contains(&format!("{key}=\"{value}\"")));
            let state = own.split_once("state=\"")?.1.split_once('"')?.0;
            (all && value == "1").then(|| state.to_owned())
        })
    }
}
