//! Who else changes the primary: beside a switchover, or before two proxies at once.

use super::mysql::Pair as MariaDbs;
use super::stage::{Stage, finish};
use super::{BUILT_IN, Pair, connect, write};
use crate::harness::dir::TempDir;
use crate::harness::eventually;
use crate::harness::mariadb::MariaDb;
use crate::harness::postgres::Postgres;

/// Another process is in front of the same servers: it changes nothing, and its clients wait, too.
#[track_caller]
fn expect_joined(first: &Stage, other: &Stage, commit: impl FnOnce()) {
    let child = first.begin("switchover write --to b --timeout 50s");
    eventually("it goes on", || first.is_written_down().then_some(()));
    let joins = other.begin("switchover write --to b --timeout 50s");
    other.wait_said("another process makes a switchover of a");
    assert!(!other.is_written_down());
    commit();
    for (child, stage) in [(child, first), (joins, other)] {
        let (done, said) = finish(child);
        assert!(done && said.contains("b is primary; new clients waited"), "{said}");
        let record = stage.record();
        let told = [&record["kind"], &record["from"], &record["to"]];
        assert_eq!(told.map(|it| it.as_str().unwrap()), ["switchover", "a", "b"], "{record}");
    }
}

#[test]
fn two_processes_make_one_switchover_of_one_primary() {
    let pair = Pair::start(BUILT_IN);
    let other = pair.beside();
    let mut busy = connect(pair.write);
    busy.query("BEGIN").unwrap();
    expect_joined(&pair, &other, || drop(busy.query("COMMIT").unwrap()));
    write(pair.write, 1).unwrap();
    write(other.write, 2).unwrap();

    let pair = MariaDbs::start();
    let other = pair.beside();
    let mut busy = pair.connect();
    busy.query("BEGIN").unwrap();
    expect_joined(&pair, &other, || drop(busy.query("COMMIT").unwrap()));
    pair.connect().query("INSERT INTO app.written VALUES (2)").unwrap();
}

#[test]
fn who_waits_for_a_switchover_that_is_given_up_elsewhere_says_so() {
    let pair = Pair::start(BUILT_IN);
    let other = pair.beside();
    let mut busy = connect(pair.write);
    busy.query("BEGIN").unwrap();
    let mut child = pair.begin("switchover write --to b --timeout 50s");
    eventually("it goes on", || pair.is_written_down().then_some(()));
    let joins = other.begin("switchover write --to b --timeout 50s");
    other.wait_said("another process makes a switchover of a");
    // Nobody waits for it any more.
    child.kill().unwrap();
    child.wait().unwrap();
    let (done, said) = finish(joins);
    assert!(!done && said.contains("the other process has ended its own, and b is not"), "{said}");
    busy.query("INSERT INTO written VALUES (1)").unwrap();
    write(other.write, 2).unwrap();
    pair.expect_as_before();
}

#[test]
fn a_third_that_claims_it_ends_one_and_gets_no_writes_before() {
    let dir = TempDir::new();
    let file = |name: &str| dir.join(name).display().to_string();
    let step = format!(
        "promote = [\"/bin/sh\", \"-c\", \"touch {}; until [ -e {} ]; do sleep 0.02; done\"], timeout = \"50s\"",
        file("begun"),
        file("go"),
    );
    let mut pair = MariaDbs::start_with(Some(&step));
    let mut c = MariaDb::third_of(&pair.a);
    c.set_read_only(true);
    pair.join("c", c.addr);
    let row = |pair: &MariaDbs, row: &str| {
        eventually(row, || pair.ctl("fence show").1.contains(row).then_some(()));
    };
    let child = pair.begin("switchover write --to b");
    eventually("it runs", || dir.join("begun").exists().then_some(()));
    pair.a.set_read_only(true);
    row(&pair, "db a replica");
    c.promote();
    row(&pair, "db c primary fenced");
    dir.write("go", "");
    let (done, said) = finish(child);
    assert!(!done && said.contains("c claims to be primary"), "{said}");
    assert!(said.contains("it was overtaken, and a is left as it is"), "{said}");
    // From now on it is no plan: who claims it alone is it.
    row(&pair, "db c primary primary");
    pair.connect().query("INSERT INTO app.written VALUES (1)").unwrap();
    assert_eq!(c.query("SELECT count(*) FROM app.written")[0][0], "1");
    assert_eq!(pair.a.query("SELECT @@read_only")[0][0], "1");
}

