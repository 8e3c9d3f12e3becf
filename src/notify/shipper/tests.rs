//! The shipper on its bus, with real sockets.

use std::os::unix::net::UnixDatagram as StdUnixDatagram;
use std::path::Path;
use std::sync::Arc;

use tokio::net::UnixDatagram;
use tokio::time::timeout;

use super::*;
use crate::config::model::{Facility, Log, LogFormat, LogFraming, SessionLog};
use crate::pure::session::termination::Termination;
use crate::telemetry::bus::{self, Bus};
use crate::telemetry::event::What;
use crate::telemetry::record::{Client, Connections, Moment};

/// Longer than any test takes.
const DEADLINE: Duration = Duration::from_secs(20);

fn target(sink: LogSink) -> LogTarget {
    LogTarget {
        sink,
        framing: LogFraming::Short,
        len: 1024,
        facility: Facility::LOCAL0,
        level: LogLevel::Info,
        minlevel: LogLevel::Emerg,
        sample: None,
    }
}

fn shipper() -> (watch::Sender<Identity>, Shipper) {
    let identity = Identity { tag: "evenkeel".to_owned(), hostname: None, pid: 7 };
    let (sender, receiver) = watch::channel(identity);
    let adopt: Adopt = Box::new(|_| Err(io::ErrorKind::NotFound.into()));
    let wall = || SystemTime::UNIX_EPOCH;
    (sender, Shipper::new(receiver, TimeZone::UTC, wall, adopt, Arc::default()))
}

fn only(target: &LogTarget) -> Log {
    std::slice::from_ref(target).into()
}

fn notice(target: &LogTarget, level: LogLevel, text: impl Into<String>) -> Event {
    Event {
        at: SystemTime::UNIX_EPOCH,
        log: only(target),
        what: What::Notice { level, text: text.into() },
    }
}

fn record(target: &LogTarget) -> Record {
    let log = SessionLog {
        structured: None,
        to: only(target),
        format: LogFormat::Tcp,
        error_format: None,
        unique_id: None,
        dontlognull: false,
        dontlog_normal: false,
        separate_errors: false,
        logasap: false,
    };
    Record {
        log: Arc::new(log),
        client: Client::Unix { listener: 1 },
        destination: None,
        accepted: SystemTime::UNIX_EPOCH,
        queue: None,
        connect: None,
        total: Duration::ZERO,
        frontend: "fe".into(),
        backend: None,
        server: None,
        tls: false,
        exchange: None,
        bytes_in: 0,
        bytes_out: 0,
        termination: Termination::NORMAL,
        connections: Connections::default(),
        retries: 0,
        redispatched: false,
        server_queue: 0,
        backend_queue: 0,
        moment: Moment::End,
        level: None,
        refusal: None,
        details: None,
    }
}

/// A directory of its own that goes when the test ends.
struct Dir(std::path::PathBuf);

