//! What to do after a connection attempt to a server failed.
//!
//! HAProxy's rules (`retries`, `option redispatch`) for a server that is still in the live set, and
//! ours for one that has left it: then the next attempt goes elsewhere, whatever the options say,
//! because nothing is gained by waiting for a server that its own check found dead.

use std::num::NonZeroU32;
use std::time::Duration;

/// Pause before a server that refused is tried again (HAProxy's turn-around delay).
pub const TURN_AROUND: Duration = Duration::from_secs(1);

/// `option redispatch [interval]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redispatch {
    /// A retry stays with its server while that is up.
    Never,
    /// The same, for a session that something ties to its server (`0`).
    Untied,
    /// Every n-th retry may change (`1`: each).
    Every(NonZeroU32),
    /// The n-th retry counted from the last may change (`1`: the last, the default of the option).
    FromLast(NonZeroU32),
}

/// Why an attempt failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Refused, unreachable or reset: the answer came at once.
    Refused,
    /// No answer within `timeout connect`.
    TimedOut,
    /// Our side is out of ports, descriptors or memory.
    NoResources,
    /// A limit of ours leaves no room for it.
    NoPlace,
}

impl Failure {
    /// The server has no part in it.
    #[must_use]
    pub const fn is_ours(self) -> bool {
        matches!(self, Self::NoResources | Self::NoPlace)
    }
}

/// What the backend allows.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// Attempts after the first.
    pub retries: u32,
    /// When a retry may change servers.
    pub redispatch: Redispatch,
    /// `timeout connect`.
    pub connect: Option<Duration>,
    /// Servers in the live set that are not backups.
    pub active: usize,
    /// The policy chose the server, and by no key: its next pick is another one anyway.
    pub fickle: bool,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The same server after a pause (or another one, as soon as this one leaves the live set).
    Same {
        /// How long to wait first.
        after: Duration,
    },
    /// Whichever server is picked after a pause.
    Later {
        /// How long to wait first.
        after: Duration,
    },
    /// Another server at once.
    Other,
    /// No attempts are left.
    GiveUp,
}

/// Decides after attempt number `attempt` (from 1) failed.
///
/// | attempts left | in live set | redispatch applies | refused | next |
/// |---|---|---|---|---|
/// | no | – | – | – | give up |
/// | yes | no | – | – | other |
/// | yes | yes | yes, alone | yes | picked anew, after `min(1 s, timeout connect)` |
/// | yes | yes | yes | – | other |
/// | yes | yes | no | yes | same, after `min(1 s, timeout connect)` |
/// | yes | yes | no | no | same, at once |
#[must_use]
pub fn after(failure: Failure, attempt: u32, in_live_set: bool, policy: &Policy) -> Next {
    if attempt > policy.retries || failure.is_ours() {
        return Next::GiveUp;
    }
    let redispatch = may_redispatch(attempt, policy);
    // Who is the only active server would be picked again, without the pause.
    let alone = policy.active == 1 && failure == Failure::Refused;
    if !in_live_set || redispatch && !alone {
        return Next::Other;
    }
    let after = match failure {
        Failure::Refused => policy.connect.map_or(TURN_AROUND, |connect| connect.min(TURN_AROUND)),
        Failure::TimedOut | Failure::NoResources | Failure::NoPlace => Duration::ZERO,
    };
    if redispatch { Next::Later { after } } else { Next::Same { after } }
}

/// Whether retry number `retry` (from 1) may leave a server that is up.
fn may_redispatch(retry: u32, policy: &Policy) -> bool {
    let due = match policy.redispatch {
        Redispatch::Never => return false,
        Redispatch::Untied => false,
        Redispatch::Every(n) => retry.is_multiple_of(n.get()),
        Redispatch::FromLast(n) => {
            let period = (policy.retries + 1).saturating_sub(n.get());
            period > 0 && retry.is_multiple_of(period)
        }
    };
    due || (policy.fickle && policy.active > 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: Policy = Policy {
        retries: 3,
        redispatch: Redispatch::Never,
        connect: Some(Duration::from_secs(10)),
        active: 1,
        fickle: true,
    };

    fn one() -> NonZeroU32 {
        NonZeroU32::new(1).expect("not zero")
    }

    #[test]
    fn table() {
        let same = |after| Next::Same { after };
        let redispatch = Policy { redispatch: Redispatch::FromLast(one()), ..BASE };
        let short = Policy { connect: Some(Duration::from_millis(300)), ..BASE };
        let several = Policy { active: 2, ..redispatch };
        let cases = [
            (Failure::Refused, 4, true, BASE, Next::GiveUp),
            (Failure::Refused, 4, false, BASE, Next::GiveUp),
            (Failure::Refused, 1, false, BASE, Next::Other),
            (Failure::Refused, 1, true, BASE, same(TURN_AROUND)),
            (Failure::Refused, 1, true, short, same(Duration::from_millis(300))),
            (Failure::TimedOut, 1, true, BASE, same(Duration::ZERO)),
            (Failure::Refused, 1, true, redispatch, same(TURN_AROUND)),
            (Failure::Refused, 3, true, redispatch, Next::Later { after: TURN_AROUND }),
            (Failure::Refused, 3, false, redispatch, Next::Other),
            (Failure::TimedOut, 3, true, redispatch, Next::Other),
            (Failure::Refused, 3, true, Policy { fickle: false, ..several }, Next::Other),
            (Failure::Refused, 1, true, several, Next::Other),
            (
                Failure::Refused,
                1,
                true,
                Policy { redispatch: Redispatch::Untied, ..several },
                Next::Other,
            ),
            (
                Failure::TimedOut,
                3,
                true,
                Policy { redispatch: Redispatch::Untied, fickle: false, ..several },
                same(Duration::ZERO),
            ),
            (Failure::NoResources, 1, true, BASE, Next::GiveUp),
            (Failure::NoPlace, 1, true, BASE, Next::GiveUp),
        ];
        for (failure, attempt, live, policy, expected) in cases {
            assert_eq!(after(failure, attempt, live, &policy), expected, "{failure:?} {attempt}");
        }
    }

    #[test]
    fn no_retries_gives_up_at_once() {
        let policy = Policy { retries: 0, ..BASE };
        assert_eq!(after(Failure::Refused, 1, false, &policy), Next::GiveUp);
    }
}
