//! Evenkeel with a file in its own language.

use std::net::SocketAddr;

use super::dir::TempDir;
use super::eventually;
use super::port::is_listening;
use super::process::{Process, Spec};
use super::proxy::Kind;

/// Runs `evenkeel run -c` on `text`, as `evenkeel.toml` in `dir`, and waits until it listens on `addr`.
#[track_caller]
pub(crate) fn run(dir: &TempDir, text: &str, addr: SocketAddr) -> Process {
    dir.write("evenkeel.toml", text);
    run_again(dir, addr)
}

/// The same with the file that is there.
#[track_caller]
pub(crate) fn run_again(dir: &TempDir, addr: SocketAddr) -> Process {
    let file = dir.join("evenkeel.toml");
    let mut process = Process::start(Spec {
        name: "evenkeel",
        program: &Kind::Evenkeel.program(),
        args: vec!["run".to_owned(), "-c".to_owned(), file.display().to_string()],
        user: None,
        env: Vec::new(),
        log: dir.join("output"),
    });
    eventually("it listens or ends", || {
        (is_listening(addr.port()) || process.ended().is_some()).then_some(())
    });
    let text = std::fs::read_to_string(&file).unwrap();
    assert_eq!(process.ended(), None, "{}\n{text}", process.output());
    process
}
