//! Claims that wait for who was not heard yet.

use super::*;

#[test]
fn who_claims_it_after_a_start_waits_for_all_that_are_asked() {
    for on_conflict in [OnConflict::Stop, OnConflict::KeepIncumbent] {
        let start = || {
            let mut fence = Fence::new(pair().memory().clone(), on_conflict);
            fence = fence.asking(["a", "b"].into_iter());
            fence.handle_reading("b", pg(Primary, 2));
            assert_eq!((fence.primary(), fence.refusal("b")), (None, None));
            assert!(fence.is_waiting());
            fence
        };
        // It is there, and claims it, too.
        let mut fence = start();
        fence.handle_reading("a", pg(Primary, 1));
        let kept = (on_conflict == OnConflict::KeepIncumbent).then_some("a");
        assert_eq!((fence.primary(), fence.refusal("b")), (kept, Some(Refusal::Conflict)));
        // It follows, is gone, is no server any more, is forgotten, or says nothing for too long.
        let ends: [fn(&mut Fence); 5] = [
            |fence| fence.handle_reading("a", pg(Replica, 2)),
            |fence| assert!(fence.handle_lost("a")),
            |fence| fence.handle_servers(["b"].into_iter()),
            Fence::clear,
            Fence::give_up_waiting,
        ];
        for end in ends {
            let mut fence = start();
            end(&mut fence);
            assert_eq!((fence.primary(), fence.is_waiting()), (Some("b"), false));
        }
    }
    // Nobody claims anything yet, and it is gone: nobody is waited for later.
    let mut fence =
        Fence::new(pair().memory().clone(), OnConflict::Stop).asking(["a", "b"].into_iter());
    assert!(fence.handle_lost("a") && !fence.handle_lost("a"));
    fence.handle_reading("b", pg(Primary, 2));
    assert_eq!(fence.primary(), Some("b"));
}

/// Whoever is remembered may be an old primary by now, and be heard first.
#[test]
fn neither_who_is_remembered_nor_anybody_else_is_primary_before_all_were_heard() {
    for memory in [Memory::default(), pair().memory().clone()] {
        let start = || {
            let fence = Fence::new(memory.clone(), OnConflict::Stop);
            let mut fence = fence.asking(["a", "b", "c"].into_iter());
            fence.handle_reading("a", pg(Primary, 1));
            fence.handle_reading("c", pg(Replica, 1));
            assert_eq!((fence.primary(), fence.refusal("a")), (None, None));
            fence
        };
        let mut fence = start();
        fence.handle_reading("b", pg(Primary, 2));
        assert_eq!((fence.primary(), fence.refusal("a")), (None, Some(Refusal::Conflict)));
        let mut fence = start();
        assert!(fence.handle_lost("b"));
        assert_eq!(fence.primary(), Some("a"));
    }
}
