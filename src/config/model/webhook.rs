//! Who is told of events over HTTP.

use std::fmt;
use std::time::Duration;

use super::ServerTls;
use crate::pure::id::Name;

/// A `[webhook.NAME]`: events are sent there one after the other.
#[derive(Clone, PartialEq)]
pub struct Webhook {
    /// How messages and metrics call it: its URL may hold a secret.
    pub name: Name,
    /// Where to.
    pub url: Url,
    /// The file that the URL was read from; the export writes its name again.
    pub url_file: Option<String>,
    /// What a message looks like.
    pub format: HookFormat,
    /// What it shows to be let in: PagerDuty's routing key, or a bearer token.
    pub key: Option<String>,
    /// The file that was read from.
    pub key_file: Option<String>,
    /// What is sent, in the order of [`Topic::ALL`].
    pub events: Vec<Topic>,
    /// Backends whose events are sent; none: all, and what belongs to none.
    pub backends: Vec<String>,
    /// How long one attempt may take, from the look-up of the name to the answer.
    pub timeout: Duration,
    /// An event that is older than this is not sent any more.
    pub keep: Duration,
    /// Events that may wait; the oldest make room.
    pub queue: usize,
    /// How the receiver is verified, of `https`.
    pub tls: Option<Box<ServerTls>>,
}

/// What neither shows a key nor a URL: both may be secrets.
impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, format, events, backends, timeout, keep, queue, .. } = self;
        f.debug_struct("Webhook")
            .field("name", name)
            .field("format", format)
            .field("events", events)
            .field("backends", backends)
            .field("timeout", timeout)
            .field("keep", keep)
            .field("queue", queue)
            .finish_non_exhaustive()
    }
}

/// The parts of `http://host:port/path` that a request needs.
#[derive(Clone, PartialEq, Eq)]
pub struct Url {
    /// As it was written.
    pub text: String,
    /// `https`.
    pub is_tls: bool,
    /// A name or an address, without brackets.
    pub host: String,
    /// The port, written or usual.
    pub port: u16,
    /// What the request asks for: path and query.
    pub path: String,
}

impl Url {
    /// Reads one.
    ///
    /// # Errors
    /// What is wrong with it, without showing it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let (is_tls, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (None, Some(rest)) => (false, rest),
            (None, None) => return Err("it begins with neither 'http://' nor 'https://'"),
        };
        if text.chars().any(|c| c.is_control() || c.is_whitespace() || !c.is_ascii()) {
            return Err("it has blanks or characters that must be encoded");
        }
        let (authority, path) = match rest.find(['/', '?']) {
            Some(at) => rest.split_at(at),
            None => (rest, "/"),
        };
        if authority.contains('@') {
            return Err("names and passwords do not belong there: write key_file");
        }
        let path = path.split('#').next().unwrap_or_default();
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        let bracketed = authority.strip_prefix('[').and_then(|rest| rest.split_once(']'));
        let (host, port) = match bracketed {
            Some((host, "")) => (host, None),
            Some((host, rest)) => (host, Some(rest.strip_prefix(':').ok_or("its port is wrong")?)),
            None => match authority.rsplit_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            },
        };
        if host.is_empty() {
            return Err("it names no host");
        }
        let usual = if is_tls { 443 } else { 80 };
        let port = port.map_or(Ok(usual), str::parse).map_err(|_| "its port is wrong")?;
        Ok(Self { text: text.to_owned(), is_tls, host: host.to_owned(), port, path })
    }

    /// For the `host` header.
    #[must_use]
    pub fn authority(&self) -> String {
        let Self { host, port, is_tls, .. } = self;
        let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        match (is_tls, port) {
            (true, 443) | (false, 80) => host,
            _ => format!("{host}:{port}"),
        }
    }
}

/// What a message looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HookFormat {
    /// Facts by their names.
    #[default]
    Json,
    /// A message of a Slack channel.
    Slack,
    /// An event of PagerDuty's Events API v2: begun and ended troubles only.
    PagerDuty,
}

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// Servers come and go.
    Server,
    /// Who is primary.
    Role,
    /// Servers that claim to be primary and are kept out, and conflicts.
    Fence,
    /// A primary is lost; a failover is over.
    Failover,
    /// A planned change of the primary.
    Switchover,
    /// The process: reloads, limits.
    Process,
}

impl Topic {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Server, Self::Role, Self::Fence, Self::Failover, Self::Switchover, Self::Process];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart() {
        let rows = [
            ("http://a", ("a", 80, "/", "a")),
            ("https://a.b/c?d=e#f", ("a.b", 443, "/c?d=e", "a.b")),
            ("https://10.0.0.1:8443?x", ("10.0.0.1", 8443, "/?x", "10.0.0.1:8443")),
            ("http://[::1]:8080/x", ("::1", 8080, "/x", "[::1]:8080")),
            ("http://[::1]", ("::1", 80, "/", "[::1]")),
        ];
        for (text, expected) in rows {
            let url = Url::parse(text).unwrap();
            let found = (url.host.as_str(), url.port, url.path.as_str(), &*url.authority());
            assert_eq!(found, expected, "{text}");
        }
        for text in [
            "",
            "ftp://a",
            "a",
            "http://",
            "http://:80",
            "http://a:",
            "http://a:99999",
            "http://a b",
            "http://u:p@a/",
            "http://[::1]x",
            "http://\u{e9}",
            "http://a\r\nb",
        ] {
            assert!(Url::parse(text).is_err(), "{text:?}");
        }
    }
}
