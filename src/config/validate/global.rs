//! Pure: the process and log targets.

use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::path::PathBuf;

use haproxy_compat::addr::{Address, Endpoint, PortSpec, Transport};
use haproxy_compat::span::Spanned;

use super::context::{Context, LOG_TARGET};
use crate::config::defaults::{
    BUFSIZE_BYTES, BUFSIZE_MAX_BYTES, BUFSIZE_MIN_BYTES, LOG_FACILITY, LOG_LEN_BYTES,
    LOG_LEN_MAX_BYTES, LOG_LEN_MIN_BYTES, LOG_LEVEL, LOG_MINLEVEL, LOG_PORT,
    SPREAD_CHECKS_MAX_PERCENT, SPREAD_CHECKS_PERCENT, THREADS_MAX,
};
use crate::config::model::{
    Facility, Global, Log, LogFraming, LogLevel, LogSink, LogStream, LogTarget, Place,
};
use crate::config::raw::{self, Dialect, Field};
use crate::config::world::Account;

/// The words of `format`.
pub(in crate::config) const FRAMINGS: [(&str, LogFraming); 8] = [
    ("local", LogFraming::Local),
    ("rfc3164", LogFraming::Rfc3164),
    ("rfc5424", LogFraming::Rfc5424),
    ("priority", LogFraming::Priority),
    ("short", LogFraming::Short),
    ("timed", LogFraming::Timed),
    ("iso", LogFraming::Iso),
    ("raw", LogFraming::Raw),
];

/// The framing of targets without a `format`: one with the host's name where that is sent.
pub(in crate::config) const fn default_framing(sends_hostname: bool) -> LogFraming {
    if sends_hostname { LogFraming::Rfc3164 } else { LogFraming::Local }
}

