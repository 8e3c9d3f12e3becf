//! `log-format`, `error-log-format`, `unique-id-format` and `log-tag`.

use crate::harness::api::Api;
use crate::harness::backend::Backend;
use crate::harness::both;
use crate::harness::client::Client;
use crate::harness::dir::TempDir;
use crate::harness::port::free_port;
use crate::harness::proxy::{Kind, Scene};

both! {
    every_variable,
    the_formats_of_the_environment,
    json_of_a_format_with_samples,
    error_log_format_of_a_bad_proxy_header,
    a_tag_of_its_own,
    state_lines_carry_the_tag_of_their_proxy,
    mistakes_are_refused,
    what_shows_no_end_is_written_once_the_server_is_connected,
    lines_ask_tables,
    free_places_are_counted,
    who_has_no_backend_is_its_frontends,
}

/// The line of one session of five bytes each way, and the client's port.
fn line_of(kind: Kind, defaults: &str) -> (String, u16, u16, u16) {
    let server = Backend::echo();
    let scene = Scene::new(kind).defaults(defaults);
    let proxy = scene.backend(&format!("server s1 {}", server.addr)).start();
    let mut client = Client::connect(proxy.addr);
    let port = client.0.local_addr().unwrap().port();
    client.ping("hello");
    client.half_close();
    client.drain();
    (proxy.log.expect(&["begin", " end"]), port, proxy.addr.port(), server.addr.port())
}

fn every_variable(kind: Kind) {
    let (line, client, front, server) = line_of(
        kind,
        "unique-id-format %{+X}o%ci:%cp_%fi\n\
         log-format \"begin  %ci:%cp %f/%ft/%b/%s %fi:%fp %si:%sp %bi %B/%U %ts/%tsc \
         %ac/%fc/%bc/%sc/%rc %sq/%bq %Th/%{+X}ci/%{+Q}b/%{+Q}cp/%{+Q}sslc %sslv %hr|%hrl|%hs|%hsl \
         %ST %ID %{+Q}ID %lc 100%% %{+X}cp %{+Q}o %ci %s   end\"",
    );
    let begin = line.find("begin ").unwrap();
    let expected = format!(
        "begin 127.0.0.1:{client} fe/fe/be/s1 127.0.0.1:{front} 127.0.0.1:{server} 127.0.0.1 5/5 \
         --/---- 1/1/0/0/0 0/0 0/7F000001/\"be\"/{client}/\"\" - ||| 0 \
         7F000001:{client:04X}_7F000001 \"7F000001:{client:04X}_7F000001\" 0 100% {client:04X} \
         \"127.0.0.1\" \"s1\" end"
    );
    assert_eq!(&line[begin..], expected);
}

fn the_formats_of_the_environment(kind: Kind) {
    let format = match kind {
        Kind::Haproxy => "%ci:%cp [%t] %ft %b/%s %Tw/%Tc/%Tt %B %ts %ac/%fc/%bc/%sc/%rc %sq/%bq",
        Kind::Evenkeel => "${HAPROXY_TCP_LOG_FMT}",
    };
    let (line, client, ..) = line_of(kind, &format!("log-format \"begin {format} end\""));
    assert!(line.contains(&format!("begin 127.0.0.1:{client} [")), "{line}");
    assert!(line.contains("] fe be/s1 "), "{line}");
    assert!(line.ends_with(" 5 -- 1/1/0/0/0 0/0 end"), "{line}");
}

fn json_of_a_format_with_samples(kind: Kind) {
    let (line, client, ..) = line_of(
        kind,
        "log-format '{\"begin\": \"%[src]\", \"port\": %[src_port], \
         \"fe\": %{+Q}[fe_name,upper], \"no\": %{+Q}[var(sess.no)], \"none\": %[var(sess.no)], \
         \"esc\": \"%{+E}[fe_name]\"} end'",
    );
    let expected = format!(
        "{{\"begin\": \"127.0.0.1\", \"port\": {client}, \"fe\": \"FE\", \"no\": \"\", \
         \"none\": -, \"esc\": \"fe\"}} end"
    );
    assert!(line.ends_with(&expected), "{line}");
}

fn error_log_format_of_a_bad_proxy_header(kind: Kind) {
    let server = Backend::echo();
    let scene = Scene::new(kind)
        .defaults("error-log-format \"refused %ci:%cp %ft %Tw %s %B end\"")
        .bind("accept-proxy");
    let proxy = scene.backend(&format!("server s1 {}", server.addr)).start();
    let mut client = Client::connect(proxy.addr);
    let port = client.0.local_addr().unwrap().port();
    client.send(b"PROXY NONSENSE\r\n");
    let line = proxy.log.expect(&["refused ", " end"]);
    assert!(line.contains(&format!("refused 127.0.0.1:{port} fe ")), "{line}");
}

