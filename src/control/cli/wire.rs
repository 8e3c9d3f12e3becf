//! A client's connection: lines in, answers out, and nothing that can wait for ever.

use std::future::poll_fn;
use std::io;
use std::time::Duration;

use crate::clock;
use crate::net::stream::Stream;

/// Bytes of a line. HAProxy bounds a command by its buffer and a line of many commands by nothing;
/// tools that write one line for hundreds of servers stay below this.
pub(super) const LINE_BYTES_MAX: usize = 128 * 1024;

/// Bytes of a payload.
pub(super) const PAYLOAD_BYTES_MAX: usize = 128 * 1024;

/// Bytes of one read.
const READ_BYTES: usize = 4 * 1024;

/// The client is gone, or was sent away for its silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the client is gone")]
pub struct Gone;

/// What a client said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// A line, without its end.
    Line(String),
    /// More than a line may have.
    TooLong,
}

/// A connection.
#[derive(Debug)]
pub(super) struct Wire {
    stream: Stream,
    /// What was read and not taken.
    input: Vec<u8>,
    /// The client will say no more; it may still listen.
    ended: bool,
}

impl Wire {
    pub(super) const fn new(stream: Stream) -> Self {
        Self { stream, input: Vec::new(), ended: false }
    }

    /// Whether everything the client sent so far was taken.
    pub(super) fn is_drained(&self) -> bool {
        self.input.is_empty()
    }

    /// The socket itself, for what bytes cannot carry.
    pub(super) const fn stream(&self) -> &Stream {
        &self.stream
    }

    /// The next line.
    ///
    /// # Errors
    /// The client said no more, or nothing for `timeout`; an unfinished line is no line, as in
    /// HAProxy.
    pub(super) async fn line(&mut self, timeout: Option<Duration>) -> Result<Said, Gone> {
        self.hear(timeout).await?;
        let Some(end) = self.line_end() else { return Ok(Said::TooLong) };
        let mut line: Vec<u8> = self.input.drain(..=end).collect();
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        Ok(match line.len() {
            0..=LINE_BYTES_MAX => Said::Line(String::from_utf8_lossy(&line).into_owned()),
            _ => Said::TooLong,
        })
    }

    /// Reads until there is a whole line, or more than a line may have.
    ///
    /// # Errors
    /// Those of [`line`](Self::line).
    ///
    /// # Cancel safety
    /// Safe: what was read stays.
    pub(super) async fn hear(&mut self, timeout: Option<Duration>) -> Result<(), Gone> {
        while self.line_end().is_none() && self.input.len() <= LINE_BYTES_MAX {
            if self.ended {
                return Err(Gone);
            }
            within(timeout, self.read()).await?;
        }
        Ok(())
    }

    fn line_end(&self) -> Option<usize> {
        self.input.iter().position(|&byte| byte == b'\n')
    }

    /// Waits until the client says something or leaves, while an answer goes on without end.
    ///
    /// # Cancel safety
    /// Safe: what was read stays.
    pub(super) async fn spoken(&mut self) {
        if self.input.is_empty() && !self.ended {
            // Whatever happened, it ends the answer.
            let _ = self.read().await;
        }
    }

    /// Completes when the client says something more; never where it had said something before,
    /// has finished or is gone.
    ///
    /// # Cancel safety
    /// Safe: what the client said stays.
    pub(super) async fn says_more(&mut self) {
        if self.input.is_empty() && !self.ended {
            self.ended |= self.read().await.is_err();
            if !self.input.is_empty() {
                return;
            }
        }
        std::future::pending().await
    }

    async fn read(&mut self) -> io::Result<()> {
        let mut chunk = [0; READ_BYTES];
        let count = poll_fn(|cx| self.stream.poll_read(cx, &mut chunk)).await?;
        self.ended |= count == 0;
        self.input.extend_from_slice(&chunk[..count]);
        Ok(())
    }

    /// Sends all of `bytes`.
    ///
    /// # Errors
    /// The client is gone, or took nothing for `timeout`.
    pub(super) async fn send(
        &mut self,
        mut bytes: &[u8],
        timeout: Option<Duration>,
    ) -> Result<(), Gone> {
        while !bytes.is_empty() {
            let write = poll_fn(|cx| self.stream.poll_write(cx, bytes));
            let count = within(timeout, write).await?;
            if count == 0 {
                return Err(Gone);
            }
            bytes = &bytes[count..];
        }
        Ok(())
    }
}

/// What `operation` yields, if that takes no longer than `timeout`.
async fn within<T>(
    timeout: Option<Duration>,
    operation: impl Future<Output = io::Result<T>>,
) -> Result<T, Gone> {
    tokio::select! {
        done = operation => done.map_err(|_| Gone),
        () = clock::sleep_or_forever(timeout) => Err(Gone),
    }
}
