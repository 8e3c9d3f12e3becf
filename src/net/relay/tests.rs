use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::*;

/// Nobody watches.
struct Alone;

impl Watch for Alone {
    fn wish(&self) -> Wish {
        Wish::GoOn
    }

    fn is_between(&self, _: &[u8]) -> bool {
        false
    }

    fn note(&self, _: &Relay, _: Stamp) {}
}

/// Somebody wants the end.
struct Cut;

impl Watch for Cut {
    fn wish(&self) -> Wish {
        Wish::End
    }

    fn is_between(&self, _: &[u8]) -> bool {
        false
    }

    fn note(&self, _: &Relay, _: Stamp) {}
}

/// A connected pair: our end and the other one.
async fn pair() -> (Stream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    let (ours, theirs) = tokio::join!(TcpStream::connect(address), listener.accept());
    (Stream::tcp(ours.expect("connected")), theirs.expect("accepted").0)
}

/// Relays to the end, as a session does.
async fn run(
    relay: &mut Relay,
    client: &mut Stream,
    server: &mut Stream,
    watch: &impl Watch,
) -> End {
    let mut alarm = std::pin::pin!(alarm());
    let end = poll_fn(|cx| relay.poll(cx, client, server, watch, alarm.as_mut())).await;
    if end == End::Reset(Side::Server) {
        relay.deliver(client).await;
    }
    relay.first(end)
}

/// A relay between a client and a server that the test plays.
async fn relayed(limits: Limits, replay: Replay) -> (TcpStream, TcpStream, JoinHandle<Ran>) {
    let (mut client, played_client) = pair().await;
    let (mut server, played_server) = pair().await;
    let running = tokio::spawn(async move {
        let mut relay = Relay::new(limits, replay);
        let end = run(&mut relay, &mut client, &mut server, &Alone).await;
        Ran { relay, end, client, server }
    });
    (played_client, played_server, running)
}

/// A Postgres startup packet.
const STARTUP: &[u8] = b"\0\0\0\x0f\0\x03\0\0user\0a\0";

struct Ran {
    relay: Relay,
    end: End,
    client: Stream,
    server: Stream,
}

async fn read_all(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.expect("no reset");
    bytes
}

fn pattern(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| u8::try_from(at * 31 % 251).expect("below 251")).collect()
}

#[tokio::test]
async fn half_open_stays_half_open_until_both_are_done() {
    let (mut client, mut server, running) = relayed(Limits::default(), Replay::Never).await;
    client.write_all(b"question").await.expect("sent");
    client.shutdown().await.expect("fin");
    assert_eq!(read_all(&mut server).await, b"question");
    server.write_all(b"late answer").await.expect("sent");
    drop(server);
    // The last FIN is the closing of the sockets, which is the caller's.
    let ran = running.await.expect("no panic");
    assert_eq!((ran.end, ran.relay.bytes()), (End::Closed, (8, 11)));
    drop((ran.client, ran.server));
    assert_eq!(read_all(&mut client).await, b"late answer");
}

#[tokio::test]
async fn bulk_goes_through_a_pipe_and_arrives_whole() {
    let (mut client, mut server, running) = relayed(Limits::default(), Replay::Never).await;
    let sent = pattern(24 * 1024 * 1024);
    let expected = sent.clone();
    let sender = tokio::spawn(async move {
        client.write_all(&sent).await.expect("sent");
        client.shutdown().await.expect("fin");
        client
    });
    let got = read_all(&mut server).await;
    assert!(got == expected, "{} of {} bytes", got.len(), expected.len());
    drop((server, sender.await.expect("no panic")));
    let ran = running.await.expect("no panic");
    assert_eq!(ran.relay.bytes().0, expected.len() as u64);
    assert!(ran.relay.spliced_bytes() > 0, "nothing was spliced");
}

#[tokio::test]
async fn a_direction_goes_back_to_copying_when_bulk_is_over() {
    let (mut client, mut server, running) = relayed(Limits::default(), Replay::Never).await;
    let bulk = pattern(8 * 1024 * 1024);
    let sender = tokio::spawn({
        let bulk = bulk.clone();
        async move {
            client.write_all(&bulk).await.expect("sent");
            client
        }
    });
    let mut got = vec![0; bulk.len()];
    server.read_exact(&mut got).await.expect("all of it");
    assert!(got == bulk);
    let mut client = sender.await.expect("no panic");
    let spliced_at_most = bulk.len() as u64 + 64;
    for round in 0..64_u8 {
        client.write_all(&[round]).await.expect("sent");
        assert_eq!(server.read_u8().await.expect("it arrives"), round);
    }
    drop((client, server));
    let ran = running.await.expect("no panic");
    assert!(ran.relay.spliced_bytes() < spliced_at_most, "{}", ran.relay.spliced_bytes());
}

