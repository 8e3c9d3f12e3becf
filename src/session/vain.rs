//! The last words to a database's client that waited for a server in vain, or had no place to wait.

use std::future::poll_fn;
use std::time::Duration;

use tokio::time::timeout;

use super::Session;
use super::farewell::spoken_by;
use crate::net::relay::poll_read_into;
use crate::pure::session::vain::{Step, refuse};
use crate::state::Backend;

/// How long a client that waited in vain may take to hear so: a round trip or two, anywhere.
const PATIENCE: Duration = Duration::from_secs(1);

/// Bytes of it that are read for that: requests for encryption, and a startup message.
const READ_MAX: usize = 12 * 1024;

impl Session {
    /// Tells the client why it gets no server, in the protocol of those of `backend`, where their checks
    /// know it.
    ///
    /// # Cancel safety
    /// Dropping the future leaves it half told.
    pub(super) async fn say_in_vain(&mut self, backend: &Backend, why: &str) {
        if self.route.settings.http.is_some() {
            return;
        }
        let servers = &backend.live().servers;
        let Some(kind) = servers.iter().find_map(|server| spoken_by(&server.settings())) else {
            return;
        };
        let told = async {
            let mut seen = 0;
            loop {
                match refuse(kind, self.early.get(seen..).unwrap_or_default(), why) {
                    Step::More if self.early.len() < READ_MAX => {
                        let room = READ_MAX - self.early.len();
                        let (client, early) = (&mut self.client, &mut self.early);
                        match poll_fn(|cx| poll_read_into(cx, client, early, room)).await {
                            Ok(1..) => {}
                            Ok(0) | Err(_) => return,
                        }
                    }
                    Step::Answer(words, len) => {
                        seen += len;
                        if !self.tell(&words).await {
                            return;
                        }
                    }
                    Step::Refuse(words) => {
                        self.tell(&words).await;
                        return;
                    }
                    Step::More | Step::Leave => return,
                }
            }
        };
        // Who does not listen is closed without.
        let _ = timeout(PATIENCE, told).await;
    }

    /// Whether the client took all of it.
    async fn tell(&mut self, mut words: &[u8]) -> bool {
        while !words.is_empty() {
            match poll_fn(|cx| self.client.poll_write(cx, words)).await {
                Ok(0) | Err(_) => return false,
                Ok(len) => words = &words[len..],
            }
        }
        true
    }
}
