//! `set server … addr`: another address while the server keeps its name, health and sessions.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use super::{Answer, Call, object};
use crate::clock;
use crate::config::model::{LogLevel, ServerAddr};
use crate::state::publish;

/// Who asked, in HAProxy's answers.
const BY: &str = "by 'stats socket command'";

/// `set server b/s addr A [port P]`.
pub(super) fn set_address(call: &Call<'_>, answer: &mut Answer<'_>) {
    let text = call.arg(2);
    if text.is_empty() {
        let why = "set server <b>/<s> addr requires an address and optionally a port.";
        return answer.refuse(why);
    }
    let port = (call.arg(3) == "port").then(|| call.arg(4));
    let Some((backend, server)) = object::server(call, 0, answer) else { return };
    let settings = server.settings();
    let old = settings.address.clone();
    let check_has_port = settings.check.as_ref().is_some_and(|check| check.port.is_some());
    match moved(&old, text, port, check_has_port) {
        Ok((new, message)) => {
            if new != old {
                publish::settings(&backend, &server, clock::now(), |settings| {
                    settings.address = new;
                });
                server.wake_check();
                object::occasion(call).readmit(&backend, &server);
            }
            answer.say(LogLevel::Warning, format_args!("{message} {BY}"));
        }
        Err(why) => answer.say(LogLevel::Warning, format_args!("{why} {BY}")),
    }
}

/// Where a server is, its port as HAProxy writes it.
struct Place {
    ip: IpAddr,
    port: Port,
}

#[derive(Clone, Copy, PartialEq)]
enum Port {
    Fixed(u16),
    /// The client's port plus this.
    Offset(i32),
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(port) => port.fmt(f),
            Self::Offset(0) => f.write_str("0"),
            Self::Offset(offset) => write!(f, "{offset:+}"),
        }
    }
}

impl Port {
    fn parse(text: &str) -> Option<Self> {
        let number: i32 = text.parse().ok()?;
        if text.starts_with(['+', '-']) {
            let bound = i32::from(u16::MAX);
            return (-bound..=bound).contains(&number).then_some(Self::Offset(number));
        }
        u16::try_from(number).ok().filter(|&port| port > 0).map(Self::Fixed)
    }
}

/// The address after the command and what HAProxy says of it. A check without a port of its own has
/// no client to take one from, so its server keeps a port of its own, too.
fn moved(
    old: &ServerAddr,
    addr: &str,
    port: Option<&str>,
    check_has_port: bool,
) -> Result<(ServerAddr, String), String> {
    let place = match old {
        ServerAddr::Tcp(old) => Place { ip: old.ip(), port: Port::Fixed(old.port()) },
        ServerAddr::TcpClientPort { ip, offset } => Place { ip: *ip, port: Port::Offset(*offset) },
        ServerAddr::Unresolved { port, offset } => Place {
            ip: Ipv4Addr::UNSPECIFIED.into(),
            port: port.map_or(Port::Offset(*offset), Port::Fixed),
        },
        ServerAddr::Unix(_) | ServerAddr::Abstract(_) | ServerAddr::Sockpair(_) => {
            return Err("Update for the current server address family is only supported through \
                        configuration file."
                .to_owned());
        }
    };
    let ip: IpAddr = addr.parse().map_err(|_| format!("Invalid addr '{addr}'"))?;
    let mut message = if ip == place.ip {
        "no need to change the addr".to_owned()
    } else {
        format!("IP changed from '{}' to '{ip}'", place.ip)
    };
    let mut new_port = place.port;
    match port.map(|text| (text, Port::parse(text))) {
        None => {}
        Some((text, None)) => {
            message.push_str(&format!(", problem converting port '{text}' to an int"));
            // Half a change would be worse than none.
            return Err(message.replace("IP changed", "IP not changed"));
        }
        Some((_, Some(Port::Offset(_))))
            if matches!(place.port, Port::Fixed(_)) && !check_has_port =>
        {
            message.push_str(
                ", can't change <port> to port map because it is incompatible with current health \
                 check port configuration (use 'port' statement from the 'server' directive.",
            );
            return Err(message.replace("IP changed", "IP not changed"));
        }
        Some((_, Some(port))) if port == place.port => {
            message.push_str(", no need to change the port");
        }
        Some((_, Some(port))) => {
            message.push_str(&format!(", port changed from '{}' to '{port}'", place.port));
            new_port = port;
        }
    }
    let new = match new_port {
        Port::Fixed(port) => ServerAddr::Tcp((ip, port).into()),
        Port::Offset(offset) => ServerAddr::TcpClientPort { ip, offset },
    };
    Ok((new, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(text: &str) -> ServerAddr {
        ServerAddr::Tcp(text.parse().expect("an address of the test"))
    }

    #[test]
    fn what_changes_is_said_in_haproxys_words() {
        let old = tcp("127.0.0.1:80");
        let offset = |offset| ServerAddr::TcpClientPort {
            ip: "127.0.0.1".parse().expect("an address of the test"),
            offset,
        };
        for (addr, port, new, want) in [
            ("127.0.0.1", None, old.clone(), "no need to change the addr"),
            ("::1", None, tcp("[::1]:80"), "IP changed from '127.0.0.1' to '::1'"),
            (
                "127.0.0.1",
                Some("99"),
                tcp("127.0.0.1:99"),
                "no need to change the addr, port changed from '80' to '99'",
            ),
            (
                "127.0.0.2",
                Some("80"),
                tcp("127.0.0.2:80"),
                "IP changed from '127.0.0.1' to '127.0.0.2', no need to change the port",
            ),
            (
                "127.0.0.1",
                Some("+5"),
                offset(5),
                "no need to change the addr, port changed from '80' to '+5'",
            ),
        ] {
            let got = moved(&old, addr, port, true);
            assert_eq!(got, Ok((new, want.to_owned())), "{addr} {port:?}");
        }
        let (_, back) = moved(&offset(-5), "127.0.0.1", Some("7"), false).expect("a port");
        assert_eq!(back, "no need to change the addr, port changed from '-5' to '7'");
    }

    #[test]
    fn what_is_no_address_changes_nothing() {
        let old = tcp("127.0.0.1:80");
        let refused = |addr, port| moved(&old, addr, port, false).expect_err("no address");
        for addr in ["foo", "/tmp/x", "127.0.0.1:80", "unix@/tmp/x"] {
            assert_eq!(refused(addr, None), format!("Invalid addr '{addr}'"));
        }
        for port in ["abc", "", "70000", "0", "-70000"] {
            let why = refused("127.0.0.1", Some(port));
            let wanted =
                format!("no need to change the addr, problem converting port '{port}' to an int");
            assert_eq!(why, wanted);
        }
        assert!(refused("127.0.0.2", Some("x")).starts_with("IP not changed from"));
        let unix = ServerAddr::Unix("/tmp/x".into());
        assert!(moved(&unix, "127.0.0.1", None, true).is_err());
        for port in ["+5", "-5", "+0"] {
            assert!(refused("127.0.0.1", Some(port)).contains("to port map"), "{port}");
        }
    }
}
