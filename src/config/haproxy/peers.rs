//! `peers` sections: their tables. Nothing is sent to other processes.

use haproxy_compat::span::Spanned;
use haproxy_compat::tree::{Section, Word};

use super::words::{Context, text};
use crate::config::raw::{Peers, Statement};

/// Lines that a section may have.
const KEYWORDS: [&str; 10] = [
    "bind",
    "default-bind",
    "default-server",
    "disabled",
    "enabled",
    "log",
    "peer",
    "server",
    "shards",
    "table",
];

/// Reads a section; `None` where it has no name.
///
/// `local` is the name of this process among them, where it is known.
pub(super) fn lower(section: &Section, local: Option<&str>, cx: &mut Context<'_>) -> Option<Peers> {
    let Some(name) = &section.name else {
        cx.report.alert(section.header.span, "'peers' needs a name");
        return None;
    };
    let mut peers = Peers {
        name: text(name),
        tables: Vec::new(),
        members: Vec::new(),
        binds: Vec::new(),
        is_empty: false,
    };
    let mut members = Vec::new();
    let mut is_disabled = false;
    for line in &section.lines {
        let word = &line.words[0];
        match word.text().as_ref() {
            "table" => {
                let words = line.words.iter().map(text).collect();
                peers.tables.push(Statement { words, span: line.span });
            }
            "peer" | "server" => {
                members.extend(line.words.get(1).map(Word::text));
                peers.members.extend(line.words.get(2).map(|word| cx.address(word)));
            }
            "bind" => {
                let written = line.words.get(1).map(|word| cx.address(word));
                peers.binds.extend(written.iter().flat_map(|it| {
                    it.value.split(',').map(|one| Spanned::new(one.to_owned(), it.span))
                }));
            }
            "disabled" => is_disabled = true,
            "enabled" => is_disabled = false,
            known if KEYWORDS.contains(&known) => {}
            _ => cx.unknown(word, "in a 'peers' section", KEYWORDS),
        }
    }
    peers.is_empty = members.is_empty() && !is_disabled;
    let lacks = |local: &&str| !is_disabled && members.iter().all(|name| name != local);
    if let Some(local) = local.filter(lacks) {
        let name = &peers.name.value;
        let message = format!("none of the processes of '{name}' is this one, '{local}'");
        cx.report
            .warning(section.header.span, message)
            .help("name it by 'peer', or say which one it is by 'localpeer' or '-L'");
    } else if members.len() > 1 {
        let message = format!(
            "stick tables are not shared with the other processes of '{}'",
            peers.name.value
        );
        cx.report.warning(section.header.span, message);
    }
    Some(peers)
}
