//! Who speaks in log lines: the tag, the host and the process; and who takes them.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::config::model::Config;
use crate::notify::backing::Backings;
use crate::notify::forward::Forwarders;
use crate::notify::framing::Identity;
use crate::notify::shipper::Shipper;
use crate::notify::webhook::Webhooks;
use crate::telemetry::bus::{Intake, Losses};
use crate::telemetry::ring::Rings;

/// Who speaks in log lines, and the end of speaking.
pub(super) struct LogIdentity {
    program: String,
    pub(super) identity: watch::Sender<Identity>,
    pub(super) stop: CancellationToken,
    forwarders: Forwarders,
    backings: Backings,
    webhooks: Webhooks,
    rings: Arc<Rings>,
    losses: Arc<Losses>,
}

impl LogIdentity {
    pub(super) fn new(config: &Config, program: &str, intake: &Intake) -> Self {
        let identity = watch::Sender::new(Self::identity(config, program));
        Self {
            program: program.to_owned(),
            identity,
            stop: CancellationToken::new(),
            forwarders: Forwarders::default(),
            backings: Backings::default(),
            webhooks: Webhooks::new(Arc::clone(&intake.outboxes), &own_name()),
            rings: Arc::clone(&intake.rings),
            losses: Arc::clone(&intake.losses),
        }
    }

    fn identity(config: &Config, program: &str) -> Identity {
        let name = |name: &String| if name.is_empty() { own_name() } else { name.clone() };
        Identity {
            tag: config.global.log_tag.clone().unwrap_or_else(|| program.to_owned()),
            hostname: config.global.log_send_hostname.as_ref().map(name),
            pid: std::process::id(),
        }
    }

    /// Takes over the names, rings and log servers of a newer configuration. Within a runtime.
    pub(super) fn follow(&mut self, config: &Config) {
        self.rings.follow(config);
        self.backings.follow(config, &self.rings);
        self.webhooks.follow(config);
        self.forwarders.follow(config, &self.rings, &self.losses);
        self.identity.send_replace(Self::identity(config, &self.program));
    }

    /// Ships what is left: first everything to the rings, then from there, within `limit`; and tells
    /// the webhooks, which have a limit of their own.
    pub(super) async fn finish(self, shipper: JoinHandle<()>, limit: Duration) {
        let Self { stop, webhooks, backings, forwarders, .. } = self;
        stop.cancel();
        let lines = async {
            // A shipper that panicked has nothing left to ship.
            let _ = shipper.await;
            backings.finish().await;
            forwarders.finish().await;
        };
        // What a stuck log target has not taken by then is lost with it.
        let _ = tokio::join!(tokio::time::timeout(limit, lines), webhooks.finish());
    }
}

/// The name of this machine.
fn own_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Starts the shipper of log lines; `identity` may change later, `stop` makes it flush and end.
pub(super) fn start_shipper(intake: Intake, log: &LogIdentity) -> JoinHandle<()> {
    let adopt = Box::new(crate::sys::inherit::adopt);
    let (zone, rings) = (clock::zone(), Arc::clone(&intake.rings));
    let shipper = Shipper::new(log.identity.subscribe(), zone, clock::wall, adopt, rings);
    tokio::spawn(shipper.run(intake, log.stop.clone()))
}
