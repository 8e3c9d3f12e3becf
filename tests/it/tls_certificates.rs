//! Certificates that commands show, change, make and remove while sessions run.

use std::path::PathBuf;

use rustix::process::Signal;

use crate::harness::api::Api;
use crate::harness::backend::Backend;
use crate::harness::client::Client;
use crate::harness::proxy::{Kind, Proxy, Scene};
use crate::harness::tls::{Authority, Hello, TlsClient, der};
use crate::harness::{both, eventually};

both! {
    a_commit_counts_at_once_and_harms_no_session,
    what_cannot_be_served_changes_nothing,
    lines_come_and_go,
    a_server_is_shown_another_certificate,
}

/// An authority, a socket for commands, and a proxy that serves `one.pem`, a directory and a list.
struct Served {
    authority: Authority,
    api: Api,
    proxy: Proxy,
    one: PathBuf,
    two: PathBuf,
    list: String,
    _server: Backend,
}

fn served(kind: Kind, authority: Authority) -> Served {
    let one = authority.dir.join("one.pem");
    let two = authority.dir.join("two.pem");
    let server = Backend::echo();
    let list = authority.path("list");
    let api = Api::new();
    let proxy = Scene::new(kind)
        .global(&api.lines())
        .bind(&format!("ssl crt-list {list}"))
        .backend(&format!("server s1 {}", server.addr))
        .start();
    Served { authority, api, proxy, one, two, list, _server: server }
}

fn files() -> Authority {
    let authority = Authority::new();
    let one = authority.issue("one.pem", &["one.example"]);
    let two = authority.issue("two.pem", &["two.example", "*.two.example"]);
    let list = format!("{}\n{} two.example\n", one.display(), two.display());
    authority.dir.write("list", &list);
    authority
}

impl Served {
    fn new(kind: Kind) -> Self {
        served(kind, files())
    }

    /// The certificate for this name.
    fn shown(&self, name: &str) -> Vec<u8> {
        let hello = Hello { name, ..Hello::default() };
        TlsClient::connect(self.proxy.addr, &hello).unwrap().certificate()
    }

    /// The answer to a command with a payload.
    fn give(&self, command: &str, payload: &str) -> String {
        self.api.ask(&format!("{command} <<\n{}\n", payload.trim()))
    }
}

fn pem(path: &PathBuf) -> String {
    std::fs::read_to_string(path).unwrap()
}

fn a_commit_counts_at_once_and_harms_no_session(kind: Kind) {
    let it = Served::new(kind);
    let (one, old) = (it.one.display(), der(&it.one));
    let hello = Hello { name: "one.example", ..Hello::default() };
    let mut session = TlsClient::connect(it.proxy.addr, &hello).unwrap();
    session.ping("before");
    let new = it.authority.issue("new.pem", &["new.example"]);
    let said = it.give(&format!("set ssl cert {one}"), &pem(&new));
    assert_eq!(said, format!("Transaction created for certificate {one}!\n\n"));
    assert!(it.shown("one.example") == old, "it is only prepared");
    let said = it.api.ask(&format!("commit ssl cert {one}"));
    assert_eq!(said, format!("Committing {one}.\nSuccess!\n\n"));
    assert!(it.shown("new.example") == der(&new));
    assert!(it.shown("one.example") == der(&new), "it is the default still");
    assert!(it.shown("two.example") == der(&it.two));
    session.ping("after");
    assert!(session.certificate() == old);
    let said = it.api.ask(&format!("commit ssl cert {one}"));
    assert_eq!(said, format!("No ongoing transaction! !\nCan't commit {one}!\n\n"));
}

