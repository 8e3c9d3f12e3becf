//! Pure: old model x new model -> what a reload has to do.
//!
//! A listening socket that stays is not touched: it is known by its address and by what can only be
//! set before `listen`, not by the frontend it feeds. Proxies and servers are known by their names.
//! What a running process cannot change (its user, its root directory, its threads) is named, so
//! that the operator learns it from the reload and not from its absence.

#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::num::NonZeroU32;
use std::time::Duration;

use super::model::{
    Backend, Bind, BindSocket, Config, Global, Inherited, ListenAddr, Server, Stats,
    UnixPermissions,
};
use crate::pure::id::Name;

/// What a reload has to do.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// Listening sockets that stay open.
    pub binds_kept: Vec<KeptBind>,
    /// Listening sockets to open.
    pub binds_added: Vec<BindRef>,
    /// Listening sockets to close; the references are to the old configuration. One of
    /// `binds_added` may have the same address with other options.
    pub binds_removed: Vec<BindRef>,
    /// What happens to frontends.
    pub frontends: Changes<Name, Name>,
    /// What happens to backends.
    pub backends: Changes<Name, BackendChange>,
    /// What happens to stats listeners.
    pub stats: Changes<Name, Name>,
    /// Settings of the process that are applied while it runs.
    pub global_changed: Vec<&'static str>,
    /// Settings that changed but keep their old value until the process is started again.
    pub needs_restart: Vec<&'static str>,
}

/// Which proxy a listening socket feeds, and its place among the binds there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BindRef {
    /// The proxy.
    pub owner: Owner,
    /// Index in its `binds`.
    pub index: usize,
}

/// A proxy that listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Owner {
    /// A frontend.
    Frontend(Name),
    /// A stats listener.
    Stats(Name),
    /// Commands; the index is that of the command socket.
    Commands,
}

/// A listening socket that stays open, perhaps for another proxy or with other limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptBind {
    /// In the old configuration.
    pub old: BindRef,
    /// In the new one.
    pub new: BindRef,
    /// Socket options or the backlog changed: they are set again on the open socket, which accepted
    /// connections inherit them from.
    pub options_changed: bool,
}

/// What happens to the members of a group; everything else stays as it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Changes<K, C> {
    /// Only in the new configuration, in its order.
    pub added: Vec<K>,
    /// Only in the old configuration, in its order.
    pub removed: Vec<K>,
    /// In both, and different, in the new order.
    pub changed: Vec<C>,
}

impl<K, C> Default for Changes<K, C> {
    fn default() -> Self {
        Self { added: Vec::new(), removed: Vec::new(), changed: Vec::new() }
    }
}

impl<K, C> Changes<K, C> {
    /// Whether nothing happens.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }
}

/// What changed in a backend of both configurations.
#[derive(Clone, Debug, PartialEq)]
pub struct BackendChange {
    /// The backend.
    pub name: Name,
    /// Something other than its servers: policy, timeouts, retries, log, …
    pub settings: bool,
    /// The servers that stay are in another order, which `first` and the backups go by.
    pub order: bool,
    /// Its servers.
    pub servers: Changes<Name, ServerChange>,
}

/// What changed in a server of both configurations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerChange {
    /// The server.
    pub name: Name,
    /// Where it listens: its health is that of another process and starts anew.
    pub address: bool,
    /// Its check: what is asked, where, or how often.
    pub check: bool,
    /// Anything else: weight, limits, backup, …
    pub settings: bool,
}

impl Plan {
    /// Whether the two configurations are the same as far as a process can tell.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.binds_added.is_empty()
            && self.binds_removed.is_empty()
            && self.frontends.is_empty()
            && self.backends.is_empty()
            && self.stats.is_empty()
            && self.global_changed.is_empty()
            && self.needs_restart.is_empty()
    }
}

/// Compares two configurations.
#[must_use]
pub fn diff(old: &Config, new: &Config) -> Plan {
    let mut plan = Plan {
        frontends: changes(
            &old.frontends,
            &new.frontends,
            |frontend| &frontend.name,
            |old, new| (old != new).then(|| new.name.clone()),
        ),
        backends: changes(&old.backends, &new.backends, |backend| &backend.name, backend_change),
        stats: changes(
            &old.stats,
            &new.stats,
            |stats| &stats.name,
            |old, new| (old != new).then(|| new.name.clone()),
        ),
        ..Plan::default()
    };
    diff_binds(old, new, &mut plan);
    diff_global(&old.global, &new.global, &mut plan);
    if old.commands != new.commands {
        plan.global_changed.push("commands");
    }
    plan
}

