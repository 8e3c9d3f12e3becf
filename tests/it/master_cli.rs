//! The sockets of the master (`-S`): what operators and their tools see there.

mod bounds;

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use rustix::process::{Pid, Signal, kill_process};

use crate::harness::api::rest;
use crate::harness::backend::Backend;
use crate::harness::client::served_by;
use crate::harness::dir::TempDir;
use crate::harness::port::{free_addr, is_listening};
use crate::harness::proxy::Kind;
use crate::harness::{PATIENCE, both, eventually};
use crate::master::Master;

both! {
    processes_are_listed,
    commands_reach_the_worker_by_number_and_by_pid,
    a_prefix_alone_turns_what_follows,
    prompts_say_who_listens,
    payloads_reach_the_worker,
    unknown_targets_end_the_conversation,
    levels_are_those_of_the_socket,
    reload_comes_into_force_and_ends_the_conversation,
    a_refused_reload_is_seen_in_the_prompt_and_in_the_table,
    mistakes_in_the_socket_s_options_end_the_start,
    without_a_master_the_socket_is_warned_about,
    a_stuck_worker_blocks_nobody_else,
    the_worker_s_environment_names_the_sockets,
}

/// A master with a socket.
struct Desk {
    master: Master,
    path: PathBuf,
    _dir: TempDir,
    _server: Option<Backend>,
}

impl Desk {
    fn start(kind: Kind, options: &str) -> Self {
        let server = Backend::greet("s1");
        let desk = Self::start_with(kind, &server, "", options);
        Self { _server: Some(server), ..desk }
    }

    fn start_with(kind: Kind, server: &Backend, global: &str, options: &str) -> Self {
        let dir = TempDir::new();
        let path = dir.join("master.sock");
        let socket = format!("{}{options}", path.display());
        let master = Master::start(kind, server, global, &["-W", "-S", &socket]);
        Self { master, path, _dir: dir, _server: None }
    }

