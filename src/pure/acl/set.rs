//! Compiled patterns: built once, asked for each session.
//!
//! Exact texts, prefixes and suffixes are found by hash, addresses by binary search, whatever their
//! number; parts, regular expressions and ranges are tried one after the other.

use std::collections::{BTreeSet, HashMap};

use super::ip_set::IpSet;
use super::pattern::Method;
use crate::pure::sample::Value;
use crate::pure::sample::convert::text::Pattern;

/// Patterns of one method; each is known by its place.
#[derive(Clone, Debug)]
pub(super) struct Set {
    method: Method,
    ignores_case: bool,
    ranges: Vec<(i64, i64, usize)>,
    texts: HashMap<Vec<u8>, usize>,
    /// Lengths of prefixes or suffixes in `texts`.
    lengths: BTreeSet<usize>,
    /// Parts, in order.
    parts: Vec<(Vec<u8>, usize)>,
    regexes: Vec<(Pattern, usize)>,
    ips: IpSet,
}

impl Set {
    pub(super) fn new(method: Method, ignores_case: bool) -> Self {
        Self {
            method,
            ignores_case,
            ranges: Vec::new(),
            texts: HashMap::new(),
            lengths: BTreeSet::new(),
            parts: Vec::new(),
            regexes: Vec::new(),
            ips: IpSet::default(),
        }
    }

    pub(super) fn add(&mut self, pattern: &str, index: usize) -> Result<(), String> {
        match self.method {
            Method::Found | Method::Bool => {}
            Method::Int | Method::Len => {
                let (min, max) = range(pattern, |text| text.parse().ok())?;
                self.ranges.push((min, max, index));
            }
            Method::Version => {
                // HAProxy takes either sign between versions.
                let (min, max) = range(&pattern.replace('-', ":"), version)?;
                self.ranges.push((min, max, index));
            }
            Method::Ip => self.ips.add(pattern, index)?,
            Method::Bin => {
                let bytes = unhex(pattern)
                    .ok_or_else(|| format!("'{pattern}' is no row of hexadecimal digits"))?;
                self.texts.entry(bytes).or_insert(index);
            }
            Method::Str => {
                self.texts.entry(self.folded(pattern.as_bytes())).or_insert(index);
            }
            Method::Beg | Method::End => {
                self.lengths.insert(pattern.len());
                self.texts.entry(self.folded(pattern.as_bytes())).or_insert(index);
            }
            Method::Sub => self.parts.push((self.folded(pattern.as_bytes()), index)),
            Method::Dir | Method::Dom => {
                let trimmed = pattern.trim_matches(|c| delimits(self.method, c));
                self.parts.push((self.folded(trimmed.as_bytes()), index));
            }
            Method::Reg => self.regexes.push((Pattern::new(pattern, self.ignores_case)?, index)),
        }
        Ok(())
    }

    /// Call once all are added.
    pub(super) fn seal(&mut self) {
        self.ips.seal();
    }

    pub(super) fn find(&self, value: &Value) -> Option<usize> {
        match self.method {
            Method::Found => Some(0),
            Method::Bool => value.is_true().then_some(0),
            Method::Int | Method::Version => self.in_range(value.as_int()?),
            Method::Ip => self.ips.find(value.as_ip()?),
            method => {
                let bytes = value.clone().into_bytes();
                match method {
                    Method::Len => self.in_range(i64::try_from(bytes.len()).ok()?),
                    Method::Bin => self.texts.get(&bytes).copied(),
                    Method::Reg => {
                        let hit = self.regexes.iter().find(|(regex, _)| regex.is_match(&bytes));
                        hit.map(|hit| hit.1)
                    }
                    _ => self.find_text(&self.folded(&bytes)),
                }
            }
        }
    }

    fn find_text(&self, text: &[u8]) -> Option<usize> {
        match self.method {
            Method::Beg => {
                let lengths = self.lengths.range(..=text.len()).rev();
                lengths.filter_map(|&len| self.texts.get(&text[..len])).next().copied()
            }
            Method::End => {
                let lengths = self.lengths.range(..=text.len());
                lengths.filter_map(|&len| self.texts.get(&text[text.len() - len..])).min().copied()
            }
            Method::Sub => self.part(|part| contains(text, part)),
            Method::Dir | Method::Dom => self.part(|part| self.has_word(text, part)),
            _ => self.texts.get(text).copied(),
        }
    }

    fn part(&self, is_in: impl Fn(&[u8]) -> bool) -> Option<usize> {
        self.parts.iter().find(|(part, _)| is_in(part)).map(|hit| hit.1)
    }

    /// Whether `word` stands in `text` between delimiters or ends.
    fn has_word(&self, text: &[u8], word: &[u8]) -> bool {
        let ends = |byte: Option<&u8>| byte.is_none_or(|&b| delimits(self.method, char::from(b)));
        !word.is_empty()
            && text.windows(word.len()).enumerate().any(|(at, window)| {
                window == word
                    && ends(at.checked_sub(1).and_then(|before| text.get(before)))
                    && ends(text.get(at + word.len()))
            })
    }

    fn in_range(&self, number: i64) -> Option<usize> {
        let hit = self.ranges.iter().find(|(min, max, _)| (min..=max).contains(&&number));
        hit.map(|hit| hit.2)
    }

    fn folded(&self, text: &[u8]) -> Vec<u8> {
        if self.ignores_case { text.to_ascii_lowercase() } else { text.to_vec() }
    }

