//! Readers that fall back to the primary.

use super::Pair;
use crate::harness::eventually;

#[test]
fn readers_of_a_replica_that_an_operator_takes_out_go_to_the_primary_and_return() {
    let pair = Pair::start();
    pair.wait_fence("b", "replica replica");
    for (out, back) in [
        ("state maint", "state ready"),
        ("state drain", "state ready"),
        ("weight 0", "weight 100%"),
    ] {
        eventually("it has readers", || pair.is_replica(pair.read).then_some(()));
        pair.ctl(&format!("set server pg/b {out}"));
        assert!(!pair.is_replica(pair.read), "{out}");
        pair.ctl(&format!("set server pg/b {back}"));
    }
    eventually("it has readers again", || pair.is_replica(pair.read).then_some(()));
}
