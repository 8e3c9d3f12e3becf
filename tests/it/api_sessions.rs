//! `show sess`: the sessions that run, as tools read them.

use std::collections::BTreeMap;

use crate::harness::api::Api;
use crate::harness::backend::Backend;
use crate::harness::client::{Client, End};
use crate::harness::proxy::{Kind, Proxy, Scene};
use crate::harness::{both, eventually};

both! {
    sess_lists_who_is_served_and_who_waits,
    sess_tells_all_of_one_that_is_named,
    sess_knows_who_may_ask_and_what_is_there,
    sess_gives_ids_that_shutdown_takes,
    sess_shows_what_is_left_of_timeouts,
    sess_shows_descriptors_and_who_asks,
}

struct Scenery {
    api: Api,
    proxy: Proxy,
    server: Backend,
    client: Client,
}

/// A client that is served, by a server that takes one only.
fn scenery(kind: Kind) -> Scenery {
    let (api, server) = (Api::new(), Backend::echo());
    let proxy = Scene::new(kind)
        .global(&api.lines())
        .backend(&format!("server s1 {} maxconn 1", server.addr))
        .start();
    let mut client = Client::connect(proxy.addr);
    client.ping("hello");
    Scenery { api, proxy, server, client }
}

/// The id and the fields of each session of `fe`.
fn sessions(answer: &str) -> Vec<(String, BTreeMap<String, String>)> {
    let lines = answer.lines().filter(|line| line.contains(" fe=fe "));
    lines
        .map(|line| {
            let (id, rest) = line.split_once(": ").expect("an id");
            let pairs = rest.split(' ').filter_map(|field| field.split_once('='));
            (id.to_owned(), pairs.map(|(k, v)| (k.to_owned(), v.to_owned())).collect())
        })
        .collect()
}

fn sess_lists_who_is_served_and_who_waits(kind: Kind) {
    let scenery = scenery(kind);
    let waiting = Client::connect(scenery.proxy.addr);
    let found = eventually("both are seen", || {
        let found = sessions(&scenery.api.ask("show sess"));
        (found.len() == 2 && found.iter().all(|(_, of)| of["be"] == "be")).then_some(found)
    });
    let of = |client: &Client| {
        let src = client.0.local_addr().unwrap().to_string();
        let found = found.iter().find(|(_, of)| of["src"] == src);
        found.unwrap_or_else(|| panic!("{src} in {found:?}")).1.clone()
    };
    let (served, queued) = (of(&scenery.client), of(&waiting));
    for (field, value) in [("proto", "tcpv4"), ("srv", "s1"), ("ts", "00"), ("rc", "0")] {
        assert_eq!(served[field], value, "{field}");
    }
    assert!(served["age"].ends_with('s') && served["scb"].starts_with("[8,"), "{served:?}");
    assert_eq!(queued["srv"], "<none>");
    assert!(queued["scb"].starts_with("[2,"), "{queued:?}");
    let names =
        "proto src fe be srv ts epoch age calls rate cpu lat rq[f rp[f scf scb exp rc c_exp";
    let line = scenery.api.ask("show sess");
    let line = line.lines().find(|line| line.contains(" fe=fe ")).unwrap();
    let (_, rest) = line.split_once(": ").unwrap();
    let shown = rest.split(' ').filter_map(|field| field.split_once('=')).map(|(name, _)| name);
    assert_eq!(shown.collect::<Vec<_>>().join(" "), names);
}

fn sess_tells_all_of_one_that_is_named(kind: Kind) {
    let scenery = scenery(kind);
    let found = sessions(&scenery.api.ask("show sess"));
    let (id, _) = &found[0];
    let (server, src) = (scenery.server.addr, scenery.client.0.local_addr().unwrap());
    let wanted = [
        format!("{id}: ["),
        format!("proto=tcpv4 source={src}\n"),
        "\n  frontend=fe (id=2 mode=tcp), listener=? (id=1) addr=127.0.0.1:".to_owned(),
        "\n  backend=be (id=3 mode=tcp)".to_owned(),
        format!("\n  server=s1 (id=1) addr={server}\n"),
    ];
    for question in [format!("show sess {id}"), "show sess all".to_owned()] {
        let answer = scenery.api.ask(&question);
        for text in &wanted {
            assert!(answer.contains(text.as_str()), "{text} in {answer}");
        }
        assert!(answer.ends_with("\n\n"), "{answer}");
    }
}

