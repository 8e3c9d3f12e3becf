//! Pure: what all of validation shares: the report, the resolver, and checks of single values.
//!
//! A value that is wrong is reported and replaced by its default, so that validation goes on: the
//! model it yields then is thrown away.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::{NonZeroU16, NonZeroU32};
use std::time::Duration;

use haproxy_compat::addr::{Address, Endpoint, Family, Host, PortSpec, Transport};
use haproxy_compat::diag::Report;
use haproxy_compat::env::Environment;
use haproxy_compat::span::{Span, Spanned};

use super::rules::Rulebook;
use super::state_file::Saved;
use crate::config::defaults::{DURATION_MAX, LISTENERS_MAX, UNIX_PATH_MAX_BYTES};
use crate::config::model::certificate::StoredCertificate;
use crate::config::model::{LogFraming, Userlist};
use crate::config::raw::{Dialect, Field};
use crate::config::suggest::did_you_mean;
use crate::config::world::{Account, World};
use crate::pure::id::Name;
use crate::pure::probe::Place;

/// The state of one validation.
pub(super) struct Context<'a> {
    /// Where mistakes go.
    pub(super) report: &'a mut Report,
    /// The front end the configuration came from.
    pub(super) dialect: Dialect,
    /// The framing of log targets without a `format`.
    pub(super) framing: LogFraming,
    /// Where host names, files and accounts are looked up.
    pub(super) world: &'a mut dyn World,
    /// What each host name was resolved to: every name is asked for once.
    resolved: HashMap<String, Result<Vec<IpAddr>, String>>,
    /// Values that were complained about: many servers may share one.
    refused: HashSet<Span>,
    /// Accounts that samples may name.
    pub(super) userlists: Vec<Userlist>,
    /// What is read belongs to a proxy in `mode http`.
    pub(super) speaks_http: bool,
    /// Rules are read: in a proxy of TCP too, they find requests of HTTP in the bytes.
    pub(super) reads_rules: bool,
    /// Names of the `resolvers` sections.
    pub(super) resolvers: Vec<Name>,
    /// The rings there are, with the framing of their lines.
    pub(super) rings: Vec<(Name, LogFraming)>,
    /// Listening sockets that may still be made.
    listeners_left: usize,
    /// Variables that `env(NAME)` reads.
    pub(super) environment: Environment,
    /// Certificates with names of their own.
    pub(super) certificates: Vec<StoredCertificate>,
    /// What rules refer to.
    pub(super) rulebook: Rulebook,
    /// What servers were before.
    pub(super) saved: Saved,
}

impl<'a> Context<'a> {
    pub(super) fn new(dialect: Dialect, world: &'a mut dyn World, report: &'a mut Report) -> Self {
        Self {
            report,
            dialect,
            framing: LogFraming::default(),
            world,
            resolved: HashMap::new(),
            refused: HashSet::new(),
            userlists: Vec::new(),
            speaks_http: false,
            reads_rules: false,
            resolvers: Vec::new(),
            rings: Vec::new(),
            listeners_left: LISTENERS_MAX,
            saved: Saved::default(),
            environment: Environment::default(),
            certificates: Vec::new(),
            rulebook: Rulebook::default(),
        }
    }

    /// Takes `count` of the listening sockets that may be made.
    pub(super) fn take_listeners(&mut self, count: usize, span: Span) -> bool {
        let enough = self.listeners_left >= count;
        if enough {
            self.listeners_left -= count;
        } else {
            self.report.alert(
                span,
                format!("more than {LISTENERS_MAX} listening sockets, port ranges expanded"),
            );
        }
        enough
    }

    /// Adds an alert about a value, once a value.
    pub(super) fn refuse(&mut self, span: Span, message: String, help: Option<String>) {
        if !self.refused.insert(span) {
            return;
        }
        self.report.alert(span, message);
        if let Some(help) = help {
            self.report.help(help);
        }
    }

