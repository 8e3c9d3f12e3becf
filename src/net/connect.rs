//! Opening connections to servers.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::time::Duration;

use rustix::io::Errno;
use socket2::{Domain, SockAddr, SockRef, Socket, Type};
use tokio::net::{TcpSocket, UnixStream};

use super::descriptors;
use super::listen::{abstract_address, set_buffers, set_keepalive, set_transparent};
use super::namespace;
use super::socks4;
use super::stream::Stream;
use crate::config::model::{Keepalive, SocketBuffers};
use crate::sys;

/// Ports of a range that are tried before there is none: a range of this size is searched whole.
const PORTS_TRIED_MAX: u32 = 1024;

/// Where to connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// IPv4 or IPv6.
    Tcp(SocketAddr),
    /// A Unix stream socket.
    Unix(PathBuf),
    /// A Unix stream socket in the abstract namespace.
    Abstract(Vec<u8>),
    /// An end of an inherited socket pair: the connection is handed over there.
    Sockpair(i32),
}

/// How to connect.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options<'a> {
    /// Where from.
    pub origin: Origin<'a>,
    /// The SOCKS4 proxy to go through.
    pub socks4: Option<SocketAddr>,
    /// Keepalive.
    pub keepalive: Option<Keepalive>,
    /// TCP_USER_TIMEOUT.
    pub tcp_ut: Option<Duration>,
    /// TCP_CONGESTION.
    pub cc: Option<&'a str>,
    /// The network namespace to connect in.
    pub namespace: Option<&'a str>,
    /// Closes with RST.
    pub nolinger: bool,
    /// The acknowledgement of the connection may wait for data.
    pub smart_connect: bool,
    /// Buffers.
    pub buffers: SocketBuffers,
    /// The mark of its packets.
    pub mark: Option<u32>,
    /// The DS field of its packets.
    pub tos: Option<u8>,
}

/// Where a connection comes from.
#[derive(Clone, Copy, Debug, Default)]
pub struct Origin<'a> {
    /// The address that the server sees; `None`: the kernel chooses.
    pub ip: Option<IpAddr>,
    /// First and last port; `None`: the kernel chooses.
    pub ports: Option<(u16, u16)>,
    /// The address need not be one of the machine's.
    pub transparent: bool,
    /// The interface.
    pub interface: Option<&'a str>,
}

/// Connects.
///
/// # Errors
/// The kernel's refusal. There is no time limit here: the caller wraps the call in one.
///
/// # Cancel safety
/// Dropping it closes the half-open socket.
pub async fn connect(destination: &Destination, options: &Options<'_>) -> io::Result<Stream> {
    match destination {
        Destination::Tcp(address) => connect_tcp(*address, options).await,
        Destination::Unix(path) => UnixStream::connect(path).await.map(Stream::unix),
        Destination::Abstract(name) => connect_abstract(name),
        Destination::Sockpair(number) => {
            UnixStream::from_std(hand_over(*number)?.into()).map(Stream::unix)
        }
    }
}

async fn connect_tcp(address: SocketAddr, options: &Options<'_>) -> io::Result<Stream> {
    let Some((first, last)) = options.origin.ports else {
        return connect_from(address, options, 0).await;
    };
    let count = u32::from(last.saturating_sub(first)) + 1;
    let start = fastrand::u32(..count);
    let mut tried = 0;
    loop {
        // Below `count`, so that the sum is at most `last`.
        let offset = u16::try_from((start + tried) % count).unwrap_or(0);
        tried += 1;
        let connected = connect_from(address, options, first + offset).await;
        let taken = |error: &io::Error| {
            matches!(Errno::from_io_error(error), Some(Errno::ADDRINUSE | Errno::ADDRNOTAVAIL))
        };
        match connected {
            Err(error) if taken(&error) && tried < count.min(PORTS_TRIED_MAX) => {}
            connected => return connected,
        }
    }
}

