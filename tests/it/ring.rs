//! Rings of log lines: `show events`, log servers over TCP, and samples.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::harness::api::Api;
use crate::harness::backend::Backend;
use crate::harness::client::served_by;
use crate::harness::dir::TempDir;
use crate::harness::port::free_addr;
use crate::harness::proxy::{Kind, Proxy, Scene};
use crate::harness::syslog::Syslog;
use crate::harness::{PATIENCE, both, eventually};

both! {
    a_ring_shows_what_was_logged,
    a_ring_has_its_own_format_and_length,
    log_servers_get_lines_in_both_framings,
    a_log_server_that_was_away_gets_what_waited,
    a_target_over_tcp_has_a_ring_of_its_own,
    a_sample_is_shared_out,
    new_lines_are_followed,
    a_rule_sets_the_severity,
    structured_data_stands_where_the_format_has_it,
}

/// A log server over TCP that collects what it is sent, over any number of connections.
struct Receiver {
    addr: SocketAddr,
    bytes: Arc<Mutex<Vec<u8>>>,
    over: Arc<AtomicBool>,
    task: Option<JoinHandle<()>>,
}

impl Receiver {
    fn at(addr: SocketAddr) -> Self {
        let listener = eventually("the port is free", || TcpListener::bind(addr).ok());
        listener.set_nonblocking(true).unwrap();
        let (bytes, over) = (Arc::<Mutex<Vec<u8>>>::default(), Arc::<AtomicBool>::default());
        let (sink, stop) = (Arc::clone(&bytes), Arc::clone(&over));
        let task = std::thread::spawn(move || {
            let mut clients: Vec<TcpStream> = Vec::new();
            let mut buf = [0; 4096];
            while !stop.load(Ordering::Relaxed) {
                if let Ok((client, _)) = listener.accept() {
                    client.set_nonblocking(true).unwrap();
                    clients.push(client);
                }
                clients.retain_mut(|client| match client.read(&mut buf) {
                    Ok(0) => false,
                    Ok(n) => {
                        sink.lock().unwrap().extend_from_slice(&buf[..n]);
                        true
                    }
                    Err(error) => error.kind() == std::io::ErrorKind::WouldBlock,
                });
                std::thread::sleep(Duration::from_millis(2));
            }
        });
        Self { addr, bytes, over, task: Some(task) }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().unwrap()).into_owned()
    }

    #[track_caller]
    fn expect(&self, part: &str) -> String {
        eventually(part, || Some(self.text()).filter(|text| text.contains(part)))
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        let _ = self.task.take().map(JoinHandle::join);
    }
}

/// A proxy with `global` lines and other sections, whose sessions are logged as `session <client>`.
fn start(kind: Kind, api: &Api, global: &str, sections: &str, format: &str) -> (Proxy, Backend) {
    let server = Backend::greet("s1");
    let text = format!(
        "global\n{}\n{global}\n{sections}\n\
         defaults\n mode tcp\n timeout connect 5s\n timeout client 5s\n timeout server 5s\n\
         frontend fe\n bind {{front}}\n log global\n log-format \"{format}\"\n default_backend be\n\
         backend be\n server s1 {}\n",
        api.lines(),
        server.addr
    );
    (Scene::new(kind).whole(&text).start(), server)
}

/// The lines of a ring, once it has `count` of them.
#[track_caller]
fn lines(api: &Api, ring: &str, count: usize) -> Vec<String> {
    eventually("lines in the ring", || {
        let text = api.ask(&format!("show events {ring}"));
        let lines: Vec<String> =
            text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect();
        (lines.len() >= count).then_some(lines)
    })
}

fn a_ring_shows_what_was_logged(kind: Kind) {
    let api = Api::new();
    let sections = "ring one\n description \"the first\"\nring two\n format short";
    let (proxy, _server) = start(kind, &api, "log ring@two local3", sections, "from %ci");
    let listed = api.ask("show events");
    let mut listed = listed.lines();
    assert!(listed.next().unwrap().starts_with("Supported events sinks are listed below."));
    let rows: Vec<&str> = listed.collect();
    for row in [
        "    stdout     : type=fd, 0 dropped, standard output (fd#1)",
        "    stderr     : type=fd, 0 dropped, standard output (fd#2)",
        "    one        : type=buffer, 0 dropped, the first",
        "    two        : type=buffer, 0 dropped, two",
    ] {
        assert!(rows.contains(&row), "{row}: {rows:?}");
    }
    served_by(proxy.addr).unwrap();
    assert_eq!(lines(&api, "two", 1), ["<6>from 127.0.0.1"]);
    assert_eq!(api.ask("show events one").trim(), "");
    assert_eq!(api.ask("show events two -n").trim(), "");
    assert!(api.ask("show events two -x").starts_with("unknown option"));
    assert!(api.ask("show events two one").starts_with("unknown option"));
    assert!(api.ask("show events none").starts_with("No such event sink"));
    assert!(api.ask("show events stdout").starts_with("Nothing to report for this sink"));
}

