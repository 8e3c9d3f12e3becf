//! Listening sockets and options of sockets on either side.

use std::net::{IpAddr, SocketAddr};
use std::num::{NonZeroI32, NonZeroU32};
use std::path::PathBuf;
use std::time::Duration;

use super::{BindTls, Place, SocketBuffers};
use crate::pure::log_format::Format;

/// One listening socket. A port range became one `Bind` a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bind {
    /// `name`, the listener's name in statistics.
    pub name: Option<String>,
    /// Where to listen.
    pub address: ListenAddr,
    /// Concurrent connections of this listener; beyond, they wait in the kernel's backlog.
    pub maxconn: Option<NonZeroU32>,
    /// Length of the kernel's accept queue.
    pub backlog: NonZeroU32,
    /// A PROXY header is mandatory on every connection.
    pub accept_proxy: bool,
    /// TCP_USER_TIMEOUT of accepted connections.
    pub tcp_ut: Option<Duration>,
    /// SO_BINDTODEVICE.
    pub interface: Option<String>,
    /// IPV6_V6ONLY; `None` leaves the system's default.
    pub v6only: Option<bool>,
    /// Ownership of a Unix socket.
    pub unix: UnixPermissions,
    /// `id`, the listener's number in statistics where it was written.
    pub id: Option<NonZeroU32>,
    /// Options of the listening socket and of those accepted from it.
    pub socket: BindSocket,
    /// Clients speak TLS.
    pub tls: Option<Box<BindTls>>,
    /// Where it is written.
    pub place: Place,
}

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ListenAddr {
    /// IPv4 or IPv6.
    Tcp(SocketAddr),
    /// A Unix stream socket; the file is made by us.
    Unix(PathBuf),
    /// A Unix stream socket in Linux' abstract namespace, without the leading NUL.
    Abstract(Vec<u8>),
    /// An inherited listening descriptor.
    Fd(i32),
    /// An end of an inherited socket pair, over which connections are handed to us.
    Sockpair(i32),
}

/// Who may connect to a Unix socket; `None` leaves what the umask gives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnixPermissions {
    /// Permission bits.
    pub mode: Option<u32>,
    /// Owner, as written (a name or a number).
    pub user: Option<String>,
    /// Group, as written (a name or a number).
    pub group: Option<String>,
}

/// SO_KEEPALIVE and its timing; `None` leaves the kernel's values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keepalive {
    /// Idle time before the first probe, whole seconds.
    pub idle: Option<Duration>,
    /// Time between probes, whole seconds.
    pub intvl: Option<Duration>,
    /// Unanswered probes before the connection is dropped.
    pub cnt: Option<NonZeroU32>,
}

/// What a `bind` says of its sockets beside address, limits and owner.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct BindSocket {
    /// TCP_MAXSEG; negative: this much less than the kernel's.
    pub mss: Option<NonZeroI32>,
    /// TCP_FASTOPEN: clients may send data with their SYN.
    pub tfo: bool,
    /// TCP_DEFER_ACCEPT: a connection is accepted once it has brought data.
    pub defer_accept: bool,
    /// TCP_CONGESTION.
    pub cc: Option<String>,
    /// The network namespace to listen in.
    pub namespace: Option<String>,
    /// IP_TRANSPARENT: the address need not be one of the machine's.
    pub transparent: bool,
    /// A header of NetScaler's client IP insertion that begins with this number is mandatory on every
    /// connection.
    pub netscaler_cip: Option<NonZeroU32>,
}

/// What accepted connections take over from their listening socket, beside what its `bind` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Inherited {
    /// Keepalive.
    pub keepalive: Option<Keepalive>,
    /// Closes with RST.
    pub nolinger: bool,
    /// `option tcp-smart-accept`: acknowledgements may wait for data.
    pub smart_accept: bool,
    /// Buffers.
    pub buffers: SocketBuffers,
}

/// What a `server` says of its connections.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerSocket {
    /// Where connections come from; `None`: as its backend says.
    pub source: Option<Source>,
    /// TCP_CONGESTION.
    pub cc: Option<String>,
    /// The network namespace to connect in.
    pub namespace: Option<String>,
    /// What a PROXY header of version 2 says besides the addresses.
    pub proxy_v2: ProxyV2Options,
    /// The SOCKS4 proxy that connections go through.
    pub socks4: Option<SocketAddr>,
    /// Those of checks, too.
    pub check_via_socks4: bool,
    /// Checks say PROXY in such a header, with their own addresses, instead of LOCAL.
    pub pp2_never_send_local: bool,
}

/// `proxy-v2-options`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProxyV2Options {
    /// A checksum of the header.
    pub crc32c: bool,
    /// The name the client asked for in its TLS handshake, where it is known.
    pub authority: bool,
    /// The session's unique id, where there is one.
    pub unique_id: bool,
    /// What is known of the client's TLS session; on with each of what follows.
    pub ssl: bool,
    /// The common name in the client's certificate.
    pub cert_cn: bool,
    /// The suite.
    pub ssl_cipher: bool,
    /// How the certificate that the client was shown is signed.
    pub cert_sig: bool,
    /// What its key is.
    pub cert_key: bool,
}

/// `set-proxy-v2-tlv-fmt`: an extension of the operator's own.
#[derive(Clone, Debug, PartialEq)]
pub struct ProxyTlv {
    /// Its type.
    pub kind: u8,
    /// Its value.
    pub format: Box<Format>,
}

/// `source`: where connections to servers come from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Source {
    /// The local address; unspecified: the kernel chooses.
    pub ip: IpAddr,
    /// The local ports, first and last; `None`: the kernel chooses.
    pub ports: Option<(u16, u16)>,
    /// The address that servers see, where that is not the local one.
    pub usesrc: UseSrc,
    /// SO_BINDTODEVICE.
    pub interface: Option<String>,
}

impl Source {
    /// The local address of connections that are made for no client, where one is given.
    #[must_use]
    pub fn local(&self) -> Option<SocketAddr> {
        let port = match self.ports {
            Some((first, last)) if first == last => first,
            _ => 0,
        };
        (port != 0 || !self.ip.is_unspecified()).then(|| SocketAddr::new(self.ip, port))
    }
}

/// `usesrc`: an address that servers see though it may not be ours (IP_TRANSPARENT).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum UseSrc {
    /// The local address.
    #[default]
    Local,
    /// The client's address, with a port of the kernel's choice.
    ClientIp,
    /// The client's address and port.
    Client,
    /// This address; a port of 0 is the kernel's choice.
    Address(SocketAddr),
}
