//! Where a check connects to, where that is not the server itself.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

/// An address that is named for checks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// IPv4 or IPv6; port 0: none was written.
    Inet(SocketAddr),
    /// A Unix stream socket.
    Unix(PathBuf),
    /// A Unix stream socket in Linux' abstract namespace, without the leading NUL.
    Abstract(Vec<u8>),
}

impl Place {
    /// Its IP address and port; `None` for a Unix socket.
    #[must_use]
    pub const fn inet(&self) -> Option<SocketAddr> {
        match self {
            Self::Inet(addr) => Some(*addr),
            Self::Unix(_) | Self::Abstract(_) => None,
        }
    }

    /// Whether it lacks a port.
    #[must_use]
    pub fn needs_port(&self) -> bool {
        self.inet().is_some_and(|addr| addr.port() == 0)
    }
}

impl From<SocketAddr> for Place {
    fn from(addr: SocketAddr) -> Self {
        Self::Inet(addr)
    }
}

/// As configurations write it.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inet(addr) => addr.fmt(f),
            Self::Unix(path) => write!(f, "unix@{}", path.display()),
            Self::Abstract(name) => write!(f, "abns@{}", String::from_utf8_lossy(name)),
        }
    }
}
