//! What was agreed on in a handshake, and what samples say of it (`ssl_fc_…`, `ssl_c_…`, `ssl_bc_…`).
//!
//! There is one of these for a connection with TLS and none without. Nothing is read of a
//! certificate before somebody asks.

use sha1::{Digest, Sha1};

use super::ciphers::{self, Suite};
use super::faults::Seen;
use crate::pure::sample::{Arg, Fact, Value};
use crate::pure::wire::x509::{self, Certificate, Part, Time};

/// What was agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// `TLSv1.2` or `TLSv1.3`.
    pub version: &'static str,
    /// The suite's number.
    pub suite: u16,
    /// The name that was asked for.
    pub sni: Option<Box<str>>,
    /// The protocol.
    pub alpn: Option<Box<[u8]>>,
    /// The session was begun earlier.
    pub resumed: bool,
    /// The other side's certificate, DER.
    pub peer_certificate: Option<Box<[u8]>>,
    /// What it showed beside, DER after DER.
    pub peer_chain: Box<[u8]>,
    /// What was found of the client's chain, which was let in all the same.
    pub seen: Seen,
}

/// The TLS of a session's two connections.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ends<'a> {
    /// The client's.
    pub client: Option<&'a Facts>,
    /// The certificate that the client was shown, DER.
    pub shown: Option<&'a [u8]>,
    /// The server's.
    pub server: Option<&'a Facts>,
}

impl Facts {
    /// OpenSSL's name of the suite.
    #[must_use]
    pub fn cipher(&self) -> &'static str {
        ciphers::by_code(self.suite).map_or("", |suite| suite.name)
    }

    fn key_bits(&self) -> Option<Value> {
        ciphers::by_code(self.suite).map(Suite::key_bits).map(Value::Int)
    }

    fn chain(&self) -> Option<Value> {
        let certificate = self.peer_certificate.as_deref()?;
        Some(Value::Bin([certificate, &self.peer_chain].concat()))
    }

    fn chain_behind(&self) -> Option<Value> {
        let chain = self.peer_chain.to_vec();
        (!chain.is_empty()).then_some(Value::Bin(chain))
    }

    fn of(&self, what: What) -> Option<Value> {
        match what {
            What::Alpn => self.alpn.as_ref().map(|alpn| Value::Str(alpn.to_vec())),
            What::Cipher => Some(Value::text(self.cipher())),
            What::KeyBits => self.key_bits(),
            What::Protocol => Some(Value::text(self.version)),
            What::Resumed => Some(Value::Bool(self.resumed)),
            What::Sni => self.sni.as_deref().map(Value::text),
        }
    }
}

/// What either end is asked alike.
#[derive(Clone, Copy)]
enum What {
    Alpn,
    Cipher,
    KeyBits,
    Protocol,
    Resumed,
    Sni,
}

impl Ends<'_> {
    /// The value of a fact about TLS; `None` for every other, and where there is none.
    #[must_use]
    pub fn sample(&self, fact: Fact, args: &[Arg]) -> Option<Value> {
        let client = |what| self.client?.of(what);
        let server = |what| self.server?.of(what);
        let peer = |end: Option<&Facts>| end.is_some_and(|end| end.peer_certificate.is_some());
        match fact {
            Fact::SslFc => Some(Value::Bool(self.client.is_some())),
            Fact::SslFcAlpn => client(What::Alpn),
            Fact::SslFcCipher => client(What::Cipher),
            Fact::SslFcAlgKeysize | Fact::SslFcUseKeysize => client(What::KeyBits),
            Fact::SslFcProtocol => client(What::Protocol),
            Fact::SslFcIsResumed => client(What::Resumed),
            Fact::SslFcSni => client(What::Sni),
            Fact::SslFcHasSni => Some(Value::Bool(self.client.is_some_and(|c| c.sni.is_some()))),
            Fact::SslFcHasEarly => self.client.map(|_| Value::Bool(false)),
            Fact::SslFcHasCrt => Some(Value::Bool(peer(self.client))),
            Fact::SslCUsed => self.client.map(|_| Value::Bool(peer(self.client))),
            Fact::SslFcErr => self.client.map(|_| Value::Int(0)),
            Fact::SslCVerify => self.seen(|seen| seen.verify),
            Fact::SslCErr => self.seen(|seen| seen.certificate),
            Fact::SslCCaErr => self.seen(|seen| seen.authority),
            Fact::SslCCaErrDepth => self.seen(|seen| seen.authority_depth),
            Fact::SslBc => Some(Value::Bool(self.server.is_some())),
            Fact::SslBcAlpn => server(What::Alpn),
            Fact::SslBcCipher => server(What::Cipher),
            Fact::SslBcAlgKeysize | Fact::SslBcUseKeysize => server(What::KeyBits),
            Fact::SslBcProtocol => server(What::Protocol),
            Fact::SslBcIsResumed => server(What::Resumed),
            Fact::SslBcSni => server(What::Sni),
            Fact::SslBcErr => self.server.map(|_| Value::Int(0)),
            // OpenSSL's chain of a client begins behind its certificate.
            Fact::SslCChainDer => self.client.and_then(Facts::chain_behind),
            Fact::SslSChainDer => self.server?.chain(),
            _ => self.of_certificate(fact, args),
        }
    }

    fn seen(&self, what: fn(&Seen) -> u8) -> Option<Value> {
        self.client.map(|client| Value::Int(what(&client.seen).into()))
    }

    fn of_certificate(&self, fact: Fact, args: &[Arg]) -> Option<Value> {
        let (whose, field) = Field::of(fact)?;
        let der = match whose {
            Whose::Client => self.client?.peer_certificate.as_deref()?,
            Whose::Shown => self.shown?,
            Whose::Server => self.server?.peer_certificate.as_deref()?,
        };
        match field {
            Field::Der => return Some(Value::Bin(der.to_vec())),
            Field::Sha1 => return Some(Value::Bin(Sha1::digest(der).to_vec())),
            _ => {}
        }
        field.read(&x509::decode(der)?, args)
    }
}

