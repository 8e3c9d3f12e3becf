//! The command sockets: how a client talks, what it may do, and what a bad one cannot do.

use std::io::{Read, Write};
use std::net::Shutdown;

use crate::harness::api::{Api, rest};
use crate::harness::both;
use crate::harness::proxy::{Kind, Proxy, Scene};

both! {
    every_command_of_a_line_is_answered,
    lines_that_came_together_are_answered,
    prompt_keeps_the_connection,
    payloads_end_at_an_empty_line,
    levels_are_kept_and_only_go_down,
    severities_are_shown_where_asked_for,
    silence_ends_a_connection,
    a_line_without_end_gets_nothing,
    a_line_of_many_commands_is_answered,
    an_endless_line_is_cut,
    the_eleventh_client_waits,
    half_closed_clients_are_answered,
}

fn start(kind: Kind, api: &Api, more: &str) -> Proxy {
    Scene::new(kind)
        .global(&format!("{}{more}", api.lines()))
        .backend("server s1 127.0.0.1:1\nserver s2 127.0.0.1:2")
        .start()
}

fn every_command_of_a_line_is_answered(kind: Kind) {
    let api = Api::new();
    let _proxy = start(kind, &api, "");
    assert_eq!(api.ask("show cli level;show cli level"), "admin\n\nadmin\n\n");
    assert_eq!(api.ask("  show \t cli   level  "), "admin\n\n");
    assert_eq!(api.ask("show cli level;quit;show cli level"), "admin\n\n");
}

fn lines_that_came_together_are_answered(kind: Kind) {
    let api = Api::new();
    let _proxy = start(kind, &api, "");
    assert_eq!(api.ask("show cli level\r\nshow cli level"), "admin\n\nadmin\n\n");
}

fn prompt_keeps_the_connection(kind: Kind) {
    let api = Api::new();
    let _proxy = start(kind, &api, "");
    let mut stream = api.connect("admin");
    let mut told = |line: &str, wanted: &str| {
        stream.write_all(format!("{line}\n").as_bytes()).unwrap();
        let mut answer = vec![0; wanted.len()];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(String::from_utf8_lossy(&answer), wanted, "{line}");
    };
    told("prompt", "\n> ");
    told("show cli level", "admin\n\n> ");
    told("operator", "\n> ");
    told("show cli level;show cli level", "operator\n\n> operator\n\n> ");
    told("prompt", "\n");
    assert_eq!(rest(&mut stream), "");
}

fn payloads_end_at_an_empty_line(kind: Kind) {
    let api = Api::new();
    let _proxy = start(kind, &api, "");
    let answer = api.ask("prompt\nset severity-output none <<\none\ntwo\n\nshow cli level");
    assert_eq!(answer, "\n> + + + \n> admin\n\n> ");
}

fn levels_are_kept_and_only_go_down(kind: Kind) {
    let api = Api::new();
    let _proxy = start(kind, &api, "");
    let denied = "Permission denied\n\n";
    assert_eq!(api.ask_as("operator", "expert-mode on"), denied);
    assert_eq!(api.ask_as("user", "operator;show cli level"), format!("{denied}user\n\n"));
    assert_eq!(api.ask("user;show cli level;operator"), format!("\nuser\n\n{denied}"));
    assert_eq!(api.ask("expert-mode on;expert-mode"), "\nexpert-mode is ON\n\n");
}

fn severities_are_shown_where_asked_for(kind: Kind) {
    let api = Api::new();
    let more = format!("stats socket {} severity-output number", api.path("number").display());
    let _proxy = start(kind, &api, &more);
    assert_eq!(api.ask_as("number", "expert-mode"), "[3]: Permission denied\n\n");
    assert_eq!(api.ask_as("number", "show cli level"), "[6]: operator\n\n");
    let answer = api.ask("set severity-output string;show cli level");
    assert_eq!(answer, "\n[info]: admin\n\n");
    assert!(api.ask("set severity-output loud").starts_with("one of 'none', 'number', 'string'"));
}

