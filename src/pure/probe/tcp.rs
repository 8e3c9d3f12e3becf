//! A connection that succeeds is all that is asked.

use super::{Close, Connect, Input, Opening, Reached, Step};
use crate::pure::health::verdict::{CheckStatus, Verdict};

/// The plain check.
#[derive(Debug)]
pub(super) struct Tcp;

impl Tcp {
    pub(super) fn step(&mut self, input: Input<'_>) -> Step {
        match input {
            Input::Start => Step::Connect(Connect::plain(Close::Reset, Opening::Silent)),
            Input::Failed(system) => Step::Done(Reached::Connecting.failed(system)),
            Input::TimedOut => Step::Done(Reached::Connecting.timed_out()),
            Input::Connected | Input::Sent | Input::Bytes(_) | Input::Closed => {
                Step::Done(Verdict::new(CheckStatus::L4Ok))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{dialogue, verdict_of};
    use crate::pure::probe::kind::CheckKind;
    use crate::pure::probe::{Close, Input, Opening, Step};

    #[test]
    fn being_connected_passes() {
        let steps = dialogue(&CheckKind::Tcp, &[Input::Start, Input::Connected]);
        assert!(matches!(&steps[0], Step::Connect(connect)
            if connect.close == Close::Reset && connect.opening == Opening::Silent));
        assert_eq!(verdict_of(&steps), ("L4OK", None, String::new()));
    }

    #[test]
    fn failures_are_layer_4() {
        let steps = dialogue(&CheckKind::Tcp, &[Input::Start, Input::Failed("Connection refused")]);
        assert_eq!(verdict_of(&steps), ("L4CON", None, "Connection refused".to_owned()));
        let steps = dialogue(&CheckKind::Tcp, &[Input::Start, Input::TimedOut]);
        assert_eq!(verdict_of(&steps), ("L4TOUT", None, String::new()));
    }
}
