//! `evenkeel demo`, as a user runs it: what it prints, how it exits, and what it leaves behind.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use rustix::process::Signal;

use crate::harness::dir::TempDir;
use crate::harness::eventually;
use crate::harness::process::{Process, Spec};
use crate::harness::proxy::Kind;

/// A running demo with a directory of its own for temporary files.
struct Demo {
    process: Process,
    dir: TempDir,
}

impl Demo {
    fn start(args: &[&str]) -> Self {
        let dir = TempDir::new();
        fs::create_dir(dir.join("tmp")).unwrap();
        let program = Kind::Evenkeel.program();
        let process = Process::start(Spec {
            name: "demo",
            program: &program,
            args: [&["demo"], args].concat().into_iter().map(str::to_owned).collect(),
            user: None,
            env: vec![("TMPDIR".to_owned(), dir.join("tmp").display().to_string())],
            log: dir.join("output"),
        });
        Self { process, dir }
    }

    fn wait_for(&self, text: &str) {
        eventually(text, || self.process.output().contains(text).then_some(()));
    }

    /// Its child processes, by their directory in /proc.
    fn children(&self) -> Vec<PathBuf> {
        let parent = format!("PPid:\t{}\n", self.process.pid());
        let processes = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
        let child = |path: &PathBuf| {
            fs::read_to_string(path.join("status")).is_ok_and(|status| status.contains(&parent))
        };
        processes.filter(child).collect()
    }

    /// Waits for its end, and that nothing of it stays.
    fn end(mut self, children: &[PathBuf]) -> (ExitStatus, String) {
        let status = self.process.wait();
        for child in children {
            eventually("a child ends with the demo", || (!is_running(child)).then_some(()));
        }
        let left = fs::read_dir(self.dir.join("tmp")).unwrap().count();
        assert_eq!(left, 0, "temporary files are left");
        (status, self.process.output())
    }
}

/// A zombie that its new parent has not buried yet does not run.
fn is_running(process: &Path) -> bool {
    fs::read_to_string(process.join("status"))
        .is_ok_and(|status| !status.contains("State:\tZ") && !status.contains("State:\tX"))
}

#[test]
fn one_kill_costs_no_client_an_error() {
    let demo = Demo::start(&["--once"]);
    demo.wait_for("the primary serves");
    let children = demo.children();
    assert_eq!(children.len(), 3, "{children:?}");
    let (status, output) = demo.end(&children);
    assert_eq!(status.code(), Some(0), "{output}");
    for fact in [
        "[backend.demo]",
        "metrics  http://127.0.0.1:",
        "the primary is dead",
        "the backup serves, ",
        "the primary is started again",
        "\n0 errors (no answer, or a broken one), 0 cut",
        "\n1 shift to the backup, ",
        "\n1 shift to the primary, ",
    ] {
        assert!(output.contains(fact), "{fact}: {output}");
    }
    assert!(output.lines().all(|line| line.len() < 80 || line.contains("/demo.toml")), "{output}");
}

#[test]
fn an_interrupt_sums_up_and_leaves_nothing() {
    let demo = Demo::start(&[]);
    demo.wait_for("the backup serves");
    let children = demo.children();
    demo.process.signal(Signal::INT);
    let (status, output) = demo.end(&children);
    assert_eq!(status.code(), Some(0), "{output}");
    assert!(output.contains("\n1 shift to the backup, "), "{output}");
    assert!(output.contains("\nno shift to the primary\n"), "{output}");
}

#[test]
fn an_interrupted_single_run_proves_nothing() {
    let demo = Demo::start(&["--once"]);
    demo.wait_for("the primary serves");
    let children = demo.children();
    demo.process.signal(Signal::TERM);
    let (status, output) = demo.end(&children);
    assert_eq!(status.code(), Some(1), "{output}");
    assert!(output.contains("no shift to the backup\n"), "{output}");
}

#[test]
fn a_killed_demo_takes_its_children_along() {
    let demo = Demo::start(&[]);
    demo.wait_for("the primary serves");
    let children = demo.children();
    assert_eq!(children.len(), 3, "{children:?}");
    demo.process.signal(Signal::KILL);
    for child in &children {
        eventually("a child ends with the demo", || (!is_running(child)).then_some(()));
    }
}

#[test]
fn a_demo_that_cannot_start_says_why() {
    let dir = TempDir::new();
    let program = Kind::Evenkeel.program();
    let output = std::process::Command::new(program)
        .args(["demo", "--once"])
        .env("TMPDIR", dir.join("missing"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("evenkeel demo: cannot make the directory"), "{said}");
}