fn silence_ends_a_connection(kind: Kind) {
    let api = Api::new();
    let _proxy = start(kind, &api, "stats timeout 200ms");
    let mut stream = api.connect("admin");
    assert_eq!(rest(&mut stream), "");
}

/// HAProxy waits for ever here.
#[test]
fn silence_within_a_line_ends_a_connection() {
    let api = Api::new();
    let _proxy = start(Kind::Evenkeel, &api, "stats timeout 200ms");
    let mut stream = api.connect("admin");
    stream.write_all(b"prompt\nshow cli lev").unwrap();
    assert_eq!(rest(&mut stream), "\n> ");
}

fn a_line_without_end_gets_nothing(kind: Kind) {
    let api = Api::new();
    let _proxy = start(kind, &api, "");
    let mut stream = api.connect("admin");
    stream.write_all(b"show cli level").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(rest(&mut stream), "");
}

fn a_line_of_many_commands_is_answered(kind: Kind) {
    let api = Api::new();
    let _proxy = start(kind, &api, "");
    let line = vec!["show cli level"; 4096].join(";");
    assert_eq!((line.len(), api.ask(&line)), (61_439, "admin\n\n".repeat(4096)));
}

fn an_endless_line_is_cut(kind: Kind) {
    let api = Api::new();
    let _proxy = start(kind, &api, "");
    let mut stream = api.connect("admin");
    let cut = (0..64).any(|_| stream.write_all(&[b'a'; 16 * 1024]).is_err());
    assert!(cut, "1 MiB of one line was taken");
    assert_eq!(api.ask("show cli level"), "admin\n\n");
}

fn the_eleventh_client_waits(kind: Kind) {
    let api = Api::new();
    let _proxy = start(kind, &api, "");
    let mut inside: Vec<_> = (0..10)
        .map(|_| {
            let mut stream = api.connect("admin");
            stream.write_all(b"prompt\n").unwrap();
            stream.read_exact(&mut [0; 3]).unwrap();
            stream
        })
        .collect();
    let mut waiting = api.connect("admin");
    waiting.write_all(b"show cli level\n").unwrap();
    waiting.set_read_timeout(Some(std::time::Duration::from_millis(100))).unwrap();
    assert!(waiting.read(&mut [0]).is_err(), "the eleventh was answered");
    waiting.set_read_timeout(Some(crate::harness::PATIENCE)).unwrap();
    inside.pop();
    assert_eq!(rest(&mut waiting), "admin\n\n");
}

fn half_closed_clients_are_answered(kind: Kind) {
    let api = Api::new();
    let _proxy = start(kind, &api, "");
    let mut stream = api.connect("user");
    stream.write_all(b"show cli level\n").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(rest(&mut stream), "user\n\n");
    let mut stream = api.connect("user");
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(rest(&mut stream), "");
}

/// HAProxy keeps each of them for the whole of `stats timeout`, and admins out.
#[test]
fn silent_clients_give_way_to_those_who_ask() {
    let api = Api::new();
    let _proxy = start(Kind::Evenkeel, &api, "stats timeout 1h");
    let mut silent: Vec<_> = (0..30).map(|_| api.connect("admin")).collect();
    for stream in silent.iter_mut().step_by(2) {
        // Part of a line is none.
        stream.write_all(b"show").unwrap();
    }
    assert_eq!(api.ask("show cli level"), "admin\n\n");
}

/// HAProxy keeps each of them for the whole of `stats timeout`.
#[test]
fn clients_that_leave_hurt_nobody() {
    let api = Api::new();
    let _proxy = start(Kind::Evenkeel, &api, "");
    for _ in 0..30 {
        let mut stream = api.connect("admin");
        stream.write_all(b"help\nhelp\nhelp\n").unwrap();
    }
    assert_eq!(api.ask("show cli level"), "admin\n\n");
}
