//! The lines of `defaults`, `frontend`, `backend` and `listen`.

use haproxy_compat::keywords::form::{InTcp, in_tcp, of_proxy};
use haproxy_compat::keywords::{Effect, PROXY, place, sections_of};
use haproxy_compat::span::{Span, Spanned};
use haproxy_compat::suggest;
use haproxy_compat::tree::{Line, SectionKind, Word};
use haproxy_compat::units::TimeUnit;

use super::server::{self, HttpWord};
use super::settings::Settings;
use super::stats::Page;
use super::words::{Args, Context, set, text};
use super::{balance, bind, condition, form, keepalive, log, option, retry, rules, socket};
use crate::config::raw::{Bind, Field, Server};

/// Reads the lines of one section.
pub(super) struct Reader {
    pub(super) kind: SectionKind,
    /// What was inherited and said.
    pub(super) settings: Settings,
    /// `bind` lines.
    pub(super) binds: Vec<Bind>,
    /// `server` lines.
    pub(super) servers: Vec<Server>,
    /// `id`.
    pub(super) id: Field<u64>,
    /// Words of the section itself that mean something in `mode http` only.
    pub(super) http: Vec<HttpWord>,
    /// What statements say that have no meaning in the section: judged, then forgotten.
    pub(super) misplaced: Option<Box<Reader>>,
}

/// What a section makes of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It counts.
    Here,
    /// It does not count.
    Ignored,
    /// It is a mistake.
    Refused,
}

/// Statements that HAProxy does not ignore where they have no meaning: some it refuses at once, others
/// since they then name what is not there.
const FATAL: [&str; 7] = [
    "declare",
    "server",
    "server-template",
    "default-server",
    "use-server",
    "retry-on",
    "use-fcgi-app",
];

/// Words after `timeout`.
const TIMEOUTS: [&str; 12] = [
    "client",
    "client-fin",
    "connect",
    "server",
    "server-fin",
    "tunnel",
    "queue",
    "check",
    "client-hs",
    "http-request",
    "http-keep-alive",
    "tarpit",
];

impl Reader {
    /// A reader for a section that inherits `settings`.
    pub(super) const fn new(kind: SectionKind, settings: Settings) -> Self {
        Self {
            kind,
            settings,
            binds: Vec::new(),
            servers: Vec::new(),
            id: None,
            http: Vec::new(),
            misplaced: None,
        }
    }

    /// Where a statement goes that `places` say has a meaning here or not. HAProxy judges the
    /// arguments of one that it ignores, and so do we. `None` where it may not stand at all.
    pub(super) fn place(
        &mut self,
        written: &str,
        span: Span,
        places: u8,
        cx: &mut Context<'_>,
    ) -> Option<&mut Self> {
        match self.standing(written, span, places, cx) {
            Standing::Here => Some(self),
            Standing::Ignored => Some(self.misplaced.get_or_insert_with(|| {
                // Everything stands somewhere in this kind of section.
                Box::new(Self::new(SectionKind::Listen, Settings::new()))
            })),
            Standing::Refused => None,
        }
    }

    /// Looks at a `mode` line that comes later.
    pub(super) fn foretell(&mut self, line: &Line) {
        if let Some(word) = line.words.get(1).filter(|word| matches!(&*word.text(), "tcp" | "http"))
        {
            self.settings.mode = Some(text(word));
        }
    }

