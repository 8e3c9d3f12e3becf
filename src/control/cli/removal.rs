//! `del server`.

use std::fmt;
use std::sync::Arc;

use super::table::{Command, Mode, Run, Running};
use super::{Answer, Call, object};
use crate::clock;
use crate::config::model::{Level, LogLevel};
use crate::state::request::Wish;
use crate::state::{Backend, Process, Server, publish};

/// The commands of this file.
pub(super) static COMMANDS: &[Command] = &[Command {
    name: "del server",
    args: "<bk>/<srv>",
    help: "remove a server that is in maintenance and has no sessions",
    level: Level::Admin,
    mode: Mode::Usual,
    run: Run::Later(delete),
}];

/// Why a server cannot be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Obstacle {
    /// There is no such server, in HAProxy's words.
    Missing(&'static str),
    /// Others track it.
    Tracked,
    /// It may take sessions.
    NotInMaintenance,
    /// It has sessions, which may end.
    InUse,
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing(what) => what,
            Self::Tracked => {
                "This server cannot be removed at runtime due to other configuration elements pointing to it."
            }
            Self::NotInMaintenance => "Only servers in maintenance mode can be deleted.",
            Self::InUse => "Server still has connections attached to it, cannot remove it.",
        })
    }
}

/// The server called `name`, if it may be removed now.
///
/// In maintenance nobody is assigned to it: a worker that saw an older live set did so under the
/// lock that publishing the newer one took. So a server without sessions stays without.
pub(super) fn check(
    process: &Process,
    name: &str,
) -> Result<(Arc<Backend>, Arc<Server>), Obstacle> {
    let (backend, server) = object::named(process, name).map_err(Obstacle::Missing)?;
    if !process.objects().followers(&backend.name, &server.name).is_empty() {
        return Err(Obstacle::Tracked);
    }
    if !server.health().admin().is_maint() {
        return Err(Obstacle::NotInMaintenance);
    }
    let service = &server.service;
    if service.traffic.sessions.current() > 0 || service.queued.current() > 0 {
        return Err(Obstacle::InUse);
    }
    Ok((backend, server))
}

fn delete<'a>(call: &'a mut Call<'_>, answer: &'a mut Answer<'_>) -> Running<'a> {
    Box::pin(async move {
        let process = &call.shared.process;
        let (backend, server) = match check(process, call.arg(0)) {
            Ok(found) => found,
            Err(obstacle) => return answer.refuse_bare(obstacle),
        };
        let mut servers = backend.live().servers.clone();
        servers.retain(|known| !Arc::ptr_eq(known, &server));
        publish::servers(&backend, servers, clock::now());
        tracing::info!("CLI : Server deleted. ({}/{})", backend.name, server.name);
        match process.requests.ask(Wish::Checks).await {
            Ok(()) => answer.say_bare(LogLevel::Info, "Server deleted."),
            Err(stopping) => answer.refuse(stopping),
        }
    })
}
