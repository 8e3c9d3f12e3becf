//! A process that ends in the middle of a switchover leaves nobody read-only.

use rustix::process::Signal;

use super::stage::finish;
use super::{BUILT_IN, Pair, connect, takes_writes, write};
use crate::harness::dir::TempDir;
use crate::harness::eventually;

#[test]
fn what_a_killed_process_froze_takes_writes_again_under_the_next_one() {
    let mut pair = Pair::start(BUILT_IN);
    let (outsider, child) = pair.begin_and_freeze();
    assert!(pair.is_written_down());
    pair.stage.evenkeel.kill9();
    assert!(!finish(child).0);
    assert!(!takes_writes(&pair.a) && pair.b.is_replica() && pair.is_written_down());
    pair.stage.start_again();
    // Who comes now waits, and sees no error.
    write(pair.write, 3).unwrap();
    drop(outsider);
    pair.wait_said("switchover to b in backend db: a takes writes again");
    pair.wait_known();
    pair.expect_as_before();
    pair.expect_given_up();
    assert!(!pair.is_written_down());
    let (done, said) = pair.ctl("switchover write --to b --timeout 50s --max-lag 50s");
    assert!(done, "another one can be made: {said}");
}

#[test]
fn sigterm_undoes_it_before_the_process_ends() {
    for global in ["", "maxconn = 1000"] {
        let mut pair = Pair::start_with(BUILT_IN, global);
        let (outsider, child) = pair.begin_and_freeze();
        assert_eq!(pair.is_written_down(), global.is_empty());
        pair.evenkeel.signal(Signal::TERM);
        pair.stage.evenkeel.wait();
        drop(outsider);
        let (done, said) = finish(child);
        assert!(!done, "{said}");
        assert_eq!(said.contains("without state_dir"), !global.is_empty(), "{said}");
        assert!(pair.evenkeel.output().contains("given up: the process stops"));
        assert!(takes_writes(&pair.a) && pair.b.is_replica() && !pair.is_written_down());
        pair.stage.start_again();
        pair.wait_known();
        pair.expect_as_before();
    }
}

#[test]
fn a_soft_stop_waits_for_the_new_primary() {
    let mut pair = Pair::start(BUILT_IN);
    let (outsider, child) = pair.begin_and_freeze();
    pair.evenkeel.signal(Signal::USR1);
    pair.wait_said("its end is waited for");
    drop(outsider);
    pair.stage.evenkeel.wait();
    let (done, said) = finish(child);
    assert!(done && said.contains("\nDone.\n"), "{said}\n{}", pair.evenkeel.output());
    assert!(!pair.b.is_replica() && takes_writes(&pair.b) && !takes_writes(&pair.a));
    assert!(!pair.is_written_down());
    pair.stage.start_again();
    write(pair.write, 3).unwrap();
    assert_ne!(pair.b.query("SELECT count(*) FROM written WHERE n = 3")[0][0], "0");
}

#[test]
fn a_successor_lets_its_clients_wait_until_the_predecessor_is_done() {
    let mut pair = Pair::start(BUILT_IN);
    let (outsider, child) = pair.begin_and_freeze();
    let pid = pair.evenkeel.pid().to_string();
    let mut another = pair.start_another(&["-sf", &pid]);
    eventually("it waits", || {
        another.output().contains("another process goes on with one").then_some(())
    });
    let addr = pair.write;
    let waiting = std::thread::spawn(move || write(addr, 3));
    drop(outsider);
    pair.stage.evenkeel.wait();
    let (done, said) = finish(child);
    assert!(done, "{said}\n{}", pair.evenkeel.output());
    waiting.join().unwrap().unwrap();
    assert_eq!(pair.b.query("SELECT count(*) FROM written WHERE n = 3")[0][0], "1");
    assert!(!takes_writes(&pair.a) && !pair.is_written_down());
    assert_eq!(another.ended(), None, "{}", another.output());
}

