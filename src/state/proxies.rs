//! Proxies as HAProxy counts them: a frontend, a backend, or both halves of a `listen` section.

use std::collections::HashMap;
use std::sync::Arc;

use super::process::Objects;
use super::{Backend, Frontend};
use crate::config::model::Log;

/// One proxy; it has at least one half.
#[derive(Clone, Copy, Debug)]
pub struct Proxy<'a> {
    /// Where clients come in.
    pub frontend: Option<&'a Arc<Frontend>>,
    /// Where its servers are.
    pub backend: Option<&'a Arc<Backend>>,
}

impl Objects {
    /// All proxies, as their sections are written.
    #[must_use]
    pub fn proxies(&self) -> Vec<Proxy<'_>> {
        let frontends = self.frontends.iter().map(|it| (it.route().settings.id.0, it));
        let frontends: HashMap<_, _> = frontends.collect();
        let backends: HashMap<_, _> =
            self.backends.iter().map(|it| (it.settings().id.0, it)).collect();
        let halves = self.config.order.iter().map(|id| Proxy {
            frontend: frontends.get(&id.0).copied(),
            backend: backends.get(&id.0).copied(),
        });
        halves.filter(|it| it.frontend.is_some() || it.backend.is_some()).collect()
    }

    /// Whether `frontend` is half of a `listen` section.
    #[must_use]
    pub fn is_listen(&self, frontend: &Frontend) -> bool {
        let id = frontend.route().settings.id;
        self.backends.iter().any(|backend| backend.settings().id == id)
    }

    /// Whether `backend` is half of a `listen` section.
    #[must_use]
    pub fn is_served_by_listen(&self, backend: &Backend) -> bool {
        let id = backend.settings().id;
        self.frontends.iter().any(|frontend| frontend.route().settings.id == id)
    }
}

impl Proxy<'_> {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> Arc<str> {
        let frontend = self.frontend.map(|frontend| &frontend.name);
        let name = frontend.or_else(|| self.backend.map(|backend| &backend.name));
        name.map_or_else(|| "".into(), Arc::clone)
    }

    /// Where its lines go.
    #[must_use]
    pub fn log(&self) -> Log {
        match (self.frontend, self.backend) {
            (Some(frontend), _) => frontend.route().log.to.clone(),
            (None, Some(backend)) => backend.settings().log.clone(),
            (None, None) => Log::default(),
        }
    }

    /// Connections its listeners accepted, and sessions its servers were given: those that run, and all.
    #[must_use]
    pub fn conns(&self) -> [(u64, u64); 2] {
        let half = |traffic: Option<&super::counters::Traffic>| {
            traffic.map_or((0, 0), |it| (it.sessions.current().into(), it.total.get()))
        };
        [
            half(self.frontend.map(|frontend| &frontend.traffic)),
            half(self.backend.map(|backend| &backend.service.traffic)),
        ]
    }
}
