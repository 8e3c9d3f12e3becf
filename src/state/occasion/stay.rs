//! Whether the sessions of a server in trouble stay, where routes by role lead to it.

use std::sync::Arc;
use std::time::Instant;

use super::Occasion;
use crate::config::model;
use crate::pure::health::Standing;
use crate::pure::role::route::{Part, RoleRoute};
use crate::pure::role::stay::{Partings, Step, Trouble, Troubles};
use crate::pure::role::witness::Life;
use crate::state::{Backend, CutReason, Server};

impl Occasion<'_> {
    /// Looks at what is wrong with a server, and cuts those of its sessions that are not to stay.
    pub fn part(&self, backend: &Backend, server: &Arc<Server>) {
        let settings = backend.settings();
        if settings.routes.is_empty() {
            *server.partings() = Partings::default();
            return;
        }
        let part = backend.group.parts(self.now, std::slice::from_ref(server));
        let part = part.first().copied().unwrap_or_default();
        let troubles = troubles(backend, &settings, server, part, self.now);
        let steps = server.partings().handle_troubles(self.now, &troubles, &settings.stays);
        for step in steps {
            let cut = self.take(server, step, part);
            backend.group.note_cut(&server.name, u64::try_from(cut).unwrap_or(u64::MAX));
        }
    }

    /// How many sessions were cut.
    fn take(&self, server: &Arc<Server>, step: Step, part: Part) -> usize {
        let sessions = &self.process.sessions;
        match step {
            // Those it has not answered yet do better elsewhere.
            Step::Begun(Trouble::Dead | Trouble::Maintenance) => {
                sessions.end_on_server(server, CutReason::ServerLeft);
                0
            }
            Step::Begun(Trouble::RoleLost | Trouble::Fenced | Trouble::Lagging) => 0,
            Step::Part(Trouble::Dead) => sessions.end_on_server(server, CutReason::ServerDown),
            Step::Part(Trouble::Maintenance) => {
                sessions.end_on_server(server, CutReason::Maintenance)
            }
            Step::Part(Trouble::RoleLost) => sessions.end_writes_on(server),
            Step::Part(Trouble::Fenced) => sessions.end_on_server(server, CutReason::Fenced),
            Step::Part(Trouble::Lagging) => {
                sessions.end_routed_on(server, CutReason::Lagging, |route| lags(route, part))
            }
        }
    }
}

/// A server that does not run is not asked for its role any more; it has lost it for certain once
/// another one has it.
fn troubles(
    backend: &Backend,
    settings: &model::Backend,
    server: &Server,
    part: Part,
    now: Instant,
) -> Troubles {
    let standing = server.standing();
    let is_shut = server.health().is_shut();
    let (is_dead, has_lost_role) = {
        let mut panel = server.panel();
        let life = match standing {
            Standing::Down if is_shut => Life::Shut,
            Standing::Down => Life::Dead,
            _ => Life::Lives,
        };
        let is_dead = panel.is_dead(now, life, settings.agree);
        (is_dead, panel.has_lost_role(now, part, settings.agree))
    };
    let is_led = backend.group.is_led_by_another(&server.name);
    let is_fenced = backend.group.refusal(&server.name).is_some();
    let lagging = || settings.routes.iter().filter(|route| lags(**route, part)).count();
    let has = |trouble| match (trouble, standing) {
        (Trouble::Maintenance, _) => usize::from(standing == Standing::Maint),
        (Trouble::Dead, _) => usize::from(is_dead && standing != Standing::Maint),
        (Trouble::RoleLost, Standing::Down) => usize::from(is_led),
        (_, Standing::Maint | Standing::Down) => 0,
        (Trouble::Fenced, _) => usize::from(is_fenced),
        (Trouble::RoleLost, _) => usize::from(has_lost_role || is_led),
        (Trouble::Lagging, _) => lagging(),
    };
    Trouble::ALL.map(has)
}

/// Whether a server is known to be further behind than a route allows.
fn lags(route: RoleRoute, part: Part) -> bool {
    match (route, part) {
        (
            RoleRoute::Replica { max_lag: Some(max), .. },
            Part::Replica(Some(lag)) | Part::Stray(Some(lag)),
        ) => lag.time > max,
        _ => false,
    }
}
