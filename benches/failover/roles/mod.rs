//! `cargo bench --bench failover -- roles`: a real Postgres pair with streaming replication, writers
//! that remember who acknowledged what, and the faults that a failover manager has to do with:
//! through haproxy as people set it up, through haproxy tuned by hand, and through Evenkeel.
//!
//! The replica is promoted [`PROMOTED_AFTER`] the fault, as a manager would, and the old primary
//! comes back as the primary it was.

mod peer;
mod postgres;
mod table;
mod writers;

#[allow(
    dead_code,
    clippy::unwrap_used,
    reason = "the client of the tests, of which this needs less; what it cannot parse is no Postgres"
)]
#[path = "../../../tests/it/harness/pgsql_wire.rs"]
mod pgsql_wire;

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use measure::machine::Machine;
use measure::pinned::{PROXY_CORE, pin_self, run_self_first};
use measure::results;
use measure::scratch::Scratch;
use rustix::process::Signal;

use peer::Peer;
use postgres::{Pair, Template};
use writers::{Seen, Writers};

/// From the fault to the promotion.
const PROMOTED_AFTER: Duration = Duration::from_millis(300);

/// From the promotion to the return of the old primary: longer than checks every two seconds take to
/// find out.
const AWAY_FOR: Duration = Duration::from_millis(6_500);

/// From the return of the old primary to the end.
const RETURNED_FOR: Duration = Duration::from_secs(3);

/// Load before the fault.
const BEFORE: Duration = Duration::from_millis(700);

/// How long a proxy may take to know its servers; of a quick run, until something is written.
const SETTLED_AFTER: Duration = Duration::from_millis(2_500);

/// How long a quick run waits for a write.
const WRITE_LIMIT: Duration = Duration::from_secs(30);

/// How long one look for who listens may take.
const TRIED_FOR: Duration = Duration::from_millis(10);

/// Times kills of a quick run fall into one interval of the checks.
const PHASES: u32 = 20;

/// The interval of the checks.
const CHECK_INTERVAL: Duration = Duration::from_millis(200);

/// What happens to the primary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Fault {
    /// `kill -9` of its postmaster.
    Kill,
    /// SIGSTOP of all its processes, and SIGCONT later.
    Halt,
    /// A fast shutdown.
    Stop,
}

impl Fault {
    /// Lets it happen.
    fn strike(self, pair: &mut Pair) -> io::Result<()> {
        match self {
            Self::Kill => pair.a.signal(Signal::KILL),
            Self::Halt => pair.a.signal_all(Signal::STOP),
            Self::Stop => pair.a.signal(Signal::INT),
        }
    }

    /// What the table calls it.
    const fn title(self) -> &'static str {
        match self {
            Self::Kill => "kill -9, then its return",
            Self::Halt => "SIGSTOP, then SIGCONT",
            Self::Stop => "clean stop, then its return",
        }
    }
}

/// What to measure.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Roles {
    /// Runs of each proxy and fault
    #[arg(long, default_value_t = 10)]
    runs: u16,
    /// Faults, separated by commas
    #[arg(long, value_delimiter = ',', value_enum, default_values = ["kill", "halt", "stop"])]
    faults: Vec<Fault>,
    /// Proxies, separated by commas
    #[arg(long, value_delimiter = ',', value_enum, default_values = ["haproxy", "haproxy-tuned", "evenkeel"])]
    peers: Vec<Peer>,
    /// End each run after the first write on the new primary: a hundred runs in some six minutes
    #[arg(long)]
    quick: bool,
    /// As if databases, proxy and writers had machines of their own: the databases alone on one core,
    /// the proxy on the other before the writers, which are there, too
    #[arg(long)]
    apart: bool,
    /// Keep the result as benches/results/DATE-NAME.md and .jsonl
    #[arg(long, value_name = "NAME")]
    save: Option<String>,
}

/// What a run came to; times in milliseconds.
#[derive(Debug, Clone)]
struct Outcome {
    /// Writes and logins that failed.
    errors: f64,
    /// From the fault to the proxy's word that the server is down; absent where it says none.
    down_ms: Option<f64>,
    /// From the fault until the kernel refuses connections to the primary: before that nobody can know.
    /// Absent where it does not.
    shut_ms: Option<f64>,
    /// From the promotion to the first write on the new primary; absent where there is none.
    first_write_ms: Option<f64>,
    longest_stall_ms: f64,
    /// Acknowledged by the old primary after the new one had acknowledged something.
    split: f64,
    written: f64,
}

/// All runs of one proxy under one fault.
struct Runs {
    fault: Fault,
    peer: Peer,
    outcomes: Vec<Outcome>,
}

