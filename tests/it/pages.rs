//! Proxies in `mode http` that answer requests themselves: who is let in, what is answered, counted
//! and logged.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use crate::harness::api::Api;
use crate::harness::backend::Backend;
use crate::harness::http::Request;
use crate::harness::port::free_port;
use crate::harness::proxy::{Kind, Proxy, Scene};
use crate::harness::tls::{Authority, Hello, TlsClient};
use crate::harness::{PATIENCE, both, eventually};

both! {
    tls_and_a_proxy_header_come_first,
    rules_of_every_layer_are_asked,
    the_monitor_fails_where_a_condition_holds,
    nothing_is_answered_beside_the_page,
    rows_count_requests,
    lines_tell_of_requests,
    commands_open_and_close_it,
    requests_are_asked_in_the_grammar_of_rules,
    a_client_that_has_said_all_is_answered,
    what_is_no_request_is_refused,
    what_is_no_request_is_logged_as_nothing,
    connections_stay_or_end_as_asked,
    lines_of_one_connection_have_their_own_bytes,
    a_large_page_reaches_a_slow_reader,
}

/// A proxy with a `listen page` of these lines; a server that lives behind a frontend beside it.
struct Site {
    proxy: Proxy,
    addr: SocketAddr,
    api: Api,
    _server: Backend,
}

impl Site {
    fn start(kind: Kind, bind: &str, lines: &str) -> Self {
        Self::with(kind, bind, lines, 1)
    }

    /// With so many servers.
    fn with(kind: Kind, bind: &str, lines: &str, servers: usize) -> Self {
        let (server, api, port) = (Backend::echo(), Api::new(), free_port());
        let row = |number| format!(" server s{number} {}\n", server.addr);
        let rows: String = (1..=servers).map(row).collect();
        let text = format!(
            "global\n log {{log}} local0\n{}\ndefaults\n log global\n timeout client 9s\n \
             timeout server 9s\n timeout connect 9s\nfrontend fe\n bind {{front}}\n \
             default_backend be\nbackend be\n{rows}listen page\n mode http\n \
             bind 127.0.0.1:{port} {bind}\n{lines}\n",
            api.lines()
        );
        let proxy = Scene::new(kind).whole(&text).start();
        Self { proxy, addr: ([127, 0, 0, 1], port).into(), api, _server: server }
    }

