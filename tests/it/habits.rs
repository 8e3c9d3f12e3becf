//! Habits that surprise whoever knows only the documents; each as both programs have it.

use std::sync::atomic::AtomicU16;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::harness::api::Api;
use crate::harness::backend::{Backend, Hanging};
use crate::harness::client::{Client, End, served_by};
use crate::harness::dir::TempDir;
use crate::harness::port::{free_addr, free_port};
use crate::harness::proxy::{Kind, Scene};
use crate::harness::{both, eventually};

both! {
    without_a_policy_servers_take_turns,
    checks_that_only_connect_reset_and_those_that_talk_part,
    an_interval_begins_when_the_check_before_it_has_ended,
    an_agent_that_is_not_there_takes_nobody_down,
    a_server_that_does_not_answer_is_tried_again_at_once,
    another_server_is_marked_in_the_count_of_retries,
    addresses_take_variables_without_quotes,
    words_of_http_are_warnings_and_no_more,
    sections_that_no_request_reaches_count_for_what_else_they_are,
    a_directory_of_files_may_hold_others,
}

fn without_a_policy_servers_take_turns(kind: Kind) {
    let (api, servers) = (Api::new(), ["s1", "s2"].map(Backend::greet));
    let scene = Scene::new(kind).global(&api.lines()).global("nbthread 1").backend(&format!(
        "server s1 {}\nserver s2 {}\nbackend other\n  balance random\n",
        servers[0].addr, servers[1].addr
    ));
    let proxy = scene.start();
    let served: Vec<String> = (0..4).map(|_| served_by(proxy.addr).unwrap()).collect();
    assert!(served[0] != served[1] && served[..2] == served[2..], "{served:?}");
    let stat = api.ask("show stat");
    let place = stat.lines().next().unwrap().split(',').position(|name| name == "algo").unwrap();
    let algo = |row: &str| {
        let row = stat.lines().find(|line| line.starts_with(row)).unwrap();
        row.split(',').nth(place).unwrap().to_owned()
    };
    assert_eq!([algo("be,BACKEND"), algo("other,BACKEND")], ["roundrobin", "unknown"]);
}

/// A server that says a greeting, and how each of its connections ended.
fn overheard(greeting: &'static [u8]) -> (Backend, Arc<Mutex<Vec<End>>>) {
    let ends = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&ends);
    let server = Backend::new(move |mut stream| {
        let heard = Arc::clone(&heard);
        async move {
            let _ = stream.write_all(greeting).await;
            let mut sink = [0; 64];
            let end = loop {
                match stream.read(&mut sink).await {
                    Ok(0) => break End::Fin,
                    Ok(_) => {}
                    Err(_) => break End::Reset,
                }
            };
            heard.lock().unwrap().push(end);
        }
    });
    (server, ends)
}

fn checks_that_only_connect_reset_and_those_that_talk_part(kind: Kind) {
    let ends = |check: &str, greeting| {
        let (server, ends) = overheard(greeting);
        let words = format!("{check}\nserver s1 {} check inter 100ms", server.addr);
        let proxy = Scene::new(kind).backend(&words).start();
        eventually("three checks", || (ends.lock().unwrap().len() > 2).then_some(()));
        drop(proxy);
        let ends = ends.lock().unwrap();
        ends[..3].to_vec()
    };
    let parted = [End::Fin; 3];
    let (server, seen) = overheard(b"");
    let words = format!("server s1 {} check inter 100ms", server.addr);
    let proxy = Scene::new(kind).backend(&words).start();
    proxy.wait_check("s1", "L4OK");
    drop(proxy);
    // Most are over before the server's kernel tells of them.
    assert!(!seen.lock().unwrap().contains(&End::Fin));
    assert_eq!(ends("option smtpchk", b"220 me\r\n250 me\r\n221 bye\r\n"), parted);
    let mysql = b"\x0a\0\0\0\x0a8.0.19\0xx";
    assert_eq!(ends("option mysql-check", mysql), parted);
}

fn an_interval_begins_when_the_check_before_it_has_ended(kind: Kind) {
    let (begun, ended) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
    let (begins, ends) = (Arc::clone(&begun), Arc::clone(&ended));
    let server = Backend::new(move |mut stream| {
        let (begins, ends) = (Arc::clone(&begins), Arc::clone(&ends));
        async move {
            begins.lock().unwrap().push(Instant::now());
            tokio::time::sleep(Duration::from_millis(300)).await;
            ends.lock().unwrap().push(Instant::now());
            let _ = stream.write_all(b"ready").await;
        }
    });
    let _proxy = Scene::new(kind)
        .backend(&format!(
            "timeout check 60s\noption tcp-check\ntcp-check expect string ready
  server s1 {} check inter 300ms",
            server.addr
        ))
        .start();
    eventually("three checks", || (ended.lock().unwrap().len() > 2).then_some(()));
    let (begun, ended) = (begun.lock().unwrap(), ended.lock().unwrap());
    for (end, next) in ended.iter().zip(&begun[1..]) {
        let pause = next.saturating_duration_since(*end);
        assert!(pause > Duration::from_millis(250), "{pause:?} after a check had ended");
    }
}

