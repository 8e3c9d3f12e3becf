//! Drills on real pairs: faults that programs make, and the records that are left of them.

mod cut;
mod mariadb;
mod tls;

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::harness::browser::Browser;
use crate::harness::dir::TempDir;
use crate::harness::eventually;
use crate::harness::native::run;
use crate::harness::port::free_addr;
use crate::harness::postgres::Postgres;
use crate::harness::process::Process;
use crate::harness::proxy::Kind;

/// Evenkeel before a pair whose servers are `a`, the primary at first, and `b`.
struct Scene {
    evenkeel: Process,
    dir: TempDir,
}

impl Scene {
    /// With this check, `drill` and more settings of the backend, the addresses of its servers, and
    /// what is declared for its route. `HEALED` is a file beside it.
    fn start(check: &str, backend: &str, servers: [&str; 2], declared: &str) -> Self {
        let (dir, write) = (TempDir::new(), free_addr());
        dir.write("db.pass", "s3cret\n");
        let backend = backend.replace("HEALED", &dir.join("healed").display().to_string());
        let text = format!(
            "[global]\ndefault_path = \"config\"\n\
             [commands]\nsocket = {{ address = \"{socket}\", level = \"admin\" }}\n\n\
             [backend.db]\n\
             check = {{ {check}, inter = \"50ms\", timeout = \"2s\", rise = 1, fall = 2 }}\n\
             {backend}\nserver.a = \"{}\"\nserver.b = \"{}\"\n\n\
             [frontend.write]\nbind = \"{write}\"\nbackend = \"db\"\nrole = \"primary\"\n\
             hold = \"60s\"\n{declared}\n",
            servers[0],
            servers[1],
            socket = dir.join("sock").display(),
        );
        let scene = Self { evenkeel: run(&dir, &text, write), dir };
        eventually("both are known", || {
            let said = scene.ctl("fence show").1;
            let is = |row| said.contains(row);
            (is("db a primary primary") && is("db b replica replica")).then_some(())
        });
        scene
    }

    /// Whether `evenkeel ctl` succeeds in the directory of the scene, and what it prints.
    fn ctl(&self, command: &str) -> (bool, String) {
        let (status, said) = self.ctl_status(command);
        (status == Some(0), said)
    }

    /// The same, with its exit status.
    fn ctl_status(&self, command: &str) -> (Option<i32>, String) {
        let output = self.command(command).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    }

    /// The same, to be started.
    fn command(&self, command: &str) -> Command {
        let mut ctl = Command::new(Kind::Evenkeel.program());
        ctl.arg("ctl").arg("-s").arg(self.dir.join("sock")).args(command.split(' '));
        ctl.current_dir(self.dir.path());
        ctl
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

    /// A live drill that has to come to its end, and its record.
    #[track_caller]
    fn drilled(&self, fault: &str) -> Value {
        let (done, said) = self.ctl(&format!("drill write --{fault} --live"));
        assert!(done, "{said}\n{}", self.evenkeel.output());
        let (record, _) = self.record(&said);
        let names = (&record["from"], &record["to"], &record["drill"]["fault"]);
        assert_eq!(names, (&"a".into(), &"b".into(), &fault.into()), "{record}");
        assert!(record["seconds"]["total"].is_f64(), "{record}");
        record
    }
}

/// The same with a real Postgres pair.
struct Pair {
    a: Postgres,
    b: Postgres,
    scene: Scene,
}

impl std::ops::Deref for Pair {
    type Target = Scene;

    fn deref(&self) -> &Scene {
        &self.scene
    }
}

impl Pair {
    /// `faults` may name `KILL`, which kills the primary, whose first process is `POSTMASTER`, and
    /// `PROMOTE`, which promotes the other.
    fn start(faults: &str, declared: &str) -> Self {
        let a = Postgres::primary();
        let b = Postgres::replica_of(&a);
        Self::of(a, b, faults, declared)
    }

