//! The open listening sockets: of frontends, accepted from on the workers, and of the HTTP service,
//! served on the control thread.
//!
//! A reload never closes a socket that stays. Where its settings are the same, its loop is not
//! touched. Where they changed, the loop that accepts from it is ended and another one is started on
//! a duplicate, while clients that connect in between wait in its backlog; duplicates are made
//! before anything is ended, so that a process without descriptors goes on as it was.

mod pause;

use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Weak};

use socket2::Socket;
use tokio_util::sync::CancellationToken;

use super::supply::{Supply, label};
use super::workers::Workers;
use crate::clock;
use crate::config::diff::{BindRef, KeptBind, Owner, Plan};
use crate::config::model::{Bind, CommandSocket, Config, Inherited, ListenAddr, Stats};
use crate::control::http::{self, Limits, Listener, Site};
use crate::control::{cli, collect};
use crate::net::accept::{self, Arrival};
use crate::net::listen;
use crate::net::listen_error::ListenError;
use crate::session::Context;
use crate::session::listener::Door;
use crate::state::counters::Traffic;
use crate::state::{self, Frontend, Gate, Process, publish};
use crate::telemetry::bus::Bus;

/// Sockets of one `bind` that are open and not accepted from yet, one a worker.
#[derive(Debug)]
pub(super) struct Opened {
    place: BindRef,
    sockets: Vec<Socket>,
    /// For the loops that accept.
    duplicates: Vec<Socket>,
}

/// One `bind` that is accepted from.
#[derive(Debug)]
struct Listening {
    place: BindRef,
    /// What the running loop goes by.
    settings: Settings,
    /// Shared with those who may look; closed with this.
    sockets: Arc<Vec<Socket>>,
    /// The listener of a frontend or of commands: its own `maxconn`, who is inside, its counters.
    listener: Option<Arc<state::Listener>>,
    /// Ends the loops that accept.
    stop: CancellationToken,
    /// A command or a signal paused it: nothing accepts.
    paused: bool,
}

/// What a loop that accepts goes by, besides its proxy.
#[derive(Clone, Debug, PartialEq)]
struct Settings {
    bind: Bind,
    stats: Option<Stats>,
    /// The listener's number, and whether it is counted by itself.
    listener: (u32, bool),
    commands: Option<CommandSocket>,
}

/// What sockets are served with.
#[derive(Clone, Copy)]
pub(super) struct Scene<'a> {
    /// For sessions.
    pub(super) context: &'a Arc<Context>,
    /// Where sessions run.
    pub(super) workers: &'a Workers,
    /// For commands.
    pub(super) shared: &'a Arc<cli::Shared>,
}

/// All of them. Dropping it closes them; sessions go on.
#[derive(Debug, Default)]
pub(super) struct Listeners {
    listening: Vec<Listening>,
}

impl Opened {
    /// The name of its place, and its sockets, to be handed to a worker.
    pub(super) fn hand_over(self) -> (String, Vec<OwnedFd>) {
        (label(&self.place), self.sockets.into_iter().map(OwnedFd::from).collect())
    }
}

/// Opens the sockets that `plan` adds.
///
/// # Errors
/// Every refusal; what was opened by this call is closed again then.
pub(super) fn open(
    config: &Config,
    plan: &Plan,
    workers: usize,
    supply: &mut Supply,
) -> Result<Vec<Opened>, Vec<ListenError>> {
    let (mut opened, mut errors) = (Vec::new(), Vec::new());
    for place in &plan.binds_added {
        let Some((bind, inherited)) = bind(config, place) else { continue };
        let count = if matches!(place.owner, Owner::Frontend(_)) { workers } else { 1 };
        match supply.take(place, bind, &inherited, count) {
            Ok(sockets) => match duplicates(&sockets) {
                Ok(duplicates) => {
                    opened.push(Opened { place: place.clone(), sockets, duplicates });
                }
                Err(error) => errors.push(ListenError::new("duplicate the socket", bind, error)),
            },
            Err(error) => errors.push(said_of(error, config, &place.owner)),
        }
    }
    if errors.is_empty() { Ok(opened) } else { Err(errors) }
}

