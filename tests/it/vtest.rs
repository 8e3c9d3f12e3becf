//! HAProxy's own way of testing: `varnishtest` starts the program exactly as it starts HAProxy.
//!
//! The scenario files are those of `haproxy-compat/tests/vtc`; each must pass with both programs, but for
//! [`EVENKEEL_ALONE`].

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::both;
use crate::harness::dir::TempDir;
use crate::harness::proxy::Kind;

/// Under `-d`, which `varnishtest` always gives, HAProxy 2.6 does not follow a reload.
const EVENKEEL_ALONE: &[&str] = &["reload.vtc"];

both! {
    all_scenario_files_pass,
}

fn files() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("haproxy-compat/tests/vtc");
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|ending| ending == "vtc")).collect();
    files.sort();
    files
}

fn all_scenario_files_pass(kind: Kind) {
    let dir = TempDir::new();
    // Evenkeel under HAProxy's name, as an operator would install it.
    let program = match kind {
        Kind::Haproxy => kind.program(),
        Kind::Evenkeel => {
            let link = dir.join("haproxy");
            std::os::unix::fs::symlink(kind.program(), &link).unwrap();
            link
        }
    };
    let alone = |file: &PathBuf| EVENKEEL_ALONE.iter().any(|name| file.ends_with(name));
    let mut files = files();
    files.retain(|file| kind == Kind::Evenkeel || !alone(file));
    assert!(!files.is_empty());
    for file in files {
        let output = Command::new("varnishtest")
            .env("HAPROXY_PROGRAM", &program)
            .env("TMPDIR", dir.path())
            .arg(&file)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{}:\n{said}", file.display());
    }
}
