//! Patterns that commands change while the program runs: each scenario against both programs.

use crate::harness::api::Api;
use crate::harness::backend::Backend;
use crate::harness::both;
use crate::harness::client::{Client, served_by};
use crate::harness::dir::TempDir;
use crate::harness::port::free_addr;
use crate::harness::proxy::{Kind, Scene};

both! {
    a_network_is_let_in_while_it_runs,
    a_map_sends_elsewhere_while_it_runs,
    versions_change_all_at_once,
    every_use_of_patterns_has_a_number_and_a_place,
    both_halves_of_a_listen_have_the_same_patterns,
    wrong_words_about_patterns_are_refused,
}

fn a_network_is_let_in_while_it_runs(kind: Kind) {
    let (api, dir, server) = (Api::new(), TempDir::new(), Backend::greet("s1"));
    let allowed = dir.write("allowed.lst", "10.0.0.0/8\n");
    let file = allowed.display();
    let scene = Scene::new(kind)
        .global(&api.lines())
        .frontend(&format!("tcp-request connection reject unless {{ src -f {file} }}"))
        .backend(&format!("server s1 {}", server.addr));
    let proxy = scene.start();
    assert!(served_by(proxy.addr).is_err());
    assert_eq!(api.ask(&format!("add acl {file} 127.0.0.0/8")), "\n");
    assert_eq!(served_by(proxy.addr).unwrap(), "s1");
    let shown = api.ask(&format!("show acl {file}"));
    let patterns: Vec<_> = shown.split_whitespace().filter(|word| word.contains('/')).collect();
    assert_eq!(patterns, ["10.0.0.0/8", "127.0.0.0/8"]);
    assert_eq!(
        api.ask(&format!("get acl {file} 127.3.3.3")).trim_end(),
        "type=ip, case=sensitive, match=yes, idx=tree, pattern=\"127.0.0.0/8\""
    );
    assert_eq!(
        api.ask(&format!("get acl {file} 11.3.3.3")).trim_end(),
        "type=ip, case=sensitive, match=no"
    );
    let reference = shown.lines().nth(1).unwrap().split(' ').next().unwrap();
    assert_eq!(api.ask(&format!("del acl {file} #{reference}")), "\n");
    assert!(served_by(proxy.addr).is_err());
    assert_eq!(api.ask(&format!("del acl {file} 127.0.0.0/8")).trim_end(), "Key not found.");
}

fn word_of(addr: std::net::SocketAddr, bytes: &str) -> String {
    let mut client = Client::connect(addr);
    client.send(bytes);
    client.line().unwrap()
}

fn a_map_sends_elsewhere_while_it_runs(kind: Kind) {
    let (api, dir) = (Api::new(), TempDir::new());
    let map = dir.write("words.map", "one one\n");
    let file = map.display();
    let servers = [Backend::greet("s1"), Backend::greet("s2")];
    let scene = Scene::new(kind)
        .global(&api.lines())
        .frontend(&format!(
            "tcp-request inspect-delay 5s
  tcp-request content accept if {{ req.len ge 3 }}
  use_backend %[req.payload(0,3),lower,map({file},be)]"
        ))
        .backend(&format!(
            "server s1 {}\nbackend one\n  server s2 {}",
            servers[0].addr, servers[1].addr
        ));
    let proxy = scene.start();
    assert_eq!(word_of(proxy.addr, "ONE"), "s2");
    assert_eq!(word_of(proxy.addr, "two"), "s1");
    assert_eq!(api.ask(&format!("add map {file} <<\ntwo one\ntri be\n")).trim_end(), "");
    assert_eq!(word_of(proxy.addr, "two"), "s2");
    assert_eq!(
        api.ask(&format!("get map {file} two")).trim_end(),
        "type=str, case=sensitive, found=yes, idx=tree, key=\"two\", value=\"one\", type=\"str\""
    );
    assert_eq!(api.ask(&format!("set map {file} two be")), "\n");
    assert_eq!(word_of(proxy.addr, "two"), "s1");
    assert_eq!(api.ask(&format!("clear map {file}")), "\n");
    assert_eq!(word_of(proxy.addr, "one"), "s1");
    assert_eq!(api.ask(&format!("show map {file}")), "\n");
}

