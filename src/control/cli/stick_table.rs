//! `show table`, `set table`, `clear table`: what stick tables hold.
//!
//! Messages are HAProxy's, as programs look for them.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Instant;

use super::table::Running;
use super::{Answer, Call, Command, Mode, Run};
use crate::clock;
use crate::config::model::Level;
use crate::pure::stick::data::Shape;
use crate::pure::stick::key::{KeyError, KeyKind};
use crate::pure::stick::{DataType, Entry, Key, Layout, Removal, Table};
use crate::state::StickTable;

pub(super) static COMMANDS: &[Command] = &[
    Command {
        name: "clear table",
        args: "<table> [<filter>]*",
        help: "remove an entry from a table (filter: data/key)",
        level: Level::User,
        mode: Mode::Usual,
        run: Run::Later(|call, answer| -> Running<'_> { Box::pin(clear(call, answer)) }),
    },
    Command {
        name: "set table",
        args: "<table> key <k> [data.* <v>]*",
        help: "update or create a table entry's data",
        level: Level::User,
        mode: Mode::Usual,
        run: Run::Now(set),
    },
    Command {
        name: "show table",
        args: "<table> [<filter>]*",
        help: "report table usage stats or dump this table's contents (filter: data/key)",
        level: Level::User,
        mode: Mode::Usual,
        run: Run::Later(|call, answer| -> Running<'_> { Box::pin(show(call, answer)) }),
    },
];

/// Entries that are written before they are sent: an answer is not held whole.
const CHUNK: usize = 256;

/// Most filters of one command: HAProxy's number.
const FILTERS_MAX: usize = 4;

const DENIED: &str = "Permission denied";
const SHOW_ARGS: &str = "Optional argument only supports \"data.<store_data_type>\" <operator> \
     <value> and key <key>";
const CLEAR_ARGS: &str = "Required arguments: <table> \"data.<store_data_type>\" <operator> \
     <value> or <table> key <key>";
const SET_ARGS: &str = "Required arguments: <table> key <key> [data.<store_data_type> <value>]*";

const SET_BY_DATA: &str =
    "content-based lookup is only supported with the \"show\" and \"clear\" actions";

/// Which entries are meant.
enum Selection {
    All,
    Nothing,
    Key(Key),
    Where(Vec<Filter>),
}

/// `data.conn_rate gt 5`.
struct Filter {
    data: DataType,
    operator: Operator,
    value: i64,
}

#[derive(Clone, Copy)]
enum Operator {
    Eq,
    Ne,
    Le,
    Ge,
    Lt,
    Gt,
}

impl Operator {
    fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "eq" => Self::Eq,
            "ne" => Self::Ne,
            "le" => Self::Le,
            "ge" => Self::Ge,
            "lt" => Self::Lt,
            "gt" => Self::Gt,
            _ => return None,
        })
    }

    fn holds(self, left: i64, right: i64) -> bool {
        match self {
            Self::Eq => left == right,
            Self::Ne => left != right,
            Self::Le => left <= right,
            Self::Ge => left >= right,
            Self::Lt => left < right,
            Self::Gt => left > right,
        }
    }
}

impl Filter {
    fn takes(&self, entry: &Entry, layout: &Layout, now: Instant) -> bool {
        // A name counts as 0, and of an array its first place counts.
        let number = match self.data.shape() {
            Shape::Name => Some(0),
            _ => entry.number(layout, (self.data, 0), now),
        };
        number.is_some_and(|number| {
            self.operator.holds(i64::try_from(number).unwrap_or(i64::MAX), self.value)
        })
    }
}

impl Selection {
    fn takes(&self, entry: &Entry, layout: &Layout, now: Instant) -> bool {
        match self {
            Self::All | Self::Key(_) => true,
            Self::Nothing => false,
            Self::Where(filters) => filters.iter().all(|filter| filter.takes(entry, layout, now)),
        }
    }
}

/// The table that a command names; `None` was refused.
fn named(call: &Call<'_>, answer: &mut Answer<'_>) -> Option<Arc<StickTable>> {
    let found = call.shared.process.objects().tables.find(call.arg(0)).cloned();
    if found.is_none() {
        answer.refuse("No such table");
    }
    found
}

