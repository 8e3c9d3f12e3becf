//! The command line: what `-c` accepts, refuses and says, compared with haproxy.

use std::process::Command;

use crate::harness::backend::Backend;
use crate::harness::both;
use crate::harness::client::served_by;
use crate::harness::dir::TempDir;
use crate::harness::port::free_addr;
use crate::harness::process::is_root;
use crate::harness::proxy::{Kind, Scene};

both! {
    good_file_passes,
    mistake_is_named_with_file_and_line,
    several_mistakes_are_named_at_once,
    missing_file_fails,
    file_without_listener_is_told_apart,
    several_files_make_one_configuration,
    unknown_backend_fails,
    version_is_printed,
    without_a_file_the_usage_is_told,
    what_debian_installs_is_no_reason_to_warn,
    a_disabled_backend_serves_nobody,
}

/// A file that is right.
const GOOD: &str = "
defaults
    mode tcp
    timeout connect 1s
    timeout client 1s
    timeout server 1s
frontend fe
    bind 127.0.0.1:1
    default_backend be
backend be
    server s1 127.0.0.1:2 check
";

/// Runs `-c -f` on `text` and yields the exit code and all that was printed.
fn check(kind: Kind, text: &str) -> (Option<i32>, String) {
    let dir = TempDir::new();
    let file = dir.write("haproxy.cfg", text);
    let (status, output) = kind.run(&["-c", "-f", file.to_str().unwrap()]);
    (status.code(), output)
}

fn good_file_passes(kind: Kind) {
    let (code, output) = check(kind, GOOD);
    assert_eq!(code, Some(0), "{output}");
    assert!(output.contains("Configuration file is valid"), "{output}");
}

fn mistake_is_named_with_file_and_line(kind: Kind) {
    let (code, output) = check(kind, &GOOD.replace("mode tcp", "mood tcp"));
    assert_eq!(code, Some(1), "{output}");
    assert!(output.contains("haproxy.cfg:3"), "{output}");
    assert!(output.contains("mood"), "{output}");
}

fn several_mistakes_are_named_at_once(kind: Kind) {
    let text = GOOD.replace("mode tcp", "mood tcp").replace("check", "chekc");
    let (code, output) = check(kind, &text);
    assert_eq!(code, Some(1), "{output}");
    for part in ["haproxy.cfg:3", "haproxy.cfg:11", "mood", "chekc"] {
        assert!(output.contains(part), "{part}: {output}");
    }
}

fn missing_file_fails(kind: Kind) {
    let dir = TempDir::new();
    let file = dir.join("missing.cfg");
    let (status, output) = kind.run(&["-c", "-f", file.to_str().unwrap()]);
    assert_eq!(status.code(), Some(1), "{output}");
    assert!(output.contains("missing.cfg"), "{output}");
}

fn file_without_listener_is_told_apart(kind: Kind) {
    let dir = TempDir::new();
    let file = dir.write("haproxy.cfg", "defaults\n    mode tcp\n");
    let said = "Configuration file has no error but will not start (no listener) => exit(2).\n";
    for (options, said) in [(&["-c"][..], said), (&["-c", "-q"], "")] {
        let mut command = std::process::Command::new(kind.program());
        let output = command.args(options).arg("-f").arg(&file).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{options:?}");
        assert_eq!(String::from_utf8_lossy(&output.stdout), said, "{options:?}");
    }
}

fn several_files_make_one_configuration(kind: Kind) {
    let dir = TempDir::new();
    let (head, tail) = GOOD.split_once("\nbackend be\n").unwrap();
    let one = dir.write("1.cfg", &format!("{head}\n"));
    let two = dir.write("2.cfg", &format!("backend be\n{tail}"));
    let (status, output) =
        kind.run(&["-c", "-f", one.to_str().unwrap(), "-f", two.to_str().unwrap()]);
    assert_eq!(status.code(), Some(0), "{output}");
    let (status, output) = kind.run(&["-c", "-f", dir.path().to_str().unwrap()]);
    assert_eq!(status.code(), Some(0), "{output}");
}

fn unknown_backend_fails(kind: Kind) {
    let (code, output) = check(kind, &GOOD.replace("default_backend be", "default_backend other"));
    assert_eq!(code, Some(1), "{output}");
    assert!(output.contains("other"), "{output}");
}

fn without_a_file_the_usage_is_told(kind: Kind) {
    for words in [["-c"].as_slice(), &["-db"], &["-D", "-q"]] {
        let (status, output) = kind.run(words);
        assert_eq!(status.code(), Some(1), "{words:?}: {output}");
        assert!(output.contains("Usage : haproxy ["), "{words:?}: {output}");
    }
}

fn version_is_printed(kind: Kind) {
    let (status, output) = kind.run(&["-v"]);
    assert_eq!(status.code(), Some(0));
    assert!(output.lines().next().is_some_and(|line| line.contains(['.'])), "{output}");
}