    pub(super) fn fill(&self, value: &Value, template: &str) -> Option<Vec<u8>> {
        let bytes = value.clone().into_bytes();
        self.regexes.iter().find_map(|(regex, _)| regex.expand(&bytes, template))
    }
}

fn delimits(method: Method, c: char) -> bool {
    match method {
        Method::Dir => "/?".contains(c),
        _ => "/?.:".contains(c),
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    part.is_empty() || text.windows(part.len()).any(|window| window == part)
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = text.chars().map(|c| c.to_digit(16)).collect();
    let (pairs, []) = digits.as_deref()?.as_chunks::<2>() else { return None };
    pairs.iter().map(|[high, low]| u8::try_from(high << 4 | low).ok()).collect()
}

/// `5`, `5:9`, `5:`, `:9`.
fn range(text: &str, number: impl Fn(&str) -> Option<i64>) -> Result<(i64, i64), String> {
    let bad = || format!("'{text}' is no number or range");
    let bound = |text: &str, open: i64| match text {
        "" => Some(open),
        text => number(text),
    };
    let (min, max) = match text.split_once(':') {
        None => {
            let only = number(text).ok_or_else(bad)?;
            (only, only)
        }
        Some(("", "")) => return Err(bad()),
        Some((min, max)) => {
            (bound(min, i64::MIN).ok_or_else(bad)?, bound(max, i64::MAX).ok_or_else(bad)?)
        }
    };
    if min > max {
        return Err(format!("'{text}' ends before it begins"));
    }
    Ok((min, max))
}

/// `3.3` as major × 65536 + minor.
fn version(text: &str) -> Option<i64> {
    let (major, minor) = text.split_once('.').unwrap_or((text, "0"));
    Some(i64::from(major.parse::<u16>().ok()?) << 16 | i64::from(minor.parse::<u16>().ok()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn set(method: Method, ignores_case: bool, patterns: &[&str]) -> Set {
        let mut set = Set::new(method, ignores_case);
        for (index, pattern) in patterns.iter().enumerate() {
            set.add(pattern, index).unwrap();
        }
        set.seal();
        set
    }

    #[test]
    fn each_method_matches_what_haproxys_matches() {
        use Method as M;
        let table: [(M, &[&str], &str, Option<usize>); 24] = [
            (M::Str, &["a", "b"], "b", Some(1)),
            (M::Str, &["a"], "A", None),
            (M::Beg, &["ab", "abc"], "abcd", Some(1)),
            (M::Beg, &["ab"], "a", None),
            (M::End, &["d", "cd"], "abcd", Some(0)),
            (M::Sub, &["x", "bc"], "abcd", Some(1)),
            (M::Dir, &["b"], "/a/b/c", Some(0)),
            (M::Dir, &["/b/"], "/a/b", Some(0)),
            (M::Dir, &["b"], "/a/bc", None),
            (M::Dom, &["example"], "www.example.org", Some(0)),
            (M::Dom, &["ample"], "www.example.org", None),
            (M::Dom, &["example.org"], "example.org:80", Some(0)),
            (M::Reg, &["^a.c$"], "abc", Some(0)),
            (M::Len, &["2:3"], "abc", Some(0)),
            (M::Len, &["4:"], "abc", None),
            (M::Int, &["5"], "5", Some(0)),
            (M::Int, &[":4"], "5", None),
            (M::Bin, &["616263"], "abc", Some(0)),
            (M::Bin, &["61"], "abc", None),
            (M::Version, &["3.1:3.3"], "196610", Some(0)),
            (M::Version, &["3.1-3.3"], "196610", Some(0)),
            (M::Version, &["3.3-"], "196610", None),
            (M::Bool, &[], "0", None),
            (M::Bool, &[], "2", Some(0)),
        ];
        for (method, patterns, text, expected) in table {
            let found = set(method, false, patterns).find(&Value::text(text));
            assert_eq!(found, expected, "{method:?} {patterns:?} {text}");
        }
    }

    #[test]
    fn case_is_ignored_where_asked() {
        for method in [Method::Str, Method::Beg, Method::End, Method::Sub, Method::Reg] {
            assert_eq!(set(method, true, &["aB"]).find(&Value::text("Ab")), Some(0), "{method:?}");
        }
    }

    #[test]
    fn wrong_patterns_are_named() {
        for (method, pattern) in [
            (Method::Int, "x"),
            (Method::Int, ":"),
            (Method::Int, "9:1"),
            (Method::Bin, "1"),
            (Method::Reg, "("),
            (Method::Ip, "10.0.0.300"),
        ] {
            let error = Set::new(method, false).add(pattern, 0).unwrap_err();
            assert!(error.contains(pattern), "{error}");
        }
    }

    proptest! {
        #[test]
        fn prefixes_and_suffixes_agree_with_a_scan(
            patterns in proptest::collection::vec("[ab]{0,4}", 0..12), text in "[ab]{0,6}"
        ) {
            let refs: Vec<&str> = patterns.iter().map(String::as_str).collect();
            let value = Value::text(&text);
            let begins = set(Method::Beg, false, &refs).find(&value).map(|at| refs[at]);
            let longest = refs.iter().filter(|p| text.starts_with(**p)).max_by_key(|p| p.len());
            prop_assert_eq!(begins, longest.copied());
            let ends = set(Method::End, false, &refs).find(&value);
            prop_assert_eq!(ends, refs.iter().position(|p| text.ends_with(p)));
        }
    }
}
