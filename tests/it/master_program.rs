//! A master whose program file is replaced: a reload starts the new file, and nobody notices but `show
//! proc`.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::process::Signal;

use crate::harness::backend::Backend;
use crate::harness::client::Client;
use crate::harness::dir::TempDir;
use crate::harness::load::Load;
use crate::harness::port::{free_addr, is_listening};
use crate::harness::process::{Process, Spec};
use crate::harness::proxy::Kind;
use crate::harness::{both, eventually};

both! {
    a_reload_starts_the_file_that_is_there_now,
    sessions_of_before_end_in_the_former_worker,
    a_worker_that_survives_too_many_reloads_is_ended,
}

/// A master that runs a copy of the program.
pub(crate) struct Installed {
    pub(crate) process: Process,
    dir: TempDir,
    pub(crate) program: PathBuf,
    pub(crate) addr: SocketAddr,
    pub(crate) file: PathBuf,
}

impl Installed {
    pub(crate) fn start(kind: Kind, server: &Backend) -> Self {
        Self::start_with(kind, server, "")
    }

    fn start_with(kind: Kind, server: &Backend, global: &str) -> Self {
        let (dir, addr) = (TempDir::new(), free_addr());
        let program = dir.join("haproxy");
        fs::copy(found(&kind.program()), &program).unwrap();
        let text = format!(
            "global\n nbthread 2\n stats socket {} level admin expose-fd listeners\n{global}\ndefaults\n \
             mode tcp\n timeout connect 5s\n timeout client 30s\n timeout server 30s\n\
             frontend fe\n bind {addr}\n default_backend be\nbackend be\n server s1 {}\n",
            dir.join("stats.sock").display(),
            server.addr
        );
        let file = dir.write("haproxy.cfg", &text);
        let socket = dir.join("master.sock");
        let mut args =
            ["-W", "-db", "-S", &socket.display().to_string(), "-f"].map(str::to_owned).to_vec();
        args.push(file.display().to_string());
        let process = Process::start(Spec {
            name: "installed master",
            program: &program,
            args,
            user: None,
            env: Vec::new(),
            log: dir.join("output"),
        });
        eventually("it serves", || {
            (is_listening(addr.port()) && process.output().contains("Loading success"))
                .then_some(())
        });
        Self { process, dir, program, addr, file }
    }

    /// Puts other bytes where the program is, as a package manager does.
    pub(crate) fn replace(&self, bytes: &[u8]) {
        let new = self.dir.join("haproxy.new");
        fs::write(&new, bytes).unwrap();
        fs::set_permissions(&new, fs::Permissions::from_mode(0o755)).unwrap();
        fs::rename(&new, &self.program).unwrap();
    }

    /// The same program in another file.
    fn upgrade(&self) {
        self.replace(&fs::read(&self.program).unwrap());
    }

    /// What the master says to `commands`, once it says something.
    pub(crate) fn ask(&self, commands: &str) -> Option<String> {
        use std::io::{Read, Write};
        let path = self.dir.join("master.sock");
        let mut stream = std::os::unix::net::UnixStream::connect(path).ok()?;
        stream.set_read_timeout(Some(crate::harness::PATIENCE)).ok()?;
        stream.write_all(format!("{commands}\n").as_bytes()).ok()?;
        stream.shutdown(std::net::Shutdown::Write).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }

    /// As [`Self::ask`], of a master that may be starting anew: haproxy's resets connections then, also
    /// once after its first start.
    #[track_caller]
    pub(crate) fn told(&self, commands: &str) -> String {
        eventually(commands, || self.ask(commands).filter(|answer| !answer.is_empty()))
    }

    /// Waits until `show proc` has this many reloads, and yields it.
    #[track_caller]
    pub(crate) fn reloaded(&self, wanted: &str) -> String {
        eventually(wanted, || {
            let answer = self.ask("show proc")?;
            let line = format!("master          {wanted:<15}");
            answer.lines().nth(1)?.contains(&line).then_some(answer)
        })
    }
}

/// The process ids below a heading of `show proc`.
pub(crate) fn below(table: &str, heading: &str) -> Vec<u32> {
    let lines = table.lines().skip_while(|line| *line != heading).skip(1);
    let own = lines.take_while(|line| !line.starts_with('#') && !line.is_empty());
    own.filter_map(|line| line.split_whitespace().next()?.parse().ok()).collect()
}