fn versions_change_all_at_once(kind: Kind) {
    let (api, dir, server) = (Api::new(), TempDir::new(), Backend::greet("s1"));
    let allowed = dir.write("allowed.lst", "127.0.0.0/8\n");
    let file = allowed.display();
    let scene = Scene::new(kind)
        .global(&api.lines())
        .frontend(&format!("tcp-request connection reject unless {{ src -f {file} }}"))
        .backend(&format!("server s1 {}", server.addr));
    let proxy = scene.start();
    let ask = |command: &str| api.ask(&format!("{command} {file}")).trim_end().to_owned();
    assert_eq!(ask("prepare acl"), "New version created: 1");
    assert_eq!(ask("prepare acl"), "New version created: 2");
    assert_eq!(api.ask(&format!("add acl @2 {file} 10.0.0.0/8")), "\n");
    assert_eq!(
        api.ask(&format!("add acl @3 {file} 10.0.0.0/8")).trim_end(),
        "Version number in the future, please use 'prepare acl' before."
    );
    assert!(ask("show acl @2").ends_with("10.0.0.0/8"));
    assert_eq!(served_by(proxy.addr).unwrap(), "s1");
    assert!(api.ask("show acl").contains("curr_ver=0 next_ver=2 entry_cnt=2\n"));
    assert_eq!(ask("commit acl @3"), "Version number out of range.");
    assert_eq!(ask("commit acl @2"), "");
    assert!(served_by(proxy.addr).is_err());
    assert!(api.ask("show acl").contains("curr_ver=2 next_ver=2 entry_cnt=1\n"));
    assert_eq!(ask("commit acl @1"), "Version number out of range.");
    assert_eq!(ask("show acl @0"), "");
}

/// A listed line without versions and the configuration's name.
fn with_line_alone(line: &str) -> String {
    let (what, count) = line.split_once(". curr_ver=0 next_ver=0 entry_cnt=").unwrap();
    let mut parts = what.split(" line ");
    let mut text = parts.next().unwrap().to_owned();
    for part in parts {
        let (number, rest) = part.split_once(',').unwrap_or((part, ""));
        let before = text.rfind(" file '").unwrap();
        text.truncate(before);
        let comma = if rest.is_empty() { "" } else { "," };
        text += &format!(" line {number}{comma}{rest}");
    }
    format!("{text}: {count}")
}

fn every_use_of_patterns_has_a_number_and_a_place(kind: Kind) {
    let (api, dir) = (Api::new(), TempDir::new());
    let (list, map) = (dir.write("a.lst", "10.0.0.0/8\n"), dir.write("m.map", "1.2.3.4 x\n"));
    let (list, map) = (list.display(), map.display());
    let scene = Scene::new(kind)
        .global(&api.lines())
        .frontend(&format!(
            "acl one src 127.0.0.1 10.0.0.0/8
  acl two src -f {list} -i 4.4.4.4
  acl three src -u 7 1.1.1.1
  acl four src,map({map}) -m str foo
  acl never always_false
  tcp-request connection reject if {{ src 9.9.9.9 }} !one
  tcp-request content reject if two LOCALHOST
  tcp-request content reject if LOCALHOST
  acl late src -f {list}"
        ))
        .backend(
            "acl there src 5.5.5.5\n  use-server s if { src 6.6.6.6 }\n  server s 127.0.0.1:1",
        );
    let text = scene.text();
    let line_of = |part: &str| 1 + text.lines().position(|line| line.contains(part)).unwrap();
    let (first, below) = (line_of("acl one"), line_of("acl there"));
    let _proxy = scene.start();
    let listed = |noun: &str| {
        let text = api.ask(&format!("show {noun}"));
        let of_files = |line: &&str| line.contains(" line ");
        // Its HTTP client has tests of its own; the page of metrics counts there.
        let is_ours = |line: &&str| !line.contains("acl 'var'") && !line.contains("acl 'path'");
        let lines = text.lines().filter(of_files).filter(is_ours);
        lines.map(with_line_alone).collect::<Vec<String>>()
    };
    let at = |offset: usize| first + offset;
    let own = |id: usize, sample: &str, offset: usize, count: usize| {
        format!("{id} () acl '{sample}' line {}: {count}", at(offset))
    };
    let loaded = |id: usize, file: &dyn std::fmt::Display| {
        format!("{id} ({file}) pattern loaded from file '{file}' used by")
    };
    let expected = [
        own(0, "src", 0, 2),
        format!("{} acl at line {}, by acl at line {}: 1", loaded(1, &list), at(1), at(8)),
        own(2, "src", 1, 1),
        own(4, "src", 3, 1),
        own(5, "always_false", 4, 0),
        own(6, "src", 5, 1),
        own(7, "src", 2, 1),
        own(8, "src", 6, 2),
        own(9, "src", 8, 0),
        own(10, "src", below - first, 1),
        own(11, "src", below - first + 1, 1),
    ];
    assert_eq!(listed("acl"), expected);
    assert_eq!(listed("map"), [format!("{} map at line {}: 1", loaded(3, &map), at(3))]);
    assert_eq!(api.ask("add acl #9 127.0.0.1"), "\n");
    assert!(api.ask("get acl #9 127.0.0.1").contains("match=yes"));
}