fn what_cannot_be_served_changes_nothing(kind: Kind) {
    let it = Served::new(kind);
    let (one, old) = (it.one.display(), der(&it.one));
    let (alone, _) = it.authority.sign(&["alone.example"]);
    let (_, other) = it.authority.sign(&["other.example"]);
    let set = format!("set ssl cert {one}");
    let commit = format!("commit ssl cert {one}");
    for (payload, why) in [
        (alone.clone(), "The transaction must contain at least a certificate and a private key!"),
        (format!("{alone}{other}"), "inconsistencies between private key and certificate loaded"),
    ] {
        it.give(&set, &payload);
        let said = it.api.ask(&commit);
        assert!(
            said.contains(why) && said.ends_with(&format!("Can't commit {one}!\n\n")),
            "{said}"
        );
        assert!(it.shown("one.example") == old, "{why}");
        let said = it.api.ask(&format!("abort ssl cert {one}"));
        assert_eq!(said, format!("Transaction aborted for certificate '{one}'!\n\n"));
    }
    let garbage = ["nonsense".to_owned(), other.clone(), alone[..alone.len() / 2].to_owned()];
    for payload in garbage {
        let said = it.give(&set, &payload);
        let end = format!("Can't load the payload\nCan't update {one}!\n\n");
        assert!(said.ends_with(&end), "{said}");
    }
    let said = it.give("set ssl cert nobody.pem", &pem(&it.two));
    let why = "Can't replace a certificate which is not referenced by the configuration!";
    assert_eq!(said, format!("{why}\nCan't update nobody.pem!\n\n"));
    assert!(it.shown("one.example") == old);
    // Those of a lower level may do nothing of it.
    assert_eq!(it.api.ask_as("operator", &commit), "Permission denied\n\n");
}

fn lines_come_and_go(kind: Kind) {
    let it = Served::new(kind);
    let (one, two, list) = (it.one.display(), it.two.display(), &it.list);
    let new = it.authority.issue("new.pem", &["new.example"]);
    assert_eq!(it.api.ask("new ssl cert made"), "New empty certificate store 'made'!\n\n");
    let add = format!("add ssl crt-list {list} made");
    let said = it.api.ask(&add);
    assert_eq!(said, "Can't edit the crt-list: certificate 'made' is empty!\n\n");
    it.give("set ssl cert made", &pem(&new));
    assert_eq!(it.api.ask("commit ssl cert made"), "Committing made\nSuccess!\n\n");
    assert!(it.shown("new.example") == der(&it.one), "nobody uses it");
    let inserted = format!("Inserting certificate 'made' in crt-list '{list}'.\nSuccess!\n\n");
    assert_eq!(it.api.ask(&add), inserted);
    assert_eq!(it.give(&format!("add ssl crt-list {list}"), "made *.more.example"), inserted);
    for name in ["new.example", "x.more.example"] {
        assert!(it.shown(name) == der(&new), "{name}");
    }
    assert_eq!(
        it.api.ask(&format!("show ssl crt-list -n {list}")),
        format!("# {list}\n{one}:1\n{two}:2 two.example\nmade:3\nmade:4 *.more.example\n\n")
    );
    for (command, why) in [
        ("del ssl cert made", "the certificate: certificate 'made' in use, can't be deleted!\n"),
        (
            &format!("del ssl crt-list {list} made"),
            "please specify a line number preceded by colons (3, 4)!",
        ),
        (&format!("del ssl crt-list {list} nobody"), "certificate 'nobody' does not exist!"),
        (&format!("del ssl crt-list {list} {one}"), "it is used as default certificate by"),
        ("del ssl crt-list none made", "crt-list 'none' does not exist!"),
        ("add ssl crt-list none made", "crt-list 'none' does not exist!"),
    ] {
        let said = it.api.ask(command);
        assert!(said.contains(why), "{command}: {said}");
    }
    for line in [3, 4] {
        let said = it.api.ask(&format!("del ssl crt-list {list} made:{line}"));
        assert_eq!(said, format!("Entry 'made' deleted in crtlist '{list}'!\n\n"));
    }
    assert!(it.shown("new.example") == der(&it.one));
    assert_eq!(it.api.ask("del ssl cert made"), "Certificate 'made' deleted!\n\n");
    let said = it.api.ask(&format!("del ssl crt-list {list} {two}"));
    assert_eq!(said, format!("Entry '{two}' deleted in crtlist '{list}'!\n\n"));
    assert!(it.shown("two.example") == der(&it.one));
}

fn a_server_is_shown_another_certificate(kind: Kind) {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let crt = authority.issue("db.pem", &["db.example"]);
    let server = Backend::echo();
    let ending = Scene::new(Kind::Haproxy)
        .bind(&format!("ssl crt {} ca-file {} verify required", crt.display(), authority.ca()))
        .backend(&format!("server s1 {}", server.addr))
        .start();
    let (bad, api) = (stranger.issue("client.pem", &["client"]), Api::new());
    let proxy = Scene::new(kind)
        .global(&api.lines())
        .backend(&format!(
            "retries 0\nserver s1 {} ssl verify none crt {}",
            ending.addr,
            bad.display()
        ))
        .start();
    let is_served = || {
        use std::io::{Read, Write};
        // Who is not served may be reset before it has asked, or before it knows that it is connected.
        let Ok(mut client) = Client::try_connect(proxy.addr) else { return false };
        client.0.write_all(b"ping\n").is_ok() && client.0.read_exact(&mut [0; 4]).is_ok()
    };
    assert!(!is_served());
    let good = authority.issue("client.pem", &["client"]);
    let bad = bad.display();
    api.ask(&format!("set ssl cert {bad} <<\n{}\n", pem(&good).trim()));
    assert_eq!(
        api.ask(&format!("commit ssl cert {bad}")),
        format!("Committing {bad}.\nSuccess!\n\n")
    );
    assert!(is_served());
}