/// Whose certificate is asked about.
#[derive(Clone, Copy)]
enum Whose {
    Client,
    Shown,
    Server,
}

/// What is asked of it.
#[derive(Clone, Copy)]
enum Field {
    Der,
    Sha1,
    Subject,
    Issuer,
    KeyName,
    SignatureName,
    NotBefore,
    NotAfter,
    Serial,
    Version,
}

impl Field {
    const fn of(fact: Fact) -> Option<(Whose, Self)> {
        use Fact::*;
        use Whose::{Client, Server, Shown};
        Some(match fact {
            SslCDer => (Client, Self::Der),
            SslCSha1 => (Client, Self::Sha1),
            SslCSDn => (Client, Self::Subject),
            SslCIDn => (Client, Self::Issuer),
            SslCKeyAlg => (Client, Self::KeyName),
            SslCSigAlg => (Client, Self::SignatureName),
            SslFKeyAlg => (Shown, Self::KeyName),
            SslFSigAlg => (Shown, Self::SignatureName),
            SslSKeyAlg => (Server, Self::KeyName),
            SslSSigAlg => (Server, Self::SignatureName),
            SslCNotBefore => (Client, Self::NotBefore),
            SslCNotAfter => (Client, Self::NotAfter),
            SslCSerial => (Client, Self::Serial),
            SslCVersion => (Client, Self::Version),
            SslFDer => (Shown, Self::Der),
            SslFSha1 => (Shown, Self::Sha1),
            SslFSDn => (Shown, Self::Subject),
            SslFIDn => (Shown, Self::Issuer),
            SslFNotBefore => (Shown, Self::NotBefore),
            SslFNotAfter => (Shown, Self::NotAfter),
            SslFSerial => (Shown, Self::Serial),
            SslFVersion => (Shown, Self::Version),
            SslSDer => (Server, Self::Der),
            SslSSha1 => (Server, Self::Sha1),
            SslSSDn => (Server, Self::Subject),
            SslSIDn => (Server, Self::Issuer),
            SslSNotBefore => (Server, Self::NotBefore),
            SslSNotAfter => (Server, Self::NotAfter),
            SslSSerial => (Server, Self::Serial),
            SslSVersion => (Server, Self::Version),
            _ => return None,
        })
    }

    fn read(self, certificate: &Certificate<'_>, args: &[Arg]) -> Option<Value> {
        match self {
            Self::Subject => name(&certificate.subject, args),
            Self::Issuer => name(&certificate.issuer, args),
            Self::KeyName => certificate.key_name().map(Value::text),
            Self::SignatureName => certificate.signature_name().map(Value::text),
            Self::NotBefore => time(&certificate.not_before),
            Self::NotAfter => time(&certificate.not_after),
            Self::Serial => Some(Value::Bin(certificate.serial.to_vec())),
            Self::Version => Some(Value::Int(i64::from(certificate.version))),
            Self::Der | Self::Sha1 => None,
        }
    }
}

