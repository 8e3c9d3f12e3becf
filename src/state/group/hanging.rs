//! A primary whose commits wait for standbys that it does not have: it is up, and nothing is written to it.

use std::time::{Duration, Instant};

use super::{Group, Inner};
use crate::pure::role::copies::Shortage;

/// How long that may be so before it is said: a standby that was started again is back by then.
const SAID_AFTER: Duration = Duration::from_secs(2);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Hanging {
    /// Of whom it was said.
    said: Option<String>,
    /// Since when it is so, and not said.
    since: Option<Instant>,
}

impl Group {
    /// The primary whose commits wait in vain by now, or (`None`) one of which that was said and is not so
    /// any more: news since this was asked.
    pub(in crate::state) fn take_hanging(
        &self,
        now: Instant,
    ) -> Option<(String, Option<Shortage>)> {
        let mut inner = self.lock();
        let Inner { fence, hanging, .. } = &mut *inner;
        let primary = fence.primary().and_then(|name| Some((name, fence.reading(name)?.shortage?)));
        if let Some(said) = &hanging.said {
            let goes_on = primary.is_some_and(|(name, _)| name == said);
            return if goes_on { None } else { hanging.said.take().map(|said| (said, None)) };
        }
        let Some((name, shortage)) = primary else {
            hanging.since = None;
            return None;
        };
        let since = *hanging.since.get_or_insert(now);
        if now.saturating_duration_since(since) < SAID_AFTER {
            return None;
        }
        (hanging.said, hanging.since) = (Some(name.to_owned()), None);
        Some((name.to_owned(), Some(shortage)))
    }
}
