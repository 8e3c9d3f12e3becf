//! `cargo bench --bench cost`: what a round trip, a connection and a mebibyte cost the proxy, as
//! instructions of its own code (callgrind) and as system calls (strace).
//!
//! Unlike times, these figures are the same on a busy machine. With `--check` they are held
//! against `benches/cost/figures.toml`, within [`TOLERANCE`]: cheaper code has to say so, too.
#![allow(clippy::print_stdout, reason = "a benchmark talks to the terminal")]

mod figures;
mod script;
mod tool;

use std::io;
use std::process::ExitCode;

use clap::Parser;
use measure::pinned::{PROXY_CORE, pin_self};
use measure::scratch::Scratch;
use measure::table::{Table, figure};

use figures::Figures;
use script::Work;
use tool::Tool;

/// How far a figure may be from the committed one.
const TOLERANCE: f64 = 0.03;

/// How often each script is run; the least counts, as other work on the machine only adds.
const REPEATS: u32 = 3;

/// Counts the proxy's instructions and system calls for a fixed script.
///
/// EVENKEEL_BIN names another Evenkeel than the one built with this benchmark.
#[derive(Debug, Parser)]
#[command(name = "cargo bench --bench cost --")]
struct Options {
    /// Fail where a figure is not the committed one, within 3 %
    #[arg(long)]
    check: bool,
    /// Commit to what is counted: write benches/cost/figures.toml
    #[arg(long, conflicts_with = "check")]
    bless: bool,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    // `cargo test --all-targets` starts benchmarks without a word; cargo bench says `--bench`.
    if std::env::args().len() == 1 {
        println!("nothing counted: run it as `cargo bench --bench cost`");
        return ExitCode::SUCCESS;
    }
    match run(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("cost: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Counts, prints and compares; whether everything is as committed.
fn run(options: &Options) -> io::Result<bool> {
    let counted = count()?;
    if options.bless {
        counted.write()?;
    }
    let committed = Figures::read()?;
    let mut table =
        Table::new(2, ["work", "measure", "now", "committed", "change"].map(String::from).to_vec());
    let mut off = Vec::new();
    for ((work, tool), now) in counted.all() {
        let before = committed.of(work, tool);
        let change = before.map(|before| now / before - 1.0);
        let change_text =
            change.map_or_else(String::new, |change| format!("{:+.1} %", change * 1e2));
        let before = before.map_or_else(|| "none".to_owned(), figure);
        if change.is_none_or(|change| change.abs() > TOLERANCE) {
            let (work, tool) = (work.title(), tool.title());
            off.push(format!("{work}: {} {tool}, committed {before} {change_text}", figure(now)));
        }
        let [work, tool] = [work.title(), tool.title()].map(str::to_owned);
        table.push(vec![work, tool, figure(now), before, change_text]);
    }
    println!("{table}");
    if options.check && !off.is_empty() {
        println!(
            "More than {:.0} % off:\n  {}\nWhat became dearer by mistake is to be mended. What is \
             meant, cheaper code and another compiler included, is committed with\n  \
             cargo bench --bench cost -- --bless\nwhich writes benches/cost/figures.toml.",
            TOLERANCE * 1e2,
            off.join("\n  ")
        );
    }
    Ok(off.is_empty() || !options.check)
}

/// Every work under every tool.
fn count() -> io::Result<Figures> {
    // Client, proxy and server take turns on one core: who runs beside whom would be chance.
    pin_self(PROXY_CORE)?;
    let scratch = Scratch::create("cost")?;
    let mut counted = Figures::default();
    for tool in Tool::ALL {
        let least = |work: Work, units: u32| -> io::Result<u64> {
            let counts = (0..REPEATS).map(|_| tool.count(work, units, scratch.path()));
            counts.reduce(|least, count| Ok(least?.min(count?))).unwrap_or(Ok(0))
        };
        // What starting, stopping and one exchange cost is not the work's.
        let base = least(Work::RoundTrips, 1)?;
        for work in Work::ALL {
            let total = least(work, work.units())?;
            counted.set(work, tool, total.saturating_sub(base) as f64 / f64::from(work.units()));
        }
    }
    Ok(counted)
}
