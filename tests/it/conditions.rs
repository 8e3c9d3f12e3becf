//! What conditions match: every method, flag and form of a pattern, in both programs.

use crate::harness::backend::Backend;
use crate::harness::both;
use crate::harness::client::Client;
use crate::harness::dir::TempDir;
use crate::harness::proxy::{Kind, Scene};

both! {
    conditions_hold_as_recorded,
}

/// What is sent.
const SENT: &str = "hello world, and a bit more";

/// Conditions on a session from 127.0.0.1 that sent [`SENT`], and whether they hold. `DIR` is where
/// the files are.
const ROWS: &[(&str, bool)] = &[
    // Addresses. Zeros are left out before the last part, unlike in CIDR.
    ("src 127.0.0.1", true),
    ("src 127.1", true),
    ("src 127.0.0.0/8", true),
    ("src 127.0/8", true),
    ("src 127/8", false),
    ("src 127.0.0.1/255.0.0.0", true),
    ("src 10.0.0.0/8", false),
    ("src 127.0.0.2", false),
    ("src 1.2.3.4 127.0.0.1", true),
    ("src localhost", true),
    ("src ::1", false),
    ("src ::ffff:127.0.0.1", true),
    ("src -f DIR/addresses", true),
    ("src -f DIR/addresses 1.2.3.4", true),
    ("src -n -f DIR/networks", false),
    ("ipv4(10.12.5.5) 10.12/16", false),
    ("ipv4(10.0.5.5) 10.12/16", true),
    ("ipv4(10.12.5.5) 10.12.0/16", true),
    ("ipv4(10.0.0.12) 10.12", true),
    ("ipv4(1.2.3.4) 1.2.3.4/24", true),
    ("ipv4(1.2.3.4) 1.2.3/24", false),
    ("ipv4(1.2.3.4) ::ffff:1.2.3.4", true),
    ("ipv6(::1) ::/0", true),
    ("ipv6(::ffff:1.2.3.4) 1.2.3.4", true),
    ("str(1.2.3.4) -m ip 1.2.3.0/24", true),
    ("str(foo) -m ip 1.2.3.4", false),
    // Methods that the sample's kind does not suggest.
    ("src -m str 127.0.0.1", true),
    ("src -m beg 127.", true),
    ("src -m end .1", true),
    ("src -m sub .0.", true),
    ("src -m reg ^127", true),
    ("src -m len 9", true),
    ("src -m dom 0", true),
    ("src -m bin 7f000001", true),
    ("src -m found", true),
    ("src -m bool", true),
    ("ipv4(0.0.0.0) -m bool", false),
    ("int(5) -m str 5", true),
    ("int(5) -m len 1", true),
    ("str(12ab) -m int 12", true),
    ("str(12) -m int 10:20", true),
    // Text.
    ("req.payload(0,5) -m str hello", true),
    ("req.payload(0,5) -m str HELLO", false),
    ("req.payload(0,5) -m str -i HELLO", true),
    ("req.payload(0,5) -i -m str -f DIR/words", true),
    ("req.payload(6,5) -m str -f DIR/words", false),
    ("req.payload(6,5) -m beg -f DIR/words", false),
    ("req.payload(0,0) -m sub -f DIR/words", true),
    ("req.payload(0,5) -m bin 68656c6c6f", true),
    ("req.payload(0,5) -m beg he", true),
    ("req.payload(0,5) -m beg -i HE", true),
    ("req.payload(0,5) -m beg hello-more", false),
    ("req.payload(0,5) -m end lo", true),
    ("req.payload(0,5) -m sub ell", true),
    ("req.payload(0,5) -m reg ^h.l", true),
    ("req.payload(0,5) -m reg -i ^H.L", true),
    ("req.payload(0,5) -m reg ^(?!help)(?=hell).*o$", true),
    ("req.payload(0,5) -m reg (?<twice>.)\\\\k<twice>(?!o)", false),
    ("req.payload(0,5) -m reg (?<twice>.)\\\\k<twice>(?=o)", true),
    ("bin(ff80800a),map_regm(DIR/octets) -m bin 747769636580", true),
    ("req.payload(0,5) -m reg -f DIR/expressions", true),
    ("req.payload(0,5) -m len 1:4", false),
    ("req.payload(0,5) -m len ge 5", true),
    ("req.payload(0,500) -m found", false),
    ("str(a.b.c) -m dom b.c", true),
    ("str(a.b.c) -m dom a.c", false),
    ("str(/a/b/c) -m dir a/b", true),
    ("str(-f) -- -f", true),
    ("str(-i) -m str -- -i", true),
    ("str() -m found", true),
    ("str() -m len 0", true),
    // Numbers.
    ("int(5) eq 5", true),
    ("int(5) lt 6", true),
    ("int(5) le 4", false),
    ("int(5) gt 5", false),
    ("int(5) 1:4 5:9", true),
    ("int(5) :5", true),
    ("int(5) 6:", false),
    ("int(-5) lt 0", true),
    ("int(5) gt 1 lt 3", true),
    ("int(15) -f DIR/numbers", true),
    ("int(150) -f DIR/numbers", false),
    // Truth.
    ("bool(1)", true),
    ("bool(0)", false),
    ("bool(0) -m found", true),
    ("bool(1) -m int 1", true),
    ("env(NO_SUCH_VARIABLE) -m found", false),
    ("env(NO_SUCH_VARIABLE) -m len 0", false),
    ("env(PATH) -m found", true),
    ("var(txn.nothing) -m found", false),
    // Maps, whose second column may be missing.
    ("req.payload(0,5),map(DIR/map) -m str one", true),
    ("str(spaced),map(DIR/map) -m str two", false),
    ("str(spaced),map(DIR/map) -m end words", true),
    ("str(alone),map(DIR/map,other) -m len 0", true),
    ("str(absent),map(DIR/map,other) other", true),
    ("str(absent),map(DIR/map) -m found", false),
    ("req.payload(0,5) -M -m str -f DIR/map", true),
    // Of the session, the proxies and the process.
    ("src_port gt 1023", true),
    ("dst_port 1:1023", false),
    ("fe_name fe", true),
    ("nbsrv(be) 1", true),
    ("srv_is_up(be/s1)", true),
    ("srv_is_up(be/s2)", false),
    ("queue(be) 0", true),
    ("be_conn(be) ge 0", true),
    ("fe_conn 1", true),
    ("stopping", false),
    ("req.len gt 20", true),
    ("req.ssl_hello_type -m found", false),
    ("req.proto_http", false),
    ("rdp_cookie_cnt 0", true),
    ("LOCALHOST", true),
    ("WAIT_END", true),
    ("REQ_CONTENT", true),
    ("TRUE", true),
    ("FALSE", false),
    ("HTTP", false),
    // All of them, or one of several.
    ("TRUE FALSE", false),
    ("TRUE !FALSE", true),
    ("TRUE FALSE or TRUE", true),
    ("TRUE or FALSE FALSE", true),
];