#[tokio::test]
async fn a_slow_reader_holds_the_sender_back_and_costs_one_buffer() {
    let (mut client, mut server, running) = relayed(Limits::default(), Replay::Never).await;
    let chunk = vec![7_u8; 64 * 1024];
    let mut sent = 0_usize;
    // The kernel's buffers fill, then ours, then nothing more is taken.
    while let Ok(written) =
        tokio::time::timeout(Duration::from_millis(300), client.write(&chunk)).await
    {
        sent += written.expect("connected");
        assert!(sent < 64 * 1024 * 1024, "nobody holds the sender back");
    }
    let reader = tokio::spawn(async move { read_all(&mut server).await.len() });
    client.shutdown().await.expect("fin");
    assert_eq!(reader.await.expect("no panic"), sent);
    drop(client);
    assert_eq!(running.await.expect("no panic").relay.bytes().0, sent as u64);
}

#[tokio::test]
async fn a_reset_ends_the_session_after_what_came_before_it() {
    let (mut client, mut server, running) = relayed(Limits::default(), Replay::Never).await;
    server.write_all(b"last words").await.expect("sent");
    let mut got = [0; 10];
    client.read_exact(&mut got).await.expect("it arrives");
    socket2::SockRef::from(&server).set_linger(Some(Duration::ZERO)).expect("linger");
    drop(server);
    assert_eq!(running.await.expect("no panic").end, End::Reset(Side::Server));

    let (client, _server, running) = relayed(Limits::default(), Replay::Never).await;
    socket2::SockRef::from(&client).set_linger(Some(Duration::ZERO)).expect("linger");
    drop(client);
    assert_eq!(running.await.expect("no panic").end, End::Reset(Side::Client));
}

#[tokio::test]
async fn a_silent_client_counts_as_closed_and_the_server_decides() {
    let limits = Limits { client: Some(Duration::from_millis(50)).into(), ..Limits::default() };
    let (client, mut server, running) = relayed(limits, Replay::Never).await;
    assert_eq!(read_all(&mut server).await, b"", "a FIN after the client's timeout");
    assert!(!running.is_finished());
    drop(server);
    assert_eq!(running.await.expect("no panic").end, End::TimedOut(Side::Client));
    drop(client);
}

#[tokio::test]
async fn a_server_that_ends_without_a_byte_is_reported_where_asked_for() {
    for (replay, spoke, expected) in [
        (Replay::Silent, false, true),
        (Replay::Silent, true, false),
        (Replay::Opening, true, true),
        (Replay::Never, false, false),
    ] {
        let (mut client, mut server, running) = relayed(Limits::default(), replay).await;
        if spoke {
            client.write_all(STARTUP).await.expect("sent");
            let mut got = [0; STARTUP.len()];
            server.read_exact(&mut got).await.expect("it arrives");
        }
        drop(server);
        drop(if expected { None } else { Some(client) });
        let end = running.await.expect("no panic").end;
        assert_eq!(end == End::ServerSilent, expected, "{replay:?} {spoke}: {end:?}");
    }
}

/// Somebody judges it: the client reads it where the server lives.
#[tokio::test]
async fn a_server_that_says_first_that_it_shuts_down_counts_as_silent() {
    const SHUTS_DOWN: &[u8] = b"E\0\0\0\x1aSFATAL\0C57P03\0Mlater\0\0";
    let (mut client, mut server, running) = relayed(Limits::default(), Replay::Opening).await;
    client.write_all(STARTUP).await.expect("sent");
    server.write_all(SHUTS_DOWN).await.expect("sent");
    drop(server);
    let mut ran = running.await.expect("no panic");
    assert_eq!(ran.end, End::ServerSilent);
    assert_eq!(ran.relay.accept_end(), None);
    let served = tokio::spawn(async move {
        let end = run(&mut ran.relay, &mut ran.client, &mut ran.server, &Alone).await;
        (end, ran)
    });
    let mut got = [0; SHUTS_DOWN.len()];
    client.read_exact(&mut got).await.expect("it arrives");
    assert_eq!(got, SHUTS_DOWN);
    drop(client);
    drop(served.await.expect("no panic"));
}

