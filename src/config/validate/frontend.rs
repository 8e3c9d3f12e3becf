//! Pure: frontends, their listening sockets and the stats listener.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use haproxy_compat::addr::{Endpoint, PortSpec};
use haproxy_compat::span::{Span, Spanned};

use super::context::Context;
use crate::config::defaults::{BACKLOG, METRICS_PATH};
use crate::config::model::{
    Bind, ClientTimeouts, Frontend, Global, Keepalive, ListenAddr, Place, Stats, UnixPermissions,
};
use crate::config::raw::{self, Dialect, Field};
use crate::config::world::Account;
use crate::pure::id::{Name, ProxyId};

/// What binds without a `backlog` use, most particular first.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::config) struct BacklogRule {
    /// `backlog` of the frontend.
    pub(in crate::config) frontend: Option<NonZeroU32>,
    /// `maxconn` of the frontend.
    pub(in crate::config) frontend_maxconn: Option<NonZeroU32>,
    /// `maxconn` of the process.
    pub(in crate::config) global_maxconn: Option<NonZeroU32>,
}

impl BacklogRule {
    /// The backlog of a bind with this `maxconn` that names none.
    pub(in crate::config) fn default_for(self, bind_maxconn: Option<NonZeroU32>) -> NonZeroU32 {
        const FALLBACK: NonZeroU32 = NonZeroU32::new(BACKLOG).expect("the default is not 0");
        self.frontend
            .or(bind_maxconn)
            .or(self.frontend_maxconn)
            .or(self.global_maxconn)
            .unwrap_or(FALLBACK)
    }
}

/// The addresses that are listened on, with the place and owner of each.
pub(super) type Listening = HashMap<(ListenAddr, Option<String>), (Span, String)>;

