//! `cargo bench --bench failover -- --help`: the configuration of a MySQL pair that people copy
//! from the web, a steady stream of new connections, `kill -9` of the primary, and what the
//! clients saw of it, through Debian's haproxy and through Evenkeel.
//!
//! Every run starts its own servers and proxy. The proxy has core 0; servers and load share
//! core 1.
#![allow(clippy::print_stdout, reason = "a benchmark talks to the terminal")]

mod load;
mod options;
mod packet;
mod pair;
mod proxy;
mod report;
mod roles;
mod run;
mod server;

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use measure::machine::Machine;
use measure::pinned::{LOAD_CORE, pin_self};
use measure::results;
use measure::scratch::Scratch;

use crate::options::{ChildRole, Options};
use crate::pair::Kind;
use crate::report::Runs;
use crate::run::Outcome;

fn main() -> ExitCode {
    // `cargo test --all-targets` starts benchmarks without a word; cargo bench says `--bench`.
    if std::env::args().len() == 1 {
        println!("nothing measured: run it as `cargo bench --bench failover`");
        return ExitCode::SUCCESS;
    }
    let options = Options::parse();
    let outcome = match &options.role {
        Some(ChildRole::Serve { listen, id }) => {
            server::run(*listen, id).map(|never| match never {})
        }
        Some(ChildRole::Roles(roles)) => roles::measure(roles),
        None => failover(&options),
    };
    match outcome {
        Ok(0) => ExitCode::SUCCESS,
        Ok(failures) => {
            println!("{failures} runs could not be done");
            ExitCode::FAILURE
        }
        Err(error) => {
            println!("failover: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Does all runs, the proxies in turn, prints and saves the result, and returns how many runs
/// could not be done.
fn failover(options: &Options) -> io::Result<usize> {
    pin_self(LOAD_CORE)?;
    let scratch = Scratch::create("failover")?;
    let kind = match options.real {
        true => Kind::maria_db(scratch.path())?,
        false => Kind::Scripted,
    };
    let mut runs: Runs = options.peers.iter().map(|&proxy| (proxy, Vec::new())).collect();
    let mut failures = 0;
    for index in 0..options.runs {
        for (proxy, outcomes) in &mut runs {
            let outcome = run::run(*proxy, &kind, &options.plan(index), scratch.path());
            println!("run {} of {}, {}: {}", index + 1, options.runs, proxy.name(), line(&outcome));
            match outcome {
                Ok(outcome) => outcomes.push(outcome),
                Err(_) => failures += 1,
            }
        }
    }
    let page = page(options, &runs);
    println!("\n{page}");
    if let Some(name) = &options.save {
        let date = machine(options).date;
        let measures = report::json(&runs, &date);
        let path = results::save(&results::folder(), &date, name, &page, &measures)?;
        println!("kept as {}", path.display());
    }
    Ok(failures)
}

/// A run in a line, for whoever watches.
fn line(outcome: &io::Result<Outcome>) -> String {
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(error) => return error.to_string(),
    };
    let failed: f64 = outcome.failures.iter().sum();
    let backup =
        outcome.first_backup_ms.map_or("never".to_owned(), |ms| format!("after {ms:.1} ms"));
    format!("{failed} of {} failed, the backup served {backup}", outcome.connections)
}

fn page(options: &Options, runs: &Runs) -> String {
    let plan = options.plan(0);
    let servers = if options.real { "MariaDB" } else { "scripted servers" };
    format!(
        "# Failover\n\n{}Runs of each proxy: {}; {} new connections a second; `kill -9` of the \
         primary after 2 to 4 s, load for {} s more; {servers}.\n\n{}",
        machine(options).describe(),
        options.runs,
        plan.rate,
        plan.after.as_secs(),
        report::table(runs),
    )
}

fn machine(options: &Options) -> Machine {
    let programs: Vec<PathBuf> = options.peers.iter().map(|proxy| proxy.program()).collect();
    let mut versions: Vec<(&Path, &str)> =
        programs.iter().map(|path| (path.as_path(), "-v")).collect();
    if options.real {
        versions.push((Path::new("/usr/sbin/mariadbd"), "--version"));
    }
    Machine::this(&versions)
}