    #[track_caller]
    fn connect(&self) -> UnixStream {
        let stream = eventually("the master's socket", || UnixStream::connect(&self.path).ok());
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// What `echo … | socat` shows.
    #[track_caller]
    fn ask(&self, commands: &str) -> String {
        let mut stream = self.connect();
        stream.write_all(format!("{commands}\n").as_bytes()).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        rest(&mut stream)
    }

    /// As [`Self::ask`], of a master that may be starting anew: haproxy's resets connections then.
    fn try_ask(&self, commands: &str) -> Option<String> {
        let mut stream = self.connect();
        stream.write_all(format!("{commands}\n").as_bytes()).ok()?;
        stream.shutdown(Shutdown::Write).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }

    /// Waits until `show proc` says so much of the master's reloads.
    #[track_caller]
    fn wait_for_reloads(&self, wanted: &str) {
        eventually(wanted, || {
            let answer = self.try_ask("show proc")?;
            let wanted = format!("master          {wanted:<15}");
            answer.lines().nth(1)?.contains(&wanted).then_some(())
        });
    }

    /// The lines of `show proc`, each in words.
    #[track_caller]
    fn processes(&self) -> Vec<Vec<String>> {
        let words = |line: &str| line.split_whitespace().map(str::to_owned).collect();
        self.ask("show proc").lines().map(words).collect()
    }
}

/// Reads until the text ends with `end`.
#[track_caller]
fn until(stream: &mut UnixStream, end: &str) -> String {
    let mut text = Vec::new();
    let mut byte = [0];
    while !text.ends_with(end.as_bytes()) {
        match stream.read(&mut byte) {
            Ok(1) => text.push(byte[0]),
            other => panic!("{other:?} behind {:?}", String::from_utf8_lossy(&text)),
        }
    }
    String::from_utf8(text).unwrap()
}

#[track_caller]
fn say(stream: &mut UnixStream, line: &str, end: &str) -> String {
    stream.write_all(format!("{line}\n").as_bytes()).unwrap();
    until(stream, end)
}

fn processes_are_listed(kind: Kind) {
    let desk = Desk::start(kind, "");
    let lines = desk.processes();
    assert_eq!(lines[0], ["#<PID>", "<type>", "<reloads>", "<uptime>", "<version>"]);
    let (master, worker) =
        (desk.master.process.pid().to_string(), desk.master.worker().to_string());
    assert_eq!(lines[1][..5], [&master, "master", "0", "[failed:", "0]"]);
    assert!(lines[1][5].starts_with("0d00h"), "{lines:?}");
    assert_eq!(lines[2], ["#", "workers"]);
    assert_eq!(lines[3][..3], [&worker, "worker", "0"]);
    assert_eq!(lines[4], ["#", "programs"]);
    assert_eq!(lines[5..], [Vec::<String>::new()]);
    let text = desk.ask("@master show proc");
    let wanted = format!("{worker:<15} {:<15} {:<15} ", "worker", "0");
    assert!(text.lines().any(|line| line.starts_with(&wanted)), "{text}");
}

fn commands_reach_the_worker_by_number_and_by_pid(kind: Kind) {
    let desk = Desk::start(kind, "");
    let worker = desk.master.worker();
    let info = desk.ask("@1 show info");
    assert!(info.contains(&format!("\nPid: {worker}\n")), "{info}");
    assert!(info.ends_with("\n\n"), "{info:?}");
    assert_eq!(desk.ask(&format!("@!{worker} show cli level")), "admin\n\n");
    assert_eq!(
        desk.ask("@1 show cli level; show cli level;@1 show cli level"),
        "admin\n\n".repeat(3)
    );
    assert!(served_by(desk.master.addr).is_ok());
    assert!(desk.ask("@1 disable server be/s1; @1 show servers state be").contains(" s1 "));
    assert!(served_by(desk.master.addr).is_err());
}

fn a_prefix_alone_turns_what_follows(kind: Kind) {
    let desk = Desk::start(kind, "");
    let answer = desk.ask("@1; show info; @; show proc");
    let (info, proc) = answer.split_once("\n\n").unwrap();
    assert!(info.contains("\nUptime_sec: "), "{answer}");
    assert!(proc.contains("# workers"), "{answer}");
    let mut stream = desk.connect();
    assert!(say(&mut stream, "@1\nshow info", "\n\n").contains("\nPid: "));
    // A worker has no such command.
    assert!(say(&mut stream, "show proc", "\n\n").starts_with("Unknown command"));
    assert!(say(&mut stream, "@master\nshow proc", "\n\n").contains("# workers"));
}

fn prompts_say_who_listens(kind: Kind) {
    let desk = Desk::start(kind, "");
    let worker = desk.master.worker();
    let mut stream = desk.connect();
    assert_eq!(say(&mut stream, "prompt", "> "), "master> ");
    assert_eq!(say(&mut stream, "@1", "> "), format!("{worker}> "));
    assert_eq!(say(&mut stream, "show cli level", "> "), format!("admin\n\n{worker}> "));
    assert_eq!(say(&mut stream, "expert-mode on", "> "), format!("{worker}(e)> "));
    assert_eq!(say(&mut stream, "experimental-mode on", "> "), format!("{worker}(xe)> "));
    let said = say(&mut stream, "@1 expert-mode", "> ");
    assert_eq!(said, format!("expert-mode is ON\n\n{worker}(xe)> "));
    assert_eq!(say(&mut stream, "@ show cli level", "> "), format!("admin\n\n{worker}(xe)> "));
    assert_eq!(say(&mut stream, "experimental-mode", "> "), format!("{worker}(e)> "));
    assert_eq!(say(&mut stream, "@0", "> "), "master(e)> ");
    stream.write_all(b"quit\n").unwrap();
    assert_eq!(rest(&mut stream), "master(e)> ");
}

fn payloads_reach_the_worker(kind: Kind) {
    let desk = Desk::start(kind, "");
    let map = desk.master.dir.write("addresses.map", "192.0.2.1 one\n").display().to_string();
    let other = free_addr();
    let text = format!(
        "{}frontend f2\n bind {other}\n \
         tcp-request connection reject if {{ src,map_ip({map}) -m found }}\n",
        desk.master.text,
    );
    desk.master.reload(&text);
    eventually("the map is there", || {
        desk.try_ask(&format!("@1 show map {map}"))?.contains("192.0.2.1").then_some(())
    });
    let mut stream = desk.connect();
    assert_eq!(say(&mut stream, "prompt", "> "), "master> ");
    assert_eq!(say(&mut stream, &format!("@1 add map {map} <<"), "+ "), "+ ");
    assert_eq!(say(&mut stream, "192.0.2.2 two", "+ "), "+ ");
    assert_eq!(say(&mut stream, "192.0.2.3 three", "+ "), "+ ");
    assert_eq!(say(&mut stream, "", "> "), "\nmaster> ");
    let shown = say(&mut stream, &format!("@1 show map {map}"), "> ");
    assert!(shown.contains("192.0.2.2 two\n") && shown.contains("192.0.2.3 three\n"), "{shown}");
}

fn unknown_targets_end_the_conversation(kind: Kind) {
    let desk = Desk::start(kind, "");
    for prefix in ["@2", "@!1", "@-1", "@x", "@!"] {
        let wanted = format!("Can't find the target PID matching the prefix '{prefix}'\n");
        assert_eq!(desk.ask(&format!("{prefix} show info; show proc")), wanted);
    }
}

fn levels_are_those_of_the_socket(kind: Kind) {
    let desk = Desk::start(kind, ",level,user,mode,660");
    let mode = desk.path.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o660);
    assert_eq!(desk.ask("show cli level;@1 show cli level"), "user\n\nuser\n\n");
    let denied = desk.ask("@1 disable server be/s1");
    assert!(denied.to_lowercase().contains("permission denied"), "{denied}");
    assert_eq!(desk.ask("reload;show cli level"), "Permission denied\n\nuser\n\n");
    for command in ["operator", "expert-mode on", "experimental-mode on"] {
        assert_eq!(desk.ask(&format!("{command};show cli level")), "Permission denied!\n");
    }
    drop(desk);
    let desk = Desk::start(kind, "");
    let answer = desk.ask("operator;show cli level;@1 show cli level;user;@1 show cli level");
    assert_eq!(answer, "operator\n\noperator\n\nuser\n\n");
}

