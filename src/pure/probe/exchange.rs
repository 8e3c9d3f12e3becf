//! Connect, ask once, and collect the answer: what most probes have in common.
//!
//! It knows nothing of the question or what makes an answer good; the probe that owns it judges.

use super::answer::Answer;
use super::{Close, Connect, Input, Opening, Reached, Step};

/// One question on one connection, and the answer as far as it has come.
///
/// ```text
///   Start -> Connect, Connected -> Send (or Receive, where there is no question), Sent -> Receive
///   Bytes, Closed, a reset behind an answer -> to be judged
///   Failed before any answer, TimedOut      -> Done
/// ```
#[derive(Debug)]
pub(super) struct Exchange {
    close: Close,
    opening: Opening,
    /// What is still to be asked.
    question: Option<Vec<u8>>,
    /// How far the connection got.
    pub(super) reached: Reached,
    /// What came, up to its bound.
    pub(super) answer: Answer,
}

impl Exchange {
    /// A connection that ends with `close`; without a question the server speaks first.
    pub(super) fn new(close: Close, question: Option<Vec<u8>>, answer_bytes_max: usize) -> Self {
        let opening = if question.is_some() { Opening::Ours } else { Opening::Theirs };
        let answer = Answer::new(answer_bytes_max);
        Self { close, opening, question, reached: Reached::Connecting, answer }
    }

    /// What follows from `input`; `None`: the answer has news and must be judged.
    pub(super) fn step(&mut self, input: Input<'_>) -> Option<Step> {
        Some(match input {
            Input::Start => Step::Connect(Connect::plain(self.close, self.opening)),
            Input::Connected => {
                self.reached = Reached::Connected;
                self.question.take().map_or(Step::Receive, Step::Send)
            }
            Input::Sent => Step::Receive,
            Input::Bytes(bytes) => {
                self.answer.push(bytes);
                return None;
            }
            Input::Failed(system) if self.answer.is_empty() => {
                Step::Done(self.reached.failed(system))
            }
            // A reset behind an answer takes nothing of it back.
            Input::Closed | Input::Failed(_) => {
                self.answer.close();
                return None;
            }
            Input::TimedOut => Step::Done(self.reached.timed_out()),
        })
    }
}
