//! Rules in a session's life: which lists are walked when, and what their actions do.
//!
//! A list that is empty costs one comparison. Bytes are read only where a rule looks at them, into
//! `early`, up to the buffer's size; the walk begins anew with each of them until it ends, the time
//! for it is over, or no more can come.

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use socket2::SockRef;

use super::client::Heard;
use super::facts::{Response, View};
use super::{Ended, Session};
use crate::clock::{self, sleep_or_forever};
use crate::config::model;
use crate::net::listen::set_tos;
use crate::net::relay::poll_read_into;
use crate::net::silence::vanish;
use crate::pure::acl::Condition;
use crate::pure::balance::ServerIndex;
use crate::pure::rules::http::Respond;
use crate::pure::rules::{Action, Endpoint, Level, Peer, Rule, Step, next};
use crate::pure::sample::{Expr, Facts, Fetched, Kind, Value};
use crate::pure::session::termination::{Cause, Phase, Termination};
use crate::state::{Backend, Registry};

/// How a walk ended.
pub(super) enum Walked {
    /// The connection goes on.
    Through,
    /// More bytes will tell; the walk goes on at the rule with this number.
    Open(usize),
    /// It ends; with the way it is closed.
    Ended(Closing),
    /// A request is answered so.
    Answered(Box<Respond>),
}

/// How a connection is closed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Closing {
    Plainly,
    /// On the server's side: what it said before still goes to the client.
    Server,
    /// Without a word to the client, or with a reset of this time to live.
    Silently(Option<u8>),
}

impl Session {
    /// Walks `tcp-request connection`. A connection that is rejected was no session: it is counted
    /// and not logged, as in HAProxy.
    pub(super) fn passes_connection_rules(&mut self) -> bool {
        let route = Arc::clone(&self.route);
        let rules = &route.settings.rules.connection;
        if rules.is_empty() {
            return true;
        }
        let walked = self.walk(rules, &route.patterns, None, true);
        if self.ruled.peer().is_some() {
            // What these rules name counts as the connection's own.
            let wire = self.ruled.wire.change();
            (wire.peer, wire.local) = (self.running.source(), self.running.destination());
        }
        match walked {
            Walked::Ended(closing) => {
                self.count_closed(closing, |traffic| &traffic.denied_connections);
                self.close_client(closing);
                if closing == Closing::Plainly {
                    // As in HAProxy: nothing of such a connection stays behind in the kernel.
                    self.client.reset_on_close();
                }
                false
            }
            _ => true,
        }
    }

    /// Walks `tcp-request session`.
    pub(super) fn session_rules(&mut self) -> Result<(), Ended> {
        let route = Arc::clone(&self.route);
        let rules = &route.settings.rules.session;
        if rules.is_empty() {
            return Ok(());
        }
        match self.walk(rules, &route.patterns, None, true) {
            Walked::Ended(closing) => {
                self.count_closed(closing, |traffic| &traffic.denied_sessions);
                self.close_client(closing);
                self.ruled.log_level = Some(Level::Silent);
                Err(Termination::new(Cause::Refused, Phase::Request))
            }
            _ => Ok(()),
        }
    }

    /// Walks `tcp-request content` of the frontend.
    pub(super) async fn content_rules(&mut self) -> Result<(), Ended> {
        let rules = &self.route.settings.rules;
        let looks = |condition: &Condition| condition.needs_bytes();
        let mut switching = rules.switching.iter().map(|choice| choice.condition.as_ref());
        if rules.content.is_empty() && !switching.any(|asked| asked.is_some_and(looks)) {
            return Ok(());
        }
        let route = Arc::clone(&self.route);
        let (rules, delay) = (&route.settings.rules.content, route.settings.rules.inspect_delay);
        Box::pin(self.inspect(rules, &route.patterns, delay)).await
    }

