//! Converters: what is done with a value on its way to whoever asked.

pub mod arith;
pub mod bytes;
pub mod json;
pub mod protocols;
pub mod text;
mod time;
mod untold;

#[cfg(test)]
mod tests;

use std::net::{Ipv4Addr, Ipv6Addr};

use super::args::FileName;
use super::fetch::{Arg, Fact, Fetch};
use super::tracked::{Data, Subject, Tracked};
use super::value::{Kind, Value};
use super::variable::Variable;
use super::{Assignment, Definitions, Facts, Fetched};
use crate::pure::acl::pattern::{Method, PatternUse, PatternsId};
use crate::pure::tls::verify_errors;
use arith::Arith;
use bytes::Bytes;
use protocols::Protocol;
use text::Text;
use time::Date;

/// One converter, arguments included.
#[derive(Clone, Debug, PartialEq)]
pub enum Converter {
    /// On numbers.
    Arith(Arith),
    /// On bytes.
    Bytes(Bytes),
    /// On text.
    Text(Text),
    /// On seconds.
    Date(Date),
    /// `json_query(path)`.
    Json(json::Query),
    /// On messages of FIX and MQTT.
    Protocol(Protocol),
    /// `ipmask(mask4,mask6)`.
    IpMask(Ipv4Addr, Option<Ipv6Addr>),
    /// `map…(file,default)`.
    Map(Map),
    /// `set-var(name)`: the value goes on unchanged.
    SetVar(Assignment),
    /// `unset-var(name)`: the value goes on unchanged.
    UnsetVar(Variable),
    /// `in_table(t)`, `table_conn_cur(t)` and so on: the value is the key. No datum: whether the
    /// key is known.
    Table {
        /// The table's name.
        table: String,
        /// What of the entry.
        data: Option<Data>,
        /// The place in an array of counters.
        index: u32,
    },
    /// `nbsrv`, `srv_queue`: the value names the proxy or server.
    About(Fact),
    /// `debug`: the value goes on unchanged.
    Debug,
    /// One of HTTP or the like that is never told here: the kinds it takes and yields.
    Untold(Kind, Kind),
    /// `x509_v_err_str`: the name of an error of a certificate, or its number.
    VerifyError,
}

/// A look into a map.
#[derive(Clone, Debug, PartialEq)]
pub struct Map {
    /// Its patterns.
    pub patterns: PatternsId,
    /// How they match.
    pub method: Method,
    /// The kind of what it yields.
    pub output: Kind,
    /// What it yields where nothing matches.
    pub default: Option<Value>,
    /// `map_regm`: groups of the expression are put into what it yields.
    pub fills: bool,
}

/// Names that stand for themselves here.
const OTHERS: [&str; 18] = [
    "x509_v_err_str",
    "map",
    "ipmask",
    "set-var",
    "unset-var",
    "in_table",
    "nbsrv",
    "srv_queue",
    "debug",
    "utime",
    "ltime",
    "http_date",
    "hmac",
    "json_query",
    "fix_is_valid",
    "fix_tag_value",
    "mqtt_is_valid",
    "mqtt_field_value",
];

/// Every name, for suggestions; of maps only the shortest.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    arith::names().chain(bytes::NAMES).chain(text::NAMES).chain(OTHERS)
}

impl Converter {
    /// The converter called `name`; `None` where there is none. The message says what is wrong with
    /// `args`.
    pub(super) fn parse(
        name: &str,
        args: &[String],
        definitions: &mut dyn Definitions,
    ) -> Option<Result<Self, String>> {
        if let Some(arith) = Arith::parse(name, args) {
            return Some(arith.map(Self::Arith));
        }
        if let Some(bytes) = Bytes::parse(name, args) {
            return Some(bytes.map(Self::Bytes));
        }
        if let Some(text) = Text::parse(name, args) {
            return Some(text.map(Self::Text));
        }
        if let Some(date) = Date::parse(name, args) {
            return Some(date.map(Self::Date));
        }
        if name == "json_query" {
            return Some(json::Query::parse(args).map(Self::Json));
        }
        if let Some(protocol) = Protocol::parse(name, args) {
            return Some(protocol.map(Self::Protocol));
        }
        if name == "map" || name.starts_with("map_") {
            return Map::parse(name, args, definitions).map(|map| map.map(Self::Map));
        }
        if name == "in_table" || name.starts_with("table_") {
            let made = table(name, args);
            if let Some(Ok(Self::Table { table, .. })) = &made {
                definitions.table(Some(table));
            }
            return made;
        }
        Some(match name {
            "ipmask" => ip_mask(args),
            "set-var" => Assignment::parse(args.iter().map(String::as_str)).map(Self::SetVar),
            "unset-var" => match args {
                [name] => Variable::parse(name).map(Self::UnsetVar),
                _ => Err("it takes a variable".to_owned()),
            },
            "nbsrv" => no_args(args).map(|()| Self::About(Fact::NbSrv)),
            "srv_queue" => no_args(args).map(|()| Self::About(Fact::SrvQueue)),
            "debug" => Ok(Self::Debug),
            "x509_v_err_str" => no_args(args).map(|()| Self::VerifyError),
            _ => return untold::parse(name, args),
        })
    }

