//! Pure: options of sockets as TOML.

use super::text::{Pairs, list, quote};
use crate::config::model::{BindSocket, ProxyV2Options, ServerSocket};
use crate::config::validate::source_text;

pub(super) fn bind_socket(pairs: &mut Pairs, socket: &BindSocket) {
    let BindSocket { mss, tfo, defer_accept, cc, namespace, transparent, netscaler_cip } = socket;
    pairs.maybe("mss", *mss);
    pairs.flag("tfo", *tfo);
    pairs.flag("defer_accept", *defer_accept);
    pairs.maybe("cc", cc.as_ref().map(|cc| quote(cc)));
    pairs.maybe("namespace", namespace.as_ref().map(|name| quote(name)));
    pairs.flag("transparent", *transparent);
    pairs.maybe("netscaler_cip", *netscaler_cip);
}

pub(super) fn server_socket(pairs: &mut Pairs, socket: &ServerSocket) {
    let ServerSocket {
        source,
        cc,
        namespace,
        proxy_v2,
        pp2_never_send_local,
        socks4,
        check_via_socks4,
    } = socket;
    pairs.maybe("source", source.as_ref().map(|source| quote(&source_text(source))));
    pairs.maybe("cc", cc.as_ref().map(|cc| quote(cc)));
    pairs.maybe("namespace", namespace.as_ref().map(|name| quote(name)));
    pairs.maybe("socks4", socks4.map(|address| quote(&address.to_string())));
    pairs.flag("check_via_socks4", *check_via_socks4);
    pairs.flag("pp2_never_send_local", *pp2_never_send_local);
    let ProxyV2Options {
        crc32c,
        authority,
        unique_id,
        ssl,
        cert_cn,
        ssl_cipher,
        cert_sig,
        cert_key,
    } = *proxy_v2;
    let words = [
        ("crc32c", crc32c),
        ("authority", authority),
        ("unique-id", unique_id),
        ("ssl", ssl),
        ("cert-cn", cert_cn),
        ("ssl-cipher", ssl_cipher),
        ("cert-sig", cert_sig),
        ("cert-key", cert_key),
    ];
    let on = words.iter().filter(|(_, on)| *on).map(|(word, _)| quote(word));
    pairs.maybe("proxy_v2_options", list(&on.collect::<Vec<_>>()));
}