fn sess_knows_who_may_ask_and_what_is_there(kind: Kind) {
    let scenery = scenery(kind);
    assert_eq!(scenery.api.ask_as("user", "show sess"), "Permission denied\n\n");
    assert_eq!(sessions(&scenery.api.ask_as("operator", "show sess")).len(), 1);
    assert_eq!(scenery.api.ask("show sess 0x123"), "Session not found.\n\n");
    // A word that is no number asks for no session in particular.
    assert_eq!(sessions(&scenery.api.ask("show sess abc")).len(), 1);
}

fn sess_gives_ids_that_shutdown_takes(kind: Kind) {
    let mut scenery = scenery(kind);
    let found = sessions(&scenery.api.ask("show sess"));
    assert_eq!(scenery.api.ask(&format!("shutdown session {}", found[0].0)), "\n");
    let (rest, end) = scenery.client.drain();
    assert!(rest.is_empty() && matches!(end, End::Fin | End::Reset), "{rest:?}");
    eventually("nobody is left", || {
        sessions(&scenery.api.ask("show sess")).is_empty().then_some(())
    });
}

fn sess_shows_what_is_left_of_timeouts(kind: Kind) {
    let (api, server) = (Api::new(), Backend::echo());
    let proxy = Scene::new(kind)
        .global(&api.lines())
        .defaults("timeout client 3h\ntimeout server 2h\n")
        .backend(&format!("server s1 {}", server.addr))
        .start();
    let mut client = Client::connect(proxy.addr);
    client.ping("hello");
    let answer = api.ask("show sess");
    let line = answer.lines().find(|line| line.contains(" fe=fe ")).unwrap();
    let shows = |text: &str, before: &str, left: [&str; 2]| {
        left.iter().any(|left| text.contains(&format!("{before}{left}")))
    };
    let (three, two) = (["3h", "2h59m"], ["2h", "1h59m"]);
    assert!(shows(line, ",an=00h,rx=", three) && shows(line, ",an=00h,rx=", two), "{line}");
    let all = api.ask("show sess all");
    let of_fe = all.split("\n0x").find(|text| text.contains("frontend=fe ")).unwrap();
    assert!(shows(of_fe, " rex=", three) && shows(of_fe, " rex=", two), "{of_fe}");
    assert!(of_fe.contains("  req=") && of_fe.contains(" total=5)"), "{of_fe}");
}

fn sess_shows_descriptors_and_who_asks(kind: Kind) {
    let scenery = scenery(kind);
    let answer = scenery.api.ask("show sess");
    let own: Vec<_> = answer.lines().filter(|line| line.contains(" fe=GLOBAL ")).collect();
    let [own] = own[..] else { panic!("{answer}") };
    assert!(own.contains(": proto=unix_stream src=unix:"), "{own}");
    assert!(own.contains(" be=<NONE> srv=<none> ts=00 "), "{own}");
    assert!(scenery.api.ask("show sess all").contains("  frontend=GLOBAL (id=0 mode=tcp), "));
    let found = sessions(&answer);
    let number = |field: &str| -> i32 {
        let (_, fd) = found[0].1[field].split_once("fd=").unwrap();
        fd.trim_end_matches(']').parse().unwrap()
    };
    let (client, server) = (number("scf"), number("scb"));
    assert!(client > 2 && server > 2 && client != server, "{found:?}");
    let open = scenery.api.ask(&format!("show fd {client}"));
    assert!(open.contains(&format!(" {client} : ")), "{open}");
}
