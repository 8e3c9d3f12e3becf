//! One line of a master's client to a worker, and the answer back.
//!
//! A worker that does not pick up within [`PATIENCE`] is stuck or gone: the client is told so. One
//! that did may think for as long as its client waits, at most [`IDLE`] between two pieces.

use std::io;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use super::{IDLE, SEND_PATIENCE};
use crate::control::cli::routed::{Introduction, Line, PRESENT};
use crate::control::cli::wire::{Gone, Wire};
use crate::net::stream::Stream;

/// Longest wait until a worker picks up, and until it has read the line.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often a client that waits for a silent worker is looked after.
const LOOK: Duration = Duration::from_secs(1);

/// Bytes of an answer that are held at a time.
const CHUNK_BYTES: usize = 16 * 1024;

/// Whether there was an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Routed {
    Answered,
    /// The worker is gone or stuck.
    Unreachable,
}

/// Lets the worker behind `line` answer `text`. What the client says meanwhile ends an answer that has
/// no end of its own.
///
/// # Errors
/// The client is gone, or does not read.
pub(super) async fn route(
    wire: &mut Wire,
    line: &Line,
    who: Introduction,
    text: &str,
) -> Result<Routed, Gone> {
    let reached = tokio::time::timeout(PATIENCE, reach(line, who, text)).await;
    let Ok(Ok(mut worker)) = reached else { return Ok(Routed::Unreachable) };
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut interrupted = false;
    loop {
        let read = if interrupted {
            tokio::select! {
                read = worker.read(&mut chunk) => Some(read),
                () = left(wire.stream()) => return Err(Gone),
                () = tokio::time::sleep(IDLE) => return Err(Gone),
            }
        } else {
            tokio::select! {
                read = worker.read(&mut chunk) => Some(read),
                () = wire.spoken() => None,
                () = tokio::time::sleep(IDLE) => return Err(Gone),
            }
        };
        match read {
            None => {
                interrupted = true;
                // A worker that is gone reads nothing, either.
                let _ = worker.shutdown().await;
            }
            Some(Ok(count)) if count > 0 => {
                wire.send(&chunk[..count], Some(SEND_PATIENCE)).await?;
            }
            // It may have died in the middle: there is no more than this.
            Some(_) => return Ok(Routed::Answered),
        }
    }
}

async fn reach(line: &Line, who: Introduction, text: &str) -> io::Result<UnixStream> {
    let socket = line.call(who)?;
    socket.set_nonblocking(true)?;
    let mut worker = UnixStream::from_std(socket)?;
    if line.is_haproxy() {
        let prelude = who.prelude();
        let said: String = prelude.iter().map(|words| format!("{words};")).collect();
        worker.write_all(format!("{said}{text}").as_bytes()).await?;
        for _ in prelude {
            if worker.read_u8().await? != b'\n' {
                return Err(io::ErrorKind::InvalidData.into());
            }
        }
        return Ok(worker);
    }
    if worker.read_u8().await? != PRESENT {
        return Err(io::ErrorKind::InvalidData.into());
    }
    worker.write_all(text.as_bytes()).await?;
    Ok(worker)
}

/// Completes when the client has closed its connection, not only its half.
async fn left(client: &Stream) {
    loop {
        tokio::time::sleep(LOOK).await;
        let mut fds = [PollFd::new(client, PollFlags::empty())];
        let now = Timespec::default();
        if poll(&mut fds, Some(&now)).is_ok()
            && fds[0].revents().intersects(PollFlags::HUP | PollFlags::ERR)
        {
            return;
        }
    }
}
