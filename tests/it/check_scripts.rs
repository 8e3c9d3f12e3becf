//! `http-check` and `tcp-check` as programs: several connections, variables, computed texts.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::harness::api::Api;
use crate::harness::backend::Backend;
use crate::harness::dir::TempDir;
use crate::harness::port::{free_addr, is_listening};
use crate::harness::process::{Process, Spec};
use crate::harness::proxy::{Kind, Scene};
use crate::harness::{PATIENCE, both, eventually, within};

both! {
    scripts_are_judged_step_by_step,
    requests_are_computed,
    a_server_is_told_what_it_is_worth,
    a_404_takes_no_new_sessions_but_is_not_down,
    a_real_nginx_is_asked,
}

/// Rules on a server that answers HTTP with the first line it was sent as the body: status, code
/// and words of the verdict.
const CASES: [(&str, &str, &str, &str); 16] = [
    ("http-check send uri /a; http-check expect string /a", "L7OK", "200", ""),
    (
        "http-check connect; http-check send uri /a; http-check expect string /a; \
         http-check connect; http-check send uri /b; http-check expect string /a",
        "L7RSP",
        "",
        "HTTP content check did not match",
    ),
    (
        "http-check connect; http-check send uri /a; http-check expect string /a; \
         http-check connect linger; http-check send uri /b; http-check expect string /b",
        "L7OK",
        "200",
        "",
    ),
    (
        "http-check send uri-lf /%[be_name]-%[srv_name]; http-check expect string -s1",
        "L7OK",
        "200",
        "",
    ),
    (
        "http-check set-var(check.x) str(q); http-check send uri-lf /%[var(check.x)]; \
         http-check expect on-success %[var(check.x)]! string-lf /%[var(check.x)]",
        "L7OK",
        "200",
        "q!",
    ),
    (
        "http-check set-var(check.x) str(q); http-check unset-var(check.x); http-check send uri /a; \
         http-check expect on-success [%[var(check.x)]] status 200",
        "L7OK",
        "200",
        "[]",
    ),
    (
        "http-check set-var-fmt(check.x) %[srv_name]-1; http-check send uri /a; \
         http-check expect on-error %[var(check.x)] status 500",
        "L7STS",
        "200",
        "s1-1",
    ),
    (
        "http-check comment hello; http-check send uri /a; http-check comment bye; \
         http-check expect string /b",
        "L7RSP",
        "",
        "HTTP content check did not match comment: bye",
    ),
    ("http-check send uri /a; http-check expect status-code int(7) status 200", "L7OK", "7", ""),
    (
        "http-check send uri /a; http-check expect hdr name-lf x-%[str(role)] value-lf -m beg %[str(pri)]",
        "L7OK",
        "200",
        "",
    ),
    (
        "tcp-check set-var(check.a) str(GET); tcp-check send-lf %[var(check.a)]\\ /z\\r\\n; \
         tcp-check expect string /z",
        "L7OK",
        "0",
        "(tcp-check)",
    ),
    (
        "tcp-check send-binary-lf 47%[str(4554)]0a; tcp-check expect on-success %[res.payload(0,4)] \
         status-code res.payload(9,3) binary-lf %[str(474554)]",
        "L7OK",
        "200",
        "HTTP",
    ),
    (
        "tcp-check connect; tcp-check send-binary-lf %[str(zz)]; tcp-check expect string x",
        "L7RSP",
        "",
        "tcp-check send : failed to build log-format string at step 2",
    ),
    (
        "tcp-check send x\\n; tcp-check expect string-lf %[var(check.none)]",
        "L7RSP",
        "",
        "log-format string evaluated to an empty string",
    ),
    (
        "tcp-check send x\\n; tcp-check expect binary-lf %[str(zz)]",
        "L7RSP",
        "",
        "Failed to parse hexastring resulting of eval of a log-format string",
    ),
    (
        "tcp-check send x\\n; tcp-check expect error-status L7STS on-error no:%[srv_name] \
         min-recv 30 string nothing",
        "L7STS",
        "0",
        "no:s1",
    ),
];

