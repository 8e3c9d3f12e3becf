//! Pure: `source` and its words.

use std::net::{IpAddr, Ipv4Addr};

use haproxy_compat::addr::{Endpoint, PortSpec};
use haproxy_compat::span::{Span, Spanned};

use super::context::Context;
use crate::config::model::{Source, UseSrc};
use crate::config::raw::{Dialect, Field};

impl Context<'_> {
    /// `ADDRESS[:PORT[-PORT]] [usesrc client|clientip|ADDRESS[:PORT]] [interface NAME]`.
    pub(super) fn source(&mut self, field: &Field<String>) -> Option<Source> {
        let field = field.as_ref()?;
        let span = field.span;
        let mut words = field.value.split_whitespace();
        let (ip, ports) = self.local_address(words.next().unwrap_or_default(), span)?;
        let mut source = Source { ip, ports, usesrc: UseSrc::Local, interface: None };
        while let Some(word) = words.next() {
            let value = words.next();
            match (word, value) {
                ("usesrc", Some("client")) => source.usesrc = UseSrc::Client,
                ("usesrc", Some("clientip")) => source.usesrc = UseSrc::ClientIp,
                ("usesrc", Some(address)) => {
                    let address = Spanned::new(address.to_owned(), span);
                    source.usesrc = UseSrc::Address(self.socket_addr("usesrc", &address, 0)?);
                }
                ("interface", Some(name)) => source.interface = Some(name.to_owned()),
                ("usesrc" | "interface", None) => {
                    self.report.alert(span, format!("source: '{word}' needs a value"));
                    return None;
                }
                _ => {
                    self.report.alert(span, format!("source: '{word}' is unknown"));
                    self.report.help("words after the address are 'usesrc' and 'interface'");
                    return None;
                }
            }
        }
        Some(source)
    }

    /// The same of a backend, where HAProxy knows no range of ports.
    pub(super) fn backend_source(&mut self, field: &Field<String>) -> Option<Source> {
        let source = self.source(field)?;
        let is_range = source.ports.is_some_and(|(first, last)| first != last);
        if is_range && self.dialect == Dialect::Haproxy {
            let span = field.as_ref()?.span;
            self.report.alert(span, "source: a range of ports belongs on 'server' lines");
            self.report.help("write it after 'source' of each server, or in 'default-server'");
            return None;
        }
        Some(source)
    }

    fn local_address(&mut self, text: &str, span: Span) -> Option<(IpAddr, Option<(u16, u16)>)> {
        if text == "*" {
            return Some((Ipv4Addr::UNSPECIFIED.into(), None));
        }
        let Endpoint::Inet { family, host, port } = self.endpoint("source", span, text)? else {
            self.report.alert(span, format!("source: '{text}' is not an IP address"));
            return None;
        };
        let ports = match port {
            PortSpec::Absent | PortSpec::Fixed(0) => None,
            PortSpec::Fixed(port) => Some((port, port)),
            PortSpec::Range(first, last) if first > 0 => Some((first, last)),
            PortSpec::Range(..) | PortSpec::Offset(_) => {
                self.report.alert(span, format!("source: no such ports in '{text}'"));
                self.report.help("write one port or a range such as 1024-2047");
                return None;
            }
        };
        Some((self.host("source", span, &host, family)?, ports))
    }
}

/// How the words of a source are written.
pub(in crate::config) fn source_text(source: &Source) -> String {
    let host = match source.ip {
        IpAddr::V6(ip) => format!("[{ip}]"),
        ip @ IpAddr::V4(_) => ip.to_string(),
    };
    let mut text = match source.ports {
        None => host,
        Some((first, last)) if first == last => format!("{host}:{first}"),
        Some((first, last)) => format!("{host}:{first}-{last}"),
    };
    match source.usesrc {
        UseSrc::Local => {}
        UseSrc::Client => text.push_str(" usesrc client"),
        UseSrc::ClientIp => text.push_str(" usesrc clientip"),
        UseSrc::Address(address) => text.push_str(&format!(" usesrc {address}")),
    }
    if let Some(interface) = &source.interface {
        text.push_str(&format!(" interface {interface}"));
    }
    text
}
