//! Words for the service manager (sd_notify(3)): one datagram each, to the socket that
//! `NOTIFY_SOCKET` names.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use rustix::time::{ClockId, clock_gettime};

/// The service manager, or nobody.
#[derive(Debug, Default)]
pub(super) struct ServiceManager(Option<UnixDatagram>);

impl ServiceManager {
    /// The one that the environment names. Must be asked for before a `chroot`.
    pub(super) fn find() -> Self {
        let Some(name) = std::env::var_os("NOTIFY_SOCKET") else { return Self(None) };
        let address = match name.as_bytes() {
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
            _ => SocketAddr::from_pathname(&name),
        };
        let connect = |address: SocketAddr| {
            let socket = UnixDatagram::unbound()?;
            socket.connect_addr(&address)?;
            socket.set_nonblocking(true)?;
            Ok(socket)
        };
        match address.and_then(connect) {
            Ok(socket) => Self(Some(socket)),
            Err(error) => {
                tracing::warn!("cannot reach the service manager at {name:?}: {error}");
                Self(None)
            }
        }
    }

    /// The process serves.
    pub(super) fn ready(&self) {
        self.say(&format!("READY=1\nMAINPID={}\nSTATUS=Ready.\n", std::process::id()));
    }

    /// A reload begins; `ready` or `reload_failed` ends it.
    pub(super) fn reloading(&self) {
        let now = clock_gettime(ClockId::Monotonic);
        let usec = now.tv_sec * 1_000_000 + now.tv_nsec / 1_000;
        self.say(&format!("RELOADING=1\nSTATUS=Reloading Configuration.\nMONOTONIC_USEC={usec}\n"));
    }

    /// What ran before the reload goes on.
    pub(super) fn reload_failed(&self) {
        self.say("READY=1\nSTATUS=Reload failed!\n");
    }

    /// The end begins.
    pub(super) fn stopping(&self) {
        self.say("STOPPING=1\n");
    }

    fn say(&self, words: &str) {
        // A manager that does not listen is not told.
        let _ = self.0.as_ref().map(|socket| socket.send(words.as_bytes()));
    }
}
