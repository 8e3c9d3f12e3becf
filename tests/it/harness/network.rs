//! Networks of a scenario's own: routes and addresses that the machine must not have.
//!
//! The scenario's test starts itself once more, alone, in a network namespace and a mount namespace
//! of its own; both end with that process.

use std::io::Write as _;
use std::os::fd::AsFd;
use std::process::Command;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::process::{is_root, launcher};
use super::proxy::Kind;

/// Says that the test is inside already.
const INSIDE: &str = "EVENKEEL_TEST_NETWORK";

/// What the network is made of: addresses of 10.9.9.0/24 lead back here though they are not the
/// machine's, and `inner` is a namespace of its own.
const SETUP: &str = "set -e
    ip link set lo up
    ip route add local default dev lo table 100
    ip rule add to 10.9.9.0/24 lookup 100
    mount -t tmpfs none /run
    mkdir -p /run/netns
    ip netns add inner
    ip netns exec inner ip link set lo up";

/// Runs `scenario` of the test `module::name` for `kind` in a network of its own. Only root may make
/// one: for others, and where the kernel allows none, the test says so and passes.
#[track_caller]
pub(crate) fn alone(test: &str, kind: Kind, scenario: impl FnOnce()) {
    if std::env::var_os(INSIDE).is_some() {
        sh(SETUP);
        return scenario();
    }
    let possible = || Command::new("unshare").args(["-n", "-m", "ip", "link"]).output();
    if !is_root() || !possible().is_ok_and(|output| output.status.success()) {
        eprintln!("SKIPPED {test}: only root can make a network namespace");
        return;
    }
    let program = match kind {
        Kind::Haproxy => "haproxy",
        Kind::Evenkeel => "evenkeel",
    };
    let (_, test) = test.split_once("::").unwrap();
    let mut words = launcher(None);
    words.extend(["unshare", "-n", "-m", "--"].map(str::to_owned));
    let output = Command::new(&words[0])
        .args(&words[1..])
        .arg(std::env::current_exe().unwrap())
        .args([&format!("{test}::{program}"), "--exact", "--nocapture", "--test-threads", "2"])
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
    // What a scenario says of itself is said here, too.
    for verdict in text.lines().filter(|line| line.starts_with("verdict ")) {
        let _ = writeln!(std::io::stderr(), "{verdict}");
    }
}

/// The address of the namespace `inner` at the end of [`wire`].
pub(crate) const FAR: &str = "10.8.0.2";

/// Cuts the wire at its far end, and mends it: commands of a shell.
pub(crate) const CUT: &str = "ip -n inner link set far down";
pub(crate) const MEND: &str = "ip -n inner link set far up";

/// Lays a wire from here to the namespace `inner` of [`alone`].
pub(crate) fn wire() {
    sh("set -e
        ip link add wire type veth peer name far netns inner
        ip addr add 10.8.0.1/24 dev wire
        ip link set wire up
        ip -n inner addr add 10.8.0.2/24 dev far
        ip -n inner link set far up");
}

/// Runs commands of a shell, which have to succeed.
#[track_caller]
pub(crate) fn sh(script: &str) {
    let done = Command::new("sh").args(["-c", script]).status().unwrap();
    assert!(done.success(), "{script}");
}

/// Does `work` in the namespace `inner` of [`alone`].
pub(crate) fn inside<T>(work: impl FnOnce() -> T) -> T {
    let enter = |path: &str| {
        let file = std::fs::File::open(path).unwrap();
        move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
    };
    let own = std::fs::File::open("/proc/thread-self/ns/net").unwrap();
    enter("/run/netns/inner").unwrap();
    let done = work();
    move_into_link_name_space(own.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
    done
}