impl Context<'_> {
    pub(super) fn frontend(
        &mut self,
        raw: &raw::Frontend,
        name: Name,
        id: ProxyId,
        global: &Global,
        listening: &mut Listening,
    ) -> Frontend {
        let what = format!("frontend '{name}'");
        let maxconn = self.limit(&format!("maxconn of {what}"), &raw.maxconn);
        let rule = BacklogRule {
            frontend: self.limit(&format!("backlog of {what}"), &raw.backlog),
            frontend_maxconn: maxconn,
            global_maxconn: global.maxconn,
        };
        let switches = raw.rules.iter().any(|rule| rule.keyword() == "use_backend");
        if raw.default_backend.is_none()
            && !switches
            && raw.http.mode.is_none()
            && self.dialect == Dialect::Toml
        {
            let message = format!("{what} has no 'backend': its clients are disconnected");
            self.report.warning(raw.name.span, message);
            self.report.help("write backend = \"NAME\"");
        }
        let backend = raw.default_backend.as_ref();
        let is_http = self.is_http(&raw.http, &what);
        self.speaks_http = is_http;
        let mut written = raw.binds.clone();
        written.iter_mut().filter(|_| is_http).for_each(speak_http_1);
        self.reads_rules = true;
        let (rules, page) = self.frontend_rules(&raw.name.value, &what, raw);
        self.reads_rules = false;
        let frontend = Frontend {
            name,
            id,
            binds: self.binds(&written, &what, rule, listening),
            role: self.role(&what, &raw.role),
            rto: self.duration(&format!("rto of {what}"), &raw.role.rto),
            rpo: raw.role.rpo.as_ref().map(|rpo| rpo.value),
            hold: self.hold(&what, &raw.role),
            backend: backend.and_then(|backend| Name::new(&backend.value).ok()),
            maxconn,
            timeouts: self.client_timeouts(&raw.timeouts, is_http),
            keepalive: self.keepalive(&raw.keepalive),
            nolinger: is_on(&raw.nolinger),
            rate_limit_sessions: self
                .limit(&format!("rate_limit_sessions of {what}"), &raw.side.rate_limit_sessions),
            socket_stats: is_on(&raw.side.socket_stats),
            independent_streams: is_on(&raw.side.independent_streams),
            tcp_smart_accept: is_on(&raw.side.tcp_smart_accept),
            log: self.session_log(&what, raw, global),
            http: is_http.then(|| self.answers(&raw.http, page)),
            rules,
        };
        self.speaks_http = false;
        frontend
    }

    fn client_timeouts(&mut self, raw: &raw::ClientTimeouts, is_http: bool) -> ClientTimeouts {
        let client = self.timeout("timeout client", &raw.client, None);
        ClientTimeouts {
            client,
            client_fin: self.timeout("timeout client_fin", &raw.client_fin, None),
            client_hs: self.timeout("timeout client_hs", &raw.client_hs, client),
            http_request: self
                .timeout("timeout http_request", &raw.http_request, None)
                .filter(|_| is_http),
            http_keep_alive: self
                .timeout("timeout http_keep_alive", &raw.http_keep_alive, None)
                .filter(|_| is_http),
        }
    }

    /// Keepalive of either side; its numbers count only where it is on.
    pub(super) fn keepalive(&mut self, raw: &raw::Keepalive) -> Option<Keepalive> {
        let keepalive = Keepalive {
            idle: self.whole_seconds("keepalive idle", &raw.idle),
            intvl: self.whole_seconds("keepalive intvl", &raw.intvl),
            cnt: self.limit("keepalive cnt", &raw.cnt),
        };
        is_on(&raw.enabled).then_some(keepalive)
    }

    /// The kernel counts keepalive in seconds and takes at most 32767 of them.
    fn whole_seconds(&mut self, what: &str, field: &Field<Duration>) -> Option<Duration> {
        const MAX: Duration = Duration::from_secs(32767);
        let duration = self.optional_duration(what, field)?;
        let span = field.as_ref()?.span;
        if duration.subsec_nanos() != 0 || duration > MAX {
            self.report.alert(span, format!("{what} must be whole seconds, at most 32767"));
            return None;
        }
        Some(duration)
    }

    pub(super) fn stats(
        &mut self,
        raw: &raw::Stats,
        name: Name,
        global: &Global,
        listening: &mut Listening,
    ) -> Stats {
        let what = format!("stats listener '{name}'");
        let rule = BacklogRule { global_maxconn: global.maxconn, ..BacklogRule::default() };
        if raw.binds.is_empty() {
            self.report.warning(raw.name.span, format!("{what} has no 'bind': nobody can ask it"));
            self.report.help("write bind = \"127.0.0.1:8404\"");
        }
        let relative = raw.metrics_path.as_ref().filter(|path| !path.value.starts_with('/'));
        if let Some(path) = relative {
            let message = format!("the path '{}' does not start with '/'", path.value);
            self.report.alert(path.span, message);
        }
        let metrics_path = raw.metrics_path.as_ref().map(|path| path.value.clone());
        self.plain_only(&raw.binds, &what);
        for on in raw.binds.iter().filter_map(|bind| bind.accept_proxy.as_ref()) {
            if on.value {
                self.report.alert(on.span, format!("{what} reads no PROXY header"));
                self.report.help("put a frontend with 'accept-proxy' in front of it");
            }
        }
        let binds = self.binds(&raw.binds, &what, rule, listening);
        self.no_pairs(&binds, &what, raw.name.span);
        Stats { binds, metrics_path: metrics_path.unwrap_or_else(|| METRICS_PATH.to_owned()), name }
    }

    pub(super) fn binds(
        &mut self,
        raw: &[raw::Bind],
        owner: &str,
        rule: BacklogRule,
        listening: &mut Listening,
    ) -> Vec<Bind> {
        let mut binds = Vec::new();
        let mut ids: HashMap<u64, Span> = HashMap::new();
        for raw in raw {
            if let Some(id) = &raw.socket.id
                && let Some(first) = ids.insert(id.value, id.span)
            {
                let message = format!("id of a bind of {owner}: {} is taken", id.value);
                self.report.alert(id.span, message);
                self.report.related(first, "taken here");
            }
            let options = self.bind_options(raw, owner, rule);
            let before = binds.len();
            let parts = raw.address.value.strip_suffix(',').unwrap_or(&raw.address.value);
            for part in parts.split(',') {
                let part = Spanned::new(part.trim(), raw.address.span);
                for address in self.listen_addresses(&part, owner) {
                    let bind = Bind { address, ..options.clone() };
                    self.claim(&bind, part.span, owner, listening);
                    binds.push(bind);
                }
            }
            if let Some(id) = raw.socket.id.as_ref().filter(|_| binds.len() > before + 1) {
                let message = format!("id of a bind of {owner}: one number for several addresses");
                self.report.alert(id.span, message);
            }
        }
        binds
    }

    /// Connections are handed over to frontends only.
    pub(super) fn no_pairs(&mut self, binds: &[Bind], owner: &str, span: Span) {
        for bind in binds.iter().filter(|bind| matches!(bind.address, ListenAddr::Sockpair(_))) {
            let address = super::listen_text(&bind.address);
            self.report.alert(span, format!("{owner}: '{address}' is for frontends only"));
        }
    }

    fn bind_options(&mut self, raw: &raw::Bind, owner: &str, rule: BacklogRule) -> Bind {
        let maxconn = self.limit(&format!("maxconn of a bind of {owner}"), &raw.maxconn);
        let backlog = self.limit(&format!("backlog of a bind of {owner}"), &raw.backlog);
        let mode = self.number("mode", &raw.mode, 0..=0o7777);
        let text = |field: &Field<String>| field.as_ref().map(|field| field.value.clone());
        Bind {
            name: text(&raw.name),
            address: ListenAddr::Fd(0),
            maxconn,
            backlog: backlog.unwrap_or_else(|| rule.default_for(maxconn)),
            accept_proxy: is_on(&raw.accept_proxy),
            tcp_ut: self.optional_duration("tcp_ut", &raw.tcp_ut),
            interface: text(&raw.interface),
            v6only: raw.v6only.as_ref().map(|only| only.value),
            unix: UnixPermissions {
                mode: mode.and_then(|mode| u32::try_from(mode).ok()),
                user: self.owner(Account::User, &raw.user),
                group: self.owner(Account::Group, &raw.group),
            },
            id: self.positive(&format!("id of a bind of {owner}"), &raw.socket.id),
            socket: self.bind_socket(&raw.socket),
            tls: self.bind_tls(raw, owner),
            place: Place::of(Some(raw.address.span)),
        }
    }

    /// One address, a range expanded to one for each port.
    pub(super) fn listen_addresses(
        &mut self,
        written: &Spanned<&str>,
        owner: &str,
    ) -> Vec<ListenAddr> {
        let span = written.span;
        let what = format!("bind of {owner}");
        let refuse = |context: &mut Self, why: &str, help: String| {
            context.report.alert(span, format!("{what}: {why} '{}'", written.value));
            context.report.help(help);
            Vec::new()
        };
        let Some(endpoint) = self.endpoint(&what, span, written.value) else {
            return Vec::new();
        };
        let (family, host, port) = match endpoint {
            Endpoint::Unix(path) => return self.one_listener(ListenAddr::Unix(path.into()), span),
            Endpoint::Abstract(name) => {
                return self.one_listener(ListenAddr::Abstract(name.into_bytes()), span);
            }
            Endpoint::Fd(fd) | Endpoint::Sockpair(fd) if !self.is_socket(&what, span, fd) => {
                return Vec::new();
            }
            Endpoint::Fd(fd) => return self.one_listener(ListenAddr::Fd(fd), span),
            Endpoint::Sockpair(fd) => return self.one_listener(ListenAddr::Sockpair(fd), span),
            Endpoint::Inet { family, host, port } => (family, host, port),
        };
        let (first, last) = match port {
            PortSpec::Fixed(0) | PortSpec::Range(0, _) => {
                return refuse(self, "port 0 cannot be listened on in", "name a port".to_owned());
            }
            PortSpec::Fixed(port) => (port, port),
            PortSpec::Range(first, last) => (first, last),
            PortSpec::Offset(_) => {
                let help = "offsets are for servers".to_owned();
                return refuse(self, "the port cannot be an offset in", help);
            }
            PortSpec::Absent => {
                let help = format!("write '{}:PORT'", written.value.trim_end_matches(':'));
                return refuse(self, "no port in", help);
            }
        };
        let Some(ip) = self.host(&what, span, &host, family) else {
            return Vec::new();
        };
        if !self.take_listeners(usize::from(last - first) + 1, span) {
            return Vec::new();
        }
        (first..=last).map(|port| ListenAddr::Tcp(SocketAddr::new(ip, port))).collect()
    }

    fn one_listener(&mut self, address: ListenAddr, span: Span) -> Vec<ListenAddr> {
        if self.take_listeners(1, span) { vec![address] } else { Vec::new() }
    }

    /// Finds two binds on one address. HAProxy opens both, so that a file of its own goes on loading:
    /// the kernel spreads clients over ports, and a path leads to the socket that is opened last. A
    /// name in the abstract namespace is refused when the second is opened.
    fn claim(&mut self, bind: &Bind, span: Span, owner: &str, listening: &mut Listening) {
        let key = (bind.address.clone(), bind.interface.clone());
        let Some((first, first_owner)) = listening.get(&key) else {
            listening.insert(key, (span, owner.to_owned()));
            return;
        };
        let (first, label) = (*first, format!("{first_owner} listens there already"));
        let address = super::listen_text(&bind.address);
        let message = format!("{owner} listens on {address} a second time");
        match (self.dialect, &bind.address) {
            (Dialect::Haproxy, ListenAddr::Tcp(_)) => {
                self.report.warning(span, format!("{message}: the kernel will spread clients"));
            }
            (Dialect::Haproxy, ListenAddr::Unix(_) | ListenAddr::Abstract(_)) => {
                self.report.notice(span, message);
            }
            _ => drop(self.report.alert(span, message)),
        }
        self.report.related(first, label);
    }
}

/// HTTP/2 is not offered to clients: requests are read in HTTP/1 only.
fn speak_http_1(bind: &mut raw::Bind) {
    let Some(alpn) = &mut bind.tls.alpn else { return };
    let spoken: Vec<&str> = alpn.value.split(',').filter(|name| name.trim() != "h2").collect();
    alpn.value = spoken.join(",");
    if alpn.value.is_empty() {
        bind.tls.alpn = None;
    }
}

/// Whether a flag was written and is on.
pub(super) fn is_on(field: &Field<bool>) -> bool {
    field.as_ref().is_some_and(|field| field.value)
}
