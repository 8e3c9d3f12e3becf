//! Sessions that are held by TLS with real databases, and one that several backends share.

use std::net::SocketAddr;

use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};

use crate::harness::dir::TempDir;
use crate::harness::mariadb::MariaDb;
use crate::harness::native::run;
use crate::harness::port::free_addr;
use crate::harness::postgres::Postgres;
use crate::harness::process::Process;
use crate::harness::tls::Authority;
use crate::harness::{PATIENCE, eventually};
use crate::harness::{mysql_wire, pgsql_wire};

/// Evenkeel with a listener for writes in front of each of `servers`, whose checks have the same
/// words.
struct Proxy {
    writes: Vec<SocketAddr>,
    file: std::path::PathBuf,
    process: Process,
    _dir: TempDir,
}

impl Proxy {
    fn start(check: &str, servers: &[SocketAddr]) -> Self {
        let dir = TempDir::new();
        let password = dir.write("db.pass", "s3cret\n");
        let check = check.replace("FILE", &password.display().to_string());
        let mut writes = Vec::new();
        let mut text = String::new();
        for (number, server) in servers.iter().enumerate() {
            let write = free_addr();
            text += &format!(
                "[backend.b{number}]\n\
                 check = {{ {check}, inter = \"100ms\", timeout = \"2s\", rise = 1, fall = 1 }}\n\
                 server.s = \"{server}\"\n\
                 [frontend.f{number}]\nbind = \"{write}\"\nbackend = \"b{number}\"\n\
                 role = \"primary\"\nhold = \"30s\"\n\n"
            );
            writes.push(write);
        }
        let last = writes[writes.len() - 1];
        let process = run(&dir, &text, last);
        Self { writes, file: dir.join("evenkeel.toml"), process, _dir: dir }
    }

    fn waits_for(&self, text: &str) {
        eventually(text, || self.process.output().contains(text).then_some(()));
    }
}

const POSTGRES: &str = "type = \"postgres\", user = \"evenkeel\", password_file = \"FILE\", \
                        database = \"postgres\"";
const MYSQL: &str = "type = \"mysql\", user = \"evenkeel\", password_file = \"FILE\"";

/// What the words of `tls` say of a server that shows a certificate for `name`.
fn judged(authority: &Authority, name: &str, base: &str, server: SocketAddr) {
    let other = Authority::new();
    let is_named = name == "127.0.0.1";
    let rows = [
        ("require", None, true),
        ("verify-ca", Some(authority), true),
        ("verify-ca", Some(&other), false),
        ("verify-full", Some(authority), is_named),
    ];
    for (word, ca, passes) in rows {
        let ca = ca.map_or(String::new(), |ca| format!(", ca_file = \"{}\"", ca.ca()));
        let proxy = Proxy::start(&format!("{base}, tls = \"{word}\"{ca}"), &[server]);
        if !passes {
            proxy.waits_for("Server b0/s is DOWN, reason: Layer6 invalid response");
            continue;
        }
        // Who is held until there is a primary is served when the check has passed.
        let answer = match base == POSTGRES {
            true => pgsql_wire::Client::connect(proxy.writes[0], "postgres", PATIENCE)
                .and_then(|mut client| client.query("SELECT 1")),
            false => mysql_wire::Client::connect(proxy.writes[0], "app", PATIENCE)
                .and_then(|mut client| client.query("SELECT 1")),
        };
        let answer = answer.unwrap_or_else(|e| panic!("{word}: {e}\n{}", proxy.process.output()));
        assert_eq!(answer, [["1"]]);
    }
}

#[test]
fn postgres_is_asked_by_tls() {
    let authority = Authority::new();
    let server = Postgres::primary();
    server.expect_tls("evenkeel", "s3cret", &authority.sign(&["127.0.0.1"]));
    judged(&authority, "127.0.0.1", POSTGRES, server.addr);
    let proxy = Proxy::start(POSTGRES, &[server.addr]);
    proxy.waits_for("pg_hba.conf rejects connection");
}

#[test]
fn mariadb_is_asked_by_tls() {
    let authority = Authority::new();
    let mut server = MariaDb::primary();
    server.query("CREATE USER evenkeel@'%' IDENTIFIED BY 's3cret' REQUIRE SSL");
    server.speak_tls(&authority.sign(&["db.example"]));
    judged(&authority, "db.example", MYSQL, server.addr);
    let proxy = Proxy::start(MYSQL, &[server.addr]);
    proxy.waits_for("1045 (28000): Access denied");
}

#[test]
fn a_server_that_vouches_for_itself_is_named_by_address() {
    let mut server = MariaDb::primary();
    server.query("CREATE USER evenkeel@'%' IDENTIFIED BY 's3cret' REQUIRE SSL");
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let own = params.self_signed(&key).unwrap().pem();
    server.speak_tls(&(own.clone(), key.serialize_pem()));
    let (dir, other) = (TempDir::new(), Authority::new());
    let own = dir.write("own.pem", &own).display().to_string();
    let proxy = |ca: &str| {
        let check = format!("{MYSQL}, tls = \"verify-full\", ca_file = \"{ca}\"");
        Proxy::start(&check, &[server.addr])
    };
    let pinned = proxy(&own);
    let client = mysql_wire::Client::connect(pinned.writes[0], "app", PATIENCE);
    assert_eq!(client.and_then(|mut client| client.query("SELECT 1")).unwrap(), [["1"]]);
    proxy(&other.ca()).waits_for("the issuer of the server's certificate is unknown");
}

#[test]
fn backends_share_a_session_and_a_reload_that_names_another_account_ends_it() {
    let server = MariaDb::primary();
    for name in ["evenkeel", "other"] {
        server.query(&format!("CREATE USER {name}@'%' IDENTIFIED BY 's3cret'"));
    }
    let held = |name: &str| {
        let list = server.query("SHOW PROCESSLIST");
        list.iter().filter(|row| row[1] == name).map(|row| row[0].clone()).collect::<Vec<_>>()
    };
    let proxy = Proxy::start(MYSQL, &[server.addr; 3]);
    for &write in &proxy.writes {
        let mut client = mysql_wire::Client::connect(write, "app", PATIENCE).unwrap();
        client.query("SELECT 1").unwrap();
    }
    let first = held("evenkeel");
    assert_eq!(first.len(), 1, "{first:?}");
    // One that is killed is missed at once and made again, once.
    server.query(&format!("KILL {}", first[0]));
    eventually("there is another", || {
        let now = held("evenkeel");
        (now.len() == 1 && now != first).then_some(())
    });
    let text = std::fs::read_to_string(&proxy.file).unwrap();
    std::fs::write(&proxy.file, text.replace("\"evenkeel\"", "\"other\"")).unwrap();
    proxy.process.signal(rustix::process::Signal::HUP);
    eventually("it is another's", || {
        (held("evenkeel").is_empty() && held("other").len() == 1).then_some(())
    });
}
