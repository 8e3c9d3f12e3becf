//! The open listening sockets: of frontends, accepted from on the workers, and of the HTTP service,
//! served on the control thread.
//!
//! A reload never closes a socket that stays. This thread keeps a duplicate of each: the loop that
//! accepts from it is ended and another one, with the new settings, is started on the same socket,
//! while clients that connect in between wait in its backlog.

use std::io;
use std::sync::Arc;

use socket2::Socket;
use tokio_util::sync::CancellationToken;

use super::workers::Workers;
use crate::clock;
use crate::config::diff::{BindRef, KeptBind, Owner, Plan};
use crate::config::model::{Bind, Config, Keepalive, ListenAddr, Stats};
use crate::control::collect;
use crate::control::http::{self, Limits, Listener, Site};
use crate::net::accept;
use crate::net::listen::{self, ListenError};
use crate::session::Context;
use crate::session::listener::Door;
use crate::state::Gate;

/// Sockets of one `bind` that are open and not accepted from yet, one a worker.
#[derive(Debug)]
pub(super) struct Opened {
    place: BindRef,
    sockets: Vec<Socket>,
}

/// One `bind` that is accepted from.
#[derive(Debug)]
struct Listening {
    place: BindRef,
    sockets: Vec<Socket>,
    /// The listener's own `maxconn`, and who is inside.
    gate: Arc<Gate>,
    /// Ends the loops that accept.
    stop: CancellationToken,
}

/// All of them. Dropping it closes them; sessions go on.
#[derive(Debug, Default)]
pub(super) struct Listeners {
    listening: Vec<Listening>,
}

/// Opens the sockets that `plan` adds.
///
/// # Errors
/// Every refusal; what was opened by this call is closed again then.
pub(super) fn open(
    config: &Config,
    plan: &Plan,
    workers: usize,
) -> Result<Vec<Opened>, Vec<ListenError>> {
    let (mut opened, mut errors) = (Vec::new(), Vec::new());
    for place in &plan.binds_added {
        let Some((bind, keepalive)) = bind(config, place) else { continue };
        let count = if matches!(place.owner, Owner::Frontend(_)) { workers } else { 1 };
        match listen::open(bind, keepalive, count) {
            Ok(sockets) => opened.push(Opened { place: place.clone(), sockets }),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(opened) } else { Err(errors) }
}

fn bind<'a>(config: &'a Config, place: &BindRef) -> Option<(&'a Bind, Option<Keepalive>)> {
    let (binds, keepalive) = match &place.owner {
        Owner::Frontend(name) => {
            let frontend = config.frontends.iter().find(|frontend| frontend.name == *name)?;
            (&frontend.binds, frontend.keepalive)
        }
        Owner::Stats(name) => {
            let stats = config.stats.iter().find(|stats| stats.name == *name)?;
            (&stats.binds, None)
        }
    };
    binds.get(place.index).map(|bind| (bind, keepalive))
}

impl Listeners {
    /// Follows `plan` to `config`, which is in force already: accepts from what was `opened`, goes
    /// on with what stays, closes what is gone.
    pub(super) fn follow(
        &mut self,
        config: &Config,
        plan: &Plan,
        opened: Vec<Opened>,
        context: &Arc<Context>,
        workers: &Workers,
    ) {
        let mut old: Vec<Option<Listening>> =
            std::mem::take(&mut self.listening).into_iter().map(Some).collect();
        for kept in &plan.binds_kept {
            let found = old
                .iter_mut()
                .find(|slot| slot.as_ref().is_some_and(|listening| listening.place == kept.old));
            if let Some(mut listening) = found.and_then(Option::take) {
                listening.stop.cancel();
                refresh(&listening, kept, config);
                listening.place = kept.new.clone();
                listening.stop = CancellationToken::new();
                self.listening.push(listening);
            }
        }
        for Opened { place, sockets } in opened {
            let gate = Arc::new(Gate::new(u32::MAX));
            let stop = CancellationToken::new();
            self.listening.push(Listening { place, sockets, gate, stop });
        }
        for gone in old.into_iter().flatten() {
            gone.stop.cancel();
        }
        for listening in &self.listening {
            if let Err(error) = listening.start(config, context, workers) {
                tracing::error!("cannot accept from a listener: {error}");
            }
        }
    }