    /// The kind it takes.
    #[must_use]
    pub fn input(&self) -> Kind {
        match self {
            Self::Arith(_) | Self::Date(_) | Self::VerifyError => Kind::Int,
            Self::Bytes(bytes) => bytes.input(),
            Self::Text(text) => text.input(),
            Self::IpMask(..) => Kind::Addr,
            Self::Map(map) => map.method.looks_at(),
            Self::About(_) | Self::Json(_) => Kind::Str,
            Self::Protocol(_) => Kind::Bin,
            Self::Untold(input, _) => *input,
            Self::SetVar(_) | Self::UnsetVar(_) | Self::Table { .. } | Self::Debug => Kind::Any,
        }
    }

    /// The kind it yields.
    #[must_use]
    pub fn output(&self) -> Kind {
        match self {
            Self::Arith(arith) => arith.output(),
            Self::Bytes(bytes) => bytes.output(),
            Self::Text(text) => text.output(),
            Self::Date(_) | Self::VerifyError => Kind::Str,
            Self::Untold(_, output) => *output,
            Self::Protocol(protocol) => protocol.output(),
            Self::IpMask(..) => Kind::Addr,
            Self::Map(map) => map.output,
            Self::Table { data: None, .. } => Kind::Bool,
            Self::Table { .. } | Self::About(_) => Kind::Int,
            // HAProxy forgets what it was.
            Self::Json(_) | Self::SetVar(_) | Self::UnsetVar(_) | Self::Debug => Kind::Any,
        }
    }

    /// The value behind it; `None` where it has none, which ends the expression.
    pub(super) fn apply(&self, value: Value, facts: &dyn Facts) -> Option<Value> {
        let value = value.cast(self.input())?;
        match self {
            Self::Arith(arith) => arith.apply(value.as_int()?, facts),
            Self::Bytes(bytes) => bytes.apply(value, facts),
            Self::Text(text) => text.apply(value, facts),
            Self::Date(date) => date.apply(value.as_int()?, facts),
            Self::Json(query) => query.apply(&value.into_bytes()),
            Self::Protocol(protocol) => protocol.apply(&value.into_bytes()),
            Self::IpMask(v4, v6) => masked(value, *v4, *v6),
            Self::Map(map) => map.apply(value, facts),
            Self::SetVar(assignment) => {
                assignment.assign(value.clone(), facts);
                Some(value)
            }
            Self::UnsetVar(name) => {
                facts.set_variable(name, None);
                Some(value)
            }
            Self::Table { table, data, index } => facts.in_table(table, *data, *index, &value),
            Self::About(fact) => {
                let name = String::from_utf8(value.into_bytes()).ok()?;
                let arg = match (fact, name.split_once('/')) {
                    (Fact::NbSrv, _) => Arg::Text(name),
                    (_, Some((backend, server))) => {
                        Arg::Server(Some(backend.to_owned()), server.to_owned())
                    }
                    (_, None) => Arg::Server(None, name),
                };
                match facts.fact(*fact, &[arg]) {
                    Fetched::Value(value) | Fetched::SoFar(value) => Some(value),
                    Fetched::Absent | Fetched::NotYet => None,
                }
            }
            Self::Debug => Some(value),
            Self::Untold(..) => None,
            Self::VerifyError => {
                let code = value.as_int()?;
                let name = verify_errors::name(code).unwrap_or_else(|| code.to_string());
                Some(Value::Str(name.into_bytes()))
            }
        }
    }
}

/// Methods a map may have, by the word in its name.
const MAP_METHODS: [(&str, Method); 10] = [
    ("str", Method::Str),
    ("beg", Method::Beg),
    ("dir", Method::Dir),
    ("dom", Method::Dom),
    ("end", Method::End),
    ("sub", Method::Sub),
    ("int", Method::Int),
    ("ip", Method::Ip),
    ("reg", Method::Reg),
    ("regm", Method::Reg),
];

impl Map {
    fn parse(
        name: &str,
        args: &[String],
        definitions: &mut dyn Definitions,
    ) -> Option<Result<Self, String>> {
        let mut words = name.split('_').skip(1);
        let word = words.next().unwrap_or("str");
        let (_, method) = *MAP_METHODS.iter().find(|(known, _)| *known == word)?;
        let output = match words.next() {
            None => Kind::Str,
            Some("str") => Kind::Str,
            Some("int") => Kind::Int,
            Some("ip") => Kind::Addr,
            Some(_) => return None,
        };
        if words.next().is_some() {
            return None;
        }
        let [file, default @ ..] = args else {
            return Some(Err("it takes the name of a file".to_owned()));
        };
        if default.len() > 1 {
            return Some(Err("it takes a file and perhaps a default".to_owned()));
        }
        let default = match default.first() {
            None => None,
            Some(text) => match checked_output(text, output) {
                Some(value) => Some(value),
                None => {
                    let kind = output.word();
                    return Some(Err(format!("the default '{text}' is no {kind}")));
                }
            },
        };
        let written = PatternUse::map(FileName::parse(file), method, output);
        let patterns = definitions.patterns(written);
        let fills = word == "regm";
        Some(patterns.map(|patterns| Self { patterns, method, output, default, fills }))
    }

