//! Whether a drill can be made, and what it is made of.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use crate::app::operation::{primary_of, route_of, runs};
use crate::config::defaults::DRILL_TIMEOUT;
use crate::config::model::{CheckKind, DatabaseCheck, ListenAddr};
use crate::pure::role::stray::Stray;
use crate::state::request::{Drill, Fault};
use crate::state::{Backend, Process, Server};

/// Everything that was looked up for a drill.
#[derive(Clone)]
pub(super) struct Plan {
    pub(super) backend: Arc<Backend>,
    pub(super) from: Arc<Server>,
    /// Where the route listens.
    pub(super) address: SocketAddr,
    pub(super) account: DatabaseCheck,
    pub(super) write: Option<String>,
    /// The frontend.
    pub(super) route: String,
    /// The program that makes the fault; none of a switchover.
    pub(super) fault: Option<Vec<String>>,
    pub(super) heal: Option<Vec<String>>,
    pub(super) timeout: Duration,
    pub(super) rto: Option<Duration>,
    pub(super) rpo: Option<u64>,
    pub(super) word: &'static str,
    /// It is a switchover.
    pub(super) is_planned: bool,
}

pub(super) fn look(process: &Arc<Process>, order: &Drill) -> Result<Plan, String> {
    let (route, backend) = route_of(process, &order.route)?;
    let binds = route.settings.binds.iter().filter(|bind| bind.tls.is_none() && !bind.accept_proxy);
    let mut addresses = binds.filter_map(|bind| match &bind.address {
        ListenAddr::Tcp(address) => Some(own_address(*address)),
        _ => None,
    });
    let address = addresses.next().ok_or("the route has no address in clear text")?;
    let from = primary_of(&backend)?;
    let live = backend.live();
    let others = live.servers.iter().filter(|server| !Arc::ptr_eq(server, &from));
    let may_follow = |server: &&Arc<Server>| {
        let is_elsewhere = backend.group.stray(&server.name).is_some_and(Stray::is_elsewhere);
        server.standing().is_running() && !is_elsewhere
    };
    if !others.clone().any(|server| may_follow(&server)) {
        return Err("no other server runs that could take over".to_owned());
    }
    let settings = from.settings();
    let Some(CheckKind::Database(check)) = settings.check.as_ref().map(|check| &check.kind) else {
        return Err("the check of the primary does not ask what it is".to_owned());
    };
    let account = check.clone();
    let backend_settings = backend.settings();
    let drill = backend_settings.drill.as_ref();
    let word = order.fault.word();
    let fault = drill.and_then(|drill| match &order.fault {
        Fault::Switchover(_) => None,
        Fault::Kill => drill.kill.clone(),
        Fault::Hang => drill.hang.clone(),
        Fault::Partition => drill.partition.clone(),
    });
    let is_planned = matches!(order.fault, Fault::Switchover(_));
    // Nothing is broken that had to be healed.
    let heal = drill.filter(|_| !is_planned).and_then(|drill| drill.heal.clone());
    for words in [&fault, &heal].into_iter().flatten() {
        runs(words)?;
    }
    if fault.is_none() && !is_planned {
        return Err(format!("no program for it: drill = {{ {word} = [\"…\"] }} in the backend"));
    }
    Ok(Plan {
        address,
        account,
        fault,
        write: drill.and_then(|drill| drill.write.clone()),
        route: order.route.clone(),
        heal,
        is_planned,
        timeout: drill.map_or(DRILL_TIMEOUT, |drill| drill.timeout),
        rto: route.settings.rto,
        rpo: route.settings.rpo,
        backend: Arc::clone(&backend),
        from: Arc::clone(&from),
        word,
    })
}

/// Where a listener is reached from here.
fn own_address(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

impl Plan {
    /// What programs are told in their environment.
    pub(super) fn variables(&self) -> [(&'static str, String); 4] {
        [
            ("EVENKEEL_BACKEND", self.backend.name.to_string()),
            ("EVENKEEL_FAULT", self.word.to_owned()),
            ("EVENKEEL_SERVER", self.from.name.to_string()),
            ("EVENKEEL_SERVER_ADDR", self.from.settings().address.text()),
        ]
    }
}
