//! Opening listening sockets.
//!
//! Every option that accepted sockets inherit (TCP_NODELAY, keepalive, TCP_USER_TIMEOUT) is set
//! here, once, and costs no call per connection.

use std::io;
use std::net::SocketAddr;
use std::num::{NonZeroI32, NonZeroU32};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use socket2::{Domain, SockAddr, Socket, TcpKeepalive, Type};

use super::listen_error::ListenError;
use super::namespace;
use crate::config::model::{
    Bind, BindSocket, Inherited, Keepalive, ListenAddr, SocketBuffers, UnixPermissions,
};
use crate::sys;

/// An address as operators write it.
#[must_use]
pub fn display(address: &ListenAddr) -> String {
    match address {
        ListenAddr::Tcp(address) => address.to_string(),
        ListenAddr::Unix(path) => path.display().to_string(),
        ListenAddr::Abstract(name) => format!("abns@{}", String::from_utf8_lossy(name)),
        ListenAddr::Fd(number) => format!("fd@{number}"),
        ListenAddr::Sockpair(number) => format!("sockpair@{number}"),
    }
}

/// An address with its family in front, as HAProxy shows it.
#[must_use]
pub fn with_family(address: &ListenAddr) -> String {
    let text = display(address);
    match address {
        ListenAddr::Tcp(address) if address.is_ipv4() => format!("ipv4@{text}"),
        ListenAddr::Tcp(_) => format!("ipv6@{text}"),
        ListenAddr::Unix(_) => format!("unix@{text}"),
        ListenAddr::Abstract(_) | ListenAddr::Fd(_) | ListenAddr::Sockpair(_) => text,
    }
}

/// Opens non-blocking sockets that listen on the address of `bind` until there are `count`, one a
/// worker. What a predecessor handed over comes first, and all of it.
///
/// # Errors
/// Names the operation that failed and the address; nothing that was opened stays open then.
pub fn open(
    bind: &Bind,
    inherited: &Inherited,
    count: usize,
    handed: Vec<Socket>,
) -> Result<Vec<Socket>, ListenError> {
    let mut sockets = handed;
    for socket in &sockets {
        take_over(socket, bind, inherited)
            .map_err(|e| ListenError::new("take over the socket", bind, e))?;
    }
    if sockets.is_empty() {
        sockets.push(match &bind.address {
            ListenAddr::Tcp(address) => open_tcp(bind, *address, inherited)?,
            ListenAddr::Unix(path) => open_unix(bind, path)?,
            ListenAddr::Abstract(name) => open_abstract(bind, name)?,
            ListenAddr::Fd(number) => adopt(bind, *number)?,
            ListenAddr::Sockpair(number) => adopt_pair(bind, *number)?,
        });
    }
    // A port of 0 asks the kernel for one, and the other sockets must share its choice. A socket
    // that was handed over may not share its address at all.
    let shares = sockets[0].reuse_port().unwrap_or(false);
    let bound = sockets[0].local_addr().ok().and_then(|address| address.as_socket());
    while sockets.len() < count {
        let next = match (&bind.address, bound) {
            (ListenAddr::Tcp(_), Some(address)) if shares => open_tcp(bind, address, inherited)?,
            _ => sockets[0]
                .try_clone()
                .map_err(|e| ListenError::new("duplicate the socket", bind, e))?,
        };
        sockets.push(next);
    }
    Ok(sockets)
}

/// Makes a socket of another process one of ours; it goes on listening meanwhile.
fn take_over(socket: &Socket, bind: &Bind, inherited: &Inherited) -> io::Result<()> {
    socket.set_nonblocking(true)?;
    if matches!(bind.address, ListenAddr::Tcp(_)) {
        socket.set_tcp_nodelay(true)?;
    }
    set_options(socket, bind, inherited)
}

/// A listening socket that another process handed over.
#[derive(Debug)]
pub struct Handed {
    /// The socket.
    pub socket: Socket,
    /// The interface it is bound to; empty: all.
    pub interface: String,
    /// The network namespace it was opened in; empty: ours.
    pub namespace: String,
}