fn reload_comes_into_force_and_ends_the_conversation(kind: Kind) {
    let (one, two) = (Backend::greet("s1"), Backend::greet("s2"));
    let desk = Desk::start_with(kind, &one, "", "");
    let text = desk.master.text.replace(&one.addr.to_string(), &two.addr.to_string());
    desk.master.dir.write("haproxy.cfg", &text);
    let said = desk.ask("reload;show proc");
    assert!(!said.contains("# workers"), "{said}");
    eventually("the new server", || {
        (served_by(desk.master.addr).ok()?.contains("s2")).then_some(())
    });
    desk.wait_for_reloads("1 [failed: 0]");
    let worker = desk.master.worker().to_string();
    let lines = desk.processes();
    let current = [worker, "worker".to_owned(), "0".to_owned()];
    assert!(lines.iter().any(|line| line.starts_with(&current)), "{lines:?}");
}

fn a_refused_reload_is_seen_in_the_prompt_and_in_the_table(kind: Kind) {
    let desk = Desk::start(kind, "");
    desk.master.dir.write("haproxy.cfg", &format!("{}nonsense\n", desk.master.text));
    desk.ask("reload");
    desk.wait_for_reloads("1 [failed: 1]");
    assert_eq!(desk.processes()[3][2], "1");
    let mut stream = desk.connect();
    assert_eq!(say(&mut stream, "prompt", "> "), "master[ReloadFailed]> ");
    drop(stream);
    assert!(served_by(desk.master.addr).is_ok());
    desk.master.dir.write("haproxy.cfg", &desk.master.text);
    desk.ask("reload");
    desk.wait_for_reloads("2 [failed: 0]");
}

