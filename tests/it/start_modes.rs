//! Where a process runs: what the flags and the file say of the background; and what it must have read
//! before it changes its root.

use std::net::SocketAddr;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::Path;

use rustix::process::{Pid, Signal, kill_process};

use crate::harness::client::Client;
use crate::harness::dir::TempDir;
use crate::harness::port::{free_addr, is_listening};
use crate::harness::process::{Process, Spec, is_root};
use crate::harness::proxy::{Kind, Scene};
use crate::harness::syslog::Syslog;
use crate::harness::{PATIENCE, both, eventually};

both! {
    the_command_line_rules_the_file_and_the_background_rules_the_command_line,
    a_daemon_may_change_its_root,
    a_master_of_systemd_s_stays_where_the_file_says_daemon,
    log_lines_have_local_time_below_another_root,
    a_plain_file_gives_way_to_a_command_socket,
    each_address_that_cannot_be_had_is_told_with_its_line,
    the_master_s_own_address_is_told_like_others,
    what_is_refused_later_is_told_in_known_words,
}

/// Starts with `flags` and `global`, and waits until it listens.
fn start(kind: Kind, dir: &TempDir, global: &str, flags: &str, env: &[(&str, &Path)]) -> Process {
    start_at(free_addr(), kind, dir, global, flags, env)
}

fn start_at(
    addr: SocketAddr,
    kind: Kind,
    dir: &TempDir,
    global: &str,
    flags: &str,
    env: &[(&str, &Path)],
) -> Process {
    let text = format!(
        "global\n nbthread 1\n{global}\ndefaults\n mode tcp\n log global\n option tcplog\n timeout connect 5s\n \
         timeout client 30s\n timeout server 30s\nfrontend fe\n bind {addr}\n"
    );
    let file = dir.write("haproxy.cfg", &text).display().to_string();
    let pidfile = dir.join("pid").display().to_string();
    let mut args = ["-f", &file, "-p", &pidfile].map(str::to_owned).to_vec();
    args.extend(flags.split_whitespace().map(str::to_owned));
    let process = Process::start(Spec {
        name: "started",
        program: &kind.program(),
        args,
        user: None,
        env: env.iter().map(|(name, at)| ((*name).to_owned(), at.display().to_string())).collect(),
        log: dir.join("output"),
    });
    eventually("it listens", || is_listening(addr.port()).then_some(()));
    process
}

/// The process that a pidfile in `dir` names.
fn daemon(dir: &TempDir) -> Pid {
    let pid = std::fs::read_to_string(dir.join("pid")).unwrap();
    Pid::from_raw(pid.trim().parse().unwrap()).unwrap()
}

fn the_command_line_rules_the_file_and_the_background_rules_the_command_line(kind: Kind) {
    // | flags        | the file says nothing | the file says `daemon` |
    let table = [
        ("", false, true),
        ("-D", true, true),
        ("-db", false, false),
        ("-D -db", true, true),
        ("-d -D", true, true),
        ("-W", false, true),
        ("-Ws", false, false),
        ("-W -D -db", true, true),
        ("-Ws -D", true, true),
        ("-W -db", false, false),
    ];
    for (flags, silent, spoken) in table {
        for (global, is_daemon) in [("", silent), (" daemon", spoken)] {
            let dir = TempDir::new();
            let mut process = start(kind, &dir, global, flags, &[]);
            if is_daemon {
                assert_eq!(process.wait().code(), Some(0), "{flags:?} {global:?}");
                kill_process(daemon(&dir), Signal::TERM).unwrap();
            } else {
                // One that goes to the background has written who it is before anybody listens.
                let written = std::fs::read_to_string(dir.join("pid")).unwrap_or_default();
                let own = format!("{}\n", process.pid());
                assert!(written.is_empty() || written == own, "{flags:?} {global:?}: {written}");
                assert_eq!(process.ended(), None, "{flags:?} {global:?}");
                process.signal(Signal::TERM);
                process.wait();
            }
        }
    }
}

