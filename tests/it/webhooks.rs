//! Events on their way to webhooks: receivers that are silent, refuse, break or are slow.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};

use rustix::process::Signal;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::Value;

use crate::harness::PATIENCE;
use crate::harness::dir::TempDir;
use crate::harness::eventually;
use crate::harness::metrics::get;
use crate::harness::native::run;
use crate::harness::port::free_addr;
use crate::harness::process::Process;
use crate::harness::proxy::Kind;
use crate::harness::tls::Authority;

/// What a receiver does with a request.
#[derive(Clone, Copy, Debug)]
enum Answer {
    Status(u16),
    /// It reads, says nothing and keeps the connection.
    Silent,
    /// It closes.
    Close,
    /// It takes its time, and then takes it.
    Slow,
}

impl Answer {
    /// What it comes to.
    fn said(self) -> Self {
        if matches!(self, Self::Slow) { Self::Status(200) } else { self }
    }
}

/// A request as it came.
struct Request {
    head: String,
    body: Value,
}

/// A webhook's receiver: what it says to one request after the other, the last for ever.
struct Hook {
    addr: SocketAddr,
    requests: Receiver<Request>,
    answers: Arc<Mutex<Vec<Answer>>>,
}

impl Hook {
    fn start(answers: &[Answer], tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let answers = Arc::new(Mutex::new(answers.to_vec()));
        let (sender, requests) = channel();
        let script = Arc::clone(&answers);
        std::thread::spawn(move || {
            let mut kept = Vec::new();
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                let answer = {
                    let mut script = script.lock().unwrap();
                    if script.len() > 1 { script.remove(0) } else { script[0] }
                };
                let request = match &tls {
                    None => serve(&stream, answer),
                    Some(config) => {
                        let conn = ServerConnection::new(Arc::clone(config)).unwrap();
                        serve(StreamOwned::new(conn, &stream), answer)
                    }
                };
                if matches!(answer, Answer::Silent) {
                    kept.push(stream);
                }
                if let Some(request) = request
                    && sender.send((request, answer)).is_err()
                {
                    return;
                }
            }
        });
        // Only what was taken counts as told.
        let (told, taken) = channel();
        std::thread::spawn(move || {
            for (request, answer) in requests {
                if matches!(answer.said(), Answer::Status(200..=299)) && told.send(request).is_err()
                {
                    return;
                }
            }
        });
        Self { addr, requests: taken, answers }
    }

    fn now_answers(&self, answer: Answer) {
        *self.answers.lock().unwrap() = vec![answer];
    }

    #[track_caller]
    fn next(&self) -> Request {
        self.requests.recv_timeout(PATIENCE).expect("a request")
    }

    /// The next event's kind and how many before it were dropped.
    #[track_caller]
    fn next_event(&self) -> (String, u64) {
        let body = self.next().body;
        (body["event"].as_str().unwrap().to_owned(), body["dropped"].as_u64().unwrap())
    }
}

/// Reads a request and answers; `None`: none came.
fn serve(mut stream: impl Read + Write, answer: Answer) -> Option<Request> {
    let mut bytes = Vec::new();
    let (head, length) = loop {
        let mut buffer = [0; 4096];
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return None,
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.unwrap().parse().unwrap();
            if body.len() >= length {
                break (head.to_owned(), length);
            }
        }
    };
    let body = serde_json::from_slice(&bytes[bytes.len() - length..]).unwrap();
    if matches!(answer, Answer::Slow) {
        std::thread::sleep(std::time::Duration::from_millis(300));
    }
    if let Answer::Status(status) = answer.said() {
        let _ = write!(stream, "HTTP/1.1 {status} Said\r\ncontent-length: 2\r\n\r\nok");
        let _ = stream.flush();
    }
    Some(Request { head, body })
}

/// A proxy with two servers, of which `one` comes and goes as an operator says.
struct Scene {
    dir: TempDir,
    evenkeel: Process,
    stats: SocketAddr,
}

impl Scene {
    fn start(webhook: &str) -> Self {
        let (dir, front, stats) = (TempDir::new(), free_addr(), free_addr());
        let text = format!(
            "[commands]\nsocket = {{ address = \"{}\", level = \"admin\" }}\n\n\
             [stats]\nbind = \"{stats}\"\n\n[webhook.ops]\n{webhook}\n\n\
             [frontend.f]\nbind = \"{front}\"\nbackend = \"b\"\n\n\
             [backend.b]\nserver.one = \"127.0.0.1:1\"\nserver.two = \"127.0.0.1:2\"\n",
            dir.join("sock").display()
        );
        let evenkeel = run(&dir, &text, front);
        Self { dir, evenkeel, stats }
    }