/// One number, and one set: a command changes what every rule of the section asks.
fn both_halves_of_a_listen_have_the_same_patterns(kind: Kind) {
    let (api, server) = (Api::new(), Backend::greet("s1"));
    let text = format!(
        "global\n    {}\n    log {{log}} local0\n\
         defaults\n    mode tcp\n    timeout connect 5s\n    timeout client 5s\n    timeout server 5s\n\
         listen both\n    bind {{front}}\n    acl known src 10.0.0.0/8\n    \
         tcp-request content reject if known\n    use-server s1 if known\n    server s1 {}\n\
         listen page\n    mode http\n    bind {}\n    stats enable\n    \
         http-request deny if {{ path /private }}\n",
        api.lines(),
        server.addr,
        free_addr(),
    );
    let proxy = Scene::new(kind).whole(&text).start();
    let said = api.ask("show acl");
    let lines = said.lines().filter(|line| line.contains("' file '") && !line.contains("'var'"));
    let samples: Vec<_> = lines.filter_map(|line| line.split('\'').nth(1)).collect();
    let ours: Vec<_> = samples.iter().take(2).collect();
    assert_eq!(ours, [&"src", &"path"], "{said}");
    assert!(served_by(proxy.addr).is_ok());
    assert_eq!(api.ask("add acl #0 127.0.0.1"), "\n");
    assert!(served_by(proxy.addr).is_err());
}

fn wrong_words_about_patterns_are_refused(kind: Kind) {
    let (api, dir, server) = (Api::new(), TempDir::new(), Backend::greet("s1"));
    let map = dir.write("numbers.map", "1 2\n");
    let file = map.display();
    let scene = Scene::new(kind)
        .global(&api.lines())
        .frontend(&format!(
            "tcp-request connection reject if {{ src_port,map_int_int({file},3) 7 }}"
        ))
        .backend(&format!("server s1 {}", server.addr));
    let _proxy = scene.start();
    for (command, wanted) in [
        ("show acl #99".to_owned(), "Unknown ACL identifier. Please use #<id> or <file>."),
        ("show map nope".to_owned(), "Unknown map identifier. Please use #<id> or <file>."),
        (format!("show acl {file}"), "Unknown ACL identifier. Please use #<id> or <file>."),
        ("show map @1".to_owned(), "Unknown map identifier. Please use #<id> or <file>."),
        ("get map".to_owned(), "Missing map identifier and/or key."),
        ("get acl x".to_owned(), "Missing ACL identifier and/or key."),
        ("add acl x".to_owned(), "'add acl' expects two parameters: ACL identifier and pattern."),
        (
            format!("add map {file} k"),
            "'add map' expects three parameters (map identifier, key and value) or one parameter \
             (map identifier) and a payload",
        ),
        (format!("add map {file} 8 bad"), "unable to parse 'bad'."),
        (
            format!("add acl {file} 8"),
            "This ACL is shared with a map containing samples. You must use the command 'add map' \
             to add values.",
        ),
        (format!("set map {file} 9 9"), "entry not found."),
        (
            format!("set map {file} 9"),
            "'set map' expects three parameters: map identifier, key and value.",
        ),
        (format!("del map {file}"), "This command expects two parameters: map identifier and key."),
        (format!("del map {file} 9"), "Key not found."),
        ("clear map".to_owned(), "Missing map identifier."),
        ("clear acl #99".to_owned(), "Unknown ACL identifier. Please use #<id> or <file>."),
        ("prepare map".to_owned(), "Unknown map identifier. Please use #<id> or <file>."),
        (format!("commit map {file}"), "Missing version number."),
        ("commit acl @1".to_owned(), "Missing ACL identifier."),
    ] {
        assert_eq!(api.ask(&command).trim_end(), wanted, "{command}");
    }
    assert!(api.ask(&format!("show map {file}")).trim_end().ends_with(" 1 2"));
}
