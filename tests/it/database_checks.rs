//! What `mysql-check`, `pgsql-check` and `redis-check` find.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::checks::expect_codes;
use crate::harness::backend::Backend;
use crate::harness::both;
use crate::harness::mysql_wire::{greeting, skip_packet};
use crate::harness::port::free_addr;
use crate::harness::proxy::Kind;
use crate::harness::redis::Redis;

both! {
    mysql_check_verdicts,
    pgsql_check_verdicts,
    redis_check_verdicts,
}

fn mysql_check_verdicts(kind: Kind) {
    let good = Backend::mysql("5.5.5-10.11");
    // ERR packet: error 1040 with its SQL state.
    let busy = Backend::say(b"\x17\0\0\0\xff\x10\x04#08004Too many conns!");
    let denies = Backend::new(|stream| denied(stream, b"\x0f\0\0\x02\xff\x15\x04#28000denied"));
    let closing = Backend::reply(b"");
    let mute = Backend::silent();
    let expected = [
        (good.addr, "L7OK"),
        (busy.addr, "L7STS"),
        (closing.addr, "L7RSP"),
        (mute.addr, "L7TOUT"),
        (free_addr(), "L4CON"),
        (denies.addr, "L7STS"),
    ];
    let check = "option mysql-check user haproxy_check\ntimeout check 1s";
    let proxy = expect_codes(kind, check, &expected);
    proxy.log.expect(&["Server be/s2 is DOWN, reason: Layer7 wrong status, code: 1040"]);
    // Without a user only the greeting is read.
    let expected = [(good.addr, "L7OK"), (busy.addr, "L7STS"), (denies.addr, "L7OK")];
    expect_codes(kind, "option mysql-check\ntimeout check 1s", &expected);
}

/// Greets, reads the login, and sends `answer`.
async fn denied(mut stream: TcpStream, answer: &'static [u8]) {
    let _ = stream.write_all(&greeting("8.0")).await;
    let _ = skip_packet(&mut stream).await;
    let _ = stream.write_all(answer).await;
    let _ = stream.read(&mut [0; 64]).await;
}

fn pgsql_check_verdicts(kind: Kind) {
    let trusting = Backend::reply(b"R\0\0\0\x08\0\0\0\0S\0\0\0\x04");
    let asking = Backend::reply(b"R\0\0\0\x0c\0\0\0\x05salt");
    let refusing = Backend::reply(b"E\0\0\0\x20SFATAL\0C57P03\0Mstarting\0\0");
    let other = Backend::reply(b"HTTP/1.0 400 Bad\r\n\r\n");
    let mute = Backend::silent();
    let expected = [
        (trusting.addr, "L7OK"),
        (asking.addr, "L7OK"),
        (refusing.addr, "L7RSP"),
        (other.addr, "L7STS"),
        (mute.addr, "L7TOUT"),
        (free_addr(), "L4CON"),
    ];
    expect_codes(kind, "option pgsql-check user haproxy_check\ntimeout check 1s", &expected);
}

fn redis_check_verdicts(kind: Kind) {
    let (open, locked) = (Redis::start(None), Redis::start(Some("secret")));
    let mut dying = Redis::start(None);
    let expected = [(open.addr, "L7OK"), (locked.addr, "L7TOUT"), (dying.addr, "L7OK")];
    let proxy = expect_codes(kind, "option redis-check\ntimeout check 1s", &expected);
    dying.process.stop();
    proxy.wait_check("s3", "L7TOUT");
    dying.process.cont();
    proxy.wait_check("s3", "L7OK");
    dying.process.kill9();
    proxy.wait_check("s3", "L4CON");
}