#[test]
fn a_successor_that_starts_while_sessions_are_to_end_waits_for_the_new_primary() {
    let mut pair = Pair::start(BUILT_IN);
    let mut busy = connect(pair.write);
    busy.query("BEGIN").unwrap();
    busy.query("INSERT INTO written VALUES (5)").unwrap();
    let child = pair.begin("switchover write --to b --timeout 50s --max-lag 50s");
    pair.wait_said("1 sessions of a are to end");
    let mut another = pair.start_another(&["-sf", &pair.evenkeel.pid().to_string()]);
    eventually("it waits", || {
        another.output().contains("another process goes on with one").then_some(())
    });
    pair.wait_said("its end is waited for");
    busy.query("COMMIT").unwrap();
    pair.stage.evenkeel.wait();
    let (done, said) = finish(child);
    assert!(done, "{said}\n{}", pair.evenkeel.output());
    write(pair.write, 6).unwrap();
    assert_eq!(pair.b.query("SELECT n FROM written ORDER BY n"), [["5"], ["6"]]);
    assert!(!takes_writes(&pair.a) && !pair.is_written_down());
    assert_eq!(another.ended(), None, "{}", another.output());
}

#[test]
fn a_successor_undoes_what_its_predecessor_was_killed_in() {
    let mut pair = Pair::start(BUILT_IN);
    let (outsider, child) = pair.begin_and_freeze();
    // It would be killed at the end of its time, as by its service manager.
    pair.evenkeel.stop();
    let another = pair.start_another(&["-sf", &pair.evenkeel.pid().to_string()]);
    eventually("it waits", || {
        another.output().contains("another process goes on with one").then_some(())
    });
    eventually("it is shown", || {
        pair.ctl("switchover show").1.contains("\nwrite db a b elsewhere ").then_some(())
    });
    pair.stage.evenkeel.kill9();
    assert!(!finish(child).0);
    eventually("it is undone", || takes_writes(&pair.a).then_some(()));
    drop(outsider);
    write(pair.write, 3).unwrap();
    assert_ne!(pair.a.query("SELECT count(*) FROM written WHERE n = 3")[0][0], "0");
    eventually("the file is gone", || (!pair.is_written_down()).then_some(()));
    assert!(pair.b.is_replica());
}

#[test]
fn a_program_that_was_killed_with_its_process_is_rolled_back_or_found_to_have_promoted() {
    let files = TempDir::new();
    let [begun, undone] = ["begun", "undone"].map(|name| files.join(name));
    let promote = "psql -qXU postgres -h ${EVENKEEL_TO_ADDR%:*} -p ${EVENKEEL_TO_ADDR#*:} \
                   -c 'SELECT pg_promote()' >/dev/null && ";
    for (promote, is_promoted) in [("", false), (promote, true)] {
        let mut pair = Pair::start(&format!(
            "promote = [\"/bin/sh\", \"-c\", \"{promote}touch {}; sleep 100\"], timeout = \"50s\", \
             rollback = [\"/bin/sh\", \"-c\", \"echo $EVENKEEL_TO $EVENKEEL_FROM > {}\"]",
            begun.display(),
            undone.display()
        ));
        let child = pair.begin("switchover write --to b");
        eventually("the program runs", || begun.exists().then_some(()));
        pair.stage.evenkeel.kill9();
        assert!(!finish(child).0);
        std::fs::remove_file(&begun).unwrap();
        assert!(pair.is_written_down());
        pair.stage.start_again();
        eventually("it is settled", || (!pair.is_written_down()).then_some(()));
        write(pair.write, 3).unwrap();
        let primary = if is_promoted { &pair.b } else { &pair.a };
        assert_eq!(primary.query("SELECT n FROM written"), [["3"]]);
        assert_eq!(undone.exists(), !is_promoted);
        if !is_promoted {
            assert_eq!(std::fs::read_to_string(&undone).unwrap(), "b a\n");
            std::fs::remove_file(&undone).unwrap();
        }
    }
}

#[test]
fn the_worker_of_a_master_is_reloaded_meanwhile_and_replaced() {
    let mut pair = Pair::start(BUILT_IN);
    // The master takes the place of the process that the stage began with.
    pair.stage.evenkeel.kill9();
    pair.stage.evenkeel = pair.start_another(&["-W"]);
    pair.wait_known();
    let (outsider, child) = pair.begin_and_freeze();
    pair.evenkeel.signal(Signal::USR2);
    pair.wait_said("Reloaded");
    // A soft stop of all: the worker ends after the switchover.
    pair.evenkeel.signal(Signal::USR1);
    drop(outsider);
    pair.stage.evenkeel.wait();
    let (done, said) = finish(child);
    assert!(done, "{said}\n{}", pair.evenkeel.output());
    assert!(takes_writes(&pair.b) && !takes_writes(&pair.a) && !pair.is_written_down());
}
