//! When silence has lasted too long: the inactivity timeouts of the two sides of a session.
//!
//! Data in either direction counts as activity of both sides, unless only what a side sends itself
//! is to count for it. A side whose timeout expires while
//! it may still send is treated as if it had closed: the other side gets a FIN and its own timeout
//! decides what follows (observed on HAProxy 2.6: `timeout client 300ms`, `timeout server 5s`, two
//! silent peers: FIN to the server at 0.3 s, both closed at 5 s).
//!
//! | the side may still send | we have sent it a FIN | its timeout, since the last activity |
//! |---|---|---|
//! | yes | no | `tunnel`, else `client` / `server` |
//! | yes | yes | `client-fin` / `server-fin`, since the FIN at the earliest; else as above |
//! | no | – | none |
//!
//! A side that does not take its bytes is under the timeout of the first row besides, counted from
//! the last byte it took, whatever it sends meanwhile: expiry ends the session.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

/// The two ends of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Who connected to us.
    Client,
    /// Whom we connected to.
    Server,
}

/// A timeout in four bytes, as each session has ten: whole milliseconds, rounded up. 49 days and more
/// are infinite.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timeout(Option<NonZeroU32>);

impl Timeout {
    /// The time; `None` is infinite.
    #[must_use]
    pub fn get(self) -> Option<Duration> {
        self.0.map(|ms| Duration::from_millis(ms.get().into()))
    }

    fn or(self, other: Self) -> Self {
        Self(self.0.or(other.0))
    }
}

impl From<Option<Duration>> for Timeout {
    fn from(time: Option<Duration>) -> Self {
        let ms = time.map(|time| time.as_nanos().div_ceil(1_000_000).max(1));
        Self(ms.and_then(|ms| NonZeroU32::new(u32::try_from(ms).ok()?)))
    }
}

/// The timeouts of both sides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// `timeout client`.
    pub client: Timeout,
    /// `timeout client-fin`.
    pub client_fin: Timeout,
    /// `timeout server`.
    pub server: Timeout,
    /// `timeout server-fin`.
    pub server_fin: Timeout,
    /// `timeout tunnel`.
    pub tunnel: Timeout,
}

/// What one side is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SideState {
    /// It has sent its FIN, or is treated so.
    pub read_ended: bool,
    /// When we sent it a FIN, if we have.
    pub fin_sent: Option<Instant>,
    /// Bytes wait for it, and since when it has taken none.
    pub stuck_since: Option<Instant>,
    /// When it sent something last, where only that counts (`option independent-streams`).
    pub heard: Option<Instant>,
}

impl Limits {
    /// When `side` will have been silent for too long; `None`: never.
    #[must_use]
    pub fn deadline(
        &self,
        side: Side,
        state: SideState,
        last_activity: Instant,
    ) -> Option<Instant> {
        let (plain, fin) = match side {
            Side::Client => (self.client, self.client_fin),
            Side::Server => (self.server, self.server_fin),
        };
        let open = self.tunnel.or(plain);
        let after = |since: Instant, limit: Timeout| since.checked_add(limit.get()?);
        let since = state.heard.unwrap_or(last_activity);
        let silent = match (state.read_ended, state.fin_sent, fin) {
            (true, ..) => None,
            (false, Some(sent), Timeout(Some(_))) => after(since.max(sent), fin),
            (false, ..) => after(since, open),
        };
        let stuck = state.stuck_since.and_then(|since| after(since, open));
        match (silent, stuck) {
            (Some(silent), Some(stuck)) => Some(silent.min(stuck)),
            (silent, stuck) => silent.or(stuck),
        }
    }

