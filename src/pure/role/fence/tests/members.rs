//! Members of clusters where all take writes.

use super::*;

/// A node of Galera that has so many transactions.
fn galera(role: Role, committed: u64) -> Reading {
    let uuid = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
    let executed = GtidSet::mysql(&format!("{uuid}:1-{committed}")).unwrap();
    let server = 0x3e11_fa47_71ca_11e1_9e33_c80a_a942_9562;
    Reading {
        replicates: Some(true),
        ..Reading::new(role, History::Mysql { server, executed }, committed)
    }
}

#[test]
fn one_member_of_a_cluster_takes_writes_for_as_long_as_it_is_one() {
    use Role::Member;
    let mut fence = Fence::default();
    fence.handle_reading("b", galera(Member, 100));
    fence.handle_reading("a", galera(Member, 100));
    fence.handle_reading("c", galera(Member, 99));
    assert_eq!(fence.primary(), Some("b"), "the first stays it");
    assert_eq!((fence.refusal("a"), fence.refusal("c")), (None, None), "it is behind, no impostor");
    fence.handle_lost("b");
    assert_eq!(fence.primary(), Some("a"));
    fence.handle_lost("a");
    assert_eq!((fence.primary(), fence.refusal("c")), (None, None), "before it has all of it");
    // One of another cluster has nothing of it.
    let mut other = galera(Member, 1);
    let executed = GtidSet::mysql("4e11fa47-71ca-11e1-9e33-c80aa9429562:1-500").unwrap();
    other.history = History::Mysql { server: 0, executed };
    fence.handle_reading("c", other);
    assert_eq!((fence.primary(), fence.refusal("c")), (None, Some(Refusal::Older)));
    fence.handle_reading("a", galera(Member, 100));
    fence.handle_reading("c", galera(Member, 99));
    // It comes back with all there is, and has no need to be a replica first.
    fence.handle_reading("b", galera(Member, 101));
    assert_eq!((fence.primary(), fence.refusal("b")), (Some("a"), None));
    fence.handle_reading("a", galera(Replica, 101));
    assert_eq!(fence.primary(), Some("b"), "a donor makes room");
    fence.handle_lost("b");
    fence.handle_lost("a");
    assert_eq!(fence.primary(), None, "what lacks something waits until it has it");
    fence.handle_reading("c", galera(Member, 101));
    assert_eq!(fence.primary(), Some("c"));
}

/// The others join and get its data, or are gone.
#[test]
fn a_donor_takes_writes_where_nobody_else_is_synced() {
    use Role::{Loose, Member};
    let mut fence = Fence::default();
    fence.handle_reading("a", galera(Member, 100));
    fence.handle_reading("a", galera(Loose, 101));
    assert_eq!(fence.primary(), Some("a"));
    fence.handle_reading("b", galera(Member, 101));
    assert_eq!(fence.primary(), Some("b"), "it makes room for one that is");
    fence.handle_lost("b");
    assert_eq!(fence.primary(), Some("a"));
    // It was no primary before, and another one was.
    let mut fence = Fence::default();
    fence.handle_reading("b", galera(Member, 100));
    fence.handle_reading("a", galera(Loose, 100));
    assert_eq!(fence.primary(), Some("b"));
    fence.handle_lost("b");
    assert_eq!(fence.primary(), Some("a"));
    fence.handle_reading("a", galera(Loose, 99));
    fence.handle_reading("c", galera(Loose, 99));
    assert_eq!(fence.primary(), None, "before it has all of it");
}
