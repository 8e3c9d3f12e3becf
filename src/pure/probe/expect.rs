//! One `expect` of a script: does the answer match, and must more be awaited first?

use std::fmt::Write as _;

use super::answer::Answer;
use crate::pure::probe::kind::{Expect, Pattern};
use crate::pure::sample::Facts;

/// What an answer is worth to an expectation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    /// As expected.
    Met,
    /// Too early to say.
    More,
    /// Nothing came and nothing will.
    Silence,
    /// Not as expected.
    Unmet,
    /// What to expect could not be computed, for this reason.
    Uncomputed(&'static [u8]),
}

/// Judges `answer`: patterns of known length wait for that many bytes, `min-recv` for its own, and
/// without `min-recv` a pattern that is not there yet may still come. A negated pattern waits just
/// so, hence without `min-recv` it is met only when the answer is final.
pub(super) fn judge(expect: &Expect, answer: &Answer, facts: &dyn Facts) -> Judgement {
    if answer.is_silence() {
        return Judgement::Silence;
    }
    let bytes = answer.bytes();
    if answer.is_empty() && !answer.is_final() {
        return Judgement::More;
    }
    let pattern = match expect.pattern.resolved(facts) {
        Ok(pattern) => pattern,
        Err(why) => return Judgement::Uncomputed(why),
    };
    let awaited = pattern_len(&pattern).max(usize_of(expect.min_recv.unwrap_or(0)));
    if !answer.is_final() && bytes.len() < awaited {
        return Judgement::More;
    }
    let found = contains(&pattern, bytes);
    if !found && !answer.is_final() && expect.min_recv.is_none() {
        return Judgement::More;
    }
    if found == expect.negated { Judgement::Unmet } else { Judgement::Met }
}

/// Whether `pattern` occurs in `bytes`.
pub(super) fn contains(pattern: &Pattern, bytes: &[u8]) -> bool {
    match pattern {
        Pattern::Text(text) | Pattern::Binary(text) => find(bytes, text).is_some(),
        // Resolved before.
        Pattern::TextFormat(_) | Pattern::BinaryFormat(_) => false,
        Pattern::Regex(regex) => regex.is_match(bytes),
        Pattern::BinaryRegex(regex) => regex.is_match(hex_dump(bytes).as_bytes()),
    }
}

/// Where `needle` first occurs in `bytes`.
pub(super) fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    if needle.is_empty() {
        return Some(0);
    }
    bytes.windows(needle.len()).position(|window| window == needle)
}

fn hex_dump(bytes: &[u8]) -> String {
    let mut dump = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(dump, "{byte:02X}");
    }
    dump
}

fn pattern_len(pattern: &Pattern) -> usize {
    match pattern {
        Pattern::Text(text) | Pattern::Binary(text) => text.len(),
        Pattern::Regex(_)
        | Pattern::BinaryRegex(_)
        | Pattern::TextFormat(_)
        | Pattern::BinaryFormat(_) => 0,
    }
}

fn usize_of(n: u32) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}
