//! What proxies in `mode http` say where something is refused or fails: `errorfile` and its kin.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use crate::harness::dir::TempDir;
use crate::harness::http::Request;
use crate::harness::port::free_port;
use crate::harness::proxy::{Kind, Proxy, Scene};
use crate::harness::{PATIENCE, both};

both! {
    files_are_answered_as_they_are,
    a_file_decides_whether_the_connection_stays,
    nothing_is_said_where_a_file_is_empty,
    who_sent_no_request_gets_the_plain_page,
    other_places_are_named,
    pages_are_written_in_the_configuration,
    the_last_line_about_a_status_counts,
    sections_hold_files_for_many,
    a_backend_comes_before_its_frontend,
    rules_answer_with_files,
    proxies_of_tcp_inherit_them_in_silence,
    files_that_are_no_answer_are_refused,
    statuses_without_a_page_are_refused,
}

/// Who is denied, who finds nobody, and a monitor that fails.
const LINES: &str = " stats enable\n stats uri /s\n monitor-uri /m\n monitor fail if { src 127.0.0.1 }\n \
                     http-request deny if { path /d }\n http-request auth realm R if { path /a }\n";

struct Site {
    proxy: Proxy,
    addr: SocketAddr,
    _dir: TempDir,
}

/// Files by name: an answer of HTTP/1.0 for each status, one that stays, one that is empty.
fn files() -> TempDir {
    let dir = TempDir::new();
    for status in [200, 400, 401, 403, 404, 408, 503] {
        let text = format!(
            "HTTP/1.0 {status} Own\r\nX-Own: {status}\r\nConnection: close\r\n\r\n<b>own {status}\n"
        );
        dir.write(&format!("{status}.http"), &text);
    }
    dir.write("stays", "HTTP/1.1 503 Own\r\nContent-Length: 5\r\n\r\nhello");
    dir.write("empty", "");
    dir
}

impl Site {
    /// A `listen page` of `lines`, in which `{dir}` is where the files are; `sections` come before.
    fn start(kind: Kind, sections: &str, lines: &str) -> Self {
        let (dir, port) = (files(), free_port());
        let text = format!(
            "global\n log {{log}} local0\n{sections}\nlisten page\n mode http\n log global\n \
             log-format \"%b/%s %ST %ts %HU.\"\n timeout client 9s\n \
             timeout http-request 400ms\n bind 127.0.0.1:{port}\n{lines}\n"
        );
        let text = text.replace("{dir}", &dir.path().display().to_string());
        let text = format!(
            "{text}\nfrontend fe\n mode tcp\n timeout client 9s\n bind {{front}}\n \
             tcp-request connection reject if FALSE\n"
        );
        let proxy = Scene::new(kind).whole(&text).start();
        Self { proxy, addr: ([127, 0, 0, 1], port).into(), _dir: dir }
    }

