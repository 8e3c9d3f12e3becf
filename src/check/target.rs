//! What a check is aimed at: address, source, PROXY header and time.

use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::config::model::{AgentCheck, Check, Layer, ProxyHeader, Server, ServerAddr, ServerTls};
use crate::pure::probe::{Connect, Place};
use crate::pure::wire::proxy::Endpoints;
use crate::pure::wire::proxy_v1;
use crate::pure::wire::proxy_v2::{self, Checksum};
use crate::state::Process;

/// Local and remote address of a TCP connection.
pub type Ends = (SocketAddr, SocketAddr);

/// What to check and how to get there.
#[derive(Clone, Debug)]
pub struct Target {
    /// Where the server listens for checks.
    pub addr: TargetAddr,
    /// Local address to check from.
    pub source: Option<SocketAddr>,
    /// The SOCKS4 proxy of the server.
    pub socks4: Option<SocketAddr>,
    /// Connections that no step of a script asks for go through it.
    pub is_via_socks4: bool,
    /// Every connection starts with a PROXY header.
    pub send_proxy: bool,
    /// The bytes of a PROXY header for a check's own connection; `None` for a Unix socket.
    pub proxy_header: fn(Option<Ends>) -> Vec<u8>,
    /// How TLS is spoken, where any connection has it.
    pub tls: Option<Box<ServerTls>>,
    /// Connections that no step of a script asks for have it.
    pub is_tls: bool,
    /// Where its connections with TLS are counted.
    pub process: Option<Arc<Process>>,
    /// How long it may take.
    pub timing: Timing,
    /// A session could not reach the server just now.
    pub is_doubted: bool,
}

/// Where a server listens for checks.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TargetAddr {
    /// IPv4 or IPv6.
    Tcp(SocketAddr),
    /// A Unix stream socket.
    Unix(PathBuf),
    /// A Unix stream socket in Linux' abstract namespace, without the leading NUL.
    Abstract(Vec<u8>),
    /// An end of an inherited socket pair.
    Sockpair(i32),
}

/// How long a check may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Bounds the whole check where `answer` does not split it.
    pub inter: Duration,
    /// Bounds each connection where `answer` is set.
    pub connect: Duration,
    /// `timeout check`: bounds what follows each connection.
    pub answer: Option<Duration>,
}

impl Target {
    /// What `check` of `server` is aimed at, from the backend's local address `source`. `None`
    /// where there is no port to check, which loading refuses.
    #[must_use]
    pub fn of(server: &Server, check: &Check, source: Option<SocketAddr>) -> Option<Self> {
        Some(Self {
            addr: TargetAddr::of(&server.address, check)?,
            source,
            socks4: server.socket.socks4,
            is_via_socks4: server.socket.check_via_socks4,
            send_proxy: check.send_proxy.is_some(),
            proxy_header: match check.send_proxy {
                Some(ProxyHeader::V2 | ProxyHeader::V2Ssl | ProxyHeader::V2SslCn)
                    if server.socket.pp2_never_send_local =>
                {
                    header_v2_proxied
                }
                Some(ProxyHeader::V2 | ProxyHeader::V2Ssl | ProxyHeader::V2SslCn) => header_v2,
                Some(ProxyHeader::V1) | None => header_v1,
            },
            tls: check.tls.clone(),
            is_tls: check.is_tls,
            process: None,
            timing: Timing::from(check),
            is_doubted: false,
        })
    }
}

impl Target {
    /// The SOCKS4 proxy that the connection goes through which a probe asks for.
    #[must_use]
    pub fn socks4_of(&self, ask: &Connect) -> Option<SocketAddr> {
        let is_usual = self.is_via_socks4 && ask.layer == Layer::Default;
        self.socks4.filter(|_| ask.via_socks4 || is_usual)
    }

    /// Whether a connection begins with a PROXY header: `check-send-proxy` counts for those that no
    /// step of a script describes.
    #[must_use]
    pub fn sends_header(&self, ask: &Connect) -> bool {
        ask.send_proxy || (self.send_proxy && ask.layer == Layer::Default)
    }

    /// A place that is spoken to in clear text, without anything before it.
    #[must_use]
    pub fn plain(addr: SocketAddr, timing: Timing) -> Self {
        Self {
            addr: TargetAddr::Tcp(addr),
            source: None,
            socks4: None,
            send_proxy: false,
            proxy_header: header_v1,
            tls: None,
            is_tls: false,
            is_via_socks4: false,
            process: None,
            timing,
            is_doubted: false,
        }
    }

    /// The agent of a server at `server`. `None` where the server has no address yet and the agent
    /// none of its own.
    #[must_use]
    pub fn of_agent(
        server: &ServerAddr,
        agent: &AgentCheck,
        source: Option<SocketAddr>,
    ) -> Option<Self> {
        let at = |ip| TargetAddr::Tcp(SocketAddr::new(ip, agent.port.get()));
        let addr = match (&agent.addr, server) {
            (Some(Place::Inet(addr)), _) => at(addr.ip()),
            (Some(Place::Unix(path)), _) | (None, ServerAddr::Unix(path)) => {
                TargetAddr::Unix(path.clone())
            }
            (Some(Place::Abstract(name)), _) | (None, ServerAddr::Abstract(name)) => {
                TargetAddr::Abstract(name.clone())
            }
            (None, ServerAddr::Sockpair(number)) => TargetAddr::Sockpair(*number),
            (None, _) => at(server.ip()?),
        };
        let timing =
            Timing { inter: agent.inter, connect: agent.timeout_connect, answer: agent.timeout };
        Some(Self {
            addr,
            source,
            socks4: None,
            is_via_socks4: false,
            send_proxy: false,
            proxy_header: header_v2,
            tls: None,
            is_tls: false,
            process: None,
            timing,
            is_doubted: false,
        })
    }
}

