//! Beside a real HAProxy: the same families, types and label names, apart from those listed here.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::{Selection, render, snapshot};

/// An address no other test binds: HAProxy's ports are found free first and bound later.
const ADDR: Ipv4Addr = Ipv4Addr::new(127, 19, 0, 1);

/// Parts of HAProxy's names that only mean something for HTTP, caches, agents, tables and resolvers.
const WITHOUT_MEANING: [&str; 8] = [
    "_http_",
    "_cache_",
    "_comp_",
    "intercepted_requests",
    "_agent_",
    "sticktable",
    "resolver",
    "process_node",
];

/// What HAProxy 3 has and 2.6 has not.
const NEWER: [&str; 5] = [
    "haproxy_backend_current_session_rate",
    "haproxy_frontend_current_session_rate",
    "haproxy_server_active",
    "haproxy_server_backup",
    "haproxy_server_current_session_rate",
];

/// Types and label names by family.
type Families = BTreeMap<String, (String, BTreeSet<String>)>;

fn families(text: &str) -> Families {
    let mut families = Families::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("name and type");
            families.entry(name.to_owned()).or_default().0 = kind.to_owned();
        } else if !line.starts_with('#') && !line.is_empty() {
            let name = line.split(['{', ' ']).next().expect("a name");
            let labels = line.split_once('{').and_then(|(_, rest)| rest.split_once('}'));
            let keys = labels.map_or("", |(labels, _)| labels).split(',');
            let keys = keys.filter_map(|pair| pair.split_once('=')).map(|(key, _)| key.to_owned());
            families.entry(name.to_owned()).or_default().1.extend(keys);
        }
    }
    families.retain(|_, (_, labels)| !labels.contains("code"));
    families
}

/// Ends the process when the test ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(port: u16, fe: u16, server: u16) -> std::io::Result<Running> {
    let config = format!(
        "defaults\n mode tcp\n timeout connect 1s\n timeout client 1s\n timeout server 1s\n\
         frontend fe\n bind {ADDR}:{fe}\n option socket-stats\n default_backend be\n\
         backend be\n server s1 {ADDR}:{server} check\n server s3 {ADDR}:{server}\n\
         frontend stats\n mode http\n bind {ADDR}:{port}\n \
         http-request use-service prometheus-exporter if {{ path /metrics }}\n"
    );
    let mut command = Command::new("haproxy");
    command.args(["-db", "-q", "-f", "/dev/stdin"]).stdin(Stdio::piped());
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    child.stdin.take().expect("piped").write_all(config.as_bytes())?;
    Ok(Running(child))
}

fn scrape(port: u16) -> String {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        assert!(Instant::now() < deadline, "haproxy answers in time");
        let Ok(mut stream) = TcpStream::connect((ADDR, port)) else {
            std::thread::yield_now();
            continue;
        };
        stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").expect("a request");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("a response");
        let (_, body) = text.split_once("\r\n\r\n").expect("a head");
        let text = dechunked(body);
        // The first check has ended.
        if text.contains("haproxy_server_check_duration_seconds{") {
            return text;
        }
    }
}

/// HAProxy sends chunks even to HTTP/1.0 clients.
fn dechunked(mut body: &str) -> String {
    let mut text = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).expect("a chunk's size");
        text.push_str(&rest[..size]);
        body = rest[size..].trim_start_matches("\r\n");
    }
    text
}

#[test]
fn families_types_and_labels_are_those_of_haproxy() {
    let free = || TcpListener::bind((ADDR, 0)).expect("a port");
    let sockets = [free(), free(), free()];
    let [port, fe, server] =
        sockets.each_ref().map(|socket| socket.local_addr().expect("bound").port());
    drop(sockets);
    let haproxy = match start(port, fe, server) {
        Ok(haproxy) => haproxy,
        Err(error) => {
            eprintln!("skipped: haproxy does not start here: {error}");
            return;
        }
    };
    let theirs = families(&scrape(port));
    drop(haproxy);
    let ours = families(&render(&snapshot(), &Selection::default()));
    let meaningful: Families = theirs
        .clone()
        .into_iter()
        .filter(|(name, _)| !WITHOUT_MEANING.iter().any(|part| name.contains(part)))
        .collect();
    assert!(meaningful.len() > 90, "{meaningful:?}");
    for (name, family) in &meaningful {
        assert_eq!(ours.get(name), Some(family), "{name}");
    }
    let prefixes = ["haproxy_resolver_", "evenkeel_"];
    let newer =
        |name: &str| NEWER.contains(&name) || prefixes.iter().any(|it| name.starts_with(it));
    for name in ours.keys().filter(|name| !newer(name)) {
        assert!(theirs.contains_key(name), "{name} is not HAProxy's");
    }
}
