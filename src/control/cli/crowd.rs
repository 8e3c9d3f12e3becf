//! Places for those who have something to say: a client that said nothing yet gives its own up while
//! others wait for one.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::wire::{Gone, Wire};
use crate::state::{Gate, Permit};

/// How long a client may take for its first line while others wait. Programs send it at once, and so
/// does a person whose tool reads a command first; a person at a bare connection is not sent away
/// before all places are taken.
const FIRST_LINE: Duration = Duration::from_secs(1);

/// Those who wait for a place.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    waits: watch::Sender<bool>,
}

impl Crowd {
    /// A place in each of `gates`, once there is one.
    ///
    /// # Cancel safety
    /// Safe: places that were taken are given back.
    pub(super) async fn places<const N: usize>(&self, gates: [&Arc<Gate>; N]) -> Vec<Permit> {
        let mut places = Vec::with_capacity(N);
        for gate in gates {
            places.push(match gate.try_enter() {
                Some(place) => place,
                None => {
                    self.waits.send_replace(true);
                    enter(gate).await
                }
            });
        }
        self.waits.send_replace(false);
        places
    }

    /// Waits for the first line of a client, which may take `timeout` for each part of it.
    ///
    /// # Errors
    /// It is gone, or its place is wanted.
    pub(super) async fn hear(
        &self,
        wire: &mut Wire,
        timeout: Option<Duration>,
    ) -> Result<(), Gone> {
        let wanted = async {
            tokio::time::sleep(FIRST_LINE).await;
            // The sender is here as long as this is.
            let _ = self.waits.subscribe().wait_for(|waits| *waits).await;
        };
        tokio::select! {
            biased;
            heard = wire.hear(timeout) => heard,
            () = wanted => Err(Gone),
        }
    }
}

/// A place inside `gate`, once there is one.
pub(super) async fn enter(gate: &Arc<Gate>) -> Permit {
    loop {
        if let Some(permit) = gate.try_enter() {
            return permit;
        }
        gate.room().await;
    }
}