    /// Closes all sockets of frontends; the HTTP service goes on answering.
    pub(super) fn close_frontends(&mut self) {
        self.listening.retain(|listening| {
            let kept = matches!(listening.place.owner, Owner::Stats(_));
            if !kept {
                listening.stop.cancel();
            }
            kept
        });
    }
}

impl Drop for Listeners {
    fn drop(&mut self) {
        for listening in &self.listening {
            listening.stop.cancel();
        }
    }
}

/// Sets again what accepted connections inherit from a socket that stays.
fn refresh(listening: &Listening, kept: &KeptBind, config: &Config) {
    let Some((bind, keepalive)) = bind(config, &kept.new) else { return };
    if !kept.options_changed {
        return;
    }
    for socket in &listening.sockets {
        if let Err(error) = listen::set_options(socket, bind, keepalive) {
            let address = listen::display(&bind.address);
            tracing::warn!("cannot change the options of {address}: {error}");
        }
    }
}

impl Listening {
    fn start(&self, config: &Config, context: &Arc<Context>, workers: &Workers) -> io::Result<()> {
        let Some((bind, _)) = bind(config, &self.place) else { return Ok(()) };
        match &self.place.owner {
            Owner::Frontend(name) => self.admit(name.as_str(), bind, context, workers),
            Owner::Stats(name) => {
                let stats = config.stats.iter().find(|stats| stats.name == *name);
                stats.map_or(Ok(()), |stats| self.serve(stats, bind, context))
            }
        }
    }

    /// Accepts sessions for the frontend called `name` on the workers.
    fn admit(
        &self,
        name: &str,
        bind: &Bind,
        context: &Arc<Context>,
        workers: &Workers,
    ) -> io::Result<()> {
        let objects = context.process.objects();
        let Some(frontend) = objects.frontends.iter().find(|frontend| *frontend.name == *name)
        else {
            return Ok(());
        };
        self.gate.set_limit(bind.maxconn.map_or(u32::MAX, std::num::NonZeroU32::get));
        let door = Arc::new(Door::new(
            Arc::clone(context),
            Arc::clone(frontend),
            bind.clone(),
            u32::try_from(self.place.index + 1).unwrap_or(u32::MAX),
            Arc::clone(&self.gate),
        ));
        for (socket, worker) in self.sockets.iter().zip(workers.handles()) {
            let (socket, door, stop) = (socket.try_clone()?, Arc::clone(&door), self.stop.clone());
            worker.spawn(async move {
                let accepting = accept::run(socket, &door);
                if let Some(Err(error)) = stop.run_until_cancelled(accepting).await {
                    tracing::error!("Proxy {}: listener failed: {error}", door.frontend.name);
                }
            });
        }
        Ok(())
    }

    /// Serves HTTP on this thread.
    fn serve(&self, stats: &Stats, bind: &Bind, context: &Arc<Context>) -> io::Result<()> {
        let Some(socket) = self.sockets.first() else { return Ok(()) };
        let socket = socket.try_clone()?;
        let listener = match bind.address {
            ListenAddr::Tcp(_) | ListenAddr::Fd(_) => {
                Listener::Tcp(tokio::net::TcpListener::from_std(socket.into())?)
            }
            ListenAddr::Unix(_) | ListenAddr::Abstract(_) => {
                Listener::Unix(tokio::net::UnixListener::from_std(socket.into())?)
            }
        };
        let source = Arc::clone(context);
        let snapshots = Arc::new(move || {
            collect::snapshot(&source.process, &source.bus, clock::now(), clock::wall())
        });
        let site = Arc::new(Site::new(stats.metrics_path.clone(), snapshots));
        tokio::spawn(http::serve(listener, site, Limits::default(), self.stop.clone()));
        Ok(())
    }
}