impl Context<'_> {
    pub(super) fn global(&mut self, raw: &raw::Global) -> Global {
        let text = |field: &Field<String>| field.as_ref().map(|field| field.value.clone());
        let path = |field: &Field<String>| field.as_ref().map(|field| PathBuf::from(&field.value));
        let nbthread = self.number("nbthread", &raw.nbthread, 1..=THREADS_MAX);
        let spread =
            self.number("spread_checks", &raw.spread_checks, 0..=SPREAD_CHECKS_MAX_PERCENT);
        let bufsize = self.number("bufsize", &raw.bufsize, BUFSIZE_MIN_BYTES..=BUFSIZE_MAX_BYTES);
        self.owner(Account::User, &raw.unix_user);
        self.owner(Account::Group, &raw.unix_group);
        Global {
            maxconn: self.limit("maxconn", &raw.maxconn),
            nbthread: nbthread
                .and_then(|count| u16::try_from(count).ok())
                .and_then(NonZeroU16::new),
            log: raw.log.iter().filter_map(|target| self.log_target(target)).collect(),
            log_tag: text(&raw.log_tag),
            log_send_hostname: text(&raw.log_send_hostname),
            user: self.account(Account::User, &raw.user),
            group: self.account(Account::Group, &raw.group),
            uid: self.account_number("uid", &raw.uid),
            gid: self.account_number("gid", &raw.gid),
            chroot: path(&raw.chroot),
            chroot_place: Place::of(raw.chroot.as_ref().map(|chroot| chroot.span)),
            pidfile: path(&raw.pidfile),
            pidfile_place: Place::of(raw.pidfile.as_ref().map(|pidfile| pidfile.span)),
            server_state_file: path(&raw.server_state_file),
            server_state_base: path(&raw.server_state_base),
            state_dir: path(&raw.state_dir),
            life: self.life(&raw.life),
            daemon: raw.daemon.as_ref().is_some_and(|daemon| daemon.value),
            hard_stop_after: self.timeout("hard_stop_after", &raw.hard_stop_after, None),
            spread_checks_percent: spread
                .and_then(|percent| u8::try_from(percent).ok())
                .unwrap_or(SPREAD_CHECKS_PERCENT),
            max_spread_checks: self.optional_duration("max_spread_checks", &raw.max_spread_checks),
            bufsize: bufsize.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(BUFSIZE_BYTES),
            tuning: self.tuning(&raw.tuning),
            variables: raw.variables.iter().filter_map(|raw| self.process_variable(raw)).collect(),
        }
    }

    /// An account's number; 2^32 - 1 means "unchanged" to the kernel and is none.
    fn account_number(&mut self, what: &str, field: &Field<u64>) -> Option<u32> {
        let number = self.number(what, field, 0..=u64::from(u32::MAX - 1))?;
        u32::try_from(number).ok()
    }

    /// `log` lines of a proxy, `log global` replaced, and its `log-tag`.
    pub(super) fn log(
        &mut self,
        lines: &[raw::Log],
        tag: &Field<String>,
        global: &[LogTarget],
    ) -> Log {
        let mut targets = Vec::new();
        for line in lines {
            match line {
                raw::Log::Global(_) => targets.extend_from_slice(global),
                raw::Log::Target(target) => targets.extend(self.log_target(target)),
            }
        }
        let tag = tag.as_ref().map(|tag| tag.value.as_str().into());
        Log { targets: targets.into(), tag }
    }

    fn log_target(&mut self, raw: &raw::LogTarget) -> Option<LogTarget> {
        let len =
            self.number("len of a log target", &raw.len, LOG_LEN_MIN_BYTES..=LOG_LEN_MAX_BYTES);
        let levels = LogLevel::all();
        let facilities: Vec<_> = Facility::names()
            .iter()
            .filter_map(|name| Some((*name, Facility::from_name(name)?)))
            .collect();
        let framing = self.word("log format", &raw.format, &FRAMINGS);
        let facility = self.word("log facility", &raw.facility, &facilities);
        let level = self.word("log level", &raw.level, levels);
        let minlevel = self.word("log minimum level", &raw.minlevel, levels);
        if raw.facility.is_none() && self.dialect == Dialect::Haproxy {
            let span = raw.target.span;
            self.report.alert(span, "a log target needs a facility");
            self.report.help(format!("write 'log {} local0'", raw.target.value));
        }
        let framing = framing.unwrap_or(self.framing);
        let sink = self.log_sink(raw)?;
        let of_ring = match &sink {
            LogSink::Ring(name) => self.ring_framing(raw.target.span, name.as_str()),
            _ => None,
        };
        Some(LogTarget {
            sink,
            framing: of_ring.unwrap_or(framing),
            len: len.and_then(|len| usize::try_from(len).ok()).unwrap_or(LOG_LEN_BYTES),
            facility: facility.unwrap_or(LOG_FACILITY),
            level: level.unwrap_or(LOG_LEVEL),
            minlevel: minlevel.unwrap_or(LOG_MINLEVEL),
            sample: raw.sample.as_ref().and_then(|sample| self.log_sample(sample)),
        })
    }

    fn log_sink(&mut self, raw: &raw::LogTarget) -> Option<LogSink> {
        let span = raw.target.span;
        let text = &raw.target.value;
        let refuse = |context: &mut Self, why: &str| {
            context.report.alert(span, format!("log target '{text}': {why}"));
            context.report.help("targets: 127.0.0.1:514, tcp@127.0.0.1:514, /dev/log, abns@name, stdout, stderr, fd@2, ring@name");
            None
        };
        match text.as_str() {
            "stdout" => return Some(LogSink::Stdout),
            "stderr" => return Some(LogSink::Stderr),
            _ => {}
        }
        if let Some(name) = text.strip_prefix("ring@") {
            return self.name("ring", &Spanned::new(name.to_owned(), span)).map(LogSink::Ring);
        }
        let endpoint = self.endpoint(LOG_TARGET, span, text)?;
        let stream =
            Address::parse(text).is_ok_and(|address| address.transport == Transport::Stream);
        match endpoint {
            Endpoint::Fd(fd) => Some(LogSink::Fd(fd)),
            Endpoint::Unix(path) if stream => Some(LogSink::Stream(LogStream::Unix(path.into()))),
            Endpoint::Unix(path) => Some(LogSink::Unix(path.into())),
            Endpoint::Abstract(name) if !stream => Some(LogSink::Abstract(name.into_bytes())),
            Endpoint::Abstract(_) | Endpoint::Sockpair(_) => {
                refuse(self, "this kind of socket takes no log")
            }
            Endpoint::Inet { family, host, port } => {
                let port = match port {
                    PortSpec::Absent | PortSpec::Fixed(0) => LOG_PORT,
                    PortSpec::Fixed(port) => port,
                    PortSpec::Range(..) | PortSpec::Offset(_) => {
                        return refuse(self, "it needs one port");
                    }
                };
                let ip = self.host("log target", span, &host, family)?;
                let address = SocketAddr::new(ip, port);
                Some(match stream {
                    true => LogSink::Stream(LogStream::Tcp(address)),
                    false => LogSink::Udp(address),
                })
            }
        }
    }
}
