//! Going to the background, and what else a supervisor sees: the pidfile, the name, what is quiet;
//! and files that never end.

use std::path::Path;
use std::process::Command;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use crate::harness::backend::Backend;
use crate::harness::client::served_by;
use crate::harness::dir::TempDir;
use crate::harness::port::{free_addr, is_listening};
use crate::harness::process::{Process, Spec};
use crate::harness::proxy::Kind;
use crate::harness::{both, eventually};
use crate::master::Master;

both! {
    a_daemon_has_written_its_pidfile_when_its_parent_ends,
    a_daemon_that_cannot_serve_says_why,
    a_worker_has_its_master_s_name,
    quiet_flags_say_nothing,
    a_configuration_may_come_through_a_pipe,
    features_are_known_by_their_names,
    an_external_check_writes_where_its_process_does,
}

fn text(addr: std::net::SocketAddr) -> String {
    format!(
        "defaults\n mode tcp\n timeout connect 5s\n timeout client 30s\n timeout server 30s\n\
         frontend fe\n bind {addr}\n"
    )
}

/// A process that a test has not started itself, and ends.
struct Foreign(Pid);

impl Drop for Foreign {
    fn drop(&mut self) {
        // It may have ended before.
        let _ = kill_process(self.0, Signal::KILL);
    }
}

fn a_daemon_has_written_its_pidfile_when_its_parent_ends(kind: Kind) {
    let (dir, addr) = (TempDir::new(), free_addr());
    let file = dir.write("haproxy.cfg", &text(addr)).display().to_string();
    let pidfile = dir.join("pid");
    let (status, output) = kind.run(&["-D", "-f", &file, "-p", &pidfile.display().to_string()]);
    assert_eq!(status.code(), Some(0), "{output}");
    let pid = std::fs::read_to_string(&pidfile).unwrap();
    let daemon = Foreign(Pid::from_raw(pid.trim().parse().unwrap()).unwrap());
    eventually("it listens", || is_listening(addr.port()).then_some(()));
    kill_process(daemon.0, Signal::TERM).unwrap();
    eventually("it ends", || test_kill_process(daemon.0).is_err().then_some(()));
}

/// HAProxy starts without a pidfile that says anything.
#[test]
fn a_daemon_that_cannot_write_its_pidfile_does_not_start() {
    for flags in [["-D"].as_slice(), &["-D", "-W"]] {
        let (dir, addr) = (TempDir::new(), free_addr());
        let file = dir.write("haproxy.cfg", &text(addr)).display().to_string();
        let mut words = vec!["-f", &file, "-p", "/dev/full"];
        words.extend(flags);
        let (status, output) = Kind::Evenkeel.run(&words);
        assert_eq!(status.code(), Some(1), "{output}");
        assert!(output.contains("cannot write pidfile /dev/full"), "{output}");
        let found = Command::new("pgrep").args(["-f", &file]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&found.stdout), "");
        assert!(!is_listening(addr.port()));
    }
}

/// What it cannot do is seen when it is in the background already.
fn a_daemon_that_cannot_serve_says_why(kind: Kind) {
    let (dir, addr) = (TempDir::new(), free_addr());
    let missing = dir.join("missing").display().to_string();
    let text = format!("global\n chroot {missing}\n{}", text(addr));
    let file = dir.write("haproxy.cfg", &text).display().to_string();
    let pidfile = dir.join("pid").display().to_string();
    // HAProxy's parent does not wait to see how it goes on.
    let code = if kind == Kind::Evenkeel { 1 } else { 0 };
    for flags in [["-D"].as_slice(), &["-D", "-W"]] {
        let mut words = vec!["-f", &file, "-p", &pidfile];
        words.extend(flags);
        let (status, output) = kind.run(&words);
        assert_eq!(status.code(), Some(code), "{flags:?}: {output}");
        assert!(output.contains("chroot") && output.contains(&missing), "{flags:?}: {output}");
        eventually("nobody listens", || (!is_listening(addr.port())).then_some(()));
    }
}

fn comm(pid: u32) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap()
}

fn a_worker_has_its_master_s_name(kind: Kind) {
    let master = Master::start(kind, &Backend::greet("s1"), "", &["-W"]);
    let worker = u32::try_from(master.worker()).unwrap();
    assert_eq!(comm(worker), comm(master.process.pid()));
    assert_eq!(comm(worker).trim(), kind.program().file_name().unwrap());
}

fn quiet_flags_say_nothing(kind: Kind) {
    let dir = TempDir::new();
    let file = dir.write("haproxy.cfg", "defaults\n mode tcpx\n").display().to_string();
    for flags in [["-q", "-c", "-f", &file].as_slice(), &["-q", "-f", &file]] {
        let (status, output) = kind.run(flags);
        assert_eq!((status.code(), output.as_str()), (Some(1), ""), "{flags:?}");
    }
}

