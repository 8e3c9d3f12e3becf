//! What is left of a failover: a record, as JSON and as a page, of those that nobody saw, too.

use super::pair::{Client, Kind, Middle, Pair};
use crate::harness::browser::Browser;
use crate::harness::eventually;

/// The names of the files in the folder of records.
fn files(pair: &Pair) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(pair.file("failovers")) else { return Vec::new() };
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.split('.').count() == 2).collect();
    names.sort();
    names
}

/// The files of the one record: its JSON text and its page.
#[track_caller]
fn kept(pair: &Pair, kind: &str) -> (String, String) {
    let [page, json] = eventually("its files are there", || files(pair).try_into().ok());
    assert!(page.starts_with(&format!("{kind}-db-")) && page.ends_with(".html"), "{page}");
    assert_eq!(json.strip_suffix(".json"), page.strip_suffix(".html"));
    let read = |name| std::fs::read_to_string(pair.file("failovers").join(name)).unwrap();
    (read(json), read(page))
}

#[test]
fn what_a_failover_cost_is_a_file_and_a_page_that_fits_every_screen() {
    let mut pair = Pair::start(Kind::Postgres, Middle::Calm);
    let mut idle = pair.write.connect().unwrap();
    idle.query("SELECT 1").unwrap();
    // It answers on, and is no primary to those who look: its session is cut.
    pair.a.process().stop();
    pair.wait_said("Server db/a is DOWN");
    let write = pair.write;
    let waiting = std::thread::spawn(move || write.port().unwrap());
    eventually("a client waits", || {
        pair.ctl("show stat db 2 -1").contains("db,BACKEND,1,").then_some(())
    });
    pair.b.promote();
    waiting.join().unwrap();
    let record = eventually("it is on record", || pair.records().pop());
    for part in ["detect", "cut", "promote", "attach", "total"] {
        assert!(record["seconds"][part].is_f64(), "{part}: {record}");
    }
    let counts = ["client_errors", "sessions_cut", "sessions_kept"].map(|name| &record[name]);
    assert_eq!(counts, [1, 1, 0], "{record}");
    assert_eq!(record["verdict"], serde_json::json!({"rto": "met", "rpo": "unknown"}), "{record}");
    assert_eq!(record["routes"], serde_json::json!(["write"]));
    let (json, page) = kept(&pair, "failover");
    assert_eq!(serde_json::from_str::<serde_json::Value>(&json).unwrap(), record);
    let mut browser = Browser::start();
    let shown = pair.file("shown.html");
    std::fs::write(&shown, page).unwrap();
    for (width, scheme) in [(390, "light"), (390, "dark"), (1200, "light"), (1200, "dark")] {
        browser.resize(width, 900);
        let features = serde_json::json!([{"name": "prefers-color-scheme", "value": scheme}]);
        browser.call("Emulation.setEmulatedMedia", serde_json::json!({"features": features}));
        browser.open(&format!("file://{}", shown.display()));
        assert_eq!(browser.ask("document.documentElement.scrollWidth <= innerWidth"), true);
        assert_eq!(browser.ask("document.querySelectorAll('.track i').length"), 4);
        if let Some(folder) = std::env::var_os("EVENKEEL_PICTURES") {
            let name = std::path::Path::new(&folder).join(format!("record-{width}-{scheme}.png"));
            std::fs::write(name, browser.picture()).unwrap();
        }
    }
}

/// Who waits when another program takes over is kept by the one before, which alone knows when it was served.
#[test]
fn who_waited_in_the_process_before_is_not_forgotten() {
    let mut pair = Pair::start(Kind::Postgres, Middle::Changes);
    let write = pair.write;
    pair.a.process().kill9();
    pair.wait_said("Server db/a is DOWN");
    let waiting = std::thread::spawn(move || write.port().unwrap());
    let known = || std::fs::read_to_string(pair.file("running")).ok();
    eventually("it is known that a client waits", || {
        known().filter(|text| text.contains("\"held\":1"))
    });
    pair.passes();
    pair.b.promote();
    let b = pair.b.addr().port();
    assert_eq!(waiting.join().unwrap(), b);
    let record = eventually("it is on record", || pair.records().pop());
    assert_eq!((&record["kind"], &record["to"]), (&"failover".into(), &"b".into()), "{record}");
    assert!(record["nobody_waited"].is_null() && record["seconds"]["attach"].is_null(), "{record}");
    assert_eq!(record["waited_elsewhere"], true, "{record}");
    assert_eq!(record["verdict"]["rto"], "unknown", "{record}");
    let (_, page) = kept(&pair, "failover");
    assert!(page.contains("Clients of the process before this one waited"), "{page}");
}