/// The entries that the words behind the table's name mean; `usage` where they mean nothing.
fn selection(call: &Call<'_>, table: &StickTable, usage: &str) -> Result<Selection, String> {
    match call.arg(1) {
        "" => Ok(Selection::All),
        "key" if call.client.level < Level::Operator => Err(DENIED.to_owned()),
        "key" if is_no_address(call.arg(2), table) => Ok(Selection::Nothing),
        "key" => key(call, table).map(Selection::Key),
        word if word.starts_with("data.") => {
            let mut filters = Vec::new();
            for (number, words) in call.args()[1..].chunks(3).enumerate() {
                if number == FILTERS_MAX {
                    let at = 3 * FILTERS_MAX;
                    let (position, last) = (call.named + 1 + at + 1, call.arg(at));
                    return Err(format!(
                        "Detected extra data in filter, {position}th word of input, after '{last}'"
                    ));
                }
                let filter = filter(words, table);
                filters.push(filter.map_err(|why| format!("Filter entry #{}: {why}", number + 1))?);
            }
            Ok(Selection::Where(filters))
        }
        _ => Err(usage.to_owned()),
    }
}

/// Whether this is no key of a table of IPv4 addresses: HAProxy takes any word for one there. None is
/// found under it, and none is made of it here.
fn is_no_address(word: &str, table: &StickTable) -> bool {
    let kind = table.lock().spec().kind;
    kind == KeyKind::Ipv4 && !word.is_empty() && kind.parse(word).is_err()
}

fn key(call: &Call<'_>, table: &StickTable) -> Result<Key, String> {
    let word = call.arg(2);
    if word.is_empty() {
        return Err("Key value expected".to_owned());
    }
    let kind = table.lock().spec().kind;
    kind.parse(word).map_err(|error| match error {
        KeyError::Invalid => "Invalid key".to_owned(),
        KeyError::Unwritable => {
            let verb = match call.words[0].as_str() {
                "show" => "Showing",
                "clear" => "Removing",
                _ => "Inserting",
            };
            let place = if verb == "Inserting" { "into" } else { "from" };
            format!(
                "{verb} keys {place} tables of type other than ip, ipv6, string and integer is \
                 not supported"
            )
        }
    })
}

fn filter(words: &[String], table: &StickTable) -> Result<Filter, &'static str> {
    let word = |index: usize| words.get(index).map_or("", String::as_str);
    let name = word(0).strip_prefix("data.").ok_or("Data type expected")?;
    let data = DataType::from_name(name).ok_or("Unknown data type")?;
    if table.lock().spec().layout.get(data).is_none() {
        return Err("Data type not stored in this table");
    }
    let operator = Operator::from_name(word(1))
        .ok_or(r#"Require and operator among "eq", "ne", "le", "ge", "lt", "gt""#)?;
    let value = word(2).parse().map_err(|_| "Require a valid integer value to compare against")?;
    Ok(Filter { data, operator, value })
}

async fn show(call: &mut Call<'_>, answer: &mut Answer<'_>) {
    let process = &call.shared.process;
    // What running sessions moved counts.
    process.sessions.count_bytes(process);
    if call.arg(0).is_empty() {
        let tables = process.objects().tables.clone();
        for table in tables.iter().rev() {
            header(table, answer);
        }
        return;
    }
    let Some(table) = named(call, answer) else { return };
    let selection = match selection(call, &table, SHOW_ARGS) {
        Ok(selection) => selection,
        Err(message) => return answer.refuse(message),
    };
    let keys = match &selection {
        Selection::Key(key) => {
            if table.lock().find(key, clock::now()).is_none() {
                return;
            }
            vec![key.clone()]
        }
        Selection::Nothing => return,
        _ => table.lock().keys(clock::now()),
    };
    header(&table, answer);
    if call.client.level < Level::Operator {
        return answer.line("# contents not dumped due to insufficient privileges");
    }
    for keys in keys.chunks(CHUNK) {
        for key in keys {
            if let Some(line) = line(&mut table.lock(), key, &selection) {
                answer.push(&line);
            }
        }
        if answer.flush().await.is_err() {
            return;
        }
    }
}

fn header(table: &StickTable, answer: &mut Answer<'_>) {
    let mut entries = table.lock();
    let used = entries.len(clock::now());
    let spec = entries.spec();
    let (name, kind, size) = (&table.name, spec.kind.name(), spec.size);
    answer.line(format_args!("# table: {name}, type: {kind}, size:{size}, used:{used}"));
}