    /// Where the rules send the session.
    pub(super) fn backend(&self) -> Option<Arc<Backend>> {
        let route = &self.route;
        let choices = &route.settings.rules.switching;
        if choices.is_empty() {
            return route.backend.clone();
        }
        let view = self.view(&route.patterns, None, true);
        for (choice, fixed) in choices.iter().zip(&route.switches) {
            if !choice.is_taken(&view) {
                continue;
            }
            let computed = || {
                let name = choice.target.fill(&view);
                let objects = self.door.context.process.objects();
                objects.backends.iter().find(|backend| *backend.name == *name).cloned()
            };
            // A computed name that nobody has leads to the default.
            return fixed.clone().or_else(computed).or_else(|| route.backend.clone());
        }
        route.backend.clone()
    }

    /// Walks `tcp-request content` of a backend that is not the other half of the frontend: a
    /// `listen` section has one list.
    pub(super) async fn backend_rules(&mut self, backend: &Arc<Backend>) -> Result<(), Ended> {
        let ruling = Arc::clone(&backend.ruling());
        if ruling.rules.content.is_empty() || *backend.name == *self.running.frontend.name {
            return Ok(());
        }
        let delay = ruling.rules.inspect_delay;
        Box::pin(self.inspect(&ruling.rules.content, &ruling.patterns, delay)).await
    }

    /// The server that `use-server` names for the session, if it runs or persistence says that
    /// this does not matter.
    pub(super) fn wanted_server(
        &self,
        backend: &Backend,
        settings: &model::Backend,
    ) -> Option<ServerIndex> {
        let ruling = backend.ruling();
        if ruling.rules.servers.is_empty() {
            return None;
        }
        let view = self.view(&ruling.patterns, None, true);
        let live = backend.live();
        let forced = settings.persist || self.is_forced(&ruling);
        let mut choices = ruling.rules.servers.iter().filter(|choice| choice.is_taken(&view));
        choices.find_map(|choice| {
            let name = choice.target.fill(&view);
            let server = live.servers.iter().find(|server| *server.name == *name)?;
            (forced || server.standing().is_running()).then_some(server.index)
        })
    }

    /// Walks `rules`, reading bytes as long as they may decide.
    async fn inspect(
        &mut self,
        rules: &[Rule],
        patterns: &Registry,
        delay: Option<Duration>,
    ) -> Result<(), Ended> {
        let capacity = self.inspect_bytes_max();
        let mut heard_at = clock::now();
        let until = heard_at + delay.unwrap_or_default();
        // What is there already counts without waiting.
        let mut ended = self.read_ready(capacity) || self.heard == Heard::Silent;
        let (mut expired, mut from) = (delay.is_none(), 0);
        loop {
            let is_final = ended || expired || self.early.len() >= capacity;
            match self.walk_from(from, rules, patterns, None, is_final) {
                Walked::Through | Walked::Answered(_) => return Ok(()),
                Walked::Ended(closing) => {
                    self.count_closed(closing, |traffic| &traffic.denied_requests);
                    self.close_client(closing);
                    return Err(Termination::new(Cause::Refused, Phase::Request));
                }
                // A walk that is final is never open; were it so, the session would go on.
                Walked::Open(_) if is_final => return Ok(()),
                Walked::Open(at) => from = at,
            }
            let room = capacity - self.early.len();
            let now = clock::now();
            let left = until.saturating_duration_since(now);
            let patience = self.patience(heard_at, now);
            let (client, early) = (&mut self.client, &mut self.early);
            tokio::select! {
                biased;
                read = poll_fn(|cx| poll_read_into(cx, client, early, room)) => {
                    ended = self.hear(read);
                    heard_at = clock::now();
                }
                () = sleep_or_forever(patience), if patience.is_some_and(|it| it <= left) => {
                    self.heard = Heard::Silent;
                    ended = true;
                }
                () = sleep_or_forever(Some(left)) => expired = true,
            }
        }
    }

