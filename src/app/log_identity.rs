//! Who speaks in log lines: the tag, the host and the process.

use jiff::tz::TimeZone;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::config::model::Config;
use crate::notify::framing::Identity;
use crate::notify::shipper::Shipper;
use crate::telemetry::bus::Intake;

/// Who speaks in log lines, and the end of speaking.
pub(super) struct LogIdentity {
    program: String,
    pub(super) identity: watch::Sender<Identity>,
    pub(super) stop: CancellationToken,
}

impl LogIdentity {
    pub(super) fn new(config: &Config, program: &str) -> Self {
        let identity = watch::Sender::new(Self::identity(config, program));
        Self { program: program.to_owned(), identity, stop: CancellationToken::new() }
    }

    fn identity(config: &Config, program: &str) -> Identity {
        let own = || rustix::system::uname().nodename().to_string_lossy().into_owned();
        let name = |name: &String| if name.is_empty() { own() } else { name.clone() };
        Identity {
            tag: config.global.log_tag.clone().unwrap_or_else(|| program.to_owned()),
            hostname: config.global.log_send_hostname.as_ref().map(name),
            pid: std::process::id(),
        }
    }

    /// Takes over the names of a newer configuration.
    pub(super) fn follow(&self, config: &Config) {
        self.identity.send_replace(Self::identity(config, &self.program));
    }
}

/// Starts the shipper of log lines; `identity` may change later, `stop` makes it flush and end.
pub(super) fn start_shipper(intake: Intake, log: &LogIdentity) -> JoinHandle<()> {
    let adopt = Box::new(crate::sys::inherit::adopt);
    let shipper = Shipper::new(log.identity.subscribe(), TimeZone::system(), clock::wall, adopt);
    tokio::spawn(shipper.run(intake, log.stop.clone()))
}
