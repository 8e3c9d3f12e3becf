//! When silence has lasted too long: the inactivity timeouts of the two sides of a session.
//!
//! Data in either direction counts as activity of both sides. A side whose timeout expires while
//! it may still send is treated as if it had closed: the other side gets a FIN and its own timeout
//! decides what follows (observed on HAProxy 2.6: `timeout client 300ms`, `timeout server 5s`, two
//! silent peers: FIN to the server at 0.3 s, both closed at 5 s).
//!
//! | the side may still send | we have sent it a FIN | its timeout |
//! |---|---|---|
//! | yes | no | `tunnel`, else `client` / `server` |
//! | yes | yes | `client-fin` / `server-fin`, else as above |
//! | no, but bytes for it are stuck | – | as the first row; expiry ends the session |
//! | no | – | none |

use std::time::{Duration, Instant};

/// The two ends of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Who connected to us.
    Client,
    /// Whom we connected to.
    Server,
}

/// The timeouts of both sides; `None` is infinite.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// `timeout client`.
    pub client: Option<Duration>,
    /// `timeout client-fin`.
    pub client_fin: Option<Duration>,
    /// `timeout server`.
    pub server: Option<Duration>,
    /// `timeout server-fin`.
    pub server_fin: Option<Duration>,
    /// `timeout tunnel`.
    pub tunnel: Option<Duration>,
}

/// What one side is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SideState {
    /// It has sent its FIN, or is treated so.
    pub read_ended: bool,
    /// We have sent it a FIN.
    pub fin_sent: bool,
    /// Bytes for it could not be written yet.
    pub output_stuck: bool,
}

impl Limits {
    /// The timeout that `side` is under now; `None` where none applies.
    #[must_use]
    pub fn of(&self, side: Side, state: SideState) -> Option<Duration> {
        let (plain, fin) = match side {
            Side::Client => (self.client, self.client_fin),
            Side::Server => (self.server, self.server_fin),
        };
        let open = self.tunnel.or(plain);
        match state {
            SideState { read_ended: false, fin_sent: true, .. } => fin.or(open),
            SideState { read_ended: false, .. } | SideState { output_stuck: true, .. } => open,
            _ => None,
        }
    }

    /// The side whose timeout ends first and when, given the last activity; the client's wins a
    /// tie. `None`: nothing to wait for.
    #[must_use]
    pub fn next(
        &self,
        last_activity: Instant,
        client: SideState,
        server: SideState,
    ) -> Option<(Instant, Side)> {
        let at = |side, state| self.of(side, state).and_then(|t| last_activity.checked_add(t));
        let client_at = at(Side::Client, client).map(|at| (at, Side::Client));
        let server_at = at(Side::Server, server).map(|at| (at, Side::Server));
        match (client_at, server_at) {
            (Some(c), Some(s)) => Some(if s.0 < c.0 { s } else { c }),
            (c, s) => c.or(s),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> Option<Duration> {
        Some(Duration::from_millis(n))
    }

    const OPEN: SideState = SideState { read_ended: false, fin_sent: false, output_stuck: false };
    const GONE: SideState = SideState { read_ended: true, fin_sent: false, output_stuck: false };

    #[test]
    fn rows_of_the_table() {
        let limits = Limits {
            client: ms(1),
            client_fin: ms(2),
            server: ms(3),
            server_fin: None,
            tunnel: None,
        };
        let shut = SideState { fin_sent: true, ..OPEN };
        let stuck = SideState { output_stuck: true, ..GONE };
        assert_eq!(limits.of(Side::Client, OPEN), ms(1));
        assert_eq!(limits.of(Side::Client, shut), ms(2));
        assert_eq!(limits.of(Side::Server, shut), ms(3));
        assert_eq!(limits.of(Side::Client, stuck), ms(1));
        assert_eq!(limits.of(Side::Client, GONE), None);
        let tunnel = Limits { tunnel: ms(9), ..limits };
        assert_eq!(tunnel.of(Side::Client, OPEN), ms(9));
        assert_eq!(tunnel.of(Side::Client, shut), ms(2));
        assert_eq!(tunnel.of(Side::Server, shut), ms(9));
    }

    #[test]
    fn the_earlier_side_expires_and_the_client_wins_a_tie() {
        let now = Instant::now();
        let limits = Limits { client: ms(300), server: ms(5000), ..Limits::default() };
        let at = |ms| now + Duration::from_millis(ms);
        assert_eq!(limits.next(now, OPEN, OPEN), Some((at(300), Side::Client)));
        let shut = SideState { fin_sent: true, ..OPEN };
        assert_eq!(limits.next(now, GONE, shut), Some((at(5000), Side::Server)));
        let even = Limits { client: ms(5), server: ms(5), ..Limits::default() };
        assert_eq!(even.next(now, OPEN, OPEN), Some((at(5), Side::Client)));
        assert_eq!(Limits::default().next(now, OPEN, OPEN), None);
    }
}