    fn set_state(&self, state: &str) {
        let socket = self.dir.join("sock").display().to_string();
        let command = format!("set server b/one state {state}");
        let args = ["ctl", "-s", &socket].into_iter().chain(command.split(' '));
        let (status, said) = Kind::Evenkeel.run(&args.collect::<Vec<_>>());
        assert!(status.success(), "{said}");
    }

    fn metric(&self, end: &str) -> u64 {
        let (_, page) = get(self.stats, "/metrics").unwrap();
        let start = format!("evenkeel_webhook_{end}{{webhook=\"ops\"}} ");
        let line = page.lines().find_map(|line| line.strip_prefix(&start));
        line.unwrap_or_else(|| panic!("{start}: {page}")).parse().unwrap()
    }
}

#[test]
fn events_come_in_order_through_silence_errors_and_a_broken_connection() {
    let answers = [Answer::Silent, Answer::Status(500), Answer::Close, Answer::Status(204)];
    let hook = Hook::start(&answers, None);
    let scene = Scene::start(&format!("url = \"http://{}/hook\"\ntimeout = \"300ms\"", hook.addr));
    for state in ["maint", "ready", "drain"] {
        scene.set_state(state);
    }
    let kinds: Vec<_> = (0..3).map(|_| hook.next_event()).collect();
    let told = |kind: &str| (kind.to_owned(), 0);
    assert_eq!(kinds, [told("server_maintenance"), told("server_up"), told("server_drain")]);
    eventually("the last one is counted", || (scene.metric("sent_total") == 3).then_some(()));
    assert_eq!((scene.metric("retries_total"), scene.metric("dropped_total")), (3, 0));
    let said = scene.evenkeel.output();
    assert_eq!(said.matches("webhook ops: ").count(), 1, "trouble is said once: {said}");
    assert!(said.contains("webhook ops works again"), "{said}");
}

/// As one does that takes only so many requests in a time.
#[test]
fn a_receiver_that_takes_every_other_attempt_is_told_of_once_and_not_for_each_event() {
    let answers = [Answer::Status(429), Answer::Status(200)].repeat(3);
    let hook = Hook::start(&answers, None);
    let scene = Scene::start(&format!("url = \"http://{}/hook\"", hook.addr));
    for state in ["maint", "ready", "drain"] {
        scene.set_state(state);
    }
    (0..3).for_each(|_| drop(hook.next_event()));
    eventually("the last one is counted", || (scene.metric("sent_total") == 3).then_some(()));
    assert_eq!(scene.metric("retries_total"), 3);
    let said = scene.evenkeel.output();
    let lines = ["webhook ops: it answers 429", "webhook ops works again"];
    assert_eq!(lines.map(|line| said.matches(line).count()), [1, 1], "{said}");
}

/// No redirection is followed: the configuration says who is told.
#[test]
fn a_refused_event_is_dropped_and_the_next_one_says_so() {
    for refusal in [403, 302, 307] {
        let hook = Hook::start(&[Answer::Status(refusal), Answer::Status(200)], None);
        let scene = Scene::start(&format!("url = \"http://{}/hook\"", hook.addr));
        scene.set_state("maint");
        eventually("it is dropped", || (scene.metric("dropped_total") == 1).then_some(()));
        scene.set_state("ready");
        assert_eq!(hook.next_event(), ("server_up".to_owned(), 1));
        assert_eq!(scene.metric("retries_total"), 0);
    }
}

