//! Pure: `stick-table` and `stick` statements, and who uses which table.

use std::time::Duration;

use haproxy_compat::addr::{Endpoint, PortSpec};
use haproxy_compat::span::{Span, Spanned};
use haproxy_compat::units::{self, TimeUnit};

use super::context::Context;
use super::rules::Known;
use crate::config::model::{Peers, StickTable};
use crate::config::raw::{self, Statement};
use crate::config::suggest::did_you_mean;
use crate::pure::acl::AclError;
use crate::pure::rules::Stick;
use crate::pure::sample::{Expr, Kind};
use crate::pure::stick::data::Shape;
use crate::pure::stick::{DataType, KeyKind, Layout, ServerKey, Spec, Stored};

/// Bytes of a text or binary key where no `len` is written.
const KEY_BYTES: usize = 32;

/// The longest key: HAProxy's buffer bounds it as well.
const KEY_BYTES_MAX: u64 = 16_384;

/// Most values of an array: HAProxy's bound.
const ARRAY_MAX: u32 = 100;

/// Most entries of a table, so that a slip of the pen does not ask for all memory there is.
const SIZE_MAX: usize = 1 << 30;

/// Stick tables, and what refers to them, until all of them are known.
#[derive(Default)]
pub(super) struct Tables {
    found: Vec<(Span, StickTable)>,
    uses: Vec<Use>,
    /// Names of the `peers` sections, and whether they are empty.
    peers: Vec<(String, bool)>,
    /// The statement that is read, and the proxy it is of.
    pub(super) place: Option<(Span, String)>,
}

impl Tables {
    /// Learns the names that tables may be shared with.
    pub(super) fn know_peers(&mut self, sections: &[raw::Peers]) {
        let named = sections.iter().map(|raw| (raw.name.value.clone(), raw.is_empty));
        self.peers = named.collect();
    }
}

/// Somebody names a table.
struct Use {
    span: Span,
    table: String,
    /// What its keys are made of.
    key: Option<Kind>,
    /// Entries name servers.
    sticks: bool,
}

/// The words of one table.
struct Words<'a> {
    words: Vec<&'a str>,
    at: usize,
}

impl<'a> Words<'a> {
    fn next(&mut self) -> Option<&'a str> {
        let word = self.words.get(self.at).copied();
        self.at += 1;
        word
    }

    /// The word behind `keyword`.
    fn value(&mut self, keyword: &str) -> Result<&'a str, AclError> {
        self.next().ok_or_else(|| self.wrong(format!("'{keyword}' needs a value")))
    }

    /// A mistake at the word that was read last.
    fn wrong(&self, message: String) -> AclError {
        AclError { word: self.at.saturating_sub(1), message, help: None }
    }
}

