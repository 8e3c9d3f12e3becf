//! A reload as the master does it: load, check and bind again, and have a worker follow.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use super::child::Worker;
use super::order::{Answer, Order, Refusal, receive_answer};
use super::program::{Successor, is_replaced, try_out};
use crate::app::load::{Loaded, Sources};
use crate::app::supply::{Own, Supply};
use crate::app::{listeners, nothing, worker_count};
use crate::config::diag::Look;
use crate::config::diff::diff;
use crate::config::model::Config;
use crate::control::cli::routed::{Line, take_listeners};

/// Longest pause of a worker that follows an order: one with thousands of servers takes seconds.
const ANSWER_MAX: Duration = Duration::from_mins(1);

fn mute(error: &io::Error) -> String {
    format!("the worker does not answer: {error}")
}

/// A configuration that is ready for the worker: checked, and its new sockets open.
pub(super) struct Offer {
    order: Order,
    sockets: Vec<OwnedFd>,
}

impl Offer {
    pub(super) fn prepare(
        loaded: &Loaded,
        old: &Config,
        new: &Config,
        threads: usize,
        supply: &mut Supply,
    ) -> Result<Self, Vec<String>> {
        let opened = listeners::open(new, &diff(old, new), threads, supply)
            .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>())?;
        let (mut places, mut sockets) = (Vec::new(), Vec::new());
        for (place, opened) in opened.into_iter().map(listeners::Opened::hand_over) {
            places.push((place, opened.len()));
            sockets.extend(opened);
        }
        let recording = loaded.recording.clone();
        Ok(Self { order: Order { texts: loaded.texts(), recording, places }, sockets })
    }

    /// Hands it to the worker at the other end of `link` and waits for the answer, whose lack is an
    /// answer, too. Blocks.
    pub(super) fn deliver(self, link: &UnixStream) -> Answer {
        let answer = self.ask(link, ANSWER_MAX);
        answer.unwrap_or_else(|error| Err(Refusal::Because(vec![mute(&error)])))
    }

    /// As [`deliver`](Self::deliver), where a pause of `patience` is an error. The link is of no use
    /// then: what comes late would be taken for the answer to the next order.
    fn ask(self, link: &UnixStream, patience: Duration) -> io::Result<Answer> {
        link.set_read_timeout(Some(patience))?;
        link.set_write_timeout(Some(patience))?;
        self.order.send(link, &self.sockets)?;
        receive_answer(link)
    }
}

/// What is followed now.
#[derive(Debug)]
pub(super) struct Followed {
    pub(super) config: Arc<Config>,
    /// The worker, where one had to be started.
    pub(super) started: Option<Worker>,
    /// What has changed, in one line.
    pub(super) done: String,
}

/// How a reload ended.
#[derive(Debug)]
pub(super) struct Reloaded {
    /// What loading had to say.
    pub(super) said: String,
    /// What is followed now, or each reason why that stays as it was.
    pub(super) result: Result<Followed, Vec<String>>,
    /// The worker did not answer: what it follows is not known, and it takes no more orders.
    pub(super) is_mute: bool,
}

impl Reloaded {
    /// Nothing has changed.
    pub(super) const fn refused(why: Vec<String>) -> Self {
        Self { said: String::new(), result: Err(why), is_mute: false }
    }
}

/// What came of the wish to reload.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It was done, or refused.
    Reloaded(Reloaded),
    /// The program file was replaced and will do: it is to take the master's place and to reload.
    Replaced(Successor),
}

/// What a reload needs to know of the master.
#[derive(Debug)]
pub(super) struct Reload {
    pub(super) sources: Sources,
    pub(super) zero_warning: bool,
    /// The program file, which may have been replaced.
    pub(super) program: Option<PathBuf>,
    /// The worker that runs.
    pub(super) current: Current,
}