/// What a shell calls `-f <(…)`, and standard input.
fn a_configuration_may_come_through_a_pipe(kind: Kind) {
    let program = kind.program().display().to_string();
    for name in ["/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"] {
        let script = format!(
            "{{ printf 'defaults\\n mode tcp\\n'; printf 'frontend fe\\n bind {}\\n'; }} | \
             {program} -c -f {name}",
            free_addr()
        );
        let output = Command::new("sh").args(["-c", &script]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{name}: {said}");
    }
}

fn features_are_known_by_their_names(kind: Kind) {
    let works = "ACCEPT4 CPU_AFFINITY EPOLL GETADDRINFO LINUX_SPLICE LINUX_TPROXY NETFILTER NS \
                 OPENSSL PRCTL PROMEX RT SYSTEMD TFO THREAD TPROXY";
    let (_, shown) = kind.run(&["-vv"]);
    let line = shown.lines().find(|line| line.starts_with("Feature list : ")).unwrap();
    let shown: Vec<_> = line.split_whitespace().collect();
    for name in works.split_whitespace() {
        let (status, output) = kind.run(&["-cc", &format!("feature({name})")]);
        assert_eq!(status.code(), Some(0), "{name}: {output}");
        assert!(shown.contains(&format!("+{name}").as_str()), "{name}: {line}");
    }
    for name in ["QUIC", "KQUEUE", "ENGINE", "nonsense"] {
        let (status, output) = kind.run(&["-cc", &format!("feature({name})")]);
        assert_eq!(status.code(), Some(1), "{name}: {output}");
        assert!(!shown.contains(&format!("+{name}").as_str()), "{name}: {line}");
    }
}

/// A process whose server is checked by `script`.
fn checking(kind: Kind, dir: &TempDir, script: &str, words: &[&str]) -> Process {
    use std::os::unix::fs::PermissionsExt as _;
    let program = dir.write("check", &format!("#!/bin/sh\n{script}\n"));
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let file = dir.write(
        "haproxy.cfg",
        &format!(
            "global\n external-check\n insecure-fork-wanted\n{} default_backend be\n\
             backend be\n option external-check\n external-check command {}\n \
             external-check path /usr/bin:/bin\n server s1 127.0.0.1:1 check inter 60s\n",
            text(free_addr()),
            program.display()
        ),
    );
    let mut args = vec!["-db".to_owned(), "-f".to_owned(), file.display().to_string()];
    args.extend(words.iter().map(|&word| word.to_owned()));
    Process::start(Spec {
        name: "checking",
        program: &kind.program(),
        args,
        user: None,
        env: Vec::new(),
        log: dir.join("output"),
    })
}

fn an_external_check_writes_where_its_process_does(kind: Kind) {
    for (words, is_shown) in [(["-V"].as_slice(), true), (&["-q"], false)] {
        let dir = TempDir::new();
        let done = dir.join("done");
        let script = format!("echo said; echo so >&2; : > {}", done.display());
        let process = checking(kind, &dir, &script, words);
        eventually("the check ran", || done.exists().then_some(()));
        let output = process.output();
        assert_eq!(output.contains("said\nso\n"), is_shown, "{words:?}: {output}");
    }
}

/// HAProxy's goes on.
#[test]
fn an_external_check_ends_with_a_process_that_is_killed() {
    let dir = TempDir::new();
    let (pid, now) = (dir.join("pid"), dir.join("now"));
    let script = format!(
        "echo $$ > {}; mv {} {}; exec sleep 600",
        now.display(),
        now.display(),
        pid.display()
    );
    let process = checking(Kind::Evenkeel, &dir, &script, &[]);
    let written = eventually("the check runs", || std::fs::read_to_string(&pid).ok());
    let check = Foreign(Pid::from_raw(written.trim().parse().unwrap()).unwrap());
    // Only the process itself, as the kernel does where memory runs out.
    process.signal(Signal::KILL);
    eventually("the check ends", || is_gone(check.0).then_some(()));
}

/// Ended, even if nobody has reaped it.
fn is_gone(pid: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
    stat.map_or(true, |stat| stat.contains(") Z "))
}

/// Puts a pipe in the place of a file: its reader waits for somebody who writes.
fn block(file: &Path) {
    std::fs::remove_file(file).unwrap();
    mknodat(CWD, file, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
}

/// HAProxy's master waits in the reading, and hears nothing.
#[test]
fn a_master_whose_file_does_not_end_hears_signals() {
    let server = Backend::greet("s1");
    let mut master = Master::start(Kind::Evenkeel, &server, "", &["-W"]);
    block(&master.dir.join("haproxy.cfg"));
    master.process.signal(Signal::USR2);
    let begun = "Reloading the configuration.";
    eventually("the reload begins", || master.process.output().contains(begun).then_some(()));
    assert_eq!(served_by(master.addr).unwrap(), "s1");
    master.process.signal(Signal::TERM);
    assert_eq!(master.process.wait().code(), Some(0));
}

#[test]
fn a_process_whose_file_does_not_end_hears_signals() {
    use std::os::unix::process::ExitStatusExt as _;
    for (signal, status) in [(Signal::TERM, Some(libc::SIGTERM)), (Signal::USR1, None)] {
        let (dir, addr) = (TempDir::new(), free_addr());
        let file = dir.write("haproxy.cfg", &text(addr));
        let mut process = Process::start(Spec {
            name: "blocked",
            program: &Kind::Evenkeel.program(),
            args: vec!["-f".to_owned(), file.display().to_string()],
            user: None,
            env: Vec::new(),
            log: dir.join("output"),
        });
        eventually("it listens", || is_listening(addr.port()).then_some(()));
        block(&file);
        process.signal(Signal::USR2);
        process.signal(signal);
        assert_eq!(process.wait().signal(), status, "{}", process.output());
    }
}
