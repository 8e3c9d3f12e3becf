//! The outcomes as a table of quantiles, and as JSON lines.

use measure::summary::{median, quantile};
use measure::table::{Table, figure};
use serde_json::{Value, json};

use super::{Outcome, Runs};

/// A measure of a run.
type Measure = (&'static str, fn(&Outcome) -> Option<f64>);

const MEASURES: [Measure; 8] = [
    ("client errors", |run| Some(run.errors)),
    ("fault to DOWN, ms", |run| run.down_ms),
    ("fault to nobody listens, ms", |run| run.shut_ms),
    ("from there to DOWN, ms", |run| Some(run.down_ms? - run.shut_ms?)),
    ("promotion to first write, ms", |run| run.first_write_ms),
    ("longest stall, ms", |run| Some(run.longest_stall_ms)),
    ("writes by two primaries", |run| Some(run.split)),
    ("records written", |run| Some(run.written)),
];

/// A row for each fault, measure and proxy.
pub(super) fn table(all: &[Runs]) -> Table {
    let heading =
        ["fault", "measure", "proxy", "median", "p90", "p99", "max"].map(str::to_owned).to_vec();
    let mut table = Table::new(3, heading);
    let mut faults: Vec<_> = all.iter().map(|runs| runs.fault).collect();
    faults.dedup();
    for fault in faults {
        for (title, of) in MEASURES {
            for runs in all.iter().filter(|runs| runs.fault == fault) {
                let values: Vec<f64> = runs.outcomes.iter().filter_map(of).collect();
                let figures = [0.5, 0.9, 0.99, 1.0]
                    .map(|part| quantile(&values, part).map_or("–".to_owned(), figure));
                let words = [fault.title(), title, runs.peer.name()].map(str::to_owned);
                table.push(words.into_iter().chain(figures).collect());
            }
        }
    }
    table
}

/// One JSON object for each measure of each proxy under each fault.
pub(super) fn json(all: &[Runs], date: &str) -> Vec<Value> {
    let of_runs = |runs: &Runs| {
        let measure = |(title, of): Measure| {
            let values: Vec<f64> = runs.outcomes.iter().filter_map(of).collect();
            json!({
                "date": date,
                "fault": runs.fault.title(),
                "measure": title,
                "peer": runs.peer.name(),
                "median": median(&values),
                "p90": quantile(&values, 0.9),
                "p99": quantile(&values, 0.99),
                "max": quantile(&values, 1.0),
                "values": values,
            })
        };
        MEASURES.map(measure)
    };
    all.iter().flat_map(of_runs).collect()
}