impl Context<'_> {
    /// A table that is called `name`, of the words from number `skip` on.
    pub(super) fn stick_table(&mut self, name: &str, statement: &Statement, skip: usize) {
        let words = statement.words.iter().skip(skip).map(|word| word.value.as_str()).collect();
        let spec = match self.table_spec(&mut Words { words, at: 0 }, statement.span) {
            Ok(spec) => spec,
            Err(error) => return self.wrong(statement, skip, error),
        };
        let tables = &mut self.rulebook.tables;
        if let Some((first, _)) = tables.found.iter().find(|(_, known)| known.name == name) {
            self.report.alert(statement.span, format!("a second stick table '{name}'"));
            self.report.related(*first, "the first");
            return;
        }
        tables.found.push((statement.span, StickTable { name: name.to_owned(), spec }));
    }

    /// The sections of peers, and their tables.
    pub(super) fn peers(&mut self, raw: &raw::Config) -> Vec<Peers> {
        let mut found = Vec::new();
        for raw in &raw.peers {
            let Some(name) = self.name("section of peers", &raw.name) else { continue };
            self.members(raw);
            for statement in &raw.tables {
                match (statement.keyword(), statement.second()) {
                    ("table", table) if !table.is_empty() => {
                        let table = format!("{name}/{table}");
                        self.stick_table(&table, statement, 2);
                    }
                    _ => {
                        let message = "'table', a name and what it is made by are expected";
                        self.report.alert(statement.span, message);
                    }
                }
            }
            let statements = raw.tables.iter().map(Statement::text).collect();
            found.push(Peers { name, statements });
        }
        found
    }

    /// Judges where the processes of a section are, although nothing is sent there.
    fn members(&mut self, raw: &raw::Peers) {
        let what = format!("peers '{}'", raw.name.value);
        for written in &raw.members {
            let span = written.span;
            match self.endpoint(&what, span, &written.value) {
                Some(Endpoint::Inet { port: PortSpec::Range(..), .. }) => {
                    let message = format!("{what}: '{}' must have one port", written.value);
                    self.report.alert(span, message);
                }
                Some(Endpoint::Inet { family, host, .. }) => {
                    self.host(&what, span, &host, family);
                }
                Some(Endpoint::Fd(_) | Endpoint::Sockpair(_)) => {
                    let message = format!("{what}: '{}' is not an IP address", written.value);
                    self.report.alert(span, message);
                }
                _ => {}
            }
        }
        for written in &raw.binds {
            self.listen_addresses(&Spanned::new(&written.value, written.span), &what);
        }
    }

    fn table_spec(&mut self, words: &mut Words<'_>, span: Span) -> Result<Spec, AclError> {
        let (mut kind, mut size) = (None, None);
        let (mut expire, mut purges, mut server_key) = (None, true, ServerKey::Name);
        let mut layout = Layout::default();
        while let Some(word) = words.next() {
            match word {
                "type" => kind = Some(key_kind(words)?),
                "size" => size = Some(size_of(words)?),
                "expire" => {
                    let text = words.value(word)?;
                    let time = period(text);
                    let why = || words.wrong(format!("'{text}' is no time for 'expire'"));
                    expire = Some(time.ok_or_else(why)?).filter(|expire| !expire.is_zero());
                }
                "nopurge" => purges = false,
                "srvkey" => {
                    server_key = match words.value(word)? {
                        "name" => ServerKey::Name,
                        "addr" => ServerKey::Addr,
                        other => {
                            let message = format!("'srvkey' is name or addr, not '{other}'");
                            return Err(words.wrong(message));
                        }
                    };
                }
                "store" => {
                    let list = words.next().unwrap_or_default();
                    self.store(&mut layout, list, span).map_err(|why| words.wrong(why))?;
                }
                "peers" => {
                    let section = words.value(word)?;
                    let mut known = self.rulebook.tables.peers.iter();
                    match known.find(|(name, _)| name == section) {
                        None => return Err(words.wrong(format!("there is no 'peers {section}'"))),
                        Some((_, true)) => {
                            let message =
                                format!("'peers {section}' names no process, not even this");
                            return Err(words.wrong(message));
                        }
                        Some((_, false)) => {}
                    }
                }
                // Both are about what other processes send.
                "recv-only" => {}
                "write-to" => drop(words.value(word)?),
                other => {
                    return Err(AclError {
                        help: Some("it can be type, size, expire, nopurge, srvkey, store".into()),
                        ..words.wrong(format!("unknown '{other}' in 'stick-table'"))
                    });
                }
            }
        }
        let missing = |what: &str| words.wrong(format!("'stick-table' needs a '{what}'"));
        let kind = kind.ok_or_else(|| missing("type"))?;
        let size = size.ok_or_else(|| missing("size"))?;
        Ok(Spec { kind, size, expire, purges, server_key, layout })
    }

    /// `conn_cur,conn_rate(10s),gpc(2)`.
    fn store(&mut self, layout: &mut Layout, list: &str, span: Span) -> Result<(), String> {
        for item in items(list) {
            let stored = stored(item)?;
            if let Some(other) =
                stored.data.excludes().iter().find(|other| layout.get(**other).is_some())
            {
                let (one, other) = (stored.data.name(), other.name());
                return Err(format!("'{one}' cannot be stored beside '{other}'"));
            }
            if !layout.add(stored) {
                let message = format!("'{}' is stored already", stored.data.name());
                self.report.warning(span, message);
            }
        }
        Ok(())
    }

    /// The statement that is read now names `table`, or means that of its proxy.
    pub(super) fn own_table(&mut self, table: Option<&str>) -> Option<String> {
        let tables = &mut self.rulebook.tables;
        let (span, owner) = tables.place.as_ref()?;
        let (span, table) = (*span, table.unwrap_or(owner).to_owned());
        tables.uses.push(Use { span, table: table.clone(), key: None, sticks: false });
        Some(table)
    }

    /// `table`, or the one of the proxy that is read, whose keys `key` makes.
    pub(super) fn keyed_table(
        &mut self,
        table: Option<String>,
        key: &Expr,
        span: Span,
        sticks: bool,
    ) -> Option<String> {
        let table = self.own_table(table.as_deref())?;
        let kind = if key.is_verb() { Kind::Bin } else { key.kind() };
        self.uses_table(span, &table, kind, sticks);
        Some(table)
    }

    /// A `stick` rule.
    pub(super) fn stick(&mut self, known: &Known<'_>) -> Option<Stick> {
        let rule = Stick::parse(&known.words(1), &known.acls(), self);
        let mut rule = self.read(known, 1, rule)?;
        let (what, span) = (known.what, known.statement.span);
        rule.table = self.keyed_table(rule.table.take(), &rule.key, span, true);
        let stage = rule.stage();
        self.refer(span, &rule.key);
        if !rule.key.tells_at(stage) {
            let (text, place) = (&rule.key.text, stage.describe());
            self.report.alert(span, format!("{what}: '{text}' has nothing to tell in {place}"));
        }
        self.judge(rule.condition.as_ref(), stage, known);
        Some(rule)
    }

    /// A rule makes keys of `table` from samples of this kind; `sticks`: for servers.
    fn uses_table(&mut self, span: Span, table: &str, key: Kind, sticks: bool) {
        let table = table.to_owned();
        self.rulebook.tables.uses.push(Use { span, table, key: Some(key), sticks });
    }

    /// All tables, once nothing is left that could name one.
    pub(super) fn take_tables(&mut self) -> Vec<StickTable> {
        let Tables { mut found, uses, .. } = std::mem::take(&mut self.rulebook.tables);
        for used in uses {
            let table = found.iter_mut().find(|(_, table)| table.name == used.table);
            let Some((_, table)) = table else {
                let names = found.iter().map(|(_, table)| table.name.as_str());
                let guess = did_you_mean(&used.table, names);
                let message = format!("there is no stick table '{}'{guess}", used.table);
                self.report.alert(used.span, message);
                self.report.help("a proxy has the one that its 'stick-table' line describes");
                continue;
            };
            if let Some(key) = used.key.filter(|key| !table.spec.kind.takes(*key)) {
                let (kind, name) = (table.spec.kind.name(), &table.name);
                let message =
                    format!("{} cannot be a key of '{name}', a table of type {kind}", key.word());
                self.report.alert(used.span, message);
            }
            if used.sticks {
                table.spec.layout.add_server();
            }
        }
        found.into_iter().map(|(_, table)| table).collect()
    }
}