fn what_debian_installs_is_no_reason_to_warn(kind: Kind) {
    let global = "global
    stats timeout 30s
    ca-base /etc/ssl/certs
    crt-base /etc/ssl/private
    ssl-default-bind-ciphers ECDHE-RSA-AES128-GCM-SHA256
    ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets
    tune.ssl.default-dh-param 2048
    tune.maxaccept 50
    nbthread 1
";
    let (code, output) = check(kind, &format!("{global}{GOOD}"));
    assert_eq!(code, Some(0), "{output}");
    assert!(!output.contains("[WARNING]"), "{output}");
}

fn a_disabled_backend_serves_nobody(kind: Kind) {
    let server = Backend::greet("s1");
    let servers = format!("disabled\nserver s1 {}\n", server.addr);
    let proxy = Scene::new(kind).backend(&servers).start();
    assert!(served_by(proxy.addr).is_err());
    proxy.log.expect(&["fe be/<NOSRV>", " SC "]);
    assert_eq!(server.accepted(), 0);
}

/// Files that are wrong in one way each, or only look wrong.
const FILES: [(&str, &str, &str); 43] = [
    ("bad bind port", "bind 127.0.0.1:1", "bind 127.0.0.1:99999"),
    ("bind without port", "bind 127.0.0.1:1", "bind 127.0.0.1"),
    ("bind range", "bind 127.0.0.1:1", "bind 127.0.0.1:1-3"),
    ("unknown bind option", "bind 127.0.0.1:1", "bind 127.0.0.1:1 nonsense"),
    ("bad time", "timeout client 1s", "timeout client 1x"),
    ("time without unit", "timeout client 1s", "timeout client 1000"),
    ("compound time", "timeout client 1s", "timeout client 1m30s"),
    ("missing timeout", "timeout client 1s", ""),
    ("unknown timeout", "timeout client 1s", "timeout klient 1s"),
    ("unknown option", "mode tcp", "mode tcp\n    option tcplogg"),
    ("unknown balance", "backend be", "backend be\n    balance best"),
    ("random balance", "backend be", "backend be\n    balance random(3)"),
    ("weight too high", "check\n", "check weight 257\n"),
    ("highest weight", "check\n", "check weight 256\n"),
    ("duplicate server", "check\n", "check\n    server s1 127.0.0.1:3\n"),
    ("server without address", "check\n", "check\n    server s2\n"),
    ("rise of zero", "check\n", "check rise 0\n"),
    ("pgsql-check without user", "backend be", "backend be\n    option pgsql-check"),
    ("mysql-check without user", "backend be", "backend be\n    option mysql-check"),
    ("unknown section", "backend be", "bakend x\nbackend be"),
    ("duplicate backend", "backend be", "backend be\n    server s2 127.0.0.1:3\nbackend be"),
    ("unfinished quote", "mode tcp", "mode \"tcp"),
    ("environment", "mode tcp", "mode \"${EVENKEEL_IT_UNSET-tcp}\""),
    ("unknown user", "defaults", "global\n    user nosuch_user\ndefaults"),
    ("unknown group", "defaults", "global\n    group nosuch_group\ndefaults"),
    ("missing log socket", "defaults", "global\n    log /nonexistent/log local0\ndefaults"),
    ("unknown facility", "defaults", "global\n    log /dev/log local9\ndefaults"),
    ("no option", "mode tcp", "mode tcp\n    no option tcpka"),
    ("balance and more", "server s1", "balance source x\n    server s1"),
    ("redispatch and more", "server s1", "option redispatch 1 2\n    server s1"),
    ("misplaced balance", "bind", "balance leastconn\n    bind"),
    ("misplaced random", "bind", "balance random(0)\n    bind"),
    ("misplaced mysql-check", "bind", "option mysql-check user x\n    bind"),
    ("misplaced dialect", "bind", "option mysql-check user x post-99\n    bind"),
    ("misplaced option", "bind", "option redis-check more\n    bind"),
    ("misplaced check", "bind", "option smtpchk\n    bind"),
    ("misplaced tcp-check", "bind", "tcp-check conect\n    bind"),
    ("misplaced http-check", "bind", "http-check expekt\n    bind"),
    ("misplaced source", "bind", "source 127.0.0.1:x\n    bind"),
    ("misplaced retries", "bind", "retries\n    bind"),
    ("misplaced dispatch", "bind", "dispatch 127.0.0.1:9\n    bind"),
    ("misplaced maxconn", "check\n", "check\n    maxconn 5 6\n"),
    ("misplaced keepalive", "check\n", "check\n    clitcpka-cnt x\n"),
];

/// The line of the file that the first alert names.
fn refused_line(output: &str) -> Option<&str> {
    let alert = output.lines().find(|line| line.starts_with("[ALERT]"))?;
    alert.split_once("haproxy.cfg:")?.1.split([']', ' ']).next()
}

