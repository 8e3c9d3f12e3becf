//! `cargo bench --bench compare -- --help`: direct, the kernel's floor, Debian's haproxy, nginx
//! stream and Evenkeel on the same work, side by side.
//!
//! Each round measures every peer on every work, in an order that alternates; every measurement
//! starts its proxy afresh on core 0, plays client, backend and log receiver in one loop on
//! core 1, and ends the proxy. CPU is the scheduler's account of the proxy's threads.
#![allow(clippy::print_stdout, reason = "a benchmark talks to the terminal")]

mod backend;
mod bulk;
mod checks;
mod connect;
mod exhaustion;
mod fairness;
mod floor;
mod hostile;
mod options;
mod peer;
mod ping_pong;
mod plan;
mod policy;
mod reading;
mod report;
mod stage;
mod window;
mod workers;
mod workload;

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use measure::machine::Machine;
use measure::pinned::{LOAD_CORE, pin_self};
use measure::results;
use measure::scratch::Scratch;

use crate::options::{ChildRole, Options};
use crate::peer::Peer;
use crate::report::Report;

fn main() -> ExitCode {
    // `cargo test --all-targets` starts benchmarks without a word; cargo bench says `--bench`.
    if std::env::args().len() == 1 {
        println!("nothing measured: run it as `cargo bench --bench compare`");
        return ExitCode::SUCCESS;
    }
    let options = Options::parse();
    let outcome = match options.role {
        Some(ChildRole::Floor { listen, backend }) => {
            floor::run(listen, backend).map(|never| match never {})
        }
        None => compare(&options),
    };
    match outcome {
        Ok(0) => ExitCode::SUCCESS,
        Ok(failures) => {
            println!("{failures} measurements failed");
            ExitCode::FAILURE
        }
        Err(error) => {
            println!("compare: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs all rounds, prints and saves the result, and returns how many measurements failed.
fn compare(options: &Options) -> io::Result<usize> {
    pin_self(LOAD_CORE)?;
    let scratch = Scratch::create("compare")?;
    let programs: Vec<PathBuf> = options.peers.iter().filter_map(|peer| peer.program()).collect();
    let versions: Vec<(&Path, &str)> = programs.iter().map(|path| (path.as_path(), "-v")).collect();
    let machine = Machine::this(&versions);
    let mut report = Report::default();
    let mut failures = 0;
    for round in 0..options.rounds() {
        failures += measure_round(options, round, &mut report, scratch.path());
        println!("round {} of {} done", round + 1, options.rounds());
    }
    let page = page(options, &machine, &report);
    println!("\n{page}");
    if let Some(name) = &options.save {
        let measures = report.json(&machine.date);
        let path = results::save(&results::folder(), &machine.date, name, &page, &measures)?;
        println!("kept as {}", path.display());
    }
    Ok(failures)
}

/// Measures every peer on every work once, and returns how many measurements failed.
fn measure_round(options: &Options, round: usize, report: &mut Report, folder: &Path) -> usize {
    let mut failures = 0;
    for workload in options.workloads() {
        if round > 0 && workload.is_once() {
            continue;
        }
        let concerned = |peer: &Peer| workload.concerns(*peer);
        for peer in order(&options.peers, round).into_iter().filter(concerned) {
            match workload.measure(peer, &options.pace(), folder) {
                Ok(readings) => report.add(workload, peer, readings),
                Err(error) => {
                    println!("round {}, {workload}, {}: {error}", round + 1, peer.name());
                    failures += 1;
                }
            }
        }
    }
    failures
}

fn page(options: &Options, machine: &Machine, report: &Report) -> String {
    let kind = if options.quick { ", quick: its figures mean little" } else { "" };
    format!(
        "# Side by side\n\n{}Medians over rounds: {}{kind}. Proxy on core 0, load on core 1; tcplog \
         over UDP, counters, timeouts and health checks on. {}\n\n{}",
        machine.describe(),
        options.rounds(),
        report.quiet(),
        report.table(&options.peers),
    )
}

/// The peers' order in a round: each goes first in turn, and every other round runs backwards.
fn order(peers: &[Peer], round: usize) -> Vec<Peer> {
    let mut order = peers.to_vec();
    order.rotate_left(round % peers.len().max(1));
    if round % 2 == 1 {
        order.reverse();
    }
    order
}
