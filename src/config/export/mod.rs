//! Pure: model -> TOML that loads to an equal model.
//!
//! Only what differs from the defaults is written, except that a check always shows `inter`, `rise`
//! and `fall`. What all checked servers of a backend share stands in the backend's `check`, the rest
//! at each server. Ids are written where the automatic ones would be others.

mod backend;
mod balance;
mod check;
mod commands;
mod frontend;
mod http_check;
mod life;
mod page;
mod resolvers;
mod ring;
mod script;
mod socket;
mod switchover;
mod text;
mod tls;
mod tuning;
mod webhook;

#[cfg(test)]
pub(in crate::config) mod tests;

use std::collections::HashMap;

use self::backend::backend_pairs;
use self::frontend::{binds, frontend_pairs};
use self::text::{Pairs, duration, key, list, quote};
use super::defaults::{
    BUFSIZE_BYTES, LOG_FACILITY, LOG_LEN_BYTES, LOG_LEVEL, LOG_MINLEVEL, METRICS_PATH,
    SPREAD_CHECKS_PERCENT, STATS_NAME,
};
use super::model::{
    Backend, Config, Frontend, Global, Keepalive, Log, LogFraming, LogSink, LogTarget, Stats,
    automatic_proxy_ids,
};
use super::units::INFINITE;
use super::validate::{BacklogRule, FRAMINGS, default_framing};

/// Writes a configuration as TOML.
///
/// Paths that are not UTF-8 cannot be written in TOML and come out with U+FFFD.
#[must_use]
pub fn export(config: &Config) -> String {
    let mut text = String::new();
    section(&mut text, "[global]", &global(&config.global));
    section(&mut text, "[commands]", &commands::commands(&config.commands));
    let header = if config.stats.len() > 1 { "[[stats]]" } else { "[stats]" };
    for stats in &config.stats {
        text.push_str(&format!("{header}\n{}\n", stats_pairs(stats, &config.global).lines()));
    }
    for list in &config.userlists {
        let header = format!("[userlist.{}]", key(list.name.as_str()));
        text.push_str(&format!("{header}\n{}\n", page::userlist(list).lines()));
    }
    for section in &config.peers {
        let mut pairs = Pairs::default();
        frontend::rules(&mut pairs, &section.statements);
        let header = format!("[peers.{}]", key(section.name.as_str()));
        text.push_str(&format!("{header}\n{}\n", pairs.lines()));
    }
    for certificate in &config.certificates {
        let header = format!("[certificate.{}]", key(&certificate.name));
        text.push_str(&format!("{header}\n{}\n", tls::stored(certificate).lines()));
    }
    for section in &config.rings {
        let header = format!("[ring.{}]", key(section.name.as_str()));
        let pairs = ring::ring_pairs(section);
        text.push_str(&format!("{header}\n{}\n", pairs.lines()));
    }
    for hook in &config.webhooks {
        let header = format!("[webhook.{}]", key(hook.name.as_str()));
        text.push_str(&format!("{header}\n{}\n", webhook::webhook_pairs(hook).lines()));
    }
    for section in config.resolvers.iter().filter(|section| !section.is_implied) {
        let header = format!("[resolvers.{}]", key(section.name.as_str()));
        let pairs = resolvers::resolvers_pairs(section);
        text.push_str(&format!("{header}\n{}\n", pairs.lines()));
    }
    let proxies = in_file_order(config);
    for (proxy, id) in proxies.iter().zip(written_proxy_ids(&proxies)) {
        let id = id.or_else(|| proxy.own_id());
        let mut pairs = Pairs::default();
        let header = match proxy {
            Proxy::Frontend(frontend) => {
                frontend_pairs(&mut pairs, frontend, &config.global, id);
                format!("[frontend.{}]", key(frontend.name.as_str()))
            }
            Proxy::Backend(backend) => {
                backend_pairs(&mut pairs, backend, &config.global, id);
                format!("[backend.{}]", key(backend.name.as_str()))
            }
        };
        text.push_str(&format!("{header}\n{}\n", pairs.lines()));
    }
    while text.ends_with("\n\n") {
        text.pop();
    }
    text
}

/// A table, left out where nothing stands in it.
fn section(text: &mut String, header: &str, pairs: &Pairs) {
    if !pairs.is_empty() {
        text.push_str(&format!("{header}\n{}\n", pairs.lines()));
    }
}

