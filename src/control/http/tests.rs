//! The listener with real sockets, and clients that are slow or mean it.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use super::*;
use crate::control::prometheus;
use crate::pure::http::head::HEADERS_MAX;
use crate::pure::id::Name;

/// Longer than any test takes.
const DEADLINE: Duration = Duration::from_secs(20);

/// A listener on a free port.
struct Running {
    addr: std::net::SocketAddr,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
    asked: Arc<AtomicUsize>,
}

impl Running {
    async fn start(limits: Limits, change: fn(&mut Snapshot)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let addr = listener.local_addr().expect("bound");
        let (site, asked) = site(change);
        let stop = CancellationToken::new();
        let serve = serve(Listener::Tcp(listener), stats(), site, limits, stop.clone());
        let task = tokio::spawn(serve);
        Self { addr, stop, task, asked }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.addr).await.expect("a listener")
    }

    /// Sends `request` and reads until the connection ends.
    async fn ask(&self, request: &str) -> String {
        let mut stream = self.connect().await;
        stream.write_all(request.as_bytes()).await.expect("sent");
        rest(&mut stream).await
    }

    async fn get(&self, path: &str) -> String {
        self.ask(&format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")).await
    }

    async fn end(self) {
        self.stop.cancel();
        timeout(DEADLINE, self.task).await.expect("in time").expect("no panic");
    }
}

fn site(change: fn(&mut Snapshot)) -> (Arc<Site>, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let snapshots = move || {
        counter.fetch_add(1, Ordering::Relaxed);
        let mut snapshot = prometheus::tests::snapshot();
        change(&mut snapshot);
        snapshot
    };
    (Arc::new(Site::new(Arc::new(snapshots), Arc::new(|_| "ERRP"))), asked)
}

fn stats() -> Stats {
    let name = Name::new("stats").expect("a name");
    Stats { name, binds: Vec::new(), metrics_path: "/metrics".to_owned() }
}