fn mistakes_in_the_socket_s_options_end_the_start(kind: Kind) {
    let dir = TempDir::new();
    let text = format!("defaults\n mode tcp\nfrontend fe\n bind {}\n", free_addr());
    let file = dir.write("haproxy.cfg", &text).display().to_string();
    let socket = dir.join("s").display().to_string();
    let nowhere = "/nonexistent/s".to_owned();
    for words in [format!("{socket},level,king"), format!("{socket},bogus"), nowhere] {
        let (status, output) = kind.run(&["-W", "-db", "-f", &file, "-S", &words]);
        assert_eq!(status.code(), Some(1), "{words}: {output}");
        assert!(output.contains("[ALERT]"), "{words}: {output}");
        let (status, output) = kind.run(&["-c", "-W", "-f", &file, "-S", &words]);
        // To be understood is enough for a check: nothing is opened.
        let understood = words.starts_with("/nonexistent");
        assert_eq!(status.success(), understood, "{words}: {output}");
    }
}

fn without_a_master_the_socket_is_warned_about(kind: Kind) {
    let (dir, addr) = (TempDir::new(), free_addr());
    let text = format!("defaults\n mode tcp\nfrontend fe\n bind {addr}\n");
    let file = dir.write("haproxy.cfg", &text).display().to_string();
    let socket = dir.join("s").display().to_string();
    let process = crate::harness::process::Process::start(crate::harness::process::Spec {
        name: "no master",
        program: &kind.program(),
        args: ["-db", "-f", &file, "-S", &socket].map(str::to_owned).to_vec(),
        user: None,
        env: Vec::new(),
        log: dir.join("output"),
    });
    eventually("it serves", || is_listening(addr.port()).then_some(()));
    let output = process.output();
    assert!(output.contains("master-worker mode (-W) is not enabled"), "{output}");
    assert!(!dir.join("s").exists());
}

fn a_stuck_worker_blocks_nobody_else(kind: Kind) {
    let desk = Desk::start(kind, "");
    let worker = Pid::from_raw(desk.master.worker()).unwrap();
    kill_process(worker, Signal::STOP).unwrap();
    let mut waits = desk.connect();
    waits.write_all(b"@1 show info\n").unwrap();
    assert!(desk.ask("show proc").contains("# workers"));
    kill_process(worker, Signal::CONT).unwrap();
    let answer = until(&mut waits, "\n\n");
    assert!(answer.contains("\nPid: "), "{answer}");
}

fn the_worker_s_environment_names_the_sockets(kind: Kind) {
    let dir = TempDir::new();
    let stats = dir.join("stats.sock").display().to_string();
    let global = format!("stats socket {stats} level admin\nlocalpeer lb7\nsetenv MINE 1");
    let desk = Desk::start_with(kind, &Backend::greet("s1"), &global, "");
    let value = |name: &str| {
        let answer = desk.ask(&format!("@1 show env {name}"));
        answer.trim_end().split_once('=').unwrap().1.to_owned()
    };
    assert_eq!(value("HAPROXY_MASTER_CLI"), format!("unix@{}", desk.path.display()));
    assert!(value("HAPROXY_CLI").split(';').any(|one| one == format!("unix@{stats}")));
    assert_eq!(value("HAPROXY_LOCALPEER"), "lb7");
    assert_eq!(value("HAPROXY_MWORKER"), "1");
    assert_eq!(value("MINE"), "1");
    let file = desk.master.dir.join("haproxy.cfg").display().to_string();
    assert_eq!(value("HAPROXY_CFGFILES"), file);
    assert!(!value("HAPROXY_STARTUP_VERSION").is_empty());
}