fn a_ring_has_its_own_format_and_length(kind: Kind) {
    let api = Api::new();
    let global = "log ring@plain len 80 format rfc5424 local3\n\
                  log ring@named len 80 format raw local3\n\
                  log ring@short local3 info debug";
    let sections =
        "ring plain\nring named\n format rfc3164\nring short\n maxlen 20\n format priority";
    let (proxy, _server) = start(kind, &api, global, sections, &"x".repeat(200));
    served_by(proxy.addr).unwrap();
    assert_eq!(lines(&api, "plain", 1), ["x".repeat(80)]);
    let named = lines(&api, "named", 1).remove(0);
    let (header, message) = named.split_once("]: ").unwrap();
    assert!(header.starts_with("<158>") && header.contains(" localhost haproxy["), "{named}");
    assert_eq!(message, "x".repeat(80));
    assert_eq!(lines(&api, "short", 1), [format!("<159>{}", "x".repeat(15))]);
}

fn log_servers_get_lines_in_both_framings(kind: Kind) {
    let (counted, plain) = (Receiver::at(free_addr()), Receiver::at(free_addr()));
    let sections = format!(
        "ring one\n format raw\n timeout connect 5s\n timeout server 5s\n\
         server a {} log-proto octet-count\n server b {}",
        counted.addr, plain.addr
    );
    let api = Api::new();
    let (proxy, _server) = start(kind, &api, "log ring@one local0", &sections, "from %ci");
    for _ in 0..2 {
        served_by(proxy.addr).unwrap();
    }
    counted.expect("14 from 127.0.0.114 from 127.0.0.1");
    assert_eq!(counted.text(), "14 from 127.0.0.114 from 127.0.0.1");
    plain.expect("from 127.0.0.1\nfrom 127.0.0.1\n");
}

fn a_log_server_that_was_away_gets_what_waited(kind: Kind) {
    let addr = free_addr();
    let sections =
        format!("ring one\n format raw\n timeout connect 5s\n timeout server 5s\n server a {addr}");
    let api = Api::new();
    let (proxy, _server) = start(kind, &api, "log ring@one local0", &sections, "from %ci %lc");
    for _ in 0..3 {
        served_by(proxy.addr).unwrap();
    }
    lines(&api, "one", 3);
    let receiver = Receiver::at(addr);
    receiver.expect("from 127.0.0.1 0\nfrom 127.0.0.1 1\nfrom 127.0.0.1 2\n");
    // And one that leaves and comes back.
    drop(receiver);
    let receiver = Receiver::at(addr);
    eventually("a line after the return", || {
        served_by(proxy.addr).ok()?;
        receiver.text().contains("from 127.0.0.1 ").then_some(())
    });
}

fn a_target_over_tcp_has_a_ring_of_its_own(kind: Kind) {
    let receiver = Receiver::at(free_addr());
    let api = Api::new();
    let global = format!("log tcp@{} len 100 format short local0", receiver.addr);
    let (proxy, _server) = start(kind, &api, &global, "", "from %ci");
    served_by(proxy.addr).unwrap();
    receiver.expect("<6>from 127.0.0.1\n");
    let listed = api.ask("show events");
    assert!(listed.contains("    ring#1     : type=buffer, 0 dropped, created "), "{listed}");
    assert_eq!(lines(&api, "ring#1", 1), ["<6>from 127.0.0.1"]);
}

fn a_sample_is_shared_out(kind: Kind) {
    let (one, others) = (Syslog::udp(), Syslog::udp());
    let global = format!(
        "log 127.0.0.1:{} sample 2:4 local0\nlog 127.0.0.1:{} sample 1,3-4:4 local0",
        one.port(),
        others.port()
    );
    let api = Api::new();
    let (proxy, _server) = start(kind, &api, &global, "", "line %lc");
    for number in 0..8 {
        served_by(proxy.addr).unwrap();
        let line = format!("line {number}");
        eventually("its line", || (one.count(&line) + others.count(&line) > 0).then_some(()));
    }
    assert_eq!(one.messages(), ["line 1", "line 5"]);
    let expected = ["line 0", "line 2", "line 3", "line 4", "line 6", "line 7"];
    assert_eq!(others.messages(), expected);
}

