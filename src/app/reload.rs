//! Reload: a newer configuration applied to what runs.
//!
//! All or nothing: the file is read and checked, and every new socket opened, before anything
//! changes; a mistake anywhere changes nothing and is said. What did not change is not touched: its
//! listener is never closed, its sessions go on, its health is kept. The start is a reload from
//! nothing.

use std::collections::BTreeSet;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use tokio::task::JoinHandle;

use super::load::{Loaded, Sources};
use super::master::order::{Answer, Order, Refusal};
use super::supply::{Own, Supply};
use super::world::Replay;
use super::{Control, kept, limits, listeners, objects};
use crate::clock;
use crate::config::diff::{Plan, diff};
use crate::config::model::{Config, LogLevel};
use crate::state::frontend::Phase;
use crate::state::process::Objects;
use crate::state::proxies::Proxy;

/// The reading of the configuration for a reload. It may take its time, for names are resolved and
/// file systems hang; signals are heard meanwhile, and checks go on.
#[derive(Debug, Default)]
pub(super) struct Loading {
    task: Option<JoinHandle<Result<Loaded, String>>>,
    /// Another reload was asked for meanwhile.
    again: bool,
}

impl Loading {
    /// Begins to read, or to read once more when what goes on is done. Must be called within a
    /// runtime.
    pub(super) fn begin(&mut self, sources: &Sources) {
        if self.task.is_some() {
            self.again = true;
            return;
        }
        let sources = sources.clone();
        self.task = Some(tokio::task::spawn_blocking(move || sources.load_in_time()));
    }

    /// What was read; never, where nothing is.
    ///
    /// # Cancel safety
    /// Safe.
    pub(super) async fn end(&mut self) -> Result<Loaded, String> {
        let Some(task) = &mut self.task else { return std::future::pending().await };
        let read = task.await;
        self.task = None;
        read.unwrap_or_else(|_| Err("reading the configuration failed".to_owned()))
    }
}

/// Applies what was read.
pub(super) fn end(control: &mut Control, read: Result<Loaded, String>) {
    match read {
        Ok(loaded) => take(control, &loaded),
        Err(error) => tracing::error!("Reload refused: {error}; nothing was changed."),
    }
    if std::mem::take(&mut control.loading.again) {
        control.loading.begin(&control.sources);
    }
}

fn take(control: &mut Control, loaded: &Loaded) {
    loaded.print();
    let Some(config) = loaded.config.clone() else {
        if let Some(root) = &control.context.process.objects().config.global.chroot {
            tracing::warn!(
                "The files are looked for below {}, the 'chroot': reload by -sf, or start with -W.",
                root.display()
            );
        }
        tracing::error!("Reload refused: the configuration has errors; nothing was changed.");
        return;
    };
    match apply(control, config, &mut Supply::Own(Own::default())) {
        Ok(plan) => {
            control.keep(loaded);
            tracing::warn!("Reloaded {}: {}.", control.sources.display(), summary(&plan));
        }
        Err(errors) => {
            for error in errors {
                tracing::error!("{error}");
            }
            tracing::error!("Reload refused: nothing was changed.");
        }
    }
}

/// Follows an order of the master.
pub(super) fn follow(control: &mut Control, order: Order, sockets: Vec<OwnedFd>) -> Answer {
    let Order { texts, recording, places } = order;
    let loaded = control.sources.load_texts(texts, &mut Replay(recording));
    let Some(config) = loaded.config.clone() else {
        let why = "the worker does not understand what the master does".to_owned();
        return Err(Refusal::Because(vec![why]));
    };
    let mut supply = Supply::given(places, sockets);
    let plan = apply(control, config, &mut supply).map_err(|why| match supply.lacks() {
        names if names.is_empty() => Refusal::Because(why),
        names => Refusal::Lacks(names),
    })?;
    control.keep(&loaded);
    Ok(summary(&plan))
}