/// The worker that a reload finds.
#[derive(Debug)]
pub(super) enum Current {
    /// There is none.
    None,
    /// It follows this with so many threads, and takes orders over its link.
    Follows(Arc<UnixStream>, Arc<Config>, usize),
    /// It is to be replaced: its process id, and the way to its listening sockets.
    Leaves(i32, Arc<Line>),
}

impl Reload {
    /// Loads and binds again and has the worker follow, or a new one take over. Blocks.
    pub(super) fn run(self) -> Outcome {
        if let Some(program) = self.program.as_ref().filter(|program| is_replaced(program)) {
            return match try_out(program) {
                Ok(successor) => Outcome::Replaced(successor),
                Err(why) => Outcome::Reloaded(Reloaded::refused(why)),
            };
        }
        let loaded = match self.sources.load_in_time() {
            Ok(loaded) => loaded,
            Err(why) => return Outcome::Reloaded(Reloaded::refused(vec![why])),
        };
        loaded.print();
        let said = loaded.text(Look::Plain);
        let mut is_mute = false;
        let result = self.follow(&loaded, &mut is_mute);
        Outcome::Reloaded(Reloaded { said, result, is_mute })
    }

    fn follow(self, loaded: &Loaded, is_mute: &mut bool) -> Result<Followed, Vec<String>> {
        let refused = self.zero_warning && loaded.report.has_warnings();
        let Some(config) = loaded.config.as_ref().filter(|_| !refused) else {
            return Err(vec!["config : Fatal errors found in configuration.".to_owned()]);
        };
        if !config.has_listener() {
            let what = "No enabled listener found (check for 'bind' directives).";
            return Err(vec![what.to_owned()]);
        }
        let followed = Arc::new(config.clone());
        let own = match self.current {
            Current::Follows(link, old, threads) => {
                let mut ask = |old: &Config| {
                    let supply = &mut Supply::Own(Own::default());
                    let offer = Offer::prepare(loaded, old, config, threads, supply)?;
                    Ok::<_, Vec<String>>(offer.ask(&link, ANSWER_MAX).unwrap_or_else(|error| {
                        *is_mute = true;
                        Err(Refusal::Because(vec![mute(&error)]))
                    }))
                };
                let mut answer = ask(&old)?;
                if let Err(Refusal::Lacks(shut_down)) = &answer {
                    let mut open = Config::clone(&old);
                    open.frontends
                        .retain(|it| !shut_down.iter().any(|name| it.name.as_str() == name));
                    answer = ask(&open)?;
                }
                let done = answer.map_err(Refusal::said)?;
                return Ok(Followed { config: followed, started: None, done });
            }
            Current::None => Own::default(),
            Current::Leaves(pid, line) => {
                // A stuck one hands nothing over: addresses may be shared with it.
                let handed = take_listeners(&line).unwrap_or_else(|error| {
                    tracing::warn!("worker {pid} hands no sockets over: {error}");
                    Vec::new()
                });
                Own::replacing(handed, vec![pid])
            }
        };
        let (none, threads) = (nothing(config), worker_count(config));
        let offer = Offer::prepare(loaded, &none, config, threads, &mut Supply::Own(own))?;
        let started = Worker::start(threads, Stdio::inherit);
        let started = started.map_err(|e| vec![format!("cannot start a worker: {e}")])?;
        match offer.deliver(&started.link) {
            Ok(done) => Ok(Followed { config: followed, started: Some(started), done }),
            Err(why) => {
                started.give_up();
                Err(why.said())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_that_is_mute_is_waited_for_no_longer_than_said() {
        let (here, there) = UnixStream::pair().unwrap();
        let offer = || Offer { order: Order::default(), sockets: Vec::new() };
        assert!(offer().ask(&here, Duration::from_millis(20)).is_err());
        drop(there);
        assert!(offer().ask(&here, Duration::from_secs(60)).is_err());
        assert!(offer().deliver(&here).unwrap_err().said()[0].contains("does not answer"));
    }
}