/// One table of the file.
#[derive(Clone, Copy)]
enum Proxy<'a> {
    Frontend(&'a Frontend),
    Backend(&'a Backend),
}

impl Proxy<'_> {
    fn name(&self) -> &str {
        match self {
            Self::Frontend(frontend) => frontend.name.as_str(),
            Self::Backend(backend) => backend.name.as_str(),
        }
    }

    const fn own_id(&self) -> Option<u32> {
        match self {
            Self::Backend(backend) if backend.has_own_id => Some(backend.id.0),
            _ => None,
        }
    }

    const fn id(&self) -> u32 {
        match self {
            Self::Frontend(frontend) => frontend.id.0,
            Self::Backend(backend) => backend.id.0,
        }
    }
}

/// Frontends and backends as they were written, so that few ids have to be.
fn in_file_order(config: &Config) -> Vec<Proxy<'_>> {
    let mut frontends = config.frontends.iter().map(Proxy::Frontend).peekable();
    let mut backends = config.backends.iter().map(Proxy::Backend).peekable();
    let place = |proxy: &Proxy<'_>| config.order.iter().position(|id| id.0 == proxy.id());
    let mut merged = Vec::new();
    loop {
        let frontend_first = match (frontends.peek(), backends.peek()) {
            (Some(frontend), Some(backend)) => place(frontend) <= place(backend),
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (None, None) => return merged,
        };
        merged.extend(if frontend_first { frontends.next() } else { backends.next() });
    }
}

