//! Pure: failovers as a list on a terminal.

use crate::telemetry::failover::{Record, Verdict};

/// What nobody knows.
const UNKNOWN: &str = "?";

/// What stands in place of nothing at all.
const NONE: &str = "No failover is on record.\n";

/// Records, a JSON object a line, as text with a header for columns; anything else stays as it is.
#[must_use]
pub(in crate::app) fn table(answer: &str) -> String {
    let lines = answer.lines().filter(|line| !line.is_empty());
    let records: Result<Vec<Record>, _> = lines.map(serde_json::from_str).collect();
    match records {
        Ok(records) if records.is_empty() => NONE.to_owned(),
        Ok(records) => rows(&records),
        Err(_) => answer.to_owned(),
    }
}

/// One row a record; no cell is empty or has a blank.
fn rows(records: &[Record]) -> String {
    let mut text =
        "# at backend what from to seconds detect errors cut held missing rto rpo\n".to_owned();
    for record in records {
        let seconds = |time: Option<f64>| time.map_or(UNKNOWN.to_owned(), |t| format!("{t:.3}"));
        let count = |count: Option<u64>| count.map_or(UNKNOWN.to_owned(), |n| n.to_string());
        let verdict = |verdict: Option<Verdict>| verdict.map_or("-", Verdict::word);
        let what = match &record.drill {
            Some(drill) => format!("drill:{}", drill.fault),
            None => record.kind.word().to_owned(),
        };
        let at = record.at.split_once('.').map_or(&*record.at, |(at, _)| at);
        let cells = [
            at.to_owned(),
            record.backend.clone(),
            what,
            record.from.clone(),
            match &record.to {
                Some(to) if *to == record.from => "itself".to_owned(),
                Some(to) => to.clone(),
                None => "nobody".to_owned(),
            },
            seconds(record.seconds.total),
            seconds(record.seconds.detect),
            count(record.client_errors),
            count(record.sessions_cut),
            count(record.clients_held.map(u64::from)),
            record.rpo.map_or(UNKNOWN.to_owned(), |_| record.missing().replace(' ', "_")),
            verdict(record.verdict.rto).to_owned(),
            verdict(record.verdict.rpo).to_owned(),
        ];
        text.push_str(&cells.join(" "));
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_what_is_not_known() {
        let record = Record {
            backend: "pg".to_owned(),
            from: "a".to_owned(),
            at: "2026-01-02T03:04:05.678Z".to_owned(),
            rpo: Some(7),
            rpo_unit: "bytes".to_owned(),
            ..Record::default()
        };
        let line = serde_json::to_string(&record).unwrap();
        let rows = table(&format!("{line}\n\n"));
        let row = rows.lines().nth(1).unwrap();
        assert_eq!(row, "2026-01-02T03:04:05 pg failover a nobody ? ? ? ? ? 7_bytes - -");
        let [header, row] = [rows.lines().next().unwrap(), row].map(|l| l.split(' ').count());
        let again = Record { to: Some("a".to_owned()), ..record.clone() };
        let rows = table(&serde_json::to_string(&again).unwrap());
        assert!(rows.contains(" a itself ? "), "{rows}");
        assert_eq!(header, row + 1, "the mark of a header");
        assert_eq!(table("\n"), NONE);
        assert_eq!(table("No such backend.\n"), "No such backend.\n");
    }
}
