//! The command line.

use std::net::SocketAddr;

use clap::{Parser, Subcommand};

use crate::peer::Peer;
use crate::workload::{Pace, Workload};

/// Rounds of a run whose figures are kept: a median of five forgives two disturbed ones.
const ROUNDS: usize = 5;

/// Measures direct, haproxy, nginx stream and Evenkeel on the same work, in turn.
///
/// The proxy runs on core 0, load and backend on core 1. EVENKEEL_BIN names another Evenkeel
/// than the one built with this benchmark.
#[derive(Debug, Parser)]
#[command(name = "cargo bench --bench compare --")]
pub(crate) struct Options {
    /// One short round, to see that everything works
    #[arg(long)]
    pub(crate) quick: bool,
    /// Rounds; the table shows their medians [default: 5, with --quick 1]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=100))]
    rounds: Option<u16>,
    /// Peers to measure, separated by commas
    #[arg(long, value_delimiter = ',', value_enum,
          default_values = ["direct", "floor", "haproxy", "nginx", "evenkeel"])]
    pub(crate) peers: Vec<Peer>,
    /// Only the works whose name contains one of these, separated by commas
    #[arg(long, value_delimiter = ',', value_name = "TEXT")]
    only: Vec<String>,
    /// Keep the result as benches/results/DATE-NAME.md and .jsonl
    #[arg(long, value_name = "NAME")]
    pub(crate) save: Option<String>,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
    #[command(subcommand)]
    pub(crate) role: Option<ChildRole>,
}

/// What this program does when it is a child of itself.
#[derive(Debug, Clone, Copy, Subcommand)]
#[command(disable_help_subcommand = true)]
pub(crate) enum ChildRole {
    /// Relays messages from LISTEN to BACKEND with nothing but receives and sends
    #[command(hide = true)]
    Floor {
        /// Address to listen on
        listen: SocketAddr,
        /// Address to connect to
        backend: SocketAddr,
    },
}

impl Options {
    pub(crate) fn rounds(&self) -> usize {
        let default = if self.quick { 1 } else { ROUNDS };
        self.rounds.map_or(default, usize::from)
    }

    pub(crate) fn pace(&self) -> Pace {
        if self.quick { Pace::QUICK } else { Pace::FULL }
    }

    pub(crate) fn workloads(&self) -> Vec<Workload> {
        let wanted = |workload: &Workload| {
            let name = workload.to_string();
            self.only.is_empty() || self.only.iter().any(|text| name.contains(text.as_str()))
        };
        Workload::all().into_iter().filter(wanted).collect()
    }
}