fn a_daemon_may_change_its_root(kind: Kind) {
    if !is_root() {
        return;
    }
    let (dir, root) = (TempDir::new(), TempDir::new());
    let global = format!(" daemon\n user nobody\n chroot {}", root.path().display());
    for flags in ["", "-W"] {
        let mut process = start(kind, &dir, &global, flags, &[]);
        assert_eq!(process.wait().code(), Some(0), "{}", process.output());
        let pid = daemon(&dir);
        let input = format!("/proc/{}/fd/0", pid.as_raw_nonzero());
        assert_eq!(std::fs::read_link(input).unwrap(), Path::new("/dev/null"));
        kill_process(pid, Signal::TERM).unwrap();
    }
}

fn a_master_of_systemd_s_stays_where_the_file_says_daemon(kind: Kind) {
    let dir = TempDir::new();
    let path = dir.join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut process = start(kind, &dir, " daemon", "-Ws", &[("NOTIFY_SOCKET", &path)]);
    let mut said = String::new();
    while !said.contains("READY=1") {
        let mut bytes = [0; 1024];
        let length = manager.recv(&mut bytes).unwrap_or_else(|error| panic!("{error}: {said}"));
        said.push_str(&String::from_utf8_lossy(&bytes[..length]));
    }
    assert_eq!(daemon(&dir).as_raw_nonzero().get().unsigned_abs(), process.pid());
    process.signal(Signal::TERM);
    assert_eq!(process.wait().code(), Some(0));
}

fn log_lines_have_local_time_below_another_root(kind: Kind) {
    const KOLKATA_MINUTES: i64 = 5 * 60 + 30;
    if !is_root() {
        return;
    }
    for flags in ["-db", "-W -db"] {
        let (dir, root, log) = (TempDir::new(), TempDir::new(), Syslog::udp());
        let port = log.port();
        let global = format!(" chroot {}\n log 127.0.0.1:{port} local0", root.path().display());
        let addr = free_addr();
        let env = [("TZ", Path::new("Asia/Kolkata"))];
        let process = start_at(addr, kind, &dir, &global, flags, &env);
        Client::connect(addr).drain();
        let line = log.expect(&["] fe fe/"]);
        let (_, date) = line.split_once('[').unwrap();
        let (hour, minute) = date["22/Nov/2026:".len()..].split_once(':').unwrap();
        let at = hour.parse::<i64>().unwrap() * 60 + minute[..2].parse::<i64>().unwrap();
        let since = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs() / 60;
        let behind = (i64::try_from(since).unwrap() + KOLKATA_MINUTES - at).rem_euclid(24 * 60);
        assert!(behind < 60, "{line}");
        drop(process);
    }
}

fn a_plain_file_gives_way_to_a_command_socket(kind: Kind) {
    let dir = TempDir::new();
    let path = dir.write("stats.sock", "not a socket");
    let _process = start(kind, &dir, &format!(" stats socket {}", path.display()), "-db", &[]);
    assert!(UnixStream::connect(&path).is_ok());
}

fn each_address_that_cannot_be_had_is_told_with_its_line(kind: Kind) {
    let dir = TempDir::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap();
    let missing = dir.join("missing/sock").display().to_string();
    let text = format!(
        "global\n stats socket {missing}\ndefaults\n mode tcp\nfrontend one\n bind {addr}\n \
         bind {missing}\nlisten two\n bind {addr} name x\n bind 192.0.2.1:1\n"
    );
    let file = dir.write("haproxy.cfg", &text).display().to_string();
    for flags in ["-db", "-W"] {
        let (status, output) = kind.run(&[flags, "-f", &file]);
        assert_eq!(status.code(), Some(1), "{output}");
        let in_use = format!("cannot bind socket (Address already in use) for [{addr}]");
        let unix = format!("cannot bind UNIX socket (No such file or directory) [{missing}]");
        let strange = "cannot bind socket (Cannot assign requested address) for [192.0.2.1:1]";
        for line in [
            format!("Binding [{file}:2] for frontend GLOBAL: {unix}"),
            format!("Binding [{file}:6] for frontend one: {in_use}"),
            format!("Binding [{file}:7] for frontend one: {unix}"),
            format!("Binding [{file}:9] for proxy two: {in_use}"),
            format!("Binding [{file}:10] for proxy two: {strange}"),
        ] {
            assert!(output.lines().any(|said| said.ends_with(&line)), "{line}\n{output}");
        }
    }
}

