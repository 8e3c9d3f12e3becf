//! What fences remember, as a text that outlives the process.
//!
//! One JSON object: `{"version": 1, "groups": {BACKEND: MEMORY}}`. It is small, people can read it,
//! and what they must not do is to repair it: a text that is not understood is refused whole.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Memory;
use crate::pure::role::History;
use crate::pure::role::gtid::GtidSet;

/// The form that is written.
const VERSION: u32 = 1;

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    groups: BTreeMap<String, Group>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Group {
    #[serde(skip_serializing_if = "Option::is_none")]
    incumbent: Option<Incumbent>,
    #[serde(default)]
    former: BTreeSet<String>,
    #[serde(default)]
    followers: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    rivals: BTreeSet<String>,
}

#[derive(Deserialize, Serialize)]
struct Incumbent {
    server: String,
    #[serde(flatten)]
    history: Past,
    /// MySQL: its transactions when it took over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    began: Option<String>,
}

/// Numbers that JSON readers may round are texts.
#[derive(Deserialize, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Past {
    Postgres { system: String, timeline: u32 },
    Mysql { id: String, executed: String },
    Mariadb { id: String, executed: String },
}

/// The text of what is remembered of groups, by their names.
#[must_use]
pub fn write(groups: &BTreeMap<String, Memory>) -> String {
    let groups = groups.iter().map(|(name, memory)| {
        let incumbent = memory.incumbent.as_ref();
        let began = memory.began.as_ref().map(GtidSet::to_string);
        let incumbent = incumbent.map(|(server, history)| Incumbent {
            server: server.clone(),
            history: past(history),
            began,
        });
        let Memory { former, followers, rivals, .. } = memory.clone();
        (name.clone(), Group { incumbent, former, followers, rivals })
    });
    let file = File { version: VERSION, groups: groups.collect() };
    let mut text = serde_json::to_string_pretty(&file).unwrap_or_default();
    text.push('\n');
    text
}

/// What a text says is remembered.
///
/// # Errors
/// Why it is not understood.
pub fn read(text: &str) -> Result<BTreeMap<String, Memory>, String> {
    let file: File = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if file.version != VERSION {
        return Err(format!("it is of version {}, not {VERSION}", file.version));
    }
    let groups = file.groups.into_iter().map(|(name, group)| {
        let Group { incumbent, former, followers, rivals } = group;
        let (mut began, mut primary) = (None, None);
        if let Some(incumbent) = incumbent {
            let broken = || format!("the history of {}", incumbent.server);
            let history = history(&incumbent.history).ok_or_else(broken)?;
            if let Some(text) = &incumbent.began {
                let set = match &incumbent.history {
                    Past::Postgres { .. } => None,
                    Past::Mysql { .. } => GtidSet::mysql(text),
                    Past::Mariadb { .. } => GtidSet::mariadb(text),
                };
                began = Some(set.ok_or_else(broken)?);
            }
            primary = Some((incumbent.server, history));
        }
        Ok((name, Memory { incumbent: primary, began, former, followers, rivals }))
    });
    groups.collect()
}

fn past(history: &History) -> Past {
    match history {
        History::Postgres { system, timeline } => {
            Past::Postgres { system: system.to_string(), timeline: *timeline }
        }
        History::Mysql { server, executed } => {
            let (id, text) = (format!("{server:x}"), executed.to_string());
            match executed {
                GtidSet::Mysql(_) => Past::Mysql { id, executed: text },
                GtidSet::Mariadb(_) => Past::Mariadb { id, executed: text },
            }
        }
    }
}

fn history(past: &Past) -> Option<History> {
    let mysql = |id: &str, executed| {
        Some(History::Mysql { server: u128::from_str_radix(id, 16).ok()?, executed })
    };
    match past {
        Past::Postgres { system, timeline } => {
            Some(History::Postgres { system: system.parse().ok()?, timeline: *timeline })
        }
        Past::Mysql { id, executed } => mysql(id, GtidSet::mysql(executed)?),
        Past::Mariadb { id, executed } => mysql(id, GtidSet::mariadb(executed)?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(history: History) -> Memory {
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Memory {
            began: history.executed().cloned(),
            incumbent: Some(("a".to_owned(), history)),
            former: names(&["b", "c"]),
            followers: names(&["d"]),
            rivals: names(&["e"]),
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let postgres = History::Postgres { system: u64::MAX, timeline: 7 };
        let mysql = GtidSet::mysql("3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5:7").unwrap();
        let mariadb = GtidSet::mariadb("0-1-100,2-1-7").unwrap();
        let of = |executed| History::Mysql { server: u128::MAX, executed };
        let groups = BTreeMap::from([
            ("pg".to_owned(), memory(postgres)),
            ("my".to_owned(), memory(of(mysql))),
            ("maria".to_owned(), memory(of(mariadb))),
            ("new".to_owned(), Memory::default()),
        ]);
        assert_eq!(read(&write(&groups)).unwrap(), groups);
    }

    #[test]
    fn what_is_not_understood_is_refused_whole() {
        let whole = write(&BTreeMap::from([(
            "pg".to_owned(),
            memory(History::Postgres { system: 1, timeline: 2 }),
        )]));
        let damaged = [
            String::new(),
            whole[..whole.len() / 2].to_owned(),
            whole.replace("\"version\": 1", "\"version\": 2"),
            whole.replace("postgres", "oracle"),
            whole.replace("\"1\"", "\"one\""),
            whole.replace("former", "farmer"),
        ];
        for text in damaged {
            assert!(read(&text).is_err(), "{text}");
        }
    }
}
