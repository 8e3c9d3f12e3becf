//! The command line.

use std::net::SocketAddr;
use std::time::Duration;

use clap::{Parser, Subcommand, value_parser};

use crate::proxy::Proxy;
use crate::roles::Roles;
use crate::run::Plan;

/// The interval of the configuration's checks: the kills of a series are spread over it.
const CHECK_INTERVAL: Duration = Duration::from_secs(2);

/// Kills the primary of a database pair under load and counts what the clients see.
///
/// EVENKEEL_BIN names another Evenkeel than the one built with this benchmark.
#[derive(Debug, Parser)]
#[command(name = "cargo bench --bench failover --")]
pub(crate) struct Options {
    /// Runs of each proxy
    #[arg(long, default_value_t = 20, value_parser = value_parser!(u16).range(1..=1000))]
    pub(crate) runs: u16,
    /// New connections a second
    #[arg(long, default_value_t = 500, value_parser = value_parser!(u16).range(1..=1000))]
    rate: u16,
    /// Seconds of load after the kill
    #[arg(long, default_value_t = 8, value_parser = value_parser!(u16).range(1..=60))]
    after: u16,
    /// Proxies to run, separated by commas
    #[arg(long, value_delimiter = ',', value_enum, default_values = ["haproxy", "evenkeel"])]
    pub(crate) peers: Vec<Proxy>,
    /// A pair of real MariaDB servers instead of scripted ones
    #[arg(long)]
    pub(crate) real: bool,
    /// Keep the result as benches/results/DATE-NAME.md and .jsonl
    #[arg(long, value_name = "NAME")]
    pub(crate) save: Option<String>,
    /// Given by cargo
    #[arg(long, hide = true, global = true)]
    bench: bool,
    #[command(subcommand)]
    pub(crate) role: Option<ChildRole>,
}

/// What this program does instead, or when it is a child of itself.
#[derive(Debug, Clone, Subcommand)]
#[command(disable_help_subcommand = true)]
pub(crate) enum ChildRole {
    /// Faults of a real Postgres pair under routes by role
    Roles(Roles),
    /// Plays a MySQL server on LISTEN that answers every query with ID
    #[command(hide = true)]
    Serve {
        /// Address to listen on
        listen: SocketAddr,
        /// What queries are answered with
        id: String,
    },
}

impl Options {
    /// The plan of run `index`: when in the check interval the kill falls decides how long a
    /// checker takes to see it, so a series tries all of it evenly.
    pub(crate) fn plan(&self, index: u16) -> Plan {
        let phase = CHECK_INTERVAL * u32::from(index) / u32::from(self.runs);
        Plan {
            rate: self.rate.into(),
            before: CHECK_INTERVAL + phase,
            after: Duration::from_secs(self.after.into()),
        }
    }
}