/// The ids that must be written.
fn written_proxy_ids(proxies: &[Proxy<'_>]) -> Vec<Option<u32>> {
    let mut sections: HashMap<&str, u32> = HashMap::new();
    let sections: Vec<u32> = proxies
        .iter()
        .map(|proxy| {
            let next = u32::try_from(sections.len()).unwrap_or(u32::MAX);
            *sections.entry(proxy.name()).or_insert(next)
        })
        .collect();
    let ids: Vec<u32> = proxies.iter().map(Proxy::id).collect();
    written_ids(&ids, |written| {
        let halves: Vec<_> = sections.iter().copied().zip(written.iter().copied()).collect();
        automatic_proxy_ids(&halves)
    })
}

/// Most ids that are looked for one by one; with more, all of them are written.
const WRITTEN_IDS_MAX: usize = 32;

/// As few of `ids` as make `automatic` find the others.
fn written_ids(ids: &[u32], automatic: impl Fn(&[Option<u32>]) -> Vec<u32>) -> Vec<Option<u32>> {
    let mut written = vec![None; ids.len()];
    for _ in 0..WRITTEN_IDS_MAX {
        let found = automatic(&written);
        let Some(wrong) = ids.iter().zip(&found).position(|(id, found)| id != found) else {
            return written;
        };
        written[wrong] = Some(ids[wrong]);
    }
    ids.iter().copied().map(Some).collect()
}

fn global(global: &Global) -> Pairs {
    let path = |path: &Option<std::path::PathBuf>| {
        path.as_ref().map(|path| quote(&path.to_string_lossy()))
    };
    let text = |text: &Option<String>| text.as_ref().map(|text| quote(text));
    let mut pairs = Pairs::default();
    pairs.maybe("maxconn", global.maxconn);
    pairs.maybe("nbthread", global.nbthread);
    pairs.maybe("log", list(&log_targets(&global.log, global)));
    pairs.maybe("log_tag", text(&global.log_tag));
    pairs.maybe(
        "log_send_hostname",
        match &global.log_send_hostname {
            Some(name) if name.is_empty() => Some("true".to_owned()),
            name => text(name),
        },
    );
    pairs.maybe("user", text(&global.user));
    pairs.maybe("group", text(&global.group));
    pairs.maybe("uid", global.uid);
    pairs.maybe("gid", global.gid);
    pairs.maybe("chroot", path(&global.chroot));
    pairs.maybe("pidfile", path(&global.pidfile));
    pairs.maybe("server_state_file", path(&global.server_state_file));
    pairs.maybe("server_state_base", path(&global.server_state_base));
    pairs.maybe("state_dir", path(&global.state_dir));
    pairs.life(&global.life);
    pairs.flag("daemon", global.daemon);
    pairs.maybe("hard_stop_after", global.hard_stop_after.map(duration));
    let spread = global.spread_checks_percent;
    pairs.maybe("spread_checks", (spread != SPREAD_CHECKS_PERCENT).then_some(spread));
    pairs.maybe("max_spread_checks", global.max_spread_checks.map(duration));
    pairs.maybe("bufsize", (global.bufsize != BUFSIZE_BYTES).then_some(global.bufsize));
    tuning::tuning(&mut pairs, &global.tuning);
    let variables = global.variables.iter().map(|variable| quote(&variable.text));
    pairs.maybe("variables", list(&variables.collect::<Vec<_>>()));
    pairs
}

fn log_targets(targets: &[LogTarget], global: &Global) -> Vec<String> {
    let framing = default_framing(global.log_send_hostname.is_some());
    targets.iter().map(|target| log_target(target, framing)).collect()
}

/// A target, its `format` left out where it is `default`.
fn log_target(target: &LogTarget, default: LogFraming) -> String {
    let sink = quote(&match &target.sink {
        LogSink::Udp(address) => address.to_string(),
        LogSink::Unix(path) => unix_text(path),
        LogSink::Abstract(name) => format!("abns@{}", String::from_utf8_lossy(name)),
        LogSink::Stdout => "stdout".to_owned(),
        LogSink::Stderr => "stderr".to_owned(),
        LogSink::Fd(fd) => format!("fd@{fd}"),
        LogSink::Ring(name) => format!("ring@{name}"),
        LogSink::Stream(stream) => stream.to_string(),
    });
    let mut pairs = Pairs::default();
    pairs.add("target", &sink);
    let of_ring = matches!(target.sink, LogSink::Ring(_));
    if target.framing != default && !of_ring {
        pairs.maybe("format", word(&FRAMINGS, &target.framing));
    }
    pairs.maybe("len", (target.len != LOG_LEN_BYTES).then_some(target.len));
    let named = |differs: bool, name: &str| differs.then(|| quote(name));
    pairs.maybe("facility", named(target.facility != LOG_FACILITY, target.facility.name()));
    pairs.maybe("level", named(target.level != LOG_LEVEL, target.level.name()));
    pairs.maybe("minlevel", named(target.minlevel != LOG_MINLEVEL, target.minlevel.name()));
    pairs.maybe("sample", target.sample.as_ref().map(|sample| quote(&sample.to_string())));
    if pairs.len() == 1 { sink } else { pairs.inline() }
}

/// `log` of a proxy, `"global"` where it is just that, and its tag.
fn log(pairs: &mut Pairs, log: &Log, global: &Global) {
    if !log.targets.is_empty() && log.targets[..] == global.log {
        pairs.add("log", "\"global\"");
    } else {
        pairs.maybe("log", list(&log_targets(&log.targets, global)));
    }
    pairs.maybe("log_tag", log.tag.as_deref().map(quote));
}

fn stats_pairs(stats: &Stats, global: &Global) -> Pairs {
    let mut pairs = Pairs::default();
    let name = stats.name.as_str();
    pairs.maybe("name", (name != STATS_NAME).then(|| quote(name)));
    let rule = BacklogRule { global_maxconn: global.maxconn, ..BacklogRule::default() };
    pairs.maybe("bind", list(&binds(&stats.binds, rule)));
    let path = Some(&stats.metrics_path).filter(|path| *path != METRICS_PATH);
    pairs.maybe("metrics_path", path.map(|path| quote(path)));
    pairs
}

/// A timeout where it differs from its default; `None` is infinite.
fn timeout(
    pairs: &mut Pairs,
    key: &str,
    value: Option<std::time::Duration>,
    default: Option<std::time::Duration>,
) {
    if value != default {
        pairs.add(key, value.map_or_else(|| quote(INFINITE), duration));
    }
}

fn keepalive(pairs: &mut Pairs, keepalive: Option<Keepalive>) {
    let Some(keepalive) = keepalive else {
        return;
    };
    let mut numbers = Pairs::default();
    numbers.maybe("idle", keepalive.idle.map(duration));
    numbers.maybe("intvl", keepalive.intvl.map(duration));
    numbers.maybe("cnt", keepalive.cnt);
    if numbers.is_empty() {
        pairs.flag("tcpka", true);
    } else {
        pairs.table("tcpka", &numbers);
    }
}

/// A path, with its prefix where it could be taken for something else.
fn unix_text(path: &std::path::Path) -> String {
    let path = path.to_string_lossy();
    if path.starts_with('/') { path.into_owned() } else { format!("unix@{path}") }
}

/// The word for a value, in quotes.
fn word<T: PartialEq>(words: &[(&str, T)], value: &T) -> Option<String> {
    words.iter().find(|(_, known)| known == value).map(|(word, _)| quote(word))
}
