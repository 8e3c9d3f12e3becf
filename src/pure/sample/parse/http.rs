//! Names of fetches that need a message of HTTP.

use super::super::fetch::{FACTS, Row};
use super::super::stage::Class;
use super::super::value::Kind;

/// Fetches of HTTP and of secrets that nothing here tells, with when HAProxy has them: they are read
/// so that files load, with a warning.
const UNTOLD: [(&str, Kind, Class); 92] = [
    ("base32", Kind::Int, Class::Request),
    ("base32+src", Kind::Bin, Class::Request),
    ("bc_http_major", Kind::Int, Class::Server),
    ("capture.req.hdr", Kind::Str, Class::Asked),
    ("capture.req.method", Kind::Str, Class::Asked),
    ("capture.req.uri", Kind::Str, Class::Asked),
    ("capture.req.ver", Kind::Str, Class::Asked),
    ("capture.res.hdr", Kind::Str, Class::Answered),
    ("capture.res.ver", Kind::Str, Class::Asked),
    ("cook_cnt", Kind::Int, Class::Request),
    ("cook_val", Kind::Int, Class::Request),
    ("cookie", Kind::Str, Class::Either),
    ("fcgi.docroot", Kind::Str, Class::Request),
    ("fcgi.index", Kind::Str, Class::Request),
    ("fe_req_rate", Kind::Int, Class::Internal),
    ("http_auth_bearer", Kind::Str, Class::Request),
    ("http_first_req", Kind::Bool, Class::Asked),
    ("internal.htx.data", Kind::Int, Class::Either),
    ("internal.htx.free", Kind::Int, Class::Either),
    ("internal.htx.free_data", Kind::Int, Class::Either),
    ("internal.htx.has_eom", Kind::Bool, Class::Either),
    ("internal.htx.nbblks", Kind::Int, Class::Either),
    ("internal.htx.size", Kind::Int, Class::Either),
    ("internal.htx.used", Kind::Int, Class::Either),
    ("method", Kind::Str, Class::Asked),
    ("req.body", Kind::Bin, Class::Request),
    ("req.body_len", Kind::Int, Class::Request),
    ("req.body_param", Kind::Bin, Class::Request),
    ("req.body_size", Kind::Int, Class::Request),
    ("req.cook_cnt", Kind::Int, Class::Request),
    ("req.cook_val", Kind::Int, Class::Request),
    ("req.fhdr_cnt", Kind::Int, Class::Request),
    ("req.hdr_names", Kind::Str, Class::Request),
    ("req.hdrs", Kind::Bin, Class::Request),
    ("req.hdrs_bin", Kind::Bin, Class::Request),
    ("res.body", Kind::Bin, Class::Response),
    ("res.body_len", Kind::Int, Class::Response),
    ("res.body_size", Kind::Int, Class::Response),
    ("res.cache_hit", Kind::Bool, Class::Answered),
    ("res.cache_name", Kind::Str, Class::Answered),
    ("res.comp", Kind::Bool, Class::Answered),
    ("res.comp_algo", Kind::Str, Class::Answered),
    ("res.cook", Kind::Str, Class::Response),
    ("res.cook_cnt", Kind::Int, Class::Response),
    ("res.cook_val", Kind::Int, Class::Response),
    ("res.fhdr", Kind::Str, Class::Response),
    ("res.fhdr_cnt", Kind::Int, Class::Response),
    ("res.hdr", Kind::Str, Class::Response),
    ("res.hdr_cnt", Kind::Int, Class::Response),
    ("res.hdr_ip", Kind::Addr, Class::Response),
    ("res.hdr_names", Kind::Str, Class::Response),
    ("res.hdr_val", Kind::Int, Class::Response),
    ("res.hdrs", Kind::Bin, Class::Response),
    ("res.hdrs_bin", Kind::Bin, Class::Response),
    ("res.ver", Kind::Str, Class::Response),
    ("resp_ver", Kind::Str, Class::Response),
    ("scook", Kind::Str, Class::Response),
    ("scook_cnt", Kind::Int, Class::Response),
    ("scook_val", Kind::Int, Class::Response),
    ("shdr", Kind::Str, Class::Response),
    ("shdr_cnt", Kind::Int, Class::Response),
    ("shdr_ip", Kind::Addr, Class::Response),
    ("shdr_val", Kind::Int, Class::Response),
    ("ssl_bc_client_random", Kind::Bin, Class::Server),
    ("ssl_bc_npn", Kind::Str, Class::Server),
    ("ssl_bc_server_random", Kind::Bin, Class::Server),
    ("ssl_bc_session_id", Kind::Bin, Class::Server),
    ("ssl_bc_session_key", Kind::Bin, Class::Server),
    ("ssl_bc_unique_id", Kind::Bin, Class::Server),
    ("ssl_fc_cipherlist_bin", Kind::Str, Class::Handshake),
    ("ssl_fc_cipherlist_hex", Kind::Bin, Class::Handshake),
    ("ssl_fc_cipherlist_str", Kind::Str, Class::Handshake),
    ("ssl_fc_cipherlist_xxh", Kind::Int, Class::Handshake),
    ("ssl_fc_client_early_traffic_secret", Kind::Str, Class::Handshake),
    ("ssl_fc_client_handshake_traffic_secret", Kind::Str, Class::Handshake),
    ("ssl_fc_client_random", Kind::Bin, Class::Handshake),
    ("ssl_fc_client_traffic_secret_0", Kind::Str, Class::Handshake),
    ("ssl_fc_early_exporter_secret", Kind::Str, Class::Handshake),
    ("ssl_fc_ecformats_bin", Kind::Bin, Class::Handshake),
    ("ssl_fc_eclist_bin", Kind::Bin, Class::Handshake),
    ("ssl_fc_exporter_secret", Kind::Str, Class::Handshake),
    ("ssl_fc_extlist_bin", Kind::Bin, Class::Handshake),
    ("ssl_fc_server_handshake_traffic_secret", Kind::Str, Class::Handshake),
    ("ssl_fc_server_random", Kind::Bin, Class::Handshake),
    ("ssl_fc_server_traffic_secret_0", Kind::Str, Class::Handshake),
    ("ssl_fc_session_key", Kind::Bin, Class::Handshake),
    ("status", Kind::Int, Class::Answered),
    ("url32", Kind::Int, Class::Request),
    ("url32+src", Kind::Bin, Class::Request),
    ("url_ip", Kind::Addr, Class::Request),
    ("url_port", Kind::Int, Class::Request),
    ("urlp_val", Kind::Int, Class::Request),
];

/// The kind and the class of what nothing here tells.
pub(super) fn untold(name: &str) -> Option<(Kind, Class)> {
    UNTOLD.iter().find(|row| row.0 == name).map(|row| (row.1, row.2))
}

/// Whether `name` is a fetch that only HTTP has.
pub(super) fn is_http(name: &str) -> bool {
    row(name).is_some()
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
    FACTS.iter().find(|row| row.fact.is_of_request() && row.name == name)
}

/// Whether `name` is a text of messages: tests may compare parts of it, as `path_beg` does.
pub(in crate::pure) fn is_text(name: &str) -> bool {
    matches!(name, "scook" | "shdr") || row(name).is_some_and(|row| row.kind == Kind::Str)
}
