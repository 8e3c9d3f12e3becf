//! Pure: agents, and what is observed of sessions.

use std::num::NonZeroU32;

use super::check::{BackendCheck, connect_bound};
use super::context::Context;
use super::frontend::is_on;
use crate::config::defaults::{AGENT_INTER, ERROR_LIMIT};
use crate::config::model::{AgentCheck, InitState, Observe, OnError};
use crate::config::raw;
use crate::pure::probe::Place;

/// The words of `init_state`.
pub(in crate::config) const INIT_STATES: [(&str, InitState); 5] = [
    ("none", InitState::None),
    ("fully-up", InitState::FullyUp),
    ("up", InitState::Up),
    ("down", InitState::Down),
    ("fully-down", InitState::FullyDown),
];
/// The words of `on_error`.
pub(in crate::config) const ON_ERRORS: [(&str, OnError); 4] = [
    ("fastinter", OnError::FastInter),
    ("fail-check", OnError::FailCheck),
    ("sudden-death", OnError::SuddenDeath),
    ("mark-down", OnError::MarkDown),
];

impl Context<'_> {
    /// The agent of a server, `None` where it has none; what was written is judged either way.
    pub(super) fn server_agent(
        &mut self,
        raw: &raw::AgentSettings,
        what: &str,
        backend: &BackendCheck<'_>,
    ) -> Option<AgentCheck> {
        let what = format!("agent of {what}");
        let inter = self.duration(&format!("inter of the {what}"), &raw.inter);
        let inter = inter.unwrap_or(AGENT_INTER);
        let timeout = format!("timeout of the {what}");
        let timeout = self.timeout(&timeout, &raw.timeout, backend.timeout);
        let port = self.port(&format!("port of the {what}"), &raw.port);
        let addr = raw.addr.as_ref().and_then(|addr| self.check_place(&what, addr, 0));
        let on = raw.on.as_ref().filter(|on| on.value)?;
        if raw.port.is_none() {
            self.report.alert(on.span, format!("{what}: its port is not known"));
            self.report.help("an agent has a port of its own: 'agent-port' in haproxy.cfg");
        }
        Some(AgentCheck {
            inter,
            timeout,
            timeout_connect: connect_bound(inter, timeout, backend.connect),
            addr: addr.map(without_port),
            port: port?,
            send: raw.send.as_ref().map(|send| send.value.clone()).unwrap_or_default(),
        })
    }

    /// What is observed of a server's sessions.
    pub(super) fn observe(&mut self, raw: &raw::Server, what: &str) -> Option<Observe> {
        let limit = self.positive(&format!("error_limit of {what}"), &raw.error_limit);
        let on_error = self.word("on_error", &raw.on_error, &ON_ERRORS);
        let word = raw.observe.as_ref()?;
        match word.value.as_str() {
            "layer4" => {}
            "layer7" => {
                let message = format!("{what}: 'layer7' is ignored: it is only observed in HTTP");
                self.report.warning(word.span, message);
                self.report.help("'layer4' counts connections that fail");
                return None;
            }
            _ => {
                self.word("observe", &raw.observe, &[("layer4", ())]);
            }
        }
        let default = NonZeroU32::new(ERROR_LIMIT).expect("the defaults are not 0");
        is_on(&raw.check).then(|| Observe {
            error_limit: limit.unwrap_or(default),
            on_error: on_error.unwrap_or_default(),
        })
    }
}

/// An agent's port is written apart.
fn without_port(place: Place) -> Place {
    match place {
        Place::Inet(addr) => Place::Inet((addr.ip(), 0).into()),
        path => path,
    }
}