    /// The side whose timeout ends first and when; the client's wins a tie. `None`: nothing to wait
    /// for.
    #[must_use]
    pub fn next(
        &self,
        last_activity: Instant,
        client: SideState,
        server: SideState,
    ) -> Option<(Instant, Side)> {
        let at = |side, state| self.deadline(side, state, last_activity).map(|at| (at, side));
        match (at(Side::Client, client), at(Side::Server, server)) {
            (Some(c), Some(s)) => Some(if s.0 < c.0 { s } else { c }),
            (c, s) => c.or(s),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_side_is_sent_counts_unless_it_is_independent() {
        let limits = Limits { client: limit(100), ..Limits::default() };
        let heard = Instant::now();
        let active = heard + Duration::from_millis(70);
        let ends = |state| limits.deadline(Side::Client, state, active).map(|at| at - heard);
        assert_eq!(ends(SideState::default()), ms(170));
        assert_eq!(ends(SideState { heard: Some(heard), ..SideState::default() }), ms(100));
    }

    fn ms(n: u64) -> Option<Duration> {
        Some(Duration::from_millis(n))
    }

    fn limit(n: u64) -> Timeout {
        ms(n).into()
    }

    #[test]
    fn a_timeout_is_never_shorter_than_was_said() {
        let kept = |time: Duration| Timeout::from(Some(time)).get();
        assert_eq!(kept(Duration::from_micros(1_001)), ms(2));
        assert_eq!(kept(Duration::ZERO), ms(1));
        assert_eq!(kept(Duration::from_millis(u32::MAX.into())), ms(u32::MAX.into()));
        assert_eq!(kept(Duration::from_secs(1 << 40)), None);
        assert_eq!(Timeout::from(None).get(), None);
    }

    const OPEN: SideState =
        SideState { read_ended: false, fin_sent: None, stuck_since: None, heard: None };
    const GONE: SideState = SideState { read_ended: true, ..OPEN };

    #[test]
    fn rows_of_the_table() {
        let limits = Limits {
            client: limit(1),
            client_fin: limit(2),
            server: limit(3),
            server_fin: Timeout::default(),
            tunnel: Timeout::default(),
        };
        let now = Instant::now();
        let of = |limits: Limits, side, state| {
            limits.deadline(side, state, now).map(|at| at.saturating_duration_since(now))
        };
        let shut = SideState { fin_sent: Some(now), ..OPEN };
        assert_eq!(of(limits, Side::Client, OPEN), ms(1));
        assert_eq!(of(limits, Side::Client, shut), ms(2));
        assert_eq!(of(limits, Side::Server, shut), ms(3));
        assert_eq!(of(limits, Side::Client, GONE), None);
        let tunnel = Limits { tunnel: limit(9), ..limits };
        assert_eq!(of(tunnel, Side::Client, OPEN), ms(9));
        assert_eq!(of(tunnel, Side::Client, shut), ms(2));
        assert_eq!(of(tunnel, Side::Server, shut), ms(9));
        let later = SideState { fin_sent: Some(now + Duration::from_millis(5)), ..OPEN };
        assert_eq!(of(limits, Side::Client, later), ms(7));
        assert_eq!(of(limits, Side::Server, later), ms(3));
    }

    #[test]
    fn a_side_that_takes_nothing_expires_whatever_it_sends() {
        let limits = Limits { client: limit(100), ..Limits::default() };
        let start = Instant::now();
        let later = start + Duration::from_secs(9);
        for state in [OPEN, GONE] {
            let stuck = SideState { stuck_since: Some(start), ..state };
            let expected = start + Duration::from_millis(100);
            assert_eq!(limits.deadline(Side::Client, stuck, later), Some(expected));
        }
    }

    #[test]
    fn the_earlier_side_expires_and_the_client_wins_a_tie() {
        let now = Instant::now();
        let limits = Limits { client: limit(300), server: limit(5000), ..Limits::default() };
        let at = |ms| now + Duration::from_millis(ms);
        assert_eq!(limits.next(now, OPEN, OPEN), Some((at(300), Side::Client)));
        let shut = SideState { fin_sent: Some(at(299)), ..OPEN };
        assert_eq!(limits.next(now, GONE, shut), Some((at(5000), Side::Server)));
        let even = Limits { client: limit(5), server: limit(5), ..Limits::default() };
        assert_eq!(even.next(now, OPEN, OPEN), Some((at(5), Side::Client)));
        assert_eq!(Limits::default().next(now, OPEN, OPEN), None);
    }
}
