//! The PROXY header: what is said to a server of its client, and what was said to us.
//!
//! Extensions are made for servers that ask for them only, and kept of headers that bring any.

use super::Session;
use crate::config::model::{self, ProxyHeader, ProxyV2Options};
use crate::pure::sample::{Arg, Fact};
use crate::pure::tls::facts::Ends;
use crate::pure::wire::proxy::Endpoints;
use crate::pure::wire::proxy_v2::{self, Checksum, Ssl, Tlv, Tlvs, kind};
use crate::pure::wire::{proxy_v1, x509};

impl Session {
    /// The bytes that `server` wants before the client's.
    pub(super) fn proxy_header(&self, server: &model::Server) -> Vec<u8> {
        let addresses = self.running.source().zip(self.running.destination());
        let endpoints = addresses.map_or(Endpoints::Own, |(src, dst)| Endpoints::Tcp { src, dst });
        match server.send_proxy {
            None => Vec::new(),
            Some(ProxyHeader::V1) => proxy_v1::encode(&endpoints),
            Some(version) => self.header_v2(&endpoints, version, server),
        }
    }

    fn header_v2(
        &self,
        endpoints: &Endpoints<'_>,
        version: ProxyHeader,
        server: &model::Server,
    ) -> Vec<u8> {
        let mut options = server.socket.proxy_v2;
        options.ssl |= version != ProxyHeader::V2;
        options.cert_cn |= version == ProxyHeader::V2SslCn;
        let view = self.view(&self.route.patterns, None, true);
        let custom: Vec<_> =
            server.proxy_tlvs.iter().map(|tlv| (tlv.kind, self.fill(&tlv.format, &view))).collect();
        let custom: Vec<_> =
            custom.iter().map(|(kind, text)| Tlv { kind: *kind, value: text.as_bytes() }).collect();
        let tls = self.client.tls();
        let alpn = tls.and_then(|facts| facts.alpn.as_deref());
        let authority = options.authority.then(|| {
            let received = self.received_tlv(kind::AUTHORITY);
            received.or_else(|| tls?.sni.as_deref().map(str::as_bytes))
        });
        let unique_id =
            options.unique_id.then(|| self.unique_id().map(str::as_bytes).unwrap_or_default());
        let ssl = options.ssl.then(|| self.ssl(options));
        let of = |kind, value: Option<_>| value.map(|value| Tlv { kind, value });
        let known = [
            of(kind::ALPN, alpn),
            of(kind::AUTHORITY, authority.flatten()),
            of(kind::UNIQUE_ID, unique_id),
            of(kind::SSL, ssl.as_deref()),
        ];
        let known: Vec<Tlv<'_>> = known.into_iter().flatten().collect();
        let checksum = if options.crc32c { Checksum::Crc32c } else { Checksum::Absent };
        // What does not fit is what an operator made up; the rest always does.
        proxy_v2::encode(endpoints, &custom, checksum, &known)
            .or_else(|_| proxy_v2::encode(endpoints, &[], checksum, &known))
            .unwrap_or_default()
    }

    /// What is known of the client's TLS session, as far as `options` ask for it.
    fn ssl(&self, options: ProxyV2Options) -> Vec<u8> {
        let Some(facts) = self.client.tls() else {
            // No bit is set, and no certificate failed.
            return proxy_v2::encode_ssl(0, 0, &[]).unwrap_or_default();
        };
        let mut client = Ssl::USED;
        if facts.peer_certificate.is_some() {
            client |= Ssl::CERT_SESSION;
            client |= if facts.resumed { 0 } else { Ssl::CERT_CONNECTION };
        }
        let shown = self.client.shown_certificate();
        let ends = Ends { client: Some(facts), ..Ends::default() };
        let name = options.cert_cn.then(|| {
            let name = ends.sample(Fact::SslCSDn, &[Arg::Text("CN".to_owned())]);
            name.map(|name| name.into_bytes())
        });
        let name = name.flatten();
        let key = shown.filter(|_| options.cert_key).and_then(x509::key::key);
        let signature = shown.filter(|_| options.cert_sig).and_then(x509::key::signature);
        let of = |kind, value: Option<_>| value.map(|value| Tlv { kind, value });
        let tlvs = [
            of(kind::SSL_VERSION, Some(facts.version.as_bytes())),
            of(kind::SSL_CN, name.as_deref()),
            of(kind::SSL_KEY_ALG, key.as_deref().map(str::as_bytes)),
            of(kind::SSL_SIG_ALG, signature.map(str::as_bytes)),
            of(kind::SSL_CIPHER, options.ssl_cipher.then(|| facts.cipher().as_bytes())),
        ];
        let tlvs: Vec<Tlv<'_>> = tlvs.into_iter().flatten().collect();
        // Who got this far was verified where that was asked for.
        proxy_v2::encode_ssl(client, 0, &tlvs).unwrap_or_default()
    }

    /// The extensions of the header that the client's connection began with.
    pub(super) fn received_tlvs(&self) -> Tlvs<'_> {
        let wire = self.ruled.wire.get();
        wire.and_then(|wire| wire.received_tlvs.as_deref()).map_or(Tlvs::EMPTY, Tlvs::new)
    }

    /// The last of them with this type: HAProxy's choice for those it knows by name.
    pub(super) fn received_tlv(&self, kind: u8) -> Option<&[u8]> {
        self.received_tlvs().filter(|tlv| tlv.kind == kind).last().map(|tlv| tlv.value)
    }
}