async fn connect_from(server: SocketAddr, options: &Options<'_>, port: u16) -> io::Result<Stream> {
    let address = options.socks4.unwrap_or(server);
    let socket = namespace::within(options.namespace, || {
        Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), None)
    })?;
    prepare(&socket, options)?;
    if let Some(tos) = options.tos {
        // What fails to be set is told by the kernel's counters; the connection goes on.
        let _ = match address {
            SocketAddr::V4(_) => socket.set_tos_v4(u32::from(tos)),
            SocketAddr::V6(_) => socket.set_tclass_v6(u32::from(tos)),
        };
    }
    if let Some(mark) = options.mark {
        let _ = socket.set_mark(mark);
    }
    let Origin { ip, transparent, interface, .. } = options.origin;
    if let Some(interface) = interface {
        socket.bind_device(Some(interface.as_bytes()))?;
    }
    // An address of the other family is none for this server.
    let ip = ip.filter(|ip| ip.is_ipv4() == address.is_ipv4());
    let any = || match address {
        SocketAddr::V4(_) => IpAddr::from([0; 4]),
        SocketAddr::V6(_) => IpAddr::from([0; 16]),
    };
    if let Some(ip) = ip.or_else(|| (port != 0).then(any)) {
        if transparent {
            set_transparent(&socket, address.is_ipv4())?;
        }
        bind_source(&socket, SocketAddr::new(ip, port))?;
    }
    let mut stream = TcpSocket::from_std_stream(socket.into()).connect(address).await?;
    if options.socks4.is_some() {
        // Boxed: connections without a proxy have no room for it.
        Box::pin(socks4::ask(&mut stream, server)).await?;
    }
    Ok(Stream::tcp(stream))
}

fn prepare(socket: &Socket, options: &Options<'_>) -> io::Result<()> {
    // Small answers must not wait for an acknowledgement (Nagle); HAProxy sets it, too.
    socket.set_tcp_nodelay(true)?;
    if let Some(keepalive) = options.keepalive {
        set_keepalive(socket, keepalive)?;
    }
    if let Some(tcp_ut) = options.tcp_ut {
        socket.set_tcp_user_timeout(Some(tcp_ut))?;
    }
    if let Some(cc) = options.cc {
        socket.set_tcp_congestion(cc.as_bytes())?;
    }
    if options.nolinger {
        socket.set_linger(Some(Duration::ZERO))?;
    }
    if options.smart_connect {
        socket.set_tcp_quickack(false)?;
    }
    set_buffers(socket, options.buffers)
}

/// Binds to a local address; without a port, the kernel chooses one with the destination in view.
///
/// # Errors
/// The kernel's refusal of the address.
pub fn bind_source(socket: &impl AsFd, source: SocketAddr) -> io::Result<()> {
    if source.port() == 0 {
        // A kernel that does not know the option chooses early, as without it.
        let _ = sys::source_port::choose_at_connect(socket);
    } else {
        // A port may have a connection to each server.
        SockRef::from(socket).set_reuse_address(true)?;
    }
    SockRef::from(socket).bind(&source.into())
}

/// Makes a connection by handing one end of it over through the inherited socket `number`, as
/// HAProxy does. Yields the other end, non-blocking.
///
/// # Errors
/// No such descriptor was inherited, or who is behind it does not take what waits there.
pub fn hand_over(number: i32) -> io::Result<Socket> {
    let channel = sys::inherit::adopt(number)?;
    let (ours, theirs) = Socket::pair(Domain::UNIX, Type::STREAM.nonblocking(), None)?;
    descriptors::hand_over(channel.as_fd(), theirs.as_fd())?;
    Ok(ours)
}

fn connect_abstract(name: &[u8]) -> io::Result<Stream> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM.nonblocking(), None)?;
    let address: SockAddr = abstract_address(name)?;
    socket.connect(&address)?;
    UnixStream::from_std(socket.into()).map(Stream::unix)
}
