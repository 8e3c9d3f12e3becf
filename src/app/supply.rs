//! Where listening sockets come from when a configuration wants new ones: opened here, taken over
//! from a predecessor (`-x`), or handed down by the master.

use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::process::Signal;
use socket2::Socket;

use super::predecessors;
use crate::config::diff::{BindRef, Owner};
use crate::config::model::{Bind, Inherited};
use crate::net::listen::{self, Handed};
use crate::net::listen_error::ListenError;

/// How often a taken address is tried again while predecessors make room, and how long after the
/// last time: HAProxy's numbers.
const ATTEMPTS: u32 = 200;
const ATTEMPT_PAUSE: Duration = Duration::from_millis(10);

/// A source of listening sockets.
#[derive(Debug)]
pub(super) enum Supply {
    /// This process opens them, except where a predecessor's fits.
    Own(Own),
    /// The master has opened them.
    Given(Given),
}

/// What the master has opened.
#[derive(Debug)]
pub(super) struct Given {
    /// For each place its sockets.
    places: Vec<(String, Vec<Socket>)>,
    /// Frontends that are to listen at places that are not among those.
    lacks: Vec<String>,
}

/// Opens sockets.
#[derive(Debug, Default)]
pub(super) struct Own {
    /// What predecessors handed over; what fits nothing is closed with the supply.
    pub(super) handed: Vec<Handed>,
    /// Processes that may stand where we want to listen, and are to be replaced.
    pub(super) predecessors: Vec<i32>,
    /// How often they were given time to pause.
    attempts: u32,
}

impl Own {
    /// Without any predecessor but these.
    pub(super) fn replacing(handed: Vec<Handed>, predecessors: Vec<i32>) -> Self {
        Self { handed, predecessors, attempts: 0 }
    }

    fn open(
        &mut self,
        bind: &Bind,
        inherited: &Inherited,
        count: usize,
    ) -> Result<Vec<Socket>, ListenError> {
        let fitting = self.handed.extract_if(.., |handed| handed.fits(bind));
        let mut sockets: Vec<_> = fitting.map(|handed| handed.socket).collect();
        loop {
            match listen::open(bind, inherited, count, std::mem::take(&mut sockets)) {
                Err(error) if error.is_taken() && !self.predecessors.is_empty() => {
                    if self.attempts == 0 {
                        predecessors::signal(&self.predecessors, Signal::TTOU);
                    }
                    if self.attempts == ATTEMPTS {
                        predecessors::signal(&self.predecessors, Signal::TTIN);
                        return Err(error);
                    }
                    self.attempts += 1;
                    std::thread::sleep(ATTEMPT_PAUSE);
                }
                opened => return opened,
            }
        }
    }
}

impl Supply {
    /// What came with an order of the master.
    pub(super) fn given(places: Vec<(String, usize)>, sockets: Vec<OwnedFd>) -> Self {
        let mut sockets = sockets.into_iter().map(Socket::from);
        let given = places
            .into_iter()
            .map(|(place, count)| (place, sockets.by_ref().take(count).collect()));
        Self::Given(Given { places: given.collect(), lacks: Vec::new() })
    }

    /// Frontends whose sockets were to come from the master and did not.
    pub(super) fn lacks(self) -> Vec<String> {
        match self {
            Self::Own(_) => Vec::new(),
            Self::Given(given) => given.lacks,
        }
    }

    /// At least `count` open sockets for `bind`, which stands at `place`; more where a predecessor
    /// had more, since closing one would reset the clients that wait in it.
    ///
    /// # Errors
    /// What the system refused.
    pub(super) fn take(
        &mut self,
        place: &BindRef,
        bind: &Bind,
        inherited: &Inherited,
        count: usize,
    ) -> Result<Vec<Socket>, ListenError> {
        match self {
            Self::Own(own) => own.open(bind, inherited, count),
            Self::Given(Given { places, lacks }) => {
                let label = label(place);
                let found = places.iter_mut().find(|(place, _)| *place == label);
                let sockets = found.map(|(_, sockets)| std::mem::take(sockets)).unwrap_or_default();
                if sockets.is_empty() {
                    if let Owner::Frontend(name) = &place.owner {
                        lacks.push(name.to_string());
                    }
                    let missing = std::io::Error::other("the master has not opened it");
                    return Err(ListenError::new("take over the socket", bind, missing));
                }
                Ok(sockets)
            }
        }
    }
}

/// The name of a place on the way to the worker.
pub(super) fn label(place: &BindRef) -> String {
    format!("{place:?}")
}
