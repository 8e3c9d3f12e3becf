//! Postgres: whether what is acknowledged is on a certain standby, too.
//!
//! A commit waits for the standbys of `synchronous_standby_names`, by their names. That one of them has
//! it is certain where each commit waits for all that are listed, where nobody else has that one's
//! name, and where it says itself that it streams by that name:
//!
//! | `synchronous_standby_names` | waits for |
//! |---|---|
//! | `b`, `FIRST 1 (b)`, `ANY 1 (b)` | `b` |
//! | `FIRST 2 (b, c)`, `ANY 2 (b, c)` | both |
//! | `b, c`, `FIRST 1 (b, c)`, `ANY 1 (b, c)` | nobody for certain: when `b` is away, for `c` alone |
//! | `*`, alone or among others | nobody for certain |
//!
//! Sessions that asked for less themselves (`SET synchronous_commit`) were told so, and are not meant.

use std::fmt;

/// What a server says of copies of what is committed. Names are in lower case, as Postgres compares them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Copies {
    /// A primary: each commit waits for every one of these.
    Awaited(Vec<String>),
    /// A standby: it streams by this name.
    Streams(String),
}

impl Copies {
    /// Of a primary with these `synchronous_standby_names`, whose standbys are `connected`: a line each,
    /// of how it is waited for (`sync`, `quorum`, …) and its name. `None`: it is certain of nobody.
    #[must_use]
    pub fn awaited(names: &str, connected: &str) -> Option<Self> {
        let (count, names) = listed(names)?;
        let is_all = count >= names.len() && !names.iter().any(|name| name == "*");
        let is_known = |name: &String| {
            let mut named = connected.lines().filter_map(|line| {
                let (state, own) = line.split_once(' ')?;
                own.eq_ignore_ascii_case(name).then_some(state)
            });
            matches!((named.next(), named.next()), (Some("sync" | "quorum"), None))
        };
        let known: Vec<String> = names.into_iter().filter(is_known).collect();
        (is_all && !known.is_empty()).then_some(Self::Awaited(known))
    }

    /// Of a standby that streams with this `conninfo`.
    #[must_use]
    pub fn streams(conninfo: &str) -> Option<Self> {
        let name = value(conninfo, "application_name")
            .or_else(|| value(conninfo, "fallback_application_name"))?;
        Some(Self::Streams(name.to_ascii_lowercase()))
    }

    /// Whether each commit of a primary that says this waits for a standby that says that.
    #[must_use]
    pub fn waits_for(&self, standby: &Self) -> bool {
        match (self, standby) {
            (Self::Awaited(names), Self::Streams(name)) => names.contains(name),
            _ => false,
        }
    }
}

/// Standbys that commits wait for and that are not there: each waits until they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shortage {
    wanted: usize,
    there: usize,
}

impl Shortage {
    /// Of a primary with these `synchronous_standby_names`, whose standbys are `connected` as
    /// [`awaited`](Copies::awaited) has them. `None`: there are enough, as far as the account sees.
    #[must_use]
    pub fn of(names: &str, connected: &str) -> Option<Self> {
        let (wanted, _) = listed(names)?;
        // Of one that an account may not see there is a line without a name: it may be one of them.
        let may_count = |line: &&str| {
            line.split_once(' ').is_none_or(|(state, _)| matches!(state, "sync" | "quorum"))
        };
        let there = connected.lines().filter(may_count).count();
        (there < wanted).then_some(Self { wanted, there })
    }
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { wanted, there } = self;
        let standbys = if *wanted == 1 { "standby" } else { "standbys" };
        write!(
            f,
            "its commits wait for {wanted} {standbys} (synchronous_standby_names) and {there} of them \
             stream from it"
        )
    }
}

/// How many standbys a commit waits for with these `synchronous_standby_names`, and how many of those that
/// are `streaming`, by their names, it may be. `None`: it waits for nobody, as far as that can be read.
#[must_use]
pub fn wanted<'a>(names: &str, streaming: impl Iterator<Item = &'a str>) -> Option<(usize, usize)> {
    let (count, names) = listed(names)?;
    let is_listed =
        |own: &&str| names.iter().any(|name| name == "*" || own.eq_ignore_ascii_case(name));
    Some((count, streaming.filter(is_listed).count()))
}