/// The line of an entry, if it is selected.
fn line(table: &mut Table, key: &Key, selection: &Selection) -> Option<String> {
    let now = clock::now();
    let expire = table.spec().expire;
    let (entry, layout) = table.find(key, now)?;
    if !selection.takes(entry, layout, now) {
        return None;
    }
    let exp = expire.map_or(0, |expire| entry.rest(expire, now).as_millis());
    let mut data = String::new();
    for stored in layout.stored() {
        let name = stored.data.name();
        let period = stored.period.as_millis();
        let number = |index| entry.number(layout, (stored.data, index), now).unwrap_or(0);
        // Writing to a string cannot fail.
        let _ = match stored.data.shape() {
            Shape::Count => write!(data, " {name}={}", number(0)),
            Shape::Rate => write!(data, " {name}({period})={}", number(0)),
            Shape::Name => {
                write!(data, " {name}={}", entry.server_key.as_deref().unwrap_or("-"))
            }
            Shape::Counts => (0..stored.len)
                .try_for_each(|index| write!(data, " {name}{index}={}", number(index))),
            Shape::Rates => {
                let name = name.trim_end_matches("_rate");
                (0..stored.len).try_for_each(|index| {
                    write!(data, " {name}{index}_rate({period})={}", number(index))
                })
            }
        };
    }
    let holders = entry.holders();
    // HAProxy shows where in memory the entry is: here that is its place in the order of use.
    let place = entry.turn();
    Some(format!("{place:#x}: key={key} use={holders} exp={exp}{data}\n"))
}

async fn clear(call: &mut Call<'_>, answer: &mut Answer<'_>) {
    if call.client.level < Level::Operator {
        return answer.refuse(DENIED);
    }
    if call.arg(0).is_empty() {
        return answer.refuse(CLEAR_ARGS);
    }
    let Some(table) = named(call, answer) else { return };
    let selection = match selection(call, &table, CLEAR_ARGS) {
        Ok(selection) => selection,
        Err(message) => return answer.refuse(message),
    };
    if let Selection::Key(key) = &selection {
        if table.lock().remove(key, clock::now()) == Removal::Held {
            answer.refuse("Entry currently in use, cannot remove");
        }
        return;
    }
    let keys = table.lock().keys(clock::now());
    for keys in keys.chunks(CHUNK) {
        for key in keys {
            let mut table = table.lock();
            let now = clock::now();
            let is_selected =
                |(entry, layout): (&mut Entry, &Layout)| selection.takes(entry, layout, now);
            if table.find(key, now).is_some_and(is_selected) {
                // One that is held stays, as in HAProxy.
                let _ = table.remove(key, now);
            }
        }
        tokio::task::yield_now().await;
    }
}

fn set(call: &mut Call<'_>, answer: &mut Answer<'_>) {
    if call.client.level < Level::Operator {
        return answer.refuse(DENIED);
    }
    if call.arg(0).is_empty() {
        return answer.refuse(SET_ARGS);
    }
    let Some(table) = named(call, answer) else { return };
    match call.arg(1) {
        "" => return,
        "key" => {}
        word if word.starts_with("data.") => return answer.refuse(SET_BY_DATA),
        _ => return answer.refuse(SET_ARGS),
    }
    let key = match key(call, &table) {
        Ok(key) => key,
        Err(message) => return answer.refuse(message),
    };
    let (mut table, now) = (table.lock(), clock::now());
    let Some((entry, layout)) = table.obtain(&key, now) else {
        return answer.refuse("Unable to allocate a new entry");
    };
    for pair in call.args()[3..].chunks(2) {
        if let Err(message) = set_data(entry, layout, pair, now) {
            return answer.refuse(message);
        }
    }
}

fn set_data(
    entry: &mut Entry,
    layout: &Layout,
    pair: &[String],
    now: Instant,
) -> Result<(), &'static str> {
    let name = pair[0].strip_prefix("data.");
    let name = name.ok_or("\"data.<type>\" followed by a value expected")?;
    let data = DataType::from_name(name).ok_or("Unknown data type")?;
    if layout.get(data).is_none() {
        return Err("Data type not stored in this table");
    }
    let value: Option<i64> = pair.get(1).and_then(|value| value.parse().ok());
    let value = value.ok_or("Require a valid integer value to store")?;
    // Negative numbers wrap, as in HAProxy.
    entry.set(layout, (data, 0), value as u64, now);
    Ok(())
}