/// Answers each request with its first line, headers in between.
fn mirror(asked: Arc<Mutex<Vec<String>>>) -> Backend {
    Backend::new(move |mut stream| {
        let asked = Arc::clone(&asked);
        async move {
            let mut request = Vec::new();
            let mut chunk = [0; 4096];
            while !request.contains(&b'\n') {
                match stream.read(&mut chunk).await {
                    Ok(len @ 1..) => request.extend_from_slice(&chunk[..len]),
                    _ => return,
                }
            }
            let request = String::from_utf8_lossy(&request).into_owned();
            let line = request.lines().next().unwrap_or_default().to_owned();
            asked.lock().unwrap().push(request);
            let head = "HTTP/1.0 200 OK\r\nX-Role: primary\r\nContent-Length";
            let answer = format!("{head}: {}\r\n\r\n{line}", line.len());
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    })
}

/// Status, code and words of the last check of `b<number>`, unless one runs.
fn between_checks(api: &Api, number: usize) -> Option<[String; 3]> {
    let csv = api.ask(&format!("show stat b{number} 4 -1"));
    let mut lines = csv.lines();
    let names = lines.next()?.strip_prefix("# ")?.split(',');
    let row: BTreeMap<&str, &str> = names.zip(lines.next()?.split(',')).collect();
    let status = row["check_status"];
    let runs = status.is_empty() || status.starts_with('*') || status.starts_with("INI");
    (!runs).then(|| ["check_status", "check_code", "last_chk"].map(|name| row[name].to_owned()))
}

fn scripts_are_judged_step_by_step(kind: Kind) {
    let server = mirror(Arc::default());
    let api = Api::new();
    let mut scene = Scene::new(kind).global(&api.lines());
    for (number, (rules, ..)) in CASES.iter().enumerate() {
        let option = if rules.starts_with("tcp") { "tcp-check" } else { "httpchk" };
        scene = scene.backend(&format!("backend b{number}\noption {option}\n"));
        for rule in rules.split("; ") {
            scene = scene.backend(&format!("{}\n", rule.trim()));
        }
        scene = scene.backend(&format!("server s1 {} check inter 200ms fall 1\n", server.addr));
    }
    let _proxy = scene.start();
    for (number, (rules, status, code, words)) in CASES.iter().enumerate() {
        let want = [*status, *code, *words];
        let mut last = None;
        let met = within(PATIENCE, || {
            last = between_checks(&api, number).or(last.take());
            let row = last.as_ref()?;
            (row.each_ref().map(String::as_str) == want).then_some(())
        });
        assert!(met.is_some(), "{rules}: {last:?}, not {want:?}");
    }
}

fn requests_are_computed(kind: Kind) {
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let server = mirror(Arc::clone(&asked));
    let _proxy = Scene::new(kind)
        .backend("option httpchk GET /option HTTP/1.1\nhttp-check connect\n")
        .backend(
            "http-check send hdr Host %[be_name] hdr X-Two %[int(2)]%% body-lf <%[srv_name]>\n",
        )
        .backend("http-check expect status 200\n")
        .backend("http-check connect\n")
        .backend("http-check send meth PUT uri-lf /%[srv_id] ver HTTP/1.1 body 100%\n")
        .backend(&format!("server s1 {} check inter 200ms", server.addr))
        .start();
    let two = eventually("a check asks twice", || {
        let asked = asked.lock().unwrap();
        (asked.len() >= 2).then(|| asked[..2].to_vec())
    });
    assert_eq!(
        two,
        [
            "GET /option HTTP/1.1\r\nhost: be\r\nx-two: 2%\r\ncontent-length: 4\r\n\
             connection: close\r\n\r\n<s1>",
            "PUT /1 HTTP/1.1\r\ncontent-length: 4\r\nconnection: close\r\n\r\n100%"
        ]
    );
}

fn a_server_is_told_what_it_is_worth(kind: Kind) {
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let server = mirror(Arc::clone(&asked));
    let _proxy = Scene::new(kind)
        .backend("option httpchk\nhttp-check send-state\n")
        .backend(&format!("server s1 {} check inter 200ms weight 7\n", server.addr))
        .backend("server s2 127.0.0.1:1 weight 3")
        .start();
    let first = eventually("a check asks", || asked.lock().unwrap().first().cloned());
    let port = server.addr.port();
    let node = rustix::system::uname();
    let node = node.nodename().to_string_lossy().into_owned();
    assert_eq!(
        first,
        format!(
            "OPTIONS / HTTP/1.0\r\nx-haproxy-server-state: UP 1/3; address={}; port={port}; \
             name=be/s1; node={node}; weight=7/10; scur=0/0; qcur=0\r\n\r\n",
            server.addr.ip()
        )
    );
}

/// An nginx that knows `/primary` and, over HTTP/1.1, `/role`.
fn nginx(dir: &TempDir) -> (SocketAddr, Process) {
    let addr = free_addr();
    let home = dir.join("");
    let home = home.display();
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {home}/{name};\n"))
        .concat();
    let text = format!(
        "daemon off;\nmaster_process off;\npid {home}/pid;\nerror_log {home}/error;\nevents {{}}\n\
         http {{\naccess_log off;\n{temporary}server {{\nlisten {addr};\n\
         location = /primary {{ return 200 \"I am the primary\"; }}\n\
         location = /role {{ add_header X-Role leader; return 204; }}\n\
         location / {{ return 404; }}\n}}\n}}\n"
    );
    dir.write("nginx.conf", &text);
    let file = dir.join("nginx.conf").display().to_string();
    let process = Process::start(Spec {
        name: "nginx",
        program: Path::new("nginx"),
        args: vec!["-c".to_owned(), file, "-p".to_owned(), home.to_string()],
        user: None,
        env: Vec::new(),
        log: dir.join("log"),
    });
    eventually("nginx listens", || is_listening(addr.port()).then_some(()));
    (addr, process)
}

fn a_real_nginx_is_asked(kind: Kind) {
    let dir = TempDir::new();
    let (addr, _nginx) = nginx(&dir);
    let rows = [
        (
            "http-check connect\nhttp-check send meth GET uri /primary\nhttp-check expect string primary\n\
             http-check connect\nhttp-check send meth GET uri /role ver HTTP/1.1 hdr Host %[srv_name]\n\
             http-check expect hdr name x-role value leader",
            "L7OK",
        ),
        (
            "http-check send meth GET uri /primary ver HTTP/1.1\nhttp-check expect status 200",
            "L7STS",
        ),
        ("http-check send uri /nothing\nhttp-check disable-on-404", "L7OKC"),
        ("http-check send meth GET uri /primary\nhttp-check expect ! string primary", "L7RSP"),
    ];
    let api = Api::new();
    let mut scene = Scene::new(kind).global(&api.lines());
    for (number, (rules, _)) in rows.iter().enumerate() {
        scene = scene.backend(&format!("backend b{number}\noption httpchk\n{rules}\n"));
        scene = scene.backend(&format!("server s1 {addr} check inter 200ms\n"));
    }
    let _proxy = scene.start();
    for (number, (rules, wanted)) in rows.iter().enumerate() {
        let mut last = None;
        let met = within(PATIENCE, || {
            last = between_checks(&api, number).or(last.take());
            last.as_ref().is_some_and(|[status, ..]| status == wanted).then_some(())
        });
        assert!(met.is_some(), "{rules}: {last:?}, not {wanted}");
    }
}

fn a_404_takes_no_new_sessions_but_is_not_down(kind: Kind) {
    let status = Arc::new(std::sync::atomic::AtomicU16::new(200));
    let server = Backend::http(Arc::clone(&status));
    let proxy = Scene::new(kind)
        .backend("option httpchk GET /\nhttp-check disable-on-404\n")
        .backend(&format!("server s1 {} check inter 200ms fall 1 rise 1", server.addr))
        .start();
    proxy.wait_check("s1", "L7OK");
    status.store(404, std::sync::atomic::Ordering::Relaxed);
    proxy.wait_check("s1", "L7OKC");
    proxy.wait_status("s1", "NOLB");
    status.store(500, std::sync::atomic::Ordering::Relaxed);
    proxy.wait_status("s1", "DOWN");
    status.store(404, std::sync::atomic::Ordering::Relaxed);
    proxy.wait_check("s1", "L7STS");
    status.store(200, std::sync::atomic::Ordering::Relaxed);
    proxy.wait_status("s1", "UP");
}
