//! Pure but for the machine's name: a session's record in a format of the operator's own.
//!
//! Quotes, hexadecimal digits and `-` for what is absent stand where HAProxy 2.6.12 puts them: text
//! has quotes where they are asked for, numbers and dates never do.

use std::fmt::{Result, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, SystemTime};

use jiff::tz::TimeZone;

use super::digits;
use super::record::{Client, Details, Moment, NO_REQUEST, Record};
use super::time::LocalTime;
use crate::pure::log_format::{Flags, Format, Json, Part, Variable};

/// What a format shows of whoever writes, and what it shows where there is nothing.
#[derive(Clone, Copy, Debug)]
pub struct Writer {
    /// The process.
    pub pid: u32,
    /// The frontend's lines before this one.
    pub line: u64,
    /// Text that is absent.
    pub absent: Absent,
}

/// What stands for text that is absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    /// `-`: in lines, whose fields are counted.
    Dash,
    /// Nothing.
    Nothing,
}

/// Appends `record` as `format` shows it; the samples' values are those of its details.
///
/// # Errors
/// None: strings take everything.
pub fn push(
    record: &Record,
    format: &Format,
    writer: Writer,
    time: &mut LocalTime,
    out: &mut String,
) -> Result {
    let none = Details::default();
    let details = record.details.as_deref().unwrap_or(&none);
    let mut line = Line { record, details, writer, time, out };
    line.fill(format, &details.samples)
}

/// Appends the structured data of `record` as `format` shows it.
///
/// # Errors
/// As [`push`].
pub fn push_structured(
    record: &Record,
    format: &Format,
    writer: Writer,
    time: &mut LocalTime,
    out: &mut String,
) -> Result {
    let none = Details::default();
    let details = record.details.as_deref().unwrap_or(&none);
    let mut line = Line { record, details, writer, time, out };
    line.fill(format, &details.structured)
}

struct Line<'a> {
    record: &'a Record,
    details: &'a Details,
    writer: Writer,
    time: &'a mut LocalTime,
    out: &'a mut String,
}

