//! Pure: sockets that take commands.

use super::context::Context;
use super::frontend::{BacklogRule, Listening, is_on};
use crate::config::defaults::COMMANDS_TIMEOUT;
use crate::config::model::{CommandSocket, Commands, Level, SeverityOutput};
use crate::config::raw::{self, Dialect};

/// Who listens, in messages.
const OWNER: &str = "the command socket";

impl Context<'_> {
    pub(super) fn commands(&mut self, raw: &raw::Commands, listening: &mut Listening) -> Commands {
        let default = Commands::default();
        let mut commands = Commands {
            timeout: self.timeout("timeout of commands", &raw.timeout, Some(COMMANDS_TIMEOUT)),
            maxconn: self.positive("maxconn of commands", &raw.maxconn).unwrap_or(default.maxconn),
            ..default
        };
        for (at, socket) in raw.sockets.iter().enumerate() {
            let address = &socket.bind.address.value;
            let is_path = address.starts_with('/') || address.starts_with("unix@");
            let mut below = raw.sockets[at + 1..].iter().map(|other| &other.bind.address.value);
            // HAProxy binds both, and the file leads to the second.
            if self.dialect == Dialect::Haproxy && is_path && below.any(|other| other == address) {
                let message = "this socket has no effect: another takes its place";
                self.report.notice(socket.bind.address.span, message);
                continue;
            }
            let level = self.word("level", &socket.level, &Level::WORDS).unwrap_or_default();
            let severity = self.word("severity output", &socket.severity, &SeverityOutput::WORDS);
            let bind = std::slice::from_ref(&socket.bind);
            self.plain_only(bind, OWNER);
            let binds = self.binds(bind, OWNER, BacklogRule::default(), listening);
            self.no_pairs(&binds, OWNER, socket.bind.address.span);
            commands.sockets.extend(binds.into_iter().map(|bind| CommandSocket {
                bind,
                level,
                severity: severity.unwrap_or_default(),
                expose_listeners: is_on(&socket.expose_listeners),
            }));
        }
        commands
    }
}