fn changes<T, C>(
    old: &[T],
    new: &[T],
    name: impl Fn(&T) -> &Name,
    compare: impl Fn(&T, &T) -> Option<C>,
) -> Changes<Name, C> {
    let before: HashMap<&Name, &T> = old.iter().map(|item| (name(item), item)).collect();
    let after: HashMap<&Name, &T> = new.iter().map(|item| (name(item), item)).collect();
    let only_in = |items: &[T], other: &HashMap<&Name, &T>| {
        let names = items.iter().map(&name);
        names.filter(|name| !other.contains_key(*name)).cloned().collect()
    };
    Changes {
        added: only_in(new, &before),
        removed: only_in(old, &after),
        changed: new.iter().filter_map(|item| compare(before.get(name(item))?, item)).collect(),
    }
}

fn backend_change(old: &Backend, new: &Backend) -> Option<BackendChange> {
    let without_servers = |backend: &Backend| Backend { servers: Vec::new(), ..backend.clone() };
    let servers = changes(&old.servers, &new.servers, |server| &server.name, server_change);
    let change = BackendChange {
        name: new.name.clone(),
        settings: without_servers(old) != without_servers(new),
        order: !same_order(&old.servers, &new.servers),
        servers,
    };
    (change.settings || change.order || !change.servers.is_empty()).then_some(change)
}

/// Whether the servers of both lists stand in the same order.
fn same_order(old: &[Server], new: &[Server]) -> bool {
    let places: HashMap<&Name, usize> =
        old.iter().enumerate().map(|(place, server)| (&server.name, place)).collect();
    new.iter().filter_map(|server| places.get(&server.name)).is_sorted()
}

fn server_change(old: &Server, new: &Server) -> Option<ServerChange> {
    // Whether the number was written is nothing that a server does.
    let (address, has_own_id) = (&new.address, new.has_own_id);
    let settings = |server: &Server| Server {
        address: address.clone(),
        check: None,
        has_own_id,
        ..server.clone()
    };
    let change = ServerChange {
        name: new.name.clone(),
        address: !old.is_same_place(new),
        check: old.check != new.check,
        settings: settings(old) != settings(new),
    };
    (change.address || change.check || change.settings).then_some(change)
}

/// What makes two binds the same socket: all that cannot be changed on an open one.
#[derive(PartialEq, Eq, Hash)]
struct SocketKey<'a> {
    address: &'a ListenAddr,
    interface: Option<&'a str>,
    v6only: Option<bool>,
    permissions: (Option<u32>, Option<&'a str>, Option<&'a str>),
    namespace: Option<&'a str>,
    transparent: bool,
}

/// What can: `listen` may be called again, and options too.
type SocketOptions<'a> = (NonZeroU32, Option<Duration>, &'a BindSocket, Inherited);

/// A listening socket of one configuration.
struct Socket<'a> {
    key: SocketKey<'a>,
    options: SocketOptions<'a>,
    place: BindRef,
}

impl<'a> Socket<'a> {
    fn new(bind: &'a Bind, inherited: Inherited, place: BindRef) -> Self {
        let UnixPermissions { mode, user, group } = &bind.unix;
        Self {
            key: SocketKey {
                address: &bind.address,
                interface: bind.interface.as_deref(),
                v6only: bind.v6only,
                permissions: (*mode, user.as_deref(), group.as_deref()),
                namespace: bind.socket.namespace.as_deref(),
                transparent: bind.socket.transparent,
            },
            options: (bind.backlog, bind.tcp_ut, &bind.socket, inherited),
            place,
        }
    }
}

/// All listening sockets, in order.
fn sockets(config: &Config) -> Vec<Socket<'_>> {
    let buffers = config.global.tuning.client;
    let fronts = config.frontends.iter().map(|frontend| {
        let owner = Owner::Frontend(frontend.name.clone());
        (owner, &frontend.binds, frontend.inherited(buffers))
    });
    let stats = config
        .stats
        .iter()
        .map(|Stats { name, binds, .. }| (Owner::Stats(name.clone()), binds, Inherited::default()));
    let commands = config.commands.sockets.iter().enumerate().map(|(index, socket)| {
        let place = BindRef { owner: Owner::Commands, index };
        Socket::new(&socket.bind, Inherited::default(), place)
    });
    let mut all: Vec<_> = commands.collect();
    for (owner, binds, inherited) in fronts.chain(stats) {
        for (index, bind) in binds.iter().enumerate() {
            let place = BindRef { owner: owner.clone(), index };
            all.push(Socket::new(bind, inherited, place));
        }
    }
    all
}

