//! ACLs, rules and what they choose: each scenario against both programs.

use crate::harness::backend::Backend;
use crate::harness::both;
use crate::harness::client::{Client, served_by};
use crate::harness::dir::TempDir;
use crate::harness::proxy::{Kind, Scene};

both! {
    sni_chooses_the_backend,
    a_hello_in_pieces_is_waited_for,
    odd_hellos_go_to_the_default,
    connection_rules_reject_without_a_line,
    hosts_are_known_by_their_names,
    session_rules_see_the_headers_address,
    content_rules_reject_by_payload,
    requests_of_http_are_known_in_bytes,
    silence_ends_the_wait_and_is_final,
    files_and_maps_choose,
    use_server_wins_over_balance,
    variables_carry_values,
    responses_are_judged_before_they_are_passed_on,
    addresses_are_rewritten_for_the_log,
    backends_have_content_rules,
    states_of_other_backends_decide,
    named_defaults_hand_rules_down,
    formats_make_variables_and_priorities_are_taken,
    rules_ask_the_kernel_about_the_connection,
    responses_are_judged_by_the_servers_address,
}

fn vector16(content: &[u8]) -> Vec<u8> {
    let mut out = u16::try_from(content.len()).unwrap().to_be_bytes().to_vec();
    out.extend_from_slice(content);
    out
}

/// What a client of TLS says first; `None`: without a name.
fn hello(name: Option<&str>, alpn: &[&str]) -> Vec<u8> {
    let mut extensions = Vec::new();
    if let Some(name) = name {
        let list = vector16(&[&[0][..], &vector16(name.as_bytes())].concat());
        extensions.extend([&[0, 0][..], &vector16(&list)].concat());
    }
    if !alpn.is_empty() {
        let list: Vec<u8> = alpn
            .iter()
            .flat_map(|p| [&[u8::try_from(p.len()).unwrap()][..], p.as_bytes()].concat())
            .collect();
        extensions.extend([&[0, 16][..], &vector16(&vector16(&list))].concat());
    }
    let mut body = vec![3, 3];
    body.extend([9; 32]);
    body.push(0);
    body.extend(vector16(&[0x13, 1]));
    body.extend([1, 0]);
    body.extend(vector16(&extensions));
    let mut message = vec![1, 0];
    message.extend(vector16(&body));
    [&[22, 3, 1][..], &vector16(&message)].concat()
}

/// Backends `one`, `two` and `be`, each with a server that says its name and then echoes.
fn three(scene: Scene) -> (Scene, [Backend; 3]) {
    let servers = [Backend::greet("s1"), Backend::greet("s2"), Backend::greet("s3")];
    let text = format!(
        "server s3 {}\nbackend one\n  server s1 {}\nbackend two\n  server s2 {}",
        servers[2].addr, servers[0].addr, servers[1].addr
    );
    (scene.backend(&text), servers)
}

fn greeted(addr: std::net::SocketAddr, bytes: &[u8]) -> String {
    let mut client = Client::connect(addr);
    client.send(bytes);
    client.line().unwrap_or_default()
}

const SNI_RULES: &str = "tcp-request inspect-delay 5s
  tcp-request content accept if { req.ssl_hello_type 1 }
  use_backend one if { req.ssl_sni -i one.example }
  use_backend two if { req.ssl_sni -m end .two.example } || { req.ssl_alpn pg }";

fn sni_chooses_the_backend(kind: Kind) {
    let (scene, _servers) = three(Scene::new(kind).frontend(SNI_RULES));
    let proxy = scene.start();
    assert_eq!(greeted(proxy.addr, &hello(Some("ONE.example"), &[])), "s1");
    assert_eq!(greeted(proxy.addr, &hello(Some("a.two.example"), &[])), "s2");
    assert_eq!(greeted(proxy.addr, &hello(Some("x"), &["pg", "h2"])), "s2");
    assert_eq!(greeted(proxy.addr, &hello(Some("x"), &[])), "s3");
}

fn a_hello_in_pieces_is_waited_for(kind: Kind) {
    let (scene, servers) = three(Scene::new(kind).frontend(SNI_RULES));
    let proxy = scene.start();
    let bytes = hello(Some("one.example"), &[]);
    let mut client = Client::connect(proxy.addr);
    for piece in bytes.chunks(20) {
        client.send(piece);
        assert_eq!(servers[2].accepted(), 0);
    }
    assert_eq!(client.line().unwrap(), "s1");
}

