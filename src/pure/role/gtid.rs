//! Sets of transactions by their global identifiers.
//!
//! MySQL names a transaction `uuid:number`, with a tag between the two since 8.3, and a set by
//! intervals (`uuid:1-5:7,uuid:tag:1`). MariaDB numbers them `domain-server-sequence` and names a
//! set by the last of each domain (`0-1-100,2-1-7`): all before it are meant.

use std::collections::BTreeMap;
use std::fmt;

/// A set of transactions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GtidSet {
    /// Intervals, first and last included, by their source; in order and apart.
    Mysql(BTreeMap<Source, Vec<(u64, u64)>>),
    /// The last transaction of each domain: its server and its sequence number.
    Mariadb(BTreeMap<u32, (u32, u64)>),
}

/// Who numbers transactions of MySQL.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    /// `server_uuid`, or that of a replication group.
    pub uuid: u128,
    /// In lower case; mostly empty.
    pub tag: String,
}

impl GtidSet {
    /// Reads `gtid_executed` of MySQL. `None`: it is none.
    #[must_use]
    pub fn mysql(text: &str) -> Option<Self> {
        let mut sources: BTreeMap<Source, Vec<(u64, u64)>> = BTreeMap::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let mut words = part.split(':').map(str::trim);
            let uuid = uuid(words.next()?)?;
            let mut tag = String::new();
            for word in words {
                if word.starts_with(|c: char| c.is_ascii_digit()) {
                    let source = Source { uuid, tag: tag.clone() };
                    sources.entry(source).or_default().push(interval(word)?);
                } else {
                    let allowed = |c: char| c == '_' || c.is_ascii_alphanumeric();
                    let right = !word.is_empty() && word.chars().all(allowed);
                    tag = right.then(|| word.to_ascii_lowercase())?;
                }
            }
        }
        sources.values_mut().for_each(join);
        Some(Self::Mysql(sources))
    }

    /// Reads `gtid_binlog_pos` or `gtid_current_pos` of MariaDB. `None`: it is none.
    #[must_use]
    pub fn mariadb(text: &str) -> Option<Self> {
        let mut domains: BTreeMap<u32, (u32, u64)> = BTreeMap::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let mut numbers = part.splitn(3, '-');
            let domain = numbers.next()?.parse().ok()?;
            let server = numbers.next()?.parse().ok()?;
            let sequence = numbers.next()?.parse().ok()?;
            let last = domains.entry(domain).or_insert((server, sequence));
            if last.1 < sequence {
                *last = (server, sequence);
            }
        }
        Some(Self::Mariadb(domains))
    }

    /// How many transactions it has.
    #[must_use]
    pub fn count(&self) -> u64 {
        match self {
            Self::Mysql(sources) => total(sources.values().flatten().map(|&(a, z)| z - a + 1)),
            Self::Mariadb(domains) => total(domains.values().map(|&(_, sequence)| sequence)),
        }
    }

    /// How many transactions of `other` it has not.
    #[must_use]
    pub fn lacks(&self, other: &Self) -> u64 {
        match (self, other) {
            (Self::Mysql(ours), Self::Mysql(theirs)) => {
                let none = Vec::new();
                let missing = |(source, intervals): (&Source, &Vec<(u64, u64)>)| {
                    let ours = ours.get(source).unwrap_or(&none);
                    total(intervals.iter().map(|&interval| uncovered(interval, ours)))
                };
                total(theirs.iter().map(missing))
            }
            (Self::Mariadb(ours), Self::Mariadb(theirs)) => {
                let reached = |domain| ours.get(domain).map_or(0, |&(_, sequence)| sequence);
                let missing = |(domain, &(_, s)): (_, &(_, u64))| s.saturating_sub(reached(domain));
                total(theirs.iter().map(missing))
            }
            _ => other.count(),
        }
    }

    /// The same, where it is certain: of MariaDB's sets what one server wrote is in order, and where another
    /// wrote last nobody knows since when.
    #[must_use]
    pub fn lacks_surely(&self, other: &Self) -> Option<u64> {
        if let (Self::Mariadb(ours), Self::Mariadb(theirs)) = (self, other) {
            let is_known = |(domain, last): (_, &(u32, u64))| {
                ours.get(domain).is_none_or(|(server, _)| *server == last.0)
            };
            return theirs.iter().all(is_known).then(|| self.lacks(other));
        }
        Some(self.lacks(other))
    }

    /// Whether it has what `server`, which has the set `known` by now, wrote after it had `began`. Of
    /// MariaDB's sets only the last writer of each domain is known.
    #[must_use]
    pub fn has_news_of(&self, server: u128, known: &Self, began: &Self) -> bool {
        match (self, began) {
            (Self::Mariadb(ours), Self::Mariadb(began)) => ours.iter().any(|(domain, last)| {
                let reached = began.get(domain).map_or(0, |&(_, sequence)| sequence);
                u128::from(last.0) == server && last.1 > reached
            }),
            _ => self.lacks(known) < began.lacks(known),
        }
    }
}

impl fmt::Display for GtidSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut comma = "";
        match self {
            Self::Mysql(sources) => {
                for (Source { uuid, tag }, intervals) in sources {
                    let hex = format!("{uuid:032x}");
                    let (a, b, c, d, e) =
                        (&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]);
                    write!(f, "{comma}{a}-{b}-{c}-{d}-{e}")?;
                    if !tag.is_empty() {
                        write!(f, ":{tag}")?;
                    }
                    for &(first, last) in intervals {
                        write!(f, ":{first}")?;
                        if last > first {
                            write!(f, "-{last}")?;
                        }
                    }
                    comma = ",";
                }
            }
            Self::Mariadb(domains) => {
                for (domain, (server, sequence)) in domains {
                    write!(f, "{comma}{domain}-{server}-{sequence}")?;
                    comma = ",";
                }
            }
        }
        Ok(())
    }
}

