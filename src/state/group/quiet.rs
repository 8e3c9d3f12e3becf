//! Servers that live, or may, and do not say what they are.

use std::time::Instant;

use super::Group;

impl Group {
    /// A server lives, as it showed at `lived`, and lets nobody ask what it is. `None`: it never said;
    /// else whether that is news.
    pub(in crate::state) fn handle_refused(
        &self,
        now: Instant,
        server: &str,
        lived: Option<Instant>,
    ) -> Option<bool> {
        self.reading(server)?;
        let told = self.tell(now, |fence| fence.handle_refused(server));
        let mut inner = self.lock();
        if inner.fence.primary() == Some(server) {
            inner.heard_at = inner.heard_at.max(lived);
        }
        told
    }

    /// The answer of a server is overdue. Whether that is news of one that said what it is.
    pub(in crate::state) fn handle_silent(&self, now: Instant, server: &str) -> bool {
        self.tell(now, |fence| fence.handle_silent(server))
    }

    /// Whether what a server said counts on though it lets nobody ask any more.
    #[must_use]
    pub fn is_mute(&self, server: &str) -> bool {
        self.lock().fence.is_mute(server)
    }

    /// Whether anybody is taken for the primary, and answers.
    #[must_use]
    pub fn hears_primary(&self) -> bool {
        let fence = &self.lock().fence;
        fence.primary().is_some_and(|primary| !fence.is_silent(primary))
    }
}