fn key_kind(words: &mut Words<'_>) -> Result<KeyKind, AclError> {
    let name = words.value("type")?;
    let kind: fn(usize) -> KeyKind = match name {
        "ip" | "ipv4" => return Ok(KeyKind::Ipv4),
        "ipv6" => return Ok(KeyKind::Ipv6),
        "integer" => return Ok(KeyKind::Int),
        "string" => KeyKind::Str,
        "binary" => KeyKind::Bin,
        other => {
            return Err(AclError {
                help: Some("it can be ip, ipv6, integer, string, binary".to_owned()),
                ..words.wrong(format!("unknown type '{other}'"))
            });
        }
    };
    if words.words.get(words.at) != Some(&"len") {
        return Ok(kind(KEY_BYTES));
    }
    words.at += 1;
    let text = words.value("len")?;
    let len = text.parse().ok().filter(|len| (1..=KEY_BYTES_MAX).contains(len));
    let why = || words.wrong(format!("'{text}' is no length of 1 to {KEY_BYTES_MAX}"));
    Ok(kind(usize::try_from(len.ok_or_else(why)?).unwrap_or(usize::MAX)))
}

fn size_of(words: &mut Words<'_>) -> Result<usize, AclError> {
    let text = words.value("size")?;
    let size = units::parse_size(text).ok().filter(|size| (1..=SIZE_MAX).contains(size));
    size.ok_or_else(|| words.wrong(format!("'{text}' is no size of 1 to {SIZE_MAX} entries")))
}

fn period(text: &str) -> Option<Duration> {
    let time = units::parse_time(text, TimeUnit::Milliseconds).ok()?;
    time.excess.is_none().then_some(time.duration)
}

/// Splits at commas that stand outside of parentheses.
fn items(list: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_u32;
    list.split(move |c| {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    })
    .filter(|item| !item.is_empty())
}

/// `conn_cur`, `conn_rate(10s)`, `gpc(2)`, `gpc_rate(2,10s)`.
fn stored(item: &str) -> Result<Stored, String> {
    let (name, args) = match item.split_once('(') {
        Some((name, args)) => {
            let args = args.strip_suffix(')');
            (name, args.ok_or_else(|| format!("')' is missing in '{item}'"))?)
        }
        None => (item, ""),
    };
    let data = DataType::from_name(name).ok_or_else(|| {
        let guess = did_you_mean(name, DataType::names());
        format!("nothing is called '{name}' that a table could store{guess}")
    })?;
    let number = |text: &str| {
        let len = text.trim().parse().ok().filter(|len| (1..=ARRAY_MAX).contains(len));
        len.ok_or_else(|| format!("'{name}' needs a number of 1 to {ARRAY_MAX}"))
    };
    let time = |text: &str| {
        let period = period(text.trim()).filter(|period| !period.is_zero());
        period.ok_or_else(|| format!("'{name}' needs a period, such as {name}(10s)"))
    };
    let (len, period) = match data.shape() {
        Shape::Count | Shape::Name if args.is_empty() => (1, Duration::ZERO),
        Shape::Count | Shape::Name => return Err(format!("'{name}' takes no argument")),
        Shape::Rate => (1, time(args)?),
        Shape::Counts => (number(args)?, Duration::ZERO),
        Shape::Rates => {
            let (len, period) = args.split_once(',').unwrap_or((args, ""));
            (number(len)?, time(period)?)
        }
    };
    Ok(Stored { data, len, period })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_split_outside_of_parentheses() {
        let found: Vec<&str> = items("gpc_rate(2,10s),conn_cur,gpt(1)").collect();
        assert_eq!(found, ["gpc_rate(2,10s)", "conn_cur", "gpt(1)"]);
    }

    #[test]
    fn data_have_the_arguments_they_need() {
        let rate = stored("gpc_rate(2,10s)").unwrap();
        assert_eq!((rate.len, rate.period), (2, Duration::from_secs(10)));
        for wrong in
            ["conn_rate", "conn_rate(0)", "conn_cur(1)", "gpc", "gpc(101)", "nope", "gpc(1"]
        {
            assert!(stored(wrong).is_err(), "{wrong}");
        }
    }
}