    /// Takes one line.
    pub(super) fn line(&mut self, line: &Line, cx: &mut Context<'_>) {
        let word = &line.words[0];
        let keyword = word.text();
        let Some((effect, places)) = PROXY.find(&keyword) else {
            self.unknown(line, cx);
            return;
        };
        if self.ignores(effect, places) {
            self.standing(&keyword, line.span, places, cx);
            return;
        }
        cx.effect(word, &keyword, &PROXY);
        match effect {
            Effect::Applies => {
                if self.kind == SectionKind::Frontend && keyword.ends_with("-persist") {
                    self.persistence(&keyword, line, cx);
                }
                if let Some(reader) = self.place(&keyword, line.span, places, cx) {
                    reader.apply(&keyword, line, cx);
                }
            }
            Effect::Renamed(name) => self.line(&renamed(line, name), cx),
            _ => {
                let standing = self.standing(&keyword, line.span, places, cx);
                if standing != Standing::Refused {
                    form::judge(of_proxy(&keyword), &keyword, &mut Args::new(line, 1), cx);
                }
                if standing == Standing::Ignored || !self.settings.is_http() {
                    condition::of_rule(&keyword, line, &self.settings.rules, cx);
                }
                if effect == Effect::Http && standing == Standing::Ignored {
                    Page::default().line(line, cx);
                } else if effect == Effect::Http && standing == Standing::Here {
                    self.settings.page.line(line, cx);
                    self.http.push((keyword.into_owned(), line.span));
                }
            }
        }
    }

    /// `force-persist` and `ignore-persist` where they have no meaning.
    fn persistence(&self, keyword: &str, line: &Line, cx: &mut Context<'_>) {
        let mut args = Args::new(line, 1);
        if args.expect(keyword, "'if' or 'unless' and a condition", cx).is_some() {
            condition::whole(keyword, &line.words[1..], &self.settings.rules, cx);
        }
    }