    /// A number within `range`.
    pub(super) fn number(
        &mut self,
        what: &str,
        field: &Field<u64>,
        range: std::ops::RangeInclusive<u64>,
    ) -> Option<u64> {
        let field = field.as_ref()?;
        if range.contains(&field.value) {
            return Some(field.value);
        }
        let message = format!("{what}: {} is out of range", field.value);
        let help = format!("write {} to {}", range.start(), range.end());
        self.refuse(field.span, message, Some(help));
        None
    }

    /// The name of an account that the system knows.
    pub(super) fn account(&mut self, kind: Account, field: &Field<String>) -> Option<String> {
        let Spanned { value: name, span } = field.as_ref()?;
        if self.world.account(kind, name).is_none() {
            let kind = kind.name();
            let help = format!("create it, or remove the line '{kind} {name}'");
            self.refuse(*span, format!("cannot find {kind} id for '{name}'"), Some(help));
        }
        Some(name.clone())
    }

    /// An account by its name or its number.
    pub(super) fn owner(&mut self, kind: Account, field: &Field<String>) -> Option<String> {
        let Spanned { value: name, span } = field.as_ref()?;
        if name.parse::<u32>().is_err() && self.world.account(kind, name).is_none() {
            self.refuse(*span, format!("cannot find {} id for '{name}'", kind.name()), None);
        }
        Some(name.clone())
    }

    /// A limit: 0 means that there is none.
    pub(super) fn limit(&mut self, what: &str, field: &Field<u64>) -> Option<NonZeroU32> {
        let value = self.number(what, field, 0..=u64::from(u32::MAX >> 1))?;
        NonZeroU32::new(u32::try_from(value).ok()?)
    }

    /// A number from 1 to 2^31 - 1.
    pub(super) fn positive(&mut self, what: &str, field: &Field<u64>) -> Option<NonZeroU32> {
        let value = self.number(what, field, 1..=u64::from(u32::MAX >> 1))?;
        NonZeroU32::new(u32::try_from(value).ok()?)
    }

    /// A port, not 0.
    pub(super) fn port(&mut self, what: &str, field: &Field<u64>) -> Option<NonZeroU16> {
        let value = self.number(what, field, 1..=65535)?;
        NonZeroU16::new(u16::try_from(value).ok()?)
    }

    /// A duration longer than zero.
    pub(super) fn duration(&mut self, what: &str, field: &Field<Duration>) -> Option<Duration> {
        let duration = self.bounded(what, field)?;
        if duration.is_zero() {
            let span = field.as_ref()?.span;
            self.refuse(span, format!("{what} must be longer than zero"), None);
            return None;
        }
        Some(duration)
    }

    /// A timeout: `None` is infinite. Zero is infinite in TOML (where it was written so) and not
    /// written in `haproxy.cfg`: there it leaves `default`.
    pub(super) fn timeout(
        &mut self,
        what: &str,
        field: &Field<Duration>,
        default: Option<Duration>,
    ) -> Option<Duration> {
        match self.bounded(what, field) {
            None => default,
            Some(duration) if duration.is_zero() => match self.dialect {
                Dialect::Haproxy => default,
                Dialect::Toml => None,
            },
            Some(duration) => Some(duration),
        }
    }

    /// A duration, zero included.
    pub(super) fn bounded(&mut self, what: &str, field: &Field<Duration>) -> Option<Duration> {
        let field = field.as_ref()?;
        if field.value > DURATION_MAX {
            let message = format!("{what} is too long, at most 24 days");
            self.refuse(field.span, message, None);
            return None;
        }
        Some(field.value)
    }

    /// A word out of a list.
    pub(super) fn word<T: Copy>(
        &mut self,
        what: &str,
        field: &Field<String>,
        words: &[(&str, T)],
    ) -> Option<T> {
        let field = field.as_ref()?;
        let known = words.iter().find(|(word, _)| *word == field.value);
        if let Some(&(_, value)) = known {
            return Some(value);
        }
        let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let guess = did_you_mean(&field.value, names.iter().copied());
        self.report.alert(field.span, format!("{what}: '{}' is not known{guess}", field.value));
        self.report.help(format!("write one of {}", names.join(", ")));
        None
    }

