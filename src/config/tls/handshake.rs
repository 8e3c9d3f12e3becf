//! The two configurations of rustls, made of what was read.

use std::sync::Arc;

use rustls::client::danger::ServerCertVerifier;
use rustls::client::{ClientSessionMemoryCache, Resumption as ClientResumption};
use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::server::{
    ProducesTickets, ResolvesServerCert, ResolvesServerCertUsingSni, ServerSessionMemoryCache,
    StoresServerSessions,
};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, ServerConfig};

use super::clients::ClientTrust;
use super::trust::ServerTrust;
use super::{Offer, Trust};
use crate::config::model::{Lookups, TlsWords, Verify};

/// Sessions that a listening socket remembers for clients without tickets.
const SESSIONS_MAX: usize = 4096;

/// Sessions that are remembered of one server; all go to it under few names.
const SERVER_SESSIONS_MAX: usize = 64;

/// What lets clients resume sessions, shared by the certificates of one socket that ask the same of
/// clients: a session begun under one of them may be resumed under another.
#[derive(Clone)]
pub(in crate::config) struct Resumption {
    tickets: Option<Arc<dyn ProducesTickets>>,
    sessions: Arc<dyn StoresServerSessions>,
}

impl Resumption {
    /// # Errors
    /// There is no randomness for the keys of tickets.
    pub(in crate::config) fn new(words: &TlsWords, lookups: &Arc<Lookups>) -> Result<Self, String> {
        let tickets = if words.resume {
            let ticketer = Ticketer::new();
            Some(ticketer.map_err(|error| format!("cannot make keys for tickets: {error}"))?)
        } else {
            None
        };
        let sessions = ServerSessionMemoryCache::new(SESSIONS_MAX);
        let sessions = Arc::new(Counted { sessions, lookups: Arc::clone(lookups) });
        Ok(Self { tickets, sessions })
    }
}

/// Sessions, and how often they are asked for.
#[derive(Debug)]
struct Counted {
    sessions: Arc<dyn StoresServerSessions>,
    lookups: Arc<Lookups>,
}

impl StoresServerSessions for Counted {
    fn put(&self, key: Vec<u8>, value: Vec<u8>) -> bool {
        self.sessions.put(key, value)
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        let found = self.sessions.get(key);
        self.lookups.note(found.is_some());
        found
    }

    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        let found = self.sessions.take(key);
        self.lookups.note(found.is_some());
        found
    }

    fn can_cache(&self) -> bool {
        self.sessions.can_cache()
    }
}

/// What a listening socket does with one certificate; without one no handshake comes to its end.
///
/// # Errors
/// What was offered does not fit together.
pub(in crate::config) fn server_config(
    words: &TlsWords,
    offer: &Offer,
    trust: Option<&Arc<Trust>>,
    key: Option<&Arc<CertifiedKey>>,
    resumption: &Resumption,
) -> Result<ServerConfig, String> {
    let builder = ServerConfig::builder_with_provider(Arc::clone(&offer.provider))
        .with_protocol_versions(&offer.versions)
        .map_err(|error| error.to_string())?;
    let builder = match trust {
        Some(trust) if words.verify != Verify::None => {
            let mandatory = words.verify == Verify::Required;
            let verifier = ClientTrust::new(trust, mandatory, words);
            builder.with_client_cert_verifier(Arc::new(verifier))
        }
        _ => builder.with_no_client_auth(),
    };
    let resolver: Arc<dyn ResolvesServerCert> = match key {
        Some(key) => Arc::new(SingleCertAndKey::from(Arc::clone(key))),
        None => Arc::new(ResolvesServerCertUsingSni::new()),
    };
    let mut config = builder.with_cert_resolver(resolver);
    config.ignore_client_order = !words.prefer_client_ciphers;
    config.session_storage = Arc::clone(&resumption.sessions);
    match &resumption.tickets {
        Some(tickets) => config.ticketer = Arc::clone(tickets),
        None => config.send_tls13_tickets = 0,
    }
    config.alpn_protocols = protocols(words.alpn.as_deref());
    Ok(config)
}

/// What is done with a server, and who judges it.
///
/// # Errors
/// What was offered does not fit together.
pub(in crate::config) fn client_config(
    words: &TlsWords,
    offer: &Offer,
    trust: Option<Arc<Trust>>,
    key: Option<Arc<CertifiedKey>>,
) -> Result<(ClientConfig, Arc<dyn ServerCertVerifier>), String> {
    let verifier = ServerTrust::new(trust, &offer.provider, words.verify_host.clone());
    let verifier: Arc<dyn ServerCertVerifier> = Arc::new(verifier);
    let builder = ClientConfig::builder_with_provider(Arc::clone(&offer.provider))
        .with_protocol_versions(&offer.versions)
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(&verifier));
    let mut config = match key {
        Some(key) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(key))),
        None => builder.with_no_client_auth(),
    };
    config.resumption = if words.resume {
        ClientResumption::store(Arc::new(ClientSessionMemoryCache::new(SERVER_SESSIONS_MAX)))
    } else {
        ClientResumption::disabled()
    };
    config.alpn_protocols = protocols(words.alpn.as_deref());
    Ok((config, verifier))
}

/// `h2,http/1.1`
fn protocols(list: Option<&str>) -> Vec<Vec<u8>> {
    let words = list.into_iter().flat_map(|list| list.split(','));
    words.filter(|word| !word.is_empty()).map(|word| word.as_bytes().to_vec()).collect()
}