/// `error` with the section that it befell.
fn said_of(error: ListenError, config: &Config, owner: &Owner) -> ListenError {
    let is_listen = |name: &crate::pure::id::Name| {
        let frontend = config.frontends.iter().find(|frontend| frontend.name == *name);
        frontend.is_some_and(|it| config.backends.iter().any(|backend| backend.id == it.id))
    };
    match owner {
        Owner::Frontend(name) if is_listen(name) => error.of_section("proxy", name.as_str()),
        Owner::Frontend(name) | Owner::Stats(name) => error.of_section("frontend", name.as_str()),
        Owner::Commands => error.of_section("frontend", "GLOBAL"),
    }
}

fn bind<'a>(config: &'a Config, place: &BindRef) -> Option<(&'a Bind, Inherited)> {
    let (binds, inherited) = match &place.owner {
        Owner::Frontend(name) => {
            let frontend = config.frontends.iter().find(|frontend| frontend.name == *name)?;
            (&frontend.binds, frontend.inherited(config.global.tuning.client))
        }
        Owner::Stats(name) => {
            let stats = config.stats.iter().find(|stats| stats.name == *name)?;
            (&stats.binds, Inherited::default())
        }
        Owner::Commands => {
            return config
                .commands
                .sockets
                .get(place.index)
                .map(|socket| (&socket.bind, Inherited::default()));
        }
    };
    binds.get(place.index).map(|bind| (bind, inherited))
}

impl Listeners {
    /// Follows `plan` to `config`, which is in force already: accepts from what was `opened`, goes
    /// on with what stays, closes what is gone.
    pub(super) fn follow(
        &mut self,
        config: &Config,
        plan: &Plan,
        opened: Vec<Opened>,
        scene: &Scene<'_>,
    ) {
        let mut old: Vec<Option<Listening>> =
            std::mem::take(&mut self.listening).into_iter().map(Some).collect();
        for kept in &plan.binds_kept {
            let found = old
                .iter_mut()
                .find(|slot| slot.as_ref().is_some_and(|listening| listening.place == kept.old));
            if let Some(mut listening) = found.and_then(Option::take) {
                listening.keep(kept, config, scene);
                self.listening.push(listening);
            }
        }
        for Opened { place, sockets, duplicates } in opened {
            let Some(settings) = settings(config, &place) else { continue };
            let stop = CancellationToken::new();
            let (sockets, listener) = (Arc::new(sockets), None);
            let mut listening =
                Listening { place, settings, sockets, listener, stop, paused: false };
            listening.start(duplicates, scene);
            if listening.is_of_paused(scene.context) {
                let done = listening.pause();
                listening.tell(done);
            }
            self.listening.push(listening);
        }
        close(old.into_iter().flatten().collect());
        scene.shared.exposed.set(self.exposed());
        self.publish(scene.context);
    }

    /// Tells every frontend which listeners it has, in file order.
    fn publish(&self, context: &Context) {
        for frontend in &context.process.objects().frontends {
            let of_frontend = |listening: &&Listening| matches!(&listening.place.owner, Owner::Frontend(name) if is_called(frontend, name.as_str()));
            let mut own: Vec<&Listening> = self.listening.iter().filter(of_frontend).collect();
            own.sort_by_key(|listening| listening.place.index);
            let listeners = own.iter().filter_map(|listening| listening.listener.clone());
            publish::listeners(frontend, listeners.collect());
        }
    }

    /// What a successor may have.
    fn exposed(&self) -> Vec<(Weak<Vec<Socket>>, String)> {
        let of = |listening: &Listening| {
            let interface = listening.settings.bind.interface.clone().unwrap_or_default();
            (Arc::downgrade(&listening.sockets), interface)
        };
        self.listening.iter().map(of).collect()
    }

    /// Closes all sockets of frontends; the HTTP service and the commands go on.
    pub(super) fn close_frontends(&mut self) {
        self.close_those_of(|owner| matches!(owner, Owner::Frontend(_)));
    }

    /// Closes the sockets for commands; whoever is connected goes on.
    pub(super) fn close_commands(&mut self) {
        self.close_those_of(|owner| matches!(owner, Owner::Commands));
    }

