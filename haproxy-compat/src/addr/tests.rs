use std::net::{Ipv4Addr, Ipv6Addr};

use super::*;

fn inet(host: Host, port: PortSpec) -> Endpoint {
    Endpoint::Inet { family: Family::Any, host, port }
}

fn ip(text: &str) -> Host {
    Host::Ip(text.parse().expect("an address"))
}

#[test]
fn hosts_and_ports() {
    let v6_any = Host::Ip(IpAddr::V6(Ipv6Addr::UNSPECIFIED));
    for (written, endpoint) in [
        (":80", inet(Host::Any, PortSpec::Fixed(80))),
        ("*:80", inet(Host::Any, PortSpec::Fixed(80))),
        ("*", inet(Host::Any, PortSpec::Absent)),
        ("1.2.3.4:", inet(ip("1.2.3.4"), PortSpec::Absent)),
        ("1.2.3.4", inet(ip("1.2.3.4"), PortSpec::Absent)),
        ("1.2.3.4:0", inet(ip("1.2.3.4"), PortSpec::Fixed(0))),
        ("1.2.3.4:+5", inet(ip("1.2.3.4"), PortSpec::Offset(5))),
        ("1.2.3.4:-5", inet(ip("1.2.3.4"), PortSpec::Offset(-5))),
        (":1-3", inet(Host::Any, PortSpec::Range(1, 3))),
        (":::80", inet(v6_any, PortSpec::Fixed(80))),
        ("::1:80", inet(ip("::1"), PortSpec::Fixed(80))),
        ("[::1]:80", inet(ip("::1"), PortSpec::Fixed(80))),
        ("[::1]", inet(ip("::1"), PortSpec::Absent)),
        ("db-1:5", inet(Host::Name("db-1".to_owned()), PortSpec::Fixed(5))),
    ] {
        let address = Address::parse(written).expect(written);
        assert_eq!(address.endpoint, endpoint, "{written}");
        assert_eq!(address.transport, Transport::Unspecified, "{written}");
    }
}

#[test]
fn prefixes() {
    let v4 = |transport| Address {
        transport,
        endpoint: Endpoint::Inet {
            family: Family::V4,
            host: Host::Ip(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            port: PortSpec::Fixed(1),
        },
        has_excess: false,
    };
    assert_eq!(Address::parse("ipv4@127.0.0.1:1"), Ok(v4(Transport::Unspecified)));
    assert_eq!(Address::parse("tcp4@127.0.0.1:1"), Ok(v4(Transport::Stream)));
    assert_eq!(Address::parse("udp4@127.0.0.1:1"), Ok(v4(Transport::Datagram)));
    assert_eq!(Address::parse("dgram+ipv4@127.0.0.1:1"), Ok(v4(Transport::Datagram)));
    assert_eq!(Address::parse("quic4@127.0.0.1:1"), Ok(v4(Transport::Quic)));
    for (written, endpoint) in [
        ("/run/x:80", Endpoint::Unix("/run/x:80".to_owned())),
        ("unix@run/x", Endpoint::Unix("run/x".to_owned())),
        ("abns@x", Endpoint::Abstract("x".to_owned())),
        ("fd@3", Endpoint::Fd(3)),
        ("sockpair@4", Endpoint::Sockpair(4)),
    ] {
        assert_eq!(Address::parse(written).expect(written).endpoint, endpoint);
    }
    assert_eq!(Address::parse("uxdg@/dev/log").expect("a path").transport, Transport::Datagram);
}

#[test]
fn what_follows_a_port_is_passed_over() {
    for (written, port) in [
        (":80x", PortSpec::Fixed(80)),
        (":80,", PortSpec::Fixed(80)),
        (":80x-90", PortSpec::Fixed(80)),
        (":80-90x", PortSpec::Range(80, 90)),
        (":+8x", PortSpec::Offset(8)),
    ] {
        let address = Address::parse(written).expect(written);
        let is_read = matches!(address.endpoint, Endpoint::Inet { port: read, .. } if read == port);
        assert!(address.has_excess && is_read, "{written}");
    }
    assert!(!Address::parse(":80-90").expect("a range").has_excess);
}

#[test]
fn mistakes() {
    for (written, why) in [
        ("", AddressError::Empty),
        ("unix@", AddressError::EmptyName("unix")),
        ("fd@x", AddressError::Descriptor("x".to_owned())),
        ("fd@-1", AddressError::Descriptor("-1".to_owned())),
        ("foo@x:80", AddressError::Host("foo@x".to_owned())),
        ("1.2.3.4:80:90", AddressError::Host("1.2.3.4:80".to_owned())),
        ("::1", AddressError::Host(":".to_owned())),
        ("[::1", AddressError::Bracket),
        ("[::1]80", AddressError::Bracket),
        ("[*]:80", AddressError::Bracket),
        (":http", AddressError::PortCharacter('h')),
        (":65536", AddressError::PortTooLarge("65536".to_owned())),
        (":5-", AddressError::PortMissing),
        (":5-3", AddressError::RangeOrder(5, 3)),
        ("a b:1", AddressError::Host("a b".to_owned())),
    ] {
        assert_eq!(Address::parse(written), Err(why), "{written}");
    }
}
