//! Dialogues with a probe, for the tests of all of them.

use super::{Context, Input, Opening, Probe, Step, Surroundings};
use crate::pure::probe::kind::CheckKind;
use crate::pure::sample::Facts;

/// Bytes of an answer the tests' probes keep: HAProxy's default.
pub(super) const ANSWER_BYTES_MAX: usize = 16_384;

const CONTEXT: Context =
    Context { answer_bytes_max: ANSWER_BYTES_MAX, down: false, unix_time_s: 1_000_000_000 };

/// Nothing is known around the tests' probes.
pub(crate) struct Alone;

impl Facts for Alone {}

impl Surroundings for Alone {
    fn state(&self) -> String {
        "UP; name=be/s1".to_owned()
    }
}

/// All steps a probe takes on `inputs`; stops after its verdict.
pub(super) fn dialogue(kind: &CheckKind, inputs: &[Input<'_>]) -> Vec<Step> {
    let mut probe = Probe::for_kind(kind, &CONTEXT, &Alone);
    let mut steps = Vec::new();
    for &input in inputs {
        steps.push(probe.step(input));
        if matches!(steps.last(), Some(Step::Done(_))) {
            break;
        }
    }
    steps
}

/// The verdict at the end of a dialogue: short name, code, excerpt.
pub(super) fn verdict_of(steps: &[Step]) -> (&'static str, Option<i32>, String) {
    match steps.last() {
        Some(Step::Done(verdict)) => {
            (verdict.status.name(), verdict.code, verdict.info().to_owned())
        }
        other => panic!("no verdict, but {other:?}"),
    }
}

/// How a scripted server ends after its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Close,
    Reset,
    Hang,
}

/// An answer, how it ends, and the status, code and excerpt it must give.
pub(super) type Row<'a> = (&'a [u8], End, &'a str, Option<i32>, &'a str);

/// The verdict on a server that answers everything with `pieces`, one by one, and then ends.
pub(super) fn served(
    kind: &CheckKind,
    pieces: &[&[u8]],
    end: End,
) -> (&'static str, Option<i32>, String) {
    let mut probe = Probe::for_kind(kind, &CONTEXT, &Alone);
    let mut pieces = pieces.iter().filter(|piece| !piece.is_empty());
    let mut step = probe.step(Input::Start);
    loop {
        let input = match &step {
            Step::Connect(_) => Input::Connected,
            Step::Send(_) => Input::Sent,
            Step::Receive => match (pieces.next(), end) {
                (Some(piece), _) => Input::Bytes(piece),
                (None, End::Close) => Input::Closed,
                (None, End::Reset) => Input::Failed("Connection reset by peer"),
                (None, End::Hang) => Input::TimedOut,
            },
            Step::Done(_) => return verdict_of(&[step]),
        };
        step = probe.step(input);
    }
}

/// The verdict on a server that says each of `answers` when the one before led to a question.
pub(super) fn served_in_turn(
    kind: &CheckKind,
    answers: &[&[u8]],
    end: End,
) -> (&'static str, Option<i32>, String) {
    let pieces: Vec<Vec<&[u8]>> = answers.iter().map(|answer| vec![*answer]).collect();
    served_in_pieces(kind, &pieces, end)
}

/// As [`served_in_turn`], each answer in pieces.
pub(super) fn served_in_pieces(
    kind: &CheckKind,
    answers: &[Vec<&[u8]>],
    end: End,
) -> (&'static str, Option<i32>, String) {
    let mut probe = Probe::for_kind(kind, &CONTEXT, &Alone);
    let mut step = probe.step(Input::Start);
    let mut answers = answers.iter();
    let mut pieces = [].iter();
    loop {
        let input = match &step {
            Step::Connect(connect) => {
                if connect.opening == Opening::Theirs {
                    pieces = answers.next().map_or(pieces, |answer| answer.iter());
                }
                Input::Connected
            }
            Step::Send(_) => {
                pieces = answers.next().map_or([].iter(), |answer| answer.iter());
                Input::Sent
            }
            Step::Receive => match (pieces.next(), end) {
                (Some(piece), _) => Input::Bytes(piece),
                (None, _) if answers.len() > 0 => Input::TimedOut,
                (None, End::Close) => Input::Closed,
                (None, End::Reset) => Input::Failed("Connection reset by peer"),
                (None, End::Hang) => Input::TimedOut,
            },
            Step::Done(_) => return verdict_of(&[step]),
        };
        step = probe.step(input);
    }
}
