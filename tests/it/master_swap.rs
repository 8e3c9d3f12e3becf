//! A master of HAProxy's whose file becomes ours, and the other way round: `systemctl reload` right after
//! the package was changed. No client notices, and no worker is left behind.

use std::fs;
use std::path::Path;

use rustix::process::Signal;

use crate::harness::backend::Backend;
use crate::harness::client::{Client, served_by};
use crate::harness::dir::TempDir;
use crate::harness::eventually;
use crate::harness::load::Load;
use crate::harness::port::free_addr;
use crate::harness::process::{Process, Spec};
use crate::harness::proxy::Kind;
use crate::master_program::{Installed, below, found, runs};

/// The file of the other program.
fn bytes(kind: Kind) -> Vec<u8> {
    fs::read(found(&kind.program())).unwrap()
}

impl Installed {
    /// The worker, once it runs the file that is there now and no other worker is left.
    #[track_caller]
    fn settled(&self) -> u32 {
        eventually("one worker of the new program is left", || {
            let table = self.ask("show proc")?;
            let worker = *below(&table, "# workers").first()?;
            (runs(worker, &self.program) && below(&table, "# old workers").is_empty())
                .then_some(worker)
        })
    }
}

impl Installed {
    fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.process.pid())).unwrap().count()
    }
}

fn swaps(first: Kind, second: Kind) {
    let server = Backend::mysql("s1");
    let mut installed = Installed::start(first, &server);
    let load = Load::start(installed.addr, 500);
    eventually("it serves", || (load.so_far().served("s1") > 100).then_some(()));
    let mut descriptors = None;
    for kind in [second, first, second] {
        let former = below(&installed.told("show proc"), "# workers")[0];
        let mut kept = Client::connect(installed.addr);
        installed.replace(&bytes(kind));
        installed.process.signal(Signal::USR2);
        eventually("the new program serves", || {
            let worker = *below(&installed.ask("show proc")?, "# workers").first()?;
            (worker != former && runs(worker, &installed.program)).then_some(())
        });
        assert!(runs(installed.process.pid(), &installed.program));
        kept.half_close();
        kept.drain();
        assert_ne!(installed.settled(), former);
        if kind == second {
            let most = *descriptors.get_or_insert_with(|| installed.descriptors());
            eventually("no descriptor is left", || (installed.descriptors() <= most).then_some(()));
        }
        let before = load.so_far().served("s1");
        eventually("it goes on", || (load.so_far().served("s1") > before + 100).then_some(()));
    }
    let errors = load.finish().errors();
    assert!(errors.is_empty(), "{errors:?}\n{}", installed.process.output());
    installed.process.signal(Signal::TERM);
    assert_eq!(installed.process.wait().code(), Some(0), "{}", installed.process.output());
}

#[test]
fn haproxy_s_master_becomes_ours_and_its_own_again() {
    swaps(Kind::Haproxy, Kind::Evenkeel);
}

#[test]
fn our_master_becomes_haproxy_s_and_ours_again() {
    swaps(Kind::Evenkeel, Kind::Haproxy);
}

/// HAProxy does not try a program before it starts it.
#[test]
fn haproxy_s_worker_serves_on_where_our_master_cannot_load() {
    let server = Backend::greet("s1");
    let installed = Installed::start(Kind::Haproxy, &server);
    let worker = below(&installed.told("show proc"), "# workers");
    let text = fs::read_to_string(&installed.file).unwrap();
    fs::write(&installed.file, format!("{text}\nnonsense\n")).unwrap();
    installed.replace(&bytes(Kind::Evenkeel));
    installed.process.signal(Signal::USR2);
    let table = installed.reloaded("1 [failed: 1]");
    assert_eq!(below(&table, "# workers"), worker, "{table}");
    assert!(runs(installed.process.pid(), &installed.program));
    assert_eq!(served_by(installed.addr).unwrap(), "s1");
    fs::write(&installed.file, text).unwrap();
    installed.process.signal(Signal::USR2);
    assert_ne!(vec![installed.settled()], worker);
    assert_eq!(served_by(installed.addr).unwrap(), "s1");
}

#[test]
fn a_former_worker_of_haproxy_s_answers() {
    let server = Backend::mysql("s1");
    let installed = Installed::start(Kind::Haproxy, &server);
    let former = below(&installed.told("show proc"), "# workers")[0];
    let mut kept = Client::connect(installed.addr);
    installed.replace(&bytes(Kind::Evenkeel));
    installed.process.signal(Signal::USR2);
    eventually("ours has another one", || {
        let table = installed.ask("show proc")?;
        (below(&table, "# old workers") == [former]).then_some(())
    });
    let said = installed.told(&format!("@!{former} show info"));
    assert!(said.contains("Version: 2."), "{said}");
    assert!(said.contains(&format!("\nPid: {former}\n")), "{said}");
    let said = installed.told(&format!("operator; @!{former} show info"));
    assert!(said.contains(&format!("\nPid: {former}\n")), "{said}");
    let said = installed.told(&format!("operator; @!{former} disable server be/s1"));
    assert!(said.contains("Permission denied"), "{said}");
    kept.half_close();
    kept.drain();
    installed.settled();
}

/// What HAProxy's master was started with may be unknown here.
#[test]
fn a_flag_that_is_unknown_does_not_end_a_master() {
    let dir = TempDir::new();
    let text = format!("listen l\n mode tcp\n bind {}\n", free_addr());
    let file = dir.write("haproxy.cfg", &text).display().to_string();
    let program = Kind::Evenkeel.program().display().to_string();
    let left = "|type=m;fd=-1;pid=$$;reloads=1;failedreloads=0;timestamp=0;id=;version=2.9";
    let script = format!(
        "HAPROXY_MWORKER_REEXEC=1 HAPROXY_PROCESSES=\"{left}\" exec {program} -W -Z -f {file}"
    );
    let mut process = Process::start(Spec {
        name: "master",
        program: Path::new("/bin/sh"),
        args: vec!["-c".to_owned(), script],
        user: None,
        env: Vec::new(),
        log: dir.join("output"),
    });
    for refused in 1..=2 {
        eventually("the reload is refused", || {
            let output = process.output();
            let count = output.matches("Reload refused: nothing was changed.").count();
            (output.contains("unknown option '-Z'") && count == refused).then_some(())
        });
        assert_eq!(process.ended(), None, "{}", process.output());
        process.signal(Signal::USR2);
    }
    process.signal(Signal::TERM);
    assert_eq!(process.wait().code(), Some(0), "{}", process.output());
}