/// haproxy 2.6 waits for ever.
#[test]
fn a_worker_that_stays_stuck_is_told_of() {
    let desk = Desk::start(Kind::Evenkeel, "");
    let worker = Pid::from_raw(desk.master.worker()).unwrap();
    kill_process(worker, Signal::STOP).unwrap();
    assert_eq!(desk.ask("@1 show info"), "Can't connect to the target CLI!\n");
    kill_process(worker, Signal::CONT).unwrap();
    assert!(desk.ask("@1 show info").contains("\nPid: "));
}

#[test]
fn a_dead_worker_is_no_target() {
    let desk = Desk::start_with(
        Kind::Evenkeel,
        &Backend::greet("s1"),
        "master-worker no-exit-on-failure",
        "",
    );
    let mut stream = desk.connect();
    let worker = desk.master.worker();
    assert_eq!(
        say(&mut stream, "prompt\n@1", &format!("{worker}> ")),
        format!("master> {worker}> ")
    );
    desk.master.kill_worker();
    eventually("the master knows", || {
        desk.ask("@1 show info").starts_with("Can't find the target PID").then_some(())
    });
    stream.write_all(b"show info\n").unwrap();
    assert_eq!(rest(&mut stream), "Can't connect to the target CLI!\n");
    let said = desk.ask("reload");
    assert!(said.starts_with("Success=1\n--\n"), "{said}");
    assert!(desk.ask("@1 show info").contains("\nPid: "));
}

/// The form of newer versions, which says how it went.
#[test]
fn reload_says_how_it_went() {
    let desk = Desk::start(Kind::Evenkeel, "");
    let said = desk.ask("reload");
    assert!(said.starts_with("Success=1\n--\n") && said.contains("Loading success."), "{said}");
    desk.master.dir.write("haproxy.cfg", &format!("{}nonsense\n", desk.master.text));
    let said = desk.ask("reload");
    assert!(said.starts_with("Success=0\n--\n"), "{said}");
    assert!(said.contains("[ALERT]") && said.contains("'nonsense'"), "{said}");
    assert_eq!(desk.ask("show startup-logs"), said["Success=0\n--\n".len()..]);
    // Many at once are as many answers.
    let streams: Vec<_> = (0..8).map(|_| desk.connect()).collect();
    for mut stream in &streams {
        stream.write_all(b"reload\n").unwrap();
    }
    for mut stream in streams {
        assert!(rest(&mut stream).starts_with("Success=0\n--\n"));
    }
}

/// As newer versions have it.
#[test]
fn hard_reload_ends_the_sessions_of_the_former_worker() {
    let server = Backend::echo();
    let desk = Desk::start_with(Kind::Evenkeel, &server, "", "");
    let worker = desk.master.worker();
    let mut client = crate::harness::client::Client::connect(desk.master.addr);
    client.ping("before");
    let said = desk.ask("hard-reload");
    assert!(said.starts_with("Success=1\n--\n"), "{said}");
    client.drain();
    eventually("the former one ends", || {
        (!desk.ask("show proc").contains(&worker.to_string())).then_some(())
    });
    let mut new = crate::harness::client::Client::connect(desk.master.addr);
    new.ping("new");
}

/// A worker that answers nobody, not even for its sockets, is replaced all the same.
#[test]
fn a_stuck_worker_is_replaced_by_a_hard_reload() {
    let desk = Desk::start(Kind::Evenkeel, "");
    let worker = Pid::from_raw(desk.master.worker()).unwrap();
    kill_process(worker, Signal::STOP).unwrap();
    let said = desk.ask("hard-reload");
    assert!(said.starts_with("Success=1\n--\n"), "{said}");
    assert!(desk.ask("@1 show info").contains("\nPid: "));
    kill_process(worker, Signal::KILL).unwrap();
    eventually("the new one serves alone", || served_by(desk.master.addr).ok());
    eventually("the former one is gone", || {
        (!desk.ask("show proc").contains("# old workers")).then_some(())
    });
}
