//! The lines of a real HAProxy beside ours, apart from dates and times.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use super::*;

/// An address no other test binds: HAProxy's ports are found free first and bound later.
const ADDR: Ipv4Addr = Ipv4Addr::new(127, 18, 0, 1);

const DEADLINE: Duration = Duration::from_secs(20);

/// A running HAProxy that ends with the test, and where its lines arrive.
struct Reference {
    child: Child,
    dir: PathBuf,
    lines: UdpSocket,
    ports: [u16; 4],
}

impl Drop for Reference {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// Echoes each connection until its end.
fn echo_server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("bound").port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut out = stream.try_clone().expect("a descriptor");
                // Who leaves in disorder is no matter of the echo's.
                let _ = std::io::copy(&mut &stream, &mut out);
            });
        }
    });
    port
}

impl Reference {
    fn start() -> std::io::Result<Self> {
        let dir = std::env::temp_dir().join(format!("evenkeel-tcplog-{}", std::process::id()));
        std::fs::create_dir_all(&dir)?;
        let lines = UdpSocket::bind("127.0.0.1:0")?;
        lines.set_read_timeout(Some(DEADLINE))?;
        let log = lines.local_addr()?;
        let free = || TcpListener::bind((ADDR, 0)).expect("a port");
        let sockets = [free(), free(), free(), free(), free()];
        let [fe, nobe, term, queued, closed] =
            sockets.each_ref().map(|socket| socket.local_addr().expect("bound").port());
        drop(sockets);
        let unix = dir.join("fe.sock");
        let unix = unix.display();
        let echo = echo_server();
        let config = format!(
            "global\n nbthread 1\n log {log} format raw local0\n\
             defaults\n mode tcp\n log global\n timeout connect 5s\n timeout client 5s\n \
             timeout server 5s\n timeout queue 100ms\n retries 3\n\
             frontend fe\n option tcplog\n bind {ADDR}:{fe}\n bind :::{fe} v6only\n \
             bind unix@{unix}\n default_backend be\n\
             frontend nobe\n option tcplog\n bind {ADDR}:{nobe}\n\
             frontend term\n bind {ADDR}:{term}\n default_backend be\n\
             frontend queued\n option tcplog\n bind {ADDR}:{queued}\n default_backend one\n\
             backend be\n option redispatch 1\n server s1 127.0.0.1:{echo}\n\
             backend one\n server s1 127.0.0.1:{echo} maxconn 1\n\
             frontend moved\n option tcplog\n bind unix@{unix}2\n default_backend two\n\
             backend two\n option redispatch 1\n server d1 {ADDR}:{closed}\n \
             server d2 127.0.0.1:{echo}\n"
        );
        let mut command = Command::new("haproxy");
        command.args(["-db", "-q", "-f", "/dev/stdin"]).stdin(Stdio::piped());
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        child.stdin.take().expect("piped").write_all(config.as_bytes())?;
        Ok(Self { child, dir, lines, ports: [fe, nobe, term, queued] })
    }

    fn line(&self) -> String {
        let mut buf = [0; 2048];
        let len = self.lines.recv(&mut buf).expect("a line in time");
        String::from_utf8(buf[..len].to_vec()).expect("text").trim_end().to_owned()
    }
}

fn retry<T>(mut connect: impl FnMut() -> std::io::Result<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        match connect() {
            Ok(stream) => return stream,
            Err(error) => assert!(Instant::now() < deadline, "haproxy starts in time: {error}"),
        }
        std::thread::yield_now();
    }
}

/// Sends `hello` and reads until the end; yields the client's address and the destination's.
fn hello_to(to: SocketAddr) -> (SocketAddr, SocketAddr) {
    let mut stream = retry(|| TcpStream::connect(to));
    let ends = (stream.local_addr().expect("bound"), stream.peer_addr().expect("connected"));
    stream.write_all(b"hello\n").expect("sent");
    // HAProxy may have closed already where there is no server.
    let _ = stream.shutdown(Shutdown::Write);
    let _ = stream.read_to_end(&mut Vec::new());
    ends
}

