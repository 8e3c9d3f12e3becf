//! Samples: what fetches and converters yield, in both programs.

mod converters;
mod patterns;

use crate::harness::api::Api;
use crate::harness::backend::Backend;
use crate::harness::both;
use crate::harness::client::Client;
use crate::harness::dir::TempDir;
use crate::harness::port::free_port;
use crate::harness::proxy::{Kind, Scene};

both! {
    converters_yield_what_was_recorded,
    expressions_find_what_pcre_finds,
    sessions_are_told_of,
    errors_of_connections_have_numbers,
    variables_have_conditions,
    formats_become_variables,
    processes_have_variables,
    captures_and_levels_are_logged,
    mistakes_in_variables_are_refused,
}

/// What a log line shows for each of `samples`, of a session that sends a word and gets one. Lines of a configuration are short, and so there is
/// a frontend for each few of them.
fn shown(kind: Kind, samples: &[&str]) -> Vec<String> {
    const FRONTEND_SAMPLES: usize = 12;
    let server = Backend::echo();
    let mut text = format!(
        "global\n  log {{log}} len 8192 format raw local0\n\
         defaults\n  mode tcp\n  log global\n  timeout client 10s\n  timeout server 11s\n\
         \x20 timeout connect 12s\n\
         frontend fe\n  bind {{front}}\nbackend be\n  id 77\n  server s1 {} id 5 weight 9\n",
        server.addr
    );
    let groups: Vec<_> = samples.chunks(FRONTEND_SAMPLES).map(|rows| (free_port(), rows)).collect();
    for (number, (port, rows)) in groups.iter().enumerate() {
        let format: String = rows.iter().map(|row| format!("~%[{row}]")).collect();
        let format = format.replace('\'', r"'\''");
        text.push_str(&format!(
            "frontend f{number}\n  id {}\n  bind 127.0.0.1:{port} name bnd\n\
             \x20 default_backend be\n\
             \x20 tcp-request connection set-var(sess.v) str(xyz)\n\
             \x20 tcp-request connection set-var(sess.n) int(7)\n\
             \x20 log-format '<{number}>{format}~'\n",
            number + 500
        ));
    }
    let proxy = Scene::new(kind).whole(&text).start();
    let mut shown = Vec::new();
    for (number, (port, rows)) in groups.iter().enumerate() {
        let mut client = Client::connect(([127, 0, 0, 1], *port).into());
        client.ping("hello");
        client.half_close();
        client.drain();
        let line = proxy.log.expect(&[&format!("<{number}>~")]);
        let values: Vec<_> = line.split('~').skip(1).take(rows.len()).map(str::to_owned).collect();
        assert_eq!(values.len(), rows.len(), "{line}");
        shown.extend(values);
    }
    shown
}