/// Who is primary according to a proxy that hears `b` and `c` claim to be it.
fn primary_of(stage: &Stage) -> Option<String> {
    eventually("both claim it", || {
        let said = stage.ctl("fence show db").1;
        let rows: Vec<Vec<&str>> =
            said.lines().map(|line| line.split_whitespace().collect()).collect();
        let claims = |server| rows.iter().any(|row| row.starts_with(&["db", server, "primary"]));
        let is_primary = |row: &&Vec<&str>| row.get(3) == Some(&"primary");
        let primary = || rows.iter().find(is_primary).map(|row| row[1].to_owned());
        (claims("b") && claims("c")).then(primary)
    })
}

#[test]
fn of_two_standbys_that_are_promoted_at_once_two_processes_do_not_take_one_each() {
    let mut pair = Pair::start(BUILT_IN);
    let c = Postgres::replica_of(&pair.a);
    let other = pair.beside();
    pair.join("c", c.addr);
    other.join("c", c.addr);
    other.evenkeel.stop();
    pair.a.process.kill9();
    std::thread::scope(|scope| {
        scope.spawn(|| pair.b.promote());
        scope.spawn(|| c.promote());
    });
    // It may have heard of the one some time before the other was promoted.
    let first = primary_of(&pair);
    other.evenkeel.cont();
    assert_eq!(primary_of(&other), None, "{}", other.ctl("fence show db").1);
    assert_eq!(primary_of(&pair), first);
    let said = other.ctl("fence show db").1;
    assert!(said.contains("# db: b and c claim to be primary, and nobody is."), "{said}");
    // An operator keeps one, and nothing has to be cleared.
    let mut c = c;
    c.process.kill9();
    eventually("b is", || {
        other.ctl("fence show db").1.contains("db b primary primary").then_some(())
    });
    write(other.write, 7).unwrap();
    assert_eq!(pair.b.query("SELECT count(*) FROM written WHERE n = 7")[0][0], "1");
}

/// The program set the old one to refuse writes, and died before it did the rest.
#[test]
fn a_program_that_dies_half_way_is_told_as_what_it_leaves() {
    let dir = TempDir::new();
    let file = |name: &str| dir.join(name).display().to_string();
    let step = format!(
        "promote = [\"/bin/sh\", \"-c\", \"touch {}; until [ -e {} ]; do sleep 0.02; done; exit 1\"], timeout = \"50s\"",
        file("begun"),
        file("go"),
    );
    let mut pair = MariaDbs::start_with(Some(&step));
    let run = |pair: &mut MariaDbs, does: &dyn Fn(&mut MariaDbs)| {
        let child = pair.begin("switchover write --to b");
        eventually("it runs", || dir.join("begun").exists().then_some(()));
        does(pair);
        dir.write("go", "");
        let (done, said) = finish(child);
        assert!(!done && said.contains("Failed: /bin/sh ended with 1"), "{said}");
        for name in ["begun", "go"] {
            std::fs::remove_file(dir.join(name)).unwrap();
        }
        said
    };
    let said = run(&mut pair, &|pair| {
        pair.a.set_read_only(true);
        eventually("a is none", || pair.ctl("fence show").1.contains("db a replica").then_some(()));
    });
    let words = "nobody is primary: a is a replica, b is a replica. Make one of them take writes";
    assert!(said.contains(words), "{said}");
    pair.wait_said(&format!("b does not take over: /bin/sh ended with 1; {words}"));
    pair.a.set_read_only(false);
    pair.wait_known();
    let said = run(&mut pair, &|_| {});
    assert!(!said.contains("primary"), "{said}");
    let said = run(&mut pair, &|pair| {
        pair.a.set_read_only(true);
        pair.b.promote();
        eventually("b is", || pair.ctl("fence show").1.contains("db b primary").then_some(()));
    });
    assert!(said.contains("b is primary all the same"), "{said}");
}
