//! The outcomes of all runs as a table of medians and 99th percentiles, and as JSON lines.

use measure::summary::{median, quantile};
use measure::table::{Table, figure};
use serde_json::{Value, json};

use crate::load::Failure;
use crate::proxy::Proxy;
use crate::run::Outcome;

/// The runs of each proxy.
pub(crate) type Runs = Vec<(Proxy, Vec<Outcome>)>;

/// One measure of every run of a proxy.
struct Row {
    title: &'static str,
    values: Vec<f64>,
}

fn rows(outcomes: &[Outcome]) -> Vec<Row> {
    let row = |title, of: &dyn Fn(&Outcome) -> Option<f64>| Row {
        title,
        values: outcomes.iter().filter_map(of).collect(),
    };
    let mut rows = vec![
        row("connections", &|run| Some(run.connections)),
        row("failed connections", &|run| Some(run.failures.iter().sum())),
    ];
    for (index, failure) in Failure::ALL.into_iter().enumerate() {
        rows.push(row(title(failure), &|run| Some(run.failures[index])));
    }
    rows.extend([
        row("runs in which the backup served", &|run| run.first_backup_ms.map(|_| 1.0)),
        row("kill to first answer by the backup, ms", &|run| run.first_backup_ms),
        row("kill to last failure, ms", &|run| Some(run.last_failure_ms)),
        row("longest time without an answer, ms", &|run| Some(run.longest_stall_ms)),
        row("slowest answer from its connect, ms", &|run| Some(run.slowest_answer_ms)),
    ]);
    rows
}

fn title(failure: Failure) -> &'static str {
    match failure {
        Failure::Refused => "– refused",
        Failure::Reset => "– reset",
        Failure::Closed => "– closed before the greeting",
        Failure::Interrupted => "– cut after the greeting",
        Failure::BadAnswer => "– error or nonsense answered",
        Failure::TimedOut => "– no answer within 15 s",
        Failure::Other => "– another error",
    }
}

/// A column pair for each proxy.
pub(crate) fn table(runs: &Runs) -> Table {
    let mut heading = vec!["measure".to_owned()];
    let columns: Vec<Vec<Row>> = runs.iter().map(|(_, outcomes)| rows(outcomes)).collect();
    for (proxy, _) in runs {
        heading.extend(["median", "p99"].map(|what| format!("{} {what}", proxy.name())));
    }
    let mut table = Table::new(1, heading);
    let titles = columns.first().map(|rows| rows.iter().map(|row| row.title).collect::<Vec<_>>());
    for (index, title) in titles.unwrap_or_default().into_iter().enumerate() {
        let mut cells = vec![title.to_owned()];
        for rows in &columns {
            let values = &rows[index].values;
            cells.extend([median(values), quantile(values, 0.99)].map(cell));
        }
        table.push(cells);
    }
    table
}

fn cell(value: Option<f64>) -> String {
    value.map_or("–".to_owned(), figure)
}

/// One JSON object for each measure of each proxy.
pub(crate) fn json(runs: &Runs, date: &str) -> Vec<Value> {
    let mut objects = Vec::new();
    for (proxy, outcomes) in runs {
        for row in rows(outcomes) {
            objects.push(json!({
                "date": date,
                "measure": row.title,
                "peer": proxy.name(),
                "median": median(&row.values),
                "p99": quantile(&row.values, 0.99),
                "values": row.values,
            }));
        }
    }
    objects
}
