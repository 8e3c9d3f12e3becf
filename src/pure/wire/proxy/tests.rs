//! Headers recorded from HAProxy 2.6.12, its verdicts on bad ones, and the codecs' laws.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::super::proxy_v2::{Checksum, SIGNATURE, Ssl, Tlv, TooLong, encode_ssl, kind};
use super::*;

fn tcp(src: &str, dst: &str) -> Endpoints<'static> {
    Endpoints::Tcp { src: src.parse().unwrap(), dst: dst.parse().unwrap() }
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(pair).collect()
}

fn v2(version_command: u8, family: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    [&SIGNATURE[..], &[version_command, family], &length, body].concat()
}

fn tlv(kind: u8, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).unwrap().to_be_bytes();
    [&[kind], &length[..], value].concat()
}

/// The addresses most of the vectors carry: 1.2.3.4:111 to 5.6.7.8:222.
const TCP4_BODY: [u8; 12] = [1, 2, 3, 4, 5, 6, 7, 8, 0, 111, 0, 222];

#[test]
fn version_1_lines_are_those_haproxy_sends() {
    for (endpoints, line) in [
        (
            tcp("127.0.0.9:50001", "127.0.0.1:22201"),
            "PROXY TCP4 127.0.0.9 127.0.0.1 50001 22201\r\n",
        ),
        (tcp("[::1]:50001", "[::1]:22301"), "PROXY TCP6 ::1 ::1 50001 22301\r\n"),
        (
            tcp("[2001:db8::1]:111", "[2001:db8::2]:222"),
            "PROXY TCP6 2001:db8::1 2001:db8::2 111 222\r\n",
        ),
        (
            tcp("[::ffff:1.2.3.4]:111", "[2001:db8::2]:222"),
            "PROXY TCP6 ::ffff:1.2.3.4 2001:db8::2 111 222\r\n",
        ),
        (Endpoints::Own, "PROXY UNKNOWN\r\n"),
    ] {
        assert_eq!(String::from_utf8(proxy_v1::encode(&endpoints)).unwrap(), line);
        let decoded = Header { endpoints, tlvs: Tlvs::EMPTY };
        assert_eq!(decode(line.as_bytes()), Parsed::Done(decoded, line.len()));
    }
}

#[test]
fn mixed_families_are_sent_as_ipv6() {
    // Recorded with `set-src` on an IPv4 connection.
    let mixed = tcp("[2001:db8::9]:44538", "127.0.0.1:24001");
    let line = b"PROXY TCP6 2001:db8::9 ::ffff:127.0.0.1 44538 24001\r\n";
    assert_eq!(proxy_v1::encode(&mixed), line);
    let mixed = tcp("[2001:db8::9]:34576", "127.0.0.1:24002");
    let hex =
        "21210024 20010db8000000000000000000000009 00000000000000000000ffff7f000001 8710 5dc2";
    let header = [&SIGNATURE[..], &bytes(hex)].concat();
    assert_eq!(proxy_v2::encode(&mixed, &[], Checksum::Absent, &[]), Ok(header));
}