/// Clients that would have TLS, and take none, are no other than those that do not ask.
#[tokio::test]
async fn a_server_without_tls_that_shuts_down_counts_as_silent() {
    const SSL_REQUEST: &[u8] = b"\0\0\0\x08\x04\xd2\x16\x2f";
    const SHUTS_DOWN: &[u8] = b"E\0\0\0\x1aSFATAL\0C57P03\0Mlater\0\0";
    let (mut client, mut server, running) = relayed(Limits::default(), Replay::Opening).await;
    let mut got = [0; STARTUP.len()];
    client.write_all(SSL_REQUEST).await.expect("sent");
    server.read_exact(&mut got[..SSL_REQUEST.len()]).await.expect("it arrives");
    server.write_all(b"N").await.expect("sent");
    client.read_exact(&mut got[..1]).await.expect("it arrives");
    client.write_all(STARTUP).await.expect("sent");
    server.read_exact(&mut got).await.expect("it arrives");
    server.write_all(SHUTS_DOWN).await.expect("sent");
    drop(server);
    let mut ran = running.await.expect("no panic");
    assert_eq!(ran.end, End::ServerSilent);
    let (mut next, mut played_next) = pair().await;
    let sent = ran.relay.take_opening();
    ran.relay.rewind();
    ran.relay.prepend(sent);
    let second =
        tokio::spawn(async move { run(&mut ran.relay, &mut ran.client, &mut next, &Alone).await });
    played_next.read_exact(&mut got).await.expect("it arrives again");
    assert_eq!(got, STARTUP, "it is not asked for TLS, of which the client knows");
    played_next.write_all(b"ready").await.expect("sent");
    drop(played_next);
    client.shutdown().await.expect("fin");
    assert_eq!(read_all(&mut client).await, b"ready");
    assert_eq!(second.await.expect("no panic"), End::Closed);
}

#[tokio::test]
async fn an_opening_is_sent_again_to_the_next_server() {
    let (mut client, mut server, running) = relayed(Limits::default(), Replay::Opening).await;
    client.write_all(STARTUP).await.expect("sent");
    let mut got = [0; STARTUP.len()];
    server.read_exact(&mut got).await.expect("it arrives");
    drop(server);
    let mut ran = running.await.expect("no panic");
    assert_eq!(ran.end, End::ServerSilent);

    let (mut next, mut played_next) = pair().await;
    let sent = ran.relay.take_opening();
    ran.relay.rewind();
    ran.relay.prepend(sent);
    let second = tokio::spawn(async move {
        let end = run(&mut ran.relay, &mut ran.client, &mut next, &Alone).await;
        (end, ran.relay.bytes())
    });
    played_next.read_exact(&mut got).await.expect("it arrives again");
    assert_eq!(got, STARTUP);
    played_next.write_all(b"ready").await.expect("sent");
    drop(played_next);
    client.shutdown().await.expect("fin");
    assert_eq!(read_all(&mut client).await, b"ready");
    assert_eq!(second.await.expect("no panic"), (End::Closed, (STARTUP.len() as u64, 5)));
}

#[tokio::test]
async fn a_cut_ends_the_session() {
    let (mut client, _played_client) = pair().await;
    let (mut server, _played_server) = pair().await;
    let mut relay = Relay::new(Limits::default(), Replay::Never);
    let end = run(&mut relay, &mut client, &mut server, &Cut).await;
    assert_eq!(end, End::Cut);
}

#[tokio::test]
async fn a_query_behind_the_opening_is_never_sent_twice() {
    let (mut client, mut server, running) = relayed(Limits::default(), Replay::Opening).await;
    let both = [STARTUP, b"Q\0\0\0\x0dSELECT 1\0"].concat();
    client.write_all(&both).await.expect("sent");
    let mut got = vec![0; both.len()];
    server.read_exact(&mut got).await.expect("it arrives");
    drop(server);
    assert_eq!(read_all(&mut client).await, b"", "the server's end is passed on");
    drop(client);
    assert_eq!(running.await.expect("no panic").end, End::Closed);
}

#[tokio::test]
async fn a_client_that_sends_but_never_reads_is_ended() {
    let limits = Limits { client: Some(Duration::from_millis(400)).into(), ..Limits::default() };
    let (mut client, mut server, running) = relayed(limits, Replay::Never).await;
    let filler = tokio::spawn(async move {
        let chunk = vec![1_u8; 64 * 1024];
        // Until the client's side is stuck, and then for as long as the connection lives.
        while server.write_all(&chunk).await.is_ok() {}
    });
    while !running.is_finished() {
        if client.write_all(b".").await.is_err() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let ran = running.await.expect("no panic");
    assert_eq!(ran.end, End::TimedOut(Side::Client));
    drop((ran.client, ran.server));
    filler.await.expect("no panic");
}

#[tokio::test]
async fn a_direction_that_waits_for_its_sender_holds_no_pipe() {
    let (mut client, mut server, running) = relayed(Limits::default(), Replay::Never).await;
    let bulk = pattern(8 * 1024 * 1024);
    let expected = bulk.len();
    let sender = tokio::spawn(async move {
        client.write_all(&bulk).await.expect("sent");
        client
    });
    let mut got = vec![0; expected];
    server.read_exact(&mut got).await.expect("all of it");
    let client = sender.await.expect("no panic");
    // The relay has nothing to do: whatever it borrowed is back in the pool of this thread.
    tokio::task::yield_now().await;
    let before = splice::pooled();
    assert!(before > 0, "no pipe was given back");
    drop((client, server));
    running.await.expect("no panic");
    assert_eq!(splice::pooled(), before);
}