fn a_tag_of_its_own(kind: Kind) {
    let server = Backend::echo();
    let scene = Scene::new(kind).frontend("log-tag other");
    let proxy = scene.backend(&format!("server s1 {}", server.addr)).start();
    Client::connect(proxy.addr).ping("hello");
    proxy.log.expect(&["] fe be/s1 "]);
    let raw = proxy.log.raw().into_iter().find(|line| line.contains("] fe be/")).unwrap();
    assert!(raw.contains(&format!(" other[{}]: ", proxy.process.pid())), "{raw}");
}

fn state_lines_carry_the_tag_of_their_proxy(kind: Kind) {
    let server = Backend::echo();
    let scene = Scene::new(kind).backend(&format!("log-tag other\nserver s1 {}", server.addr));
    let api = Api::new();
    let proxy = scene.global(&api.lines()).start();
    api.ask("disable server be/s1");
    api.ask("enable server be/s1");
    for said in ["Server be/s1 is going DOWN", "be has no server available!", "Server be/s1 is UP"]
    {
        proxy.log.expect(&[said]);
        let raw = proxy.log.raw().into_iter().find(|line| line.contains(said)).unwrap();
        assert!(raw.contains(&format!(" other[{}]: ", proxy.process.pid())), "{raw}");
    }
}

/// Both refuse such a format, and name what is wrong.
fn mistakes_are_refused(kind: Kind) {
    let dir = TempDir::new();
    for (format, named) in [
        ("%zz", "zz"),
        ("%ciX", "ciX"),
        ("%r", "HTTP mode"),
        ("%Ta", "HTTP mode"),
        ("100%", "%"),
        ("%[src", "']'"),
        ("%[nope]", "nope"),
        ("%[req.payload(0,1)]", "req.payload"),
    ] {
        let text = format!(
            "defaults\n mode tcp\n timeout connect 1s\n timeout client 1s\n timeout server 1s\n\
             listen l\n bind 127.0.0.1:{}\n log-format \"{format}\"\n server s 127.0.0.1:1\n",
            free_port()
        );
        let file = dir.write("haproxy.cfg", &text);
        let (status, said) = kind.run(&["-c", "-f", &file.display().to_string()]);
        assert!(!status.success() && said.contains(named), "{format}: {said}");
    }
}

fn what_shows_no_end_is_written_once_the_server_is_connected(kind: Kind) {
    let server = Backend::echo();
    let scene = Scene::new(kind).defaults("log-format \"begin %ci %b/%s %si end\"");
    let proxy = scene.backend(&format!("server s1 {}", server.addr)).start();
    let mut client = Client::connect(proxy.addr);
    client.ping("hello");
    // It goes on.
    proxy.log.expect(&["begin 127.0.0.1 be/s1 127.0.0.1 end"]);
    client.half_close();
    client.drain();
    assert_eq!(proxy.log.count("begin"), 1);
}

fn who_has_no_backend_is_its_frontends(kind: Kind) {
    let text = "global\n log {log} local0\n\
         frontend fe\n log global\n mode tcp\n timeout client 1s\n id 7\n bind {front}\n\
         \x20log-format \"begin %b %[be_name] %[be_id] end\"\n";
    let proxy = Scene::new(kind).whole(text).start();
    Client::connect(proxy.addr).drain();
    proxy.log.expect(&["begin fe fe 7 end"]);
}

fn lines_ask_tables(kind: Kind) {
    let server = Backend::echo();
    let scene = Scene::new(kind).frontend(
        "tcp-request inspect-delay 30s
  stick-table type string len 8 size 10 store conn_cnt,gpc0
  tcp-request content track-sc0 req.payload(0,5)
  tcp-request content sc-inc-gpc0(0)
  log-format \"begin %[sc0_conn_cnt] %[sc0_get_gpc0] %[table_cnt(fe)] \
%[src_conn_cnt(ips)] %[src_inc_gpc0(ips)] %[str(hello),table_conn_cnt(fe)] end\"",
    );
    let backend = format!(
        "server s1 {}
backend ips
  stick-table type ip size 10 store conn_cnt,gpc0",
        server.addr
    );
    let proxy = scene.backend(&backend).start();
    for count in 1..=3 {
        let mut client = Client::connect(proxy.addr);
        // What is tracked is not known before all five have come.
        client.send("hel");
        client.send("lo");
        proxy.log.expect(&[&format!("begin {count} {count} 1 0 {count} {count} end")]);
    }
}

fn free_places_are_counted(kind: Kind) {
    let servers = [Backend::echo(), Backend::echo()];
    let format = "log-format \"begin %[connslots(be)] %[be_conn_free(be)] %[connslots(some)] end\"";
    let [one, two] = [servers[0].addr, servers[1].addr];
    let backends = format!(
        "server s1 {one} maxconn 5 maxqueue 10
  server s2 {two} maxconn 7 maxqueue 20 disabled
  server s3 {two} maxconn 30 maxqueue 50 backup
backend some
  server s1 {one} maxconn 5"
    );
    let proxy = Scene::new(kind).defaults(format).backend(&backends).start();
    Client::connect(proxy.addr).ping("hello");
    proxy.log.expect(&["begin 94 4 -1 end"]);
}