/// Clients that are idle when their server goes in order, and go when they hear of it.
const IDLE: usize = 12;

/// What a server says before it goes is an error to whoever reads it, be the session cut here or not.
pub(super) fn who_is_told_goodbye_by_the_server_counts_as_an_error(kind: Kind) {
    let mut pair = Pair::start(kind, Middle::Calm);
    let clients: Vec<_> = (0..IDLE)
        .map(|_| {
            let mut client = pair.write.connect().unwrap();
            client.query("SELECT 1").unwrap();
            std::thread::spawn(move || match &mut client {
                Client::Postgres(client) => drop(client.last_words()),
                Client::MariaDb(client) => drop(client.last_words()),
            })
        })
        .collect();
    pair.a.stop_clean();
    clients.into_iter().for_each(|client| client.join().unwrap());
    pair.b.promote();
    pair.write.port().unwrap();
    let record = eventually("it is on record", || pair.records().pop());
    assert_eq!(record["client_errors"], IDLE, "{record}");
}

mod a_failover_that_nobody_saw_is_on_record {
    use super::{Kind, unseen};

    #[test]
    fn postgres() {
        unseen(Kind::Postgres);
    }

    #[test]
    fn mariadb() {
        unseen(Kind::MariaDb);
    }
}

/// The primary changes while there is no proxy.
fn unseen(kind: Kind) {
    let mut pair = Pair::start(kind, Middle::Calm);
    pair.restart(|pair| {
        pair.a.process().kill9();
        pair.b.promote();
    });
    pair.wait_said("Backend db has another primary than it is remembered to have: b, not a.");
    let record = eventually("it is on record", || pair.records().pop());
    let word = |name: &str| record[name].as_str().unwrap_or_else(|| panic!("{record}"));
    assert_eq!((word("kind"), word("from"), word("to")), ("unseen", "a", "b"));
    assert!(!word("history_before").is_empty() && !word("history_after").is_empty(), "{record}");
    for unknown in ["rpo", "client_errors", "sessions_cut", "clients_held", "answered"] {
        assert!(record[unknown].is_null(), "{unknown}: {record}");
    }
    assert!(record["seconds"]["total"].is_null(), "{record}");
    assert_eq!(record["verdict"], serde_json::json!({"rto": "unknown", "rpo": "unknown"}));
    let (_, page) = kept(&pair, "unseen");
    assert!(page.contains("that nobody saw") && page.contains(">unknown<"), "{page}");
    // It is known now, and said once.
    pair.restart(|_| ());
    pair.wait_fence("b", "primary primary incumbent");
    assert_eq!(pair.records(), [record]);
}

/// It had a place on the old primary and no answer: it is led on, and there is nobody.
#[test]
fn who_waited_for_another_in_vain_is_no_session_that_was_cut() {
    let mut pair = Pair::start(Kind::Postgres, Middle::Calm);
    let client = std::net::TcpStream::connect(pair.write.addr).unwrap();
    eventually("it has the server", || (pair.shown("a", "scur") == "1").then_some(()));
    pair.a.process().kill9();
    let wait_held = |count| {
        let row = format!("db,BACKEND,{count},");
        eventually(&row, || pair.ctl("show stat db 2 -1").contains(&row).then_some(()));
    };
    wait_held(1);
    drop(client);
    wait_held(0);
    pair.b.promote();
    pair.write.connect().unwrap();
    let record = eventually("it is on record", || pair.records().pop());
    assert!(record["seconds"]["cut"].is_null(), "{record}");
    assert_eq!(record["sessions_cut"], 0, "{record}");
}

/// What it does when it is back nobody knows.
#[test]
fn an_old_primary_that_is_down_is_not_said_to_be_let_in() {
    let mut pair = Pair::start(Kind::Postgres, Middle::Calm);
    let said = |pair: &Pair, what: &str| pair.evenkeel.output().matches(what).count();
    let [kept_out, no_more] =
        ["a claims to be primary and is kept out", "is not kept out any more"];
    pair.a.process().kill9();
    pair.b.promote();
    pair.wait_fence("b", "primary primary incumbent");
    pair.a.start_again();
    pair.wait_said(kept_out);
    let downs = said(&pair, "Server db/a is DOWN");
    pair.a.process().kill9();
    eventually("it is down", || (said(&pair, "Server db/a is DOWN") > downs).then_some(()));
    pair.a.start_again();
    eventually("it is back", || {
        pair.ctl("fence show").contains("db a primary fenced").then_some(())
    });
    assert_eq!([kept_out, no_more].map(|what| said(&pair, what)), [1, 0]);
    pair.change(&format!("server.a = \"{}\"\n", pair.a.addr()), "");
    pair.wait_said(no_more);
}