/// Where a program is that stands in the search path.
pub(crate) fn found(program: &Path) -> PathBuf {
    if program.components().count() > 1 {
        return program.to_owned();
    }
    let path = std::env::var_os("PATH").unwrap();
    let mut places = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
    places.find_map(|place| Some(place.join(program)).filter(|file| file.is_file())).unwrap()
}

/// Whether the process runs the file that is at `path` now.
pub(crate) fn runs(pid: u32, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let inode = |path: &Path| fs::metadata(path).unwrap().ino();
    inode(Path::new(&format!("/proc/{pid}/exe"))) == inode(path)
}

fn a_reload_starts_the_file_that_is_there_now(kind: Kind) {
    let installed = Installed::start(kind, &Backend::greet("s1"));
    let master = installed.process.pid();
    assert!(runs(master, &installed.program));
    for round in 1..=2 {
        installed.upgrade();
        assert!(!runs(master, &installed.program));
        installed.process.signal(Signal::USR2);
        let table = installed.reloaded(&format!("{round} [failed: 0]"));
        let workers = below(&table, "# workers");
        assert_eq!(workers.len(), 1, "{table}");
        assert!(runs(master, &installed.program), "{table}");
        assert!(runs(workers[0], &installed.program), "{table}");
        assert!(installed.told("@1 show info").contains("\nPid: "));
        eventually("the former one ends", || {
            below(&installed.ask("show proc")?, "# old workers").is_empty().then_some(())
        });
    }
    assert!(!installed.process.output().contains("[ALERT]"), "{}", installed.process.output());
}

fn sessions_of_before_end_in_the_former_worker(kind: Kind) {
    let server = Backend::echo();
    let installed = Installed::start(kind, &server);
    let mut kept = Client::connect(installed.addr);
    kept.ping("before");
    let former = below(&installed.told("show proc"), "# workers")[0];
    installed.upgrade();
    installed.process.signal(Signal::USR2);
    let table = installed.reloaded("1 [failed: 0]");
    assert_eq!(below(&table, "# old workers"), [former], "{table}");
    assert!(!below(&table, "# workers").contains(&former), "{table}");
    let of_former = installed.told(&format!("@!{former} show info"));
    assert!(of_former.contains(&format!("\nPid: {former}\n")), "{of_former}");
    kept.ping("after");
    let mut new = Client::connect(installed.addr);
    new.ping("new");
    drop(kept);
    eventually("the former one ends", || {
        below(&installed.ask("show proc")?, "# old workers").is_empty().then_some(())
    });
    new.ping("still there");
}

fn a_worker_that_survives_too_many_reloads_is_ended(kind: Kind) {
    let server = Backend::echo();
    let installed = Installed::start_with(kind, &server, " mworker-max-reloads 1");
    let mut kept = Client::connect(installed.addr);
    kept.ping("before");
    let former = below(&installed.told("show proc"), "# workers")[0];
    installed.upgrade();
    installed.process.signal(Signal::USR2);
    let table = installed.reloaded("1 [failed: 0]");
    assert_eq!(below(&table, "# old workers"), [former], "{table}");
    kept.ping("once");
    installed.process.signal(Signal::USR2);
    installed.reloaded("2 [failed: 0]");
    kept.drain();
    eventually("it is gone", || {
        (!below(&installed.ask("show proc")?, "# old workers").contains(&former)).then_some(())
    });
}

/// As in place: a change of the program refuses and drops nobody.
#[test]
fn nobody_is_refused_while_the_program_changes() {
    let server = Backend::mysql("s1");
    let installed = Installed::start(Kind::Evenkeel, &server);
    let load = Load::start(installed.addr, 1_000);
    eventually("it serves", || (load.so_far().served("s1") > 200).then_some(()));
    installed.upgrade();
    installed.process.signal(Signal::USR2);
    installed.reloaded("1 [failed: 0]");
    let before = load.so_far().served("s1");
    eventually("the new one serves", || (load.so_far().served("s1") > before + 200).then_some(()));
    let errors = load.finish().errors();
    assert!(errors.is_empty(), "{errors:?}\n{}", installed.process.output());
}