    fn of(a: Postgres, b: Postgres, faults: &str, declared: &str) -> Self {
        a.query("GRANT INSERT ON written TO haproxy_check");
        let faults = faults.replace("KILL", &format!("kill -9 {}", postmaster(&a)));
        let faults = faults.replace("PROMOTE", &promote(b.addr));
        let faults = faults.replace("POSTMASTER", &postmaster(&a));
        let backend = format!(
            "switchover = {{ user = \"postgres\" }}\n\
             drill = {{ write = \"INSERT INTO written VALUES (1)\"{faults} }}"
        );
        let check = "type = \"postgres\", user = \"haproxy_check\", database = \"postgres\"";
        let servers = [&a, &b].map(|server| server.addr.to_string());
        let servers = [&*servers[0], &*servers[1]];
        let scene = Scene::start(check, &backend, servers, declared);
        Self { a, b, scene }
    }
}

/// The first process of a server, which ends it.
fn postmaster(server: &Postgres) -> String {
    let pid = server.query("SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1)");
    pid[0][0].clone()
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
    // What the new primary may lack is known as a floor only.
    let (status, said) = pair.ctl_status("drill write --kill --live");
    assert!(said.contains("Unknown: more may be missing"), "{said}\n{}", pair.evenkeel.output());
    assert!(status == Some(4) && said.contains("a says it once it answers again"), "{said}");
    let (record, page) = pair.record(&said);
    assert_eq!(
        (&record["from"], &record["to"], &record["drill"]["fault"]),
        (&"a".into(), &"b".into(), &"kill".into())
    );
    let seconds =
        |name: &str| record["seconds"][name].as_f64().unwrap_or_else(|| panic!("{name}: {record}"));
    let parts = seconds("detect") + seconds("promote") + seconds("attach");
    assert!((parts - seconds("total")).abs() < 0.001, "{record}");
    let drill = &record["drill"];
    assert!(drill["longest_wait"].as_f64().unwrap() > 0.0 && drill["writes"] == true, "{record}");
    assert!(drill["clients_good"].as_u64().unwrap() >= 1, "{record}");
    assert_eq!((&record["kind"], &record["sessions_kept"]), (&"failover".into(), &0.into()));
    assert_eq!(record["verdict"], json!({"rto": "met", "rpo": "unknown"}), "{record}");
    for position in ["position_before", "position_after"] {
        assert!(record[position].as_str().unwrap().starts_with("0/"), "{record}");
    }
    // It is the record of that failover from now on, and the only one.
    let (_, listed) = pair.ctl("failovers db");
    assert_eq!(serde_json::from_str::<Value>(listed.trim()).unwrap(), record);
    assert!(!pair.b.is_replica());
    let mut browser = Browser::start();
    let shown = pair.dir.write("shown.html", &page);
    browser.open(&format!("file://{}", shown.display()));
    // A fourth, where one of the drill's clients was on the old primary.
    let bars = browser.ask("document.querySelectorAll('.track i').length").as_u64();
    assert!(matches!(bars, Some(3 | 4)), "{bars:?}");
    let title = browser.ask("document.querySelector('h1').textContent");
    assert_eq!(title, "Drill: kill of db/a behind write");
}

#[test]
fn an_old_primary_that_is_healed_says_how_much_was_missing() {
    // All of its processes: one that runs on sends what it has. The one that begins others goes first, and
    // one may end before it is told.
    let all = "$(ps -o pid= --pid POSTMASTER --ppid POSTMASTER)";
    let hang = format!(
        ", timeout = \"40s\", hang = [\"/bin/sh\", \"-c\", \"kill -STOP POSTMASTER; \
         kill -STOP {all}; PROMOTE\"], heal = [\"/usr/bin/touch\", \"HEALED\"]"
    );
    let a = Postgres::primary();
    let resume = format!("kill -CONT {}", all.replace("POSTMASTER", &postmaster(&a)));
    let b = Postgres::replica_of(&a);
    let pair = Pair::of(a, b, &hang, "rto = \"60s\"\nrpo = 100000000");
    let mut drill =
        pair.command("drill write --hang --live").stdout(Stdio::piped()).spawn().unwrap();
    let (mut said, mut is_resumed) = (String::new(), false);
    for line in BufReader::new(drill.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        // Healed as it is, it answers no sooner than it is waited for.
        if line.contains("a is waited for, which says how much is missing") {
            assert!(pair.dir.join("healed").exists(), "{said}");
            is_resumed = Command::new("/bin/sh").args(["-c", &resume]).status().is_ok();
        }
        said.extend([line.as_str(), "\n"]);
    }
    let done = drill.wait().unwrap().success();
    assert!(done && is_resumed, "{said}\n{}", pair.evenkeel.output());
    let (record, page) = pair.record(&said);
    assert_eq!(record["verdict"], json!({"rto": "met", "rpo": "met"}), "{record}");
    // It may have written something of its own before it was heard.
    let is_exact =
        (&record["rpo_at_least"], &record["rpo_exact"]["server"]) == (&false.into(), &"a".into());
    assert!(is_exact || record["rpo_at_most"].is_u64(), "{record}");
    let known = if is_exact { "a, heard again" } else { "a ran on" };
    assert!(page.contains(known), "{said}{page}");
}

#[test]
fn nothing_is_missing_that_had_waited_for_the_next_primary() {
    let a = Postgres::primary();
    let b = Postgres::replica_of(&a);
    a.query("GRANT pg_read_all_stats TO haproxy_check");
    a.query("ALTER SYSTEM SET synchronous_standby_names = 'FIRST 1 (walreceiver)'");
    a.query("SELECT pg_reload_conf()");
    eventually("commits wait", || {
        let states = a.query("SELECT sync_state FROM pg_stat_replication");
        (states == [["sync"]]).then_some(())
    });
    let kill = ", kill = [\"/bin/sh\", \"-c\", \"KILL && PROMOTE\"]";
    let pair = Pair::of(a, b, kill, "rto = \"60s\"\nrpo = 0");
    let now = pair.a.query("SELECT clock_timestamp()")[0][0].clone();
    eventually("it is asked again, and has answered", || {
        let rows = pair.a.query(&format!(
            "SELECT 1 FROM pg_stat_activity WHERE usename = 'haproxy_check' AND state = 'idle' \
             AND query_start > '{now}'"
        ));
        (!rows.is_empty()).then_some(())
    });
    let record = pair.drilled("kill");
    assert_eq!(record["verdict"], json!({"rto": "met", "rpo": "met"}), "{record}");
    assert_eq!((&record["rpo"], &record["rpo_synchronous"]), (&0.into(), &true.into()), "{record}");
}

/// What promotes at a real failover comes later, too.
#[test]
fn what_a_program_leaves_running_goes_on_when_it_has_ended() {
    let later = "(while kill -0 $$; do :; done; PROMOTE) >/dev/null 2>&1 & KILL";
    let kill = format!(", kill = [\"/bin/sh\", \"-c\", \"{later}\"]");
    let pair = Pair::start(&kill, "rto = \"60s\"");
    pair.drilled("kill");
    assert!(!pair.b.is_replica());
}

#[test]
fn what_was_declared_and_is_not_kept_fails_the_drill() {
    let pair = Pair::start(", kill = [\"/bin/sh\", \"-c\", \"KILL && PROMOTE\"]", "rto = \"1ms\"");
    let (status, said) = pair.ctl_status("drill write --kill --live");
    assert!(status == Some(3) && said.contains("more than the rto"), "{said}");
    assert!(pair.record(&said).1.contains(">missed<"), "{said}");
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
    assert!(record["to"].is_null() && record["seconds"]["detect"].is_f64(), "{record}");
    // What is known of the old primary is said.
    assert!(record["position_before"].as_str().unwrap().starts_with("0/"), "{record}");
    for known in ["sessions_cut", "clients_held", "client_errors"] {
        assert!(record[known].is_u64(), "{known}: {record}");
    }
    // Nobody took over: what is missing is not known.
    assert!(record["rpo"].is_null() && page.contains("not known"), "{record}");
    assert!(pair.dir.join("healed").exists());
    assert!(said.contains("healed") && page.contains(">never<"), "{said}");
}

#[test]
fn a_fault_without_effect_is_no_outage() {
    let pair = Pair::start(", kill = [\"/bin/true\"], timeout = \"2s\"", "rto = \"60s\"\nrpo = 0");
    let (status, said) = pair.ctl_status("drill write --kill --live");
    let why = "Failed: the fault had no effect: a was the primary for all of 2s, and";
    assert!(status == Some(3) && said.contains(why), "{said}");
    assert!(!said.contains("drill-"), "there is nothing to record: {said}");
    assert_eq!(pair.ctl("failovers db").1.trim(), "");
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
        ("drill write --kill --to b --live", "--to belongs to --switchover"),
        ("drill read --kill --dry-run", "there is no frontend 'read'"),
        ("failovers nope", "No such backend or frontend"),
        ("failovers db nope", "'nope' is one word too many"),
        ("failovers --page", "'--page' is not known"),
    ] {
        let (done, said) = pair.ctl(command);
        assert!(!done && said.contains(why), "{command}: {said}");
    }
    let (done, said) = pair.ctl("drill write --switchover --to b --live");
    assert!(done, "{said}\n{}", pair.evenkeel.output());
    let (record, _) = pair.record(&said);
    assert_eq!((&record["to"], &record["kind"]), (&"b".into(), &"switchover".into()));
    assert_eq!(record["drill"]["clients_failed"], 0, "{record}");
}