fn an_agent_that_is_not_there_takes_nobody_down(kind: Kind) {
    let (api, server) = (Api::new(), Backend::greet("s1"));
    let proxy = Scene::new(kind)
        .global(&api.lines())
        .backend(&format!(
            "server s1 {} agent-check agent-port {} agent-inter 100ms",
            server.addr,
            free_port()
        ))
        .start();
    let agent = || {
        let stat = api.ask("show stat");
        stat.lines().find(|line| line.starts_with("be,s1,")).unwrap().contains(",L4CON,")
    };
    eventually("the agent was looked for", || agent().then_some(()));
    assert_eq!(served_by(proxy.addr).unwrap(), "s1");
    assert!(api.ask("show servers state be").contains(" s1 127.0.0.1 2 0 "));
}

/// The whole time in the line of a session that found no server.
fn total(line: &str) -> u64 {
    let times = line.split(' ').find(|word| word.contains("/-1/")).unwrap();
    times.rsplit('/').next().unwrap().parse().unwrap()
}

fn a_server_that_does_not_answer_is_tried_again_at_once(kind: Kind) {
    let (full, dead) = (Hanging::new(), free_addr());
    let start = |server: String, connect: &str| {
        let words = format!("timeout connect {connect}\nretries 1\nserver s1 {server}");
        let proxy = Scene::new(kind).backend(&words).start();
        assert_eq!(Client::connect(proxy.addr).drain(), (Vec::new(), End::Fin));
        proxy
    };
    let proxy = start(full.addr.to_string(), "1500ms");
    let silent = total(&proxy.log.expect(&["be/s1 ", " sC ", "/1 0/0"]));
    // A pause would be a second long.
    assert!((3_000..3_900).contains(&silent), "{silent} ms for two attempts");
    let proxy = start(dead.to_string(), "5s");
    let refused = total(&proxy.log.expect(&["be/s1 ", " SC ", "/1 0/0"]));
    assert!(refused >= 1_000, "{refused} ms with a pause of a second");
}

fn another_server_is_marked_in_the_count_of_retries(kind: Kind) {
    let server = Backend::greet("s2");
    let words = format!(
        "option redispatch 1\nuse-server s1 if TRUE\nserver s1 {}\nserver s2 {}",
        free_addr(),
        server.addr
    );
    let proxy = Scene::new(kind).backend(&words).start();
    assert_eq!(served_by(proxy.addr).unwrap(), "s2");
    proxy.log.expect(&["be/s2 ", "/+1 0/0"]);
}

fn addresses_take_variables_without_quotes(kind: Kind) {
    let server = Backend::greet("s1");
    let (host, port) = (server.addr.ip(), server.addr.port());
    let proxy = Scene::new(kind)
        .global(&format!("setenv HOST {host}\nsetenv PORT {port}"))
        .backend("server s1 ${HOST}:${PORT}")
        .start();
    assert_eq!(served_by(proxy.addr).unwrap(), "s1");
}

fn words_of_http_are_warnings_and_no_more(kind: Kind) {
    let dir = TempDir::new();
    let path = dir.join("haproxy.cfg");
    let text =
        "defaults\n  mode tcp\n  timeout connect 1s\n  timeout client 1s\n  timeout server 1s
listen web\n  bind 127.0.0.1:1\n  option forwardfor\n  http-request deny\n  cookie a insert
  server s1 127.0.0.1:2\n";
    std::fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap();
    let (status, said) = kind.run(&["-c", "-f", path]);
    assert!(status.success() && said.contains("[WARNING]"), "{said}");
    let (status, said) = kind.run(&["-dW", "-c", "-f", path]);
    assert!(!status.success() && said.contains("[WARNING]"), "{said}");
}

/// Stock files have `mode http` in `defaults`.
fn sections_that_no_request_reaches_count_for_what_else_they_are(kind: Kind) {
    let (server, checked) = (Backend::greet("s1"), Backend::http(Arc::new(AtomicU16::new(200))));
    let (front, unused) = (free_addr(), free_port());
    let text = format!(
        "defaults\n mode http\n timeout connect 5s\n timeout client 5s\n timeout server 5s\n\
         frontend f\n mode tcp\n bind {front}\n\
         tcp-request connection track-sc0 src table rates\n\
         tcp-request connection reject if {{ sc0_conn_cnt gt 2 }}\n\
         use_backend b if {{ nbsrv(chk) ge 1 }}\n\
         backend b\n mode tcp\n server x {} track chk/x\n\
         backend rates\n stick-table type ip size 1m expire 10s store conn_cnt\n\
         backend chk\n option httpchk GET /primary\n http-request deny\n server x {} check\n\
         backend empty\n\
         listen 127.0.0.1:{unused}\n stats enable\n stats uri /\n\
         listen idle\n server x 127.0.0.1:9\n",
        server.addr, checked.addr
    );
    let _proxy = Scene::new(kind).whole(&text).start();
    let ends: Vec<_> = (0..3).map(|_| served_by(front).ok()).collect();
    assert_eq!(ends, [Some("s1".to_owned()), Some("s1".to_owned()), None]);
}

fn a_directory_of_files_may_hold_others(kind: Kind) {
    let dir = TempDir::new();
    std::fs::create_dir(dir.join("sub.cfg")).unwrap();
    let text = "defaults\n mode tcp\n timeout connect 1s\n timeout client 1s\n timeout server 1s\n\
                listen l\n bind 127.0.0.1:1\n server s 127.0.0.1:2\n";
    std::fs::write(dir.join("a.cfg"), text).unwrap();
    let (status, said) = kind.run(&["-c", "-f", dir.path().to_str().unwrap()]);
    assert!(status.success(), "{said}");
}
