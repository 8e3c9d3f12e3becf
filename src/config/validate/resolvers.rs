//! Pure: name servers, and how servers' names are followed.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use haproxy_compat::span::{Span, Spanned};

use super::context::Context;
use crate::config::defaults::{INIT_ADDR, RESOLVE};
use crate::config::model::{InitAddr, Nameserver, Resolve, Resolvers};
use crate::config::raw::{self, Field, Naming};
use crate::config::suggest::did_you_mean;
use crate::pure::id::Name;
use crate::pure::resolve::assign::Net;
use crate::pure::resolve::message::{ANSWER_BYTES_MAX, PAYLOAD_DEFAULT, canonical, is_name};
use crate::pure::resolve::{Hold, Kind, Schedule};

/// The words of `resolve_prefer`; the first is the default.
pub(in crate::config) const RESOLVE_FAMILIES: [(&str, Kind); 2] =
    [("ipv6", Kind::Aaaa), ("ipv4", Kind::A)];
/// The section that is there without being written, made of the system's name servers.
const DEFAULT_SECTION: &str = "default";
/// The system's name servers.
const RESOLV_CONF: &str = "/etc/resolv.conf";
/// Name servers of one section: every one is asked every time.
const NAMESERVERS_MAX: usize = 64;
const DNS_PORT: u16 = 53;

/// Which answers of name servers a server likes.
pub(super) struct Taste {
    prefer: Kind,
    nets: Vec<Net>,
    allow_dup_ip: bool,
    ignore_weight: bool,
}

