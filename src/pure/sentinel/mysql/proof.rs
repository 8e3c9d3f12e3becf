//! How an account of MySQL or MariaDB proves its password.
//!
//! A server names a *plugin* and sends a challenge, in its greeting or when it asks to switch. The
//! scrambles are `mysql_common`'s; the password itself leaves only under TLS, or encrypted with the
//! key that the server sends (`caching_sha2_password`, `sha256_password`).

use aws_lc_rs::rsa::{OAEP_SHA1_MGF1SHA1, OaepPublicEncryptingKey, PublicEncryptingKey};
use mysql_common::auth::plugins::caching_sha2_password::scramble_sha256;
use mysql_common::auth::plugins::client_ed25519::ClientEd25519;
use mysql_common::auth::plugins::mysql_native_password::scramble_native;
use mysql_common::auth::plugins::{ChallengeResponsePlugin as _, Context};
use rustls_pki_types::SubjectPublicKeyInfoDer;
use rustls_pki_types::pem::PemObject as _;

use super::super::Fault;

/// Bytes of a challenge.
const NONCE_BYTES: usize = 20;

/// `caching_sha2_password`: the server has the password in its cache.
const FAST: u8 = 3;
/// ... and the server wants the password itself.
const FULL: u8 = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plugin {
    Native,
    CachingSha2,
    Sha256,
    Ed25519,
    Clear,
}

const PLUGINS: [(&str, Plugin); 5] = [
    ("mysql_native_password", Plugin::Native),
    ("caching_sha2_password", Plugin::CachingSha2),
    ("sha256_password", Plugin::Sha256),
    ("client_ed25519", Plugin::Ed25519),
    ("mysql_clear_password", Plugin::Clear),
];

/// A proof under way.
pub(super) struct Proof {
    plugin: Plugin,
    nonce: Vec<u8>,
    /// The server was asked for its key.
    awaits_key: bool,
}

/// The secret, as the library asks for it.
struct Password<'a>(&'a [u8]);

impl Context for Password<'_> {
    fn pass(&self) -> &[u8] {
        self.0
    }

    fn is_ipc_transport(&self) -> bool {
        false
    }

    fn is_tls_transport(&self) -> bool {
        false
    }

    fn scramble(&self) -> &[u8] {
        &[]
    }

    fn server_key_pem(&self) -> Option<&[u8]> {
        None
    }
}

impl Proof {
    /// By the plugin of this name; `None` where it is not known here.
    pub(super) fn new(name: &[u8], challenge: &[u8]) -> Option<Self> {
        let &(_, plugin) = PLUGINS.iter().find(|(known, _)| known.as_bytes() == name)?;
        // Challenges of 20 bytes are sent with a zero behind them.
        let nonce = match challenge {
            [nonce @ .., 0] if nonce.len() == NONCE_BYTES => nonce,
            nonce => nonce,
        };
        Some(Self { plugin, nonce: nonce.to_vec(), awaits_key: false })
    }

    /// Its name on the wire.
    pub(super) fn name(&self) -> &'static str {
        PLUGINS.iter().find(|(_, plugin)| *plugin == self.plugin).map_or("", |(name, _)| name)
    }

    /// What proves `password` at first.
    pub(super) fn begin(&mut self, password: &str, tls: bool) -> Result<Vec<u8>, Fault> {
        let odd = || Fault::nonsense("the server's challenge has a wrong length");
        let secret = password.as_bytes();
        match self.plugin {
            Plugin::Native => {
                let nonce: &[u8; NONCE_BYTES] = self.nonce[..].try_into().map_err(|_| odd())?;
                Ok(scramble_native(nonce, secret).map(Vec::from).unwrap_or_default())
            }
            Plugin::CachingSha2 => {
                let nonce: &[u8; NONCE_BYTES] = self.nonce[..].try_into().map_err(|_| odd())?;
                Ok(scramble_sha256(nonce, secret).map(Vec::from).unwrap_or_default())
            }
            Plugin::Ed25519 => {
                let proof = ClientEd25519::default().run(Password(secret), &self.nonce);
                Ok(proof.map_err(|_| odd())?.data().unwrap_or_default().to_vec())
            }
            Plugin::Sha256 if secret.is_empty() => Ok(Vec::new()),
            Plugin::Sha256 if !tls => {
                self.awaits_key = true;
                Ok(vec![1])
            }
            Plugin::Sha256 | Plugin::Clear if tls => Ok(zero_ended(secret)),
            Plugin::Sha256 | Plugin::Clear => Err(Fault::nonsense(
                "the server asks for the password in clear text, which is sent by TLS only",
            )),
        }
    }

    /// What follows from more that the server says; `None`: nothing is to be sent.
    pub(super) fn go_on(
        &mut self,
        more: &[u8],
        password: &str,
        tls: bool,
    ) -> Result<Option<Vec<u8>>, Fault> {
        let secret = password.as_bytes();
        match (self.plugin, more) {
            (_, key) if std::mem::take(&mut self.awaits_key) => {
                let hidden = encrypt(&zero_ended(secret), &self.nonce, key);
                hidden.map(Some).ok_or_else(|| Fault::nonsense("the server's key is none"))
            }
            (Plugin::CachingSha2, [FAST]) => Ok(None),
            (Plugin::CachingSha2, [FULL]) if tls => Ok(Some(zero_ended(secret))),
            (Plugin::CachingSha2, [FULL]) => {
                self.awaits_key = true;
                Ok(Some(vec![2]))
            }
            _ => Err(Fault::nonsense("the server asks for a proof that is not known here")),
        }
    }
}

fn zero_ended(secret: &[u8]) -> Vec<u8> {
    [secret, b"\0"].concat()
}

/// `secret` under the nonce and a server's key (PEM). `None` where one of the two cannot be.
fn encrypt(secret: &[u8], nonce: &[u8], pem: &[u8]) -> Option<Vec<u8>> {
    if nonce.is_empty() {
        return None;
    }
    let hidden: Vec<u8> = secret.iter().zip(nonce.iter().cycle()).map(|(s, n)| s ^ n).collect();
    let der = SubjectPublicKeyInfoDer::from_pem_slice(pem).ok()?;
    let key = PublicEncryptingKey::from_der(der.as_ref()).ok()?;
    let key = OaepPublicEncryptingKey::new(key).ok()?;
    let mut encrypted = vec![0; key.ciphertext_size()];
    let encrypted = key.encrypt(&OAEP_SHA1_MGF1SHA1, &hidden, &mut encrypted, None).ok()?;
    Some(encrypted.to_vec())
}
