//! Troubles of the primary that are said once they have lasted: it is up, and nothing is written to it, or
//! nobody new may.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::{Group, Inner};
use crate::pure::role::fence::Refusal;
use crate::pure::role::stall::Stall;

/// How long a trouble may be there before it is said: a standby that was started again is back by then, and
/// a witness knows of a promotion.
const SAID_AFTER: Duration = Duration::from_secs(2);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Lasting {
    /// It takes no writes.
    hanging: Trouble,
    /// A witness says that it is none.
    disputed: Trouble,
    /// Those that were said to be kept out, and why; no conflicts.
    pub(super) kept_out: BTreeMap<String, Refusal>,
    /// An operator has let them all in since that was looked at.
    pub(super) is_cleared: bool,
}

#[derive(Debug, Default)]
struct Trouble {
    /// Of whom it was said.
    said: Option<String>,
    /// Since when it is there, and not said.
    since: Option<Instant>,
}

/// What there is to say of a trouble.
enum News {
    /// Of this server: it has it by now.
    Begins(String),
    /// Of the one that was said to have it: it has it no more.
    Ends(String),
}

impl Trouble {
    /// What is news at `now` that `primary` has it.
    fn news(&mut self, now: Instant, primary: Option<&str>) -> Option<News> {
        if let Some(said) = &self.said {
            return if primary == Some(said) { None } else { self.said.take().map(News::Ends) };
        }
        let Some(primary) = primary else {
            self.since = None;
            return None;
        };
        let since = *self.since.get_or_insert(now);
        if now.saturating_duration_since(since) < SAID_AFTER {
            return None;
        }
        (self.said, self.since) = (Some(primary.to_owned()), None);
        Some(News::Begins(primary.to_owned()))
    }
}

impl Inner {
    /// The primary, where it takes no writes, and why.
    fn stalled(&self) -> Option<(String, Stall)> {
        let primary = self.fence.primary().filter(|_| self.planned.is_none())?;
        Some((primary.to_owned(), Stall::of(self.fence.reading(primary)?)?))
    }
}

impl Group {
    /// The primary, where it takes no writes, and why. What a switchover keeps from it is none.
    #[must_use]
    pub fn stalled(&self) -> Option<(String, Stall)> {
        self.lock().stalled()
    }

    /// The primary that has taken no writes for long enough, or (`None`) one of which that was said and is
    /// not so any more: news since this was asked.
    pub(in crate::state) fn take_hanging(&self, now: Instant) -> Option<(String, Option<Stall>)> {
        let mut inner = self.lock();
        let primary = inner.stalled();
        let name = primary.as_ref().map(|(name, _)| name.as_str());
        Some(match inner.lasting.hanging.news(now, name)? {
            News::Begins(server) => (server, primary.map(|(_, why)| why)),
            News::Ends(server) => (server, None),
        })
    }

    /// The same of one that a witness disputes; `disputed` is the primary of which that is so now, and
    /// what the witness says.
    pub(in crate::state) fn take_disputed(
        &self,
        now: Instant,
        disputed: Option<(String, String)>,
    ) -> Option<(String, Option<String>)> {
        let name = disputed.as_ref().map(|(name, _)| name.as_str());
        Some(match self.lock().lasting.disputed.news(now, name)? {
            News::Begins(server) => (server, disputed.map(|(_, why)| why)),
            News::Ends(server) => (server, None),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trouble_is_said_once_it_has_lasted_and_once_it_is_over() {
        let start = Instant::now();
        let mut trouble = Trouble::default();
        let (a, b) = (Some("a"), Some("b"));
        for (ms, primary, said) in [
            (0, a, None),
            (1999, a, None),
            (2000, None, None),
            (3000, a, None),
            (5000, a, Some((true, "a"))),
            (9000, a, None),
            (9100, b, Some((false, "a"))),
            (9200, b, None),
            (11_200, b, Some((true, "b"))),
            (11_300, None, Some((false, "b"))),
            (20_000, None, None),
        ] {
            let news = trouble.news(start + Duration::from_millis(ms), primary);
            let news = news.as_ref().map(|news| match news {
                News::Begins(server) => (true, server.as_str()),
                News::Ends(server) => (false, server.as_str()),
            });
            assert_eq!(news, said, "at {ms} ms");
        }
    }
}
