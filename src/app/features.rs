//! What this program says it can do: to `feature()` in conditions and to readers of `-vv`, in
//! HAProxy's names, so that files and test suites that ask find what they need.

use haproxy_compat::cond::{Facts, Version};

use crate::config::model::CLAIMED_VERSION;

/// Files that ask which OpenSSL there is want to know what may be configured: as much as in this one.
const SSL_VERSION: &str = "3.0.0";

/// Every name that HAProxy 2.6 knows for what a TCP proxy may do, and whether that works here. What
/// is named after a library counts as there where its job is done: `OPENSSL` is TLS.
const FEATURES: [(&str, bool); 30] = [
    ("ACCEPT4", true),
    ("CLOSEFROM", false),
    ("CPU_AFFINITY", true),
    ("CRYPT_H", false),
    ("DL", false),
    ("ENGINE", false),
    ("EPOLL", true),
    ("EVPORTS", false),
    ("GETADDRINFO", true),
    ("KQUEUE", false),
    ("LIBCRYPT", false),
    ("LINUX_SPLICE", true),
    ("LINUX_TPROXY", true),
    ("LUA", false),
    ("NETFILTER", true),
    ("NS", true),
    ("OPENSSL", true),
    ("OT", false),
    ("PCRE", false),
    ("PCRE2", false),
    ("PRCTL", true),
    ("PROMEX", true),
    ("QUIC", false),
    ("RT", true),
    ("SLZ", false),
    ("SYSTEMD", true),
    ("TFO", true),
    ("THREAD", true),
    ("TPROXY", true),
    ("ZLIB", false),
];

/// What conditions in `haproxy.cfg` are answered from.
#[must_use]
pub fn facts() -> Facts {
    let enabled = ["POLL", "EPOLL", "SPLICE", "GETADDRINFO", "REUSEPORT"];
    let features = FEATURES.iter().filter(|(_, works)| *works);
    Facts {
        version: Version::parse(CLAIMED_VERSION),
        features: features.map(|(name, _)| (*name).to_owned()).collect(),
        enabled: enabled.map(str::to_owned).into(),
        ssl_library: Some(("OpenSSL".to_owned(), Version::parse(SSL_VERSION))),
    }
}

/// The list as `-vv` shows it: each name behind `+` or `-`.
#[must_use]
pub fn list() -> String {
    let shown = FEATURES.map(|(name, works)| format!("{}{name}", if works { '+' } else { '-' }));
    shown.join(" ")
}