fn new_lines_are_followed(kind: Kind) {
    let api = Api::new();
    let (proxy, _server) = start(kind, &api, "log ring@one local0", "ring one", "from %ci %lc");
    served_by(proxy.addr).unwrap();
    lines(&api, "one", 1);
    let mut client = api.connect("admin");
    client.write_all(b"show events one -nw\n").unwrap();
    // When it looks is not known: lines come until one is seen.
    let mut seen = Vec::new();
    client.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    eventually("a line that is new", || {
        served_by(proxy.addr).ok()?;
        let mut buf = [0; 1024];
        let read = client.read(&mut buf).unwrap_or(0);
        seen.extend_from_slice(&buf[..read]);
        seen.ends_with(b"\n").then_some(())
    });
    let text = String::from_utf8_lossy(&seen).into_owned();
    assert!(text.starts_with("from 127.0.0.1 ") && !text.contains("127.0.0.1 0\n"), "{text}");
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.shutdown(std::net::Shutdown::Write).unwrap();
    client.read_to_end(&mut seen).unwrap();
}

/// A log server that takes nothing loses the oldest lines, which are counted, and nobody waits.
#[test]
fn a_stuck_log_server_loses_the_oldest_lines() {
    let dir = TempDir::new();
    let path = dir.join("stuck");
    // A Unix socket holds little.
    let _stuck = UnixListener::bind(&path).unwrap();
    let file = dir.join("ring");
    let sections = format!(
        "ring one\n format raw\n size 20000\n backing-file {}\n timeout connect 5s\n \
         timeout server 60s\n server a {}",
        file.display(),
        path.display()
    );
    let api = Api::new();
    let long = "x".repeat(6000);
    let global = "log ring@one len 6100 local0";
    let (proxy, _server) = start(Kind::Evenkeel, &api, global, &sections, &format!("%lc {long}"));
    let dropped = || -> u64 {
        let info = api.ask("show info");
        let line = info.lines().find_map(|line| line.strip_prefix("DroppedLogs: "));
        line.unwrap().parse().unwrap()
    };
    eventually("lines are lost", || {
        served_by(proxy.addr).unwrap();
        (dropped() > 0).then_some(())
    });
    let listed = api.ask("show events");
    assert!(listed.contains("    one        : type=buffer, "), "{listed}");
    assert!(!listed.contains("one        : type=buffer, 0 dropped"), "{listed}");
    let kept = lines(&api, "one", 1);
    assert_eq!(kept.len(), 3);
    let written = eventually("the file", || std::fs::read(&file).ok());
    assert_eq!(written.len(), 20_000);
}

fn a_rule_sets_the_severity(kind: Kind) {
    let server = Backend::greet("s1");
    let scene = Scene::new(kind)
        .frontend("tcp-request inspect-delay 5s\ntcp-request content set-log-level warning");
    let proxy = scene.backend(&format!("server s1 {}", server.addr)).start();
    served_by(proxy.addr).unwrap();
    proxy.log.expect(&["] fe be/s1 "]);
    let line = proxy.log.raw().into_iter().find(|line| line.contains("] fe be/s1 ")).unwrap();
    // local0 is 16: 16 * 8 + 4 (warning).
    assert!(line.starts_with("<132>"), "{line}");
}

fn structured_data_stands_where_the_format_has_it(kind: Kind) {
    let api = Api::new();
    let log = Syslog::udp();
    let global = format!(
        "log 127.0.0.1:{0} format rfc5424 local0\nlog 127.0.0.1:{0} format raw local0",
        log.port()
    );
    let format = "hello %ci\"\n log-format-sd \"%{+Q,+E}o [ex@1 b=%b n=%[str(a]b)] t=%ts s=%s]";
    let (proxy, _server) = start(kind, &api, &global, "", format);
    served_by(proxy.addr).unwrap();
    eventually("both lines", || (log.raw().len() >= 2).then_some(()));
    let raw = log.raw();
    let part = " - [ex@1 b=\"be\" n=\"a\\]b\" t=-- s=\"s1\"] hello 127.0.0.1";
    assert!(raw.iter().any(|line| line.starts_with("<134>1 ") && line.ends_with(part)), "{raw:?}");
    assert!(raw.contains(&"hello 127.0.0.1".to_owned()), "{raw:?}");
}