/// Checks that both directions agree with bytes recorded behind the signature.
fn check_recorded(
    endpoints: Endpoints<'_>,
    checksum: Checksum,
    tlvs: &[Tlv<'_>],
    after_signature: &str,
) {
    let expected = [&SIGNATURE[..], &bytes(after_signature)].concat();
    let sent = proxy_v2::encode(&endpoints, &[], checksum, tlvs);
    assert_eq!(sent, Ok(expected.clone()), "{after_signature}");
    let Parsed::Done(header, used) = decode(&expected) else { panic!("{after_signature}") };
    assert_eq!((header.endpoints, used), (endpoints, expected.len()), "{after_signature}");
    if endpoints != Endpoints::Own {
        let seen: Vec<_> = header.tlvs.filter(|tlv| tlv.kind != kind::CRC32C).collect();
        assert_eq!(seen, tlvs, "{after_signature}");
    }
}

#[test]
fn version_2_headers_are_those_haproxy_sends_for_clients() {
    use Checksum::{Absent, Crc32c};
    // send-proxy-v2
    let v4 = tcp("1.2.3.4:111", "5.6.7.8:222");
    check_recorded(v4, Absent, &[], "2111000c 01020304 05060708 006f 00de");
    // … proxy-v2-options crc32c
    let hex = "21110013 01020304 05060708 006f 00de 030004 7988ac22";
    check_recorded(v4, Crc32c, &[], hex);
    let hex = "2121002b 20010db8000000000000000000000001 20010db8000000000000000000000002
               006f 00de 030004 10aaef64";
    check_recorded(tcp("[2001:db8::1]:111", "[2001:db8::2]:222"), Crc32c, &[], hex);
    // … crc32c,unique-id,authority
    let authority = Tlv { kind: kind::AUTHORITY, value: b"a.org" };
    let unique_id = Tlv { kind: kind::UNIQUE_ID, value: b"uid-1.2.3.4-111" };
    let hex = "2111002d 01020304 05060708 006f 00de 030004 809d90c7 020005 612e6f7267
               05000f 7569642d312e322e332e342d313131";
    check_recorded(v4, Crc32c, &[authority, unique_id], hex);
    // send-proxy-v2-ssl-cn, the client without TLS
    let block = encode_ssl(0, 0, &[]).unwrap();
    let ssl = Tlv { kind: kind::SSL, value: &block };
    let hex = "21110014 7f000009 7f000001 c355 56bd 200005 00 00000000";
    check_recorded(tcp("127.0.0.9:50005", "127.0.0.1:22205"), Absent, &[ssl], hex);
}

#[test]
fn version_2_headers_are_those_haproxy_sends_for_checks_and_unix_clients() {
    use Checksum::{Absent, Crc32c};
    let block = encode_ssl(0, 0, &[]).unwrap();
    let ssl = Tlv { kind: kind::SSL, value: &block };
    check_recorded(Endpoints::Own, Absent, &[], "20000000");
    check_recorded(Endpoints::Own, Crc32c, &[], "20000007 030004 a9b87e8f");
    let hex = "2000000f 030004 889da1df 200005 00 00000000";
    check_recorded(Endpoints::Own, Crc32c, &[ssl], hex);
}

#[test]
fn the_payload_is_left_alone() {
    let line = b"PROXY TCP4 1.2.3.4 5.6.7.8 111 222\r\nPROXY \n";
    let header = Header { endpoints: tcp("1.2.3.4:111", "5.6.7.8:222"), tlvs: Tlvs::EMPTY };
    assert_eq!(decode(line), Parsed::Done(header, line.len() - 7));
    let mut binary = v2(0x21, 0x11, &TCP4_BODY);
    let length = binary.len();
    binary.extend(b"\r\n\r\n");
    assert_eq!(decode(&binary), Parsed::Done(header, length));
}

#[test]
fn bad_version_1_lines_are_refused() {
    use Refusal::{Invalid, NotProxy, Unhandled};
    for (line, refusal) in [
        ("GET / HTTP/1.0\r\n\r\n", NotProxy),
        ("proxy TCP4 1.2.3.4 5.6.7.8 1 2\r\n", NotProxy),
        ("PROXYTCP4 1.2.3.4 5.6.7.8 1 2\r\n", NotProxy),
        ("PROXY UDP4 1.2.3.4 5.6.7.8 1 2\r\n", Unhandled),
        ("PROXY TCP5 1.2.3.4 5.6.7.8 1 2\r\n", Unhandled),
        ("PROXY UNKNOWNX\r\n", Unhandled),
        ("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n", Invalid),
        ("PROXY TCP4 1.2.3.4 5.6.7.8 -1 2\r\n", Invalid),
        ("PROXY TCP4 1.2.3.4 5.6.7.8 +1 2\r\n", Invalid),
        ("PROXY TCP4  1.2.3.4 5.6.7.8 1 2\r\n", Invalid),
        ("PROXY TCP4 1.2.3.4 5.6.7.8 1 2 \r\n", Invalid),
        ("PROXY TCP4 1.2.3.4 5.6.7.8 1 2 x\r\n", Invalid),
        ("PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n", Invalid),
        ("PROXY TCP4\r\n", Unhandled),
        ("PROXY TCP4 ::1 ::2 1 2\r\n", Invalid),
        ("PROXY TCP6 1.2.3.4 5.6.7.8 1 2\r\n", Invalid),
        ("PROXY TCP6 fe80::1%lo ::1 1 2\r\n", Invalid),
        // These HAProxy 2.6.12 takes: ports modulo 65536, 1.2.3 for 1.2.3.0, octal look-alikes.
        ("PROXY TCP4 1.2.3.4 5.6.7.8 65536 2\r\n", Invalid),
        ("PROXY TCP4 1.2.3.4 5.6.7.8 001 2\r\n", Invalid),
        ("PROXY TCP4 01.2.3.4 5.6.7.8 1 2\r\n", Invalid),
        ("PROXY TCP4 1.2.3 5.6.7.8 1 2\r\n", Invalid),
        ("PROXY TCP4 1.2.3.4 5.6.7.8  \r\n", Invalid),
    ] {
        assert_eq!(decode(line.as_bytes()), Parsed::Bad(refusal), "{line:?}");
    }
}

#[test]
fn version_1_lines_end_within_their_limit() {
    let own = Header { endpoints: Endpoints::Own, tlvs: Tlvs::EMPTY };
    for (rest, expected) in [
        ("\r\n".into(), Parsed::Done(own, 15)),
        (" \r\n".into(), Parsed::Done(own, 16)),
        (" ffff:f ffff 1 2\r\n".into(), Parsed::Done(own, 31)),
        (format!(" {}\r\n", "x".repeat(91)), Parsed::Done(own, 107)),
        (format!(" {}\r\n", "x".repeat(92)), Parsed::Bad(Refusal::Invalid)),
        (format!(" {}", "x".repeat(92)), Parsed::More),
        (format!(" {}", "x".repeat(93)), Parsed::Bad(Refusal::Invalid)),
    ] {
        assert_eq!(decode(format!("PROXY UNKNOWN{rest}").as_bytes()), expected, "{rest:?}");
    }
}

#[test]
fn version_2_families_and_commands() {
    let own = Some(Endpoints::Own);
    let unix: Vec<u8> = [["/tmp/a", "/tmp/b"]]
        .concat()
        .iter()
        .flat_map(|path| {
            let mut addr = [0; UNIX_ADDR_BYTES];
            addr[..path.len()].copy_from_slice(path.as_bytes());
            addr
        })
        .collect();
    let (src, dst) = unix.split_at(UNIX_ADDR_BYTES);
    let unix_pair =
        Some(Endpoints::Unix { src: src.try_into().unwrap(), dst: dst.try_into().unwrap() });
    let v4 = Some(tcp("1.2.3.4:111", "5.6.7.8:222"));
    let v6_body = bytes(&format!("{}01 {}02 0001 0002", "00".repeat(15), "00".repeat(15)));
    for (version_command, family, body, expected) in [
        (0x21, 0x11, &TCP4_BODY[..], v4),
        (0x21, 0x21, &v6_body, Some(tcp("[::1]:1", "[::2]:2"))),
        (0x21, 0x31, &unix, unix_pair),
        (0x21, 0x12, &TCP4_BODY, own),
        (0x21, 0x22, &v6_body, own),
        (0x21, 0x32, &unix, own),
        (0x21, 0x00, &[], own),
        (0x21, 0x00, &TCP4_BODY, own),
        (0x20, 0x00, &[], own),
        // What comes with LOCAL is skipped unread.
        (0x20, 0x11, &TCP4_BODY, own),
        (0x20, 0x11, &TCP4_BODY[..4], own),
        (0x20, 0x99, b"\x04\x00", own),
        (0x22, 0x11, &TCP4_BODY, None),
        (0x21, 0x10, &TCP4_BODY, None),
        (0x21, 0x13, &TCP4_BODY, None),
        (0x21, 0x41, &TCP4_BODY, None),
        (0x21, 0x01, &[], None),
        (0x21, 0x11, &TCP4_BODY[..11], None),
        (0x21, 0x21, &v6_body[..35], None),
        (0x21, 0x31, &unix[..215], None),
    ] {
        let header = v2(version_command, family, body);
        let expected = match expected {
            Some(endpoints) => Parsed::Done(Header { endpoints, tlvs: Tlvs::EMPTY }, header.len()),
            None => Parsed::Bad(Refusal::Invalid),
        };
        assert_eq!(decode(&header), expected, "{version_command:x} {family:x}");
    }
    for version in [0x01, 0x11, 0x31] {
        let header = v2(version, 0x11, &TCP4_BODY);
        assert_eq!(decode(&header), Parsed::Bad(Refusal::NotProxy), "{version:x}");
    }
}

#[test]
fn extensions_keep_their_bounds() {
    let with = |tlvs: &[Vec<u8>]| v2(0x21, 0x11, &[&TCP4_BODY[..], &tlvs.concat()].concat());
    for (tlvs, good) in [
        (vec![tlv(kind::NOOP, b"xx")], true),
        (vec![tlv(kind::NOOP, b"")], true),
        (vec![tlv(0xee, b"abc")], true),
        (vec![tlv(kind::NETNS, b"blue")], true),
        (vec![vec![4]], false),
        (vec![vec![4, 0]], false),
        (vec![vec![4, 0, 1]], false),
        (vec![tlv(kind::NOOP, b"xx"), vec![4, 0, 2, 9]], false),
        (vec![tlv(kind::AUTHORITY, &[b'a'; 255])], true),
        (vec![tlv(kind::AUTHORITY, &[b'a'; 256])], false),
        (vec![tlv(kind::UNIQUE_ID, &[b'a'; 128])], true),
        (vec![tlv(kind::UNIQUE_ID, &[b'a'; 129])], false),
        (vec![tlv(kind::CRC32C, b"abc")], false),
        (vec![tlv(kind::CRC32C, b"abcd")], false),
        // A malformed TLS block is nobody's reason to drop a client.
        (vec![tlv(kind::SSL, &[1])], true),
        (vec![tlv(kind::SSL, b"\x01\0\0\0\0\x21\0\x09x")], true),
    ] {
        let header = with(&tlvs);
        match decode(&header) {
            Parsed::Done(_, used) => assert!(good && used == header.len(), "{tlvs:?}"),
            other => assert!(!good && other == Parsed::Bad(Refusal::Invalid), "{tlvs:?}"),
        }
    }
}

#[test]
fn the_tls_block_is_read() {
    let version = Tlv { kind: kind::SSL_VERSION, value: b"TLSv1.3" };
    let block = encode_ssl(1, 2, &[version]).unwrap();
    let tlvs = [Tlv { kind: kind::SSL, value: &block }];
    let header =
        proxy_v2::encode(&tcp("1.2.3.4:1", "5.6.7.8:2"), &[], Checksum::Crc32c, &tlvs).unwrap();
    let Parsed::Done(header, _) = decode(&header) else { panic!("{header:?}") };
    let Some(Ssl { client, verify, tlvs }) = header.tlvs.ssl() else { panic!("{header:?}") };
    assert_eq!((client, verify), (1, 2));
    assert_eq!(tlvs.find(kind::SSL_VERSION), Some(&b"TLSv1.3"[..]));
    assert_eq!(tlvs.find(kind::SSL_CN), None);

    let short = v2(0x21, 0x11, &[&TCP4_BODY[..], &tlv(kind::SSL, &[1, 0, 0, 0])].concat());
    let Parsed::Done(header, _) = decode(&short) else { panic!("{short:?}") };
    assert_eq!(header.tlvs.ssl(), None);
}

#[test]
fn headers_have_a_largest_length() {
    let fill = HEADER_LIMIT_BYTES - 16 - TCP4_BODY.len() - 3;
    let header =
        |fill: usize| v2(0x21, 0x11, &[&TCP4_BODY[..], &tlv(kind::NOOP, &vec![0; fill])].concat());
    assert!(matches!(decode(&header(fill)), Parsed::Done(_, HEADER_LIMIT_BYTES)));
    // Refused by its length alone, before the rest arrives.
    assert_eq!(decode(&header(fill + 1)[..16]), Parsed::Bad(Refusal::Truncated));

    let big = vec![0; 65_536];
    let value = |length: usize| [Tlv { kind: kind::NOOP, value: &big[..length] }];
    let encode = |length| proxy_v2::encode(&Endpoints::Own, &[], Checksum::Absent, &value(length));
    assert_eq!(encode(65_532).map(|header| header.len()), Ok(16 + 65_535));
    assert_eq!(encode(65_533), Err(TooLong));
    assert_eq!(encode(65_536), Err(TooLong));
}

#[test]
fn refusals_read_like_haproxys() {
    for (refusal, text) in [
        (Refusal::NotProxy, "Received something which does not look like a PROXY protocol header"),
        (Refusal::Invalid, "Received an invalid PROXY protocol header"),
        (Refusal::Unhandled, "Received an unhandled protocol in the PROXY protocol header"),
        (Refusal::Truncated, "Truncated PROXY protocol header received"),
        (Refusal::Closed, "Connection closed while waiting for PROXY protocol header"),
        (Refusal::ConnectionError, "Connection error while waiting for PROXY protocol header"),
        (Refusal::Timeout, "Timeout while waiting for PROXY protocol header"),
    ] {
        assert_eq!(refusal.to_string(), text);
    }
}

fn any_tcp() -> impl Strategy<Value = Endpoints<'static>> {
    let port = any::<u16>;
    let v4 = (any::<[u8; 4]>(), port()).prop_map(|(ip, port)| (Ipv4Addr::from(ip).into(), port));
    let v6 = (any::<[u8; 16]>(), port()).prop_map(|(ip, port)| (Ipv6Addr::from(ip).into(), port));
    let pair = |(src, dst): ((IpAddr, u16), (IpAddr, u16))| Endpoints::Tcp {
        src: src.into(),
        dst: dst.into(),
    };
    let v4 = v4.boxed();
    let v6 = v6.boxed();
    prop_oneof![(v4.clone(), v4).prop_map(pair), (v6.clone(), v6).prop_map(pair)]
}

