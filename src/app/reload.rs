//! Reload: a newer configuration applied to what runs.
//!
//! All or nothing: the file is read and checked, and every new socket opened, before anything
//! changes; a mistake anywhere changes nothing and is said. What did not change is not touched: its
//! listener is never closed, its sessions go on, its health is kept.

use std::sync::Arc;

use super::{Control, check_system, objects};
use crate::clock;
use crate::config::model::{Config, Global};

/// Reads the sources again and applies them.
pub(super) fn reload(control: &mut Control) {
    let loaded = control.sources.load();
    loaded.print();
    let Some(config) = loaded.config else {
        tracing::error!("Reload refused: the configuration has errors; nothing was changed.");
        return;
    };
    match apply(control, config) {
        Ok(()) => tracing::warn!("Reloaded: {}", control.sources.display()),
        Err(errors) => {
            for error in errors {
                tracing::error!("{error}");
            }
            tracing::error!("Reload refused: nothing was changed.");
        }
    }
}

fn apply(control: &mut Control, config: Config) -> Result<(), Vec<String>> {
    check_system(&config)?;
    let say = |errors: Vec<crate::net::listen::ListenError>| -> Vec<String> {
        errors.iter().map(ToString::to_string).collect()
    };
    let workers = control.workers.count();
    let opened = control.listeners.open(config.frontends.iter(), workers).map_err(say)?;
    let service = control.service.open_new(&config.stats).map_err(say)?;

    let process = Arc::clone(&control.context.process);
    let running = Arc::clone(&process.objects().config);
    for key in needs_restart(&running.global, &config.global) {
        tracing::warn!("'{key}' has changed: it takes effect at the next start.");
    }
    if let Some(maxconn) = config.global.maxconn {
        process.gate.set_limit(maxconn.get());
    }
    let config = Arc::new(config);
    objects::apply(&process, Arc::clone(&config), clock::now());
    control.engine.follow(&process.objects());
    control.log.follow(&config);
    control.start_listeners(opened);
    control.listeners.close_others(&config.frontends);
    control.service.follow(service, &config.stats, &control.context);
    Ok(())
}

/// Global settings that a running process cannot change.
fn needs_restart(old: &Global, new: &Global) -> Vec<&'static str> {
    let changes = [
        ("nbthread", old.nbthread != new.nbthread),
        ("user", old.user != new.user || old.uid != new.uid),
        ("group", old.group != new.group || old.gid != new.gid),
        ("chroot", old.chroot != new.chroot),
        ("daemon", old.daemon != new.daemon),
        ("pidfile", old.pidfile != new.pidfile),
    ];
    changes.into_iter().filter(|(_, changed)| *changed).map(|(key, _)| key).collect()
}
