//! `show servers …`, `show backend`: what is known of servers beside their figures.

use std::sync::Arc;
use std::time::Instant;

use super::{Answer, Call, Command, Mode, Run, object};
use crate::clock;
use crate::config::model::{self, Level, ServerAddr};
use crate::pure::health::verdict::Class;
use crate::pure::health::{Health, Standing};
use crate::pure::resolve::Kind;
use crate::state::{Backend, Server};

pub(super) static COMMANDS: &[Command] = &[
    Command {
        name: "show servers state",
        args: "[<backend>]",
        help: "show addresses, states and weights as a state file holds them",
        level: Level::User,
        mode: Mode::Usual,
        run: Run::Now(|call, answer| each_server(call, answer, STATE_HEADER, state)),
    },
    Command {
        name: "show servers conn",
        args: "[<backend>]",
        help: "show the connections of servers",
        level: Level::User,
        mode: Mode::Usual,
        run: Run::Now(|call, answer| {
            let threads = call.shared.process.workers();
            let header = format!("{CONN_HEADER} idle_per_thr[{threads}]");
            let idle = " 0".repeat(threads);
            each_server(call, answer, &header, |backend, server, _| conn(backend, server) + &idle);
        }),
    },
    Command {
        name: "show backend",
        args: "",
        help: "list the backends",
        level: Level::User,
        mode: Mode::Usual,
        run: Run::Now(|call, answer| {
            answer.line("# name");
            let objects = call.shared.process.objects();
            for backend in &objects.backends {
                answer.line(&backend.name);
            }
            let is_gone = |name: &&String| !objects.backends.iter().any(|it| *it.name == ***name);
            objects.config.disabled.backends.iter().filter(is_gone).for_each(|it| answer.line(it));
        }),
    },
];

/// The version of the format, and the names of its fields.
const STATE_HEADER: &str = "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state \
     srv_admin_state srv_uweight srv_iweight srv_time_since_last_change srv_check_status \
     srv_check_result srv_check_health srv_check_state srv_agent_state bk_f_forced_id \
     srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr \
     srv_agent_addr srv_agent_port";

const CONN_HEADER: &str = "# bkname/svname bkid/svid addr port - purge_delay served used_cur \
     used_max need_est idle_sess unsafe_nb safe_nb idle_lim idle_cur";

/// HAProxy's administrative flag of a server that goes by another name than its file says.
const HOSTNAME_CHANGED: u8 = 0x40;

/// Milliseconds after which HAProxy closes idle connections; here none are kept.
const PURGE_DELAY_MS: u32 = 5000;

/// A header, then a line for each server of the backend that is named, or of all.
fn each_server(
    call: &Call<'_>,
    answer: &mut Answer<'_>,
    header: &str,
    line: impl Fn(&Backend, &Server, Instant) -> String,
) {
    let name = call.arg(0);
    let objects = Arc::clone(&call.shared.process.objects());
    let wanted = |backend: &&Arc<Backend>| {
        name.is_empty() || object::means(name, &backend.name, backend.settings().id.0)
    };
    let backends: Vec<_> = objects.backends.iter().filter(wanted).collect();
    if backends.is_empty() && !name.is_empty() {
        return answer.refuse("Can't find backend.");
    }
    answer.line(header);
    let now = clock::now();
    for backend in backends {
        for server in &backend.live().servers {
            answer.line(line(backend, server, now));
        }
    }
}

/// Address and port as both tables show them.
fn endpoint(address: &ServerAddr) -> (String, u16) {
    match address {
        ServerAddr::Tcp(address) => (address.ip().to_string(), address.port()),
        ServerAddr::TcpClientPort { ip, offset } => {
            (ip.to_string(), u16::try_from(*offset).unwrap_or(0))
        }
        ServerAddr::Unresolved { port, .. } => ("-".to_owned(), port.unwrap_or(0)),
        ServerAddr::Unix(_) | ServerAddr::Abstract(_) | ServerAddr::Sockpair(_) => {
            ("-".to_owned(), 0)
        }
    }
}

