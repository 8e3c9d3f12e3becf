//! A reload as the master does it: load, check and bind again, and have a worker follow.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use super::child::Worker;
use super::order::{Answer, Order, receive_answer};
use crate::app::load::{Loaded, Sources};
use crate::app::supply::{Own, Supply};
use crate::app::{listeners, nothing};
use crate::config::diag::Look;
use crate::config::diff::diff;
use crate::config::model::Config;

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

    /// Hands it to the worker at the other end of `link` and waits for the answer. Blocks.
    pub(super) fn deliver(self, link: &UnixStream) -> Answer {
        let answer = self.order.send(link, &self.sockets).and_then(|()| receive_answer(link));
        answer.unwrap_or_else(|error| Err(vec![format!("the worker does not answer: {error}")]))
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
}

/// What a reload needs to know of the master.
#[derive(Debug)]
pub(super) struct Reload {
    pub(super) sources: Sources,
    pub(super) zero_warning: bool,
    /// The way to the worker that runs.
    pub(super) running: Option<Arc<UnixStream>>,
    /// What it follows.
    pub(super) old: Arc<Config>,
    pub(super) threads: usize,
}

impl Reload {
    /// Loads and binds again and has the worker follow. Blocks.
    pub(super) fn run(self) -> Reloaded {
        let loaded = self.sources.load();
        loaded.print();
        let said = loaded.text(Look::Plain);
        Reloaded { said, result: self.follow(&loaded) }
    }

    fn follow(self, loaded: &Loaded) -> Result<Followed, Vec<String>> {
        let refused = self.zero_warning && loaded.report.has_warnings();
        let Some(config) = loaded.config.as_ref().filter(|_| !refused) else {
            return Err(vec!["config : Fatal errors found in configuration.".to_owned()]);
        };
        if !config.has_listener() {
            let what = "No enabled listener found (check for 'bind' directives).";
            return Err(vec![what.to_owned()]);
        }
        let none = nothing(config);
        let old = if self.running.is_some() { &*self.old } else { &none };
        let mut supply = Supply::Own(Own::default());
        let offer = Offer::prepare(loaded, old, config, self.threads, &mut supply)?;
        let started = match self.running {
            Some(_) => None,
            None => Some(Worker::start().map_err(|e| vec![format!("cannot start a worker: {e}")])?),
        };
        let link = self.running.or_else(|| started.as_ref().map(|worker| Arc::clone(&worker.link)));
        let done = link.map_or(Ok(String::new()), |link| offer.deliver(&link))?;
        Ok(Followed { config: Arc::new(config.clone()), started, done })
    }
}
