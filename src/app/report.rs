//! SIGHUP under HAProxy's flags: how every proxy and server is, on standard error and in the log of
//! the proxy.

use crate::clock;
use crate::state::proxies::Proxy;
use crate::state::{Backend, Process};
use crate::telemetry::bus::Bus;
use crate::telemetry::event::{Event, What};

/// Says it.
pub(super) fn print(process: &Process, bus: &Bus) {
    tracing::warn!("SIGHUP received, dumping servers states.");
    let objects = process.objects();
    for proxy in objects.proxies() {
        let log = proxy.log();
        let note = |text: String| {
            let what = What::Report(text);
            bus.event(Event { at: clock::wall(), log: log.clone(), what });
        };
        note(format!("SIGHUP received, dumping servers states for proxy {}.", proxy.name()));
        for line in servers(&proxy).chain([summary(&proxy)]) {
            tracing::warn!("{line}");
            note(line);
        }
    }
}

fn servers(proxy: &Proxy<'_>) -> impl Iterator<Item = String> {
    let lines = proxy.backend.map(|backend| {
        let of = |server: &std::sync::Arc<crate::state::Server>| {
            let traffic = &server.service.traffic;
            format!(
                "SIGHUP: Server {}/{} is {}. Conn: {} act, {} pend, {} tot.",
                backend.name,
                server.name,
                if server.standing().is_running() { "UP" } else { "DOWN" },
                traffic.sessions.current(),
                server.service.queued.current(),
                traffic.total.get()
            )
        };
        backend.live().servers.iter().map(of).collect::<Vec<_>>()
    });
    lines.unwrap_or_default().into_iter()
}

fn summary(proxy: &Proxy<'_>) -> String {
    let [(accepted, all_accepted), (served, all_served)] = proxy.conns();
    let (availability, pending) = proxy.backend.map_or_else(
        || ("has no servers.".to_owned(), 0),
        |backend| (availability(backend), backend.service.queued.current()),
    );
    format!(
        "SIGHUP: Proxy {} {availability} Conn: act(FE+BE): {accepted}+{served}, {pending} pend \
         ({pending} unass), tot(FE+BE): {all_accepted}+{all_served}.",
        proxy.name()
    )
}

fn availability(backend: &Backend) -> String {
    let live = backend.live();
    if live.servers.is_empty() {
        return "has no servers.".to_owned();
    }
    match (live.active, live.backup) {
        (0, 0) => "has no server available !".to_owned(),
        (0, _) => "is running on backup servers !".to_owned(),
        (active, backup) => {
            format!("has {active} active servers and {backup} backup servers available.")
        }
    }
}