    fn close_those_of(&mut self, ends: impl Fn(&Owner) -> bool) {
        let listening = std::mem::take(&mut self.listening).into_iter();
        let (gone, kept) = listening.partition(|it: &Listening| ends(&it.place.owner));
        self.listening = kept;
        close(gone);
    }
}

impl Drop for Listeners {
    fn drop(&mut self) {
        close(std::mem::take(&mut self.listening));
    }
}

/// Closes sockets: here first, as what comes after those who accept have looked for the last time
/// is reset.
fn close(gone: Vec<Listening>) {
    for Listening { stop, sockets, .. } in gone {
        drop(sockets);
        stop.cancel();
    }
}

fn duplicates(sockets: &[Socket]) -> io::Result<Vec<Socket>> {
    sockets.iter().map(Socket::try_clone).collect()
}

fn settings(config: &Config, place: &BindRef) -> Option<Settings> {
    let (bind, _) = bind(config, place)?;
    let (stats, listener) = match &place.owner {
        Owner::Frontend(name) => {
            let frontend = config.frontends.iter().find(|frontend| frontend.name == *name)?;
            let id = frontend.listener_ids().get(place.index).copied().unwrap_or(u32::MAX);
            (None, (id, frontend.socket_stats))
        }
        Owner::Commands => (None, (1, false)),
        Owner::Stats(name) => {
            let stats = config.stats.iter().find(|stats| stats.name == *name)?;
            // Its other addresses do not concern this one.
            (Some(Stats { binds: Vec::new(), ..stats.clone() }), (1, false))
        }
    };
    let commands = match &place.owner {
        Owner::Commands => config.commands.sockets.get(place.index).cloned(),
        Owner::Frontend(_) | Owner::Stats(_) => None,
    };
    Some(Settings { bind: bind.clone(), stats, listener, commands })
}

impl Listening {
    /// Goes on under the settings of `config`; one that is paused stays so with its frontend.
    fn keep(&mut self, kept: &KeptBind, config: &Config, scene: &Scene<'_>) {
        let was_paused = self.paused;
        let same_owner = self.place.owner == kept.new.owner;
        self.adopt(kept, config, scene);
        if !was_paused {
            return;
        }
        // Setting its options made it listen again.
        let done = if same_owner { self.pause() } else { self.resume(scene) };
        self.tell(done);
    }

    fn adopt(&mut self, kept: &KeptBind, config: &Config, scene: &Scene<'_>) {
        let Some(settings) = settings(config, &kept.new) else { return };
        if kept.options_changed {
            self.set_options(config, &kept.new);
        }
        if self.settings == settings && self.place == kept.new {
            return;
        }
        match duplicates(&self.sockets) {
            Ok(duplicates) => {
                self.stop.cancel();
                self.stop = CancellationToken::new();
                self.place = kept.new.clone();
                self.settings = settings;
                self.start(duplicates, scene);
            }
            Err(error) => {
                let address = listen::display(&settings.bind.address);
                tracing::error!("{address} goes on with its old settings: {error}");
            }
        }
    }

    /// Sets again what accepted connections inherit from a socket that stays.
    fn set_options(&self, config: &Config, place: &BindRef) {
        let Some((bind, inherited)) = bind(config, place) else { return };
        for socket in &*self.sockets {
            if let Err(error) = listen::set_options(socket, bind, &inherited) {
                let address = listen::display(&bind.address);
                tracing::warn!("cannot change the options of {address}: {error}");
            }
        }
    }

    fn start(&mut self, duplicates: Vec<Socket>, scene: &Scene<'_>) {
        let &Scene { context, workers, shared } = scene;
        match self.place.owner.clone() {
            Owner::Frontend(name) => self.admit(name.as_str(), duplicates, context, workers),
            Owner::Stats(name) => {
                if let Err(error) = self.serve(duplicates, context) {
                    tracing::error!("Proxy {name}: listener failed: {error}");
                }
            }
            Owner::Commands => {
                if let Err(error) = self.take_commands(duplicates, shared) {
                    let address = listen::display(&self.settings.bind.address);
                    tracing::error!("command socket {address} failed: {error}");
                }
            }
        }
    }

