//! Pure: options of sockets on either side.

use std::net::SocketAddr;
use std::num::{NonZeroI32, NonZeroU32};

use haproxy_compat::span::Spanned;

use super::context::Context;
use super::frontend::is_on;
use crate::config::defaults::MSS_MAX_BYTES;
use crate::config::model::{BindSocket, ProxyTlv, ProxyV2Options, ServerSocket};
use crate::config::raw::{self, Field};
use crate::config::suggest::did_you_mean;
use crate::pure::wire::proxy_v2;

/// The words of `proxy_v2_options`.
const PROXY_V2_OPTIONS: [&str; 8] =
    ["ssl", "cert-cn", "ssl-cipher", "cert-sig", "cert-key", "authority", "crc32c", "unique-id"];

impl Context<'_> {
    pub(super) fn bind_socket(&mut self, raw: &raw::BindSocket) -> BindSocket {
        BindSocket {
            mss: self.mss(&raw.mss),
            tfo: is_on(&raw.tfo),
            defer_accept: is_on(&raw.defer_accept),
            cc: text(&raw.cc),
            namespace: self.namespace(&raw.namespace),
            transparent: is_on(&raw.transparent),
            netscaler_cip: self.netscaler_cip(&raw.netscaler_cip),
        }
    }

    pub(super) fn server_socket(&mut self, raw: &raw::ServerSocket) -> ServerSocket {
        ServerSocket {
            source: self.source(&raw.source),
            cc: text(&raw.cc),
            namespace: self.namespace(&raw.namespace),
            proxy_v2: self.proxy_v2_options(&raw.proxy_v2_options),
            socks4: raw.socks4.as_ref().and_then(|address| self.proxy_address(address)),
            check_via_socks4: is_on(&raw.check_via_socks4),
            pp2_never_send_local: is_on(&raw.pp2_never_send_local),
        }
    }

    /// Extensions of the PROXY header: a type and a format each.
    pub(super) fn proxy_tlvs(&mut self, raw: &raw::ServerSocket, what: &str) -> Vec<ProxyTlv> {
        let mut tlvs = Vec::new();
        for written in &raw.proxy_v2_tlvs {
            let (kind, format) = written.value.split_once(' ').unwrap_or((&written.value, ""));
            let Some(kind) = proxy_v2::kind::number(kind) else {
                let message = format!("proxy_v2_tlvs of {what}: '{kind}' is no type");
                self.report.alert(written.span, message);
                self.report.help("write a number from 0 to 255, such as 0xE1");
                continue;
            };
            let format = Spanned::new(format.to_owned(), written.span);
            let format = self.format("proxy_v2_tlvs", what, &format);
            tlvs.extend(format.map(|format| ProxyTlv { kind, format }));
        }
        tlvs
    }

    fn mss(&mut self, field: &Field<i64>) -> Option<NonZeroI32> {
        let field = field.as_ref()?;
        let mss = i32::try_from(field.value).ok().and_then(NonZeroI32::new);
        let known = mss.filter(|mss| mss.unsigned_abs().get() <= MSS_MAX_BYTES);
        if known.is_none() {
            self.report.alert(field.span, format!("mss: {} is out of range", field.value));
            self.report.help(format!("write 1 to {MSS_MAX_BYTES}, or how much less, negative"));
        }
        known
    }

    /// HAProxy takes the lower half of any number but 0.
    fn netscaler_cip(&mut self, field: &Field<i64>) -> Option<NonZeroU32> {
        let field = field.as_ref()?;
        let magic = NonZeroU32::new((field.value & i64::from(u32::MAX)).try_into().ok()?);
        if magic.is_none() {
            let message = format!("netscaler_cip: {} is no number of headers", field.value);
            self.report.alert(field.span, message);
            self.report.help("write the number that the NetScaler is configured with");
        }
        magic
    }

    fn proxy_address(&mut self, written: &Spanned<String>) -> Option<SocketAddr> {
        let address = self.socket_addr("socks4", written, 0)?;
        if address.port() == 0 {
            self.report.alert(written.span, format!("socks4: '{}' has no port", written.value));
            self.report.help("write an address such as '10.0.0.1:1080'");
        }
        Some(address)
    }

    /// A name of `ip netns`: one file name.
    fn namespace(&mut self, field: &Field<String>) -> Option<String> {
        let field = field.as_ref()?;
        let name = &field.value;
        if name == "*" {
            self.report.alert(field.span, "namespace: the namespace of the client is not known");
            self.report.help("name one of 'ip netns list'");
            return None;
        }
        if name.is_empty() || name.contains('/') || name.starts_with('.') {
            self.report.alert(field.span, format!("namespace: '{name}' is no name"));
            self.report.help("name one of 'ip netns list'");
            return None;
        }
        if let Err(why) = self.world.namespace(name) {
            self.refuse(field.span, why, Some("'ip netns add' makes one".to_owned()));
        }
        Some(name.clone())
    }

    fn proxy_v2_options(
        &mut self,
        words: &[haproxy_compat::span::Spanned<String>],
    ) -> ProxyV2Options {
        let mut options = ProxyV2Options::default();
        for word in words {
            match word.value.as_str() {
                "crc32c" => options.crc32c = true,
                "authority" => options.authority = true,
                "unique-id" => options.unique_id = true,
                "ssl" => options.ssl = true,
                "cert-cn" => options.cert_cn = true,
                "ssl-cipher" => options.ssl_cipher = true,
                "cert-sig" => options.cert_sig = true,
                "cert-key" => options.cert_key = true,
                unknown => {
                    let guess = did_you_mean(unknown, PROXY_V2_OPTIONS);
                    let message = format!("proxy_v2_options: '{unknown}' is unknown{guess}");
                    self.report.alert(word.span, message);
                }
            }
        }
        options.ssl |=
            options.cert_cn || options.ssl_cipher || options.cert_sig || options.cert_key;
        options
    }
}

fn text(field: &Field<String>) -> Option<String> {
    field.as_ref().map(|field| field.value.clone())
}