fn conditions_hold_as_recorded(kind: Kind) {
    let (dir, server) = (TempDir::new(), Backend::echo());
    dir.write("addresses", "# none\n10.1\n 127.0.0.0/8\n::1\n\n");
    dir.write("networks", "10.0.0.0/8\n");
    dir.write("words", "Hello\n#no\nworld, and\n\n");
    dir.write("expressions", "^he.*o$\n[0-9]+x\n");
    dir.write("octets", "^(\\xff)(.)\\2$ twice\\2\n");
    dir.write("numbers", "5\n10:20\n");
    dir.write("map", "hello one\nspaced  two words \n# c x\nalone\n");
    let files = dir.path().display().to_string();
    let mut rules = "tcp-request inspect-delay 100ms\n".to_owned();
    let mut format = String::new();
    for (number, (condition, _)) in ROWS.iter().enumerate() {
        let condition = match condition.starts_with(char::is_uppercase) {
            true => (*condition).to_owned(),
            false => format!("{{ {} }}", condition.replace("DIR", &files)),
        };
        rules.push_str(&format!(
            "tcp-request content set-var(txn.r{number}) int(1) if {condition}\n"
        ));
        format.push_str(&format!("%[var(txn.r{number})]"));
    }
    let scene = Scene::new(kind)
        .frontend(&format!("{rules}log-format \"held: {format}\""))
        .backend(&format!("server s1 {0}\nserver s2 {0} disabled", server.addr));
    let proxy = scene.start();
    let mut client = Client::connect(proxy.addr);
    client.ping(SENT);
    drop(client);
    let line = proxy.log.expect(&["held: "]);
    let held = line.trim_start_matches("held: ").chars().map(|c| c == '1');
    let wrong: Vec<_> =
        ROWS.iter().zip(held).filter(|((_, recorded), held)| recorded != held).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}
