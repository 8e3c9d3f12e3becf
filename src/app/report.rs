//! SIGHUP under HAProxy's flags: how every proxy and server is, on standard error.

use crate::state::{Backend, Process};

/// Says it.
pub(super) fn print(process: &Process) {
    tracing::warn!("SIGHUP received, dumping servers states.");
    let objects = process.objects();
    for frontend in &objects.frontends {
        let (now, all) = (frontend.traffic.sessions.current(), frontend.traffic.total.get());
        tracing::warn!(
            "SIGHUP: Proxy {} has no servers. Conn: act(FE+BE): {now}+0, 0 pend (0 unass), \
             tot(FE+BE): {all}+0.",
            frontend.name
        );
    }
    for backend in &objects.backends {
        servers(backend);
        let (now, all) =
            (backend.service.traffic.sessions.current(), backend.service.traffic.total.get());
        let pending = backend.service.queued.current();
        tracing::warn!(
            "SIGHUP: Proxy {} {}. Conn: act(FE+BE): 0+{now}, {pending} pend ({pending} unass), \
             tot(FE+BE): 0+{all}.",
            backend.name,
            availability(backend)
        );
    }
}

fn servers(backend: &Backend) {
    for server in &backend.live().servers {
        let traffic = &server.service.traffic;
        tracing::warn!(
            "SIGHUP: Server {}/{} is {}. Conn: {} act, {} pend, {} tot.",
            backend.name,
            server.name,
            if server.standing().is_running() { "UP" } else { "DOWN" },
            traffic.sessions.current(),
            server.service.queued.current(),
            traffic.total.get()
        );
    }
}

fn availability(backend: &Backend) -> String {
    let live = backend.live();
    if live.servers.is_empty() {
        return "has no servers".to_owned();
    }
    match (live.active, live.backup) {
        (0, 0) => "has no server available !".to_owned(),
        (active, backup) => {
            format!("has {active} active servers and {backup} backup servers available")
        }
    }
}
