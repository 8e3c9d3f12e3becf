//! The HTTP listeners of `[stats]`: opened with the others, served on the control thread.

use std::sync::Arc;

use socket2::Socket;
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::config::model::{Bind, ListenAddr, Stats};
use crate::control::collect;
use crate::control::http::{self, Limits, Listener, Site};
use crate::net::listen::{self, ListenError};
use crate::session::Context;

/// A socket that is not served yet.
#[derive(Debug)]
pub(super) struct Opened {
    stats: Stats,
    bind: Bind,
    socket: Socket,
}

/// All HTTP listeners.
#[derive(Debug, Default)]
pub(super) struct Service {
    serving: Vec<Serving>,
}

#[derive(Debug)]
struct Serving {
    metrics_path: String,
    bind: Bind,
    stop: CancellationToken,
}

impl Service {
    /// Opens the sockets of `stats`.
    ///
    /// # Errors
    /// Every refusal; what was opened by this call is closed again then.
    pub(super) fn open(stats: &[Stats]) -> Result<Vec<Opened>, Vec<ListenError>> {
        Self::default().open_new(stats)
    }

    /// Opens those sockets of `stats` that are not open yet.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub(super) fn open_new(&self, stats: &[Stats]) -> Result<Vec<Opened>, Vec<ListenError>> {
        let (mut opened, mut errors) = (Vec::new(), Vec::new());
        for stats in stats {
            for bind in stats.binds.iter().filter(|bind| !self.serves(stats, bind)) {
                match listen::open(bind, None, 1).map(|mut sockets| sockets.pop()) {
                    Ok(Some(socket)) => {
                        opened.push(Opened { stats: stats.clone(), bind: bind.clone(), socket });
                    }
                    Ok(None) => {}
                    Err(error) => errors.push(error),
                }
            }
        }
        if errors.is_empty() { Ok(opened) } else { Err(errors) }
    }

    /// Starts serving.
    pub(super) fn start(opened: Vec<Opened>, context: &Arc<Context>) -> Self {
        let mut service = Self::default();
        service.serve(opened, context);
        service
    }

    /// Serves what `stats` names, after a reload.
    pub(super) fn follow(&mut self, opened: Vec<Opened>, stats: &[Stats], context: &Arc<Context>) {
        self.serving.retain(|serving| {
            let kept = stats.iter().any(|stats| {
                stats.metrics_path == serving.metrics_path && stats.binds.contains(&serving.bind)
            });
            if !kept {
                serving.stop.cancel();
            }
            kept
        });
        self.serve(opened, context);
    }

    fn serve(&mut self, opened: Vec<Opened>, context: &Arc<Context>) {
        for Opened { stats, bind, socket } in opened {
            let registered = match bind.address {
                ListenAddr::Tcp(_) | ListenAddr::Fd(_) => {
                    tokio::net::TcpListener::from_std(socket.into()).map(Listener::Tcp)
                }
                ListenAddr::Unix(_) | ListenAddr::Abstract(_) => {
                    tokio::net::UnixListener::from_std(socket.into()).map(Listener::Unix)
                }
            };
            let listener = match registered {
                Ok(listener) => listener,
                Err(error) => {
                    tracing::error!("Proxy {}: listener failed: {error}", stats.name);
                    continue;
                }
            };
            let source = Arc::clone(context);
            let snapshots = Arc::new(move || {
                collect::snapshot(&source.process, &source.bus, clock::now(), clock::wall())
            });
            let site = Site::new(stats.metrics_path.clone(), snapshots);
            let stop = CancellationToken::new();
            let serve = http::serve(listener, Arc::new(site), Limits::default(), stop.clone());
            tokio::spawn(serve);
            self.serving.push(Serving { metrics_path: stats.metrics_path, bind, stop });
        }
    }

    fn serves(&self, stats: &Stats, bind: &Bind) -> bool {
        self.serving
            .iter()
            .any(|serving| serving.metrics_path == stats.metrics_path && serving.bind == *bind)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        for serving in &self.serving {
            serving.stop.cancel();
        }
    }
}