fn odd_hellos_go_to_the_default(kind: Kind) {
    let rules = "tcp-request inspect-delay 300ms
  tcp-request content accept if { req.ssl_hello_type 1 }
  use_backend one if { req.ssl_sni -m found }";
    let (scene, _servers) = three(Scene::new(kind).frontend(rules));
    let proxy = scene.start();
    assert_eq!(greeted(proxy.addr, &hello(None, &[])), "s3");
    assert_eq!(greeted(proxy.addr, b"GET / HTTP/1.0\r\n\r\n"), "s3");
    assert_eq!(greeted(proxy.addr, b"\x16\x03\x01\xff\xff\x01"), "s3");
    assert_eq!(greeted(proxy.addr, b"\x16\x03\x01\x00\x04\x01\x00\x00\x00"), "s3");
}

fn connection_rules_reject_without_a_line(kind: Kind) {
    let server = Backend::greet("s1");
    let rules = "acl lan src 127.0.0.0/8
  acl mine dst_port 1:65535
  tcp-request connection reject if lan mine";
    let scene = Scene::new(kind).frontend(rules).backend(&format!("server s1 {}", server.addr));
    let proxy = scene.start();
    // The end may come before the client knows that it is connected.
    assert!(served_by(proxy.addr).is_err());
    assert_eq!(server.accepted(), 0);
    assert_eq!(proxy.log.count("fe be"), 0);
}

fn hosts_are_known_by_their_names(kind: Kind) {
    let server = Backend::greet("s1");
    let rules = "acl here src localhost
  acl near src localhost/24
  tcp-request connection reject if !here
  tcp-request content reject if !near";
    let scene = Scene::new(kind).frontend(rules).backend(&format!("server s1 {}", server.addr));
    let proxy = scene.start();
    assert_eq!(served_by(proxy.addr).unwrap(), "s1");
}

fn session_rules_see_the_headers_address(kind: Kind) {
    let server = Backend::greet("s1");
    let scene = Scene::new(kind)
        .bind("accept-proxy")
        .frontend("tcp-request session reject if { src 192.0.2.0/24 }")
        .backend(&format!("server s1 {}", server.addr));
    let proxy = scene.start();
    let header = |ip: &str| format!("PROXY TCP4 {ip} 192.0.3.8 4321 5432\r\n");
    assert_eq!(greeted(proxy.addr, header("192.0.2.7").as_bytes()), "");
    assert_eq!(greeted(proxy.addr, header("192.0.3.7").as_bytes()), "s1");
}

fn content_rules_reject_by_payload(kind: Kind) {
    let server = Backend::echo();
    let rules = "tcp-request inspect-delay 5s
  tcp-request content reject if { req.payload(0,4) -m bin 64656164 }
  tcp-request content reject if { req.payload(0,4),lower -m reg ^b[ae]d }
  tcp-request content accept if { req.len ge 4 }";
    let scene = Scene::new(kind).frontend(rules).backend(&format!("server s1 {}", server.addr));
    let proxy = scene.start();
    for bad in ["dead", "BAD!"] {
        let mut client = Client::connect(proxy.addr);
        client.send(bad);
        assert_eq!(client.drain().0, b"", "{bad}");
        proxy.log.expect(&["fe fe/<NOSRV> -1/-1/", " PR "]);
    }
    let mut client = Client::connect(proxy.addr);
    client.ping("good");
    assert_eq!(server.accepted(), 1);
}

fn requests_of_http_are_known_in_bytes(kind: Kind) {
    let rules = "tcp-request inspect-delay 5s
  acl app hdr_end(host) -i foo.example
  tcp-request content reject if { path_beg /no }
  use_backend one if app
  use_backend two if METH_POST";
    let (scene, _servers) = three(Scene::new(kind).frontend(rules));
    let proxy = scene.start();
    let request = |line: &str, host: &str| format!("{line} HTTP/1.1\r\nHost: {host}\r\n\r\n");
    assert_eq!(greeted(proxy.addr, request("GET /", "www.FOO.example").as_bytes()), "s1");
    assert_eq!(greeted(proxy.addr, request("POST /", "www.other").as_bytes()), "s2");
    assert_eq!(greeted(proxy.addr, request("GET /", "www.other").as_bytes()), "s3");
    assert_eq!(greeted(proxy.addr, &hello(Some("www.foo.example"), &[])), "s3");
    let mut client = Client::connect(proxy.addr);
    client.send(request("GET /no", "www.foo.example"));
    assert_eq!(client.drain().0, b"");
    let mut client = Client::connect(proxy.addr);
    client.send("GET / HTTP/1.1\r\nHo");
    client.send("st: foo.example\r\n\r\n");
    assert_eq!(client.line().unwrap(), "s1");
}