impl Handed {
    /// Whether it is what `bind` asks for.
    #[must_use]
    pub fn fits(&self, bind: &Bind) -> bool {
        let Ok(local) = self.socket.local_addr() else { return false };
        let same_address = match &bind.address {
            ListenAddr::Tcp(address) => {
                local.as_socket() == Some(*address)
                    && (address.is_ipv4()
                        || bind.v6only.is_none_or(|only| self.socket.only_v6().ok() == Some(only)))
            }
            ListenAddr::Unix(path) => local.as_pathname().is_some_and(|at| is_made_for(at, path)),
            ListenAddr::Abstract(name) => {
                abstract_address(name).is_ok_and(|wanted| wanted == local)
            }
            ListenAddr::Fd(_) | ListenAddr::Sockpair(_) => false,
        };
        let interface = bind.interface.as_deref().unwrap_or_default();
        same_address && self.interface == interface && self.namespace.is_empty()
    }
}

/// Whether a socket bound at `bound` was renamed to `path` later: `PATH.PID.tmp`, as HAProxy and we
/// do it.
fn is_made_for(bound: &Path, path: &Path) -> bool {
    let Some(rest) = bound.as_os_str().as_bytes().strip_prefix(path.as_os_str().as_bytes()) else {
        return false;
    };
    let pid = rest.strip_prefix(b".").and_then(|rest| rest.strip_suffix(b".tmp"));
    rest.is_empty() || pid.is_some_and(|pid| pid.iter().all(u8::is_ascii_digit))
}

fn open_tcp(
    bind: &Bind,
    address: SocketAddr,
    inherited: &Inherited,
) -> Result<Socket, ListenError> {
    let fail = |operation| move |e| ListenError::new(operation, bind, e);
    let socket = namespace::within(bind.socket.namespace.as_deref(), || {
        Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), None)
    })
    .map_err(fail("create receiving socket"))?;
    socket.set_reuse_address(true).map_err(fail("set SO_REUSEADDR"))?;
    socket.set_reuse_port(true).map_err(fail("set SO_REUSEPORT"))?;
    // Without a word in the file the system decides, which mostly lets IPv4 clients in.
    if let Some(only) = bind.v6only.filter(|_| address.is_ipv6()) {
        socket.set_only_v6(only).map_err(fail("set IPV6_V6ONLY"))?;
    }
    if let Some(interface) = &bind.interface {
        let what = format!("bind receiver to device '{interface}'");
        socket
            .bind_device(Some(interface.as_bytes()))
            .map_err(|e| ListenError::new(what, bind, e))?;
    }
    if bind.socket.transparent {
        set_transparent(&socket, address.is_ipv4()).map_err(fail("make socket transparent"))?;
    }
    socket.set_tcp_nodelay(true).map_err(fail("set TCP_NODELAY"))?;
    set_inherited(&socket, bind, inherited).map_err(fail("set socket options"))?;
    tune(&socket, bind);
    socket.bind(&address.into()).map_err(fail("bind socket"))?;
    socket.listen(backlog(bind)).map_err(fail("listen to socket"))?;
    Ok(socket)
}

/// Sets again, on an open socket, what `listen` and accepted connections take from it.
///
/// # Errors
/// What the kernel says of the values.
pub fn set_options(socket: &Socket, bind: &Bind, inherited: &Inherited) -> io::Result<()> {
    if matches!(bind.address, ListenAddr::Tcp(_)) {
        set_inherited(socket, bind, inherited)?;
        tune(socket, bind);
    }
    socket.listen(backlog(bind))
}

fn set_inherited(socket: &Socket, bind: &Bind, inherited: &Inherited) -> io::Result<()> {
    match inherited.keepalive {
        Some(keepalive) => set_keepalive(socket, keepalive)?,
        None => socket.set_keepalive(false)?,
    }
    socket.set_linger(inherited.nolinger.then_some(Duration::ZERO))?;
    socket.set_tcp_quickack(!inherited.smart_accept)?;
    set_buffers(socket, inherited.buffers)?;
    socket.set_tcp_user_timeout(bind.tcp_ut)
}

