//! A database that takes sessions or not, knocks that find that, and what is in their way: the door's
//! invariants are checked after each of them.

use std::time::{Duration, Instant};

use evenkeel::pure::health::verdict::{CheckStatus, Verdict};
use evenkeel::pure::sentinel::door::{Door, Knock, Manner};

use super::{SeedOnPanic, seed};

const KNOCKS: usize = 200_000;

#[test]
fn a_door_is_shut_by_failures_in_a_row_and_opened_by_one_answer() {
    let seed = SeedOnPanic(seed());
    let mut rng = fastrand::Rng::with_seed(seed.0);
    let start = Instant::now();
    let (mut now, mut door, mut failed) = (start, Door::open(start), 0_u32);
    let mut takes_any = true;
    for _ in 0..KNOCKS {
        if rng.u8(..) < 20 {
            takes_any = !takes_any;
        }
        let manner = Manner {
            every: Duration::from_millis(rng.u64(100..10_000)),
            again: Duration::from_millis(rng.u64(1..100)),
            is_noted: rng.u8(..) < 64,
            is_awaited: rng.bool(),
        };
        let Some(due) = door.next_knock(manner) else {
            assert!(manner.is_noted && !manner.is_awaited && failed == 0);
            continue;
        };
        let apart = if failed > 0 { manner.again } else { manner.every };
        assert!(due >= now + apart, "knocks keep their distance");
        now = due + Duration::from_millis(rng.u64(0..3_000));
        let knock = match (rng.u8(..), takes_any) {
            (0..30, _) => Knock::Void,
            (30..60, true) => Knock::Refused,
            (_, true) => Knock::Answered,
            (_, false) => Knock::Failed(Verdict::new(CheckStatus::L7Timeout)),
        };
        match knock {
            Knock::Void => {}
            Knock::Failed(_) => failed += 1,
            Knock::Answered | Knock::Refused => failed = 0,
        }
        let is_failure = matches!(knock, Knock::Failed(_));
        assert_eq!(door.handle_knock(now, knock, manner), is_failure);
        for fall in 1..5 {
            let verdict = door.verdict(fall);
            assert_eq!(verdict.is_some(), failed >= fall, "after {failed} of {fall}");
            assert!(verdict.is_none_or(|verdict| verdict.shut.is_some() && !verdict.passed()));
        }
    }
}