/// A sum that stops at the largest number: a server may claim anything.
fn total(numbers: impl Iterator<Item = u64>) -> u64 {
    numbers.fold(0, u64::saturating_add)
}

/// A UUID with dashes or without.
fn uuid(text: &str) -> Option<u128> {
    let digits: String = text.chars().filter(|&c| c != '-').collect();
    let right = digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    right.then(|| u128::from_str_radix(&digits, 16).ok())?
}

/// `7` or `1-5`.
fn interval(text: &str) -> Option<(u64, u64)> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    // One short of the largest, so that sizes never overflow.
    (first > 0 && first <= last && last < u64::MAX).then_some((first, last))
}

/// Puts intervals in order and joins those that touch.
fn join(intervals: &mut Vec<(u64, u64)>) {
    intervals.sort_unstable();
    let mut joined: Vec<(u64, u64)> = Vec::with_capacity(intervals.len());
    for &(first, last) in intervals.iter() {
        match joined.last_mut() {
            Some(before) if first <= before.1 + 1 => before.1 = before.1.max(last),
            _ => joined.push((first, last)),
        }
    }
    *intervals = joined;
}

/// How many numbers of an interval none of `ours` has.
fn uncovered((first, last): (u64, u64), ours: &[(u64, u64)]) -> u64 {
    let covered: u64 = ours
        .iter()
        .filter(|&&(a, z)| a <= last && z >= first)
        .map(|&(a, z)| z.min(last) - a.max(first) + 1)
        .sum();
    last - first + 1 - covered
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const A: &str = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
    const B: &str = "00000000-0000-0000-0000-00000000000b";

    fn mysql(text: &str) -> GtidSet {
        GtidSet::mysql(&text.replace('A', A).replace('B', B)).unwrap()
    }

    #[test]
    fn sets_of_mysql() {
        let rows = [
            ("", "", 0),
            ("A:1-5", "A:1-5", 5),
            ("A:7:1-5:6", "A:1-7", 7),
            ("A:1-3,\nB:9", "B:9,A:1-3", 4),
            ("A:tag:1-2:4", "A:tag:1-2:4", 3),
            ("A:1-2:Tag:1-3", "A:1-2,A:tag:1-3", 5),
        ];
        for (text, shown, count) in rows {
            let set = mysql(text);
            assert_eq!(set.to_string(), shown.replace('A', A).replace('B', B), "{text}");
            assert_eq!(set.count(), count, "{text}");
        }
    }

    #[test]
    fn what_is_no_set_is_refused() {
        for text in ["A:0", "A:5-1", "A:x-", "A::1", "xyz:1", "A:1-18446744073709551615"] {
            assert_eq!(GtidSet::mysql(&text.replace('A', A)), None, "{text}");
        }
        for text in ["1-2", "a-b-c", "1-2-3-4", "0-1--5", "4294967296-1-1"] {
            assert_eq!(GtidSet::mariadb(text), None, "{text}");
        }
    }

    #[test]
    fn what_one_lacks_of_another() {
        let rows = [
            ("A:1-10", "A:1-10", 0),
            ("A:1-10", "A:3-5", 0),
            ("A:1-10", "A:1-12", 2),
            ("A:1-4:8-10", "A:1-10", 3),
            ("A:1-10", "B:1", 1),
            ("", "A:1-10,B:2-3", 12),
            ("A:1-10", "", 0),
            ("A:1-10", "A:tag:1", 1),
        ];
        for (ours, theirs, lacks) in rows {
            assert_eq!(mysql(ours).lacks(&mysql(theirs)), lacks, "{ours} of {theirs}");
        }
        let mariadb = |text| GtidSet::mariadb(text).unwrap();
        assert_eq!(mariadb("0-1-100").lacks(&mariadb("0-2-100")), 0);
        assert_eq!(mariadb("0-1-100").lacks(&mariadb("0-2-103,5-1-7")), 10);
        assert_eq!(mariadb("0-1-100").lacks(&mysql("A:1-3")), 3);
        assert_eq!(mariadb("0-1-100,2-1-7").to_string(), "0-1-100,2-1-7");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[A-Fa-f0-9:,\\- \n]{0,80}|\\PC{0,40}") {
            for set in [GtidSet::mysql(&text), GtidSet::mariadb(&text)].into_iter().flatten() {
                prop_assert_eq!(set.lacks(&set), 0);
                let _ = (set.count(), set.to_string());
            }
        }

        #[test]
        fn a_set_reads_back(intervals in proptest::collection::vec((1u64..50, 0u64..9), 1..9)) {
            let text = intervals.iter().map(|(a, len)| format!(":{a}-{}", a + len));
            let set = mysql(&format!("A{}", text.collect::<String>()));
            prop_assert_eq!(GtidSet::mysql(&set.to_string()), Some(set.clone()));
            let whole: std::collections::BTreeSet<u64> =
                intervals.iter().flat_map(|&(a, len)| a..=a + len).collect();
            prop_assert_eq!(set.count(), whole.len() as u64);
        }
    }
}
