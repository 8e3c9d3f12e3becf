//! Checks against scripted servers on 127.0.0.0/8.

use std::future::Future;
use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::time::Duration;

use socket2::{SockRef, Type};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::*;
use crate::check::target::Timing;
use crate::config::model::{CheckKind, Expect, Layer, Pattern, PortFrom, ScriptStep};
use crate::net::listen::abstract_address;
use crate::pure::health::verdict::CheckStatus;
use crate::pure::probe::Context;
use crate::pure::probe::testing::Alone;

/// Far more than any test here needs.
const PATIENCE: Duration = Duration::from_secs(20);

fn no_header(_: Option<Ends>) -> Vec<u8> {
    Vec::new()
}

fn target(addr: TargetAddr) -> Target {
    let timing = Timing { inter: PATIENCE, connect: PATIENCE, answer: None };
    Target {
        addr,
        source: None,
        socks4: None,
        is_via_socks4: false,
        send_proxy: false,
        proxy_header: no_header,
        tls: None,
        is_tls: false,
        process: None,
        is_doubted: false,
        timing,
    }
}

async fn check(target: &Target, kind: &CheckKind) -> Verdict {
    let context = Context { answer_bytes_max: 16_384, down: false, unix_time_s: 0 };
    timeout(2 * PATIENCE, run(target, &mut Probe::for_kind(kind, &context, &Alone)))
        .await
        .expect("a verdict")
}

/// A server that treats its first connection as `script` says.
async fn server<F>(script: impl FnOnce(TcpStream) -> F + Send + 'static) -> (Target, JoinHandle<()>)
where
    F: Future<Output = ()> + Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let addr = listener.local_addr().expect("bound");
    let task = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("accept");
        script(stream).await;
    });
    (target(TargetAddr::Tcp(addr)), task)
}

fn expect(text: &str) -> ScriptStep {
    let pattern = Pattern::Text(text.as_bytes().to_vec());
    ScriptStep::Expect(Expect {
        pattern,
        negated: false,
        min_recv: None,
        comment: None,
        report: Default::default(),
    })
}

fn mysql() -> CheckKind {
    CheckKind::Mysql { user: None }
}

fn told(verdict: &Verdict) -> (CheckStatus, &str, bool) {
    (verdict.status, verdict.info(), verdict.heard)
}

async fn refusing() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    listener.local_addr().expect("bound")
}

#[tokio::test]
async fn a_refused_connection_is_heard() {
    let target = target(TargetAddr::Tcp(refusing().await));
    for kind in [CheckKind::Tcp, mysql(), CheckKind::Redis] {
        let verdict = check(&target, &kind).await;
        assert_eq!(told(&verdict), (CheckStatus::L4Con, "Connection refused", true));
    }
}

#[tokio::test]
async fn a_silent_check_leaves_no_connection_to_accept() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let addr = listener.local_addr().expect("bound");
    let verdict = check(&target(TargetAddr::Tcp(addr)), &CheckKind::Tcp).await;
    assert_eq!(told(&verdict), (CheckStatus::L4Ok, "", false));
    let marker = TcpStream::connect(addr).await.expect("connect");
    let (_, peer) = listener.accept().await.expect("accept");
    assert_eq!(peer, marker.local_addr().expect("connected"), "the check's own was never seen");
}

#[tokio::test]
async fn a_full_backlog_is_a_layer_4_timeout() {
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).expect("socket");
    let any: SocketAddr = "127.0.0.1:0".parse().expect("an address");
    listener.bind(&any.into()).expect("bind");
    listener.listen(0).expect("listen");
    let addr = listener.local_addr().expect("bound");
    // The first fills the queue; the rest stay half open until the system gives up.
    let fillers: Vec<Socket> = (0..4)
        .map(|_| {
            let filler =
                Socket::new(Domain::IPV4, Type::STREAM.nonblocking(), None).expect("socket");
            let _ = filler.connect(&addr);
            filler
        })
        .collect();
    let mut target = target(TargetAddr::Tcp(addr.as_socket().expect("IPv4")));
    target.timing.inter = Duration::from_millis(50);
    let verdict = check(&target, &CheckKind::Tcp).await;
    assert_eq!(told(&verdict), (CheckStatus::L4Timeout, "", false));
    assert!(verdict.duration >= target.timing.inter);
    drop(fillers);
}