/// Both programs, asked the same of the same files, say the same.
#[test]
fn answers_are_haproxys() {
    let authority = files();
    let (_, key) = authority.sign(&["key.example"]);
    let new = pem(&authority.issue("new.pem", &["new.example"]));
    let programs = [Kind::Haproxy, Kind::Evenkeel].map(|kind| {
        let copy = Authority::new();
        for file in ["one.pem", "two.pem"] {
            std::fs::copy(authority.dir.join(file), copy.dir.join(file)).unwrap();
        }
        let (one, two) = (copy.path("one.pem"), copy.path("two.pem"));
        copy.dir.write("list", &format!("{one}\n{two} !no.two.example\n"));
        served(kind, copy)
    });
    let commands = [
        "show ssl cert",
        "show ssl cert DIR/one.pem",
        "show ssl cert DIR/two.pem",
        "show ssl cert nobody",
        "show ssl cert *nobody",
        "new ssl cert",
        "new ssl cert DIR/one.pem",
        "new ssl cert made",
        "show ssl cert made",
        "show ssl cert",
        "commit ssl cert",
        "commit ssl cert made",
        "abort ssl cert",
        "abort ssl cert made",
        "set ssl cert",
        "set ssl cert made",
        "set ssl cert made <<\n@NEW\n",
        "show ssl cert",
        "show ssl cert *made",
        "abort ssl cert DIR/one.pem",
        "commit ssl cert DIR/one.pem",
        "commit ssl cert made",
        "show ssl cert made",
        "set ssl cert made.key <<\n@KEY\n",
        "commit ssl cert made",
        "abort ssl cert made",
        "del ssl cert",
        "del ssl cert nobody",
        "del ssl cert DIR/one.pem",
        "show ssl crt-list",
        "show ssl crt-list DIR/list",
        "show ssl crt-list -n DIR/list",
        "show ssl crt-list -n",
        "show ssl crt-list nobody",
        "add ssl crt-list",
        "add ssl crt-list DIR/list",
        "add ssl crt-list DIR/list nobody",
        "add ssl crt-list nobody made",
        "add ssl crt-list DIR/list made",
        "del ssl crt-list",
        "del ssl crt-list DIR/list",
        "del ssl crt-list DIR/list made:9",
        "del ssl crt-list DIR/list made",
        "show ssl crt-list -n DIR/list",
        "del ssl cert made",
    ];
    for command in commands {
        let command = command.replace("@NEW", new.trim()).replace("@KEY", key.trim());
        let [real, ours] = programs.each_ref().map(|it| {
            let dir = it.authority.dir.path().display().to_string();
            it.api.ask(&command.replace("DIR", &dir)).replace(&dir, "DIR")
        });
        assert_eq!(ours, real, "{command}");
    }
}

#[test]
fn a_reload_keeps_what_was_committed_until_the_file_changes() {
    let it = Served::new(Kind::Evenkeel);
    let one = it.one.display();
    let new = it.authority.issue("new.pem", &["new.example"]);
    it.give(&format!("set ssl cert {one}"), &pem(&new));
    it.api.ask(&format!("commit ssl cert {one}"));
    let text = it.proxy.text();
    it.proxy.reload(&text.replace("timeout client 30s", "timeout client 31s"), Signal::USR2);
    eventually("it has reloaded", || it.proxy.process.output().contains("Reloaded").then_some(()));
    assert!(it.shown("one.example") == der(&new));
    // A command reaches what listens still.
    let newer = it.authority.issue("newer.pem", &["newer.example"]);
    it.give(&format!("set ssl cert {one}"), &pem(&newer));
    it.api.ask(&format!("commit ssl cert {one}"));
    assert!(it.shown("one.example") == der(&newer));
    let file = it.authority.issue("one.pem", &["one.example"]);
    it.proxy.reload(&text, Signal::USR2);
    eventually("the file counts", || (it.shown("one.example") == der(&file)).then_some(()));
}