    /// A name of a proxy or server.
    pub(super) fn name(&mut self, what: &str, written: &Spanned<String>) -> Option<Name> {
        let message = match Name::new(&written.value) {
            Ok(name) => return Some(name),
            Err(None) => format!("the name of a {what} is empty"),
            Err(Some(bad)) => {
                format!("'{bad}' cannot stand in the name of a {what}: '{}'", written.value)
            }
        };
        self.report.alert(written.span, message);
        self.report.help("names are made of letters, digits and _ . : -");
        None
    }

    /// Where an address leads: read, of a supported kind, but not resolved.
    pub(super) fn endpoint(&mut self, what: &str, span: Span, text: &str) -> Option<Endpoint> {
        let address = match Address::parse(text) {
            Ok(address) => address,
            Err(error) => {
                self.report.alert(span, format!("{what}: '{text}': {error}"));
                if text.matches(':').count() > 2 && !text.contains('[') {
                    self.report.help("put an IPv6 address in brackets: [2001:db8::1]:5432");
                }
                return None;
            }
        };
        if address.has_excess {
            let message = format!("{what}: what follows the port in '{text}' is ignored");
            self.report.warning(span, message);
        }
        match &address.endpoint {
            Endpoint::Unix(name) | Endpoint::Abstract(name) if name.len() > UNIX_PATH_MAX_BYTES => {
                let length = name.len();
                self.report.alert(
                    span,
                    format!("{what}: '{name}' is {length} bytes, too long for a Unix socket"),
                );
                self.report.help(format!("at most {UNIX_PATH_MAX_BYTES} bytes"));
                None
            }
            _ if address.transport == Transport::Quic => self.unsupported(what, span, text),
            _ if address.transport == Transport::Datagram && what != LOG_TARGET => {
                self.unsupported(what, span, text)
            }
            _ => Some(address.endpoint),
        }
    }

    /// Whether an inherited descriptor can be what `what` asks for.
    pub(super) fn is_socket(&mut self, what: &str, span: Span, descriptor: i32) -> bool {
        let answer = self.world.socket(descriptor);
        if let Err(why) = &answer {
            let message = format!("{what}: cannot use file descriptor '{descriptor}': {why}");
            self.report.alert(span, message);
        }
        answer.is_ok()
    }

    fn unsupported(&mut self, what: &str, span: Span, text: &str) -> Option<Endpoint> {
        self.report.alert(span, format!("{what}: addresses like '{text}' are not supported"));
        self.report
            .help("supported: host:port, ipv4@ ipv6@ tcp@ tcp4@ tcp6@ unix@ abns@ fd@ sockpair@");
        None
    }

    /// The address of a host.
    pub(super) fn host(
        &mut self,
        what: &str,
        span: Span,
        host: &Host,
        family: Family,
    ) -> Option<IpAddr> {
        let name = match host {
            Host::Any if family == Family::V6 => return Some(Ipv6Addr::UNSPECIFIED.into()),
            Host::Any => return Some(Ipv4Addr::UNSPECIFIED.into()),
            Host::Ip(ip) if admits(family, *ip) => return Some(*ip),
            Host::Ip(ip) => {
                self.report.alert(span, format!("{what}: {ip} is of the other family"));
                return None;
            }
            Host::Name(name) => name,
        };
        if let Some(ip) = shortened(name).filter(|ip| admits(family, (*ip).into())) {
            self.report.warning(span, format!("{what}: '{name}' is read as {ip}"));
            return Some(ip.into());
        }
        // Resolvers disagree on what other digits and dots mean that are no address.
        if name.chars().all(|c| c.is_ascii_digit() || c == '.') {
            self.report.alert(span, format!("{what}: '{name}' is not an IPv4 address"));
            return None;
        }
        let failure = match self.lookup(host, family) {
            Ok(ip) => return Some(ip),
            Err(failure) => failure,
        };
        self.report.alert(span, format!("{what}: cannot resolve '{name}': {failure}"));
        self.report.help("check the name and the resolver, or write the address itself");
        None
    }

