//! One direction of a relay: read here, write there, remember the rest.

use std::io;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use super::rest::Rest;
use super::splice::{Pair, Pump, Spliced};
use crate::clock::Stamp;
use crate::net::stream::Stream;
use crate::pure::session::farewell::Tail;

/// Large reads in a row before a direction counts as bulk. Four are some 200 KiB: no reply of a chatty
/// protocol.
const BULK_READS: u8 = 4;

/// Rounds of read and write in one poll before other sessions get their turn: a megabyte.
const ROUNDS_MAX: u8 = 16;

/// A splice smaller than this is not bulk.
const SMALL_BYTES: usize = 32 * 1024;

/// Small splices in a row before the direction goes back to copying.
const SMALL_READS: u8 = 8;

/// What one poll of a direction came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moved {
    /// Nothing, for now.
    Nothing,
    /// Some bytes.
    Some,
    /// The sender's end: a step, and no activity.
    Ended,
    /// The sender's connection broke.
    ReadFailed,
    /// The receiver's connection broke.
    WriteFailed,
}

impl Moved {
    pub(super) const fn is_progress(self) -> bool {
        matches!(self, Self::Some)
    }
}

/// What happens to the receiver when the sender is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// It gets a FIN.
    PassedOn,
    /// The other direction is done: closing the sockets will send the FIN, which saves a call.
    ByClosing,
    /// It hears nothing if no more than so many bytes were sent: another sender may take over.
    Held(u64),
    /// It hears nothing: somebody judges it first.
    Judged,
}

/// The state of one direction.
#[derive(Debug, Default)]
pub(super) struct Direction {
    /// Read and not yet written: at most one buffer, and nothing whenever the sender is read.
    rest: Rest,
    /// Bytes read from the sender.
    pub(super) bytes: u64,
    /// Of those, bytes that went through a pipe.
    pub(super) spliced: u64,
    /// The sender is done (its FIN, or a timeout that counts as one).
    pub(super) source_ended: bool,
    /// The receiver was told so.
    pub(super) fin_sent: bool,
    /// When that was, as far as anybody looked.
    pub(super) fin_sent_at: Option<Stamp>,
    /// The receiver is gone while the other direction goes on.
    pub(super) failed: bool,
    /// Bytes were written since the last look.
    wrote: bool,
    /// When bytes were written last, as far as anybody looked; tells how long they are stuck.
    written_at: Option<Stamp>,
    mode: Mode,
    /// Reads in a row that speak for the other mode.
    streak: u8,
    /// A pipe on loan, while it holds bytes or may get some.
    pump: Option<Box<Pump>>,
    /// What the sender sent last, where somebody asked for it.
    pub(super) tail: Option<Box<Tail>>,
}

/// How bytes are moved.
///
/// ```text
///            BULK_READS large reads in a row
///   Copying ------------------------------> Splicing
///      ^   <------------------------------     |
///      |     SMALL_READS small ones            | the kernel cannot splice these sockets
///      '---------------- Refused <-------------'
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Mode {
    #[default]
    Copying,
    Splicing,
    /// As `Copying`, for good.
    Refused,
}

impl Direction {
    /// Everything was passed on, the end included (or the receiver is gone).
    pub(super) const fn is_done(&self) -> bool {
        self.failed || (self.source_ended && self.fin_sent)
    }

    /// Bytes wait for the receiver.
    pub(super) fn is_stuck(&self) -> bool {
        !self.rest.is_empty() || self.pump.as_ref().is_some_and(|pump| !pump.is_empty())
    }

    /// Somebody looks, at `now`, how long bytes have been waiting.
    pub(super) fn note_progress(&mut self, now: Stamp) {
        if self.wrote || !self.is_stuck() {
            self.written_at = None;
        }
        if self.is_stuck() {
            self.written_at.get_or_insert(now);
        }
        self.wrote = false;
    }

    /// Since when the receiver has taken nothing though bytes wait for it.
    pub(super) fn stuck_since(&self) -> Option<Instant> {
        self.written_at.map(Stamp::instant)
    }

    /// When the receiver was told the sender's end.
    pub(super) fn fin_sent_at(&self) -> Option<Instant> {
        self.fin_sent_at.map(Stamp::instant)
    }

    /// Adds bytes that are written before anything is read.
    pub(super) fn queue(&mut self, bytes: Vec<u8>) {
        if let Some(tail) = &mut self.tail {
            tail.note(&bytes);
        }
        if self.rest.is_empty() {
            self.rest.put(bytes);
        } else {
            self.rest.push(&bytes);
        }
    }

    /// Keeps `bytes` back that were read first, while somebody judges whether the receiver gets them.
    pub(super) fn keep_back(&mut self, bytes: Vec<u8>) {
        self.rest.put(bytes);
    }

    /// The receiver gets what was kept back.
    pub(super) fn release(&mut self) {
        let bytes = self.rest.take();
        self.bytes += bytes.len() as u64;
        self.queue(bytes);
    }

    /// The receiver is gone: nothing more is read or written in this direction.
    pub(super) fn abandon(&mut self) {
        self.rest = Rest::default();
        self.pump = None;
        self.failed = true;
        self.source_ended = true;
        self.fin_sent = true;
    }

