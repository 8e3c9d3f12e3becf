//! What dies, hangs or is in the way in the middle of a switchover.

use super::stage::finish;
use super::{BUILT_IN, Pair, takes_writes, write};
use crate::harness::eventually;

#[test]
fn a_next_primary_that_dies_while_it_catches_up_leaves_the_old_one() {
    let mut pair = Pair::start(BUILT_IN);
    let (outsider, child) = pair.begin_and_freeze();
    pair.b.process.kill9();
    let (done, said) = finish(child);
    drop(outsider);
    assert!(!done && said.contains("a takes writes again"), "{said}");
    assert!(!pair.is_written_down());
    pair.expect_as_before();
}

#[test]
fn an_old_primary_that_dies_frozen_is_followed_by_the_one_that_has_all_of_it() {
    let mut pair = Pair::start(BUILT_IN);
    let (outsider, child) = pair.begin_and_freeze();
    pair.a.process.kill9();
    let (done, said) = finish(child);
    drop(outsider);
    assert!(done, "{said}\n{}", pair.evenkeel.output());
    write(pair.write, 3).unwrap();
    assert_eq!(pair.b.query("SELECT count(*) FROM written WHERE n = 3")[0][0], "1");
    pair.a.start_again();
    assert!(!takes_writes(&pair.a), "it comes back as it was left");
    eventually("it is kept out", || {
        pair.ctl("fence show").1.contains("db a primary fenced").then_some(())
    });
}

#[test]
fn when_both_die_the_old_primary_takes_writes_again_once_it_is_back() {
    let mut pair = Pair::start(BUILT_IN);
    let (outsider, child) = pair.begin_and_freeze();
    pair.a.process.kill9();
    pair.b.process.kill9();
    let (done, said) = finish(child);
    drop(outsider);
    assert!(!done && said.contains("it could not be undone"), "{said}");
    assert!(pair.is_written_down());
    pair.a.start_again();
    pair.wait_said("switchover to b in backend db: a takes writes again");
    write(pair.write, 3).unwrap();
    pair.expect_as_before();
    assert!(!pair.is_written_down());
}

#[test]
fn who_asked_for_it_may_go_away() {
    let pair = Pair::start(BUILT_IN);
    let (outsider, mut child) = pair.begin_and_freeze();
    child.kill().unwrap();
    child.wait().unwrap();
    pair.wait_said("b is primary; new clients waited");
    drop(outsider);
    write(pair.write, 3).unwrap();
    assert!(takes_writes(&pair.b) && !takes_writes(&pair.a));
}