/// A whole name in one line, or the part that the first argument names: the second says which of
/// several, from 1, or from the last with -1. Names of parts are read without case.
fn name(parts: &[Part<'_>], args: &[Arg]) -> Option<Value> {
    let Some(wanted) = args.first().and_then(Arg::text) else {
        // The only format that has a name.
        let is_rfc2253 = args.get(2).and_then(Arg::text).is_some();
        let line = if is_rfc2253 { x509::rfc2253 } else { x509::one_line };
        return (!parts.is_empty()).then(|| Value::Str(line(parts).into_bytes()));
    };
    let nth = args.get(1).and_then(Arg::int).unwrap_or(1);
    let skipped = usize::try_from(nth.unsigned_abs().saturating_sub(1)).ok()?;
    let mut named = parts.iter().filter(|part| part.name.eq_ignore_ascii_case(wanted));
    let part = if nth < 0 { named.nth_back(skipped) } else { named.nth(skipped) };
    part.map(|part| Value::Str(part.value.to_vec()))
}

/// `YYMMDDhhmmss[Z]`, with two digits of the year, as HAProxy writes it; years of other centuries
/// are not told.
fn time(time: &Time<'_>) -> Option<Value> {
    let text = match time.is_short {
        true => Some(time.text).filter(|text| text.first().is_some_and(|digit| *digit < b'5'))?,
        false => time.text.strip_prefix(b"20")?,
    };
    Some(Value::Str(text.to_vec()))
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair};

    use super::*;

    fn certificate() -> Box<[u8]> {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CountryName, "DE");
        params.distinguished_name.push(DnType::CommonName, "client one");
        params.not_after = rcgen::date_time_ymd(2031, 2, 3);
        params.serial_number = Some(vec![0x0a, 0xff].into());
        let key = KeyPair::generate().expect("a key");
        params.self_signed(&key).expect("a certificate").der().to_vec().into()
    }

    fn facts(certificate: Option<Box<[u8]>>) -> Facts {
        Facts {
            version: "TLSv1.3",
            suite: 0x1301,
            sni: Some("db.example".into()),
            alpn: None,
            resumed: false,
            peer_certificate: certificate,
            peer_chain: Box::default(),
            seen: Seen::default(),
        }
    }

    #[test]
    fn samples_tell_what_was_agreed_on() {
        let client = facts(Some(certificate()));
        let ends = Ends { client: Some(&client), ..Ends::default() };
        let text = |text: &str| Some(Value::text(text));
        let arg = |name: &str| Arg::Text(name.to_owned());
        for (fact, args, expected) in [
            (Fact::SslFc, vec![], Some(Value::Bool(true))),
            (Fact::SslFcSni, vec![], text("db.example")),
            (Fact::SslFcProtocol, vec![], text("TLSv1.3")),
            (Fact::SslFcCipher, vec![], text("TLS_AES_128_GCM_SHA256")),
            (Fact::SslFcUseKeysize, vec![], Some(Value::Int(128))),
            (Fact::SslFcAlpn, vec![], None),
            (Fact::SslCUsed, vec![], Some(Value::Bool(true))),
            (Fact::SslCVerify, vec![], Some(Value::Int(0))),
            (Fact::SslCSDn, vec![], text("/C=DE/CN=client one")),
            (Fact::SslCSDn, vec![arg("CN")], text("client one")),
            (Fact::SslCSDn, vec![arg("cn")], text("client one")),
            (Fact::SslCSDn, vec![arg("CN"), Arg::Int(-1)], text("client one")),
            (Fact::SslCSDn, vec![arg("CN"), Arg::Int(2)], None),
            (Fact::SslCIDn, vec![arg("C")], text("DE")),
            (Fact::SslCNotAfter, vec![], text("310203000000Z")),
            (Fact::SslCSerial, vec![], Some(Value::Bin(vec![0x0a, 0xff]))),
            (Fact::SslCVersion, vec![], Some(Value::Int(3))),
            (Fact::SslBc, vec![], Some(Value::Bool(false))),
            (Fact::SslBcCipher, vec![], None),
            (Fact::SslFSDn, vec![], None),
        ] {
            assert_eq!(ends.sample(fact, &args), expected, "{fact:?} {args:?}");
        }
        let digest = ends.sample(Fact::SslCSha1, &[]);
        assert!(matches!(digest, Some(Value::Bin(bytes)) if bytes.len() == 20));
    }

    #[test]
    fn without_tls_only_the_question_whether_there_is_any_has_an_answer() {
        let ends = Ends::default();
        assert_eq!(ends.sample(Fact::SslFc, &[]), Some(Value::Bool(false)));
        assert_eq!(ends.sample(Fact::SslFcHasSni, &[]), Some(Value::Bool(false)));
        for fact in [Fact::SslFcSni, Fact::SslFcProtocol, Fact::SslCVerify, Fact::SslCSDn] {
            assert_eq!(ends.sample(fact, &[]), None, "{fact:?}");
        }
    }
}