#[test]
fn exit_codes_and_lines_are_haproxys() {
    let mut differing = Vec::new();
    for (name, right, wrong) in FILES {
        let text = GOOD.replacen(right, wrong, 1);
        assert_ne!(text, GOOD, "{name}");
        let (reference, said) = check(Kind::Haproxy, &text);
        let (code, output) = check(Kind::Evenkeel, &text);
        if code != reference {
            differing.push(format!(
                "{name}: haproxy exits {reference:?}, evenkeel {code:?}\n{said}\n{output}"
            ));
        }
        let (their, ours) = (refused_line(&said), refused_line(&output));
        if their.is_some() && their != ours {
            differing.push(format!("{name}: line {their:?}, not {ours:?}\n{said}\n{output}"));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

/// A drill has a name of its own, and its help does not need a process.
#[test]
fn a_drill_is_asked_for_by_its_own_name() {
    let asked = |words: &[&str]| Kind::Evenkeel.run(words);
    for words in [&["drill", "--help"][..], &["drill"], &["ctl", "drill", "w", "-h"]] {
        let (status, said) = asked(words);
        assert!(status.success() && said.contains("Usage: evenkeel drill FRONTEND"), "{said}");
    }
    for words in [
        &["drill", "w", "--kill", "--dry-run", "-s", "/no/such.sock"][..],
        &["drill", "-s", "/no/such.sock", "w", "--kill", "--dry-run"],
        &["ctl", "drill", "w", "--kill", "--dry-run", "--socket=/no/such.sock"],
    ] {
        let (status, said) = asked(words);
        assert_eq!(status.code(), Some(1), "{said}");
        assert!(said.contains("/no/such.sock"), "{said}");
    }
}

/// A check says what a start would say of the place of what is remembered, and changes nothing there.
#[test]
fn a_state_directory_is_looked_at_before_the_start() {
    let dir = TempDir::new();
    let named = |name: &str| dir.join(name).display().to_string();
    std::fs::create_dir(dir.join("kept")).unwrap();
    dir.write("file", "");
    dir.write("pg.pass", "secret\n");
    let run = |what: &str, place: &str, user: &str| {
        let text = format!(
            "[global]\nstate_dir = \"{place}\"\n{user}\n[backend.pg]\ncheck = {{ type = \"postgres\", \
             user = \"u\", password_file = \"{}\", database = \"d\" }}\nserver.a = \"127.0.0.1:1\"\n\
             [frontend.w]\nbind = \"{}\"\nbackend = \"pg\"\nrole = \"primary\"\n",
            named("pg.pass"),
            free_addr()
        );
        let file = dir.write("evenkeel.toml", &text).display().to_string();
        let words: &[&str] = if what == "-c" { &["-c", "-f", &file] } else { &[what, &file] };
        let (status, said) = Kind::Evenkeel.run(words);
        (status.code(), said)
    };
    for (place, why) in [
        (named("missing"), "No such file or directory (os error 2)"),
        (named("file"), "Not a directory (os error 20)"),
    ] {
        for what in ["check", "-c", "run"] {
            let (code, said) = run(what, &place, "");
            let line = format!(") : state_dir {place}: {why}\n");
            let is_alert = said.lines().any(|said| said.starts_with("[ALERT]"));
            assert!(code == Some(1) && is_alert && said.contains(&line), "{what}: {said}");
        }
    }
    // Root may write everywhere, and is not who it will be.
    if is_root() {
        for (user, forgets) in [("", false), ("user = \"nobody\"", true)] {
            let (code, said) = run("check", &named("kept"), user);
            let line = "kept: Permission denied (os error 13); who is primary is forgotten if";
            assert_eq!((code, said.contains(line)), (Some(0), forgets), "{said}");
        }
        assert_eq!(std::fs::read_dir(dir.join("kept")).unwrap().count(), 0);
    }
}

/// Where nothing can be written, be the rights as they may.
#[test]
fn a_state_directory_that_is_full_or_read_only_is_told_of_by_a_check() {
    let dir = TempDir::new();
    std::fs::create_dir(dir.join("kept")).unwrap();
    dir.write("pg.pass", "secret\n");
    let text = format!(
        "[global]\nstate_dir = \"kept\"\n[backend.pg]\ncheck = {{ type = \"postgres\", user = \"u\", \
         password_file = \"pg.pass\", database = \"d\" }}\nserver.a = \"127.0.0.1:1\"\n\
         [frontend.w]\nbind = \"{}\"\nbackend = \"pg\"\nrole = \"primary\"\n",
        free_addr()
    );
    dir.write("evenkeel.toml", &text);
    if !is_root() {
        return;
    }
    for (then, why) in [
        ("true", ""),
        ("head -c 64k /dev/zero >kept/full 2>/dev/null", "No space left on device (os error 28)"),
        ("mount -o remount,ro kept", "Read-only file system (os error 30)"),
    ] {
        let script = format!(
            "mount -t tmpfs -o size=16k none kept || exit 77; {then}; exec \"$0\" check evenkeel.toml"
        );
        let mut shell = Command::new("unshare");
        shell
            .args(["-m", "sh", "-c", &script])
            .arg(Kind::Evenkeel.program())
            .current_dir(dir.path());
        let output = shell.output().unwrap();
        if output.status.code() == Some(77) {
            // No file system may be mounted here.
            return;
        }
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{said}");
        let alert = format!("state_dir kept: {why}; who is primary is forgotten if");
        assert_eq!(said.contains(&alert), !why.is_empty(), "{then}: {said}");
        assert_eq!(said.contains("ALERT"), !why.is_empty(), "{then}: {said}");
    }
}