/// Does all runs, prints and saves the result, and returns how many could not be done.
pub(crate) fn measure(options: &Roles) -> io::Result<usize> {
    run_self_first()?;
    if options.apart {
        pin_self(PROXY_CORE)?;
    }
    let scratch = Scratch::create("roles")?;
    let template = postgres::template(scratch.path(), options.apart)?;
    let mut all: Vec<Runs> = Vec::new();
    let mut failures = 0;
    for &fault in &options.faults {
        let mut runs: Vec<Runs> =
            options.peers.iter().map(|&peer| Runs { fault, peer, outcomes: Vec::new() }).collect();
        for index in 0..options.runs {
            for Runs { peer, outcomes, .. } in &mut runs {
                let run = if options.quick { quick_run } else { run };
                let outcome = run(*peer, fault, &template, scratch.path(), index);
                println!(
                    "{}, run {} of {}, {}: {outcome:?}",
                    fault.title(),
                    index + 1,
                    options.runs,
                    peer.name()
                );
                match outcome {
                    Ok(outcome) => outcomes.push(outcome),
                    Err(_) => failures += 1,
                }
            }
        }
        all.extend(runs);
    }
    let machine = Machine::this(&[
        (&Peer::Haproxy.program(), "-v"),
        (&Peer::Evenkeel.program(), "-v"),
        (&postgres::tool("postgres"), "--version"),
    ]);
    let page = format!(
        "# Failover of a Postgres pair\n\n{}Runs of each proxy and fault: {}; {} writers that stay \
         and {} that connect for each write; the replica is promoted {} ms after the fault.{}\n\n{}",
        machine.describe(),
        options.runs,
        writers::STAYING,
        writers::PASSING,
        PROMOTED_AFTER.as_millis(),
        if options.apart {
            " The databases have a core of their own, the proxy runs before the writers on the other."
        } else {
            ""
        },
        table::table(&all),
    );
    println!("\n{page}");
    if let Some(name) = &options.save {
        let measures = table::json(&all, &machine.date);
        let path = results::save(&results::folder(), &machine.date, name, &page, &measures)?;
        println!("kept as {}", path.display());
    }
    Ok(failures)
}

/// One run up to the first write on the new primary.
fn quick_run(
    peer: Peer,
    fault: Fault,
    template: &Template,
    folder: &Path,
    index: u16,
) -> io::Result<Outcome> {
    let mut pair = Pair::start(template, folder)?;
    let (_proxy, addr, said) = peer.start(&pair, folder, template.apart)?;
    let writers = Writers::start(addr);
    let await_write = |port: u16| {
        let limit = Instant::now() + WRITE_LIMIT;
        while !writers.have_written_to(port) && Instant::now() < limit {
            sleep(Duration::from_millis(1));
        }
    };
    await_write(pair.a.addr.port());
    sleep(BEFORE + CHECK_INTERVAL * (u32::from(index) % PHASES) / PHASES);
    pair.a.run_first()?;
    let mut watch = Watch::begin(&said, pair.a.addr)?;
    fault.strike(&mut pair)?;
    watch.look(watch.began + PROMOTED_AFTER)?;
    pair.b.promote()?;
    let promoted = Instant::now();
    await_write(pair.b.addr.port());
    watch.look(Instant::now())?;
    let seen = writers.finish();
    Ok(outcome(&seen, &watch, promoted, &pair))
}

/// Looks for the proxy's word that the server is down, and for the moment in which nobody listens there.
struct Watch<'a> {
    began: Instant,
    said: &'a Path,
    heard: usize,
    down: Option<Duration>,
    primary: SocketAddr,
    shut: Option<Duration>,
}

impl<'a> Watch<'a> {
    fn begin(said: &'a Path, primary: SocketAddr) -> io::Result<Self> {
        let heard = std::fs::read_to_string(said)?.len();
        Ok(Self { began: Instant::now(), said, heard, down: None, primary, shut: None })
    }

    fn look(&mut self, until: Instant) -> io::Result<()> {
        loop {
            let text = std::fs::read_to_string(self.said)?;
            if self.down.is_none() && text[self.heard..].contains(" is DOWN") {
                self.down = Some(self.began.elapsed());
            }
            // A server that was stopped takes connections for as long as its queue has room.
            if self.shut.is_none() && self.began.elapsed() < PROMOTED_AFTER {
                let tried = TcpStream::connect_timeout(&self.primary, TRIED_FOR);
                let refused = tried.is_err_and(|e| e.kind() == io::ErrorKind::ConnectionRefused);
                self.shut = refused.then(|| self.began.elapsed());
            }
            if Instant::now() >= until {
                return Ok(());
            }
            sleep(Duration::from_micros(200));
        }
    }
}

/// One run; everything it starts has ended when it returns.
fn run(
    peer: Peer,
    fault: Fault,
    template: &Template,
    folder: &Path,
    _index: u16,
) -> io::Result<Outcome> {
    let mut pair = Pair::start(template, folder)?;
    let (_proxy, addr, said) = peer.start(&pair, folder, template.apart)?;
    sleep(SETTLED_AFTER);
    let writers = Writers::start(addr);
    sleep(BEFORE);
    pair.a.run_first()?;
    let mut watch = Watch::begin(&said, pair.a.addr)?;
    fault.strike(&mut pair)?;
    watch.look(watch.began + PROMOTED_AFTER)?;
    pair.b.promote()?;
    let promoted = Instant::now();
    watch.look(promoted + AWAY_FOR)?;
    match fault {
        Fault::Kill | Fault::Stop => pair.a.start_again()?,
        Fault::Halt => pair.a.signal_all(Signal::CONT)?,
    }
    watch.look(Instant::now() + RETURNED_FOR)?;
    let seen = writers.finish();
    Ok(outcome(&seen, &watch, promoted, &pair))
}

fn outcome(seen: &Seen, watch: &Watch<'_>, promoted: Instant, pair: &Pair) -> Outcome {
    let (a, b) = (pair.a.addr.port(), pair.b.addr.port());
    let first = seen.acks.iter().position(|ack| ack.port == b);
    let after = first.map_or(&[][..], |first| &seen.acks[first..]);
    let stalls = seen.acks.windows(2).map(|pair| millis(pair[1].at - pair[0].at));
    Outcome {
        errors: seen.errors as f64,
        down_ms: watch.down.map(millis),
        shut_ms: watch.shut.map(millis),
        first_write_ms: after.first().map(|ack| millis(ack.at.saturating_duration_since(promoted))),
        longest_stall_ms: stalls.fold(0.0, f64::max),
        split: after.iter().filter(|ack| ack.port == a).count() as f64,
        written: seen.acks.len() as f64,
    }
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
