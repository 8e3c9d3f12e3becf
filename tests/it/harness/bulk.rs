//! Two streams of known bytes through one connection, compared byte by byte on both ends.
//!
//! A session opens with an [`Order`]: how much flows each way and how the server ends it. Every
//! byte is a function of its seed and its offset, so a lost, doubled or displaced one is seen
//! where it happens, and what arrived before a reset is still checked.

use std::net::SocketAddr;
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::PATIENCE;
use super::backend::Backend;
use super::client::End;

/// Bytes moved at once: not a power of two, so that pieces never line up with anyone's buffer.
const PIECE: usize = 9_973;

/// How the server ends its direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Both ends send all they have and close after it.
    Together = 0,
    /// The server sends nothing before the client's FIN.
    ClientFirst = 1,
    /// The client sends nothing before the server's FIN.
    ServerFirst = 2,
    /// The server resets in the middle.
    Reset = 3,
}

/// What one session moves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order {
    pub(crate) seed: u64,
    pub(crate) up_bytes: u64,
    pub(crate) down_bytes: u64,
    pub(crate) ending: Ending,
}

impl Order {
    fn encode(self) -> [u8; 25] {
        let mut bytes = [0; 25];
        bytes[..8].copy_from_slice(&self.seed.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.up_bytes.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.down_bytes.to_le_bytes());
        bytes[24] = self.ending as u8;
        bytes
    }

    fn decode(bytes: &[u8; 25]) -> Self {
        let word = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
        let ending = match bytes[24] {
            0 => Ending::Together,
            1 => Ending::ClientFirst,
            2 => Ending::ServerFirst,
            _ => Ending::Reset,
        };
        Self { seed: word(0), up_bytes: word(8), down_bytes: word(16), ending }
    }
}

/// Writes the bytes of the stream `seed` from `offset` on (splitmix64 of the word's number).
fn fill(seed: u64, offset: u64, buf: &mut [u8]) {
    let mut word = [0; 8];
    for (index, byte) in buf.iter_mut().enumerate() {
        let at = offset + index as u64;
        if index == 0 || at.is_multiple_of(8) {
            let mut mixed = seed.wrapping_add((at / 8).wrapping_mul(0x9e37_79b9_7f4a_7c15));
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            word = (mixed ^ (mixed >> 31)).to_le_bytes();
        }
        *byte = word[usize::try_from(at % 8).unwrap()];
    }
}

async fn send(to: &mut (impl AsyncWrite + Unpin), seed: u64, len: u64) -> std::io::Result<()> {
    let mut buf = [0; PIECE];
    let mut offset = 0;
    while offset < len {
        let piece = usize::try_from(len - offset).unwrap_or(PIECE).min(PIECE);
        fill(seed, offset, &mut buf[..piece]);
        to.write_all(&buf[..piece]).await?;
        offset += piece as u64;
    }
    Ok(())
}

/// Reads to the end of the stream and compares; yields how much came and the error it ended with.
async fn compare(
    from: &mut (impl AsyncRead + Unpin),
    seed: u64,
) -> Result<(u64, Option<std::io::Error>), String> {
    let (mut buf, mut expected) = ([0; PIECE], [0; PIECE]);
    let mut offset = 0;
    loop {
        match from.read(&mut buf).await {
            Ok(0) => return Ok((offset, None)),
            Ok(len) => {
                fill(seed, offset, &mut expected[..len]);
                if let Some(at) = (0..len).find(|&at| buf[at] != expected[at]) {
                    return Err(format!("stream {seed}: byte {} is wrong", offset + at as u64));
                }
                offset += len as u64;
            }
            Err(error) => return Ok((offset, Some(error))),
        }
    }
}

/// The server of such sessions.
pub(crate) fn backend() -> Backend {
    Backend::new(|mut stream| async move {
        let mut order = [0; 25];
        if stream.read_exact(&mut order).await.is_err() {
            return;
        }
        let order = Order::decode(&order);
        let kept = serve(&mut stream, order).await;
        if !kept {
            // The client expects this reset, or sees it instead of an orderly end and says so.
            let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
        }
    })
}

/// Yields whether all went as ordered up to an orderly end.
async fn serve(stream: &mut TcpStream, order: Order) -> bool {
    let (mut from, mut to) = stream.split();
    if order.ending == Ending::Reset {
        let _ = send(&mut to, !order.seed, order.down_bytes / 2).await;
        return false;
    }
    let finished = Semaphore::new(0);
    let up = async {
        let seen = compare(&mut from, order.seed).await;
        finished.add_permits(1);
        seen
    };
    let down = async {
        if order.ending == Ending::ClientFirst {
            let _ = finished.acquire().await;
        }
        send(&mut to, !order.seed, order.down_bytes).await?;
        to.shutdown().await
    };
    let (up, _) = tokio::join!(up, down);
    let complete = matches!(up, Ok((len, None)) if len == order.up_bytes);
    if !complete {
        eprintln!("server of {order:?}: {up:?}");
    }
    complete
}

/// Runs one session against `addr` and yields how it ended; `Err` says what was not as ordered.
pub(crate) async fn session(addr: SocketAddr, order: Order) -> Result<End, String> {
    match timeout(2 * PATIENCE, talk(addr, order)).await {
        Ok(outcome) => outcome.map_err(|error| format!("{order:?}: {error}")),
        Err(_) => Err(format!("{order:?}: does not end")),
    }
}

async fn talk(addr: SocketAddr, order: Order) -> Result<End, String> {
    let mut stream = TcpStream::connect(addr).await.map_err(|error| error.to_string())?;
    stream.write_all(&order.encode()).await.map_err(|error| error.to_string())?;
    let (mut from, mut to) = stream.split();
    let finished = Semaphore::new(0);
    let down = async {
        let seen = compare(&mut from, !order.seed).await;
        finished.add_permits(1);
        seen
    };
    let up = async {
        if order.ending == Ending::ServerFirst {
            let _ = finished.acquire().await;
        }
        send(&mut to, order.seed, order.up_bytes).await?;
        to.shutdown().await
    };
    let (down, up) = tokio::join!(down, up);
    let (len, error) = down?;
    if order.ending == Ending::Reset {
        // Whoever is told of the reset first takes it away from the other: reads end with a FIN then.
        let is_reset = error.is_some() || up.is_err();
        let end = if is_reset { End::Reset } else { End::Fin };
        let prefix = len <= order.down_bytes / 2;
        return prefix.then_some(end).ok_or_else(|| format!("{len} bytes, more than sent"));
    }
    up.map_err(|error| format!("sending: {error}"))?;
    match error {
        None if len == order.down_bytes => Ok(End::Fin),
        error => Err(format!("{len} bytes down, then {error:?}")),
    }
}
