//! TLS on the connections of a check.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr};

use rustls::{CertificateError, Error};
use rustls_pki_types::ServerName;
use socket2::Domain;
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout_at};

use super::{Conn, Polled, Problem};
use crate::check::target::{Target, TargetAddr};
use crate::clock;
use crate::config::model::{Layer, ServerTls, Sni};
use crate::net::stream::Stream;
use crate::net::tls::{self, HandshakeError};
use crate::pure::health::verdict::{CheckStatus, Verdict};
use crate::pure::probe::Connect;

/// How far the last connection got, which names what probes, who know nothing of TLS, say of it.
///
/// ```text
///   Plain    L4OK  L4CON  L4TOUT    (and TCP not connected yet)
///   Denied         SOCKERR
///   Shaking        L6RSP  L6TOUT
///   Tls      L6OK
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reached {
    Plain,
    /// A proxy on the way said no, or nobody listens on a Unix socket.
    Denied,
    Shaking,
    Tls,
}

impl Reached {
    /// Gives the verdict the name of its layer.
    pub(super) fn name(self, verdict: &mut Verdict) {
        verdict.status = match (self, verdict.status) {
            (Self::Denied, CheckStatus::L4Con) => CheckStatus::SocketError,
            (Self::Shaking, CheckStatus::L4Con) => CheckStatus::L6Response,
            (Self::Shaking, CheckStatus::L4Timeout) => CheckStatus::L6Timeout,
            (Self::Tls, CheckStatus::L4Ok) => CheckStatus::L6Ok,
            (_, status) => status,
        };
    }
}

/// How TLS is spoken on the connection that a probe asks for; `None` without.
pub(super) fn wanted<'t>(target: &'t Target, ask: &Connect) -> Option<Cow<'t, ServerTls>> {
    let tls = target.tls.as_deref()?;
    match &ask.layer {
        Layer::Default => target.is_tls.then_some(Cow::Borrowed(tls)),
        Layer::Plain => None,
        Layer::Tls { sni, alpn } => Some(Cow::Owned(tls.asking(sni.as_deref(), alpn.as_deref()))),
    }
}

/// What a probe hears of a connection: it, what was refused, or that time is over.
type Connected = Result<Result<Conn, Problem>, Elapsed>;

/// Puts TLS on what was `connected`, until `deadline`.
pub(super) async fn on(
    connected: Connected,
    deadline: Instant,
    target: &Target,
    server: &ServerTls,
) -> (Connected, Reached) {
    let plain = match connected {
        Ok(Ok(plain)) => plain,
        failed => return (failed, Reached::Plain),
    };
    // Boxed: checks without TLS have no room for it.
    match timeout_at(deadline, Box::pin(shake(plain, target, server))).await {
        Ok(Ok(conn)) => (Ok(Ok(conn)), Reached::Tls),
        failed => {
            (failed.map(|shaken| shaken.map_err(|unshaken| unshaken.problem)), Reached::Shaking)
        }
    }
}

/// Why there is no TLS.
pub(super) struct Unshaken {
    pub(super) problem: Problem,
    /// Why the two do not agree or do not trust each other, though the server speaks TLS.
    pub(super) disagreement: Option<String>,
}

/// Shakes hands on a fresh connection.
pub(super) async fn shake(
    conn: Conn,
    target: &Target,
    server: &ServerTls,
) -> Result<Conn, Unshaken> {
    let (mut stream, name) = begun(conn, target, server)?;
    let shaken = tls::connect(&mut stream, server, name).await;
    shaken.map_err(|error| unshaken(&error, server))?;
    Ok(shaken_with(stream, target))
}

/// The same with a server that is told nothing of what is wrong with its certificate: it is yielded
/// beside the connection, on which nothing that is secret may be said then.
pub(super) async fn shake_unjudged(
    conn: Conn,
    target: &Target,
    server: &ServerTls,
) -> Result<(Conn, Option<Unshaken>), Unshaken> {
    let (mut stream, name) = begun(conn, target, server)?;
    let judged = tls::connect_unjudged(&mut stream, server, name).await;
    let distrust = judged.map_err(|error| unshaken(&error, server))?;
    let distrust = distrust.map(|error| unshaken(&HandshakeError::Failed(error), server));
    Ok((shaken_with(stream, target), distrust))
}

/// What hands are shaken on, and with whom.
fn begun(
    conn: Conn,
    target: &Target,
    server: &ServerTls,
) -> Result<(Stream, ServerName<'static>), Unshaken> {
    let stream = match conn {
        Conn::Fresh(socket, domain) => Stream::from_accepted(socket, domain != Domain::UNIX),
        Conn::Polled(Polled::Tcp(stream)) => Ok(Stream::tcp(stream)),
        Conn::Polled(Polled::Unix(stream)) => Ok(Stream::unix(stream)),
        Conn::Tls { stream, .. } => Ok(stream),
    };
    let broken = |error| Unshaken { problem: Problem::of(&error), disagreement: None };
    let stream = stream.map_err(broken)?;
    let name = match (&server.sni, &target.addr) {
        (Sni::Fixed(name), _) => name.clone(),
        (_, TargetAddr::Tcp(address)) => ServerName::from(address.ip()),
        _ => ServerName::from(IpAddr::V4(Ipv4Addr::LOCALHOST)),
    };
    Ok((stream, name))
}

fn shaken_with(stream: Stream, target: &Target) -> Conn {
    let process = target.process.as_ref();
    if let Some(process) = process
        && stream.tls().is_some_and(|facts| !facts.resumed)
    {
        process.tls.server_keys.tick(process.uptime(clock::now()));
    }
    // A check is not refused for the sessions' sake: beyond 'maxsslconn' it is not counted.
    let place = process.and_then(|process| process.tls.try_enter());
    Conn::Tls { stream, _place: place }
}

fn unshaken(error: &HandshakeError, server: &ServerTls) -> Unshaken {
    let text = said(error, server).to_owned();
    let problem = Problem { text, heard: true, denied: false, ours: false };
    let disagreement = disagreement(error).map(|why| match is_of_other_name(error) {
        true => problem.text.clone(),
        false => why,
    });
    Unshaken { problem, disagreement }
}

/// What a server that speaks TLS is not trusted for, or does not agree to.
fn disagreement(error: &HandshakeError) -> Option<String> {
    let HandshakeError::Failed(error) = error else { return None };
    let is_one = matches!(
        error,
        Error::InvalidCertificate(_)
            | Error::InvalidCertRevocationList(_)
            | Error::NoCertificatesPresented
            | Error::PeerIncompatible(_)
            | Error::AlertReceived(_)
    );
    if let Error::InvalidCertificate(CertificateError::UnknownIssuer) = error {
        let why = "the issuer of the server's certificate is unknown: it is none of ca_file's";
        return Some(why.to_owned());
    }
    is_one.then(|| error.to_string())
}

fn is_of_other_name(error: &HandshakeError) -> bool {
    matches!(
        error,
        HandshakeError::Failed(Error::InvalidCertificate(CertificateError::NotValidForName))
    )
}

/// HAProxy's words.
fn said(error: &HandshakeError, server: &ServerTls) -> &'static str {
    match (is_of_other_name(error), &server.sni) {
        (false, _) => "SSL handshake failure",
        (true, Sni::Fixed(_)) => {
            "Server presented an SSL certificate different from the expected one"
        }
        (true, _) => "Server presented an SSL certificate different from the configured one",
    }
}