/// How many of how many names a commit waits for.
fn listed(setting: &str) -> Option<(usize, Vec<String>)> {
    let setting = setting.trim();
    let (count, names) = match setting.split_once('(') {
        None => (1, setting),
        Some((head, names)) => {
            let head = head.trim().to_ascii_lowercase();
            let count = head.strip_prefix("first").or(head.strip_prefix("any")).unwrap_or(&head);
            (count.trim().parse().ok()?, names.trim_end().strip_suffix(')')?)
        }
    };
    let name = |name: &str| {
        let name = name.trim();
        let quoted = name.strip_prefix('"').and_then(|name| name.strip_suffix('"'));
        let name = quoted.unwrap_or(name).to_ascii_lowercase();
        // What is quoted within quotes, or has their commas, is not told apart.
        (!name.is_empty() && !name.contains('"')).then_some(name)
    };
    Some((count, names.split(',').map(name).collect::<Option<Vec<_>>>()?))
}

/// The value of a key of a connection string: `key=value`, or `key='a value'`.
fn value(conninfo: &str, key: &str) -> Option<String> {
    let mut rest = conninfo.trim_start();
    while let Some((name, value)) = rest.split_once('=') {
        let mut text = String::new();
        let mut chars = value.char_indices();
        let is_quoted = value.starts_with('\'');
        if is_quoted {
            chars.next();
        }
        let mut end = value.len();
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' => text.extend(chars.next().map(|(_, c)| c)),
                '\'' if is_quoted => {
                    end = at + 1;
                    break;
                }
                c if !is_quoted && c.is_ascii_whitespace() => {
                    end = at;
                    break;
                }
                c => text.push(c),
            }
        }
        if name.trim() == key {
            return Some(text).filter(|text| !text.is_empty());
        }
        rest = value[end..].trim_start();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commits_wait_for_a_standby_for_certain_only_where_all_are_waited_for() {
        let one = "sync b\nasync pg_basebackup";
        let two = "quorum B\nquorum c";
        for (names, connected, expected) in [
            ("b", one, &["b"][..]),
            ("\"B\"", one, &["b"]),
            ("FIRST 1 (b)", one, &["b"]),
            ("any 1 (b)", "quorum b", &["b"]),
            ("1 (b)", one, &["b"]),
            ("ANY 2 (b, c)", two, &["b", "c"]),
            ("FIRST 2 (b, c)", "sync b", &["b"]),
            ("ANY 1 (b, c)", two, &[]),
            ("b, c", "sync b\npotential c", &[]),
            ("*", one, &[]),
            ("2 (b, *)", one, &[]),
            // Not connected, twice, or not counted yet.
            ("b", "", &[]),
            ("b", "sync b\npotential b", &[]),
            ("b", "async b", &[]),
            ("", one, &[]),
            ("FIRST (b)", one, &[]),
            ("1 (b", one, &[]),
            ("\"b\"\"c\"", one, &[]),
        ] {
            let names_found = expected.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
            let expected = (!expected.is_empty()).then_some(Copies::Awaited(names_found));
            assert_eq!(Copies::awaited(names, connected), expected, "{names} {connected}");
        }
    }

    #[test]
    fn commits_wait_for_standbys_that_are_not_there() {
        for (names, connected, expected) in [
            ("", "", None),
            ("b", "sync b\nasync c", None),
            ("b, c", "sync b\npotential c", None),
            ("ANY 1 (b, c)", "quorum c", None),
            ("*", "", Some("wait for 1 standby (synchronous_standby_names) and 0 of them")),
            ("b", "async c", Some("wait for 1 standby (synchronous_standby_names) and 0 of them")),
            ("ANY 2 (b, c)", "quorum b", Some("for 2 standbys (synchronous_standby_names) and 1")),
            // Some are there, and nobody shows who.
            ("b", "?", None),
        ] {
            let found = Shortage::of(names, connected).map(|it| it.to_string());
            assert_eq!(found.is_some(), expected.is_some(), "{names} {connected}: {found:?}");
            assert!(expected.is_none_or(|it| found.unwrap().contains(it)), "{names}");
        }
    }

    #[test]
    fn a_standby_is_known_by_the_name_it_streams_by() {
        let fallback = "user=r passfile=/x host=a port=5432 fallback_application_name=walreceiver";
        for (conninfo, name) in [
            (fallback, Some("walreceiver")),
            ("application_name=B fallback_application_name=walreceiver", Some("b")),
            (r"password='a b=\'c' application_name='my b'", Some("my b")),
            ("application_name='' fallback_application_name=w", Some("w")),
            ("host=a", None),
            ("", None),
            ("application_name", None),
        ] {
            let expected = name.map(|name| Copies::Streams(name.to_owned()));
            assert_eq!(Copies::streams(conninfo), expected, "{conninfo}");
        }
        let (b, c) = (Copies::Streams("b".to_owned()), Copies::Streams("c".to_owned()));
        let awaited = Copies::awaited("b", "sync b").unwrap();
        assert!(awaited.waits_for(&b) && !awaited.waits_for(&c) && !b.waits_for(&b));
    }
}
