//! Drills on a real Postgres pair: faults that programs make, and the records that are left of them.

use std::net::SocketAddr;
use std::process::Command;

use serde_json::Value;

use crate::harness::browser::Browser;
use crate::harness::dir::TempDir;
use crate::harness::eventually;
use crate::harness::native::run;
use crate::harness::port::free_addr;
use crate::harness::postgres::Postgres;
use crate::harness::process::Process;
use crate::harness::proxy::Kind;

/// A pair of which `a` is the primary at first, behind a listener for writes.
struct Pair {
    a: Postgres,
    b: Postgres,
    evenkeel: Process,
    dir: TempDir,
}

impl Pair {
    /// `faults` may name `KILL`, which kills the primary, and `PROMOTE`, which promotes the other.
    fn start(faults: &str, declared: &str) -> Self {
        let a = Postgres::primary();
        a.query("GRANT INSERT ON written TO haproxy_check");
        let b = Postgres::replica_of(&a);
        let (dir, write) = (TempDir::new(), free_addr());
        let (kill, promote) = (kill(&a), promote(b.addr));
        let faults = faults.replace("KILL", &kill).replace("PROMOTE", &promote);
        let faults = faults.replace("HEALED", &dir.join("healed").display().to_string());
        let text = format!(
            "[commands]\nsocket = {{ address = \"{socket}\", level = \"admin\" }}\n\n\
             [backend.pg]\n\
             check = {{ type = \"postgres\", user = \"haproxy_check\", database = \"postgres\", \
             inter = \"50ms\", timeout = \"2s\", rise = 1, fall = 2 }}\n\
             switchover = {{ user = \"postgres\" }}\n\
             drill = {{ write = \"INSERT INTO written VALUES (1)\"{faults} }}\n\
             server.a = \"{}\"\nserver.b = \"{}\"\n\n\
             [frontend.write]\nbind = \"{write}\"\nbackend = \"pg\"\nrole = \"primary\"\n\
             hold = \"60s\"\n{declared}\n",
            a.addr,
            b.addr,
            socket = dir.join("sock").display(),
        );
        let evenkeel = run(&dir, &text, write);
        let pair = Self { a, b, evenkeel, dir };
        eventually("both are known", || {
            let said = pair.ctl("fence show").1;
            let is = |row| said.contains(row);
            (is("pg a primary primary") && is("pg b replica replica")).then_some(())
        });
        pair
    }

    /// Whether `evenkeel ctl` succeeds in the directory of the pair, and what it prints.
    fn ctl(&self, command: &str) -> (bool, String) {
        let mut ctl = Command::new(Kind::Evenkeel.program());
        ctl.arg("ctl").arg("-s").arg(self.dir.join("sock")).args(command.split(' '));
        let output = ctl.current_dir(self.dir.path()).output().unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap())
    }

    /// The record that an answer names, and its page.
    #[track_caller]
    fn record(&self, said: &str) -> (Value, String) {
        let named = |end| {
            let name = said.lines().find(|line| line.starts_with("drill-") && line.ends_with(end));
            let name = name.unwrap_or_else(|| panic!("{said}\n{}", self.evenkeel.output()));
            std::fs::read_to_string(self.dir.join(name)).unwrap()
        };
        (serde_json::from_str(&named(".json")).unwrap(), named(".html"))
    }
}

/// A shell command that ends a server without a word.
fn kill(server: &Postgres) -> String {
    let pid = server.query("SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1)");
    format!("kill -9 {}", pid[0][0])
}

fn promote(addr: SocketAddr) -> String {
    let (ip, port) = (addr.ip(), addr.port());
    format!("psql -qXU postgres -h {ip} -p {port} -c 'SELECT pg_promote()' >/dev/null")
}

#[test]
fn a_kill_is_measured_and_its_record_is_a_file_and_a_page() {
    let pair = Pair::start(
        ", kill = [\"/bin/sh\", \"-c\", \"KILL && PROMOTE\"]",
        "rto = \"60s\"\nrpo = 100000000",
    );
    let (done, said) = pair.ctl("drill write --kill --live");
    assert!(done, "{said}\n{}", pair.evenkeel.output());
    let (record, page) = pair.record(&said);
    assert_eq!(
        (&record["from"], &record["to"], &record["fault"]),
        (&"a".into(), &"b".into(), &"kill".into())
    );
    let time = |name: &str| record[name].as_f64().unwrap_or_else(|| panic!("{name}: {record}"));
    assert!(time("detected") <= time("promoted") && time("promoted") <= time("served"), "{record}");
    assert!(time("longest_wait") > 0.0 && record["probes_good"].as_u64().unwrap() >= 1, "{record}");
    assert_eq!(record["failover"]["kind"], "failover", "{record}");
    for position in ["position_before", "position_after"] {
        assert!(record["failover"][position].as_str().unwrap().starts_with("0/"), "{record}");
    }
    assert!(!pair.b.is_replica());
    let mut browser = Browser::start();
    let shown = pair.dir.write("shown.html", &page);
    browser.open(&format!("file://{}", shown.display()));
    assert_eq!(browser.ask("document.querySelectorAll('svg rect').length"), 3);
    let title = browser.ask("document.querySelector('h1').textContent");
    assert_eq!(title, "Drill: kill of pg/a behind write");
}

#[test]
fn what_was_declared_and_is_not_kept_fails_the_drill() {
    let pair = Pair::start(", kill = [\"/bin/sh\", \"-c\", \"KILL && PROMOTE\"]", "rto = \"1ms\"");
    let (done, said) = pair.ctl("drill write --kill --live");
    assert!(!done && said.contains("more than the rto"), "{said}");
    assert!(pair.record(&said).1.contains("Not kept: it took"), "{said}");
}

#[test]
fn nobody_who_takes_over_fails_the_drill_and_it_is_healed() {
    let pair = Pair::start(
        ", hang = [\"/bin/sh\", \"-c\", \"KILL\"], heal = [\"/usr/bin/touch\", \"HEALED\"], \
         timeout = \"2s\"",
        "",
    );
    let (done, said) = pair.ctl("drill write --hang --live");
    assert!(!done && said.contains("nobody was served again in time"), "{said}");
    let (record, page) = pair.record(&said);
    assert!(record["to"].is_null() && record["detected"].is_f64(), "{record}");
    assert!(pair.dir.join("healed").exists());
    assert!(said.contains("healed") && page.contains(">never<"), "{said}");
}

#[test]
fn a_switchover_is_rehearsed_and_made() {
    let pair = Pair::start("", "rto = \"60s\"\nrpo = 0");
    let (done, said) = pair.ctl("drill write --switchover --to b --dry-run");
    assert!(done && said.contains("nothing was changed"), "{said}");
    assert!(!pair.a.is_replica() && pair.b.is_replica());
    for (command, why) in [
        ("drill write --kill --dry-run", "no program for it"),
        ("drill write --kill", "say either --dry-run or --live"),
        ("drill read --kill --dry-run", "there is no frontend 'read'"),
    ] {
        let (done, said) = pair.ctl(command);
        assert!(!done && said.contains(why), "{command}: {said}");
    }
    let (done, said) = pair.ctl("drill write --switchover --to b --live");
    assert!(done, "{said}\n{}", pair.evenkeel.output());
    let (record, _) = pair.record(&said);
    assert_eq!((&record["to"], &record["probes_failed"]), (&"b".into(), &0.into()), "{record}");
    assert_eq!(record["failover"]["kind"], "switchover", "{record}");
}
