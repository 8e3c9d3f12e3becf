//! One request over HTTP/1.1, and the status of its answer.
//!
//! Bounds: `ADDRESSES_MAX` addresses of a name, `HEAD_MAX` bytes of an answer's head; the body is
//! not read. There is no time limit here but a share of it for each address.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use rustls_pki_types::ServerName;

use super::connect::{Destination, Options, connect};
use super::relay::poll_read_into;
use super::stream::Stream;
use super::{http, tls};
use crate::config::model::{ServerTls, Url};
use crate::pure::probe::http_head::{Parsed, parse};

/// Addresses of a name that are tried.
const ADDRESSES_MAX: usize = 3;

/// Bytes of an answer's head at most.
const HEAD_MAX: usize = 16 * 1024;

/// Sends `request`, whole, to where `url` says; yields the status. `limit`: how long all of it may
/// take, which the caller sees to.
///
/// # Errors
/// The name is not known, nobody is there, TLS or HTTP failed. They do not show the URL.
///
/// # Cancel safety
/// Dropping it closes the connection; whether the request was taken is not known then.
pub async fn send(
    url: &Url,
    tls: Option<&ServerTls>,
    request: &[u8],
    limit: Duration,
) -> io::Result<u16> {
    let mut stream = reach(url, limit).await?;
    if let Some(server) = tls {
        let name = ServerName::try_from(url.host.clone()).map_err(io::Error::other)?;
        tls::connect(&mut stream, server, name).await.map_err(io::Error::other)?;
    }
    http::write(&mut stream, request, None, |_| ()).await?;
    status(&mut stream).await
}

/// Connects to the first address that is there.
async fn reach(url: &Url, limit: Duration) -> io::Result<Stream> {
    let found = tokio::net::lookup_host((url.host.as_str(), url.port)).await?;
    let addresses: Vec<SocketAddr> = found.take(ADDRESSES_MAX).collect();
    let mut refused = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    let share = limit / u32::try_from(addresses.len().max(1)).unwrap_or(u32::MAX);
    for address in addresses {
        let destination = Destination::Tcp(address);
        let options = Options::default();
        let connecting = connect(&destination, &options);
        match tokio::time::timeout(share, connecting).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => refused = error,
            Err(_) => refused = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(refused)
}

/// Reads the head of the answer, past those that only announce it.
async fn status(stream: &mut Stream) -> io::Result<u16> {
    let mut bytes = Vec::new();
    loop {
        match parse(&bytes) {
            Parsed::Head(head) if head.status < 200 => {
                let rest = head.rest.to_vec();
                bytes = rest;
                continue;
            }
            Parsed::Head(head) => return Ok(head.status),
            Parsed::More if bytes.len() < HEAD_MAX => {}
            Parsed::More | Parsed::Bad => {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "the answer is no HTTP"));
            }
        }
        let room = HEAD_MAX - bytes.len();
        if poll_fn(|cx| poll_read_into(cx, stream, &mut bytes, room)).await? == 0 {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "it closed without an answer",
            ));
        }
    }
}
