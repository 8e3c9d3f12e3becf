//! Pure: backends and servers.

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use haproxy_compat::addr::{Endpoint, Family, Host, PortSpec};
use haproxy_compat::span::{Span, Spanned};

use super::check::BackendCheck;
use super::context::Context;
use super::frontend::is_on;
use super::number;
use crate::config::defaults::{CONNECT_TIMEOUT, RANDOM_DRAWS, REDISPATCH, RETRIES};
use crate::config::model::{
    Backend, Balance, LogTarget, OnMarkedDown, OnMarkedUp, ProxyHeader, Redispatch, Server,
    ServerAddr, ServerTimeouts,
};
use crate::config::raw::{self, Dialect, Field};
use crate::config::suggest::did_you_mean;
use crate::pure::id::{Name, ProxyId, ServerId};
use crate::pure::weight::Weight;

/// The words of `balance` that stand alone.
pub(in crate::config) const BALANCES: [(&str, Balance); 5] = [
    ("roundrobin", Balance::RoundRobin),
    ("static-rr", Balance::StaticRr),
    ("leastconn", Balance::LeastConn),
    ("first", Balance::First),
    ("source", Balance::Source),
];

/// The words of `send_proxy`.
pub(in crate::config) const PROXY_HEADERS: [(&str, ProxyHeader); 2] =
    [("v1", ProxyHeader::V1), ("v2", ProxyHeader::V2)];
/// The word of `on_marked_down`.
pub(in crate::config) const MARKED_DOWN: [(&str, OnMarkedDown); 1] =
    [("shutdown-sessions", OnMarkedDown::ShutdownSessions)];
/// The word of `on_marked_up`.
pub(in crate::config) const MARKED_UP: [(&str, OnMarkedUp); 1] =
    [("shutdown-backup-sessions", OnMarkedUp::ShutdownBackupSessions)];