    /// Accepts sessions for the frontend called `name` on the workers.
    fn admit(
        &mut self,
        name: &str,
        duplicates: Vec<Socket>,
        context: &Arc<Context>,
        workers: &Workers,
    ) {
        let objects = context.process.objects();
        let named = |frontend: &&Arc<_>| is_called(frontend, name);
        let Some(frontend) = objects.frontends.iter().find(named) else { return };
        let bind = self.settings.bind.clone();
        let listener = self.listener();
        self.listener = Some(Arc::clone(&listener));
        let arrival = match bind.address {
            ListenAddr::Sockpair(_) => Arrival::Handed,
            _ => Arrival::Accepted,
        };
        for (index, (socket, worker)) in
            duplicates.into_iter().zip(workers.handles().cycle()).enumerate()
        {
            let door = Arc::new(Door {
                context: Arc::clone(context),
                frontend: Arc::clone(frontend),
                bind: bind.clone(),
                listener: Arc::clone(&listener),
                table: Arc::clone(context.process.sessions.table(index % workers.count())),
            });
            let (stop, accepting) = (self.stop.clone(), workers.accepting());
            worker.spawn(async move {
                let _accepting = accepting;
                let end = accept::run(socket, arrival, &door, &stop).await;
                // A socket that is paused is none to accept from: that is no fault.
                if let Err(error) = end
                    && !stop.is_cancelled()
                {
                    tracing::error!("Proxy {}: listener failed: {error}", door.frontend.name);
                }
            });
        }
    }

    /// The listener as its frontend and its bind describe it now. Who is inside stays counted, and
    /// so does everything else where nothing about the listener changed.
    fn listener(&self) -> Arc<state::Listener> {
        let Settings { bind, listener: (id, counted), .. } = &self.settings;
        let limit = bind.maxconn.map_or(u32::MAX, std::num::NonZeroU32::get);
        let old = self.listener.as_ref();
        let gate = old.map_or_else(|| Arc::new(Gate::new(limit)), |old| Arc::clone(&old.gate));
        gate.set_limit(limit);
        if let Some(old) = old
            && old.id == *id
            && old.name.as_deref() == bind.name.as_deref()
            && old.traffic.is_some() == *counted
        {
            return Arc::clone(old);
        }
        Arc::new(state::Listener {
            name: bind.name.as_deref().map(Arc::from),
            id: *id,
            address: listen::display(&bind.address),
            gate,
            traffic: counted.then(Traffic::default),
        })
    }

    /// Serves HTTP on this thread.
    fn serve(&self, duplicates: Vec<Socket>, context: &Arc<Context>) -> io::Result<()> {
        let Some(socket) = duplicates.into_iter().next() else { return Ok(()) };
        let listener = Listener::new(socket, &self.settings.bind.address)?;
        let Some(stats) = self.settings.stats.clone() else { return Ok(()) };
        let site = Arc::new(site(&context.process, &context.bus));
        tokio::spawn(http::serve(listener, stats, site, Limits::default(), self.stop.clone()));
        Ok(())
    }

    /// Takes commands on this thread.
    fn take_commands(
        &mut self,
        duplicates: Vec<Socket>,
        shared: &Arc<cli::Shared>,
    ) -> io::Result<()> {
        let (Some(socket), Some(settings)) =
            (duplicates.into_iter().next(), self.settings.commands.clone())
        else {
            return Ok(());
        };
        let known = self.listener();
        self.listener = Some(Arc::clone(&known));
        let listener = Listener::new(socket, &settings.bind.address)?;
        let (gate, shared) = (Arc::clone(&known.gate), Arc::clone(shared));
        tokio::spawn(cli::serve(listener, settings, gate, shared, self.stop.clone()));
        Ok(())
    }
}

/// What is shown of the process.
pub(super) fn site(process: &Arc<Process>, bus: &Bus) -> Site {
    let (shown, heard) = (Arc::clone(process), bus.clone());
    let snapshots = move || collect::snapshot(&shown, &heard, clock::now(), clock::wall());
    let (operated, told) = (Arc::clone(process), bus.clone());
    let forms = move |form: &str| http::action::carry_out(&operated, &told, form);
    Site::new(Arc::new(snapshots), Arc::new(forms))
}

fn is_called(frontend: &Frontend, name: &str) -> bool {
    *frontend.name == *name
}