fn converters_yield_what_was_recorded(kind: Kind) {
    let (samples, recorded): (Vec<_>, Vec<_>) = converters::ROWS.iter().copied().unzip();
    let shown = shown(kind, &samples);
    let rows = samples.iter().zip(shown.iter().zip(recorded));
    let wrong: Vec<_> = rows.filter(|(_, (shown, recorded))| *shown != recorded).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn expressions_find_what_pcre_finds(kind: Kind) {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02X}")).collect::<String>();
    let quoted = |text: &str| text.replace('\\', r"\\").replace('"', "\\\"");
    let samples: Vec<_> = patterns::ROWS
        .iter()
        .map(|(text, expression, with, _)| {
            let (expression, with) = (quoted(expression), quoted(with));
            format!("bin({}),regsub(\"{expression}\",\"{with}\",g),hex", hex(text))
        })
        .collect();
    let samples: Vec<_> = samples.iter().map(String::as_str).collect();
    let rows = patterns::ROWS.iter().zip(shown(kind, &samples));
    let wrong: Vec<_> = rows
        .filter(|((_, _, _, after), shown)| hex(after) != *shown)
        .map(|((text, expression, _, after), shown)| (hex(text), expression, hex(after), shown))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Samples of one session, and what both programs show.
const SESSION: &[(&str, &str)] = &[
    ("fc_err", "0"),
    ("fc_err_str", "Success"),
    ("bc_err", "0"),
    ("bc_err_str", "Success"),
    ("bc_src", "127.0.0.1"),
    ("bc_src_port,bool", "1"),
    ("bc_dst", "127.0.0.1"),
    ("bc_dst_port,bool", "1"),
    ("be_name", "be"),
    ("be_id", "77"),
    ("srv_name", "s1"),
    ("srv_id", "5"),
    ("prio_class", "0"),
    ("prio_offset", "0"),
    ("be_server_timeout", "11000"),
    ("be_tunnel_timeout", "0"),
    ("fe_client_timeout", "10000"),
    ("fc_rtt(us),bool", "1"),
    ("fc_lost", "0"),
    ("dst_conn", "1"),
    ("srv_conn_free(be/s1)", "-1"),
    ("srv_queue(be/s1)", "0"),
    ("srv_weight(be/s1)", "9"),
    ("srv_iweight(be/s1)", "9"),
    ("srv_is_up(be/s1)", "1"),
    ("nbsrv(be)", "1"),
    ("avg_queue(be)", "0"),
    ("connslots(be)", "-1"),
    ("fe_conn", "1"),
    ("fe_id,bool", "1"),
    ("fe_name,bytes(0,1)", "f"),
    ("fe_defbe", "be"),
    ("so_name", "bnd"),
    ("so_id", "1"),
    ("fc_rcvd_proxy", "0"),
    ("fc_src", "127.0.0.1"),
    ("src_is_local", "1"),
    ("cpu_ns_tot", "0"),
    ("lat_ns_avg", "0"),
    ("stopping", "0"),
    ("str(be),nbsrv", "1"),
    ("str(be/s1),srv_queue", "0"),
];

/// What only later versions of HAProxy know.
const LATER: &[(&str, &str)] = &[
    ("bytes_in", "5"),
    ("bytes_out", "5"),
    ("req.bytes_in", "5"),
    ("req.bytes_out", "5"),
    ("res.bytes_in", "5"),
    ("res.bytes_out", "5"),
    ("txn.sess_term_state", "--"),
    ("txn.conn_retries", "0"),
    ("txn.redispatched", "0"),
    ("fc.timer.handshake", "0"),
    ("cur_client_timeout", "10000"),
    ("cur_server_timeout", "11000"),
    ("cur_connect_timeout", "12000"),
    ("cur_max_retries", "3"),
    ("fc_err_name", "NONE"),
    ("bc_err_name", "NONE"),
    ("accept_date(ms),bool", "1"),
    ("fc.timer.total,add(1),bool", "1"),
    ("txn.timer.user,add(1),bool", "1"),
    ("txn.id32,add(1),bool", "1"),
    ("bc_srv_queue", "0"),
];

fn sessions_are_told_of(kind: Kind) {
    let later = if kind == Kind::Evenkeel { LATER } else { &[] };
    let (samples, expected): (Vec<_>, Vec<_>) = SESSION.iter().chain(later).copied().unzip();
    let shown = shown(kind, &samples);
    let rows = samples.iter().zip(shown.iter().zip(expected));
    let wrong: Vec<_> = rows.filter(|(_, (shown, expected))| *shown != expected).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn errors_of_connections_have_numbers(kind: Kind) {
    let server = Backend::echo();
    let scene = Scene::new(kind)
        .defaults("error-log-format \"<%[fc_err] %[fc_err_str]>\"")
        .bind("accept-proxy")
        .backend(&format!("server s1 {}", server.addr));
    let proxy = scene.start();
    for (bytes, line) in [
        (&b"this is no header at all"[..], "<15 Received something"),
        (b"PROXY TC", "<14 Truncated PROXY protocol header received>"),
        (b"PROXY TCP4 x y z\r\n", "<16 Received an invalid PROXY protocol header>"),
        (b"PROXY UDPx 1.2.3.4 1.2.3.4 1 2\r\n", "<17 Received an unhandled protocol"),
        (b"", "<11 Connection closed while waiting for PROXY protocol header>"),
    ] {
        let mut client = Client::connect(proxy.addr);
        client.send(bytes);
        client.half_close();
        proxy.log.expect(&[line]);
    }
}

fn variables_have_conditions(kind: Kind) {
    let rules = "tcp-request connection set-var(sess.a) int(5)
  tcp-request connection set-var(sess.a,ifgt) int(9)
  tcp-request connection set-var(sess.b,ifnotexists) str(first)
  tcp-request connection set-var(sess.b,ifnotexists) str(second)
  tcp-request connection set-var(sess.c) str(c)
  tcp-request connection unset-var(sess.c)
  tcp-request connection set-var(sess.c,ifexists) str(again)
  tcp-request connection set-var(sess.d,ifempty) str(full)
  tcp-request connection set-var(sess.e) str(x),set-var(sess.f,ifnotempty)
  log-format \"<%[var(sess.a)] %[var(sess.b)] %[var(sess.c)] %[var(sess.d)] %[var(sess.f)]>\"";
    let server = Backend::echo();
    let scene = Scene::new(kind).frontend(rules).backend(&format!("server s1 {}", server.addr));
    let proxy = scene.start();
    Client::connect(proxy.addr).ping("hello");
    proxy.log.expect(&["<5 first - - x>"]);
}

fn formats_become_variables(kind: Kind) {
    let rules = "tcp-request connection set-var-fmt(sess.who) \"%ci:%cp %{+Q}f %[src]\"
  tcp-request content set-var-fmt(sess.word) \"got %[req.payload(0,5)] %%\" if { req.len ge 5 }
  tcp-request inspect-delay 5s
  tcp-request content accept if { req.len ge 5 }
  log-format \"<%[var(sess.who)]|%[var(sess.word)]>\"";
    let server = Backend::echo();
    let scene = Scene::new(kind).frontend(rules).backend(&format!("server s1 {}", server.addr));
    let proxy = scene.start();
    let mut client = Client::connect(proxy.addr);
    let port = client.0.local_addr().unwrap().port();
    client.ping("hello");
    drop(client);
    proxy.log.expect(&[&format!("<127.0.0.1:{port} \"fe\" 127.0.0.1|got hello %>")]);
}

fn processes_have_variables(kind: Kind) {
    let api = Api::new();
    let global = format!(
        "{}
  set-var proc.a int(5)
  set-var proc.b var(proc.a),add(1)
  set-var proc.c str(hello) upper
  set-var proc.d ipv4(1.2.3.4)
  set-var proc.e bool(1)
  set-var-fmt proc.f \"%[int(3)] x%%\"",
        api.lines()
    );
    let server = Backend::echo();
    let rules = "acl small var(proc.a) -m int lt 6
  tcp-request connection reject unless small
  tcp-request connection set-var(proc.seen) str(yes)";
    let scene = Scene::new(kind).global(&global).frontend(rules);
    let proxy = scene.backend(&format!("server s1 {}", server.addr)).start();
    let get = |name: &str| api.ask(&format!("get var {name}")).trim().to_owned();
    for (name, expected) in [
        ("proc.a", "proc.a: type=sint value=<5>"),
        ("proc.b", "proc.b: type=sint value=<6>"),
        ("proc.c", "proc.c: type=str value=<HELLO>"),
        ("proc.d", "proc.d: type=ipv4 value=<1.2.3.4>"),
        ("proc.e", "proc.e: type=bool value=<1>"),
        ("proc.f", "proc.f: type=str value=<3 x%>"),
        ("proc.nobody", "Variable not found."),
        ("sess.a", "Variable not found."),
        ("", "Missing process-wide variable identifier."),
    ] {
        assert_eq!(get(name), expected);
    }
    Client::connect(proxy.addr).ping("hello");
    assert_eq!(get("proc.seen"), "proc.seen: type=str value=<yes>");

    let set = |words: &str| api.ask(&format!("experimental-mode on; set var {words}"));
    assert!(api.ask("set var proc.n int(1)").contains("experimental"));
    for (words, expected) in [
        ("proc.n int(7)", "type=sint value=<7>"),
        ("proc.n expr str(abc),upper", "type=str value=<ABC>"),
        ("proc.n fmt %[int(7)]-x", "type=str value=<7-x>"),
    ] {
        assert_eq!(set(words).trim(), "", "{words}");
        assert_eq!(get("proc.n"), format!("proc.n: {expected}"));
    }
    for (words, refusal) in [
        ("proc.n", "Missing either 'expr', 'fmt' or expression."),
        ("proc.n a b", "arg type must be either 'expr' or 'fmt' but got 'a'."),
        ("sess.n int(1)", "cannot set variable 'sess.n', only scope 'proc' is permitted here"),
        ("proc.n nope", "nope"),
        ("proc.n src", "src"),
    ] {
        let said = set(words);
        assert!(
            said.contains(refusal) || kind == Kind::Haproxy && words.ends_with("src"),
            "{said}"
        );
    }
    assert_eq!(get("proc.n"), "proc.n: type=str value=<7-x>");
    // Nobody below the operator reads or writes them.
    assert!(api.ask_as("user", "get var proc.a").contains("Permission denied"));
}

fn mistakes_in_variables_are_refused(kind: Kind) {
    for line in [
        "set-var",
        "set-var proc.x",
        "set-var sess.x int(1)",
        "set-var proc.x src",
        "set-var-fmt proc.x",
        "set-var-fmt proc.x %[src]",
        "set-var proc.x nope",
        "set-var-fmt proc.x %zz",
    ] {
        let dir = TempDir::new();
        let text = format!("global\n  {line}\ndefaults\n  mode tcp\n");
        let path = dir.write("bad.cfg", &text);
        let (status, said) = kind.run(&["-c", "-f", path.to_str().unwrap()]);
        assert_eq!(status.code(), Some(1), "{line}: {said}");
    }
}

fn captures_and_levels_are_logged(kind: Kind) {
    let rules = "tcp-request inspect-delay 5s
  tcp-request content capture src len 4
  tcp-request content capture req.payload(0,5) len 10 if { req.len ge 5 }
  tcp-request content capture str(never) len 10 if { req.len ge 50 }
  tcp-request content set-log-level silent
  tcp-request content set-log-level err if { req.len ge 5 }
  tcp-request content accept if { req.len ge 5 }
  log-format \"<%hr|%hrl|%hs|%{+Q}hr|%{+Q}hrl>\"";
    let server = Backend::echo();
    let scene = Scene::new(kind).frontend(rules).backend(&format!("server s1 {}", server.addr));
    let proxy = scene.start();
    Client::connect(proxy.addr).ping("hello");
    let shown = "<{127.|hello|}|127. hello -||\"{127.|hello|}\"|\"127.\" \"hello\" \"\">";
    proxy.log.expect(&[shown]);
    // <131> is local0.err.
    let raw = proxy.log.raw();
    assert!(raw.iter().any(|line| line.starts_with("<131>") && line.contains(shown)), "{raw:?}");
}
