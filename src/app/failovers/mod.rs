//! Records of failovers for people: files, pages and a list. What happened, what was planned and what
//! was rehearsed look the same.

pub(super) mod folder;
mod page;
pub(super) mod table;

use crate::telemetry::failover::Record;

/// A record as two files: their names and texts.
fn files(record: &Record) -> serde_json::Result<[(String, String); 2]> {
    let json = serde_json::to_string_pretty(record)?;
    let stem = stem(record);
    Ok([(format!("{stem}.json"), json), (format!("{stem}.html"), page::page(record))])
}

/// Writes a record, as it was told, into files beside us. Yields their names.
///
/// # Errors
/// It is none, or a file cannot be written.
pub(super) fn save(told: &[u8]) -> std::io::Result<Vec<String>> {
    let record: Record = serde_json::from_slice(told)?;
    let mut names = Vec::new();
    for (name, text) in files(&record)? {
        std::fs::write(&name, text)
            .map_err(|error| std::io::Error::new(error.kind(), format!("{name}: {error}")))?;
        names.push(name);
    }
    Ok(names)
}

/// What the files of a record are called: `failover-pg-20260101120000123`. Records are told apart by
/// their backends and times.
fn stem(record: &Record) -> String {
    let kind = if record.drill.is_some() { "drill" } else { record.kind.word() };
    let digits: String = record.at.chars().filter(char::is_ascii_digit).collect();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
    let backend: String =
        record.backend.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    format!("{kind}-{backend}-{digits}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_by_what_happened_and_lead_nowhere_else() {
        let mut record = Record {
            backend: "../p g".to_owned(),
            at: "2026-01-02T03:04:05.678Z".to_owned(),
            ..Record::default()
        };
        assert_eq!(stem(&record), "failover-.._p_g-20260102030405678");
        record.drill = Some(crate::telemetry::failover::Drill::default());
        let [(json, text), (html, _)] = files(&record).unwrap();
        assert_eq!(json, "drill-.._p_g-20260102030405678.json");
        assert_eq!(html, "drill-.._p_g-20260102030405678.html");
        assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), record);
    }
}
