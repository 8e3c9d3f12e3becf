//! Certificates and clients of TLS.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PKCS_RSA_SHA256, RsaKeySize,
};
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{
    CipherSuite, ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme,
    StreamOwned,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};

use super::client::Client;
use super::dir::TempDir;

/// An authority that signs the certificates of one scenario, and where they are written.
pub(crate) struct Authority {
    pub(crate) dir: TempDir,
    name: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        Self::valid(None)
    }

    /// An authority whose certificate ended in this year.
    pub(crate) fn ended(year: i32) -> Self {
        Self::valid(Some(year))
    }

    fn valid(until: Option<i32>) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "authority");
        if let Some(year) = until {
            params.not_after = rcgen::date_time_ymd(year, 1, 1);
        }
        let key = KeyPair::generate().unwrap();
        let dir = TempDir::new();
        dir.write("ca.pem", &params.self_signed(&key).unwrap().pem());
        Self { dir, name: "ca.pem".to_owned(), issuer: Issuer::new(params, key) }
    }

    /// The file of its certificate.
    pub(crate) fn ca(&self) -> String {
        self.path(&self.name)
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.dir.join(name).display().to_string()
    }

    /// Writes a certificate for `names` with its key; yields the path.
    pub(crate) fn issue(&self, file: &str, names: &[&str]) -> PathBuf {
        let (certificate, key) = self.sign(names);
        self.dir.write(file, &format!("{certificate}{key}"))
    }

    /// The same with an RSA key.
    pub(crate) fn issue_rsa(&self, file: &str, names: &[&str]) -> PathBuf {
        let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
        let (certificate, key) = self.sign_key(key, names);
        self.dir.write(file, &format!("{certificate}{key}"))
    }

    /// A certificate and its key, PEM.
    pub(crate) fn sign(&self, names: &[&str]) -> (String, String) {
        self.sign_key(KeyPair::generate().unwrap(), names)
    }

    fn sign_key(&self, key: KeyPair, names: &[&str]) -> (String, String) {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names.clone()).unwrap();
        params.distinguished_name.push(DnType::CommonName, names[0].as_str());
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }
}

/// What a client does in its handshake.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hello<'a> {
    pub(crate) name: &'a str,
    pub(crate) alpn: &'a [&'a str],
    /// A file with a certificate and its key.
    pub(crate) crt: Option<PathBuf>,
    pub(crate) versions: &'a [&'static rustls::SupportedProtocolVersion],
    /// The only suites it knows; empty: all.
    pub(crate) suites: &'a [CipherSuite],
    /// Made of the fields above, with what it remembers; clones share it.
    pub(crate) config: Option<Arc<ClientConfig>>,
}

impl Hello<'_> {
    fn config(&self) -> ClientConfig {
        let versions = if self.versions.is_empty() { rustls::ALL_VERSIONS } else { self.versions };
        let mut provider = aws_lc_rs::default_provider();
        let known = |suites: &[CipherSuite], one| suites.is_empty() || suites.contains(&one);
        provider.cipher_suites.retain(|suite| known(self.suites, suite.suite()));
        let builder = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(versions)
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anybody));
        let mut config = match &self.crt {
            Some(crt) => {
                let pem = std::fs::read(crt).unwrap();
                let chain = CertificateDer::pem_slice_iter(&pem).map(Result::unwrap).collect();
                let key = PrivateKeyDer::from_pem_slice(&pem).unwrap();
                let key = aws_lc_rs::sign::any_supported_type(&key).unwrap();
                // As it is: some are not what rustls itself would show.
                let shown = SingleCertAndKey::from(CertifiedKey::new(chain, key));
                builder.with_client_cert_resolver(Arc::new(shown))
            }
            None => builder.with_no_client_auth(),
        };
        config.resumption = Resumption::disabled();
        config.alpn_protocols = self.alpn.iter().map(|one| one.as_bytes().to_vec()).collect();
        config
    }

    /// Remembers sessions, to resume them.
    pub(crate) fn remembering(mut self, sessions: Resumption) -> Self {
        let mut config = self.config();
        config.resumption = sessions;
        self.config = Some(Arc::new(config));
        self
    }
}

/// A client over TLS that believes every certificate, with a time limit on every step.
pub(crate) struct TlsClient(pub(crate) StreamOwned<ClientConnection, TcpStream>);

impl TlsClient {
    /// Connects and shakes hands; the error is the handshake's.
    pub(crate) fn connect(addr: SocketAddr, hello: &Hello<'_>) -> std::io::Result<Self> {
        Self::over(Client::try_connect(addr)?.0, hello)
    }

    /// Shakes hands on a connection.
    pub(crate) fn over(socket: TcpStream, hello: &Hello<'_>) -> std::io::Result<Self> {
        let config = hello.config.clone().unwrap_or_else(|| Arc::new(hello.config()));
        let name = if hello.name.is_empty() { "192.0.2.1" } else { hello.name };
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let connection = ClientConnection::new(config, name).unwrap();
        let mut stream = StreamOwned::new(connection, socket);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(Self(stream))
    }

    /// Whether the other side lets this client in: in TLS 1.3 it says so only after the handshake.
    pub(crate) fn is_let_in(addr: SocketAddr, hello: &Hello<'_>) -> bool {
        let Ok(mut client) = Self::connect(addr, hello) else { return false };
        let mut byte = [0];
        client.0.write_all(b"x").is_ok() && client.0.read_exact(&mut byte).is_ok()
    }

    /// Sends `text` and expects the very same back.
    #[track_caller]
    pub(crate) fn ping(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).unwrap();
        let mut back = vec![0; text.len()];
        self.0.read_exact(&mut back).unwrap();
        assert_eq!(String::from_utf8_lossy(&back), text);
    }

    /// Says that nothing follows, and keeps reading.
    pub(crate) fn half_close(&mut self) {
        self.0.conn.send_close_notify();
        self.0.flush().unwrap();
        while self.0.conn.wants_write() {
            self.0.conn.write_tls(&mut self.0.sock).unwrap();
        }
        self.0.sock.shutdown(std::net::Shutdown::Write).unwrap();
    }

    /// The name in the server's certificate.
    pub(crate) fn certificate(&self) -> Vec<u8> {
        self.0.conn.peer_certificates().unwrap()[0].to_vec()
    }

    pub(crate) fn alpn(&self) -> Option<String> {
        let protocol = self.0.conn.alpn_protocol()?;
        Some(String::from_utf8_lossy(protocol).into_owned())
    }
}

/// The certificate in a file, DER.
pub(crate) fn der(path: &PathBuf) -> Vec<u8> {
    CertificateDer::from_pem_slice(&std::fs::read(path).unwrap()).unwrap().to_vec()
}

#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
    }
}
