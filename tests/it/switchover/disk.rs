//! A disk that hangs when a switchover is to be written down: nothing is changed without that, and what
//! comes of it late is taken back.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{BUILT_IN, Pair, takes_writes, write};
use crate::harness::dir::TempDir;
use crate::harness::eventually;
use crate::harness::postgres::Postgres;

/// A file system of its own that may be made to hang; it goes at drop.
struct Disk {
    path: PathBuf,
    dir: TempDir,
}

#[track_caller]
fn run(program: &str, args: &[&str]) {
    let output = Command::new(program).args(args).output().unwrap();
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

impl Disk {
    fn new() -> Self {
        let dir = TempDir::new();
        let (image, path) = (dir.join("image"), dir.join("disk"));
        std::fs::File::create(&image).unwrap().set_len(8 << 20).unwrap();
        std::fs::create_dir(&path).unwrap();
        run("mkfs.ext4", &["-q", text(&image)]);
        run("mount", &["-o", "loop", text(&image), text(&path)]);
        Self { path, dir }
    }

    fn hang(&self) {
        run("fsfreeze", &["-f", text(&self.path)]);
    }

    fn go_on(&self) {
        run("fsfreeze", &["-u", text(&self.path)]);
    }

    /// Whether anything of a switchover is written down.
    fn is_written(&self) -> bool {
        let files = std::fs::read_dir(&self.path).unwrap().flatten();
        files.into_iter().any(|file| file.file_name().to_string_lossy().starts_with("switchover."))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Where it hangs, or not; then in spite of whoever has a file there.
        for words in [["fsfreeze", "-u"], ["umount", "-l"]] {
            let _ = Command::new(words[0]).args([words[1], text(&self.path)]).output();
        }
        let _ = &self.dir;
    }
}

#[test]
fn what_a_disk_that_hung_writes_late_is_undone_by_nobody() {
    let disk = Disk::new();
    let global = format!("state_dir = \"{}\"", disk.path.display());
    let a = Postgres::primary();
    let b = Postgres::replica_of(&a);
    let mut pair = Pair::of(a, b, BUILT_IN, &global, "");
    disk.hang();
    let (done, said) = pair.ctl("switchover write --to b --timeout 30s");
    assert!(!done && said.contains("the disk hangs"), "{said}");
    assert!(takes_writes(&pair.a) && pair.b.is_replica(), "{said}");
    write(pair.write, 1).unwrap();
    disk.go_on();
    eventually("it is made once the disk answers", || {
        pair.ctl("switchover write --to b --timeout 30s").0.then_some(())
    });
    eventually("nothing is left of either", || (!disk.is_written()).then_some(()));
    // Who comes after finds nothing to undo.
    pair.stage.evenkeel.kill9();
    pair.stage.start_again();
    write(pair.write, 2).unwrap();
    assert!(!pair.evenkeel.output().contains("ended half-way"), "{}", pair.evenkeel.output());
    assert!(!takes_writes(&pair.a) && !pair.b.is_replica());
}
