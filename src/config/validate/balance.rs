//! Pure: `balance` and what belongs to it: `hash_type`, `hash_balance_factor`,
//! `hash_preserve_affinity`, `hash_key`.

use std::num::NonZeroU32;

use haproxy_compat::span::{Span, Spanned};

use super::context::Context;
use crate::config::defaults::RANDOM_DRAWS;
use crate::config::model::{Affinity, Balance, BalanceKey, Function, HashKey, HashType, Method};
use crate::config::raw;
use crate::config::suggest::did_you_mean;
use crate::pure::sample::{Expr, ParseError, Stage};

/// The words of `balance` that stand alone and mean one thing.
pub(in crate::config) const BALANCES: [(&str, Balance); 4] = [
    ("roundrobin", Balance::RoundRobin),
    ("static-rr", Balance::StaticRr),
    ("leastconn", Balance::LeastConn),
    ("first", Balance::First),
];

/// The functions of `hash_type`.
pub(in crate::config) const FUNCTIONS: [(&str, Function); 5] = [
    ("sdbm", Function::Sdbm),
    ("djb2", Function::Djb2),
    ("wt6", Function::Wt6),
    ("crc32", Function::Crc32),
    ("none", Function::None),
];

/// The words of `hash_preserve_affinity`.
pub(in crate::config) const AFFINITIES: [(&str, Affinity); 3] = [
    ("always", Affinity::Always),
    ("maxconn", Affinity::Maxconn),
    ("maxqueue", Affinity::Maxqueue),
];

/// The words of `hash_key`.
pub(in crate::config) const HASH_KEYS: [(&str, HashKey); 4] = [
    ("id", HashKey::Id),
    ("id32", HashKey::Id32),
    ("addr", HashKey::Addr),
    ("addr-port", HashKey::AddrPort),
];