/// What still comes; a reset ends it as well as a close.
async fn rest(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> String {
    let mut text = Vec::new();
    let read = timeout(DEADLINE, stream.read_to_end(&mut text)).await.expect("in time");
    assert!(read.is_ok() || read.is_err_and(|e| e.kind() == io::ErrorKind::ConnectionReset));
    String::from_utf8(text).expect("text")
}

fn healthy(_: &mut Snapshot) {}

#[tokio::test]
async fn pages_and_what_is_no_page() {
    let running = Running::start(Limits::default(), healthy).await;
    let metrics = running.get("/metrics?scope=global").await;
    assert!(metrics.starts_with("HTTP/1.1 200 OK\r\n"), "{metrics}");
    assert!(metrics.contains("content-type: text/plain; version=0.0.4\r\n"), "{metrics}");
    assert!(metrics.contains("\nhaproxy_process_nbthread 2\n"), "{metrics}");
    assert!(running.get("/health").await.ends_with("\r\n\r\nalive\n"));
    assert!(running.get("/ready").await.ends_with("\r\n\r\nready\n"));
    assert!(running.get("/").await.contains("/metrics\t"));
    assert!(running.get("/metrics/").await.starts_with("HTTP/1.1 404 "));
    let post = running.ask("POST /metrics HTTP/1.0\r\ncontent-length: 3\r\n\r\nabc").await;
    assert!(post.starts_with("HTTP/1.1 405 ") && post.contains("allow: GET, HEAD\r\n"), "{post}");
    assert_eq!(running.asked.load(Ordering::Relaxed), 2, "only /metrics and /ready look");
    running.end().await;
}

#[tokio::test]
async fn head_is_get_without_its_body() {
    let running = Running::start(Limits::default(), healthy).await;
    let request = "HEAD /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let head = running.ask(request).await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.ends_with("\r\n\r\n"), "{head}");
    assert!(head.contains("content-length: 6\r\n"), "{head}");
    running.end().await;
}

#[tokio::test]
async fn ready_names_the_backends_that_cannot_serve() {
    let down = |snapshot: &mut Snapshot| snapshot.backends[0].up = false;
    let running = Running::start(Limits::default(), down).await;
    let page = running.get("/ready").await;
    assert!(page.starts_with("HTTP/1.1 503 "), "{page}");
    assert!(page.ends_with("\r\n\r\nbackend be has no server available\n"), "{page}");
    assert!(running.get("/health").await.starts_with("HTTP/1.1 200 "));
    running.end().await;

    let spare = |snapshot: &mut Snapshot| {
        snapshot.backends[0].up = false;
        snapshot.backends[0].required = false;
    };
    let running = Running::start(Limits::default(), spare).await;
    assert!(running.get("/ready").await.starts_with("HTTP/1.1 200 "));
    running.end().await;

    let running = Running::start(Limits::default(), |it| it.process.stopping = true).await;
    assert!(running.get("/ready").await.ends_with("\r\n\r\nthe process is stopping\n"));
    running.end().await;
}

#[tokio::test]
async fn a_unix_socket_serves_too() {
    let path = std::env::temp_dir().join(format!("evenkeel-http-{}", std::process::id()));
    let listener = UnixListener::bind(&path).expect("a socket");
    let (site, _) = site(healthy);
    let stop = CancellationToken::new();
    let limits = Limits::default();
    let task = tokio::spawn(serve(Listener::Unix(listener), stats(), site, limits, stop.clone()));
    let mut stream = UnixStream::connect(&path).await.expect("a listener");
    stream.write_all(b"GET /health HTTP/1.0\r\n\r\n").await.expect("sent");
    assert!(rest(&mut stream).await.ends_with("alive\n"));
    stop.cancel();
    timeout(DEADLINE, task).await.expect("in time").expect("no panic");
    std::fs::remove_file(&path).expect("the socket's file");
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let running = Running::start(Limits::default(), healthy).await;
    let requests = "GET /health HTTP/1.1\r\nhost: x\r\n\r\n\
                    GET /nothing HTTP/1.1\r\nhost: x\r\n\r\n\
                    GET /ready HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let answers = running.ask(requests).await;
    let at = |text: &str| answers.find(text).unwrap_or_else(|| panic!("{text} in {answers}"));
    assert!(at("alive\n") < at("not found\n") && at("not found\n") < at("ready\n"));
    running.end().await;
}

#[tokio::test]
async fn huge_and_countless_headers_are_refused() {
    let running = Running::start(Limits::default(), healthy).await;
    let huge = format!("GET /health HTTP/1.1\r\nx: {}", "y".repeat(HEAD_BYTES_MAX));
    let answer = running.ask(&huge).await;
    assert!(!answer.contains(" 200 "), "{answer}");
    let many = "a: b\r\n".repeat(HEADERS_MAX + 1);
    let answer = running.ask(&format!("GET /health HTTP/1.1\r\n{many}\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    let answer = running.ask("\0\u{1}\u{2} nonsense\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(running.get("/health").await.starts_with("HTTP/1.1 200 "));
    running.end().await;
}

#[tokio::test]
async fn slow_and_idle_clients_are_closed() {
    let limits = Limits { head: Duration::from_millis(50), ..Limits::default() };
    let running = Running::start(limits, healthy).await;
    let mut silent = running.connect().await;
    let mut slow = running.connect().await;
    slow.write_all(b"GET /health HTTP/1.1\r\nho").await.expect("sent");
    assert!(!rest(&mut slow).await.contains(" 200 "));
    assert!(!rest(&mut silent).await.contains(" 200 "));
    let mut idle = running.connect().await;
    idle.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("sent");
    assert!(rest(&mut idle).await.starts_with("HTTP/1.1 200 "));
    running.end().await;
}

#[tokio::test]
async fn silent_clients_make_room_for_others() {
    let limits = Limits { connections: 2, ..Limits::default() };
    let running = Running::start(limits, healthy).await;
    let mut silent = [running.connect().await, running.connect().await];
    silent[0].write_all(b"GET /health HT").await.expect("sent");
    // Each of the three finds a seat at once: the longest silent of the others has lost his.
    for _ in 0..3 {
        assert!(running.get("/health").await.ends_with("alive\n"));
    }
    assert_eq!(rest(&mut silent[0]).await, "");
    running.end().await;
}

#[tokio::test]
async fn clients_that_read_nothing_are_outlived() {
    let limits =
        Limits { connections: 1, age_max: Duration::from_millis(100), ..Limits::default() };
    let running = Running::start(limits, healthy).await;
    let mut stream = running.connect().await;
    let requests = "GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n".repeat(2_000);
    // It may be cut in the middle of them.
    let _ = stream.write_all(requests.as_bytes()).await;
    assert!(running.get("/health").await.ends_with("alive\n"));
    running.end().await;
}

#[tokio::test]
async fn a_client_that_said_all_it_had_to_say_is_answered() {
    let running = Running::start(Limits::default(), healthy).await;
    let mut stream = running.connect().await;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("sent");
    stream.shutdown().await.expect("its end");
    assert!(rest(&mut stream).await.starts_with("HTTP/1.1 200 "));
    running.end().await;
}

#[tokio::test]
async fn stopping_cuts_what_is_open() {
    let running = Running::start(Limits::default(), healthy).await;
    let mut open = running.connect().await;
    open.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("sent");
    let mut first = [0; 15];
    timeout(DEADLINE, open.read_exact(&mut first)).await.expect("in time").expect("an answer");
    assert_eq!(&first, b"HTTP/1.1 200 OK");
    running.end().await;
    rest(&mut open).await;
}
