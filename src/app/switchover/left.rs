//! What a switchover that failed leaves: who is primary after it, as the checks hear it.

use std::time::Duration;

use super::LOOK_EVERY;
use crate::clock;
use crate::state::Backend;
use crate::telemetry::event::RoleChange;

/// How long the checks may take to hear of what was undone: as long as some polls.
const HEARD_MAX: Duration = Duration::from_secs(1);

/// That `to` does not take over from `from`, for this reason: with who is primary then, where it is not the
/// old one, or that nobody is.
///
/// # Cancel safety
/// Safe.
pub(super) async fn given_up(backend: &Backend, (from, to): (&str, &str), why: &str) -> RoleChange {
    let until = clock::now() + HEARD_MAX;
    while backend.group.claims().primary.is_none() && clock::now() < until {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let primary = backend.group.claims().primary;
    let more = match primary.as_deref() {
        Some(primary) if primary == from => String::new(),
        Some(primary) if primary == to => format!("; {to} is primary all the same"),
        Some(primary) => format!("; {primary} is primary"),
        None if backend.group.contest().is_some() => {
            "; nobody is primary, for more than one claims to be ('fence show' says what to do)"
                .to_owned()
        }
        None => {
            let is = |server: &str| {
                let role = backend.group.reading(server).map(|reading| reading.role.word());
                format!(
                    "{server} is {}",
                    role.map_or("not heard".to_owned(), |it| format!("a {it}"))
                )
            };
            format!("; nobody is primary: {}, {}. Make one of them take writes", is(from), is(to))
        }
    };
    let (to, why) = (to.to_owned(), format!("{why}{more}"));
    RoleChange::GivenUp { to, why, is_leaderless: primary.is_none() }
}