impl Context<'_> {
    /// How a backend picks, and by which key. What is written about hashes counts only where it
    /// hashes, but a mistake in it is one anyway.
    pub(super) fn balance(&mut self, raw: &raw::Backend) -> (Balance, Option<BalanceKey>) {
        let factor = self.balance_factor(raw);
        let affinity =
            self.word("hash_preserve_affinity", &raw.hash_preserve_affinity, &AFFINITIES);
        let mut hash = self.hash_type(raw, factor);
        hash.affinity = affinity.unwrap_or_default();
        let default = (Balance::RoundRobin, None);
        let Some(field) = &raw.balance else {
            return default;
        };
        let word = field.value.as_str();
        if word == "source" {
            return (Balance::Source(hash), None);
        }
        if let Some(&(_, balance)) = BALANCES.iter().find(|(known, _)| *known == word) {
            return (balance, None);
        }
        if word.starts_with("random") {
            return self.random(field, factor).map_or(default, |balance| (balance, None));
        }
        if let Some(expr) = expression(word) {
            let key = self.balance_key(field, &expr, &raw.name.value);
            return key.map_or(default, |key| (Balance::Hash(hash), Some(key)));
        }
        let words = BALANCES.iter().map(|(word, _)| *word);
        let words: Vec<&str> = words.chain(["source", "random", "hash", "rdp-cookie"]).collect();
        let guess = did_you_mean(word, words.iter().copied());
        self.report.alert(field.span, format!("balance: '{word}' is not supported{guess}"));
        self.report.help(format!("write one of {}", words.join(", ")));
        default
    }

    fn balance_key(
        &mut self,
        field: &Spanned<String>,
        expr: &str,
        owner: &str,
    ) -> Option<BalanceKey> {
        let words: Vec<&str> = expr.split_whitespace().collect();
        self.rulebook.begin(field.span, owner);
        let parsed = match Expr::parse_words(&words, self) {
            Ok((expr, used)) if used == words.len() => {
                self.told_at(field.span, expr, Stage::ServerChoice)
            }
            Ok((_, used)) => Err(format!("unexpected '{}'", words[used]).into()),
            Err(error) => Err(error),
        };
        match parsed {
            Ok(expr) => Some(BalanceKey { text: field.value.clone(), expr }),
            Err(ParseError { message, help }) => {
                self.report.alert(field.span, format!("balance: {message}"));
                self.report.help(help.unwrap_or_else(|| "write \"hash src\"".to_owned()));
                None
            }
        }
    }

    fn random(&mut self, field: &Spanned<String>, factor: Option<NonZeroU32>) -> Option<Balance> {
        let rest = field.value.strip_prefix("random")?;
        let draws = match rest {
            "" | "()" => Some(RANDOM_DRAWS),
            _ => rest
                .strip_prefix('(')
                .and_then(|rest| rest.strip_suffix(')'))
                .and_then(|digits| digits.trim().parse().ok()),
        };
        let draws = draws.and_then(NonZeroU32::new);
        if draws.is_none() {
            let message =
                format!("balance: '{}' does not say how many draws, at least 1", field.value);
            self.report.alert(field.span, message);
            self.report.help("write \"random\" or \"random(2)\"");
        }
        draws.map(|draws| Balance::Random { draws, factor })
    }

    fn balance_factor(&mut self, raw: &raw::Backend) -> Option<NonZeroU32> {
        let field = raw.hash_balance_factor.as_ref()?;
        match u32::try_from(field.value) {
            Ok(0) => None,
            Ok(factor) if factor > 100 => NonZeroU32::new(factor),
            _ => {
                let message = format!(
                    "hash_balance_factor: {} is neither 0 nor more than 100 (percent)",
                    field.value
                );
                self.report.alert(field.span, message);
                None
            }
        }
    }

    /// `METHOD [FUNCTION [avalanche]]`. Without a function, `consistent` mixes its hashes.
    fn hash_type(&mut self, raw: &raw::Backend, factor: Option<NonZeroU32>) -> HashType {
        let Some(field) = &raw.hash_type else {
            return HashType::DEFAULT;
        };
        let mut words = field.value.split_whitespace();
        let method = match words.next() {
            Some("consistent") => Method::Consistent { factor },
            Some("map-based") => Method::MapBased,
            other => {
                let word = other.unwrap_or_default();
                let message =
                    format!("hash_type: '{word}' is neither 'map-based' nor 'consistent'");
                self.report.alert(field.span, message);
                return HashType::DEFAULT;
            }
        };
        let consistent = matches!(method, Method::Consistent { .. });
        let Some(word) = words.next() else {
            return HashType { method, avalanche: consistent, ..HashType::DEFAULT };
        };
        let function = FUNCTIONS.iter().find(|(known, _)| *known == word).map(|&(_, f)| f);
        if function.is_none() {
            self.not_one_of("hash_type", "function", word, field.span, &FUNCTIONS.map(|(w, _)| w));
        }
        let avalanche = match words.next() {
            None => false,
            Some("avalanche") => true,
            Some(word) => {
                self.not_one_of("hash_type", "modifier", word, field.span, &["avalanche"]);
                false
            }
        };
        let function = function.unwrap_or(Function::Sdbm);
        HashType { method, function, avalanche, ..HashType::DEFAULT }
    }

    fn not_one_of(&mut self, key: &str, what: &str, word: &str, span: Span, known: &[&str]) {
        let guess = did_you_mean(word, known.iter().copied());
        self.report.alert(span, format!("{key}: '{word}' is no {what}{guess}"));
        self.report.help(format!("write {}", known.join(", ")));
    }
}

/// What `hash EXPR` and `rdp-cookie[(NAME)]` hash, as an expression.
fn expression(balance: &str) -> Option<String> {
    if let Some(expr) = balance.strip_prefix("hash ") {
        return Some(expr.to_owned());
    }
    let name = balance.strip_prefix("rdp-cookie")?;
    let name = match name {
        "" => "mstshash",
        _ => name.strip_prefix('(')?.strip_suffix(')')?,
    };
    Some(format!("req.rdp_cookie({name})"))
}