    /// Sends `text` and reads until the connection ends.
    #[track_caller]
    fn ask(&self, text: &str) -> String {
        let mut stream = TcpStream::connect_timeout(&self.addr, PATIENCE).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(text.as_bytes()).unwrap();
        let mut bytes = Vec::new();
        // A reset ends it as well as a close.
        let _ = stream.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    #[track_caller]
    fn get(&self, target: &str) -> String {
        self.ask(&format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n"))
    }

    /// The status and the body that a client reads.
    #[track_caller]
    fn reads(&self, target: &str) -> (u16, String) {
        let answer = Request::new().send(self.addr, target);
        (answer.status, answer.body)
    }
}

/// A line for each of these statuses.
fn every(line: &str) -> String {
    let statuses = ["200", "400", "401", "403", "404", "408", "503"];
    statuses.map(|status| line.replace('N', status)).concat()
}

fn files_are_answered_as_they_are(kind: Kind) {
    let site = Site::start(kind, "", &(LINES.to_owned() + &every(" errorfile N {dir}/N.http\n")));
    let own = |status: u16, more: &str| {
        format!("HTTP/1.0 {status} Own\r\nx-own: {status}\r\n{more}\r\n<b>own {status}\n")
    };
    assert_eq!(site.get("/d"), own(403, ""));
    site.proxy.log.expect(&["page/<NOSRV> 403 PR /d."]);
    assert_eq!(site.get("/x"), own(503, ""));
    site.proxy.log.expect(&["page/<NOSRV> 503 SC /x."]);
    assert_eq!(site.get("/a"), own(401, "www-authenticate: Basic realm=\"R\"\r\n"));
    site.proxy.log.expect(&["page/<NOSRV> 401 LR /a."]);
    assert_eq!(site.get("/m"), own(503, ""));
    let head = own(503, "").replace("<b>own 503\n", "");
    assert_eq!(site.ask("HEAD /x HTTP/1.1\r\nHost: x\r\n\r\n"), head);
    assert!(site.get("/s;csv").starts_with("HTTP/1.1 200 OK\r\n"));
}

fn a_file_decides_whether_the_connection_stays(kind: Kind) {
    let site = Site::start(kind, "", &format!("{LINES} errorfile 503 {{dir}}/stays\n"));
    let two =
        "GET /x HTTP/1.1\r\nHost: x\r\n\r\nGET /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let own = "HTTP/1.1 503 Own\r\ncontent-length: 5\r\n";
    let want = format!("{own}\r\nhello{own}connection: close\r\n\r\nhello");
    assert_eq!(site.ask(two), want);
    let kept = "GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /x HTTP/1.0\r\n\r\n";
    assert!(site.ask(kept).starts_with(&format!("{own}connection: keep-alive\r\n\r\nhelloHTTP/")));
}

fn nothing_is_said_where_a_file_is_empty(kind: Kind) {
    let lines =
        " errorfile 400 /dev/null\n errorfile 408 {dir}/empty\n errorfile 403 {dir}/empty\n";
    let site = Site::start(kind, "", &format!("{LINES}{lines}"));
    assert_eq!(site.get("/d"), "");
    site.proxy.log.expect(&["page/<NOSRV> 403 PR /d."]);
    assert_eq!(site.ask("nonsense\r\n\r\n"), "");
    site.proxy.log.expect(&["page/<NOSRV> 400 PR <BADREQ>."]);
    assert_eq!(site.ask("GET / HT"), "");
    site.proxy.log.expect(&["page/<NOSRV> 408 cR <BADREQ>."]);
}

/// The pages of a proxy are for those who asked for something.
fn who_sent_no_request_gets_the_plain_page(kind: Kind) {
    let site = Site::start(kind, "", &(LINES.to_owned() + &every(" errorfile N {dir}/N.http\n")));
    assert!(site.ask("nonsense\r\n\r\n").starts_with("HTTP/1.1 400 Bad request\r\n"));
    assert!(site.ask("GET / HT").starts_with("HTTP/1.1 408 Request Time-out\r\n"));
    let mut stream = TcpStream::connect_timeout(&site.addr, PATIENCE).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"GET / HT").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 400 Bad request\r\n"), "{text}");
    site.proxy.log.expect(&["page/<NOSRV> 400 CR <BADREQ>."]);
}

fn other_places_are_named(kind: Kind) {
    for (keyword, status) in
        [("errorloc", "302 Found"), ("errorloc302", "302 Found"), ("errorloc303", "303 See Other")]
    {
        let site = Site::start(
            kind,
            "",
            &(LINES.to_owned() + &every(&format!(" {keyword} N http://x/N\n"))),
        );
        let want = format!(
            "HTTP/1.1 {status}\r\ncache-control: no-cache\r\ncontent-length: 0\r\n\
             location: http://x/403\r\nconnection: close\r\n\r\n"
        );
        let lines = |text: &str| {
            let mut lines: Vec<String> = text.split("\r\n").map(str::to_owned).collect();
            lines[1..].sort();
            lines
        };
        let answer = site.ask("GET /d HTTP/1.0\r\n\r\n");
        assert_eq!(lines(&answer), lines(&want), "{keyword}");
        site.proxy.log.expect(&["page/<NOSRV> 403 PR /d."]);
        assert_eq!(site.reads("/x").0.to_string(), status[..3]);
    }
}

fn pages_are_written_in_the_configuration(kind: Kind) {
    let lines = " http-error status 403 content-type a/b lf-string \"%[src] %[path] %ST\" hdr x-m %[method]\n \
                 http-error status 503 content-type text/plain string hi hdr Connection close\n \
                 http-error status 401\n";
    let site = Site::start(kind, "", &format!("{LINES}{lines}"));
    let denied = Request::new().send(site.addr, "/d");
    assert_eq!((denied.status, denied.body.as_str()), (403, "127.0.0.1 /d 403"));
    assert_eq!((denied.header("content-type"), denied.header("x-m")), (Some("a/b"), Some("GET")));
    let gone = site.get("/x");
    assert!(gone.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{gone}");
    assert!(gone.contains("\r\nconnection: close\r\n") && gone.ends_with("\r\n\r\nhi"), "{gone}");
    let unknown = Request::new().send(site.addr, "/a");
    assert_eq!((unknown.status, unknown.body.as_str()), (401, ""));
    assert_eq!(unknown.header("www-authenticate"), Some("Basic realm=\"R\""));
}

fn the_last_line_about_a_status_counts(kind: Kind) {
    let written = "http-error status 503 content-type a/b string written\n";
    for (first, last, want) in [
        ("errorfile 503 {dir}/503.http\n", written, "written"),
        (written, "errorfile 503 {dir}/stays\n", "hello"),
        (written, "errorfiles own\n", "<b>own 503\n"),
        ("errorfiles own\n", written, "written"),
    ] {
        let sections =
            "http-errors own\n errorfile 503 {dir}/stays\n errorfile 503 {dir}/503.http\n";
        let site = Site::start(kind, sections, &format!("{LINES} {first} {last}"));
        assert_eq!(site.reads("/x").1, want, "{first}{last}");
        let inherited = format!("{sections}defaults\n {first}");
        let site = Site::start(kind, &inherited, &format!("{LINES} {last}"));
        assert_eq!(site.reads("/x").1, want, "{first}{last}");
    }
    let plain = " http-error status 503 default-errorfiles\n";
    let site =
        Site::start(kind, "defaults\n errorfile 503 {dir}/stays\n", &format!("{LINES}{plain}"));
    let (status, body) = site.reads("/x");
    assert_eq!((status, body.contains("503 Service Unavailable")), (503, true), "{body}");
}

fn sections_hold_files_for_many(kind: Kind) {
    let sections = "defaults\n errorfiles own 503 404\n\
                    http-errors own\n errorfile 403 {dir}/403.http\n errorfile 503 {dir}/503.http\n";
    let site = Site::start(kind, sections, LINES);
    assert_eq!(site.reads("/x").1, "<b>own 503\n");
    let (status, body) = site.reads("/d");
    assert_eq!((status, body.contains("own")), (403, false), "{body}");
    assert!(site.proxy.text().contains("page"), "{}", site.proxy.text());
    let rules = " http-request deny errorfiles own if { path /1 }\n \
                 http-request return status 503 errorfiles own if { path /2 }\n";
    let site = Site::start(kind, sections, &format!("{rules}{LINES}"));
    assert_eq!(site.reads("/1").1, "<b>own 403\n");
    assert_eq!(site.reads("/2").1, "<b>own 503\n");
}

fn a_backend_comes_before_its_frontend(kind: Kind) {
    let port = free_port();
    let pair = format!(
        "frontend pair\n mode http\n timeout client 9s\n bind 127.0.0.1:{port}\n \
         errorfile 503 {{dir}}/503.http\n errorfile 404 {{dir}}/404.http\n \
         http-request deny if {{ path /front }}\n default_backend behind\nbackend behind\n mode http\n \
         stats uri /s\n errorfile 403 {{dir}}/403.http\n errorfile 503 {{dir}}/stays\n \
         http-request deny if {{ path /d }}\n http-request deny deny_status 404 if {{ path /4 }}\n"
    );
    let mut site = Site::start(kind, &pair, LINES);
    site.addr.set_port(port);
    assert_eq!(site.reads("/x"), (503, "hello".to_owned()));
    assert_eq!(site.reads("/d"), (403, "<b>own 403\n".to_owned()));
    assert_eq!(site.reads("/4"), (404, "<b>own 404\n".to_owned()));
    let (status, body) = site.reads("/front");
    assert_eq!((status, body.contains("own")), (403, false), "{body}");
}

fn rules_answer_with_files(kind: Kind) {
    let lines = " http-request return status 200 errorfile {dir}/404.http if { path /1 }\n \
                 http-request deny errorfile {dir}/empty if { path /2 }\n \
                 http-request return status 503 default-errorfiles if { path /3 }\n \
                 http-request return status 403 if { path /4 }\n \
                 http-request deny status 403 hdr x-y z if { path /5 }\n \
                 http-request deny status 418 if { path /6 }\n";
    let own = " errorfile 503 {dir}/503.http\n errorfile 403 {dir}/403.http\n";
    let site = Site::start(kind, "", &format!("{lines}{LINES}{own}"));
    assert_eq!(site.reads("/1"), (404, "<b>own 404\n".to_owned()));
    site.proxy.log.expect(&["page/<NOSRV> 200 LR /1."]);
    assert_eq!(site.get("/2"), "");
    site.proxy.log.expect(&["page/<NOSRV> 403 PR /2."]);
    assert_eq!(site.reads("/3"), (503, "<b>own 503\n".to_owned()));
    assert_eq!(site.reads("/4"), (403, String::new()));
    let denied = Request::new().send(site.addr, "/5");
    assert_eq!((denied.body.as_str(), denied.header("x-y")), ("", Some("z")));
    let teapot = "HTTP/1.1 418 I'm a teapot\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    assert_eq!(site.ask("GET /6 HTTP/1.0\r\n\r\n"), teapot);
}

/// The status of `-c` for a file of these lines.
fn check(kind: Kind, dir: &TempDir, text: &str) -> (bool, String) {
    let text = text.replace("{dir}", &dir.path().display().to_string());
    let file = dir.write("x.cfg", &text);
    let (status, output) = kind.run(&["-c", "-f", file.to_str().unwrap()]);
    (status.success(), output)
}

/// What Debian's file says in its `defaults`.
fn proxies_of_tcp_inherit_them_in_silence(kind: Kind) {
    let dir = files();
    let text = "defaults\n mode http\n timeout client 5s\n timeout server 5s\n timeout connect 5s\n \
                errorfile 400 {dir}/400.http\n errorfile 503 {dir}/503.http\nlisten l\n mode tcp\n \
                bind 127.0.0.1:1\n server a 127.0.0.1:1\n";
    let (loads, output) = check(kind, &dir, text);
    assert!(loads, "{output}");
    assert!(!output.contains("errorfile") && !output.contains("WARNING"), "{output}");
}

fn files_that_are_no_answer_are_refused(kind: Kind) {
    let dir = files();
    dir.write("junk", "<html>\n");
    dir.write("length", "HTTP/1.1 503 X\r\nContent-Length: 3\r\n\r\nhello");
    dir.write("open", "HTTP/1.1 503 X\r\n");
    let sections = [
        "listen l\n mode tcp\n bind 127.0.0.1:1\n server a 127.0.0.1:1\n",
        "http-errors e\n",
        "defaults\n",
    ];
    let http = "listen l\n mode http\n bind 127.0.0.1:1\n stats enable\n";
    for name in ["junk", "length", "open", "missing"] {
        for section in sections.iter().chain([&http]) {
            let (loads, output) =
                check(kind, &dir, &format!("{section} errorfile 503 {{dir}}/{name}\n"));
            assert!(!loads && output.contains(name), "{name} {section} {output}");
        }
    }
}

fn statuses_without_a_page_are_refused(kind: Kind) {
    let dir = files();
    let proxy = "listen l\n mode http\n bind 127.0.0.1:1\n stats enable\n";
    for (line, loads) in [
        ("errorfile 418 {dir}/503.http", false),
        ("errorfile 422 {dir}/503.http", true),
        ("errorloc 302 /x", false),
        ("errorloc303 503", false),
        ("http-error status 418", false),
        ("http-error string x", false),
        ("http-error status 503 string x", false),
        ("http-error status 503 content-type a/b string x if TRUE", false),
        ("http-error status 503 content-type a/b file {dir}/missing", false),
        ("http-error status 503 content-type a/b file {dir}/stays", true),
        ("errorfiles nobody", false),
        ("http-request deny errorfiles nobody", false),
        ("http-request deny deny_status 418", false),
        ("http-request return status 418 default-errorfiles", false),
    ] {
        let (loaded, output) = check(kind, &dir, &format!("{proxy} {line}\n"));
        assert_eq!(loaded, loads, "{line}: {output}");
    }
}
