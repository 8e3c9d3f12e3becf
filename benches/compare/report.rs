//! The figures of all rounds, and the table of their medians with Evenkeel's distance to the
//! better of its peers and to the kernel's floor.

use measure::summary::median;
use measure::table::{Table, figure};
use serde_json::{Value, json};

use crate::peer::Peer;
use crate::reading::{Better, Measure, Reading};
use crate::workload::Workload;

/// A load that waited longer than this part of its time shared its core with other work; on a
/// quiet machine the kernel's own threads take up to 2 % (measured: connection rate).
const DISTURBED_SHARE: f64 = 0.05;

/// The values of one measure of one work for one peer, one a round.
struct Series {
    workload: Workload,
    measure: Measure,
    peer: Peer,
    values: Vec<f64>,
}

/// Everything measured so far.
#[derive(Default)]
pub(crate) struct Report {
    /// In the order of their first value; a few hundred at most.
    series: Vec<Series>,
}

impl Report {
    /// Adds one measurement.
    pub(crate) fn add(&mut self, workload: Workload, peer: Peer, readings: Vec<Reading>) {
        for (measure, value) in readings {
            let known = self.series.iter_mut().find(|series| {
                (series.workload, series.measure, series.peer) == (workload, measure, peer)
            });
            match known {
                Some(series) => series.values.push(value),
                None => self.series.push(Series { workload, measure, peer, values: vec![value] }),
            }
        }
    }

    fn median(&self, workload: Workload, measure: Measure, peer: Peer) -> Option<f64> {
        let series = self.series.iter().find(|series| {
            (series.workload, series.measure, series.peer) == (workload, measure, peer)
        })?;
        median(&series.values)
    }

    /// The rows: each work's measures, in the order of [`Workload::all`] and [`Measure`].
    fn rows(&self) -> Vec<(Workload, Measure)> {
        let mut rows = Vec::new();
        for workload in Workload::all() {
            let of_work = self.series.iter().filter(|series| {
                series.workload == workload && series.measure != Measure::Disturbed
            });
            let mut measures: Vec<_> = of_work.map(|series| series.measure).collect();
            measures.sort();
            measures.dedup();
            rows.extend(measures.into_iter().map(|measure| (workload, measure)));
        }
        rows
    }

    /// The table of medians for `peers`.
    pub(crate) fn table(&self, peers: &[Peer]) -> Table {
        let mut heading = vec!["work".to_owned(), "measure".to_owned()];
        heading.extend(peers.iter().map(|peer| peer.name().to_owned()));
        heading.extend(["evenkeel ÷ better peer".to_owned(), "evenkeel ÷ floor".to_owned()]);
        let mut table = Table::new(2, heading);
        for (workload, measure) in self.rows() {
            let value = |peer| self.median(workload, measure, peer);
            let mut row = vec![workload.to_string(), measure.title().to_owned()];
            row.extend(peers.iter().map(|&peer| value(peer).map_or("–".to_owned(), figure)));
            let evenkeel = value(Peer::Evenkeel);
            let better = better(measure.better(), value(Peer::Haproxy), value(Peer::Nginx));
            let floor = value(Peer::Floor).filter(|_| measure.better() != Better::Neither);
            row.extend([ratio(evenkeel, better), ratio(evenkeel, floor)]);
            table.push(row);
        }
        table
    }

    /// A sentence on how often other work shared the load's core, which blurs every latency.
    pub(crate) fn quiet(&self) -> String {
        let disturbed = self.series.iter().filter(|series| series.measure == Measure::Disturbed);
        let shares: Vec<f64> = disturbed.flat_map(|series| series.values.clone()).collect();
        let many = shares.iter().filter(|&&share| share > DISTURBED_SHARE).count();
        format!("Measurements disturbed by other work on the machine: {many} of {}.", shares.len())
    }

    /// One JSON object for each measure of each work and peer.
    pub(crate) fn json(&self, date: &str) -> Vec<Value> {
        let object = |series: &Series| {
            json!({
                "date": date,
                "work": series.workload.to_string(),
                "measure": series.measure.title(),
                "peer": series.peer.name(),
                "median": median(&series.values),
                "values": series.values,
            })
        };
        self.series.iter().map(object).collect()
    }
}

fn better(better: Better, one: Option<f64>, other: Option<f64>) -> Option<f64> {
    let of_both = [one, other].into_iter().flatten();
    match better {
        Better::Lower => of_both.reduce(f64::min),
        Better::Higher => of_both.reduce(f64::max),
        Better::Neither => None,
    }
}

fn ratio(value: Option<f64>, to: Option<f64>) -> String {
    match (value, to) {
        (Some(value), Some(to)) if to != 0.0 => format!("{:.2}", value / to),
        _ => String::new(),
    }
}