impl Dir {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("evenkeel-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a temporary directory");
        Self(path)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

async fn receive(socket: &UnixDatagram) -> String {
    let mut buf = [0; 2048];
    let len = timeout(DEADLINE, socket.recv(&mut buf)).await.expect("in time").expect("a line");
    String::from_utf8(buf[..len].to_vec()).expect("text")
}

fn start(intake: Intake) -> (CancellationToken, tokio::task::JoinHandle<()>) {
    let (identity, shipper) = shipper();
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    let task = tokio::spawn(async move {
        shipper.run(intake, stopped).await;
        drop(identity);
    });
    (stop, task)
}

async fn ended(task: tokio::task::JoinHandle<()>) {
    timeout(DEADLINE, task).await.expect("in time").expect("no panic");
}

#[tokio::test]
async fn records_and_events_arrive_and_levels_filter() {
    let dir = Dir::new("arrive");
    let path = dir.0.join("log");
    let socket = UnixDatagram::bind(&path).expect("a socket");
    let target = target(LogSink::Unix(path));
    let (bus, intake) = bus::bus();
    let (_stop, task) = start(intake);
    bus.event(notice(&target, LogLevel::Debug, "filtered"));
    bus.event(notice(&target, LogLevel::Warning, "shown"));
    assert_eq!(receive(&socket).await, "<4>shown\n");
    bus.record(record(&target));
    let line = "<6>unix:1 [01/Jan/1970:00:00:00.000] fe fe/<NOSRV> -1/-1/0 0 -- 0/0/0/0/0 0/0\n";
    assert_eq!(receive(&socket).await, line);
    drop(bus);
    ended(task).await;
}

#[tokio::test]
async fn what_waits_is_shipped_when_told_to_stop() {
    let dir = Dir::new("stop");
    let path = dir.0.join("log");
    let socket = UnixDatagram::bind(&path).expect("a socket");
    let target = target(LogSink::Unix(path));
    let (bus, intake) = bus::bus();
    for number in 0..5 {
        bus.event(notice(&target, LogLevel::Info, number.to_string()));
    }
    let (stop, task) = start(intake);
    stop.cancel();
    ended(task).await;
    for number in 0..5 {
        assert_eq!(receive(&socket).await, format!("<6>{number}\n"));
    }
    bus.event(notice(&target, LogLevel::Info, "too late"));
    assert_eq!(bus.losses().events(), 1);
}

#[tokio::test]
async fn a_burst_of_events_waits_for_its_reader() {
    let dir = Dir::new("burst");
    let path = dir.0.join("log");
    let socket = UnixDatagram::bind(&path).expect("a socket");
    let target = target(LogSink::Unix(path));
    let (bus, intake) = bus::bus();
    for number in 0..200 {
        bus.event(notice(&target, LogLevel::Info, number.to_string()));
    }
    let (stop, task) = start(intake);
    stop.cancel();
    for number in 0..200 {
        assert_eq!(receive(&socket).await, format!("<6>{number}\n"));
    }
    ended(task).await;
    assert_eq!(bus.losses().total(), 0);
}

/// Waits until the shipper has dealt with everything: a marker event sent to `marker` comes last.
async fn settle(bus: &Bus, marker: &LogTarget, socket: &UnixDatagram) {
    bus.event(notice(marker, LogLevel::Info, "marker"));
    assert_eq!(receive(socket).await, "<6>marker\n");
}

#[tokio::test]
async fn a_missing_socket_loses_lines_and_works_once_it_appears() {
    let dir = Dir::new("missing");
    let marker_path = dir.0.join("marker");
    let marker_socket = UnixDatagram::bind(&marker_path).expect("a socket");
    let marker = target(LogSink::Unix(marker_path));
    let path = dir.0.join("log");
    let target = target(LogSink::Unix(path.clone()));
    let (bus, intake) = bus::bus();
    let (stop, task) = start(intake);
    for _ in 0..3 {
        bus.event(notice(&target, LogLevel::Info, "lost"));
    }
    settle(&bus, &marker, &marker_socket).await;
    assert_eq!(bus.losses().lines(), 3);
    let socket = UnixDatagram::bind(&path).expect("a socket");
    bus.event(notice(&target, LogLevel::Info, "heard"));
    assert_eq!(receive(&socket).await, "<6>heard\n");
    stop.cancel();
    ended(task).await;
}

#[tokio::test]
async fn a_daemon_that_does_not_read_stops_nothing() {
    let dir = Dir::new("stuck");
    let marker_path = dir.0.join("marker");
    let marker_socket = UnixDatagram::bind(&marker_path).expect("a socket");
    let marker = target(LogSink::Unix(marker_path));
    let path = dir.0.join("log");
    let _deaf = StdUnixDatagram::bind(Path::new(&path)).expect("a socket");
    let target = target(LogSink::Unix(path));
    let (bus, intake) = bus::bus();
    for _ in 0..2_000 {
        bus.record(record(&target));
        bus.event(notice(&target, LogLevel::Info, "not read"));
    }
    let (stop, task) = start(intake);
    settle(&bus, &marker, &marker_socket).await;
    stop.cancel();
    ended(task).await;
    let lost = bus.losses().lines();
    assert!(lost > 0 && lost < 4_000, "{lost}");
    assert_eq!(bus.losses().total(), lost);
}

#[test]
fn trouble_is_said_once_and_its_end_too() {
    let dir = Dir::new("once");
    let path = dir.0.join("log");
    let sink = LogSink::Unix(path.clone());
    let said = Arc::new(std::sync::Mutex::new(Vec::new()));
    let writer = Told(Arc::clone(&said));
    let level = tracing_subscriber::filter::LevelFilter::INFO;
    let subscriber = crate::telemetry::trace::subscriber(7, level, move || writer.clone());
    tracing::subscriber::with_default(subscriber, || {
        let mut adopt: Adopt = Box::new(|_| Err(io::ErrorKind::NotFound.into()));
        let mut outlet = Outlet::open(&sink, &mut adopt, &Arc::default(), SystemTime::UNIX_EPOCH);
        for line in [b"a\n", b"b\n"] {
            assert_eq!(outlet.send(&sink, line), Err(Refusal::Broken));
            outlet.lost += 1;
        }
        let _socket = StdUnixDatagram::bind(&path).expect("a socket");
        assert!(outlet.send(&sink, b"c\n").is_ok());
        assert!(outlet.send(&sink, b"d\n").is_ok());
    });
    let said = String::from_utf8(said.lock().expect("no panic").clone()).expect("text");
    let path = path.display();
    assert_eq!(
        said,
        format!(
            "[ALERT]    (7) : send failed in logger {path}: No such file or directory (os error \
             2)\n[NOTICE]   (7) : logger {path} works again, 2 lost\n"
        )
    );
}

#[test]
fn only_losses_without_a_known_cause_are_reported() {
    let dir = Dir::new("causes");
    let absent = target(LogSink::Unix(dir.0.join("absent")));
    let (bus, intake) = bus::bus();
    let said = Arc::new(std::sync::Mutex::new(Vec::new()));
    let writer = Told(Arc::clone(&said));
    let level = tracing_subscriber::filter::LevelFilter::INFO;
    let subscriber = crate::telemetry::trace::subscriber(7, level, move || writer.clone());
    tracing::subscriber::with_default(subscriber, || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let (_identity, mut shipper) = shipper();
        for _ in 0..3 {
            let mut events = vec![notice(&absent, LogLevel::Info, "lost")];
            runtime.block_on(shipper.tell(&mut events, &intake.losses));
            assert!(!shipper.say_losses(&intake.losses));
        }
        intake.losses.lose_lines(4);
        assert!(shipper.say_losses(&intake.losses));
        shipper.outlets.say_troubles();
    });
    assert_eq!(bus.losses().lines(), 7);
    let said = String::from_utf8(said.lock().expect("no panic").clone()).expect("text");
    let lines: Vec<_> =
        said.lines().filter(|line| !line.ends_with("lost") || line.contains("logger")).collect();
    assert_eq!(lines.len(), 3, "{said}");
    for (line, part) in lines.iter().zip([
        "send failed in logger",
        "4 log lines lost, 7 since the start (0 found the bus full)",
        "did not work again, 3 lost",
    ]) {
        assert!(line.contains(part), "{said}");
    }
}

#[derive(Clone)]
struct Told(Arc<std::sync::Mutex<Vec<u8>>>);

impl io::Write for Told {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no panic").extend_from_slice(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