    /// Reads what has arrived, without waiting. Whether no more can come.
    fn read_ready(&mut self, capacity: usize) -> bool {
        let room = capacity.saturating_sub(self.early.len());
        let read = self.client.read_arrived(&mut self.early, room);
        self.hear(read.map(|ended| usize::from(!ended)))
    }

    /// Notes that the client's side is over, if a read says so.
    fn hear(&mut self, read: io::Result<usize>) -> bool {
        self.heard = match read {
            Ok(1..) => return false,
            Ok(0) => Heard::Closed,
            Err(_) => Heard::Reset,
        };
        true
    }

    /// Bytes that are looked at: HAProxy keeps some of its buffer free for rewriting.
    pub(super) fn inspect_bytes_max(&self) -> usize {
        /// `tune.maxrewrite`.
        const RESERVE: usize = 1024;
        let size = self.door.context.process.objects().config.global.bufsize;
        size.saturating_sub(RESERVE).max(size / 2).max(1)
    }

    pub(super) fn view<'a>(
        &'a self,
        patterns: &'a Registry,
        response: Option<Response<'a>>,
        is_final: bool,
    ) -> View<'a> {
        View { session: self, patterns, response, is_final }
    }

    pub(super) fn walk(
        &mut self,
        rules: &[Rule],
        patterns: &Registry,
        response: Option<Response<'_>>,
        is_final: bool,
    ) -> Walked {
        self.walk_from(0, rules, patterns, response, is_final)
    }

    /// The same from one rule on. What is to be tracked waits until its key is known, and is not
    /// begun anew, so that nothing before it is done twice.
    fn walk_from(
        &mut self,
        from: usize,
        rules: &[Rule],
        patterns: &Registry,
        response: Option<Response<'_>>,
        is_final: bool,
    ) -> Walked {
        let mut at = from;
        loop {
            let step = next(rules, at, &self.view(patterns, response, is_final));
            let action = match step {
                Step::Done => return Walked::Through,
                Step::Wait => return Walked::Open(0),
                Step::Perform(action, after) => {
                    at = after;
                    action
                }
            };
            match action {
                Action::Accept => return Walked::Through,
                Action::Reject => return Walked::Ended(Closing::Plainly),
                Action::Close => return Walked::Ended(Closing::Server),
                Action::SilentDrop(ttl) => return Walked::Ended(Closing::Silently(*ttl)),
                Action::Respond(respond) => return Walked::Answered(respond.clone()),
                Action::Track { key, .. } if !is_final && self.is_open(key, patterns, response) => {
                    return Walked::Open(at - 1);
                }
                // A backend has no captures.
                Action::Capture { expr, len } if self.outcome.backend.is_none() => {
                    let value = expr.evaluate(&self.view(patterns, response, is_final)).value();
                    self.capture(at - 1, value, *len);
                }
                action => self.perform(action, patterns, response, is_final),
            }
        }
    }

    /// Whether more bytes may change the value.
    fn is_open(&self, expr: &Expr, patterns: &Registry, response: Option<Response<'_>>) -> bool {
        let value = expr.evaluate(&self.view(patterns, response, false));
        matches!(value, Fetched::SoFar(_) | Fetched::NotYet)
    }

    /// Keeps the beginning of a value for the log.
    fn capture(&mut self, rule: usize, value: Option<Value>, len: usize) {
        let Some(text) = value.and_then(|value| value.cast(Kind::Str)) else { return };
        let mut bytes = text.into_bytes();
        bytes.truncate(len);
        let captures = &mut self.ruled.kept.change().captures;
        // A walk that begins anew keeps what it finds now.
        captures.retain(|(known, _)| *known != rule);
        captures.push((rule, String::from_utf8_lossy(&bytes).into_owned()));
    }

    /// What was kept by each rule of the frontend that keeps something.
    pub(super) fn captures(&self) -> Vec<Option<String>> {
        let rules = self.route.settings.rules.content.iter().enumerate();
        let keeps = rules.filter(|(_, rule)| matches!(rule.action, Action::Capture { .. }));
        let kept = self.ruled.kept.get().map_or(&[][..], |kept| &kept.captures);
        let kept = |rule: usize| kept.iter().find(|(known, _)| *known == rule);
        keeps.map(|(rule, _)| kept(rule).map(|(_, text)| text.clone())).collect()
    }

    fn perform(
        &mut self,
        action: &Action,
        patterns: &Registry,
        response: Option<Response<'_>>,
        is_final: bool,
    ) {
        let view = self.view(patterns, response, is_final);
        let value = |expr: &Expr| expr.evaluate(&view).value();
        match action {
            Action::SetVar(name, expr) => {
                if let Some(value) = value(expr) {
                    name.assign(value, &view);
                }
            }
            Action::SetVarFormat(name, format) => {
                let text = self.fill(format, &view);
                name.assign(Value::Str(text.into_bytes()), &view);
            }
            Action::SetPriority(what, expr) => {
                if let Some(number) = value(expr).and_then(|value| value.as_int()) {
                    self.ruled.priority.change(*what, number);
                }
            }
            Action::UnsetVar(name) => {
                view.set_variable(name, None);
            }
            Action::Rewrite(endpoint, expr) => {
                let value = value(expr);
                self.rewrite(*endpoint, value);
            }
            // What fails to be set is told by the kernel's counters; the connection goes on.
            Action::SetMark(Peer::Client, mark) => {
                let _ = SockRef::from(&self.client).set_mark(*mark);
            }
            Action::SetMark(Peer::Server, mark) => self.ruled.server_mark = Some(*mark),
            Action::SetTos(Peer::Client, tos) => set_tos(SockRef::from(&self.client), *tos),
            Action::SetTos(Peer::Server, tos) => self.ruled.server_tos = Some(*tos),
            Action::SetLogLevel(level) => self.ruled.log_level = Some(*level),
            Action::ExpectProxy => self.ruled.expects_proxy = true,
            Action::ExpectNetscaler => self.ruled.expects_netscaler = true,
            Action::Track { counter, key, table } => {
                let key = value(key);
                self.track(*counter, table.as_deref(), key);
            }
            Action::Counter(change) => {
                let by = value(&change.by);
                self.change_counter(change, by);
            }
            // Tasks have no niceness; the rest ends walks, or was done by them.
            Action::Capture { .. }
            | Action::Respond(_)
            | Action::SetNice
            | Action::Accept
            | Action::Reject
            | Action::Close
            | Action::SilentDrop(_) => {}
        }
    }

    /// Replaces an address or a port; the other half stays, or is the unspecified one.
    fn rewrite(&mut self, endpoint: Endpoint, value: Option<Value>) {
        let Some(value) = value else { return };
        self.learn_destination();
        let (source, destination) = (self.running.source(), self.running.destination());
        let wire = self.ruled.wire.change();
        wire.peer = wire.peer.or(source);
        let is_source = matches!(endpoint, Endpoint::Src | Endpoint::SrcPort);
        let unspecified = SocketAddr::new(IpAddr::from([0, 0, 0, 0]), 0);
        let known = if is_source { source } else { destination };
        let mut address = known.unwrap_or(unspecified);
        match endpoint {
            Endpoint::Src | Endpoint::Dst => {
                let Some(ip) = value.as_ip() else { return };
                address.set_ip(ip);
            }
            Endpoint::SrcPort | Endpoint::DstPort => {
                let port = value.as_int().and_then(|port| u16::try_from(port).ok());
                let Some(port) = port else { return };
                address.set_port(port);
            }
        }
        match is_source {
            true => self.running.set_addresses(Some(address), destination),
            false => self.running.set_addresses(source, Some(address)),
        }
    }

    pub(super) fn close_client(&mut self, closing: Closing) {
        if let Closing::Silently(ttl) = closing {
            self.silenced = true;
            vanish(&self.client, ttl);
        }
    }
}