#[tokio::test]
async fn a_reset_is_heard() {
    let (target, server) = server(|stream| async move {
        SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("linger");
    })
    .await;
    let verdict = check(&target, &mysql()).await;
    let reset = (CheckStatus::SocketError, "Connection reset by peer", true);
    assert_eq!(told(&verdict), reset);
    server.await.expect("the script ran");
}

#[tokio::test]
async fn a_server_that_hangs_runs_into_timeout_check() {
    let (mut target, server) = server(|mut stream| async move {
        // Ends when the check gives up.
        let _ = stream.read_u8().await;
    })
    .await;
    target.timing.answer = Some(Duration::from_millis(50));
    let verdict = check(&target, &mysql()).await;
    assert_eq!(told(&verdict), (CheckStatus::L7Timeout, "", false));
    assert!(verdict.duration < PATIENCE);
    server.await.expect("the script ran");
}

#[tokio::test]
async fn the_whole_check_ends_within_inter_without_timeout_check() {
    let (mut target, server) = server(|mut stream| async move {
        // One byte after the other, for ever: no single wait is long.
        while stream.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
    target.timing.inter = Duration::from_millis(60);
    let verdict = check(&target, &CheckKind::Script(vec![expect("OK")])).await;
    assert_eq!(verdict.status, CheckStatus::L7Timeout);
    server.await.expect("the script ran");
}

#[tokio::test]
async fn slow_bytes_add_up_to_an_answer() {
    let (target, server) = server(|mut stream| async move {
        for byte in b"+PONG\r\n" {
            stream.write_all(&[*byte]).await.expect("write");
            tokio::task::yield_now().await;
        }
    })
    .await;
    let verdict = check(&target, &CheckKind::Redis).await;
    assert_eq!(told(&verdict), (CheckStatus::L7Ok, "Redis server is ok", false));
    server.await.expect("the script ran");
}

#[tokio::test]
async fn huge_answers_end_when_the_buffer_is_full() {
    let (target, server) =
        server(
            |mut stream| async move { while stream.write_all(&[b'x'; 65_536]).await.is_ok() {} },
        )
        .await;
    let verdict = check(&target, &CheckKind::Script(vec![expect("OK")])).await;
    let info = "TCPCHK did not match content 'OK' at step 1";
    assert_eq!(told(&verdict), (CheckStatus::L7Response, info, false));
    server.await.expect("the script ran");
}

#[tokio::test]
async fn mysql_checks_end_with_fin_and_scripts_with_reset() {
    let greeting = b"\x05\0\0\0\x0a1.2\0";
    let connect = |linger| ScriptStep::Connect {
        port: None,
        addr: None,
        send_proxy: false,
        via_socks4: false,
        linger,
        layer: Layer::Plain,
        comment: None,
    };
    let rows = [
        (mysql(), Ok(0)),
        (CheckKind::Script(vec![expect("1.2")]), Err(ErrorKind::ConnectionReset)),
        (CheckKind::Script(vec![connect(true), expect("1.2")]), Ok(0)),
    ];
    for (kind, end) in rows {
        let (target, server) = server(move |mut stream| async move {
            stream.write_all(greeting).await.expect("write");
            let ended = stream.read(&mut [0; 8]).await.map_err(|error| error.kind());
            assert_eq!(ended, end);
        })
        .await;
        let verdict = check(&target, &kind).await;
        assert_eq!(verdict.status, CheckStatus::L7Ok, "{kind:?}");
        server.await.expect("the end was as expected");
    }
}

#[tokio::test]
async fn connections_of_a_script_go_where_it_says() {
    let (first, one) = server(|mut stream| async move {
        stream.write_all(b"ONE").await.expect("write");
    })
    .await;
    let (second, two) = server(|mut stream| async move {
        stream.write_all(b"TWO").await.expect("write");
    })
    .await;
    let TargetAddr::Tcp(addr) = second.addr else { panic!("servers listen on TCP") };
    let again = ScriptStep::Connect {
        port: NonZeroU16::new(addr.port()).map(PortFrom::Fixed),
        addr: None,
        send_proxy: false,
        via_socks4: false,
        linger: false,
        layer: Layer::Plain,
        comment: None,
    };
    let script = CheckKind::Script(vec![expect("ONE"), again, expect("TWO")]);
    assert_eq!(check(&first, &script).await.status, CheckStatus::L7Ok);
    one.await.expect("the script ran");
    two.await.expect("the script ran");
}

#[tokio::test]
async fn the_proxy_header_names_the_ends_and_comes_first() {
    let (mut target, server) = server(|mut stream| async move {
        let want = format!(
            "{} {}\r\n*1\r\n",
            stream.peer_addr().expect("peer"),
            stream.local_addr().expect("local")
        );
        let mut got = vec![0; want.len()];
        stream.read_exact(&mut got).await.expect("read");
        assert_eq!(String::from_utf8(got).expect("text"), want);
        stream.write_all(b"+PONG\r\n").await.expect("write");
    })
    .await;
    target.send_proxy = true;
    target.proxy_header = |ends| {
        let (local, peer) = ends.expect("TCP");
        format!("{local} {peer}\r\n").into_bytes()
    };
    assert_eq!(check(&target, &CheckKind::Redis).await.status, CheckStatus::L7Ok);
    server.await.expect("the header was as expected");
}

#[tokio::test]
async fn checks_come_from_the_source() {
    let (mut target, server) = server(|mut stream| async move {
        assert_eq!(stream.peer_addr().expect("peer").ip().to_string(), "127.0.0.9");
        stream.write_all(b"OK").await.expect("write");
    })
    .await;
    target.source = Some("127.0.0.9:0".parse().expect("an address"));
    let verdict = check(&target, &CheckKind::Script(vec![expect("OK")])).await;
    assert_eq!(verdict.status, CheckStatus::L7Ok);
    server.await.expect("the source was as expected");
    target.source = Some("203.0.113.9:0".parse().expect("an address"));
    let verdict = check(&target, &CheckKind::Tcp).await;
    let info = "Can't bind to source address (Cannot assign requested address)";
    assert_eq!(told(&verdict), (CheckStatus::L4Con, info, false));
}

#[tokio::test]
async fn unix_and_abstract_sockets() {
    let name = format!("evenkeel-check-{}", std::process::id());
    let path = std::env::temp_dir().join(&name);
    let by_path = UnixListener::bind(&path).expect("bind");
    let by_name = Socket::new(Domain::UNIX, Type::STREAM.nonblocking(), None).expect("a socket");
    // Where sessions connect to, and haproxy's `bind abns@` listens.
    by_name.bind(&abstract_address(name.as_bytes()).expect("a short name")).expect("bind");
    by_name.listen(8).expect("listen");
    let by_name = UnixListener::from_std(by_name.into()).expect("a listener");
    let addrs = [TargetAddr::Unix(path.clone()), TargetAddr::Abstract(name.into_bytes())];
    for (listener, addr) in [by_path, by_name].into_iter().zip(addrs) {
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("accept");
            stream.write_all(b"+PONG\r\n").await.expect("write");
            let _ = stream.read(&mut [0; 64]).await;
        });
        let target = target(addr);
        assert_eq!(check(&target, &CheckKind::Redis).await.status, CheckStatus::L7Ok);
        server.await.expect("the script ran");
        let verdict = check(&target, &CheckKind::Tcp).await;
        let refused = "General socket error (Connection refused)";
        assert_eq!(
            told(&verdict),
            (CheckStatus::SocketError, refused, true),
            "the listener is gone"
        );
    }
    std::fs::remove_file(path).expect("the socket's file");
}

#[tokio::test]
async fn giving_up_closes_the_connection() {
    let (accepted, met) = tokio::sync::oneshot::channel();
    let (target, server) = server(|mut stream| async move {
        accepted.send(()).expect("the test waits");
        let ended = stream.read(&mut [0; 8]).await;
        assert!(matches!(ended, Ok(0) | Err(_)), "{ended:?}");
    })
    .await;
    let task = tokio::spawn(async move { check(&target, &mysql()).await });
    met.await.expect("the server sees the check");
    task.abort();
    assert!(task.await.is_err());
    timeout(PATIENCE, server).await.expect("the server sees the end").expect("an end");
}

#[test]
fn lack_of_descriptors_is_our_own() {
    use rustix::io::Errno;
    let rows = [(Errno::MFILE, true), (Errno::NOMEM, true), (Errno::CONNREFUSED, false)];
    for (errno, ours) in rows {
        let problem = Problem::new("General socket error", &errno.into());
        assert_eq!((problem.ours, Problem::of(&errno.into()).ours), (ours, ours), "{errno}");
    }
}