/// A check speaks for itself: version 1 with its own addresses, as HAProxy 2.6 does.
fn header_v1(ends: Option<Ends>) -> Vec<u8> {
    let endpoints = ends.map_or(Endpoints::Own, |(src, dst)| Endpoints::Tcp { src, dst });
    proxy_v1::encode(&endpoints)
}

/// In version 2 it says LOCAL, as HAProxy 2.6 does.
fn header_v2(_: Option<Ends>) -> Vec<u8> {
    encode_v2(&Endpoints::Own)
}

/// `pp2-never-send-local`: it says PROXY, with its own addresses.
fn header_v2_proxied(ends: Option<Ends>) -> Vec<u8> {
    encode_v2(&ends.map_or(Endpoints::Own, |(src, dst)| Endpoints::Tcp { src, dst }))
}

fn encode_v2(endpoints: &Endpoints<'_>) -> Vec<u8> {
    proxy_v2::encode(endpoints, &[], Checksum::Absent, &[])
        .expect("a header without extensions is never too long")
}

impl TargetAddr {
    /// Where `check` looks for a server at `server`: its own `addr` and `port` first. `None` where
    /// the server has no port of its own and the check names none.
    #[must_use]
    pub fn of(server: &ServerAddr, check: &Check) -> Option<Self> {
        let (ip, port) = match (&check.addr, server) {
            (Some(Place::Unix(path)), _) => return Some(Self::Unix(path.clone())),
            (Some(Place::Abstract(name)), _) => return Some(Self::Abstract(name.clone())),
            (None, ServerAddr::Unix(path)) => return Some(Self::Unix(path.clone())),
            (None, ServerAddr::Abstract(name)) => return Some(Self::Abstract(name.clone())),
            (None, ServerAddr::Sockpair(number)) => return Some(Self::Sockpair(*number)),
            (None, ServerAddr::Tcp(addr)) => (addr.ip(), addr.port()),
            (None, ServerAddr::TcpClientPort { ip, .. }) => (*ip, 0),
            (None, ServerAddr::Unresolved { .. }) => return None,
            // An address written without a port keeps the server's.
            (Some(Place::Inet(addr)), ServerAddr::Tcp(own)) if addr.port() == 0 => {
                (addr.ip(), own.port())
            }
            (Some(Place::Inet(addr)), _) => (addr.ip(), addr.port()),
        };
        let port = check.port.or(NonZeroU16::new(port))?;
        Some(Self::Tcp(SocketAddr::new(ip, port.get())))
    }
}

impl From<&Check> for Timing {
    fn from(check: &Check) -> Self {
        Self { inter: check.inter, connect: check.timeout_connect, answer: check.timeout }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::model::CheckKind;

    fn check(addr: Option<&str>, port: Option<u16>) -> Check {
        let second = Duration::from_secs(1);
        let three = NonZeroU16::new(3).expect("not 0");
        Check {
            kind: CheckKind::Tcp,
            inter: second,
            fastinter: second,
            downinter: second,
            rise: three,
            fall: three,
            init_state: crate::config::model::InitState::None,
            timeout: None,
            timeout_connect: second,
            addr: addr.map(|addr| Place::Inet(addr.parse().expect("an address of the test"))),
            port: port.and_then(NonZeroU16::new),
            send_proxy: None,
            tls: None,
            is_tls: false,
        }
    }

    #[test]
    fn the_check_names_what_differs_from_the_server() {
        let tcp = ServerAddr::Tcp("10.0.0.1:5432".parse().expect("an address"));
        let ip = "10.0.0.1".parse().expect("an address");
        let client_port = ServerAddr::TcpClientPort { ip, offset: 0 };
        let unix = ServerAddr::Unix("/run/s".into());
        let rows = [
            (&tcp, None, None, Some("10.0.0.1:5432")),
            (&tcp, None, Some(8008), Some("10.0.0.1:8008")),
            (&tcp, Some("10.0.0.2:0"), None, Some("10.0.0.2:5432")),
            (&tcp, Some("10.0.0.2:7"), None, Some("10.0.0.2:7")),
            (&tcp, Some("10.0.0.2:7"), Some(9), Some("10.0.0.2:9")),
            (&client_port, None, None, None),
            (&client_port, None, Some(9), Some("10.0.0.1:9")),
            (&unix, Some("10.0.0.2:7"), None, Some("10.0.0.2:7")),
        ];
        for (server, addr, port, want) in rows {
            let want = want.map(|want| TargetAddr::Tcp(want.parse().expect("an address")));
            assert_eq!(TargetAddr::of(server, &check(addr, port)), want, "{server:?} {addr:?}");
        }
        let beside = Check { addr: Some(Place::Unix("/run/s".into())), ..check(None, Some(7)) };
        let path = TargetAddr::Unix("/run/s".into());
        assert_eq!(TargetAddr::of(&tcp, &beside), Some(path.clone()));
        assert_eq!(TargetAddr::of(&unix, &check(None, None)), Some(path));
    }
}