fn apply(
    control: &mut Control,
    mut config: Config,
    supply: &mut Supply,
) -> Result<Plan, Vec<String>> {
    if !config.has_listener() {
        return Err(vec!["No enabled listener found (check for 'bind' directives).".to_owned()]);
    }
    let process = Arc::clone(&control.context.process);
    let running = without_shut_down(&process.objects());
    let plan = diff(&running, &config);
    super::namespaces::open(&config)?;
    let opened = listeners::open(&config, &plan, control.workers.count(), supply)
        .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    for key in &plan.needs_restart {
        tracing::warn!("'{key}' has changed: it takes effect at the next start.");
    }
    let maxconn_changed = running.global.maxconn != config.global.maxconn;
    let limits = limits::settle(&config, control.workers.count(), control.memory_mib);
    process.tell(limits.told);
    limits.rule_pipes(config.global.tuning.pipesize);
    if maxconn_changed {
        // What runs goes on with fewer.
        if let Err(said) = limits.check(&config.global.life) {
            tracing::warn!("{said}");
        }
        process.set_maxconn(limits.maxconn);
    }
    keep_certificates(&running, &mut config);
    let config = Arc::new(config);
    let former = Arc::clone(&process.objects());
    objects::apply(&process, Arc::clone(&config), clock::now());
    control.follow(&config, &plan, opened);
    say(control, &former, &plan);
    Ok(plan)
}

/// Logs which proxies are gone, what else was done, and what commands did that still holds.
fn say(control: &Control, former: &Objects, plan: &Plan) {
    let objects = control.context.process.objects();
    let known: BTreeSet<_> = objects.proxies().iter().map(Proxy::name).collect();
    let gone = former.proxies();
    for proxy in gone.iter().filter(|proxy| !known.contains(&proxy.name())) {
        control.say_end_of(proxy);
    }
    let text = format!("Configuration reloaded: {}.", summary(plan));
    control.notice(LogLevel::Notice, objects.config.global.log.as_slice().into(), text);
    for (log, text) in kept::told(&objects) {
        control.notice(LogLevel::Notice, log, text);
    }
}

/// What is served with the same words and files goes on with what commands made of it.
fn keep_certificates(running: &Config, config: &mut Config) {
    let running = running.frontends.iter().flat_map(|frontend| &frontend.binds);
    let running: Vec<_> = running.filter_map(|bind| bind.tls.as_deref()).collect();
    let binds = config.frontends.iter_mut().flat_map(|frontend| &mut frontend.binds);
    for tls in binds.filter_map(|bind| bind.tls.as_deref_mut()) {
        if let Some(same) = running.iter().find(|same| ***same == *tls) {
            tls.keep_certificates(same);
        }
    }
}

/// The running configuration as far as its sockets are open: a reload opens again what a command
/// shut down, as a new process would.
fn without_shut_down(objects: &Objects) -> Config {
    let mut config = Config::clone(&objects.config);
    config.frontends.retain(|frontend| {
        let running = objects.frontends.iter().find(|known| *known.name == *frontend.name.as_str());
        running.is_none_or(|running| running.phase() != Phase::Stopped)
    });
    config
}

/// What a reload did, in one line.
fn summary(plan: &Plan) -> String {
    let servers = plan.backends.changed.iter().map(|backend| &backend.servers);
    let counts = [
        (plan.binds_added.len(), "listener(s) opened"),
        (plan.binds_removed.len(), "listener(s) closed"),
        (plan.frontends.added.len(), "frontend(s) added"),
        (plan.frontends.changed.len(), "frontend(s) changed"),
        (plan.frontends.removed.len(), "frontend(s) removed"),
        (plan.backends.added.len(), "backend(s) added"),
        (plan.backends.changed.len(), "backend(s) changed"),
        (plan.backends.removed.len(), "backend(s) removed"),
        (servers.clone().map(|servers| servers.added.len()).sum(), "server(s) added"),
        (servers.clone().map(|servers| servers.changed.len()).sum(), "server(s) changed"),
        (servers.map(|servers| servers.removed.len()).sum(), "server(s) removed"),
        (plan.global_changed.len(), "global setting(s) changed"),
    ];
    let parts: Vec<_> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    if parts.is_empty() { "nothing has changed".to_owned() } else { parts.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reload_that_changes_nothing_says_so() {
        assert_eq!(summary(&Plan::default()), "nothing has changed");
    }

    #[test]
    fn only_what_changed_is_counted() {
        let plan = Plan { global_changed: vec!["maxconn", "log"], ..Plan::default() };
        assert_eq!(summary(&plan), "2 global setting(s) changed");
    }
}