fn hello_to_unix(path: PathBuf) {
    let mut stream = retry(|| UnixStream::connect(&path));
    stream.write_all(b"hello\n").expect("sent");
    let _ = stream.shutdown(Shutdown::Write);
    let _ = stream.read_to_end(&mut Vec::new());
}

/// The line with its date's digits as `0` and its month as `Mon`, and its timers as `0` where they are not `-1`.
fn masked(line: &str) -> String {
    let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
    if let [_, date, _, _, timers, ..] = &mut words[..]
        && date.starts_with('[')
    {
        let month: String = date.chars().filter(char::is_ascii_alphabetic).collect();
        *date = date.replace(|c: char| c.is_ascii_digit(), "0").replace(&month, "Mon");
        let zero = |timer: &str| if timer == "-1" { "-1" } else { "0" }.to_owned();
        *timers = timers.split('/').map(zero).collect::<Vec<_>>().join("/");
    }
    words.join(" ")
}

fn ours(record: &Record) -> String {
    masked(&line(record))
}

fn theirs(reference: &Reference) -> String {
    masked(&reference.line())
}

#[test]
fn lines_are_those_of_haproxy() {
    let reference = match Reference::start() {
        Ok(reference) => reference,
        Err(error) => {
            eprintln!("skipped: haproxy does not start here: {error}");
            return;
        }
    };
    let [fe, nobe, term, queued] = reference.ports;
    for ip in [ADDR.into(), Ipv6Addr::LOCALHOST.into()] {
        let (client, destination) = hello_to(SocketAddr::new(ip, fe));
        let record =
            Record { client: Client::Tcp(client), destination: Some(destination), ..hello() };
        assert_eq!(ours(&record), theirs(&reference));
    }
    hello_to_unix(reference.dir.join("fe.sock"));
    let unix = Record { client: Client::Unix { listener: 3 }, ..hello() };
    assert_eq!(ours(&unix), theirs(&reference));

    let (client, _) = hello_to((ADDR, nobe).into());
    let record = Record {
        client: Client::Tcp(client),
        frontend: "nobe".into(),
        backend: None,
        server: None,
        queue: None,
        connect: None,
        bytes_out: 0,
        termination: Termination::new(Cause::ServerAbort, Phase::Connect),
        ..hello()
    };
    assert_eq!(ours(&record), theirs(&reference));

    let (client, destination) = hello_to((ADDR, term).into());
    let record = Record {
        log: Arc::new(log(LogFormat::Connect)),
        client: Client::Tcp(client),
        destination: Some(destination),
        frontend: "term".into(),
        ..hello()
    };
    assert_eq!(ours(&record), theirs(&reference));
    assert_eq!(line_of_a_moved_session(&reference), theirs(&reference));
    queued_session(&reference, queued);
}

/// The first server refuses, the second serves.
fn line_of_a_moved_session(reference: &Reference) -> String {
    hello_to_unix(reference.dir.join("fe.sock2"));
    let record = Record {
        client: Client::Unix { listener: 1 },
        frontend: "moved".into(),
        backend: Some("two".into()),
        server: Some("d2".into()),
        retries: 1,
        redispatched: true,
        ..hello()
    };
    ours(&record)
}

/// One session holds the only slot; the other waits in vain.
fn queued_session(reference: &Reference, port: u16) {
    let mut holder = retry(|| TcpStream::connect((ADDR, port)));
    holder.write_all(b"x").expect("sent");
    holder.read_exact(&mut [0]).expect("the slot is held");
    let mut waiting = TcpStream::connect((ADDR, port)).expect("a listener");
    let client = waiting.local_addr().expect("bound");
    let _ = waiting.read_to_end(&mut Vec::new());
    let record = Record {
        client: Client::Tcp(client),
        frontend: "queued".into(),
        backend: Some("one".into()),
        server: None,
        connect: None,
        bytes_out: 0,
        termination: Termination::new(Cause::ServerTimeout, Phase::Queue),
        connections: Connections { process: 2, frontend: 2, backend: 1, server: 0 },
        backend_queue: 1,
        ..hello()
    };
    assert_eq!(ours(&record), theirs(reference));
}
