//! Pure: rings of log lines, and which lines a target gets.

use std::num::NonZeroU32;
use std::path::PathBuf;

use haproxy_compat::span::{Span, Spanned};

use super::check::BackendCheck;
use super::context::Context;
use super::global::{FRAMINGS, default_framing};
use crate::config::defaults::{RING_SIZE_BYTES, RING_SIZE_MAX_BYTES};
use crate::config::model::{CheckKind, LogFraming, LogSample, Ring, ServerAddr};
use crate::config::raw::{self, Dialect};
use crate::config::suggest::did_you_mean;
use crate::pure::id::Name;

impl Context<'_> {
    /// Every section; from here on, targets know them.
    pub(super) fn all_rings(&mut self, raw: &raw::Config) -> Vec<Ring> {
        self.framing = default_framing(raw.global.log_send_hostname.is_some());
        let mut names = std::collections::HashMap::new();
        let mut found = Vec::new();
        for section in &raw.rings {
            if let Some(name) = self.new_name("ring", &section.name, &mut names) {
                found.push(self.ring(section, name));
            }
        }
        self.rings = found.iter().map(|ring| (ring.name.clone(), ring.framing)).collect();
        found
    }

    fn ring(&mut self, raw: &raw::Ring, name: Name) -> Ring {
        let what = format!("ring '{name}'");
        let sizes = RING_SIZE_BYTES..=RING_SIZE_MAX_BYTES;
        let size = self.number(&format!("size of {what}"), &raw.size, sizes);
        let size = size.unwrap_or(RING_SIZE_BYTES);
        let mut maxlen =
            self.number(&format!("maxlen of {what}"), &raw.maxlen, 1..=u64::from(u32::MAX));
        if let (Some(len), Some(written)) = (maxlen, &raw.maxlen)
            && len > size
        {
            let message = format!("maxlen of {what}: {len} is more than its size, {size} is used");
            self.report.warning(written.span, message);
            maxlen = Some(size);
        }
        let bytes = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
        let connect = self.timeout("timeout connect", &raw.connect, None);
        let stall = self.timeout("timeout server", &raw.stall, None);
        let missing = connect.is_none() || stall.is_none();
        if missing && !raw.servers.is_empty() && self.dialect == Dialect::Haproxy {
            self.report
                .warning(raw.name.span, format!("missing timeouts for {what}"))
                .help("write 'timeout connect 5s' and 'timeout server 10s'");
        }
        Ring {
            description: raw.description.as_ref().map(|text| text.value.clone()),
            framing: self.word("format", &raw.format, &FRAMINGS).unwrap_or(LogFraming::Raw),
            maxlen: bytes(maxlen.unwrap_or(size)),
            size: bytes(size),
            backing_file: raw.backing_file.as_ref().map(|path| PathBuf::from(&path.value)),
            connect,
            stall,
            servers: self.ring_servers(raw, &name),
            name,
        }
    }

    fn ring_servers(&mut self, raw: &raw::Ring, name: &Name) -> Vec<crate::config::model::Server> {
        let settings = raw::CheckSettings::default();
        let check = BackendCheck {
            witnesses: Vec::new(),
            kind: CheckKind::Tcp,
            settings: &settings,
            timeout: None,
            connect: None,
        };
        let servers = self.servers(&raw.servers, name, &check);
        for server in &servers {
            let written = raw.servers.iter().find(|raw| raw.name.value == server.name.as_str());
            let span = written.map_or(raw.name.span, |raw| raw.address.span);
            let fixed = match &server.address {
                ServerAddr::Tcp(address) => address.port() != 0,
                ServerAddr::Unix(_) | ServerAddr::Abstract(_) | ServerAddr::Sockpair(_) => true,
                ServerAddr::TcpClientPort { .. } | ServerAddr::Unresolved { .. } => false,
            };
            if !fixed {
                let message =
                    format!("server '{name}/{}' needs an address and a port", server.name);
                self.report.alert(span, message);
                self.report.help("a log server has no client whose port it could use");
            }
        }
        servers
    }

    /// Ranges and a size: `1,3-4:5`.
    pub(super) fn log_sample(&mut self, written: &Spanned<String>) -> Option<LogSample> {
        let span = written.span;
        let Some((ranges, size)) = written.value.split_once(':') else {
            return self.bad_sample(span, "a colon and the size are missing".to_owned());
        };
        let Ok(size) = size.parse::<NonZeroU32>() else {
            return self.bad_sample(span, format!("'{size}' is no size"));
        };
        let mut found: Vec<(NonZeroU32, NonZeroU32)> = Vec::new();
        for range in ranges.split(',') {
            let (low, high) = range.split_once('-').unwrap_or((range, range));
            match (low.parse::<NonZeroU32>(), high.parse::<NonZeroU32>()) {
                (Ok(low), Ok(high)) if low <= high => found.push((low, high)),
                _ => return self.bad_sample(span, format!("'{range}' is no range")),
            }
        }
        found.sort_unstable();
        if found.windows(2).any(|pair| pair[0].1 >= pair[1].0) {
            return self.bad_sample(span, "its ranges overlap".to_owned());
        }
        if let Some((_, high)) = found.last().filter(|(_, high)| *high > size) {
            return self.bad_sample(span, format!("a range ends at {high}, its size is {size}"));
        }
        Some(LogSample { ranges: found, size })
    }

    fn bad_sample(&mut self, span: Span, why: String) -> Option<LogSample> {
        self.report.alert(span, format!("sample of a log target: {why}"));
        self.report.help("write '1:4' for the first of four lines, '1,3-4:5' for three of five");
        None
    }

    /// The framing of the ring called `name`; warns where there is none, as HAProxy starts then.
    pub(super) fn ring_framing(&mut self, span: Span, name: &str) -> Option<LogFraming> {
        let found = self.rings.iter().find(|(known, _)| known.as_str() == name);
        if found.is_none() {
            let known: Vec<&str> = self.rings.iter().map(|(known, _)| known.as_str()).collect();
            let guess = did_you_mean(name, known);
            let message = format!("there is no 'ring' section '{name}'{guess}: its lines are lost");
            self.report.warning(span, message);
        }
        found.map(|(_, framing)| *framing)
    }
}
