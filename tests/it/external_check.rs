//! `option external-check`: the program's arguments, environment and end, as HAProxy gives and takes
//! them.

use std::os::unix::fs::PermissionsExt as _;

use crate::harness::backend::Backend;
use crate::harness::dir::TempDir;
use crate::harness::proxy::{Kind, Scene};
use crate::harness::{both, eventually};

both! {
    a_program_is_told_what_it_checks,
    its_exit_status_is_the_verdict,
    a_program_without_end_is_ended,
}

const GLOBAL: &str = "external-check\ninsecure-fork-wanted\nmax-spread-checks 200ms\n";

/// A script in `dir`.
fn script(dir: &TempDir, name: &str, text: &str) -> String {
    let path = dir.write(name, &format!("#!/bin/sh\n{text}\n"));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path.display().to_string()
}

fn a_program_is_told_what_it_checks(kind: Kind) {
    is_told(kind, "", "0");
    is_told(kind, "ssl verify none no-check-ssl", "1");
}

/// With `words`, the program hears of TLS that it is this.
fn is_told(kind: Kind, words: &str, tls: &str) {
    let (dir, server) = (TempDir::new(), Backend::greet("s1"));
    let told = dir.join("told");
    let told_now = format!("{}.now", told.display());
    let program = script(
        &dir,
        "check",
        &format!(
            "{{ echo \"$@\"; env | grep -E '^(HAPROXY_|PATH|EVENKEEL)' | sort; }} > {told_now}; \
             mv {told_now} {}",
            told.display()
        ),
    );
    let (ip, port) = (server.addr.ip(), server.addr.port());
    let _proxy = Scene::new(kind)
        .global(GLOBAL)
        .backend("option external-check\n")
        .backend(&format!("external-check command {program}\n"))
        .backend("external-check path /usr/bin:/bin\n")
        .backend(&format!("server s1 {} check inter 300ms maxconn 7 {words}\n", server.addr))
        .start();
    let found = eventually("the program ran", || std::fs::read_to_string(&told).ok());
    let lines: Vec<&str> = found.lines().filter(|line| !line.contains("PROXY_ID")).collect();
    assert_eq!(
        lines,
        [
            &format!("NOT_USED NOT_USED {ip} {port}"),
            "HAPROXY_PROXY_ADDR=",
            "HAPROXY_PROXY_NAME=be",
            "HAPROXY_PROXY_PORT=",
            &format!("HAPROXY_SERVER_ADDR={ip}"),
            "HAPROXY_SERVER_CURCONN=0",
            "HAPROXY_SERVER_ID=1",
            "HAPROXY_SERVER_MAXCONN=7",
            "HAPROXY_SERVER_NAME=s1",
            &format!("HAPROXY_SERVER_PORT={port}"),
            "HAPROXY_SERVER_PROTO=tcp",
            &format!("HAPROXY_SERVER_SSL={tls}"),
            "PATH=/usr/bin:/bin",
        ]
    );
}

fn its_exit_status_is_the_verdict(kind: Kind) {
    let (dir, server) = (TempDir::new(), Backend::greet("s1"));
    let cases = [
        ("exit 0", "succeeded, reason: External check passed, code: 0, check duration: "),
        ("exit 3", "failed, reason: External check error, code: 3, check duration: "),
        ("kill -9 $$", "failed, reason: External check error, code: -1, check duration: "),
    ];
    let mut scene = Scene::new(kind).global(GLOBAL);
    for (number, (text, _)) in cases.iter().enumerate() {
        let program = script(&dir, &format!("check{number}"), text);
        scene = scene.backend(&format!(
            "backend b{number}\noption external-check\noption log-health-checks\n\
             external-check command {program}\nserver s1 {} check inter 1s fall 1\n",
            server.addr
        ));
    }
    let proxy = scene.start();
    for (number, (_, said)) in cases.iter().enumerate() {
        proxy.log.expect(&[&format!("Health check for server b{number}/s1 {said}")]);
    }
}

fn a_program_without_end_is_ended(kind: Kind) {
    let (dir, server) = (TempDir::new(), Backend::greet("s1"));
    let pid = dir.join("pid");
    let program =
        script(&dir, "check", &format!("echo $$ > {}; exec /bin/sleep 60", pid.display()));
    let proxy = Scene::new(kind)
        .global(GLOBAL)
        .backend("option external-check\noption log-health-checks\n")
        .backend(&format!("external-check command {program}\n"))
        .backend(&format!("server s1 {} check inter 500ms downinter 60s fall 1\n", server.addr))
        .start();
    proxy.log.expect(&["failed, reason: External check timeout, code: 0, check duration: "]);
    let pid: u32 = std::fs::read_to_string(&pid).unwrap().trim().parse().unwrap();
    eventually("the program is gone, and reaped", || {
        (!std::path::Path::new(&format!("/proc/{pid}")).exists()).then_some(())
    });
}
