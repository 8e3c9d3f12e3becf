//! What the process is given and how it behaves in it: CPUs, memory, directories, names, descriptors.

use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::Duration;

use crate::harness::api::{Api, rest};
use crate::harness::backend::Backend;
use crate::harness::client::served_by;
use crate::harness::dir::TempDir;
use crate::harness::port::{free_addr, is_listening};
use crate::harness::process::{Process, Spec};
use crate::harness::proxy::Kind;
use crate::harness::{PATIENCE, both, eventually};

both! {
    cpu_map_places_threads,
    cpu_maps_that_are_none_are_refused,
    memory_is_bounded,
    default_path_says_where_relative_names_begin,
    default_paths_that_are_none_are_refused,
    a_server_without_an_address_is_excused,
    stats_sockets_may_be_inherited,
}

/// A process that runs `text` with further words.
fn start(kind: Kind, dir: &TempDir, text: &str, words: &[&str]) -> Process {
    let file = dir.write("haproxy.cfg", text).display().to_string();
    let mut args = vec!["-db".to_owned(), "-f".to_owned(), file];
    args.extend(words.iter().map(|&word| word.to_owned()));
    Process::start(Spec {
        name: "process",
        program: &kind.program(),
        args,
        user: None,
        env: Vec::new(),
        log: dir.join("output"),
    })
}

fn text(addr: SocketAddr, global: &str) -> String {
    format!(
        "global\n nbthread 2\n{global}\ndefaults\n mode tcp\n timeout connect 5s\n \
         timeout client 30s\n timeout server 30s\nfrontend fe\n bind {addr}\n"
    )
}

/// The CPUs that threads of a process may run on, as the kernel writes them.
fn placed(pid: u32) -> Vec<String> {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let of = |status: String| {
        let line = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
        line.map(|list| list.trim().to_owned())
    };
    let statuses = threads.filter_map(|thread| {
        std::fs::read_to_string(thread.ok()?.path().join("status")).ok().and_then(of)
    });
    statuses.collect()
}

fn cpu_map_places_threads(kind: Kind) {
    let everywhere = placed(std::process::id()).swap_remove(0);
    if !everywhere.contains("0-1") && !everywhere.starts_with("0-") {
        // One CPU leaves nothing to choose.
        return;
    }
    let (dir, addr) = (TempDir::new(), free_addr());
    let process = start(kind, &dir, &text(addr, " cpu-map auto:1/1-2 1 0"), &[]);
    eventually("threads are placed", || {
        let placed = placed(process.pid());
        let has = |cpu: &str| placed.iter().any(|list| list == cpu);
        (has("0") && has("1")).then_some(())
    });
    drop(process);
    let addr = free_addr();
    let process = start(kind, &dir, &text(addr, " cpu-map 1/odd 1"), &[]);
    eventually("one thread is placed", || {
        let placed = placed(process.pid());
        let one = placed.iter().filter(|list| *list == "1").count();
        let others = placed.iter().filter(|list| **list == everywhere).count();
        (one == 1 && others == placed.len() - 1 && others > 0).then_some(())
    });
}

fn cpu_maps_that_are_none_are_refused(kind: Kind) {
    let dir = TempDir::new();
    for line in ["1/1", "x 0", "1/1 x", "1/70 0", "auto:1/1-2 0-2", "1/1 all", "1/1 4096"] {
        let text = text(free_addr(), &format!(" cpu-map {line}"));
        let file = dir.write("haproxy.cfg", &text).display().to_string();
        let (status, output) = kind.run(&["-c", "-f", &file]);
        assert_eq!(status.code(), Some(1), "{line}: {output}");
        assert!(output.contains("cpu-map"), "{line}: {output}");
    }
}

fn memory_is_bounded(kind: Kind) {
    let (dir, addr) = (TempDir::new(), free_addr());
    let process = start(kind, &dir, &text(addr, ""), &["-m", "3000"]);
    eventually("it listens", || is_listening(addr.port()).then_some(()));
    eventually("it is bounded", || {
        let limits = std::fs::read_to_string(format!("/proc/{}/limits", process.pid())).ok()?;
        let line = limits.lines().find(|line| line.starts_with("Max address space"))?;
        line.contains(&(3000_u64 << 20).to_string()).then_some(())
    });
}