impl Line<'_> {
    fn fill(&mut self, format: &Format, samples: &[Option<String>]) -> Result {
        let mut samples = samples.iter();
        for part in format.parts() {
            match part {
                Part::Text(text) => self.out.push_str(text),
                // What was empty leaves two spaces beside each other: one is written.
                Part::Space if self.out.ends_with(' ') => {}
                Part::Space => self.out.push(' '),
                Part::Variable(variable, Flags { json: Some(kind), .. }) => {
                    let (from, absent) = (self.out.len(), self.writer.absent);
                    self.writer.absent = Absent::Nothing;
                    self.variable(*variable, Flags::default())?;
                    self.writer.absent = absent;
                    let text = self.out.split_off(from);
                    self.json(Some(&text), *kind)?;
                }
                Part::Variable(variable, flags) => self.variable(*variable, *flags)?,
                Part::Sample(_, Flags { json: Some(kind), .. }) => {
                    let value = samples.next().and_then(Option::as_deref);
                    self.json(value, *kind)?;
                }
                Part::Sample(_, flags) => {
                    let value = samples.next().and_then(Option::as_deref);
                    self.text(value, *flags);
                }
            }
        }
        Ok(())
    }

    /// A value of JSON. The sign of a number that is not final yet is none there.
    fn json(&mut self, text: Option<&str>, kind: Json) -> Result {
        let text = text.unwrap_or_default();
        let number = text.strip_prefix('+').unwrap_or(text).parse::<i64>();
        match (kind, number) {
            (Json::Text, _) if !text.is_empty() => {
                write!(self.out, "{}", serde_json::Value::from(text))
            }
            (Json::Number, Ok(number)) => write!(self.out, "{number}"),
            (Json::Bool, Ok(number)) => write!(self.out, "{}", number != 0),
            _ => self.out.write_str("null"),
        }
    }

    fn variable(&mut self, variable: Variable, flags: Flags) -> Result {
        use Variable as V;
        let (record, details) = (self.record, self.details);
        let client = match record.client {
            Client::Tcp(client) => Some(client),
            Client::Unix { .. } => None,
        };
        match variable {
            V::Backend => {
                self.text(Some(record.backend.as_ref().unwrap_or(&record.frontend)), flags)
            }
            V::Server => self.text(Some(record.server.as_deref().unwrap_or("<NOSRV>")), flags),
            V::Frontend => self.text(Some(&record.frontend), flags),
            V::FrontendTransport => {
                let tls = if record.tls { "~" } else { "" };
                self.text(Some(&format!("{}{tls}", record.frontend)), flags);
            }
            V::Hostname => {
                let name = rustix::system::uname();
                self.text(name.nodename().to_str().ok(), flags);
            }
            V::UniqueId => self.text(details.unique_id.as_deref(), flags),
            V::TlsCipher => self.text(details.tls.map(|(cipher, _)| cipher), flags),
            V::TlsVersion => self.text(details.tls.map(|(_, version)| version), flags),
            V::Termination => self.out.extend(record.termination.letters()),
            V::RequestLine => {
                let line = record.exchange.as_ref().map(|exchange| exchange.line.as_str());
                self.text(line, flags);
            }
            V::Method | V::Target | V::Path | V::PathOnly | V::Query | V::HttpVersion => {
                let part = record.exchange.as_ref().and_then(|it| part(&it.line, variable));
                self.text(part, flags);
            }
            V::RequestCookie | V::ResponseCookie => self.out.push('-'),
            V::TerminationCookies => write!(self.out, "{}--", record.termination)?,
            V::ClientIp => return self.client_ip(client, flags),
            V::ClientPort => return self.client_port(client, flags),
            V::FrontendIp if client.is_some() => return self.ip(record.destination, flags),
            V::FrontendPort if client.is_some() => return self.port(record.destination, flags),
            V::FrontendIp => return self.client_ip(None, flags),
            V::FrontendPort => return self.client_port(None, flags),
            V::SourceIp => return self.ip(details.source, flags),
            V::SourcePort => return self.port(details.source, flags),
            V::ServerIp => return self.ip(details.server, flags),
            V::ServerPort => return self.port(details.server, flags),
            V::RequestCaptures if !details.captures.is_empty() => {
                let captures = details.captures.iter().map(|kept| kept.as_deref().unwrap_or(""));
                let text = format!("{{{}}}", captures.collect::<Vec<_>>().join("|"));
                self.text(Some(&text), flags);
            }
            V::RequestCaptureList => {
                for (number, kept) in details.captures.iter().enumerate() {
                    if number > 0 {
                        self.out.push(' ');
                    }
                    match kept.as_deref() {
                        Some("") if !flags.quote => {}
                        kept => self.text(kept, flags),
                    }
                }
            }
            // Only messages of HTTP are captured of a response.
            V::RequestCaptures | V::ResponseCaptures | V::ResponseCaptureList => {}
            number => return self.number(number, flags),
        }
        Ok(())
    }

    /// Times and counts: never in quotes.
    fn number(&mut self, variable: Variable, flags: Flags) -> Result {
        use Variable as V;
        let (record, details, open) = (self.record, self.details, self.record.connections);
        let since = record.accepted.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        match variable {
            V::Date => self.time.push_accept(record.accepted, self.out),
            V::DateLocal => self.time.push_zoned(record.accepted, self.out),
            V::DateGmt => LocalTime::new(TimeZone::UTC).push_zoned(record.accepted, self.out),
            V::Seconds => self.hex_or(since.as_secs(), flags)?,
            V::Millis if flags.hex => write!(self.out, "{:02X}", since.subsec_millis())?,
            V::Millis => write!(self.out, "{:03}", since.subsec_millis())?,
            V::RequestDate => self.time.push_accept(self.begun(), self.out),
            V::RequestDateLocal => self.time.push_zoned(self.begun(), self.out),
            V::RequestDateGmt => LocalTime::new(TimeZone::UTC).push_zoned(self.begun(), self.out),
            V::Status => match record.exchange.as_ref().map(|exchange| exchange.status) {
                Some(Some(status)) => write!(self.out, "{status}")?,
                Some(None) => self.out.push_str("-1"),
                None => self.out.push('0'),
            },
            V::RequestTime => self.timer(record.exchange.as_ref().and_then(|it| it.request)),
            V::ResponseTime => self.timer(record.exchange.as_ref().and_then(|it| it.response)),
            V::IdleTime => self.timer(record.exchange.as_ref().map(|it| it.idle)),
            V::IdleAndRequestTime => {
                let whole = record.exchange.as_ref().and_then(|it| Some(it.idle + it.request?));
                self.timer(whole.map(|whole| whole + details.handshake));
            }
            V::Pid => self.hex_or(u64::from(self.writer.pid), flags)?,
            V::SessionNumber => self.hex_or(details.number, flags)?,
            V::LogCounter => self.hex_or(self.writer.line, flags)?,
            V::QueueTime => self.timer(record.queue),
            V::ConnectTime => self.timer(record.connect),
            V::HandshakeTime => self.timer(Some(details.handshake)),
            V::DataTime => self.timer(self.data_time()),
            V::TotalTime | V::UserTime | V::ActiveTime => {
                self.grows();
                digits::push_millis(self.out, record.total);
            }
            V::BytesOut => {
                self.grows();
                digits::push(self.out, record.bytes_out);
            }
            V::BytesIn => digits::push(self.out, record.bytes_in),
            V::ProcessConnections => digits::push(self.out, open.process),
            V::FrontendConnections => digits::push(self.out, open.frontend),
            V::BackendConnections => digits::push(self.out, open.backend),
            V::ServerConnections => digits::push(self.out, open.server),
            V::Retries => {
                if record.redispatched {
                    self.out.push('+');
                }
                digits::push(self.out, record.retries);
            }
            V::ServerQueue => digits::push(self.out, record.server_queue),
            V::BackendQueue => digits::push(self.out, record.backend_queue),
            // Everything else is text.
            _ => {}
        }
        Ok(())
    }

    /// When the request began.
    fn begun(&self) -> SystemTime {
        self.record.exchange.as_ref().map_or(self.record.accepted, |exchange| exchange.begun)
    }

    /// Connected until the end.
    fn data_time(&self) -> Option<Duration> {
        let record = self.record;
        let connected = record.queue.unwrap_or_default() + record.connect?;
        Some(record.total.saturating_sub(connected))
    }

    fn timer(&mut self, timer: Option<Duration>) {
        match timer {
            Some(timer) => digits::push_millis(self.out, timer),
            None => self.out.push_str("-1"),
        }
    }

    /// Before a number that is not final yet where the session was logged once connected.
    fn grows(&mut self) {
        if self.record.moment == Moment::Connected {
            self.out.push('+');
        }
    }

    fn hex_or(&mut self, number: u64, flags: Flags) -> Result {
        match flags.hex {
            true => write!(self.out, "{number:04X}"),
            false => {
                digits::push(self.out, number);
                Ok(())
            }
        }
    }

    fn client_ip(&mut self, client: Option<SocketAddr>, flags: Flags) -> Result {
        match client {
            Some(_) => self.ip(client, flags),
            None => {
                self.text(Some("unix"), flags);
                Ok(())
            }
        }
    }

    fn client_port(&mut self, client: Option<SocketAddr>, flags: Flags) -> Result {
        match self.record.client {
            Client::Unix { listener } => write!(self.out, "{listener}"),
            Client::Tcp(_) => self.port(client, flags),
        }
    }

    fn ip(&mut self, address: Option<SocketAddr>, flags: Flags) -> Result {
        match (address.map(|address| address.ip()), flags.hex) {
            (Some(IpAddr::V4(ip)), true) => write!(self.out, "{:08X}", ip.to_bits()),
            (Some(IpAddr::V6(ip)), true) => write!(self.out, "{:032X}", ip.to_bits()),
            (Some(ip), false) => {
                self.text(Some(&ip.to_string()), flags);
                Ok(())
            }
            (None, _) => {
                self.text(None, flags);
                Ok(())
            }
        }
    }

    fn port(&mut self, address: Option<SocketAddr>, flags: Flags) -> Result {
        match (address, flags.hex) {
            (Some(address), true) => write!(self.out, "{:04X}", address.port()),
            (Some(address), false) => {
                digits::push(self.out, address.port());
                Ok(())
            }
            (None, _) => {
                self.text(None, flags);
                Ok(())
            }
        }
    }

    fn text(&mut self, text: Option<&str>, flags: Flags) {
        let text = match text {
            Some(text) if !text.is_empty() => text,
            _ if flags.quote || self.writer.absent == Absent::Nothing => "",
            _ => "-",
        };
        if flags.quote {
            self.out.push('"');
        }
        if flags.escape {
            for c in text.chars() {
                if matches!(c, '"' | '\\' | ']') {
                    self.out.push('\\');
                }
                self.out.push(c);
            }
        } else {
            self.out.push_str(text);
        }
        if flags.quote {
            self.out.push('"');
        }
    }
}

/// A part of the first line of a request.
fn part(line: &str, variable: Variable) -> Option<&str> {
    let mut words = line.split(' ');
    if line == NO_REQUEST {
        return Some(line);
    }
    let (method, target, version) = (words.next()?, words.next()?, words.next()?);
    let without_host = match target.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |at| &rest[at..]),
        None => target,
    };
    let path = |target: &'_ str| target.find('?').unwrap_or(target.len());
    Some(match variable {
        Variable::Method => method,
        Variable::Target => target,
        Variable::Path => &target[..path(target)],
        Variable::PathOnly => &without_host[..path(without_host)],
        Variable::Query => &target[path(target)..],
        _ => version,
    })
}

#[cfg(test)]
mod tests;
