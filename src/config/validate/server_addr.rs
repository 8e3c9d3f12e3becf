//! Pure: where a server is, from what stands on its line to a first address.

use std::net::IpAddr;

use haproxy_compat::addr::{Endpoint, Family, Host, PortSpec};
use haproxy_compat::span::Spanned;

use super::context::Context;
use crate::config::model::{InitAddr, Resolve, ServerAddr};
use crate::config::raw;
use crate::pure::resolve::Kind;

/// Where a server is.
pub(super) struct Target {
    pub(super) address: ServerAddr,
    /// The name it was written as, with its family if that was written.
    pub(super) hostname: Option<String>,
    pub(super) resolve: Option<Resolve>,
    pub(super) init_addr: Vec<InitAddr>,
}

impl Context<'_> {
    /// The address of `raw`, and the name it came from.
    pub(super) fn server_address(
        &mut self,
        raw: &raw::Server,
        what: &str,
        backend: &str,
    ) -> Option<Target> {
        let written = &raw.address;
        let init_addr = self.init_addr(&raw.naming);
        let taste = self.taste(&raw.naming);
        let fixed =
            |address| Target { address, hostname: None, resolve: None, init_addr: Vec::new() };
        let usual = || init_addr.clone();
        let (family, host, port) = match self.endpoint(what, written.span, &written.value)? {
            Endpoint::Unix(path) => {
                return Some(Target { init_addr: usual(), ..fixed(ServerAddr::Unix(path.into())) });
            }
            Endpoint::Abstract(name) => {
                let address = ServerAddr::Abstract(name.into_bytes());
                return Some(Target { init_addr: usual(), ..fixed(address) });
            }
            Endpoint::Inet { family, host, port } => (family, host, port),
            Endpoint::Sockpair(fd) if !self.is_socket(what, written.span, fd) => return None,
            Endpoint::Sockpair(fd) => {
                return Some(Target { init_addr: usual(), ..fixed(ServerAddr::Sockpair(fd)) });
            }
            Endpoint::Fd(_) => {
                let message = format!("{what}: '{}' cannot be connected to", written.value);
                self.report.alert(written.span, message);
                return None;
            }
        };
        let unresolved = self.server_port(port, written, what)?;
        let Host::Name(name) = &host else {
            self.resolvers_of(&raw.naming);
            let ip = self.host(what, written.span, &host, family)?;
            return Some(Target { init_addr, ..fixed(unresolved.at(Some(ip))) });
        };
        let resolve = self.resolve(name, &raw.naming, taste);
        let is_service = resolve.as_ref().is_some_and(|resolve| resolve.kind == Kind::Srv);
        let ip = match is_service {
            true => None,
            false => {
                let last = self.saved.address(backend, &raw.name.value, name);
                self.first_address(what, written, (&host, family), last, &init_addr)?
            }
        };
        let hostname = match family {
            Family::Any => name.clone(),
            Family::V4 => format!("ipv4@{name}"),
            Family::V6 => format!("ipv6@{name}"),
        };
        let address = unresolved.at(ip);
        Some(Target { address, hostname: Some(hostname), resolve, init_addr })
    }

    /// The first address that one of `ways` yields, `last` being that of an earlier process; the
    /// inner `None`: none for now. The outer one is a mistake, which is reported.
    fn first_address(
        &mut self,
        what: &str,
        written: &Spanned<String>,
        (host, family): (&Host, Family),
        last: Option<IpAddr>,
        ways: &[InitAddr],
    ) -> Option<Option<IpAddr>> {
        let mut failure = None;
        let mut found = None;
        for way in ways {
            found = match way {
                InitAddr::Last if last.is_none() => continue,
                InitAddr::Last => Some(last),
                InitAddr::Ip(ip) => Some(Some(*ip)),
                InitAddr::None => Some(None),
                InitAddr::Libc => match self.lookup(host, family) {
                    Ok(ip) => Some(Some(ip)),
                    Err(why) => {
                        failure = Some(why);
                        continue;
                    }
                },
            };
            break;
        }
        let name = &written.value;
        match (found, failure) {
            (Some(found), Some(failure)) => {
                let instead = match found {
                    Some(ip) => format!("with {ip}"),
                    None => "without an address".to_owned(),
                };
                let message =
                    format!("{what}: cannot resolve '{name}': {failure}; it starts {instead}");
                self.report.warning(written.span, message);
            }
            // The mistake is that of the host.
            (None, Some(_)) => drop(self.host(what, written.span, host, family)),
            (None, None) => {
                let message = format!("{what}: no way of 'init-addr' leads to '{name}'");
                self.report.alert(written.span, message);
            }
            (Some(_), None) => {}
        }
        found
    }

    /// The port as an address of which nothing else is known.
    fn server_port(
        &mut self,
        port: PortSpec,
        written: &Spanned<String>,
        what: &str,
    ) -> Option<ServerAddr> {
        match port {
            PortSpec::Absent | PortSpec::Fixed(0) => {
                Some(ServerAddr::Unresolved { port: None, offset: 0 })
            }
            PortSpec::Offset(offset) => Some(ServerAddr::Unresolved { port: None, offset }),
            PortSpec::Fixed(port) => Some(ServerAddr::Unresolved { port: Some(port), offset: 0 }),
            PortSpec::Range(..) => {
                let message = format!("{what}: a server has one port, not '{}'", written.value);
                self.report.alert(written.span, message);
                None
            }
        }
    }
}
