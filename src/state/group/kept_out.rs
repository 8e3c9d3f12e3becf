//! Who is said to be kept out: until it follows the newest primary, is let in, or has left the group. That
//! it is down says nothing of what it does when it is back.

use std::sync::Arc;

use super::{Group, Inner};
use crate::pure::role::fence::{Fence, Refusal};
use crate::pure::role::stray::Stray;
use crate::state::Server;

impl Group {
    /// Those of `servers` that are kept out since this was asked, or for another reason than then, or
    /// (`None`) not any more; one that left the group is not either. Conflicts, which are over once
    /// there is a primary, are not among them.
    pub(in crate::state) fn take_kept_out(
        &self,
        servers: &[Arc<Server>],
    ) -> Vec<(String, Option<Refusal>)> {
        let mut inner = self.lock();
        let Inner { fence, lasting, .. } = &mut *inner;
        let is_cleared = std::mem::take(&mut lasting.is_cleared);
        let mut news = Vec::new();
        lasting.kept_out.retain(|server, _| {
            let is_member = servers.iter().any(|known| *known.name == **server);
            let may_return = is_member && !is_cleared && !is_harmless(fence, server);
            let stays = fence.refusal(server).is_some() || may_return;
            if !stays {
                news.push((server.clone(), None));
            }
            stays
        });
        for (server, why) in fence.refusals().filter(|(_, why)| *why != Refusal::Conflict) {
            if lasting.kept_out.get(server) != Some(&why) {
                lasting.kept_out.insert(server.to_owned(), why);
                news.push((server.to_owned(), Some(why)));
            }
        }
        news
    }
}

/// Whether one that is refused nothing says so by what it is: it follows the newest primary, or is let in.
fn is_harmless(fence: &Fence, server: &str) -> bool {
    fence.reading(server).is_some_and(|reading| {
        let is_former = fence.memory().former.contains(server);
        !reading.role.follows()
            || !is_former && !fence.stray(server).is_some_and(Stray::is_elsewhere)
    })
}
