//! Sections that are known and have little effect or none.

use super::Effect::{Applies, Ignored, Refused};
use super::Table;

const HTTP: super::Effect = Ignored("it is about HTTP");

/// Keywords that open a section which is not heeded, or only by some proxies.
pub static SECTIONS: Table = Table {
    groups: &[
        (Applies, &[("http-errors", 0)]),
        (HTTP, &[("cache", 0), ("fcgi-app", 0)]),
        (Ignored("programs are not started: run them as services of their own"), &[("program", 0)]),
        (Ignored("nothing is mailed"), &[("mailers", 0)]),
        (Ignored("network namespaces are not entered"), &[("namespace_list", 0)]),
        (Ignored("certificates are not fetched"), &[("acme", 0)]),
        (Ignored("no log line is written by it"), &[("log-profile", 0)]),
        (Ignored("nothing is traced"), &[("traces", 0)]),
        (Refused("log lines of others are not passed on"), &[("log-forward", 0)]),
    ],
};