fn state(backend: &Backend, server: &Server, now: Instant) -> String {
    let settings = server.settings();
    let health = server.health();
    let (address, port) = endpoint(&settings.address);
    let since = now.saturating_duration_since(health.last_change()).as_secs();
    let (weight, initial) = (settings.weight.value(), server.configured().weight.value());
    let resolve = settings.resolve.as_ref().filter(|resolve| resolve.kind == Kind::Srv);
    let record = resolve.map_or("-", |resolve| resolve.fqdn.as_str());
    let name = settings.hostname.as_deref().filter(|name| *name != record).unwrap_or("-");
    let has_other_name = settings.hostname != server.configured().hostname;
    let tls = u8::from(settings.tls.is_some());
    let check = settings.check.as_ref();
    let check_port = check.and_then(|check| check.port).map_or(0, std::num::NonZeroU16::get);
    let check_addr = check.and_then(|check| check.addr.as_ref()?.inet()).map(|addr| addr.ip());
    let check_addr = check_addr.map_or_else(|| "-".to_owned(), |ip| ip.to_string());
    let agent = settings.agent.as_ref();
    // HAProxy 2.6 shows those of the check, as they are written, where there is no agent.
    let written = server.configured().check.clone();
    let agent_addr = match agent {
        Some(agent) => agent.addr.as_ref(),
        None => written.as_ref().and_then(|check| check.addr.as_ref()),
    };
    let agent_addr = agent_addr.and_then(|addr| addr.inet()).map(|addr| addr.ip());
    let agent_addr = agent_addr.map_or_else(|| "-".to_owned(), |ip| ip.to_string());
    let written_port = written.as_ref().and_then(|check| check.port);
    let written_port = written_port.map_or(0, std::num::NonZeroU16::get);
    let agent_port = agent.map_or(written_port, |agent| agent.port.get());
    format!(
        "{} {} {} {} {address} {} {} {weight} {initial} {since} {} {} {} {} {name} {port} {record} \
         {tls} {check_port} {check_addr} {agent_addr} {agent_port}",
        backend.settings().id.0,
        backend.name,
        settings.id.0,
        server.name,
        operation(&health),
        health.admin().bits() | if has_other_name { HOSTNAME_CHANGED } else { 0 },
        checks(&settings, &health),
        agent_state(&health),
        u8::from(backend.settings().has_own_id),
        u8::from(settings.has_own_id),
    )
}

/// State of the agent's check, as HAProxy numbers it.
fn agent_state(health: &Health) -> u8 {
    /// Bits: running, configured, enabled, paused, and that it is an agent's.
    const BITS: [u8; 5] = [1, 2, 4, 8, 16];
    let Some(agent) = health.agent() else { return 0 };
    let flags = [agent.is_asked(), true, agent.is_on(), false, true];
    flags.iter().zip(BITS).filter(|(set, _)| **set).map(|(_, bit)| bit).sum()
}

/// HAProxy's number of the state: 0 stopped, 2 running, 3 stopping.
fn operation(health: &Health) -> u8 {
    match health.standing() {
        Standing::Down | Standing::Maint => 0,
        Standing::Up | Standing::Draining => 2,
        Standing::Stopping => 3,
    }
}

/// Status, result, health and state of the check, as HAProxy numbers them.
fn checks(settings: &model::Server, health: &Health) -> String {
    /// Bits of the state: running, configured, enabled, paused.
    const BITS: [u8; 4] = [1, 2, 4, 8];
    let paused = health.standing() == Standing::Maint;
    if settings.check.is_none() {
        let (score, bits) = match (paused, settings.disabled) {
            (true, true) => (0, 8),
            (true, false) => (0, 0),
            _ => (2, 0),
        };
        return format!("1 0 {score} {bits}");
    }
    let flags = [health.is_checking(), true, health.has_checks_on(), paused];
    let bits: u8 = flags.iter().zip(BITS).filter(|(set, _)| **set).map(|(_, bit)| bit).sum();
    let last = health.last_verdict();
    let status = last.map_or(1, |verdict| verdict.status as u8);
    let result = last.map_or(0, |verdict| match verdict.status.class() {
        Class::Neutral => 1,
        Class::Failed => 2,
        Class::Passed => 3,
        Class::Conditional => 4,
    });
    let score = health.score().map_or(0, |score| if paused { 0 } else { score.score() });
    format!("{status} {result} {score} {bits}")
}

fn conn(backend: &Backend, server: &Server) -> String {
    let settings = server.settings();
    let (address, port) = endpoint(&settings.address);
    let sessions = &server.service.traffic.sessions;
    let (served, needed) = (sessions.current(), u32::from(server.service.connects.get() > 0));
    format!(
        "{}/{} {}/{} {address} {port} - {PURGE_DELAY_MS} {served} 0 {needed} {needed} 0 0 0 -1 0",
        backend.name,
        server.name,
        backend.settings().id.0,
        settings.id.0
    )
}