    /// How messages call the section.
    fn section(&self) -> &'static str {
        match self.kind {
            SectionKind::Defaults => "defaults",
            SectionKind::Frontend => "frontend",
            SectionKind::Backend => "backend",
            _ => "listen",
        }
    }

    /// This section among the places of a keyword.
    const fn here(&self) -> u8 {
        match self.kind {
            SectionKind::Defaults => place::DEFAULTS,
            SectionKind::Frontend => place::FRONTEND,
            SectionKind::Backend => place::BACKEND,
            _ => place::LISTEN,
        }
    }

    /// Whether HAProxy ignores here what is refused elsewhere.
    pub(super) fn ignores(&self, effect: Effect, places: u8) -> bool {
        matches!(effect, Effect::Refused(_))
            && self.kind != SectionKind::Defaults
            && places & self.here() == 0
    }

    /// Whether `written` may stand in this section. Where HAProxy only warns, so do we.
    pub(super) fn standing(
        &self,
        written: &str,
        span: Span,
        places: u8,
        cx: &mut Context<'_>,
    ) -> Standing {
        let section = self.section();
        if places & self.here() != 0 {
            return Standing::Here;
        }
        let fatal = self.kind == SectionKind::Defaults || FATAL.contains(&written);
        if fatal {
            cx.report.alert(span, format!("'{written}' is not allowed in '{section}'"));
        } else {
            cx.report
                .warning(span, format!("'{written}' is ignored: it has no meaning in '{section}'"));
        }
        let keyword = written.split(' ').next().unwrap_or(written);
        match (keyword, self.kind) {
            ("maxconn", _) => cx.report.help("'fullconn' is the keyword of backends"),
            ("fullconn", _) => cx.report.help("'maxconn' is the keyword of frontends"),
            ("option" | "timeout", SectionKind::Frontend) => {
                cx.report.help("it is about servers and belongs in 'backend' or 'listen'")
            }
            ("option" | "timeout", _) => {
                cx.report.help("it is about clients and belongs in 'frontend' or 'listen'")
            }
            _ => cx.report.help(sections_of(keyword).map_or_else(
                || "move it to another section".to_owned(),
                |sections| format!("it belongs in {sections}"),
            )),
        };
        if fatal { Standing::Refused } else { Standing::Ignored }
    }

    fn unknown(&self, line: &Line, cx: &mut Context<'_>) {
        let word = &line.words[0];
        let keyword = word.text();
        let section = self.section();
        cx.report.alert(word.span, format!("'{keyword}' is unknown in '{section}'"));
        if let Some(sections) = sections_of(&keyword) {
            cx.report.help(format!("it belongs in {sections}"));
        } else if haproxy_compat::keywords::SERVER.find(&keyword).is_some()
            && matches!(self.kind, SectionKind::Backend | SectionKind::Listen)
        {
            cx.report.help(format!("'{keyword}' stands on a 'server' or 'default-server' line"));
        } else if let Some(near) = suggest::nearest(&keyword, PROXY.names().chain(super::SECTIONS))
        {
            cx.report.help(format!("did you mean '{near}'?"));
        }
    }

    fn apply(&mut self, keyword: &str, line: &Line, cx: &mut Context<'_>) {
        let args = &mut Args::new(line, 1);
        let settings = &mut self.settings;
        match keyword {
            "bind" => {
                self.http.extend(bind::spoken(line));
                return self.binds.extend(bind::lower(line, cx));
            }
            "server" => {
                let server = server::lower(line, &settings.template, &mut self.http, cx);
                return self.servers.extend(server);
            }
            "server-template" => {
                let made = server::lower_template(line, &settings.template, &mut self.http, cx);
                return self.servers.extend(made);
            }
            "default-server" => {
                return server::default_server(line, &mut settings.template, &mut self.http, cx);
            }
            "option" => return option::lower(line, self, cx),
            "timeout" => return self.timeout(line, cx),
            "acl" | "tcp-request" | "tcp-response" | "use_backend" | "use-server"
            | "force-persist" | "ignore-persist" | "stick-table" | "stick" => {
                return rules::lower(line, self.kind, &mut settings.rules, cx);
            }
            "log" => return log::proxy(line, &mut settings.log, cx),
            "tcp-check" => return settings.checks.rule(line, cx),
            "external-check" => return settings.checks.external_rule(line, cx),
            "http-check" => return settings.checks.http_rule(line, cx),
            "balance" => return balance::lower(line, settings, cx),
            "mode" => return self.mode(line, cx),
            "source" => return self.source(line, cx),
            "load-server-state-from-file" => {
                let what = "'global', 'local' or 'none'";
                set(&mut settings.load_server_state, args.text(keyword, what, cx));
                return args.ignore_rest(keyword, cx);
            }
            "server-state-file-name" => {
                let whole = || Spanned::new("use-backend-name".to_owned(), line.span);
                let name = args.next().map_or_else(whole, text);
                settings.server_state_file = Some(name);
            }
            "rate-limit" => return self.rate_limit(line, cx),
            "disabled" => settings.disabled = true,
            "enabled" => settings.disabled = false,
            "default_backend" => {
                set(&mut settings.default_backend, args.text(keyword, "a backend's name", cx));
            }
            "log-format" | "log-format-sd" | "error-log-format" | "unique-id-format"
            | "log-tag" => {
                log::words(keyword, args, self, cx);
            }
            "dispatch" => return socket::dispatch(line, settings, cx),
            "persist" => return rules::persist(line, settings, cx),
            "filter" => return rules::filter(line, cx),
            "id" => set(&mut self.id, args.number(keyword, cx)),
            "maxconn" => set(&mut settings.maxconn, args.limit(keyword, cx)),
            "backlog" => set(&mut settings.backlog, args.count(keyword, cx)),
            "retries" => retry::count(args, settings, cx),
            "retry-on" => return retry::on(args, settings, cx),
            "fullconn" => set(&mut settings.fullconn, args.limit(keyword, cx)),
            "hash-type" | "hash-balance-factor" | "hash-preserve-affinity" => {
                return balance::hash(keyword, args, settings, cx);
            }
            _ => {
                keepalive::lower(keyword, args, settings, cx);
                return args.ignore_rest(keyword, cx);
            }
        }
        args.finish(keyword, cx);
    }

    fn mode(&mut self, line: &Line, cx: &mut Context<'_>) {
        let mut args = Args::new(line, 1);
        let Some(word) = args.expect("mode", "'tcp' or 'http'", cx) else {
            return;
        };
        match word.text().as_ref() {
            "tcp" | "http" => self.settings.mode = Some(text(word)),
            "health" => {
                cx.report
                    .alert(word.span, "HAProxy no longer knows 'mode health'")
                    .help("write 'mode http' and 'monitor-uri'");
            }
            _ => cx.unknown(word, "after 'mode'", ["tcp", "http"]),
        }
        args.finish("mode", cx);
    }

    fn source(&mut self, line: &Line, cx: &mut Context<'_>) {
        let mut args = Args::new(line, 1);
        set(&mut self.settings.source, socket::source(&mut args, cx));
        args.finish("source", cx);
    }

    /// `rate-limit sessions`.
    fn rate_limit(&mut self, line: &Line, cx: &mut Context<'_>) {
        let mut args = Args::new(line, 1);
        let Some(word) = args.expect("rate-limit", "'sessions'", cx) else {
            return;
        };
        if word.text() == "sessions" {
            set(&mut self.settings.rate_limit, args.digits_limit("rate-limit sessions", cx));
            args.ignore_rest("rate-limit sessions", cx);
        } else {
            cx.unknown(word, "after 'rate-limit'", ["sessions"]);
        }
    }

    fn timeout(&mut self, line: &Line, cx: &mut Context<'_>) {
        let mut args = Args::new(line, 1);
        let Some(word) = args.expect("timeout", "a name such as 'client'", cx) else {
            return;
        };
        let name = word.text();
        if !TIMEOUTS.contains(&name.as_ref()) {
            cx.unknown(word, "after 'timeout'", TIMEOUTS);
            return;
        }
        let keyword = format!("timeout {name}");
        let value = args.time(&keyword, TimeUnit::Milliseconds, cx);
        if value.is_some() {
            args.finish(&keyword, cx);
        }
        let places = match name.as_ref() {
            "client" | "client-fin" | "client-hs" | "http-request" | "http-keep-alive" => {
                place::DEFAULTS | place::FRONTEND | place::LISTEN
            }
            "tarpit" => return,
            _ => place::DEFAULTS | place::BACKEND | place::LISTEN,
        };
        let of_http = matches!(name.as_ref(), "http-request" | "http-keep-alive");
        if of_http && self.kind == SectionKind::Backend
            || self.standing(&keyword, line.span, places, cx) != Standing::Here
        {
            return;
        }
        let (client, server) = (&mut self.settings.client, &mut self.settings.server);
        let field = match name.as_ref() {
            "client" => &mut client.client,
            "client-fin" => &mut client.client_fin,
            "http-request" => &mut client.http_request,
            "http-keep-alive" => &mut client.http_keep_alive,
            "connect" => &mut server.connect,
            "server" => &mut server.server,
            "server-fin" => &mut server.server_fin,
            "tunnel" => &mut server.tunnel,
            "queue" => &mut server.queue,
            "check" => &mut server.check,
            _ => &mut client.client_hs,
        };
        set(field, value);
    }

    /// HAProxy's warning for what only HTTP proxies understand, once a line.
    pub(super) fn warn_of_http(&self, name: &str, cx: &mut Context<'_>) {
        let mut lines: Vec<Span> = Vec::new();
        let format = self.settings.log_format.as_ref().map(|format| format.span);
        let counts = |(word, span): &&HttpWord| match word.as_str() {
            "option forwardfor" => true,
            _ => self.kind != SectionKind::Backend && format == Some(*span),
        };
        for (word, span) in self.settings.http.iter().filter(counts).chain(&self.http) {
            if lines.contains(span) {
                continue;
            }
            lines.push(*span);
            let instead = match word.as_str() {
                "option httplog" => "; lines are those of 'option tcplog'",
                _ => "",
            };
            let message = format!("'{word}' is ignored: {name} is not in 'mode http'{instead}");
            match in_tcp(word) {
                InTcp::Silent => cx.report.notice(*span, message),
                InTcp::Warned => cx.report.warning(*span, message),
                InTcp::Refused => {
                    let needs = format!("'{word}' needs 'mode http', and {name} is in 'mode tcp'");
                    cx.report.alert(*span, needs)
                }
            };
        }
    }
}

/// `line` with the words of `name` in place of its keyword.
fn renamed(line: &Line, name: &str) -> Line {
    let span = line.words[0].span;
    let words = name.split(' ').map(|word| Word { bytes: word.into(), span });
    Line { words: words.chain(line.words[1..].iter().cloned()).collect(), ..line.clone() }
}
