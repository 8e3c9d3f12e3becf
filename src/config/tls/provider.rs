//! What is offered in a handshake: versions, suites and groups.

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, SupportedKxGroup, aws_lc_rs};
use rustls::version::{TLS12, TLS13};
use rustls::{NamedGroup, SupportedCipherSuite, SupportedProtocolVersion};

use crate::config::model::{TlsWords, Versions};
use crate::pure::tls::ciphers::{self, SUITES, Suite};

/// OpenSSL's names of groups.
const GROUPS: [(&str, NamedGroup); 12] = [
    ("X25519", NamedGroup::X25519),
    ("x25519", NamedGroup::X25519),
    ("P-256", NamedGroup::secp256r1),
    ("prime256v1", NamedGroup::secp256r1),
    ("secp256r1", NamedGroup::secp256r1),
    ("P-384", NamedGroup::secp384r1),
    ("secp384r1", NamedGroup::secp384r1),
    ("P-521", NamedGroup::secp521r1),
    ("secp521r1", NamedGroup::secp521r1),
    ("X25519MLKEM768", NamedGroup::X25519MLKEM768),
    ("SecP256r1MLKEM768", NamedGroup::secp256r1MLKEM768),
    ("MLKEM768", NamedGroup::MLKEM768),
];

/// What is offered.
#[derive(Clone)]
pub(in crate::config) struct Offer {
    /// Suites and groups.
    pub(in crate::config) provider: Arc<CryptoProvider>,
    /// Versions.
    pub(in crate::config) versions: Vec<&'static SupportedProtocolVersion>,
    /// Words that name what there is not here: a key and the word.
    pub(in crate::config) unknown: Vec<(&'static str, String)>,
}

/// What `words` offer.
///
/// # Errors
/// The key of whose value nothing is left, or that leaves nothing of the others.
pub(in crate::config) fn offer(words: &TlsWords) -> Result<Offer, (&'static str, String)> {
    let mut unknown = Vec::new();
    let mut suites = Vec::new();
    let versions = match words.versions {
        Versions::Both => vec![&TLS13, &TLS12],
        Versions::Tls12 => vec![&TLS12],
        Versions::Tls13 => vec![&TLS13],
    };
    let lists = [
        ("ciphersuites", &words.ciphersuites, &TLS13, true),
        ("ciphers", &words.ciphers, &TLS12, false),
    ];
    for (key, list, version, tls13) in lists {
        // Which key a client is shown depends on these: none of a version that is not spoken.
        let is_spoken = versions.contains(&version);
        let Some(list) = list else {
            suites.extend(SUITES.iter().filter(|suite| is_spoken && suite.is_tls13() == tls13));
            continue;
        };
        let chosen = if tls13 { ciphers::choose_tls13(list) } else { ciphers::choose(list) };
        if chosen.suites.is_empty() && is_spoken {
            return Err((key, format!("no cipher suite of '{list}' is known here")));
        }
        unknown.extend(chosen.unknown.into_iter().map(|word| (key, word)));
        suites.extend(chosen.suites.into_iter().filter(|_| is_spoken));
    }
    let provider = aws_lc_rs::default_provider();
    let groups = match &words.curves {
        None => provider.kx_groups.clone(),
        Some(list) => groups(list, &mut unknown)?,
    };
    let cipher_suites = suites.into_iter().filter_map(supported).collect();
    let provider = CryptoProvider { cipher_suites, kx_groups: groups, ..provider };
    Ok(Offer { provider: Arc::new(provider), versions, unknown })
}

fn supported(suite: &Suite) -> Option<SupportedCipherSuite> {
    let all = aws_lc_rs::ALL_CIPHER_SUITES.iter();
    all.copied().find(|known| u16::from(known.suite()) == suite.code)
}

fn groups(
    list: &str,
    unknown: &mut Vec<(&'static str, String)>,
) -> Result<Vec<&'static dyn SupportedKxGroup>, (&'static str, String)> {
    let mut groups = Vec::new();
    for word in list.split([':', ',']).filter(|word| !word.is_empty()) {
        let named = GROUPS.iter().find(|(name, _)| *name == word).map(|(_, group)| *group);
        let known =
            named.and_then(|name| aws_lc_rs::ALL_KX_GROUPS.iter().find(|g| g.name() == name));
        match known {
            Some(group) => groups.push(*group),
            None => unknown.push(("curves", word.to_owned())),
        }
    }
    if groups.is_empty() {
        return Err(("curves", format!("no group of '{list}' is known here")));
    }
    Ok(groups)
}
