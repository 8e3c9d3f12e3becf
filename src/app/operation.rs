//! What a switchover and a drill have in common: each is done in a task of its own that tells how it
//! goes, and begins with the primary that a route leads to.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::pure::role::route::RoleRoute;
use crate::state::frontend::Route;
use crate::state::request::Refused;
use crate::state::{Backend, Process, Server};

/// Tells who asked, and the log.
pub(super) struct Teller {
    told: mpsc::Sender<String>,
    what: &'static str,
}

impl Teller {
    pub(super) fn say(&self, line: String) {
        tracing::info!("{}: {line}", self.what);
        // Who does not read misses lines.
        let _ = self.told.try_send(line);
    }
}

/// Does `work`, a `what`, in a task of its own, which tells `told` of it; `answer` says how it went.
pub(super) fn start<F>(
    what: &'static str,
    told: mpsc::Sender<String>,
    answer: oneshot::Sender<Result<(), Refused>>,
    work: impl FnOnce(Teller) -> F,
) where
    F: Future<Output = Result<(), String>> + Send + 'static,
{
    let work = work(Teller { told, what });
    tokio::spawn(async move {
        let result = work.await;
        // Whoever asked may be gone: it is done all the same.
        let _ = answer.send(result.map_err(Refused::Because));
    });
}

/// The route of writes of the frontend `name`, and its backend.
pub(super) fn route_of(
    process: &Process,
    name: &str,
) -> Result<(Arc<Route>, Arc<Backend>), String> {
    let objects = process.objects();
    let frontend = objects.frontends.iter().find(|known| *known.name == *name);
    let frontend = frontend.ok_or_else(|| format!("there is no frontend '{name}'"))?;
    let route = Arc::clone(&frontend.route());
    if route.settings.role != Some(RoleRoute::Primary) {
        return Err(format!("frontend '{name}' has not role = \"primary\""));
    }
    let backend = route.backend.clone().ok_or("the frontend has no backend")?;
    Ok((route, backend))
}

/// The primary of a backend.
pub(super) fn primary_of(backend: &Backend) -> Result<Arc<Server>, String> {
    let primary = backend.group.claims().primary;
    let primary = primary.ok_or_else(|| format!("backend '{}' has no primary", backend.name))?;
    let live = backend.live();
    let server = live.servers.iter().find(|server| *server.name == *primary);
    Ok(server.ok_or("the primary is gone")?.clone())
}
