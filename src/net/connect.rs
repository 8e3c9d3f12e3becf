//! Opening connections to servers.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::time::Duration;

use socket2::{Domain, SockAddr, SockRef, Socket, Type};
use tokio::net::{TcpSocket, UnixStream};

use super::listen::{abstract_address, set_keepalive};
use super::stream::Stream;
use crate::config::model::Keepalive;
use crate::sys;

/// Where to connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// IPv4 or IPv6.
    Tcp(SocketAddr),
    /// A Unix stream socket.
    Unix(PathBuf),
    /// A Unix stream socket in the abstract namespace.
    Abstract(Vec<u8>),
}

/// How to connect.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Local address.
    pub source: Option<SocketAddr>,
    /// Keepalive.
    pub keepalive: Option<Keepalive>,
    /// TCP_USER_TIMEOUT.
    pub tcp_ut: Option<Duration>,
}

/// Connects.
///
/// # Errors
/// The kernel's refusal. There is no time limit here: the caller wraps the call in one.
///
/// # Cancel safety
/// Dropping it closes the half-open socket.
pub async fn connect(destination: &Destination, options: &Options) -> io::Result<Stream> {
    match destination {
        Destination::Tcp(address) => connect_tcp(*address, options).await,
        Destination::Unix(path) => UnixStream::connect(path).await.map(Stream::unix),
        Destination::Abstract(name) => connect_abstract(name),
    }
}

async fn connect_tcp(address: SocketAddr, options: &Options) -> io::Result<Stream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Small answers must not wait for an acknowledgement (Nagle); HAProxy sets it, too.
    socket.set_nodelay(true)?;
    if let Some(keepalive) = options.keepalive {
        set_keepalive(&socket, keepalive)?;
    }
    if let Some(tcp_ut) = options.tcp_ut {
        SockRef::from(&socket).set_tcp_user_timeout(Some(tcp_ut))?;
    }
    if let Some(source) = options.source {
        bind_source(&socket, source)?;
    }
    socket.connect(address).await.map(Stream::tcp)
}

/// Binds to a local address; without a port, the kernel chooses one with the destination in view.
///
/// # Errors
/// The kernel's refusal of the address.
pub fn bind_source(socket: &impl AsFd, source: SocketAddr) -> io::Result<()> {
    if source.port() == 0 {
        // A kernel that does not know the option chooses early, as without it.
        let _ = sys::source_port::choose_at_connect(socket);
    }
    SockRef::from(socket).bind(&source.into())
}

fn connect_abstract(name: &[u8]) -> io::Result<Stream> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM.nonblocking(), None)?;
    let address: SockAddr = abstract_address(name)?;
    socket.connect(&address)?;
    UnixStream::from_std(socket.into()).map(Stream::unix)
}