fn any_endpoints() -> impl Strategy<Value = Endpoints<'static>> {
    const UNIX: [u8; UNIX_ADDR_BYTES] = [b'/'; UNIX_ADDR_BYTES];
    const ABSTRACT: [u8; UNIX_ADDR_BYTES] = [0; UNIX_ADDR_BYTES];
    prop_oneof![
        8 => any_tcp(),
        1 => Just(Endpoints::Own),
        1 => Just(Endpoints::Unix { src: &UNIX, dst: &ABSTRACT }),
    ]
}

fn any_tlvs() -> impl Strategy<Value = Vec<(u8, Vec<u8>)>> {
    let kind = prop_oneof![
        Just(kind::ALPN),
        Just(kind::AUTHORITY),
        Just(kind::NOOP),
        Just(kind::UNIQUE_ID),
        Just(kind::SSL),
        0x26..=0xffu8,
    ];
    prop::collection::vec((kind, prop::collection::vec(any::<u8>(), 0..=128)), 0..5)
}

/// Bytes that get past the first checks more often than chance would have it.
fn near_headers() -> impl Strategy<Value = Vec<u8>> {
    let body = || prop::collection::vec(any::<u8>(), 0..300);
    let command = prop_oneof![Just(0x20u8), Just(0x21), any::<u8>()];
    let family = prop_oneof![Just(0u8), Just(0x11), Just(0x21), Just(0x31), any::<u8>()];
    let words = prop::collection::vec(
        prop_oneof![
            Just("TCP4"),
            Just("TCP6"),
            Just("UNKNOWN"),
            Just("1.2.3.4"),
            Just("::1"),
            Just("65535"),
            Just("65536"),
            Just(" "),
            Just(" "),
            Just("\r\n"),
            Just("\r"),
            Just("é"),
            Just("")
        ],
        0..14,
    );
    prop_oneof![
        body(),
        (command, family, body()).prop_map(|(command, family, body)| v2(command, family, &body)),
        (command_and_length(), body()).prop_map(|(fixed, body)| [fixed, body].concat()),
        words.prop_map(|words| format!("PROXY {}", words.concat()).into_bytes()),
    ]
}

