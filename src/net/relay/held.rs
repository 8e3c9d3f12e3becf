//! The beginning of a relay whose server is heard first: what it sends is kept back while somebody
//! judges it, and what the client sends goes on.

use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Poll};

use super::direction::{Ending, Moved};
use super::{BUFFER, End, Relay, Watch, Wish, alarm, poll_read_into};

use crate::net::stream::Stream;
use crate::pure::session::idle::{Limits, Timeout};

impl Relay {
    /// Moves the client's bytes on until the server has sent some: those, at most `room`, are appended
    /// to `held`. Whether more may come. A side may be silent no longer than while bytes are relayed,
    /// and `timeout tunnel` does not count yet.
    ///
    /// # Errors
    /// How the relay ended, where nothing is left to be judged.
    ///
    /// # Cancel safety
    /// What was moved is accounted for: it may be called again.
    pub async fn hold(
        &mut self,
        client: &mut Stream,
        server: &mut Stream,
        held: &mut Vec<u8>,
        room: usize,
        watch: &impl Watch,
    ) -> Result<bool, End> {
        self.opening.forbid();
        let limits = Limits { tunnel: Timeout::default(), ..self.limits };
        let mut alarm = pin!(alarm());
        poll_fn(|cx| {
            if watch.wish() == Wish::End {
                return Poll::Ready(Err(End::Cut));
            }
            let before = held.len();
            let end = self.poll_held(cx, client, server, held, room);
            watch.note(self, self.last_activity);
            if let Some(end) = end {
                return Poll::Ready(Err(end));
            }
            if held.len() > before || self.down.source_ended {
                return Poll::Ready(Ok(!self.down.source_ended));
            }
            self.poll_silence(cx, &limits, alarm.as_mut()).map(Err)
        })
        .await
    }

    /// Passes on what was held: relaying begins with it.
    pub fn release(&mut self, held: Vec<u8>) {
        self.down.queue(held);
    }

    fn poll_held(
        &mut self,
        cx: &mut Context<'_>,
        client: &mut Stream,
        server: &mut Stream,
        held: &mut Vec<u8>,
        room: usize,
    ) -> Option<End> {
        let up = BUFFER.with_borrow_mut(|buffer| {
            self.up.poll(cx, client, server, buffer, Ending::PassedOn, |_| {})
        });
        // After a timeout that counts as its end, nothing is asked of it.
        if self.down.source_ended {
            return self.judge(up, Moved::Nothing);
        }
        let down = match poll_read_into(cx, server, held, room) {
            Poll::Pending => Moved::Nothing,
            Poll::Ready(Ok(0)) => {
                self.down.source_ended = true;
                Moved::Ended
            }
            Poll::Ready(Ok(read)) => {
                self.down.bytes += read as u64;
                Moved::Some
            }
            Poll::Ready(Err(_)) => Moved::ReadFailed,
        };
        self.judge(up, down)
    }
}
