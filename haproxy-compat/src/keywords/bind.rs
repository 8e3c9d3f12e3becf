//! Words after the address of a `bind` line.

use super::Effect::{Applies, Http, Ignored, Moot, Refused};
use super::Table;

/// Words after the address of a `bind` line, with the number of their arguments.
pub static BIND: Table = Table {
    groups: &[
        (
            Applies,
            &[
                ("accept-netscaler-cip", 1),
                ("accept-proxy", 0),
                ("backlog", 1),
                ("cc", 1),
                ("defer-accept", 0),
                ("gid", 1),
                ("group", 1),
                ("id", 1),
                ("interface", 1),
                ("maxconn", 1),
                ("mode", 1),
                ("mss", 1),
                ("name", 1),
                ("namespace", 1),
                ("tcp-ut", 1),
                ("tfo", 0),
                ("transparent", 0),
                ("uid", 1),
                ("user", 1),
                ("v4v6", 0),
                ("v6only", 0),
            ],
        ),
        (
            Moot("every worker has its own socket and the kernel spreads connections"),
            &[("nice", 1), ("process", 1), ("shards", 1), ("thread", 1)],
        ),
        (Ignored("no SYN is kept: 'fc_saved_syn' has nothing to tell"), &[("tcp-ss", 1)]),
        (
            Moot("nothing here shows or needs it"),
            &[
                ("expose-fd", 1),
                ("guid-prefix", 1),
                ("label", 1),
                ("level", 1),
                ("proto", 1),
                ("severity-output", 1),
            ],
        ),
        (
            Applies,
            &[
                ("alpn", 1),
                ("ca-file", 1),
                ("ciphers", 1),
                ("ciphersuites", 1),
                ("crl-file", 1),
                ("crt", 1),
                ("crt-list", 1),
                ("curves", 1),
                ("default-crt", 1),
                ("ecdhe", 1),
                ("force-sslv3", 0),
                ("force-tlsv10", 0),
                ("force-tlsv11", 0),
                ("force-tlsv12", 0),
                ("force-tlsv13", 0),
                ("no-alpn", 0),
                ("no-ca-names", 0),
                ("no-sslv3", 0),
                ("no-strict-sni", 0),
                ("no-tls-tickets", 0),
                ("no-tlsv10", 0),
                ("no-tlsv11", 0),
                ("no-tlsv12", 0),
                ("no-tlsv13", 0),
                ("prefer-client-ciphers", 0),
                ("ssl", 0),
                ("ssl-max-ver", 1),
                ("ssl-min-ver", 1),
                ("strict-sni", 0),
                ("tls-tickets", 0),
                ("verify", 1),
            ],
        ),
        (
            Ignored("the signatures of TLS 1.2 and 1.3 that remain good are all accepted"),
            &[("client-sigalgs", 1), ("sigalgs", 1)],
        ),
        (
            Ignored("protocols are agreed on by 'alpn', which all clients of today know"),
            &[("npn", 1)],
        ),
        (Moot("the kernel does not encrypt for it"), &[("ktls", 1)]),
        (Ignored("all of 'ca-file' is trusted and named to clients"), &[("ca-verify-file", 1)]),
        (
            Refused("a certificate that does not verify is always refused"),
            &[("ca-ignore-err", 1), ("crt-ignore-err", 1)],
        ),
        (
            Refused("data sent before the handshake is done could be sent twice by anybody"),
            &[("allow-0rtt", 0)],
        ),
        (
            Refused("certificates are not made on the fly; name them with 'crt'"),
            &[("ca-sign-file", 1), ("ca-sign-pass", 1), ("generate-certificates", 0)],
        ),
        (
            Refused("keys of tickets are made here and changed every six hours, not read"),
            &[("tls-ticket-keys", 1)],
        ),
        (
            Http,
            &[
                ("idle-ping", 1),
                ("quic-cc-algo", 1),
                ("quic-force-retry", 0),
                ("quic-socket", 1),
                ("nbconn", 1),
            ],
        ),
        (
            Ignored("OCSP responses beside a certificate are read, never fetched"),
            &[("ocsp-update", 1)],
        ),
        (Refused("connections without the signature would be accepted"), &[("tcp-md5sig", 1)]),
    ],
};
