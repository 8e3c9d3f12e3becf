//! Pure: backends and servers.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::time::Duration;

use haproxy_compat::span::Span;

use super::balance::HASH_KEYS;
use super::check::BackendCheck;
use super::context::Context;
use super::frontend::is_on;
use super::server_addr::Target;
use crate::config::defaults::{CONNECT_TIMEOUT, REDISPATCH, RETRIES};
use crate::config::model::{
    Backend, LogProto, LogTarget, OnMarkedDown, OnMarkedUp, ProxyHeader, Redispatch, Server,
    ServerTimeouts, automatic_ids,
};
use crate::config::raw::{self, Dialect, Field};
use crate::pure::id::{Name, ProxyId, ServerId};
use crate::pure::weight::Weight;

/// The words of `send_proxy`.
pub(in crate::config) const PROXY_HEADERS: [(&str, ProxyHeader); 4] = [
    ("v1", ProxyHeader::V1),
    ("v2", ProxyHeader::V2),
    ("v2-ssl", ProxyHeader::V2Ssl),
    ("v2-ssl-cn", ProxyHeader::V2SslCn),
];
/// The words of `log_proto`.
pub(in crate::config) const LOG_PROTOS: [(&str, LogProto); 2] =
    [("legacy", LogProto::Legacy), ("octet-count", LogProto::OctetCount)];
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
            witnesses: Vec::new(),
        };
        let check = self.with_witnesses(raw, check);
        let retries = self.number(&format!("retries of {what}"), &raw.retries, 0..=i32::MAX as u64);
        self.used_servers(raw);
        self.reads_rules = true;
        let (balance, balance_key) = self.balance(raw);
        let is_http = self.is_http(&raw.http, &what);
        self.speaks_http = is_http;
        let (rules, page) = self.backend_rules(&raw.name.value, &what, raw);
        (self.speaks_http, self.reads_rules) = (false, false);
        if let Some(server) = raw.servers.first().filter(|_| is_http) {
            self.report
                .alert(server.name.span, format!("{what} is in 'mode http': it has no servers"));
        }
        Backend {
            id,
            has_own_id: raw.id.is_some(),
            direct: self.direct(raw, &name, &check),
            balance,
            balance_key,
            routes: Vec::new(),
            on_conflict: self.on_conflict(&format!("on_conflict of {what}"), raw),
            agree: self.agree(&what, raw),
            stays: self.stays(&what, raw),
            drill: self.drill(&what, raw.drill.as_ref()),
            switchover: self.switchover(&what, raw.switchover.as_ref(), &check.kind),
            allbackups: is_on(&raw.allbackups),
            servers: self.servers(&raw.servers, &name, &check),
            retries: retries.and_then(|count| u32::try_from(count).ok()).unwrap_or(RETRIES),
            redispatch: self.redispatch(&raw.redispatch),
            timeouts,
            keepalive: self.keepalive(&raw.keepalive),
            nolinger: is_on(&raw.nolinger),
            persist: is_on(&raw.side.persist),
            rdp_cookie: raw.side.persist_rdp_cookie.as_ref().map(|name| name.value.as_str().into()),
            abortonclose: is_on(&raw.side.abortonclose),
            independent_streams: is_on(&raw.side.independent_streams),
            tcp_smart_connect: is_on(&raw.side.tcp_smart_connect),
            source: self.backend_source(&raw.source),
            fullconn: self.limit(&format!("fullconn of {what}"), &raw.fullconn),
            log_health_checks: is_on(&raw.log_health_checks),
            log: self.log(&raw.log, &raw.log_tag, global_log),
            rules,
            http: is_http.then(|| self.answers(&raw.http, page)),
            load_state: self.load_state(raw, &name),
            name,
        }
    }

    fn redispatch(&mut self, field: &Field<Option<i64>>) -> Redispatch {
        let Some(field) = field else {
            return REDISPATCH;
        };
        let Some(interval) = field.value else {
            return Redispatch::Never;
        };
        let count = u32::try_from(interval.unsigned_abs()).ok();
        match count.map(NonZeroU32::new) {
            Some(None) => Redispatch::Untied,
            Some(Some(count)) if interval > 0 => Redispatch::Every(count),
            Some(Some(count)) => Redispatch::FromLast(count),
            None => {
                let message = format!("redispatch: {interval} is out of range");
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
        ServerTimeouts {
            connect,
            server: self.timeout("timeout server", &raw.server, None),
            server_fin: self.timeout("timeout server_fin", &raw.server_fin, None),
            tunnel: self.timeout("timeout tunnel", &raw.tunnel, None),
            queue: self.timeout("timeout queue", &raw.queue, connect),
        }
    }

    pub(super) fn servers(
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
            .zip(automatic_ids(&explicit, 1))
            .map(|((server, written), id)| Server {
                id: ServerId(id),
                has_own_id: written.is_some(),
                ..server
            })
            .collect()
    }

    pub(super) fn server(
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
        let (minconn, maxconn) = self.session_limits(raw, &what);
        let maxqueue = self.limit(&format!("maxqueue of {what}"), &raw.maxqueue);
        let slowstart = self.optional_duration(&format!("slowstart of {what}"), &raw.slowstart);
        let log_proto = self.word("log_proto", &raw.log_proto, &LOG_PROTOS);
        let hash_key = self.word("hash_key", &raw.hash_key, &HASH_KEYS);
        let tcp_ut = self.optional_duration(&format!("tcp_ut of {what}"), &raw.tcp_ut);
        // The check is judged even where the address is wrong, so that all mistakes show at once.
        let target = self.server_address(raw, &what, backend.as_str());
        let port = target.as_ref().map(|target| &target.address);
        let track = self.track(raw, &what, backend);
        let agent = self.server_agent(&raw.agent, &what, check);
        let observe = self.observe(raw, &what);
        let asks = check;
        let check = self.server_check(raw, &what, port, send_proxy, asks);
        let witnesses = match &check {
            Some(_) => self.witnesses(raw, &what, port, send_proxy, asks),
            None => Vec::new(),
        };
        let tls = match &raw.tls.on {
            Some(on) if on.value => self.server_tls(&raw.tls, on.span, &what, false),
            _ => {
                if raw.tls.check.as_ref().is_none_or(|check| !check.value) {
                    self.idle_tls(&raw.tls, &what);
                    self.idle_verify(&raw.tls, &what);
                }
                None
            }
        };
        let proxy_tlvs = self.proxy_tlvs(&raw.socket, &what);
        let Target { address, hostname, resolve, init_addr } = target?;
        Some(Server {
            name,
            id: ServerId(0),
            has_own_id: false,
            address,
            hostname,
            resolve,
            init_addr,
            weight: weight.unwrap_or(Weight::DEFAULT),
            backup: is_on(&raw.backup),
            disabled: is_on(&raw.disabled),
            non_stick: is_on(&raw.non_stick),
            maxconn,
            minconn,
            maxqueue,
            slowstart: slowstart.map(whole_seconds),
            hash_key: hash_key.unwrap_or_default(),
            check,
            witnesses,
            track,
            agent,
            observe,
            on_marked_down: down.unwrap_or_default(),
            on_marked_up: up.unwrap_or_default(),
            send_proxy,
            proxy_tlvs,
            tcp_ut,
            log_proto: log_proto.unwrap_or_default(),
            socket: self.server_socket(&raw.socket),
            tls,
        })
    }

    /// `minconn` and `maxconn`. A `minconn` alone is the limit, and one that is not below
    /// `maxconn` raises it.
    fn session_limits(
        &mut self,
        raw: &raw::Server,
        what: &str,
    ) -> (Option<NonZeroU32>, Option<NonZeroU32>) {
        let max = self.limit(&format!("maxconn of {what}"), &raw.maxconn);
        let min = self.limit(&format!("minconn of {what}"), &raw.minconn);
        match (min, max) {
            (Some(min), Some(max)) if min < max => (Some(min), Some(max)),
            (min, max) => (None, min.max(max)),
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

/// Begun seconds counted whole: HAProxy's unit of slow starts.
fn whole_seconds(time: Duration) -> Duration {
    Duration::from_secs(time.as_secs() + u64::from(time.subsec_nanos() > 0))
}