/// What the former program held open is held once, or not at all.
#[test]
fn descriptors_do_not_pile_up() {
    let installed = Installed::start(Kind::Evenkeel, &Backend::greet("s1"));
    let count = |pid: u32| fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count();
    let mut counts = Vec::new();
    for round in 1..=4 {
        installed.upgrade();
        installed.process.signal(Signal::USR2);
        let table = installed.reloaded(&format!("{round} [failed: 0]"));
        eventually("the former one ends", || {
            below(&installed.ask("show proc")?, "# old workers").is_empty().then_some(())
        });
        let worker = below(&table, "# workers")[0];
        counts.push((count(installed.process.pid()), count(worker)));
    }
    // The first one had nothing to adopt.
    let (master, worker) = counts[1];
    assert!(counts[3].0 <= master + 2 && counts[3].1 <= worker + 2, "{counts:?}");
}

/// Programs that cannot be started, that end badly, that refuse the file: the former one serves, says
/// why, and the next one is taken.
#[test]
fn a_program_that_will_not_do_changes_nothing() {
    let server = Backend::greet("s1");
    let installed = Installed::start(Kind::Evenkeel, &server);
    let good = fs::read(&installed.program).unwrap();
    let table = installed.told("show proc");
    let worker = below(&table, "# workers");
    let bad: [(&[u8], &str); 3] = [
        (b"\x7fELF nonsense", "cannot start"),
        (b"#!/bin/sh\nkill -SEGV $$\n", "does not take the configuration"),
        (b"#!/bin/sh\necho 'unknown keyword'; exit 1\n", "unknown keyword"),
    ];
    for (round, (bytes, why)) in bad.into_iter().enumerate() {
        installed.replace(bytes);
        let said = installed.ask("reload").unwrap();
        assert!(said.starts_with("Success=0\n--\n") && said.contains(why), "{why}: {said}");
        let table = installed.reloaded(&format!("{0} [failed: {0}]", round + 1));
        assert_eq!(below(&table, "# workers"), worker, "{table}");
        assert!(crate::harness::client::served_by(installed.addr).is_ok());
    }
    installed.replace(&good);
    installed.process.signal(Signal::USR2);
    let table = installed.reloaded("4 [failed: 0]");
    assert_ne!(below(&table, "# workers"), worker, "{table}");
    assert!(crate::harness::client::served_by(installed.addr).is_ok());
}

/// The file is good when the new program is tried and bad when it starts: the former worker serves on
/// under the new master, until a reload succeeds.
#[test]
fn the_former_worker_serves_on_where_the_new_master_cannot_load() {
    let server = Backend::greet("s1");
    let installed = Installed::start(Kind::Evenkeel, &server);
    let worker = below(&installed.told("show proc"), "# workers");
    let real = installed.dir.join("real");
    fs::copy(&installed.program, &real).unwrap();
    let text = fs::read_to_string(&installed.file).unwrap();
    // Checks with the file as it is; what runs then finds it broken.
    let script = format!(
        "#!/bin/sh\nif [ \"$1\" != -c ]; then echo nonsense >> {file}; fi\nexec {real} \"$@\"\n",
        file = installed.file.display(),
        real = real.display()
    );
    installed.replace(script.as_bytes());
    installed.process.signal(Signal::USR2);
    let table = installed.reloaded("1 [failed: 1]");
    assert_eq!(below(&table, "# workers"), worker, "{table}");
    assert!(runs(installed.process.pid(), &real));
    assert!(crate::harness::client::served_by(installed.addr).is_ok());
    assert!(installed.told("@1 show info").contains("\nPid: "));
    fs::write(&installed.file, text).unwrap();
    fs::rename(&real, &installed.program).unwrap();
    installed.process.signal(Signal::USR2);
    let table = installed.reloaded("2 [failed: 0]");
    assert_ne!(below(&table, "# workers"), worker, "{table}");
    assert!(crate::harness::client::served_by(installed.addr).is_ok());
}

/// A signal that arrives while the program changes ends nobody.
#[test]
fn signals_meanwhile_are_not_deadly() {
    let server = Backend::greet("s1");
    let mut installed = Installed::start(Kind::Evenkeel, &server);
    installed.upgrade();
    for _ in 0..200 {
        installed.process.signal(Signal::USR2);
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    eventually("a new worker serves", || {
        let table = installed.ask("show proc")?;
        let worker = *below(&table, "# workers").first()?;
        (runs(worker, &installed.program) && below(&table, "# old workers").is_empty())
            .then_some(())
    });
    assert!(crate::harness::client::served_by(installed.addr).is_ok());
    installed.process.signal(Signal::TERM);
    assert_eq!(installed.process.wait().code(), Some(0));
}