/// Sets what makes connections faster or smaller and is no promise: a kernel that refuses it gets a
/// warning.
fn tune(socket: &Socket, bind: &Bind) {
    let BindSocket { mss, tfo, defer_accept, cc, .. } = &bind.socket;
    let fast_open = if *tfo { bind.backlog.get() } else { 0 };
    let done = [
        ("mss", mss.map_or(Ok(()), |mss| set_mss(socket, mss))),
        ("tfo", sys::sockopt::set_fast_open(socket, fast_open)),
        ("defer-accept", sys::sockopt::set_defer_accept(socket, *defer_accept)),
        ("cc", cc.as_ref().map_or(Ok(()), |cc| socket.set_tcp_congestion(cc.as_bytes()))),
    ];
    let address = display(&bind.address);
    for (what, result) in done {
        if let Err(error) = result {
            tracing::warn!("cannot set {what} of {address}: {error}");
        }
    }
}

/// A negative size is taken from the one that a new socket would have.
fn set_mss(socket: &Socket, mss: NonZeroI32) -> io::Result<()> {
    let size = match u32::try_from(mss.get()) {
        Ok(size) => size,
        Err(_) => socket.tcp_mss()?.saturating_sub(mss.unsigned_abs().get()),
    };
    socket.set_tcp_mss(size)
}

/// Lets a socket have an address that is not the machine's (`IP_TRANSPARENT`).
///
/// # Errors
/// The right to do so is missing (`CAP_NET_ADMIN`).
pub fn set_transparent(socket: &impl AsFd, ipv4: bool) -> io::Result<()> {
    let socket = socket2::SockRef::from(socket);
    if ipv4 { socket.set_ip_transparent_v4(true) } else { socket.set_ip_transparent_v6(true) }
}

/// Sets the sizes of a socket's buffers that were asked for.
///
/// # Errors
/// What the kernel says of the values.
pub fn set_buffers(socket: &impl AsFd, buffers: SocketBuffers) -> io::Result<()> {
    let SocketBuffers { rcvbuf, sndbuf, notsent_lowat } = buffers;
    let socket = socket2::SockRef::from(socket);
    let size = |bytes: NonZeroU32| usize::try_from(bytes.get()).unwrap_or(usize::MAX);
    rcvbuf.map_or(Ok(()), |bytes| socket.set_recv_buffer_size(size(bytes)))?;
    sndbuf.map_or(Ok(()), |bytes| socket.set_send_buffer_size(size(bytes)))?;
    notsent_lowat.map_or(Ok(()), |bytes| socket.set_tcp_notsent_lowat(bytes.get()))
}

/// Binds beside the final path and renames over it, so that a socket file is never missing while
/// a successor takes over. What was there before goes, whatever it was, as with HAProxy.
fn open_unix(bind: &Bind, path: &Path) -> Result<Socket, ListenError> {
    let fail = |operation| move |e| ListenError::new(operation, bind, e);
    let socket = Socket::new(Domain::UNIX, Type::STREAM.nonblocking(), None)
        .map_err(fail("create receiving socket"))?;
    let temporary = temporary_path(path);
    let _ = std::fs::remove_file(&temporary);
    let address = SockAddr::unix(&temporary).map_err(fail("bind UNIX socket"))?;
    socket.bind(&address).map_err(fail("bind UNIX socket"))?;
    let placed = set_permissions(&temporary, &bind.unix)
        .map_err(fail("change UNIX socket ownership"))
        .and_then(|()| socket.listen(backlog(bind)).map_err(fail("listen to socket")))
        .and_then(|()| {
            let switched = std::fs::rename(&temporary, path);
            switched.map_err(fail("switch final and temporary UNIX sockets"))
        });
    if placed.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    placed.map(|()| socket)
}

fn temporary_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    PathBuf::from(name)
}