#[test]
fn a_reload_that_lowers_the_bound_drops_what_waits_beyond_it() {
    let hook = Hook::start(&[Answer::Silent], None);
    let scene = Scene::start(&format!(
        "url = \"http://{}/hook\"\ntimeout = \"300ms\"\nqueue = 9",
        hook.addr
    ));
    for state in ["maint", "ready", "maint", "ready", "maint", "ready"] {
        scene.set_state(state);
    }
    eventually("one is on its way", || (scene.metric("retries_total") >= 1).then_some(()));
    assert_eq!(scene.metric("dropped_total"), 0);
    let file = scene.dir.join("evenkeel.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("queue = 9", "queue = 2")).unwrap();
    scene.evenkeel.signal(Signal::HUP);
    eventually("the oldest are dropped", || (scene.metric("dropped_total") == 3).then_some(()));
    assert_eq!(scene.metric("queue"), 2);
    hook.now_answers(Answer::Status(200));
    let told: Vec<_> = (0..3).map(|_| hook.next_event()).collect();
    let kinds = told.iter().map(|(kind, _)| kind.as_str()).collect::<Vec<_>>();
    assert_eq!(kinds, ["server_maintenance", "server_maintenance", "server_up"]);
    assert_eq!(told.iter().map(|(_, dropped)| dropped).sum::<u64>(), 3, "{told:?}");
}

/// One that is slow, but answers, is told everything in order.
#[test]
fn a_slow_receiver_is_told_everything() {
    let hook = Hook::start(&[Answer::Slow], None);
    let scene = Scene::start(&format!("url = \"http://{}/hook\"\ntimeout = \"20s\"", hook.addr));
    for state in ["maint", "ready", "maint"] {
        scene.set_state(state);
    }
    let kinds: Vec<_> = (0..3).map(|_| hook.next_event()).collect();
    let told = |kind: &str| (kind.to_owned(), 0);
    assert_eq!(kinds, [told("server_maintenance"), told("server_up"), told("server_maintenance")]);
    assert_eq!((scene.metric("retries_total"), scene.metric("dropped_total")), (0, 0));
}

#[test]
fn a_full_queue_loses_the_oldest_and_says_how_many() {
    let hook = Hook::start(&[Answer::Silent], None);
    let scene = Scene::start(&format!(
        "url = \"http://{}/hook\"\ntimeout = \"300ms\"\nqueue = 2",
        hook.addr
    ));
    for state in ["maint", "ready", "maint", "ready", "maint", "ready", "maint"] {
        scene.set_state(state);
    }
    eventually("some are dropped", || (scene.metric("dropped_total") >= 3).then_some(()));
    hook.now_answers(Answer::Status(200));
    let mut told = vec![hook.next_event()];
    while told.iter().map(|(_, dropped)| dropped + 1).sum::<u64>() < 7 {
        told.push(hook.next_event());
    }
    assert!(told.len() <= 4, "{told:?}");
    assert_eq!(told.last().unwrap().0, "server_maintenance", "the newest is never lost");
}

#[test]
fn https_is_verified_and_secrets_are_not_shown() {
    let (trusted, stranger) = (Authority::new(), Authority::new());
    let config = |authority: &Authority| {
        let pem = std::fs::read(authority.issue("server.pem", &["localhost"])).unwrap();
        let chain = CertificateDer::pem_slice_iter(&pem).map(Result::unwrap).collect();
        let key = PrivateKeyDer::from_pem_slice(&pem).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(provider);
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        Arc::new(builder.with_no_client_auth().with_single_cert(chain, key).unwrap())
    };
    let good = Hook::start(&[Answer::Status(200)], Some(config(&trusted)));
    let bad = Hook::start(&[Answer::Status(200)], Some(config(&stranger)));
    let files = TempDir::new();
    let key = files.write("hook.key", "t0ken\n");
    for (hook, is_trusted) in [(&good, true), (&bad, false)] {
        let url = format!("https://localhost:{}/s3cret\n", hook.addr.port());
        let url = files.write("hook.url", &url);
        let scene = Scene::start(&format!(
            "url_file = \"{}\"\nkey_file = \"{}\"\nca_file = \"{}\"\nformat = \"slack\"",
            url.display(),
            key.display(),
            trusted.ca(),
        ));
        scene.set_state("maint");
        if is_trusted {
            let request = hook.next();
            assert!(request.head.starts_with("POST /s3cret HTTP/1.1\r\n"), "{}", request.head);
            assert!(request.head.contains("\r\nauthorization: Bearer t0ken"), "{}", request.head);
            let text = request.body["text"].as_str().unwrap();
            assert!(text.contains("Server b/one is going DOWN for maintenance."), "{text}");
        } else {
            eventually("it is tried again", || (scene.metric("retries_total") >= 1).then_some(()));
            assert!(hook.requests.try_recv().is_err());
        }
        let said = scene.evenkeel.output();
        assert!(!said.contains("s3cret") && !said.contains("t0ken"), "{said}");
        assert_eq!(said.contains("webhook ops: "), !is_trusted, "{said}");
    }
}

#[test]
fn the_end_lets_the_last_events_out_and_waits_for_no_silent_receiver() {
    for (answer, is_lost) in [(Answer::Status(200), false), (Answer::Silent, true)] {
        let hook = Hook::start(&[answer], None);
        let mut scene = Scene::start(&format!("url = \"http://{}/hook\"", hook.addr));
        scene.set_state("maint");
        scene.evenkeel.signal(Signal::TERM);
        eventually("it ends", || scene.evenkeel.ended());
        let said = scene.evenkeel.output();
        assert_eq!(said.contains("webhook ops: 1 events were not sent"), is_lost, "{said}");
        if !is_lost {
            assert_eq!(hook.next_event().0, "server_maintenance");
        }
    }
}

#[test]
fn a_receiver_that_is_not_there_costs_nobody_anything() {
    let gone = free_addr();
    let mut scene = Scene::start(&format!("url = \"http://{gone}/hook\""));
    for state in ["maint", "ready", "drain", "ready"] {
        scene.set_state(state);
    }
    eventually("it is tried again", || (scene.metric("retries_total") >= 2).then_some(()));
    assert!(TcpStream::connect(scene.stats).is_ok());
    scene.evenkeel.signal(Signal::USR1);
    eventually("a soft stop ends", || scene.evenkeel.ended());
}