impl Context<'_> {
    /// Every section, and that of the system if nobody wrote it.
    pub(super) fn all_resolvers(&mut self, raw: &raw::Config) -> Vec<Resolvers> {
        let mut names = std::collections::HashMap::new();
        let mut found = Vec::new();
        for section in &raw.resolvers {
            if let Some(name) = self.new_name("resolvers section", &section.name, &mut names) {
                found.push(self.resolvers(section, name));
            }
        }
        let servers = || raw.backends.iter().flat_map(|backend| &backend.servers);
        if names.contains_key(DEFAULT_SECTION) {
            return found;
        }
        let named = servers().find_map(|server| {
            server.naming.resolvers.as_ref().filter(|named| named.value == DEFAULT_SECTION)
        });
        // Where nobody asks it, it is only shown: a system without name servers is no mistake then.
        if named.is_none() {
            let system = self.world.read(Path::new(RESOLV_CONF)).unwrap_or_default();
            if nameservers_in(&system).next().is_none() {
                return found;
            }
        }
        let nobody = Spanned::new(DEFAULT_SECTION.to_owned(), Span::default());
        let mut section = raw::Resolvers::new(named.cloned().unwrap_or(nobody));
        section.resolv_conf = Some(Spanned::new(true, section.name.span));
        let name = Name::new(DEFAULT_SECTION).expect("a name of letters");
        found.push(Resolvers { is_implied: true, ..self.resolvers(&section, name) });
        found
    }

    fn resolvers(&mut self, raw: &raw::Resolvers, name: Name) -> Resolvers {
        let what = format!("resolvers '{name}'");
        let mut nameservers: Vec<Nameserver> = Vec::new();
        for (id, address) in &raw.nameservers {
            if nameservers.iter().any(|known| known.name == id.value) {
                self.report.alert(id.span, format!("a second name server '{}'", id.value));
                continue;
            }
            nameservers.extend(self.nameserver(&id.value, address));
        }
        if let Some(on) = raw.resolv_conf.as_ref().filter(|on| on.value) {
            self.system_nameservers(on.span, &mut nameservers);
        }
        nameservers.truncate(NAMESERVERS_MAX);
        if nameservers.is_empty() {
            self.report.warning(raw.name.span, format!("{what} has no name server to ask"));
        }
        let payload = ANSWER_BYTES_MAX as u64;
        let payload = self.number(
            &format!("accepted_payload_size of {what}"),
            &raw.accepted_payload_size,
            u64::from(PAYLOAD_DEFAULT)..=payload,
        );
        let retries = self.positive(&format!("resolve_retries of {what}"), &raw.resolve_retries);
        let time = |field: &Field<Duration>, usual| field.as_ref().map_or(usual, |t| t.value);
        let held = &RESOLVE.hold;
        Resolvers {
            name,
            is_implied: false,
            nameservers,
            payload_bytes: payload.and_then(|n| u16::try_from(n).ok()).unwrap_or(PAYLOAD_DEFAULT),
            schedule: Schedule {
                retries: retries.map_or(RESOLVE.retries, std::num::NonZeroU32::get),
                resolve: self
                    .duration("timeout resolve", &raw.timeout_resolve)
                    .unwrap_or(RESOLVE.resolve),
                retry: self.duration("timeout retry", &raw.timeout_retry).unwrap_or(RESOLVE.retry),
                hold: Hold {
                    valid: time(&raw.hold.valid, held.valid),
                    obsolete: time(&raw.hold.obsolete, held.obsolete),
                    nx: time(&raw.hold.nx, held.nx),
                    refused: time(&raw.hold.refused, held.refused),
                    timeout: time(&raw.hold.timeout, held.timeout),
                    other: time(&raw.hold.other, held.other),
                },
            },
        }
    }

    fn nameserver(&mut self, id: &str, written: &Spanned<String>) -> Option<Nameserver> {
        let what = format!("name server '{id}'");
        let named = Spanned::new(id.to_owned(), written.span);
        self.name("name server", &named)?;
        // The transport's word (`tcp@`, `udp@`) is DNS's business, not the address'.
        let (tcp, rest) = match written.value.split_once('@') {
            Some((word, rest)) if word.starts_with("tcp") => (true, rest),
            Some((word, rest)) if word.starts_with("udp") => (false, rest),
            _ => (false, written.value.as_str()),
        };
        let plain = Spanned::new(rest.to_owned(), written.span);
        let address = self.socket_addr(&what, &plain, 0)?;
        if address.port() == 0 {
            self.report.alert(written.span, format!("{what}: the port is missing"));
            self.report.help(format!("write '{}:53'", written.value));
            return None;
        }
        Some(Nameserver { name: id.to_owned(), address, tcp })
    }

    fn system_nameservers(&mut self, span: Span, nameservers: &mut Vec<Nameserver>) {
        let bytes = match self.world.read(Path::new(RESOLV_CONF)) {
            Ok(bytes) => bytes,
            Err(error) => {
                self.report.warning(span, format!("cannot read {RESOLV_CONF}: {error}"));
                return;
            }
        };
        for ip in nameservers_in(&bytes) {
            if nameservers.iter().all(|known| known.address.ip() != ip) {
                let address = SocketAddr::new(ip, DNS_PORT);
                nameservers.push(Nameserver { name: ip.to_string(), address, tcp: false });
            }
        }
    }

    /// Which answers a server likes, whether it asks for any or not.
    pub(super) fn taste(&mut self, naming: &Naming) -> Taste {
        let prefer = self.word("resolve_prefer", &naming.prefer, &RESOLVE_FAMILIES);
        let (allow_dup_ip, ignore_weight) = self.resolve_opts(&naming.opts);
        Taste {
            prefer: prefer.unwrap_or(RESOLVE_FAMILIES[0].1),
            nets: self.resolve_nets(&naming.nets),
            allow_dup_ip,
            ignore_weight,
        }
    }

    /// The section that a server names; it has to be there even where the server needs none.
    pub(super) fn resolvers_of(&mut self, naming: &Naming) -> Option<Name> {
        let section = naming.resolvers.as_ref()?;
        let found = self.resolvers.iter().find(|name| name.as_str() == section.value).cloned();
        if found.is_none() {
            let guess = did_you_mean(&section.value, self.resolvers.iter().map(Name::as_str));
            let message = format!("there is no 'resolvers' section '{}'{guess}", section.value);
            self.refuse(section.span, message, None);
        }
        found
    }

    /// How the server named `host` is followed; `None` where nothing asks for it.
    pub(super) fn resolve(&mut self, host: &str, naming: &Naming, taste: Taste) -> Option<Resolve> {
        let Taste { prefer, nets, allow_dup_ip, ignore_weight } = taste;
        let section = naming.resolvers.as_ref()?;
        let name = self.resolvers_of(naming)?;
        if !is_name(host) {
            let message = format!("'{host}' is not a name that name servers can be asked for");
            self.refuse(section.span, message, None);
            return None;
        }
        Some(Resolve {
            fqdn: canonical(host),
            resolvers: name,
            kind: if host.starts_with('_') { Kind::Srv } else { prefer },
            prefer,
            nets,
            allow_dup_ip,
            ignore_weight,
        })
    }

    /// `allow-dup-ip`, `ignore-weight`.
    fn resolve_opts(&mut self, field: &Field<String>) -> (bool, bool) {
        const WORDS: [&str; 3] = ["allow-dup-ip", "ignore-weight", "prevent-dup-ip"];
        let mut opts = (false, false);
        let Some(field) = field else { return opts };
        for word in field.value.split(',').filter(|word| !word.is_empty()) {
            match word {
                "allow-dup-ip" => opts.0 = true,
                "prevent-dup-ip" => opts.0 = false,
                "ignore-weight" => opts.1 = true,
                _ => {
                    let guess = did_you_mean(word, WORDS);
                    let message = format!("resolve_opts: '{word}' is not known{guess}");
                    self.refuse(field.span, message, None);
                }
            }
        }
        opts
    }

    fn resolve_nets(&mut self, field: &Field<String>) -> Vec<Net> {
        let Some(field) = field else { return Vec::new() };
        let mut nets = Vec::new();
        for text in field.value.split(',') {
            let (ip, prefix) = text.split_once('/').unwrap_or((text, ""));
            let ip = ip.parse::<IpAddr>().ok();
            let width = ip.map_or(0, |ip| if ip.is_ipv4() { 32 } else { 128 });
            let prefix = if text.contains('/') { prefix.parse().ok() } else { Some(width) };
            match (ip, prefix.filter(|bits| *bits <= width)) {
                (Some(ip), Some(prefix)) => nets.push(Net { ip, prefix }),
                _ => {
                    let message = format!("resolve_net: '{text}' is no network");
                    self.refuse(field.span, message, Some("write 10.0.0.0/8".to_owned()));
                }
            }
        }
        nets
    }

    /// The ways to a first address.
    pub(super) fn init_addr(&mut self, naming: &Naming) -> Vec<InitAddr> {
        let mut ways = self.written_init_addr(naming);
        if !ways.contains(&InitAddr::None) && self.world.excuses_missing_addresses() {
            ways.push(InitAddr::None);
        }
        ways
    }

    fn written_init_addr(&mut self, naming: &Naming) -> Vec<InitAddr> {
        let Some(field) = &naming.init_addr else {
            // Name servers may answer later what nobody knows now.
            let later = naming.resolvers.as_ref().map(|_| InitAddr::None);
            return INIT_ADDR.iter().copied().chain(later).collect();
        };
        let mut ways = Vec::new();
        for word in field.value.split(',') {
            let way = match word {
                "last" => Some(InitAddr::Last),
                "libc" => Some(InitAddr::Libc),
                "none" => Some(InitAddr::None),
                _ => word.parse().ok().map(InitAddr::Ip),
            };
            match way {
                Some(way) => ways.push(way),
                None => {
                    let message = format!("init_addr: '{word}' is not known");
                    let help = "write last, libc, none or an address, separated by commas";
                    self.refuse(field.span, message, Some(help.to_owned()));
                }
            }
        }
        ways
    }
}

/// The addresses in a file like `/etc/resolv.conf`.
fn nameservers_in(bytes: &[u8]) -> impl Iterator<Item = IpAddr> {
    let lines: Vec<&[u8]> = bytes.split(|&byte| byte == b'\n').collect();
    let address = |line: &[u8]| {
        let line = String::from_utf8_lossy(line);
        let mut words = line.split_whitespace();
        let address = words.next().filter(|&word| word == "nameserver").and(words.next());
        address.and_then(|word| word.parse().ok())
    };
    lines.into_iter().filter_map(address)
}