fn command_and_length() -> impl Strategy<Value = Vec<u8>> {
    any::<[u8; 2]>().prop_map(|length| [&SIGNATURE[..], &[0x21, 0x11], &length].concat())
}

proptest! {
    #[test]
    fn no_bytes_panic_and_no_more_is_used_than_came(bytes in near_headers()) {
        if let Parsed::Done(header, used) = decode(&bytes) {
            prop_assert!(used <= bytes.len());
            prop_assert!(header.tlvs.map(|tlv| tlv.value.len() + 3).sum::<usize>() <= used);
            let _ = header.tlvs.ssl().map(|ssl| ssl.tlvs.count());
        }
    }

    #[test]
    fn a_verdict_does_not_change_with_more_bytes(bytes in near_headers(), cut in any::<prop::sample::Index>()) {
        let cut = cut.index(bytes.len() + 1);
        match (decode(&bytes[..cut]), decode(&bytes)) {
            (Parsed::More, _) => {}
            (early, late) => prop_assert_eq!(early, late),
        }
    }

    #[test]
    fn version_1_survives_the_way(endpoints in any_tcp(), payload in any::<[u8; 8]>()) {
        let line = proxy_v1::encode(&endpoints);
        prop_assert!(line.len() <= proxy_v1::LINE_LIMIT_BYTES);
        for cut in 0..line.len() {
            prop_assert_eq!(decode(&line[..cut]), Parsed::More);
        }
        let sent = [&line[..], &payload].concat();
        let expected = Header { endpoints, tlvs: Tlvs::EMPTY };
        prop_assert_eq!(decode(&sent), Parsed::Done(expected, line.len()));
    }

    #[test]
    fn version_2_survives_the_way(
        endpoints in any_endpoints(),
        tlvs in any_tlvs(),
        checksum in prop_oneof![Just(Checksum::Absent), Just(Checksum::Crc32c)],
        payload in any::<[u8; 8]>(),
    ) {
        let tlvs: Vec<Tlv<'_>> =
            tlvs.iter().map(|(kind, value)| Tlv { kind: *kind, value }).collect();
        let header = proxy_v2::encode(&endpoints, &[], checksum, &tlvs).unwrap();
        for cut in 0..header.len() {
            prop_assert_eq!(decode(&header[..cut]), Parsed::More);
        }
        let sent = [&header[..], &payload].concat();
        let Parsed::Done(decoded, used) = decode(&sent) else { panic!("{sent:?}") };
        prop_assert_eq!((decoded.endpoints, used), (endpoints, header.len()));
        if endpoints != Endpoints::Own {
            let seen: Vec<_> = decoded.tlvs.filter(|tlv| tlv.kind != kind::CRC32C).collect();
            prop_assert_eq!(seen, tlvs);
        }
    }

    #[test]
    fn a_checksum_sees_every_flipped_bit(endpoints in any_tcp(), bit in any::<prop::sample::Index>()) {
        let mut header = proxy_v2::encode(&endpoints, &[], Checksum::Crc32c, &[]).unwrap();
        // Behind the fixed part, where nothing else would notice.
        let addresses = 16 * 8..(header.len() - 7) * 8;
        let bit = addresses.start + bit.index(addresses.len());
        header[bit / 8] ^= 1 << (bit % 8);
        prop_assert_eq!(decode(&header), Parsed::Bad(Refusal::Invalid));
    }
}
