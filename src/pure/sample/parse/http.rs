//! Names of fetches that need a message of HTTP.

use super::super::fetch::{FACTS, Row};
use super::super::stage::Class;
use super::super::value::Kind;

/// Fetches that need a message of HTTP. HAProxy knows them, and they tell nothing of bytes.
const HTTP: [&str; 27] = [
    "base",
    "base32",
    "base32+src",
    "baseq",
    "capture.req.hdr",
    "capture.req.method",
    "capture.req.uri",
    "capture.req.ver",
    "capture.res.hdr",
    "capture.res.ver",
    "http_first_req",
    "method",
    "path",
    "pathq",
    "query",
    "req.ver",
    "req_ver",
    "res.ver",
    "resp_ver",
    "status",
    "url",
    "url32",
    "url32+src",
    "url_ip",
    "url_port",
    "set-cookie",
    "unique_id",
];
const HTTP_PREFIXES: [&str; 17] = [
    "req.hdr",
    "req.fhdr",
    "req.cook",
    "req.body",
    "res.hdr",
    "res.fhdr",
    "res.cook",
    "res.body",
    "hdr",
    "shdr",
    "cook",
    "scook",
    "http_auth",
    "path_",
    "url_",
    "urlp",
    "res.cache",
];

/// Whether `name` is a fetch that only HTTP has.
#[must_use]
pub fn is_http(name: &str) -> bool {
    HTTP.contains(&name) || HTTP_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Other names of what a request is asked.
const ALIASES: [(&str, &str); 8] = [
    ("hdr", "req.hdr"),
    ("hdr_cnt", "req.hdr_cnt"),
    ("hdr_ip", "req.hdr_ip"),
    ("hdr_val", "req.hdr_val"),
    ("cook", "req.cook"),
    ("url_param", "urlp"),
    ("req_ver", "req.ver"),
    ("http_req_ver", "req.ver"),
];

/// What a request is asked under `name`.
pub(super) fn row(name: &str) -> Option<&'static Row> {
    let name = ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name, |row| row.1);
    FACTS.iter().find(|row| row.class == Class::Http && row.name == name)
}

/// Whether `name` is a text of requests: tests may compare parts of it, as `path_beg` does.
pub(in crate::pure) fn is_text(name: &str) -> bool {
    row(name).is_some_and(|row| row.kind == Kind::Str)
}
