//! A conversation in HTTP/1 over a stream: requests are read, answers are written.
//!
//! Bounds: a head of as many bytes as the caller allows, a body likewise, a time for each, and a time
//! for every step of an answer. What is read beyond a request stays in the caller's buffer.

use std::future::poll_fn;
use std::io;
use std::time::Duration;

use super::relay::poll_read_into;
use super::stream::Stream;
use crate::clock::sleep_or_forever;
use crate::pure::http::body::Body;
use crate::pure::http::{Framing, Request};
use crate::pure::wire::Parsed;

/// How long an end is waited for, so that a client reads its answer before it sees a reset.
const LINGER: Duration = Duration::from_secs(1);

/// Bytes that are thrown away meanwhile.
const LINGER_BYTES_MAX: usize = 1 << 20;

/// Why there is no request, or no body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    /// The client left.
    Left,
    /// It was not in time.
    Late,
    /// What came is no HTTP, or too long.
    Bad,
}

/// How long a request is waited for; `None`: for ever.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Until its first byte.
    pub begin: Option<Duration>,
    /// From then on until its head is whole.
    pub head: Option<Duration>,
}

/// Reads the next head; yields it and its length at the front of `buffer`, of at most `max` bytes.
/// `begun` is called with the first byte.
///
/// # Errors
/// Why there is none.
///
/// # Cancel safety
/// Safe: what was read is in `buffer`.
pub async fn read_head(
    stream: &mut Stream,
    buffer: &mut Vec<u8>,
    max: usize,
    patience: Patience,
    mut begun: impl FnMut(),
) -> Result<(Request, usize), Unread> {
    if buffer.is_empty() {
        let first = read_more(stream, buffer, max);
        tokio::select! {
            read = first => read?,
            () = sleep_or_forever(patience.begin) => return Err(Unread::Late),
        }
    }
    begun();
    let whole = async {
        loop {
            match Request::parse(buffer) {
                Parsed::Done(request, used) if used <= max => return Ok((request, used)),
                Parsed::More if buffer.len() < max => read_more(stream, buffer, max).await?,
                Parsed::Done(..) | Parsed::More | Parsed::Bad(_) => return Err(Unread::Bad),
            }
        }
    };
    tokio::select! {
        biased;
        whole = whole => whole,
        () = sleep_or_forever(patience.head) => Err(Unread::Late),
    }
}

/// Reads the body behind `at` of `buffer`; yields it, `None` where it has more than `max` bytes, and
/// how many bytes of `buffer` it took.
///
/// # Errors
/// Why there is none.
pub async fn read_body(
    stream: &mut Stream,
    buffer: &mut Vec<u8>,
    at: usize,
    framing: Framing,
    max: usize,
    limit: Option<Duration>,
) -> Result<(Option<Vec<u8>>, usize), Unread> {
    let mut body = Body::new(framing, max);
    let whole = async {
        loop {
            match body.read(&buffer[at..]) {
                Parsed::Done(body, used) => return Ok((body, used)),
                Parsed::Bad(_) => return Err(Unread::Bad),
                // Chunks may be small: their lines count as much as what they hold.
                Parsed::More if buffer.len() - at >= max * 2 => return Ok((None, 0)),
                Parsed::More => read_more(stream, buffer, at + max * 2).await?,
            }
        }
    };
    tokio::select! {
        whole = whole => whole,
        () = sleep_or_forever(limit) => Err(Unread::Late),
    }
}

async fn read_more(stream: &mut Stream, buffer: &mut Vec<u8>, max: usize) -> Result<(), Unread> {
    let room = max.saturating_sub(buffer.len()).max(1);
    match poll_fn(|cx| poll_read_into(cx, stream, buffer, room)).await {
        Ok(1..) => Ok(()),
        Ok(0) | Err(_) => Err(Unread::Left),
    }
}

/// Writes `bytes`, each step of it within `limit`; says how many went out.
///
/// # Errors
/// The client left, or is too slow (`TimedOut`).
pub async fn write(
    stream: &mut Stream,
    bytes: &[u8],
    limit: Option<Duration>,
    mut wrote: impl FnMut(usize),
) -> io::Result<()> {
    let mut rest = bytes;
    while !rest.is_empty() {
        let step = poll_fn(|cx| stream.poll_write(cx, rest));
        let written = tokio::select! {
            biased;
            written = step => written?,
            () = sleep_or_forever(limit) => return Err(io::ErrorKind::TimedOut.into()),
        };
        wrote(written);
        rest = &rest[written..];
    }
    Ok(())
}

/// Ends the conversation behind its last answer: what the client still sends is thrown away for a
/// moment, for a reset would take the answer from it.
pub async fn end(stream: &mut Stream, buffer: &mut Vec<u8>) {
    let farewell = async {
        poll_fn(|cx| stream.poll_shutdown_write(cx)).await;
        let mut thrown = 0;
        while thrown < LINGER_BYTES_MAX {
            buffer.clear();
            if read_more(stream, buffer, LINGER_BYTES_MAX).await.is_err() {
                return;
            }
            thrown += buffer.len();
        }
    };
    let _ = tokio::time::timeout(LINGER, farewell).await;
}