    #[track_caller]
    fn status(&self, target: &str) -> u16 {
        Request::new().send(self.addr, target).status
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect_timeout(&self.addr, PATIENCE).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Sends `text` and reads until the connection ends.
    #[track_caller]
    fn ask(&self, text: &str) -> String {
        // It may be reset before it has sent anything, or before it knows that it is connected.
        let mut stream = match TcpStream::connect_timeout(&self.addr, PATIENCE) {
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return String::new(),
            connected => connected.unwrap(),
        };
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let _ = stream.write_all(text.as_bytes());
        rest(&mut stream)
    }

    /// The cells of `columns` in a row of `page`.
    fn cells(&self, row: &str, columns: &[&str]) -> Vec<String> {
        let text = self.api.ask("show stat");
        let mut lines = text.lines().map(|line| line.trim_start_matches("# ").split(','));
        let header: Vec<&str> = lines.next().unwrap().collect();
        let mut rows = lines.map(Iterator::collect::<Vec<_>>);
        let row = rows.find(|cells| cells.starts_with(&["page", row])).expect("a row");
        let at = |name: &&str| header.iter().position(|column| column == name).expect("a column");
        columns.iter().map(|column| row[at(column)].to_owned()).collect()
    }
}

/// What still comes; a reset ends it as well as a close.
fn rest(stream: &mut impl Read) -> String {
    let mut text = Vec::new();
    let _ = stream.read_to_end(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}

fn tls_and_a_proxy_header_come_first(kind: Kind) {
    let authority = Authority::new();
    let crt = authority.issue("page.pem", &["page.example"]);
    let bind = format!("accept-proxy ssl crt {} alpn h2,http/1.1", crt.display());
    let lines = " stats enable\n stats uri /s\n http-request deny unless { src 10.1.2.3 }\n \
                 http-request deny unless { ssl_fc }\n";
    let site = Site::start(kind, &bind, lines);
    let ask = |from: &str| {
        let mut socket = site.connect();
        // In one piece: HAProxy does not wait for the rest of a header.
        let header = format!("PROXY TCP4 {from} 10.0.0.1 5 80\r\n");
        socket.write_all(header.as_bytes()).unwrap();
        let hello = Hello {
            name: "page.example",
            alpn: &["http/1.1"],
            crt: None,
            suites: &[],
            versions: &[],
            config: None,
        };
        let mut tls = TlsClient::over(socket, &hello).unwrap();
        tls.0.write_all(b"GET /s;csv HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        rest(&mut tls.0)
    };
    assert!(ask("10.1.2.3").starts_with("HTTP/1.1 200 "));
    assert!(ask("10.1.2.4").starts_with("HTTP/1.1 403 "));
}

fn rules_of_every_layer_are_asked(kind: Kind) {
    for (rule, row) in [
        ("tcp-request connection reject if { src 127.0.0.1 }", ["dcon", "1"]),
        ("tcp-request session reject if { src 127.0.0.1 }", ["dses", "1"]),
        ("tcp-request content reject if { src 127.0.0.1 }", ["dreq", "1"]),
    ] {
        let site = Site::start(kind, "", &format!(" {rule}\n stats enable\n stats uri /s\n"));
        let count = |site: &Site| site.cells("FRONTEND", &[row[0]])[0].parse::<u64>().unwrap();
        // The harness asked whether it listens.
        let before = count(&site);
        assert_eq!(site.ask("GET /s HTTP/1.0\r\n\r\n"), "", "{rule}");
        eventually("it is counted", || (count(&site) == before + 1).then_some(()));
    }
}

fn the_monitor_fails_where_a_condition_holds(kind: Kind) {
    let lines = " monitor-uri /alive\n acl empty nbsrv(be) lt 1\n monitor fail if empty\n";
    let site = Site::start(kind, "", lines);
    assert_eq!((site.status("/alive"), site.status("/alive?x")), (200, 503));
    site.api.ask("disable server be/s1");
    assert_eq!(site.status("/alive"), 503);
}

/// What the process says of itself elsewhere is behind the page's password, or not to be had.
fn nothing_is_answered_beside_the_page(kind: Kind) {
    let site = Site::start(kind, "", " stats enable\n stats uri /s\n stats auth a:b\n");
    for target in ["/", "/health", "/ready", "/metrics", "/x"] {
        assert_eq!(site.status(target), 503, "{target}");
    }
    assert_eq!(site.status("/s"), 401);
}

fn rows_count_requests(kind: Kind) {
    let lines =
        " stats enable\n stats uri /s\n monitor-uri /m\n http-request deny if { path /d }\n";
    let site = Site::start(kind, "maxconn 7", &format!("{lines} maxconn 50\n"));
    site.api.ask("clear counters all");
    for (target, status) in [("/s;csv", 200), ("/m", 200), ("/d", 403), ("/x", 503)] {
        assert_eq!(site.status(target), status, "{target}");
    }
    let front = ["stot", "req_tot", "hrsp_2xx", "hrsp_4xx", "hrsp_5xx", "dreq", "slim", "mode"];
    let want = ["4", "4", "2", "1", "1", "1", "50", "http"];
    eventually("all are counted", || (site.cells("FRONTEND", &front) == want).then_some(()));
    assert_eq!(site.cells("FRONTEND", &["intercepted", "scur", "status"]), ["2", "0", "OPEN"]);
    let back = ["stot", "req_tot", "hrsp_2xx", "hrsp_5xx", "econ", "status", "mode", "algo"];
    let want = ["1", "1", "0", "1", "1", "UP", "http", "roundrobin"];
    assert_eq!(site.cells("BACKEND", &back), want);
}

fn lines_tell_of_requests(kind: Kind) {
    let lines = " option httplog\n stats enable\n stats uri /s\n monitor-uri /m\n \
                 http-request deny if { path /d }\n http-request reject if { path /r }\n \
                 http-request return status 204 if { path /n }\n";
    let site = Site::start(kind, "", lines);
    for target in ["/s;csv", "/m", "/d", "/n", "/x"] {
        site.status(target);
    }
    site.ask("GET /r HTTP/1.1\r\nHost: x\r\n\r\n");
    site.ask("nonsense\r\n\r\n");
    let log = &site.proxy.log;
    log.expect(&[
        "] page page/<STATS> ",
        "/0/0/",
        " 200 ",
        " - - LR-- ",
        "/0/0/0 0/0 \"GET /s;csv HTTP/1.0\"",
    ]);
    log.expect(&[
        "] page page/<NOSRV> ",
        "/-1/-1/-1/",
        " 403 ",
        " - - PR-- ",
        "/0/0/0 0/0 \"GET /d HTTP/1.0\"",
    ]);
    log.expect(&[
        "] page page/<NOSRV> ",
        "/-1/-1/-1/",
        " 204 ",
        " - - LR-- ",
        "\"GET /n HTTP/1.0\"",
    ]);
    log.expect(&[
        "] page page/<NOSRV> ",
        "/-1/-1/-1/",
        " 503 ",
        " - - SC-- ",
        "\"GET /x HTTP/1.0\"",
    ]);
    log.expect(&["] page page/<NOSRV> ", " -1 0 - - PR-- ", "\"GET /r HTTP/1.1\""]);
    log.expect(&["] page page/<NOSRV> -1/-1/-1/-1/", " 400 ", " - - PR-- ", "\"<BADREQ>\""]);
    assert_eq!(log.count("/m HTTP"), 0);
    let plain = Site::start(kind, "", " stats enable\n stats uri /s\n");
    plain.status("/s");
    plain
        .proxy
        .log
        .expect(&["Connect from 127.0.0.1:", &format!(" to {} (page/HTTP)", plain.addr)]);
}

fn commands_open_and_close_it(kind: Kind) {
    let site = Site::start(kind, "", " stats enable\n stats uri /s\n");
    site.api.ask("set maxconn frontend page 3");
    assert_eq!(site.cells("FRONTEND", &["slim"]), ["3"]);
    site.api.ask("shutdown frontend page");
    eventually("it is closed", || TcpStream::connect(site.addr).is_err().then_some(()));
}

fn requests_are_asked_in_the_grammar_of_rules(kind: Kind) {
    let lines = " http-request return status 200 content-type text/x string hello hdr x-a b if { path -i /ONE }\n \
                 http-request return status 201 if { hdr(x) -m beg a } { method POST PUT }\n \
                 http-request return status 202 if { hdr(x) two }\n \
                 http-request return status 203 if { path_beg /p/ } or { path_end .q }\n \
                 http-request set-var(txn.a) path\n \
                 http-request return status 200 content-type text/plain lf-string \"%[var(txn.a)] %[src]\" if { url_param(a) 7 }\n \
                 http-request deny deny_status 429 if { req.hdr_cnt(x) gt 2 }\n \
                 http-request redirect prefix http://other code 301 if { path /moved }\n";
    let site = Site::start(kind, "", lines);
    let one = Request::new().send(site.addr, "/one");
    assert_eq!((one.status, one.body.as_str()), (200, "hello"));
    assert_eq!((one.header("content-type"), one.header("x-a")), (Some("text/x"), Some("b")));
    let ask = |head: &str| site.ask(&format!("{head}\r\nHost: h\r\nConnection: close\r\n\r\n"));
    let status = |head: &str| ask(head).split(' ').nth(1).unwrap_or_default().to_owned();
    assert_eq!(status("PUT / HTTP/1.1\r\nX: abc\r\nContent-Length: 0"), "201");
    assert_eq!(status("GET / HTTP/1.1\r\nX: one, two"), "202");
    assert_eq!(status("GET /p/x HTTP/1.1"), "203");
    assert_eq!(status("GET /x.q HTTP/1.1"), "203");
    assert!(ask("GET /v?b=1&a=7 HTTP/1.1").ends_with("\r\n\r\n/v 127.0.0.1"));
    assert_eq!(status("GET / HTTP/1.1\r\nX: 1, 3\r\nX: 4"), "429");
    let moved = ask("GET /moved?x HTTP/1.1");
    assert!(
        moved.starts_with("HTTP/1.1 301 ") && moved.contains("http://other/moved?x"),
        "{moved}"
    );
    assert_eq!(status("GET /other HTTP/1.1"), "503");
}

fn a_client_that_has_said_all_is_answered(kind: Kind) {
    let site = Site::with(kind, "", " stats enable\n stats uri /s\n", 300);
    let mut stream = site.connect();
    stream.write_all(b"GET /s HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let text = rest(&mut stream);
    assert!(text.starts_with("HTTP/1.1 200 ") && text.contains("</html>"), "{} bytes", text.len());
}

fn what_is_no_request_is_refused(kind: Kind) {
    let lines = " timeout http-request 300ms\n stats enable\n stats uri /s\n stats admin if TRUE\n";
    let site = Site::start(kind, "", lines);
    let status = |text: &str| site.ask(text).split(' ').nth(1).unwrap_or_default().to_owned();
    let long = format!("GET /s HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(20_000));
    let many = format!("GET /s HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(300));
    for text in [
        "garbage\r\n\r\n",
        "GET /s\r\n\r\n",
        "GET http://a/s HTTP/1.1\r\nHost: b\r\n\r\n",
        "POST /s HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        &long,
        &many,
    ] {
        assert_eq!(status(text), "400", "{}", &text[..text.len().min(60)]);
    }
    assert_eq!(status("GET /s HT"), "408");
    assert_eq!(status("POST /s HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc"), "408");
    let chunked = "POST /s HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n";
    assert_eq!(status(chunked), "400");
    let whole = "GET http://a/s;csv HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    assert_eq!(status(whole), "200");
    let form = "POST /s HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n\
                5\r\ns=s1&\r\n11\r\naction=ready&b=be\r\n0\r\n\r\n";
    assert!(site.ask(form).contains(";st=DONE"));
}

fn connections_stay_or_end_as_asked(kind: Kind) {
    let lines = " timeout http-keep-alive 300ms\n monitor-uri /m\n stats enable\n stats uri /s\n";
    let site = Site::start(kind, "", lines);
    let two = "GET /m HTTP/1.1\r\nHost: x\r\n\r\nHEAD /s;csv HTTP/1.1\r\nHost: x\r\n\r\n";
    let answers = site.ask(two);
    assert_eq!(answers.matches("HTTP/1.1 200 ").count(), 2, "{answers}");
    assert!(!answers.contains("pxname"), "{answers}");
    assert_eq!(
        site.ask("GET /m HTTP/1.0\r\n\r\nGET /m HTTP/1.0\r\n\r\n").matches(" 200 OK").count(),
        1
    );
    let kept = "GET /m HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /m HTTP/1.0\r\n\r\n";
    assert_eq!(site.ask(kept).matches("HTTP/1.1 200 ").count(), 2);
}

fn lines_of_one_connection_have_their_own_bytes(kind: Kind) {
    let lines = " stats enable\n stats uri /s\n log-format \"%HP out=%B.\"\n \
                 http-request return status 200 content-type text/plain string hello\n";
    let site = Site::start(kind, "", lines);
    let request = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
    site.ask(&(request("/one") + &request("/two")));
    let first = site.proxy.log.expect(&["/one out="]);
    let bytes = first.split_once("/one").unwrap().1;
    site.proxy.log.expect(&[&format!("/two{bytes}")]);
}

fn a_large_page_reaches_a_slow_reader(kind: Kind) {
    let site = Site::with(kind, "", " stats enable\n stats uri /s\n", 1_000);
    let mut slow = site.connect();
    slow.write_all(b"GET /s;csv HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut first = [0; 15];
    slow.read_exact(&mut first).unwrap();
    // Meanwhile others are answered.
    let quick = Request::new().send(site.addr, "/s;csv").body;
    assert!(quick.contains("\nbe,s1000,") && quick.contains("\nbe,BACKEND,"));
    assert!(rest(&mut slow).contains("be,s1000,"));
}

fn what_is_no_request_is_logged_as_nothing(kind: Kind) {
    let lines = " timeout http-request 300ms\n stats enable\n stats uri /s\n \
                 log-format \"%ST out=%B %ts\"\n";
    let site = Site::start(kind, "", lines);
    site.ask("GET /s HT");
    site.proxy.log.expect(&["408 out=0 cR"]);
    site.ask("garbage\r\n\r\n");
    site.proxy.log.expect(&["400 out=0 PR"]);
}
