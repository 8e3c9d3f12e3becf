//! Words after `option`.

use super::Effect::{Applies, Http, Moot, Refused};
use super::Table;
use super::place::{BACKEND, DEFAULTS, FRONTEND, LISTEN};

const FE: u8 = DEFAULTS | FRONTEND | LISTEN;
const BE: u8 = DEFAULTS | BACKEND | LISTEN;
const ANY: u8 = DEFAULTS | FRONTEND | BACKEND | LISTEN;

/// Words after `option`; the number says where each may stand, as in [`PROXY`](super::PROXY).
pub static OPTIONS: Table = Table {
    groups: &[
        (
            Applies,
            &[
                ("abortonclose", BE),
                ("allbackups", BE),
                ("clitcpka", FE),
                ("dontlog-normal", FE),
                ("dontlognull", FE),
                ("external-check", BE),
                ("httpchk", BE),
                ("independent-streams", ANY),
                ("ldap-check", BE),
                ("log-health-checks", BE),
                ("log-separate-errors", FE),
                ("logasap", FE),
                ("mysql-check", BE),
                ("nolinger", ANY),
                ("pgsql-check", BE),
                ("redis-check", BE),
                ("redispatch", BE),
                ("smtpchk", BE),
                ("persist", BE),
                ("socket-stats", FE),
                ("srvtcpka", BE),
                ("ssl-hello-chk", BE),
                ("tcp-check", BE),
                ("tcp-smart-accept", FE),
                ("tcp-smart-connect", BE),
                ("tcpka", ANY),
                ("tcplog", FE),
                ("transparent", BE),
            ],
        ),
        (
            Moot("the data path chooses between copying and splicing by itself"),
            &[("splice-auto", ANY), ("splice-request", ANY), ("splice-response", ANY)],
        ),
        (
            Http,
            &[
                ("h1-case-adjust-bogus-client", FE),
                ("h1-case-adjust-bogus-server", BE),
                ("http-keep-alive", ANY),
                ("http-server-close", ANY),
                ("httpclose", ANY),
            ],
        ),
        (Moot("counters are always current"), &[("contstats", FE)]),
        (
            Http,
            &[
                ("accept-invalid-http-request", FE),
                ("accept-invalid-http-response", BE),
                ("checkcache", BE),
                ("disable-h2-upgrade", FE),
                ("forceclose", ANY),
                ("forwarded", BE),
                ("forwardfor", ANY),
                ("http-buffer-request", ANY),
                ("http-ignore-probes", FE),
                ("http-no-delay", ANY),
                ("http-pretend-keepalive", BE),
                ("http-restrict-req-hdr-names", ANY),
                ("http-tunnel", ANY),
                ("http-use-htx", ANY),
                ("http-use-proxy-header", FE),
                ("httplog", FE),
                ("httpslog", FE),
                ("idle-close-on-response", FE),
                ("originalto", ANY),
                ("prefer-last-server", BE),
            ],
        ),
        (
            Refused(
                "servers would pass without it; write 'option tcp-check' with rules, or remove the line \
                 to check that a connection succeeds",
            ),
            &[("spop-check", BE)],
        ),
        (
            Refused("where a client wants to go is not read from what it sends"),
            &[("http_proxy", ANY)],
        ),
        (Moot("buffers and pools are sized by need"), &[("use-small-buffers", ANY)]),
    ],
};
