//! Words after the address of a `bind` line.

use super::Effect::{Applies, Ignored, Refused};
use super::Table;

/// Words after the address of a `bind` line, with the number of their arguments.
pub static BIND: Table = Table {
    groups: &[
        (
            Applies,
            &[
                ("accept-proxy", 0),
                ("backlog", 1),
                ("gid", 1),
                ("group", 1),
                ("interface", 1),
                ("maxconn", 1),
                ("mode", 1),
                ("name", 1),
                ("tcp-ut", 1),
                ("uid", 1),
                ("user", 1),
                ("v4v6", 0),
                ("v6only", 0),
            ],
        ),
        (
            Ignored("every worker has its own socket and the kernel spreads connections"),
            &[("nice", 1), ("process", 1), ("shards", 1), ("thread", 1)],
        ),
        (
            Ignored("the kernel's values are kept"),
            &[
                ("cc", 1),
                ("defer-accept", 0),
                ("mss", 1),
                ("tcp-ss", 1),
                ("tfo", 0),
            ],
        ),
        (
            Ignored("nothing here shows or needs it"),
            &[
                ("expose-fd", 1),
                ("guid-prefix", 1),
                ("id", 1),
                ("label", 1),
                ("level", 1),
                ("proto", 1),
                ("severity-output", 1),
            ],
        ),
        (
            Refused("TLS is not terminated here; leave the line without it to pass TLS through"),
            &[("ssl", 0)],
        ),
        (
            Ignored("it has no effect without 'ssl'"),
            &[
                ("allow-0rtt", 0),
                ("alpn", 1),
                ("ca-file", 1),
                ("ca-ignore-err", 1),
                ("ca-sign-file", 1),
                ("ca-sign-pass", 1),
                ("ca-verify-file", 1),
                ("ciphers", 1),
                ("ciphersuites", 1),
                ("client-sigalgs", 1),
                ("crl-file", 1),
                ("crt", 1),
                ("crt-ignore-err", 1),
                ("crt-list", 1),
                ("curves", 1),
                ("ecdhe", 1),
                ("force-sslv3", 0),
                ("force-tlsv10", 0),
                ("force-tlsv11", 0),
                ("force-tlsv12", 0),
                ("force-tlsv13", 0),
                ("generate-certificates", 0),
                ("no-alpn", 0),
                ("no-ca-names", 0),
                ("no-sslv3", 0),
                ("no-tls-tickets", 0),
                ("no-tlsv10", 0),
                ("no-tlsv11", 0),
                ("no-tlsv12", 0),
                ("no-tlsv13", 0),
                ("npn", 1),
                ("prefer-client-ciphers", 0),
                ("sigalgs", 1),
                ("ssl-max-ver", 1),
                ("ssl-min-ver", 1),
                ("strict-sni", 0),
                ("tls-ticket-keys", 1),
                ("verify", 1),
            ],
        ),
        (
            Refused("the address would not be the one that clients reach"),
            &[("namespace", 1), ("transparent", 0)],
        ),
        (
            Refused("the header would be taken for data"),
            &[("accept-netscaler-cip", 1)],
        ),
        (
            Refused("connections without the signature would be accepted"),
            &[("tcp-md5sig", 1)],
        ),
    ],
};
