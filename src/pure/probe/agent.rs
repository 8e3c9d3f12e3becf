//! `agent-check`: a question that may be empty, and one line as the answer.

use super::exchange::Exchange;
use super::{Close, Input, Step};
use crate::pure::health::agent_words::AgentWords;
use crate::pure::health::verdict::{CheckStatus, Verdict};

/// A question under way.
#[derive(Debug)]
pub(super) struct Agent {
    exchange: Exchange,
}

impl Agent {
    pub(super) fn new(question: &[u8], answer_bytes_max: usize) -> Self {
        let question = (!question.is_empty()).then(|| question.to_vec());
        Self { exchange: Exchange::new(Close::Reset, question, answer_bytes_max) }
    }

    /// The line that was answered, whole, without its end.
    pub(super) fn line(&self) -> Option<&[u8]> {
        let bytes = self.exchange.answer.bytes();
        // What stands behind a NUL is not part of a line.
        let end = bytes.iter().position(|byte| b"\r\n\0".contains(byte))?;
        (bytes[end] != 0).then_some(&bytes[..end])
    }

    pub(super) fn step(&mut self, input: Input<'_>) -> Step {
        self.exchange.step(input).unwrap_or_else(|| self.judge())
    }

    /// The verdict leaves out what weight and limit lead to: whoever applies them knows.
    fn judge(&self) -> Step {
        if self.exchange.answer.is_silence() {
            let verdict = Verdict::new(CheckStatus::L7Response);
            return Step::Done(verdict.with_info(b"TCPCHK got an empty response at step 2"));
        }
        match self.line() {
            Some(line) => Step::Done(AgentWords::parse(line).verdict(None)),
            // A line without an end says nothing, as when it never came.
            None if self.exchange.answer.is_final() => {
                Step::Done(Verdict::new(CheckStatus::L7Timeout))
            }
            None => Step::Receive,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{ANSWER_BYTES_MAX, End, verdict_of};
    use super::*;
    use proptest::prelude::*;

    fn asked(pieces: &[&[u8]], end: End) -> (&'static str, Option<i32>, String) {
        let mut agent = Agent::new(b"", ANSWER_BYTES_MAX);
        let mut step = agent.step(Input::Start);
        let mut pieces = pieces.iter().filter(|piece| !piece.is_empty());
        loop {
            let input = match (&step, end) {
                (Step::Connect(_), _) => Input::Connected,
                (Step::Send(_), _) => Input::Sent,
                (Step::Done(_), _) => return verdict_of(&[step]),
                (Step::Receive, end) => match (pieces.next(), end) {
                    (Some(piece), _) => Input::Bytes(piece),
                    (None, End::Close) => Input::Closed,
                    (None, End::Reset) => Input::Failed("Connection reset by peer"),
                    (None, End::Hang) => Input::TimedOut,
                },
            };
            step = agent.step(input);
        }
    }

    #[test]
    fn one_line_is_the_answer() {
        let up = ("L7OK", Some(0), "via agent : up".to_owned());
        assert_eq!(asked(&[b"up\n"], End::Hang), up);
        assert_eq!(asked(&[b"u", b"p\r", b"\ndown\n"], End::Close), up);
        let timeout = ("L7TOUT", None, String::new());
        assert_eq!(asked(&[b"up"], End::Hang), timeout);
        assert_eq!(asked(&[b"up"], End::Close), timeout);
        assert_eq!(asked(&[b"\0\xff\xfe\n"], End::Close), timeout);
        assert_eq!(asked(&[&[b'x'; 20_000]], End::Hang), timeout, "longer than the buffer");
        let empty = "TCPCHK got an empty response at step 2".to_owned();
        assert_eq!(asked(&[], End::Close), ("L7RSP", None, empty));
        assert_eq!(asked(&[], End::Reset).0, "SOCKERR");
        assert_eq!(asked(&[b"\n"], End::Hang), ("CHECKED", None, String::new()));
    }

    #[test]
    fn the_question_is_sent_as_it_is() {
        let mut agent = Agent::new(b"state\n", ANSWER_BYTES_MAX);
        agent.step(Input::Start);
        assert_eq!(agent.step(Input::Connected), Step::Send(b"state\n".to_vec()));
    }

    proptest! {
        #[test]
        fn where_a_line_is_cut_changes_nothing(
            line in prop::collection::vec(any::<u8>(), 0..80),
            cut in any::<prop::sample::Index>(),
        ) {
            let cut = cut.index(line.len() + 1);
            let pieces = [&line[..cut], &line[cut..]];
            prop_assert_eq!(asked(&pieces, End::Close), asked(&[&line], End::Close));
        }
    }
}
