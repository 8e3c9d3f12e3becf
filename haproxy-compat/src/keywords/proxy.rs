//! Keywords of `defaults`, `frontend`, `backend` and `listen`.

use super::Effect::{Applies, Gone, Http, Ignored, Moot, Refused};
use super::Table;
use super::place::{BACKEND, DEFAULTS, FRONTEND, LISTEN};

const D_F: u8 = DEFAULTS | FRONTEND | LISTEN;
const D_B: u8 = DEFAULTS | BACKEND | LISTEN;
const ANY: u8 = DEFAULTS | FRONTEND | BACKEND | LISTEN;
const F_B: u8 = FRONTEND | BACKEND | LISTEN;
const F: u8 = FRONTEND | LISTEN;
const B: u8 = BACKEND | LISTEN;

/// Keywords of `defaults`, `frontend`, `backend` and `listen`.
pub static PROXY: Table = Table {
    groups: &[
        (
            Applies,
            &[
                ("acl", ANY),
                ("backlog", D_F),
                ("balance", D_B),
                ("bind", F),
                ("clitcpka-cnt", D_F),
                ("clitcpka-idle", D_F),
                ("clitcpka-intvl", D_F),
                ("default-server", D_B),
                ("external-check", D_B),
                ("default_backend", D_F),
                ("disabled", ANY),
                ("enabled", ANY),
                ("force-persist", B),
                ("fullconn", D_B),
                ("hash-balance-factor", D_B),
                ("hash-preserve-affinity", D_B),
                ("hash-type", D_B),
                ("http-check", D_B),
                ("id", F_B),
                ("ignore-persist", B),
                ("log", ANY),
                ("maxconn", D_F),
                ("mode", ANY),
                ("option", ANY),
                ("rate-limit", D_F),
                ("retries", D_B),
                ("server", B),
                ("server-template", B),
                ("source", D_B),
                ("srvtcpka-cnt", D_B),
                ("srvtcpka-idle", D_B),
                ("srvtcpka-intvl", D_B),
                ("tcp-check", D_B),
                ("tcp-request", ANY),
                ("tcp-response", ANY),
                ("timeout", ANY),
                ("use-server", B),
                ("use_backend", F),
            ],
        ),
        (
            Moot("nothing here shows or needs it"),
            &[("bind-process", ANY), ("declare", F), ("description", ANY), ("guid", F_B)],
        ),
        (Ignored("nothing is mailed"), &[("email-alert", ANY)]),
        (
            Ignored("log lines keep the format of 'option tcplog'"),
            &[
                ("error-log-format", D_F),
                ("log-format", D_F),
                ("log-format-sd", D_F),
                ("unique-id-format", D_F),
                ("unique-id-header", D_F),
            ],
        ),
        (Ignored("all log lines have the tag of 'global'"), &[("log-tag", ANY)]),
        (
            Ignored("server states live on in the process over a reload, not in a file"),
            &[("load-server-state-from-file", D_B), ("server-state-file-name", D_B)],
        ),
        (
            Http,
            &[
                ("capture", F),
                ("compression", ANY),
                ("cookie", D_B),
                ("dynamic-cookie-key", D_B),
                ("errorfile", ANY),
                ("errorfiles", ANY),
                ("errorloc", ANY),
                ("errorloc302", ANY),
                ("errorloc303", ANY),
                ("http-after-response", ANY),
                ("http-error", ANY),
                ("http-request", ANY),
                ("http-response", ANY),
                ("http-reuse", D_B),
                ("http-send-name-header", D_B),
                ("max-keep-alive-queue", D_B),
                ("max-session-srv-conns", D_F),
                ("monitor", F),
                ("monitor-uri", D_F),
                ("redirect", F_B),
                ("retry-on", D_B),
                ("stats", ANY),
                ("use-fcgi-app", B),
            ],
        ),
        (Refused("clients go where the rules send them first"), &[("force-be-switch", F)]),
        (
            Refused(
                "stick tables are not there yet; 'balance source' keeps a client with its server",
            ),
            &[("persist", D_B), ("stick", B), ("stick-table", F_B)],
        ),
        (Refused("a single address belongs on a 'server' line"), &[("dispatch", D_B)]),
        (Refused("sessions would not be shaped"), &[("filter", F_B)]),
        (Gone("write 'timeout client'"), &[("clitimeout", D_F)]),
        (Gone("write 'timeout connect'"), &[("contimeout", D_B)]),
        (Gone("write 'timeout server'"), &[("srvtimeout", D_B)]),
        (Gone("write 'option redispatch'"), &[("redisp", D_B), ("redispatch", D_B)]),
        (Gone("write 'grace' in 'global'"), &[("grace", ANY)]),
        (Gone("remove it"), &[("appsession", D_B), ("monitor-net", D_F)]),
        (
            Gone(
                "it is about HTTP: remove it, or write the 'http-request' or 'http-response' rule",
            ),
            &[
                ("block", F_B),
                ("reqadd", ANY),
                ("reqallow", ANY),
                ("reqdel", ANY),
                ("reqdeny", ANY),
                ("reqiallow", ANY),
                ("reqidel", ANY),
                ("reqideny", ANY),
                ("reqipass", ANY),
                ("reqirep", ANY),
                ("reqitarpit", ANY),
                ("reqpass", ANY),
                ("reqrep", ANY),
                ("reqtarpit", ANY),
                ("rspadd", ANY),
                ("rspdel", ANY),
                ("rspdeny", ANY),
                ("rspidel", ANY),
                ("rspideny", ANY),
                ("rspirep", ANY),
                ("rsprep", ANY),
            ],
        ),
    ],
};
