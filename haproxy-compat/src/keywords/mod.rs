//! The compatibility table: every keyword of HAProxy 1.8 to 3.x in the sections of a TCP proxy, and what
//! becomes of it.
//!
//! One row a keyword; the reasons are shown to operators. The order within a table has no meaning.

mod bind;
pub mod form;
mod global;
mod option;
mod proxy;
mod resolvers;
mod sections;
mod server;

pub use bind::BIND;
pub use global::GLOBAL;
pub use option::OPTIONS;
pub use proxy::PROXY;
pub use resolvers::RESOLVERS;
pub use sections::SECTIONS;
pub use server::SERVER;

/// What becomes of a keyword.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It does what it does in HAProxy.
    Applies,
    /// It is read and has no effect; a warning says this reason after `'KEYWORD' is ignored: `.
    Ignored(&'static str),
    /// It is read and nobody would see that it has no effect: a notice says this reason.
    Moot(&'static str),
    /// It is about HTTP: ignored, with HAProxy's warning that it needs `mode http`.
    Http,
    /// To ignore it would change what happens to traffic: an alert says this after
    /// `'KEYWORD' is not supported: `.
    Refused(&'static str),
    /// An old name, gone from HAProxy since: it still means the keyword named here, and a warning
    /// says so.
    Renamed(&'static str),
    /// HAProxy has refused it for ever so long; what to write instead.
    Gone(&'static str),
}

/// Where a keyword of a proxy may stand: the sum of these.
pub mod place {
    /// `defaults`
    pub const DEFAULTS: u8 = 1;
    /// `frontend`
    pub const FRONTEND: u8 = 2;
    /// `backend`
    pub const BACKEND: u8 = 4;
    /// `listen`
    pub const LISTEN: u8 = 8;
}

/// A table: groups of words with the same effect. The number beside a word is, in [`PROXY`], where
/// it may stand (see [`place`]); in [`BIND`] and [`SERVER`], how many arguments follow it; elsewhere
/// without meaning.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    groups: &'static [(Effect, &'static [(&'static str, u8)])],
}

impl Table {
    /// The effect of `word` and the number beside it.
    #[must_use]
    pub fn find(&self, word: &str) -> Option<(Effect, u8)> {
        self.groups.iter().find_map(|(effect, words)| {
            let (_, number) = words.iter().find(|(known, _)| *known == word)?;
            Some((*effect, *number))
        })
    }

    /// All rows: word, effect, number.
    pub fn rows(&self) -> impl Iterator<Item = (&'static str, Effect, u8)> {
        self.groups
            .iter()
            .flat_map(|(effect, words)| words.iter().map(|&(word, number)| (word, *effect, number)))
    }

    /// All words that HAProxy still knows, for suggestions.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.groups
            .iter()
            .filter(|(effect, _)| !matches!(effect, Effect::Gone(_) | Effect::Renamed(_)))
            .flat_map(|(_, words)| words.iter().map(|&(name, _)| name))
    }
}

/// The sections in which `keyword` may stand, as words for a sentence; `None` for an unknown one.
#[must_use]
pub fn sections_of(keyword: &str) -> Option<String> {
    let mut sections = Vec::new();
    if GLOBAL.find(keyword).is_some() {
        sections.push("'global'");
    }
    if let Some((_, places)) = PROXY.find(keyword) {
        let named = [
            (place::DEFAULTS, "'defaults'"),
            (place::FRONTEND, "'frontend'"),
            (place::BACKEND, "'backend'"),
            (place::LISTEN, "'listen'"),
        ];
        sections.extend(
            named.into_iter().filter(|(place, _)| places & place != 0).map(|(_, name)| name),
        );
    }
    let (last, others) = sections.split_last()?;
    if others.is_empty() {
        Some((*last).to_owned())
    } else {
        Some(format!("{} or {last}", others.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_word_has_one_row() {
        for table in [&GLOBAL, &PROXY, &OPTIONS, &BIND, &SERVER, &RESOLVERS, &SECTIONS] {
            let mut seen = BTreeSet::new();
            for (_, words) in table.groups {
                for (word, _) in *words {
                    assert!(seen.insert(*word), "'{word}' has two rows");
                }
            }
        }
    }

    #[test]
    fn proxy_keywords_stand_somewhere() {
        for (_, words) in PROXY.groups {
            for (word, places) in *words {
                assert!((1..16).contains(places), "{word}");
            }
        }
    }

    #[test]
    fn words_are_found_with_their_effect() {
        assert_eq!(SERVER.find("inter"), Some((Effect::Applies, 1)));
        assert_eq!(BIND.find("nonsense"), None);
        assert!(matches!(PROXY.find("contimeout"), Some((Effect::Renamed(_), _))));
        assert!(PROXY.names().all(|name| name != "contimeout"));
    }

    #[test]
    fn places_are_named() {
        assert_eq!(sections_of("bind").as_deref(), Some("'frontend' or 'listen'"));
        assert_eq!(sections_of("daemon").as_deref(), Some("'global'"));
        assert_eq!(sections_of("nonsense"), None);
    }
}