    /// Moves what can be moved. `seen` gets the bytes read, before they are written.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut Stream,
        to: &mut Stream,
        buffer: &mut [u8],
        ending: Ending,
        mut seen: impl FnMut(&[u8]),
    ) -> Moved {
        let mut moved = Moved::Nothing;
        if self.is_done() {
            return moved;
        }
        for _ in 0..ROUNDS_MAX {
            if self.source_ended && !self.is_stuck() {
                match ending {
                    Ending::Held(bytes) if self.bytes <= bytes => return moved,
                    Ending::Judged => return moved,
                    Ending::ByClosing if to.is_plain() => {}
                    Ending::Held(_) | Ending::PassedOn | Ending::ByClosing => {
                        if to.poll_shutdown_write(cx).is_pending() {
                            return moved;
                        }
                    }
                }
                self.pump = None;
                self.fin_sent = true;
                return moved;
            }
            let step = if self.rest.is_empty() && self.mode == Mode::Splicing {
                self.poll_splice(cx, from, to)
            } else {
                self.poll_copy(cx, from, to, buffer, &mut seen)
            };
            match step {
                Poll::Pending => {
                    self.release_idle_pipe();
                    return moved;
                }
                Poll::Ready(Moved::Some) => moved = Moved::Some,
                Poll::Ready(Moved::Ended) => {}
                Poll::Ready(other) => return other,
            }
        }
        cx.waker().wake_by_ref();
        moved
    }

    /// A pipe is two descriptors: a direction that waits for its sender holds none.
    fn release_idle_pipe(&mut self) {
        if self.pump.as_ref().is_some_and(|pump| pump.is_empty()) {
            self.pump = None;
        }
    }

    /// One round by copying: what is left, else one read and its write.
    fn poll_copy(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut Stream,
        to: &mut Stream,
        buffer: &mut [u8],
        seen: &mut impl FnMut(&[u8]),
    ) -> Poll<Moved> {
        if !self.rest.is_empty() {
            return Poll::Ready(match ready!(self.poll_flush_some(cx, to)) {
                Ok(()) => Moved::Some,
                Err(_) => Moved::WriteFailed,
            });
        }
        let read = match ready!(from.poll_read(cx, buffer)) {
            Ok(read) => read,
            Err(_) => return Poll::Ready(Moved::ReadFailed),
        };
        if read == 0 {
            self.source_ended = true;
            return Poll::Ready(Moved::Ended);
        }
        self.bytes += read as u64;
        let bytes = &buffer[..read];
        seen(bytes);
        if let Some(tail) = &mut self.tail {
            tail.note(bytes);
        }
        self.note_size(is_large(read, buffer.len()) && from.is_plain() && to.is_plain());
        match to.poll_write(cx, bytes) {
            Poll::Ready(Ok(written)) if written == read => {}
            Poll::Ready(Ok(written)) => {
                self.wrote = true;
                self.rest.push(&bytes[written..]);
            }
            Poll::Pending => self.rest.push(bytes),
            Poll::Ready(Err(_)) => return Poll::Ready(Moved::WriteFailed),
        }
        Poll::Ready(Moved::Some)
    }

    fn note_size(&mut self, large: bool) {
        self.streak = if large { self.streak.saturating_add(1) } else { 0 };
        if self.streak >= BULK_READS && self.mode == Mode::Copying {
            self.streak = 0;
            self.mode = Mode::Splicing;
        }
    }

    /// One round through the pipe: what it holds is written, else it is filled and then written.
    fn poll_splice(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut Stream,
        to: &mut Stream,
    ) -> Poll<Moved> {
        if self.pump.is_none() {
            if ready!(from.poll_read_ready(cx)).is_err() {
                return Poll::Ready(Moved::ReadFailed);
            }
            self.pump = Pump::take().map(Box::new);
        }
        let Some(pump) = self.pump.as_mut() else {
            // No descriptors for a pipe: copying goes on until the next streak.
            self.mode = Mode::Copying;
            return Poll::Ready(Moved::Some);
        };
        match ready!(pump.poll_round(cx, &mut Pair { from, to })) {
            Spliced::Read(bytes) => {
                self.bytes += bytes as u64;
                self.spliced += bytes as u64;
                self.tail.iter_mut().for_each(|tail| tail.clear());
                self.note_calm(bytes < SMALL_BYTES);
            }
            Spliced::Written => {
                self.wrote = true;
                if pump.is_empty() && self.streak >= SMALL_READS {
                    self.streak = 0;
                    self.mode = Mode::Copying;
                    self.pump = None;
                }
            }
            Spliced::Ended => {
                self.source_ended = true;
                self.pump = None;
                return Poll::Ready(Moved::Ended);
            }
            Spliced::Refused(left) => {
                self.mode = Mode::Refused;
                self.pump = None;
                self.rest.put(left);
            }
            Spliced::ReadFailed => return Poll::Ready(Moved::ReadFailed),
            Spliced::WriteFailed => return Poll::Ready(Moved::WriteFailed),
        }
        Poll::Ready(Moved::Some)
    }

    fn note_calm(&mut self, small: bool) {
        self.streak = if small { self.streak.saturating_add(1) } else { 0 };
    }

    fn poll_flush_some(&mut self, cx: &mut Context<'_>, to: &mut Stream) -> Poll<io::Result<()>> {
        let written = ready!(to.poll_write(cx, self.rest.bytes()))?;
        self.rest.advance(written);
        self.wrote = true;
        Poll::Ready(Ok(()))
    }

    /// Writes everything that was read.
    pub(super) fn poll_flush(
        &mut self,
        cx: &mut Context<'_>,
        to: &mut Stream,
    ) -> Poll<io::Result<()>> {
        if let Some(pump) = self.pump.take() {
            self.rest.put(pump.into_bytes());
        }
        while !self.rest.is_empty() {
            ready!(self.poll_flush_some(cx, to))?;
        }
        Poll::Ready(Ok(()))
    }
}

/// A read that filled most of the buffer. Not all of it: where each segment is read as it comes, one
/// of the loopback carries 65,483 bytes, and one that a card put together carries whole packets only.
const fn is_large(read: usize, buffer: usize) -> bool {
    read >= buffer - buffer / 4
}
