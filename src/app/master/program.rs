//! The program file of a master: whether it was replaced, and whether what is there now will do.
//!
//! A reload of a master whose file was replaced starts that file in the master's place, as HAProxy's
//! does at every reload. It is tried first: the new program has to find the configuration valid, so that
//! one that is broken, half installed or older than the file changes nothing.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Read, Seek};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::fs::{MemfdFlags, memfd_create};

use super::haproxy;
use super::resume::Resumed;
use crate::clock;

/// Longest time for the new program to read the configuration: it resolves names, too.
const TRIAL_MAX: Duration = Duration::from_mins(1);

/// How often it is looked whether it has.
const TRIAL_POLL: Duration = Duration::from_millis(20);

/// Most of what it says that is shown.
const SAID_BYTES_MAX: u64 = 64 * 1024;

/// Where the program file is, as it was called. Ask before the directory changes.
#[must_use]
pub fn locate() -> Option<PathBuf> {
    // HAProxy does not leave it.
    if let Some(resumed) = Resumed::find().filter(|it| !it.program.as_os_str().is_empty()) {
        return Some(resumed.program);
    }
    let called = std::env::args_os().next()?;
    if called.as_bytes().contains(&b'/') {
        return std::path::absolute(called).ok();
    }
    let path = std::env::var_os("PATH")?;
    let mut found = std::env::split_paths(&path).map(|directory| directory.join(&called));
    found.find(|file| is_program(file)).and_then(|file| std::path::absolute(file).ok())
}

fn is_program(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

/// Whether the file at `path` is another one than that which runs.
pub(super) fn is_replaced(path: &Path) -> bool {
    let identity = |path: &Path| fs::metadata(path).map(|file| (file.dev(), file.ino())).ok();
    let there = identity(path);
    there.is_some() && there != identity(Path::new("/proc/self/exe"))
}

/// What takes a master's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Successor {
    /// This program, in whatever version.
    Own,
    /// Another one, which is taken for HAProxy.
    Haproxy,
}

/// Has the program at `path` read the configuration, and say what it is. Blocks, for `TRIAL_MAX` at
/// most each time.
///
/// # Errors
/// Why it will not do, with what it said.
pub(super) fn try_out(path: &Path) -> Result<Successor, Vec<String>> {
    let (_, words) = haproxy::words();
    // The native form is nobody else's.
    let is_native = words.first().is_some_and(|first| first == OsStr::new("run"));
    let (status, mut lines) = run(path, checking(words))?;
    if !status.success() {
        lines.push(format!("{} does not take the configuration: {status}", path.display()));
        return Err(lines);
    }
    if is_native {
        return Ok(Successor::Own);
    }
    let (_, lines) = run(path, vec!["-v".into()])?;
    let is_own = lines.iter().any(|line| line.contains(env!("CARGO_PKG_NAME")));
    Ok(if is_own { Successor::Own } else { Successor::Haproxy })
}

/// Runs the program at `path` to its end, and yields what it said.
fn run(path: &Path, words: Vec<OsString>) -> Result<(ExitStatus, Vec<String>), Vec<String>> {
    let because = |error: io::Error| vec![format!("cannot start {}: {error}", path.display())];
    let said = memfd_create("trial", MemfdFlags::CLOEXEC).map_err(|e| because(e.into()))?;
    let out = said.try_clone().map_err(because)?;
    let (name, _) = haproxy::words();
    let mut child = haproxy::disinherit(&mut Command::new(path))
        .arg0(name)
        .args(words)
        .stdin(Stdio::null())
        .stdout(Stdio::from(out.try_clone().map_err(because)?))
        .stderr(Stdio::from(out))
        .spawn()
        .map_err(because)?;
    let deadline = clock::now() + TRIAL_MAX;
    let status = loop {
        match child.try_wait().map_err(because)? {
            Some(status) => break status,
            None if clock::now() < deadline => std::thread::sleep(TRIAL_POLL),
            None => {
                // Either it is killed or it has ended meanwhile.
                let _ = child.kill().and_then(|()| child.wait());
                return Err(vec![format!("{} does not end its check", path.display())]);
            }
        }
    };
    Ok((status, text(said)))
}

/// The words that have a program check what it would serve with `words`.
fn checking(mut words: Vec<OsString>) -> Vec<OsString> {
    match words.first_mut() {
        Some(first) if first == OsStr::new("run") => *first = "check".into(),
        _ => words.insert(0, "-c".into()),
    }
    words
}

fn text(said: OwnedFd) -> Vec<String> {
    let mut bytes = Vec::new();
    let mut file = File::from(said);
    // What cannot be read is not shown.
    let _ = file.rewind().and_then(|()| file.take(SAID_BYTES_MAX).read_to_end(&mut bytes));
    String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_served_is_what_is_checked() {
        let words = |text: &str| text.split(' ').map(OsString::from).collect::<Vec<_>>();
        assert_eq!(checking(words("-W -- a.cfg")), words("-c -W -- a.cfg"));
        assert_eq!(checking(words("run -c a.toml")), words("check -c a.toml"));
    }

    #[test]
    fn the_running_file_is_not_replaced_and_another_is() {
        assert!(!is_replaced(&std::env::current_exe().unwrap()));
        assert!(is_replaced(Path::new("/bin/sh")));
        assert!(!is_replaced(Path::new("/nonexistent/file")));
    }
}