fn the_master_s_own_address_is_told_like_others(kind: Kind) {
    let dir = TempDir::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap();
    let text = format!("listen l\n mode tcp\n bind {}\n", free_addr());
    let file = dir.write("haproxy.cfg", &text).display().to_string();
    let (status, output) = kind.run(&["-W", "-S", &addr.to_string(), "-f", &file]);
    assert_eq!(status.code(), Some(1), "{output}");
    let said = "Binding [master-socket:0] for proxy MASTER: cannot bind socket (Address already";
    assert!(output.contains(said), "{output}");
}

fn what_is_refused_later_is_told_in_known_words(kind: Kind) {
    if !is_root() {
        return;
    }
    let dir = TempDir::new();
    let missing = dir.join("missing/x").display().to_string();
    for (global, flags, words) in [
        ("chroot", "-db", format!("Cannot chroot({missing})")),
        ("pidfile", "-D", format!("Cannot create pidfile {missing}")),
    ] {
        let bind = free_addr();
        let text = format!("global\n {global} {missing}\nlisten l\n mode tcp\n bind {bind}\n");
        let file = dir.write("haproxy.cfg", &text).display().to_string();
        let (status, output) = kind.run(&[flags, "-f", &file]);
        assert_eq!(status.code(), Some(1), "{output}");
        let line = output.lines().find(|line| line.contains(&words));
        let place = format!("[{file}:2] ");
        let has_place = kind == Kind::Haproxy || line.is_some_and(|line| line.contains(&place));
        assert!(line.is_some() && has_place, "{output}");
    }
}

#[test]
fn the_key_of_an_address_in_use_is_told() {
    let dir = TempDir::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap();
    let text = format!(
        "[frontend.web]\nbackend = \"b\"\n\nbind = \"{addr}\"\n\n[backend.b]\n\
         server.s = \"127.0.0.1:1\"\n"
    );
    let file = dir.write("web.toml", &text).display().to_string();
    let (status, output) = Kind::Evenkeel.run(&["run", &file]);
    assert_eq!(status.code(), Some(1), "{output}");
    let said = format!("Binding [{file}:4] for frontend web: cannot bind socket (Address already");
    assert!(output.contains(&said), "{output}");
}

/// HAProxy says so of every proxy, since a process of before ends.
#[test]
fn a_reload_logs_which_proxies_are_gone() {
    let scene = Scene::new(Kind::Evenkeel).reloadable().defaults("maxconn 100");
    let proxy = scene.backend("server s1 127.0.0.1:1").start();
    let text = proxy.text();
    let more = format!("{text}listen gone\n bind {}\n server s1 127.0.0.1:1\n", free_addr());
    let loaded = |wanted: usize| {
        eventually("it is loaded", || {
            (proxy.process.output().matches("Loading success.").count() == wanted).then_some(())
        });
    };
    loaded(1);
    proxy.reload(&more, Signal::USR2);
    loaded(2);
    assert_eq!(proxy.log.count("Proxy gone stopped"), 0);
    proxy.reload(&text, Signal::USR2);
    proxy.log.expect(&["Proxy gone stopped (cumulated conns: FE: "]);
    proxy.log.expect(&["Configuration reloaded: ", "1 listener(s) closed"]);
    assert_eq!(proxy.log.count("Proxy fe stopped"), 0);
}