fn silence_ends_the_wait_and_is_final(kind: Kind) {
    let rules = "tcp-request inspect-delay 200ms
  tcp-request content reject if !{ req.len gt 0 } { src_port 1 }
  use_backend one if WAIT_END !REQ_CONTENT";
    let (scene, _servers) = three(Scene::new(kind).frontend(rules));
    let proxy = scene.start();
    let mut client = Client::connect(proxy.addr);
    assert_eq!(client.line().unwrap(), "s1");
    let rules = "tcp-request inspect-delay 200ms
  tcp-request content accept if { req.len gt 0 }
  use_backend one if !REQ_CONTENT";
    let (scene, _servers) = three(Scene::new(kind).frontend(rules));
    let proxy = scene.start();
    assert_eq!(served_by(proxy.addr).unwrap(), "s1");
    assert_eq!(greeted(proxy.addr, b"x"), "s3");
}

fn files_and_maps_choose(kind: Kind) {
    let dir = TempDir::new();
    let nets = dir.write("nets.lst", "# clients\n10.0.0.0/8\n  127.0.0.0/8\n");
    let map = dir.write("names.map", "one.example one\n# no\n*.x none\ntwo.example two\n");
    let rules = format!(
        "tcp-request inspect-delay 5s
  tcp-request content reject unless {{ src -f {} }}
  tcp-request content accept if {{ req.ssl_hello_type 1 }}
  use_backend %[req.ssl_sni,lower,map({},nowhere)]",
        nets.display(),
        map.display()
    );
    let (scene, _servers) = three(Scene::new(kind).frontend(&rules));
    let proxy = scene.start();
    assert_eq!(greeted(proxy.addr, &hello(Some("TWO.example"), &[])), "s2");
    assert_eq!(greeted(proxy.addr, &hello(Some("one.example"), &[])), "s1");
    assert_eq!(greeted(proxy.addr, &hello(Some("other.example"), &[])), "s3");
}

fn use_server_wins_over_balance(kind: Kind) {
    let (a, b) = (Backend::greet("a"), Backend::greet("b"));
    let scene = Scene::new(kind).backend(&format!(
        "balance roundrobin
  use-server b if {{ src 127.0.0.0/8 }}
  server a {}
  server b {} weight 1",
        a.addr, b.addr
    ));
    let proxy = scene.start();
    for _ in 0..4 {
        assert_eq!(served_by(proxy.addr).unwrap(), "b");
    }
    assert_eq!(a.accepted(), 0);
}

fn variables_carry_values(kind: Kind) {
    let rules = "tcp-request connection set-var(sess.net) src,ipmask(8)
  tcp-request inspect-delay 5s
  tcp-request content set-var(txn.word) req.payload(0,0),field(1,:) if { req.len ge 4 }
  tcp-request content accept if { req.len ge 4 }
  tcp-request content set-var(txn.word) str(early)
  use_backend one if { var(txn.word) -m str abc } { var(sess.net) -m ip 127.0.0.0 }
  use_backend two if { var(txn.word),length -m int 2 }";
    let (scene, _servers) = three(Scene::new(kind).frontend(rules));
    let proxy = scene.start();
    assert_eq!(greeted(proxy.addr, b"abc:1"), "s1");
    assert_eq!(greeted(proxy.addr, b"ab:12"), "s2");
    assert_eq!(greeted(proxy.addr, b"abcd:"), "s3");
}

fn responses_are_judged_before_they_are_passed_on(kind: Kind) {
    let server = Backend::echo();
    let proxy = Scene::new(kind)
        .backend(&format!(
            "tcp-response inspect-delay 5s
  tcp-response content reject if {{ res.payload(0,3) -m str bad }}
  tcp-response content accept if {{ res.len ge 3 }}
  server s1 {}",
            server.addr
        ))
        .start();
    let mut client = Client::connect(proxy.addr);
    client.ping("fine");
    client.ping("bad is fine later");
    let mut client = Client::connect(proxy.addr);
    client.send("bad\n");
    assert_eq!(client.drain().0, b"");
    proxy.log.expect(&["fe be/s1 ", " PD "]);
}