impl Context<'_> {
    pub(super) fn backend(
        &mut self,
        raw: &raw::Backend,
        name: Name,
        id: ProxyId,
        global_log: &[LogTarget],
    ) -> Backend {
        let what = format!("backend '{name}'");
        let timeouts = self.server_timeouts(&raw.timeouts);
        let check = BackendCheck {
            kind: self.check_kind(raw.check.as_ref()),
            settings: &raw.check_settings,
            timeout: self.timeout("timeout check", &raw.timeouts.check, None),
            connect: timeouts.connect,
        };
        let retries = self.number(&format!("retries of {what}"), &raw.retries, 0..=i32::MAX as u64);
        let source = raw.source.as_ref();
        Backend {
            id,
            balance: self.balance(&raw.balance),
            allbackups: is_on(&raw.allbackups),
            servers: self.servers(&raw.servers, &name, &check),
            retries: retries.and_then(|count| u32::try_from(count).ok()).unwrap_or(RETRIES),
            redispatch: self.redispatch(&raw.redispatch),
            timeouts,
            keepalive: self.keepalive(&raw.keepalive),
            nolinger: is_on(&raw.nolinger),
            source: source.and_then(|source| self.socket_addr("source", source, 0)),
            fullconn: self.limit(&format!("fullconn of {what}"), &raw.fullconn),
            log_health_checks: is_on(&raw.log_health_checks),
            log: self.log(&raw.log, global_log),
            rules: self.backend_rules(&what, &raw.rules),
            name,
        }
    }

    fn balance(&mut self, field: &Field<String>) -> Balance {
        let default = Balance::RoundRobin;
        let Some(field) = field else {
            return default;
        };
        let word = field.value.as_str();
        let draws = match word.strip_prefix("random") {
            Some("") => Some(Ok(RANDOM_DRAWS)),
            Some(rest) => rest
                .strip_prefix('(')
                .and_then(|rest| rest.strip_suffix(')'))
                .map(|digits| digits.trim().parse::<u32>()),
            None => None,
        };
        match draws {
            Some(Ok(draws)) if let Some(draws) = NonZeroU32::new(draws) => {
                return Balance::Random { draws };
            }
            Some(_) => {
                let message = format!("balance: '{word}' does not say how many draws, at least 1");
                self.report.alert(field.span, message);
                self.report.help("write \"random\" or \"random(2)\"");
                return default;
            }
            None => {}
        }
        if let Some(&(_, balance)) = BALANCES.iter().find(|(known, _)| *known == word) {
            return balance;
        }
        let words: Vec<&str> = BALANCES.iter().map(|(word, _)| *word).chain(["random"]).collect();
        let guess = did_you_mean(word, words.iter().copied());
        self.report.alert(field.span, format!("balance: '{word}' is not supported{guess}"));
        self.report.help(format!("write one of {}", words.join(", ")));
        default
    }

    fn redispatch(&mut self, field: &Field<i64>) -> Redispatch {
        let Some(field) = field else {
            return REDISPATCH;
        };
        let count = u32::try_from(field.value.unsigned_abs()).ok();
        match count.map(NonZeroU32::new) {
            Some(None) => Redispatch::Never,
            Some(Some(count)) if field.value > 0 => Redispatch::Every(count),
            Some(Some(count)) => Redispatch::FromLast(count),
            None => {
                let message = format!("redispatch: {} is out of range", field.value);
                self.report.alert(field.span, message);
                REDISPATCH
            }
        }
    }

    fn server_timeouts(&mut self, raw: &raw::ServerTimeouts) -> ServerTimeouts {
        let default = match self.dialect {
            Dialect::Haproxy => None,
            Dialect::Toml => Some(CONNECT_TIMEOUT),
        };
        let connect = self.timeout("timeout connect", &raw.connect, default);
        let server = self.timeout("timeout server", &raw.server, None);
        ServerTimeouts {
            connect,
            server,
            server_fin: self.timeout("timeout server_fin", &raw.server_fin, server),
            tunnel: self.timeout("timeout tunnel", &raw.tunnel, None),
            queue: self.timeout("timeout queue", &raw.queue, connect),
        }
    }

    fn servers(
        &mut self,
        raw: &[raw::Server],
        backend: &Name,
        check: &BackendCheck<'_>,
    ) -> Vec<Server> {
        let mut names: HashMap<Name, Span> = HashMap::new();
        let mut servers: Vec<(Server, Option<u32>)> = Vec::new();
        let mut ids: HashMap<u32, Span> = HashMap::new();
        for raw in raw {
            let Some(name) = self.name("server", &raw.name) else {
                continue;
            };
            if let Some(&first) = names.get(&name) {
                let message = format!("a second server '{name}' in backend '{backend}'");
                self.report.alert(raw.name.span, message);
                self.report.related(first, "the first");
                continue;
            }
            names.insert(name.clone(), raw.name.span);
            let id = self.positive(&format!("id of server '{backend}/{name}'"), &raw.id);
            if let (Some(id), Some(written)) = (id, &raw.id) {
                if let Some(&first) = ids.get(&id.get()) {
                    let message =
                        format!("server '{backend}/{name}' has an id that is taken: {id}");
                    self.report.alert(written.span, message);
                    self.report.related(first, "taken here");
                }
                ids.insert(id.get(), written.span);
            }
            let server = self.server(raw, name, backend, check);
            servers.extend(server.map(|server| (server, id.map(NonZeroU32::get))));
        }
        let explicit: Vec<Option<u32>> = servers.iter().map(|(_, id)| *id).collect();
        servers
            .into_iter()
            .zip(number::automatic(&explicit, 1))
            .map(|((server, _), id)| Server { id: ServerId(id), ..server })
            .collect()
    }

    fn server(
        &mut self,
        raw: &raw::Server,
        name: Name,
        backend: &Name,
        check: &BackendCheck<'_>,
    ) -> Option<Server> {
        let what = format!("server '{backend}/{name}'");
        let weight = self.number(&format!("weight of {what}"), &raw.weight, 0..=256);
        let weight = weight.and_then(|weight| Weight::new(u16::try_from(weight).ok()?));
        let send_proxy = self.word("send_proxy", &raw.send_proxy, &PROXY_HEADERS);
        let down = self.word("on_marked_down", &raw.on_marked_down, &MARKED_DOWN);
        let up = self.word("on_marked_up", &raw.on_marked_up, &MARKED_UP);
        let maxconn = self.limit(&format!("maxconn of {what}"), &raw.maxconn);
        let tcp_ut = self.optional_duration(&format!("tcp_ut of {what}"), &raw.tcp_ut);
        // The check is judged even where the address is wrong, so that all mistakes show at once.
        let target = self.server_address(&raw.address, &what);
        let port = target.as_ref().map(|(address, _)| address);
        let check = self.server_check(raw, &what, port, send_proxy, check);
        let tls = match &raw.tls.on {
            Some(on) if on.value => self.server_tls(&raw.tls, on.span, &what, false),
            _ => None,
        };
        let (address, hostname) = target?;
        Some(Server {
            name,
            id: ServerId(0),
            address,
            hostname,
            weight: weight.unwrap_or(Weight::DEFAULT),
            backup: is_on(&raw.backup),
            disabled: is_on(&raw.disabled),
            maxconn,
            check,
            on_marked_down: down.unwrap_or_default(),
            on_marked_up: up.unwrap_or_default(),
            send_proxy,
            tcp_ut,
            tls,
        })
    }

    /// The address, and the host name it came from.
    fn server_address(
        &mut self,
        written: &Spanned<String>,
        what: &str,
    ) -> Option<(ServerAddr, Option<String>)> {
        let span = written.span;
        let (family, host, port) = match self.endpoint(what, span, &written.value)? {
            Endpoint::Unix(path) => return Some((ServerAddr::Unix(path.into()), None)),
            Endpoint::Abstract(name) => {
                return Some((ServerAddr::Abstract(name.into_bytes()), None));
            }
            Endpoint::Inet { family, host, port } => (family, host, port),
            Endpoint::Fd(_) | Endpoint::Sockpair(_) => {
                let message = format!("{what}: '{}' cannot be connected to", written.value);
                self.report.alert(span, message);
                return None;
            }
        };
        let ip = self.host(what, span, &host, family)?;
        if ip.is_unspecified() {
            self.report.alert(span, format!("{what}: '{}' is no server's address", written.value));
            self.report.help("connecting to where the client wanted to go is not supported");
            return None;
        }
        let address = self.with_port(ip, port, written, what)?;
        let hostname = match host {
            Host::Name(name) => Some(match family {
                Family::Any => name,
                Family::V4 => format!("ipv4@{name}"),
                Family::V6 => format!("ipv6@{name}"),
            }),
            Host::Ip(_) | Host::Any => None,
        };
        Some((address, hostname))
    }

    fn with_port(
        &mut self,
        ip: IpAddr,
        port: PortSpec,
        written: &Spanned<String>,
        what: &str,
    ) -> Option<ServerAddr> {
        match port {
            PortSpec::Absent | PortSpec::Fixed(0) => {
                Some(ServerAddr::TcpClientPort { ip, offset: 0 })
            }
            PortSpec::Offset(offset) => Some(ServerAddr::TcpClientPort { ip, offset }),
            PortSpec::Fixed(port) => Some(ServerAddr::Tcp((ip, port).into())),
            PortSpec::Range(..) => {
                let message = format!("{what}: a server has one port, not '{}'", written.value);
                self.report.alert(written.span, message);
                None
            }
        }
    }

    /// A duration that HAProxy may write as 0 for "not set".
    pub(super) fn optional_duration(
        &mut self,
        what: &str,
        field: &Field<Duration>,
    ) -> Option<Duration> {
        let field = field.as_ref().filter(|field| !field.value.is_zero()).cloned();
        self.duration(what, &field)
    }
}
