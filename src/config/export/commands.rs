//! Pure: command sockets as TOML.

use super::frontend::{bind_pairs, bind_text};
use super::text::{Pairs, list, quote};
use super::{timeout, word};
use crate::config::defaults::COMMANDS_TIMEOUT;
use crate::config::model::{CommandSocket, Commands, Level, SeverityOutput};
use crate::config::validate::BacklogRule;

pub(super) fn commands(commands: &Commands) -> Pairs {
    let default = Commands::default();
    let mut pairs = Pairs::default();
    let sockets: Vec<String> = commands.sockets.iter().map(socket).collect();
    pairs.maybe("socket", list(&sockets));
    timeout(&mut pairs, "timeout", commands.timeout, Some(COMMANDS_TIMEOUT));
    let maxconn = commands.maxconn;
    pairs.maybe("maxconn", (maxconn != default.maxconn).then_some(maxconn));
    pairs
}

fn socket(socket: &CommandSocket) -> String {
    let address = quote(&bind_text(&socket.bind, &socket.bind));
    let mut pairs = bind_pairs(&socket.bind, &address, BacklogRule::default());
    if socket.level != Level::default() {
        pairs.add("level", quote(socket.level.name()));
    }
    if socket.severity != SeverityOutput::default() {
        pairs.maybe("severity_output", word(&SeverityOutput::WORDS, &socket.severity));
    }
    pairs.flag("expose_listeners", socket.expose_listeners);
    if pairs.len() == 1 { address } else { pairs.inline() }
}