    /// The best address of a host that is a name, or why there is none.
    pub(super) fn lookup(&mut self, host: &Host, family: Family) -> Result<IpAddr, String> {
        let Host::Name(name) = host else {
            return Err("it is no name".to_owned());
        };
        if !self.resolved.contains_key(name) {
            let answer = self.world.resolve(name);
            self.resolved.insert(name.clone(), answer);
        }
        match &self.resolved[name] {
            Ok(addresses) => match addresses.iter().find(|&&ip| admits(family, ip)) {
                Some(ip) => Ok(*ip),
                None if addresses.is_empty() => Err("it has no address".to_owned()),
                None if family == Family::V4 => Err("it has no IPv4 address".to_owned()),
                None => Err("it has no IPv6 address".to_owned()),
            },
            Err(failure) => Err(failure.clone()),
        }
    }

    /// An address for checks.
    pub(super) fn check_place(
        &mut self,
        what: &str,
        written: &Spanned<String>,
        default_port: u16,
    ) -> Option<Place> {
        match self.endpoint(what, written.span, &written.value)? {
            Endpoint::Unix(path) => Some(Place::Unix(path.into())),
            Endpoint::Abstract(name) => Some(Place::Abstract(name.into_bytes())),
            _ => self.socket_addr(what, written, default_port).map(Place::Inet),
        }
    }

    /// An address with a fixed port or none, resolved.
    pub(super) fn socket_addr(
        &mut self,
        what: &str,
        written: &Spanned<String>,
        default_port: u16,
    ) -> Option<SocketAddr> {
        let span = written.span;
        let endpoint = self.endpoint(what, span, &written.value)?;
        let Endpoint::Inet { family, host, port } = endpoint else {
            let message = format!("{what}: '{}' is not an IP address", written.value);
            self.report.alert(span, message);
            return None;
        };
        let port = match port {
            PortSpec::Absent => default_port,
            PortSpec::Fixed(port) => port,
            PortSpec::Range(..) | PortSpec::Offset(_) => {
                let message = format!("{what}: '{}' must have one port", written.value);
                self.report.alert(span, message);
                return None;
            }
        };
        Some(SocketAddr::new(self.host(what, span, &host, family)?, port))
    }
}

/// What log targets are called: the only addresses that datagrams are sent to.
pub(super) const LOG_TARGET: &str = "log target";

/// `127.1` and the like: the last of fewer than four numbers fills what is left of an IPv4 address.
fn shortened(name: &str) -> Option<Ipv4Addr> {
    let number = |digits: &str| {
        let is_octal = digits.len() > 1 && digits.starts_with('0');
        digits.parse().ok().filter(|_| !is_octal)
    };
    let numbers: Vec<u32> = name.split('.').map(number).collect::<Option<_>>()?;
    let (last, front) = numbers.split_last()?;
    if front.len() > 3 || front.iter().any(|&number| number > 255) {
        return None;
    }
    let left = 8 * (4 - front.len());
    let high = front.iter().fold(0_u64, |high, &number| high << 8 | u64::from(number));
    let bits = u64::from(*last) < 1 << left;
    bits.then(|| Ipv4Addr::from_bits((high << left) as u32 | last))
}

const fn admits(family: Family, ip: IpAddr) -> bool {
    match family {
        Family::Any => true,
        Family::V4 => ip.is_ipv4(),
        Family::V6 => ip.is_ipv6(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_number_fills_an_address() {
        for (name, ip) in [
            ("0", Some([0, 0, 0, 0])),
            ("127.1", Some([127, 0, 0, 1])),
            ("1.2.65535", Some([1, 2, 255, 255])),
            ("4294967295", Some([255; 4])),
            ("1.2.65536", None),
            ("256.1", None),
            ("1.2.010", None),
            ("1..2", None),
            ("1.2.3.4.5", None),
            ("db", None),
        ] {
            assert_eq!(shortened(name), ip.map(Ipv4Addr::from_octets), "{name}");
        }
    }
}