/// Pairs the sockets of both configurations. One address may be listened on several times: they are
/// paired in order.
fn diff_binds(old: &Config, new: &Config, plan: &mut Plan) {
    let mut before: HashMap<SocketKey<'_>, VecDeque<(usize, SocketOptions<'_>, BindRef)>> =
        HashMap::new();
    for (at, socket) in sockets(old).into_iter().enumerate() {
        let entry = before.entry(socket.key).or_default();
        entry.push_back((at, socket.options, socket.place));
    }
    for socket in sockets(new) {
        match before.get_mut(&socket.key).and_then(VecDeque::pop_front) {
            Some((_, options, old)) => plan.binds_kept.push(KeptBind {
                old,
                new: socket.place,
                options_changed: options != socket.options,
            }),
            None => plan.binds_added.push(socket.place),
        }
    }
    let mut removed: Vec<_> = before.into_values().flatten().collect();
    removed.sort_by_key(|(at, ..)| *at);
    plan.binds_removed = removed.into_iter().map(|(.., place)| place).collect();
}

/// The keys of `[global]` that changed, as they are written.
fn diff_global(old: &Global, new: &Global, plan: &mut Plan) {
    let applied = [
        ("maxconn", old.maxconn != new.maxconn),
        ("log", old.log != new.log),
        ("log_tag", old.log_tag != new.log_tag),
        ("log_send_hostname", old.log_send_hostname != new.log_send_hostname),
        ("hard_stop_after", old.hard_stop_after != new.hard_stop_after),
        ("grace", old.life.grace != new.life.grace),
        ("node", old.life.node != new.life.node),
        ("description", old.life.description != new.life.description),
        ("spread_checks", old.spread_checks_percent != new.spread_checks_percent),
        ("max_spread_checks", old.max_spread_checks != new.max_spread_checks),
        ("maxconnrate", old.tuning.maxconnrate != new.tuning.maxconnrate),
        ("maxsessrate", old.tuning.maxsessrate != new.tuning.maxsessrate),
        ("maxsslconn", old.tuning.maxsslconn != new.tuning.maxsslconn),
        ("maxsslrate", old.tuning.maxsslrate != new.tuning.maxsslrate),
        ("mworker_max_reloads", old.life.mworker_max_reloads != new.life.mworker_max_reloads),
        ("maxaccept", old.tuning.maxaccept != new.tuning.maxaccept),
        ("multi_queue", old.tuning.multi_queue != new.tuning.multi_queue),
        ("maxpipes", old.tuning.maxpipes != new.tuning.maxpipes),
        ("pipesize", old.tuning.pipesize != new.tuning.pipesize),
        ("splice", old.tuning.splice != new.tuning.splice),
        ("variables", old.variables != new.variables),
        (
            "reject_privileged_ports",
            old.tuning.reject_privileged_ports != new.tuning.reject_privileged_ports,
        ),
    ];
    let fixed = [
        ("nbthread", old.nbthread != new.nbthread),
        ("user", old.user != new.user),
        ("group", old.group != new.group),
        ("uid", old.uid != new.uid),
        ("gid", old.gid != new.gid),
        ("chroot", old.chroot != new.chroot),
        ("pidfile", old.pidfile != new.pidfile),
        ("daemon", old.daemon != new.daemon),
        ("master_worker", old.life.master_worker != new.life.master_worker),
        ("ulimit_n", old.life.ulimit_n != new.life.ulimit_n),
        ("fd_hard_limit", old.life.fd_hard_limit != new.life.fd_hard_limit),
        ("busy_poll", old.life.busy_poll != new.life.busy_poll),
        ("cpu_map", old.life.cpu_map != new.life.cpu_map),
        ("setcap", old.life.setcap != new.life.setcap),
        ("localpeer", old.life.localpeer != new.life.localpeer),
        ("bufsize", old.bufsize != new.bufsize),
        ("state_dir", old.state_dir != new.state_dir),
    ];
    let changed = |keys: &[(&'static str, bool)]| {
        keys.iter().filter(|(_, changed)| *changed).map(|(key, _)| *key).collect()
    };
    plan.global_changed = changed(&applied);
    plan.needs_restart = changed(&fixed);
}
