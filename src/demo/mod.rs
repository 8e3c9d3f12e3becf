//! `evenkeel demo`: a failover to watch, without any configuration or server.
//!
//! ```text
//! demo --> load (a thread) ==> proxy (`evenkeel run -c demo.toml`) ==> primary | backup
//!   kills and revives the primary, counts what the load's clients saw, and tells
//! ```
//! Primary, backup and proxy are child processes of the same binary, so that the `kill -9` is a
//! real one. None of them outlives the demo, however it ends, and its files go with it unless it
//! is itself killed by SIGKILL.

mod load;
mod part;
mod play;
mod screen;
mod stage;
mod tally;

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::cli::Demo;
use play::Play;
use screen::Screen;
use stage::Stage;

/// Runs the demo, or one of its parts, to its end: 0 where no client saw an error, else 1; also 1
/// where `--once` was interrupted.
#[must_use]
pub fn run(how: &Demo) -> ExitCode {
    let ended = match &how.part {
        Some(part) => part::run(part),
        None => show(how.once),
    };
    match ended {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("evenkeel demo: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Why the demo could not be shown to its end.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// The system refused something.
    #[error("cannot {what}: {error}")]
    Refused { what: String, error: io::Error },
    /// A child process ended by itself.
    #[error("the {name} ended by itself ({status}){said}")]
    Ended { name: &'static str, status: String, said: String },
    /// What must happen did not.
    #[error("no answer from the {who} within {limit:?}{said}")]
    Silent { who: &'static str, limit: Duration, said: String },
    /// The clients' thread is gone.
    #[error("the clients' thread ended by itself")]
    NoClients,
}

impl Failure {
    fn to(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |error| Self::Refused { what, error }
    }
}

/// Processes are started by this thread, the main one, which lives as long as the demo: a child's
/// parent-death signal comes when the *thread* that started it ends.
fn show(once: bool) -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::to("start the runtime"))?;
    runtime.block_on(async {
        let mut asked = Asked::listen().map_err(Failure::to("listen for signals"))?;
        let mut stage = Stage::build()?;
        tokio::select! {
            started = stage.start() => started?,
            () = asked.stop() => return Ok(verdict(!once)),
        }
        let mut play = Play::open(stage, Screen::new(), once)?;
        let whole = tokio::select! {
            told = play.tell(once) => told.map(|()| true)?,
            () = asked.stop() => !once,
        };
        let clean = play.close().await?;
        Ok(verdict(clean && whole))
    })
}

fn verdict(good: bool) -> ExitCode {
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The signals that end the demo in order.
struct Asked {
    int: Signal,
    term: Signal,
    hup: Signal,
}

impl Asked {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            int: signal(SignalKind::interrupt())?,
            term: signal(SignalKind::terminate())?,
            hup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for one of them. Cancel safe.
    async fn stop(&mut self) {
        tokio::select! {
            _ = self.int.recv() => {}
            _ = self.term.recv() => {}
            _ = self.hup.recv() => {}
        }
    }
}
