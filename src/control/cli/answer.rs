//! What a command says: text, and messages with a severity.

use std::fmt;
use std::time::Duration;

use super::wire::{Gone, Wire};
use crate::config::model::{LogLevel, SeverityOutput};
use crate::net::stream::Stream;

/// An answer while it is written. It is sent when the command is done, or earlier by
/// [`flush`](Self::flush): what has no bound of its own must flush, so that it is not held whole.
#[derive(Debug)]
pub struct Answer<'a> {
    text: String,
    severity: SeverityOutput,
    wire: &'a mut Wire,
    timeout: Option<Duration>,
}

impl fmt::Write for Answer<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.text.push_str(text);
        Ok(())
    }
}

impl<'a> Answer<'a> {
    pub(super) const fn new(
        wire: &'a mut Wire,
        severity: SeverityOutput,
        timeout: Option<Duration>,
    ) -> Self {
        Self { text: String::new(), severity, wire, timeout }
    }

    /// Adds text as it is.
    pub fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Adds a line.
    pub fn line(&mut self, text: impl fmt::Display) {
        // Writing to a string cannot fail.
        let _ = fmt::Write::write_fmt(&mut self.text, format_args!("{text}\n"));
    }

    /// Says how a command went, with the severity shown where the client wants to see it.
    pub fn say(&mut self, level: LogLevel, message: impl fmt::Display) {
        match self.severity {
            SeverityOutput::None => self.line(message),
            SeverityOutput::Number => self.line(format_args!("[{}]: {message}", level as u8)),
            SeverityOutput::Text => self.line(format_args!("[{}]: {message}", level.name())),
        }
    }

    /// Says what is wrong with a command.
    pub fn refuse(&mut self, message: impl fmt::Display) {
        self.say(LogLevel::Err, message);
    }

    /// As [`say`](Self::say), for a message whose line is ended by the empty one that follows every
    /// answer: HAProxy's has no end of its own, and scripts compare.
    pub fn say_bare(&mut self, level: LogLevel, message: impl fmt::Display) {
        self.say(level, message);
        self.text.pop();
    }

    /// As [`refuse`](Self::refuse), without the end of the line (see [`say_bare`](Self::say_bare)).
    pub fn refuse_bare(&mut self, message: impl fmt::Display) {
        self.say_bare(LogLevel::Err, message);
    }

    /// Refuses with a message that ends its line, or does not, as it stands.
    pub fn refuse_as(&mut self, message: &str) {
        match message.strip_suffix('\n') {
            Some(message) => self.refuse(message),
            None => self.refuse_bare(message),
        }
    }

    /// Sends what was written so far.
    ///
    /// # Errors
    /// The client is gone: the command should end.
    ///
    /// # Cancel safety
    /// Not safe: part of the text may have been sent.
    pub async fn flush(&mut self) -> Result<(), Gone> {
        let text = std::mem::take(&mut self.text);
        self.wire.send(text.as_bytes(), self.timeout).await
    }

    /// Completes when the client says something or leaves, for answers without an end.
    ///
    /// # Cancel safety
    /// Safe: what the client said stays.
    pub async fn interrupted(&mut self) {
        self.wire.spoken().await;
    }

    /// Completes when the client says something more, for pauses: one that has said all, as `echo …
    /// | socat` does, is still waited for.
    ///
    /// # Cancel safety
    /// Safe: what the client said stays.
    pub async fn told_more(&mut self) {
        self.wire.says_more().await;
    }

    /// The client's socket, for what bytes cannot carry; flush first.
    #[must_use]
    pub const fn stream(&self) -> &Stream {
        self.wire.stream()
    }
}