/// Relative to what `global` says, a list is found or not.
fn finds(kind: Kind, dir: &TempDir, global: &str, list: &str) -> (bool, String) {
    std::fs::create_dir_all(dir.join("etc/sub")).unwrap();
    std::fs::create_dir_all(dir.join("other")).unwrap();
    for place in ["etc/sub/config.lst", "etc/parent.lst", "other/origin.lst", "current.lst"] {
        dir.write(place, "192.0.2.0/24\n");
    }
    let rule = format!(" tcp-request connection reject if {{ src -f {list} }}\n");
    dir.write("etc/sub/haproxy.cfg", &(text(free_addr(), global) + &rule));
    let output = Command::new(kind.program())
        .args(["-c", "-f", "etc/sub/haproxy.cfg"])
        .current_dir(dir.path())
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

fn default_path_says_where_relative_names_begin(kind: Kind) {
    let dir = TempDir::new();
    let origin = format!(" default-path origin {}", dir.join("other").display());
    let modes = [
        ("", "current.lst"),
        (" default-path current", "current.lst"),
        (" default-path config", "config.lst"),
        (" default-path parent", "parent.lst"),
        (" default-path origin other", "origin.lst"),
        (&origin, "origin.lst"),
    ];
    for (global, here) in modes {
        for (_, list) in modes {
            let (found, said) = finds(kind, &dir, global, list);
            assert_eq!(found, list == here, "{global} {list}: {said}");
        }
    }
}

fn default_paths_that_are_none_are_refused(kind: Kind) {
    let dir = TempDir::new();
    let absolute = dir.join("current.lst").display().to_string();
    for mode in ["", "home", "origin", "origin nowhere"] {
        let (found, said) = finds(kind, &dir, &format!(" default-path {mode}"), &absolute);
        assert!(!found && said.contains("default-path"), "{mode}: {said}");
    }
}

fn a_server_without_an_address_is_excused(kind: Kind) {
    let (dir, addr) = (TempDir::new(), free_addr());
    let server = Backend::greet("s2");
    let text = format!(
        "{} default_backend be\nbackend be\n server s1 no-such-host.invalid:1\n server s2 {}\n",
        text(addr, ""),
        server.addr
    );
    let file = dir.write("haproxy.cfg", &text).display().to_string();
    let (status, output) = kind.run(&["-c", "-f", &file]);
    assert_eq!(status.code(), Some(1), "{output}");
    let _process = start(kind, &dir, &text, &["-dr"]);
    eventually("it listens", || is_listening(addr.port()).then_some(()));
    for _ in 0..4 {
        assert!(served_by(addr).unwrap().contains("s2"));
    }
}

/// Of both families: a shell opens them and becomes the proxy.
fn stats_sockets_may_be_inherited(kind: Kind) {
    let (dir, addr) = (TempDir::new(), free_addr());
    let path = dir.join("inherited.sock");
    let file = dir.write("haproxy.cfg", &text(addr, " stats socket fd@7 level admin"));
    let script = "import os, socket, sys\n\
                  s = socket.socket(socket.AF_UNIX)\n\
                  s.bind(sys.argv[1]); s.listen(5)\n\
                  os.dup2(s.fileno(), 7)\n\
                  os.execvp(sys.argv[2], sys.argv[2:])\n";
    let words = [
        "-c",
        script,
        &path.display().to_string(),
        &kind.program().display().to_string(),
        "-db",
        "-f",
        &file.display().to_string(),
    ];
    let process = Process::start(Spec {
        name: "heir",
        program: "python3".as_ref(),
        args: words.map(str::to_owned).to_vec(),
        user: None,
        env: Vec::new(),
        log: dir.join("output"),
    });
    eventually("it listens", || is_listening(addr.port()).then_some(()));
    let mut stream = UnixStream::connect(&path).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    std::io::Write::write_all(&mut stream, b"show cli level\n").unwrap();
    assert_eq!(rest(&mut stream), "admin\n\n", "{}", process.output());
}

/// What the workers of `pid` have used of their CPUs, in nanoseconds.
fn used_by_workers(pid: u32) -> u64 {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
    let read = |path: std::path::PathBuf| std::fs::read_to_string(path).unwrap_or_default();
    let workers = threads.filter(|thread| read(thread.path().join("comm")).starts_with("worker-"));
    let used = |text: String| text.split(' ').next()?.parse::<u64>().ok();
    workers.filter_map(|worker| used(read(worker.path().join("schedstat")))).sum()
}

#[test]
fn who_polls_busily_spins_after_activity_and_sleeps_in_the_end() {
    let server = Backend::greet("s1");
    for (words, is_on) in [("busy-polling", true), ("no busy-polling", false)] {
        let (dir, addr, api) = (TempDir::new(), free_addr(), Api::new());
        let global = format!("{}{words}\n", api.lines());
        let text = text(addr, &global)
            + &format!(" default_backend b\nbackend b\n server s {}\n", server.addr);
        let process = start(Kind::Evenkeel, &dir, &text, &[]);
        eventually("it serves", || served_by(addr).ok());
        let info = api.ask("show info");
        assert_eq!(info.contains("BusyPolling: 1\n"), is_on, "{info}");
        let before = used_by_workers(process.pid());
        served_by(addr).unwrap();
        if is_on {
            let spun = Duration::from_millis(300).as_nanos();
            eventually("it spins", || {
                let used = used_by_workers(process.pid()) - before;
                (u128::from(used) > spun).then_some(())
            });
        }
        eventually("it sleeps", || {
            let used = used_by_workers(process.pid());
            std::thread::sleep(Duration::from_millis(200));
            (used == used_by_workers(process.pid())).then_some(())
        });
        served_by(addr).unwrap();
    }
}