    fn apply(&self, value: Value, facts: &dyn Facts) -> Option<Value> {
        let found = facts.lookup(self.patterns, &value);
        match found.map(|found| found.value.unwrap_or_default()) {
            Some(text) if self.fills => {
                let filled = facts.fill(self.patterns, &value, &text);
                Some(Value::Str(filled.unwrap_or_else(|| text.into_bytes())))
            }
            Some(text) => map_output(&text, self.output),
            None => self.default.clone(),
        }
    }
}

/// What a map yields, where its file may have it.
#[must_use]
pub fn checked_output(text: &str, kind: Kind) -> Option<Value> {
    if kind == Kind::Int && text.parse::<i64>().is_err() {
        return None;
    }
    map_output(text, kind)
}

fn map_output(text: &str, kind: Kind) -> Option<Value> {
    Value::text(text).cast(kind)
}

fn ip_mask(args: &[String]) -> Result<Converter, String> {
    let bad = |text: &str| format!("'{text}' is no netmask: write '24' or '255.255.255.0'");
    let mask4 = |text: &str| match text.parse::<u32>() {
        Ok(bits @ 0..=32) => {
            Some(Ipv4Addr::from_bits(u32::MAX.checked_shl(32 - bits).unwrap_or(0)))
        }
        Ok(_) => None,
        Err(_) => text.parse().ok(),
    };
    let mask6 = |text: &str| match text.parse::<u32>() {
        Ok(bits @ 0..=128) => {
            Some(Ipv6Addr::from_bits(u128::MAX.checked_shl(128 - bits).unwrap_or(0)))
        }
        Ok(_) => None,
        Err(_) => text.parse().ok(),
    };
    match args {
        [v4] => Ok(Converter::IpMask(mask4(v4).ok_or_else(|| bad(v4))?, None)),
        [v4, v6] => Ok(Converter::IpMask(
            mask4(v4).ok_or_else(|| bad(v4))?,
            Some(mask6(v6).ok_or_else(|| bad(v6))?),
        )),
        _ => Err("it takes a netmask, and perhaps one for IPv6".to_owned()),
    }
}

/// An address of IPv6 that has one of IPv4 inside is one of IPv4 here.
fn masked(value: Value, v4: Ipv4Addr, v6: Option<Ipv6Addr>) -> Option<Value> {
    match (value.clone().cast(Kind::Ipv4), value) {
        (Some(Value::Ipv4(ip)), _) => Some(Value::Ipv4(ip & v4)),
        (_, Value::Ipv6(ip)) => v6.map(|mask| Value::Ipv6(ip & mask)),
        _ => None,
    }
}

fn table(name: &str, args: &[String]) -> Option<Result<Converter, String>> {
    if name == "in_table" {
        return Some(match args {
            [table] => Ok(Converter::Table { table: table.clone(), data: None, index: 0 }),
            _ => Err("it takes the name of a table".to_owned()),
        });
    }
    // `table_gpc(index,table)` asks what `src_get_gpc(index,table)` asks.
    let rest = name.strip_prefix("table_")?;
    if rest == "server_id" {
        return Some(match args {
            [table] => {
                Ok(Converter::Table { table: table.clone(), data: Some(Data::ServerId), index: 0 })
            }
            _ => Err("it takes the name of a table".to_owned()),
        });
    }
    let getter = match rest {
        "gpc" | "gpc0" | "gpc1" | "gpt" | "gpt0" => format!("src_get_{rest}"),
        "trackers" => "sc0_trackers".to_owned(),
        _ => format!("src_{rest}"),
    };
    let parsed = Tracked::parse(&getter, args)?;
    Some(parsed.and_then(|tracked| {
        debug_assert!(!matches!(tracked.subject, Subject::Table));
        let table = tracked.table.ok_or("it takes the name of a table")?;
        Ok(Converter::Table { table, data: Some(tracked.data), index: tracked.index })
    }))
}

/// An error where there are arguments.
fn no_args(args: &[String]) -> Result<(), String> {
    if args.is_empty() { Ok(()) } else { Err("it takes no argument".to_owned()) }
}

/// The only argument as a number.
fn optional_int(args: &[String], default: i64) -> Result<i64, String> {
    match args {
        [] => Ok(default),
        [text] => text.parse().map_err(|_| format!("'{text}' is no number")),
        _ => Err("it takes at most one number".to_owned()),
    }
}

impl From<Tracked> for Fetch {
    fn from(tracked: Tracked) -> Self {
        Self::Tracked(tracked)
    }
}
