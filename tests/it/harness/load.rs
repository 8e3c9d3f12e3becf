//! A client that keeps connecting at a fixed rate and writes down what it saw.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::mysql_wire::read_version;
use super::{PATIENCE, block_on, spawn};

/// One connection of the load.
#[derive(Clone, Debug)]
pub(crate) struct Visit {
    pub(crate) begun: Instant,
    /// From connect to the server's greeting, or to the error.
    pub(crate) took: Duration,
    /// The server's name, or what went wrong.
    pub(crate) outcome: Result<String, String>,
}

/// New connections at a rate, each reading a MySQL greeting.
pub(crate) struct Load {
    visits: Arc<Mutex<Vec<Visit>>>,
    task: JoinHandle<JoinSet<()>>,
    over: tokio::sync::oneshot::Sender<()>,
}

impl Load {
    /// Starts `rate` connections a second to `addr`.
    pub(crate) fn start(addr: SocketAddr, rate: u32) -> Self {
        let visits = Arc::new(Mutex::new(Vec::new()));
        let (over, mut stop) = tokio::sync::oneshot::channel();
        let seen = Arc::clone(&visits);
        let task = spawn(async move {
            let mut running = JoinSet::new();
            let mut tick = interval(Duration::from_secs(1) / rate);
            tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
            loop {
                tokio::select! {
                    _ = tick.tick() => {}
                    _ = &mut stop => return running,
                }
                let seen = Arc::clone(&seen);
                running.spawn(async move {
                    let visit = visit(addr).await;
                    seen.lock().unwrap().push(visit);
                });
                while running.try_join_next().is_some() {}
            }
        });
        Self { visits, task, over }
    }

    /// What was seen so far.
    pub(crate) fn so_far(&self) -> Report {
        Report { visits: self.visits.lock().unwrap().clone() }
    }

    /// Stops connecting, waits for the connections under way, and reports.
    pub(crate) fn finish(self) -> Report {
        let Self { visits, task, over } = self;
        let _ = over.send(());
        block_on(async {
            let mut running = task.await.unwrap();
            while running.join_next().await.is_some() {}
        });
        let mut visits = visits.lock().unwrap().clone();
        visits.sort_by_key(|visit| visit.begun);
        Report { visits }
    }
}

async fn visit(addr: SocketAddr) -> Visit {
    let begun = Instant::now();
    let talk = async {
        let mut stream = TcpStream::connect(addr).await?;
        read_version(&mut stream).await
    };
    let outcome = match timeout(PATIENCE, talk).await {
        Ok(outcome) => outcome.map_err(|error| error.to_string()),
        Err(_) => Err("no answer".to_owned()),
    };
    Visit { begun, took: begun.elapsed(), outcome }
}

/// What a load saw, in the order of its connections.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) visits: Vec<Visit>,
}

impl Report {
    /// The errors with how often each came.
    pub(crate) fn errors(&self) -> BTreeMap<String, usize> {
        let mut errors = BTreeMap::new();
        for error in self.visits.iter().filter_map(|visit| visit.outcome.as_ref().err()) {
            *errors.entry(error.clone()).or_default() += 1;
        }
        errors
    }

    /// How many connections `name` served.
    pub(crate) fn served(&self, name: &str) -> usize {
        self.visits.iter().filter(|visit| visit.outcome.as_deref() == Ok(name)).count()
    }

    /// From `since` until a connection that began later than it was answered by `name`.
    pub(crate) fn first_answer(&self, name: &str, since: Instant) -> Option<Duration> {
        let of = self.visits.iter().filter(|visit| visit.outcome.as_deref() == Ok(name));
        let answered = of.map(|visit| visit.begun + visit.took).filter(|&at| at >= since);
        answered.min().map(|at| at - since)
    }

    /// The longest wait for a greeting.
    pub(crate) fn longest(&self) -> Duration {
        self.visits.iter().map(|visit| visit.took).max().unwrap_or_default()
    }
}