fn addresses_are_rewritten_for_the_log(kind: Kind) {
    let server = Backend::greet("s1");
    let rules = "tcp-request connection set-src str(192.0.2.9)
  tcp-request connection set-src-port int(77)";
    let scene = Scene::new(kind).frontend(rules).backend(&format!("server s1 {}", server.addr));
    let proxy = scene.start();
    assert_eq!(served_by(proxy.addr).unwrap(), "s1");
    proxy.log.expect(&["192.0.2.9:77 [", "fe be/s1 "]);
    for (rules, source, destination) in [
        ("connection", "192.0.2.9", "192.0.2.8"),
        ("session", "127.0.0.1", "127.0.0.1"),
        ("content", "127.0.0.1", "127.0.0.1"),
    ] {
        let text = format!(
            "tcp-request {rules} set-src str(192.0.2.9)
  {}
  log-format \"SAID %[src] %[fc_src] %[fc_dst] END\"",
            if rules == "session" {
                String::new()
            } else {
                format!("tcp-request {rules} set-dst str(192.0.2.8)")
            }
        );
        let scene = Scene::new(kind).frontend(&text);
        let proxy = scene.backend(&format!("server s1 {}", server.addr)).start();
        assert_eq!(served_by(proxy.addr).unwrap(), "s1");
        proxy.log.expect(&[&format!("SAID 192.0.2.9 {source} {destination} END")]);
    }
}

fn backends_have_content_rules(kind: Kind) {
    let server = Backend::echo();
    let proxy = Scene::new(kind)
        .backend(&format!(
            "tcp-request inspect-delay 5s
  tcp-request content reject if {{ req.payload(0,1) -m str x }}
  server s1 {}",
            server.addr
        ))
        .start();
    let mut client = Client::connect(proxy.addr);
    client.send("x");
    assert_eq!(client.drain().0, b"");
    proxy.log.expect(&["fe be/<NOSRV> ", " PR "]);
    Client::connect(proxy.addr).ping("y");
}

fn states_of_other_backends_decide(kind: Kind) {
    let rules = "use_backend one if { nbsrv(two) ge 1 } { srv_is_up(two/s2) } { be_conn(one) 0 }
  use_backend two if { nbsrv(two) 1 }";
    let (scene, _servers) = three(Scene::new(kind).frontend(rules));
    let proxy = scene.start();
    let mut first = Client::connect(proxy.addr);
    assert_eq!(first.line().unwrap(), "s1");
}

fn named_defaults_hand_rules_down(kind: Kind) {
    let server = Backend::greet("s1");
    let text = format!(
        "defaults plain
  mode tcp
  timeout connect 5s
  timeout client 5s
  timeout server 5s
defaults d from plain
  tcp-request connection reject if {{ src 127.0.0.2 }}
frontend fe from d
  bind {{front}}
  tcp-request connection accept
  default_backend be
backend be from plain
  server s1 {}
",
        server.addr
    );
    let proxy = Scene::new(kind).whole(&text).start();
    assert_eq!(served_by(proxy.addr).unwrap(), "s1");
}

fn formats_make_variables_and_priorities_are_taken(kind: Kind) {
    let rules = "tcp-request session set-var-fmt(sess.who) is-%[fe_name]-%[src]
  tcp-request content set-nice 5
  tcp-request content set-priority-class int(-5)
  tcp-request content set-priority-offset int(4000)
  use_backend one if { var(sess.who) -m str is-fe-127.0.0.1 } { prio_class lt 0 } { prio_offset 4000 }";
    let (scene, _servers) = three(Scene::new(kind).frontend(rules));
    let proxy = scene.start();
    assert_eq!(served_by(proxy.addr).unwrap(), "s1");
}

fn rules_ask_the_kernel_about_the_connection(kind: Kind) {
    let rules = "use_backend one if { fc_rtt(us) gt 0 } { fc_lost 0 } !{ ssl_fc }";
    let (scene, _servers) = three(Scene::new(kind).frontend(rules));
    let proxy = scene.start();
    assert_eq!(served_by(proxy.addr).unwrap(), "s1");
}

fn responses_are_judged_by_the_servers_address(kind: Kind) {
    let (good, bad) = (Backend::greet("good"), Backend::greet("bad"));
    let scene = Scene::new(kind).backend(&format!(
        "balance roundrobin
  tcp-response inspect-delay 5s
  tcp-response content accept if {{ bc_dst_port {} }} {{ bc_src_port gt 0 }}
  tcp-response content reject
  server good {}
  server bad {}",
        good.addr.port(),
        good.addr,
        bad.addr
    ));
    let proxy = scene.start();
    let mut heard = [served_by(proxy.addr).ok(), served_by(proxy.addr).ok()];
    heard.sort();
    assert_eq!(heard[1].as_deref(), Some("good"));
    assert!(heard[0].as_deref().is_none_or(str::is_empty), "{heard:?}");
}