fn set_permissions(path: &Path, wanted: &UnixPermissions) -> io::Result<()> {
    let id = |text: &str, lookup: fn(&str) -> Option<u32>| {
        text.parse().ok().or_else(|| lookup(text)).ok_or_else(|| {
            io::Error::new(io::ErrorKind::NotFound, format!("no user or group '{text}'"))
        })
    };
    let user = wanted.user.as_deref().map(|u| id(u, sys::privileges::user_id)).transpose()?;
    let group = wanted.group.as_deref().map(|g| id(g, sys::privileges::group_id)).transpose()?;
    if user.is_some() || group.is_some() {
        std::os::unix::fs::chown(path, user, group)?;
    }
    if let Some(mode) = wanted.mode {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    }
    Ok(())
}

fn open_abstract(bind: &Bind, name: &[u8]) -> Result<Socket, ListenError> {
    let fail = |operation| move |e| ListenError::new(operation, bind, e);
    let socket = Socket::new(Domain::UNIX, Type::STREAM.nonblocking(), None)
        .map_err(fail("create receiving socket"))?;
    let address = abstract_address(name).map_err(fail("bind UNIX socket"))?;
    socket.bind(&address).map_err(fail("bind UNIX socket"))?;
    socket.listen(backlog(bind)).map_err(fail("listen to socket"))?;
    Ok(socket)
}

/// HAProxy's `abns@`: the name padded with NULs to the full length of `sun_path`.
///
/// # Errors
/// A name longer than 107 bytes.
pub fn abstract_address(name: &[u8]) -> io::Result<SockAddr> {
    const SUN_PATH_BYTES: usize = 108;
    let mut path = vec![0_u8];
    path.extend_from_slice(name);
    path.resize(path.len().max(SUN_PATH_BYTES), 0);
    SockAddr::unix(Path::new(std::ffi::OsStr::from_bytes(&path)))
}

fn adopt(bind: &Bind, number: i32) -> Result<Socket, ListenError> {
    let fail = |operation| move |e| ListenError::new(operation, bind, e);
    let socket = Socket::from(sys::inherit::adopt(number).map_err(fail("adopt the socket"))?);
    socket.set_nonblocking(true).map_err(fail("make socket non-blocking"))?;
    let listening = socket.is_listener().map_err(fail("adopt the socket"))?;
    if !listening {
        socket.listen(backlog(bind)).map_err(fail("listen to socket"))?;
    }
    Ok(socket)
}

/// The end of a socket pair, which the other workers and a reload share.
fn adopt_pair(bind: &Bind, number: i32) -> Result<Socket, ListenError> {
    let fail = |operation| move |e| ListenError::new(operation, bind, e);
    let socket = Socket::from(sys::inherit::adopt(number).map_err(fail("adopt the socket"))?);
    socket.set_nonblocking(true).map_err(fail("make socket non-blocking"))?;
    Ok(socket)
}

fn backlog(bind: &Bind) -> i32 {
    i32::try_from(bind.backlog.get()).unwrap_or(i32::MAX)
}

/// Turns keepalive on, with the timing given.
///
/// # Errors
/// What the kernel says of the values.
pub fn set_keepalive(socket: &impl AsFd, keepalive: Keepalive) -> io::Result<()> {
    let mut wanted = TcpKeepalive::new();
    if let Some(idle) = keepalive.idle {
        wanted = wanted.with_time(idle);
    }
    if let Some(intvl) = keepalive.intvl {
        wanted = wanted.with_interval(intvl);
    }
    if let Some(cnt) = keepalive.cnt {
        wanted = wanted.with_retries(cnt.get());
    }
    let socket = socket2::SockRef::from(socket);
    socket.set_keepalive(true)?;
    socket.set_tcp_keepalive(&wanted)
}
/// Marks what is sent with a type of service, as far as the kernel lets it.
pub fn set_tos(socket: socket2::SockRef<'_>, tos: u8) {
    // One of them is of the socket's family.
    if socket.set_tos_v4(u32::from(tos)).is_err() {
        let _ = socket.set_tclass_v6(u32::from(tos));
    }
}
