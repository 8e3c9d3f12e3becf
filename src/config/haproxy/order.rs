//! Rules that stand below others and come before them all the same: HAProxy warns of them.

use haproxy_compat::tree::Line;

use super::words::Context;

/// Kinds of rules in the order in which HAProxy goes through them.
const KINDS: [&str; 7] = [
    "tcp-request connection",
    "tcp-request session",
    "tcp-request content",
    "http-request",
    "redirect",
    "use_backend",
    "use-server",
];

/// The first of [`KINDS`] below which HAProxy minds nothing.
const UNMINDED: usize = 5;

/// The kinds of rules that a section has so far.
#[derive(Debug, Default)]
pub(super) struct Order {
    seen: [bool; KINDS.len()],
}

impl Order {
    /// Takes the next line of the section.
    pub(super) fn line(&mut self, line: &Line, cx: &mut Context<'_>) {
        let mut words = line.words.iter().map(|word| word.text());
        let first = words.next().unwrap_or_default();
        let second = words.next().unwrap_or_default();
        let is = |kind: &&str| match kind.split_once(' ') {
            Some((keyword, list)) => first == keyword && second == list,
            None => first == **kind,
        };
        let Some(own) = KINDS.iter().position(is) else { return };
        let above = (own + 1..KINDS.len()).find(|&kind| self.seen[kind]);
        if let Some(above) = above.filter(|_| own < UNMINDED) {
            let (own, above) = (KINDS[own], KINDS[above]);
            let message = format!("'{own}' stands below '{above}' and is evaluated before it");
            cx.report.warning(line.span, message).help("write rules in the order they act in");
        }
        self.seen[own] = true;
    }
}
