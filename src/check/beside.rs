//! What the engine has run beside the checks: slow starts, those that let held clients go, and the beat.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Engine, Kept, attach, ramp, waking};
use crate::state::Backend;
use crate::state::process::Objects;
use crate::state::upkeep::keep_running;

impl Engine {
    /// A backend where clients may be held, or could be before a reload, has a task that lets them go.
    pub(super) fn follow_holds(&mut self, objects: &Objects) {
        let holds = objects.frontends.iter().any(|it| it.route().settings.hold.is_some());
        let is_there = |kept: &Kept| objects.backends.iter().any(|it| Arc::ptr_eq(it, &kept.0));
        self.attaching.retain(|_, kept| is_there(kept));
        for backend in objects.backends.iter().filter(|_| holds) {
            self.attaching.entry(Arc::as_ptr(backend)).or_insert_with(|| {
                let what = format!("The hold of {}", backend.name);
                let held = Arc::clone(backend);
                let task = keep_running(what, move || attach::run(Arc::clone(&held)));
                (Arc::clone(backend), task)
            });
        }
    }

    pub(super) fn follow_ramps(&mut self, objects: &Objects) {
        let with_ramp: HashMap<*const Backend, &Arc<Backend>> = objects
            .backends
            .iter()
            .filter(|backend| {
                backend.live().servers.iter().any(|s| s.settings().slowstart.is_some())
            })
            .map(|backend| (Arc::as_ptr(backend), backend))
            .collect();
        self.ramps.retain(|key, _| with_ramp.contains_key(key));
        for (key, backend) in with_ramp {
            self.ramps.entry(key).or_insert_with(|| {
                let backend = Arc::clone(backend);
                let what = format!("The slow start of {}", backend.name);
                let ramped = Arc::clone(&backend);
                (backend, keep_running(what, move || ramp::run(Arc::clone(&ramped))))
            });
        }
    }

    /// Where anything is routed by role it matters whether the process runs all the time.
    pub(super) fn follow_roles(&mut self, objects: &Objects) {
        let with_roles = objects.backends.iter().any(|it| !it.settings().routes.is_empty());
        self.waking = self.waking.take().filter(|_| with_roles).or_else(|| {
            let process = Arc::clone(&self.process);
            let run = move || waking::run(Arc::clone(&process));
            with_roles.then(|| keep_running("The beat".to_owned(), run))
        });
    }
}
