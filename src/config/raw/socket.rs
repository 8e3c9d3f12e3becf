//! Options of sockets on either side, as written.

use haproxy_compat::span::Spanned;

use super::Field;

/// What a `bind` says of its sockets beside address, limits and owner.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BindSocket {
    /// `id`: an explicit number for statistics.
    pub id: Field<u64>,
    /// `mss`: negative numbers are subtracted from what the interface gives.
    pub mss: Field<i64>,
    /// `tfo`.
    pub tfo: Field<bool>,
    /// `defer-accept`.
    pub defer_accept: Field<bool>,
    /// `cc`: a congestion algorithm.
    pub cc: Field<String>,
    /// `namespace`: a network namespace.
    pub namespace: Field<String>,
    /// `transparent`.
    pub transparent: Field<bool>,
    /// `accept-netscaler-cip`: the number a header begins with.
    pub netscaler_cip: Field<i64>,
}

/// What a frontend says of its connections beside limits and timeouts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClientSide {
    /// `rate-limit sessions`; 0 counts as not written.
    pub rate_limit_sessions: Field<u64>,
    /// `option socket-stats`.
    pub socket_stats: Field<bool>,
    /// `option independent-streams`.
    pub independent_streams: Field<bool>,
    /// `option tcp-smart-accept`.
    pub tcp_smart_accept: Field<bool>,
}

/// What a backend says of its connections beside timeouts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServerSide {
    /// `option persist`.
    pub persist: Field<bool>,
    /// `option abortonclose`.
    pub abortonclose: Field<bool>,
    /// `option independent-streams`.
    pub independent_streams: Field<bool>,
    /// `option tcp-smart-connect`.
    pub tcp_smart_connect: Field<bool>,
    /// `persist rdp-cookie`: the cookie's name.
    pub persist_rdp_cookie: Field<String>,
    /// `dispatch`: where clients go without load balancing.
    pub dispatch: Field<String>,
    /// `option transparent`: clients go where they wanted to.
    pub transparent: Field<bool>,
}

/// What a `server` says of its connections.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServerSocket {
    /// `source`, all of its words: `10.0.0.1:1024-2047 usesrc clientip interface eth1`.
    pub source: Field<String>,
    /// `cc`: a congestion algorithm.
    pub cc: Field<String>,
    /// `namespace`: a network namespace.
    pub namespace: Field<String>,
    /// `proxy-v2-options`, words.
    pub proxy_v2_options: Vec<Spanned<String>>,
    /// `set-proxy-v2-tlv-fmt`: a type and a format each, `0xE1 %[src]`.
    pub proxy_v2_tlvs: Vec<Spanned<String>>,
    /// `socks4`: a proxy's address.
    pub socks4: Field<String>,
    /// `check-via-socks4`.
    pub check_via_socks4: Field<bool>,
    /// `pp2-never-send-local`.
    pub pp2_never_send_local: Field<bool>,
}
