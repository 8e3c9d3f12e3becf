//! `option mysql-check` in each dialect, against a real MariaDB and what MySQL 8 says.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::checks::expect_codes;
use crate::harness::backend::Backend;
use crate::harness::both;
use crate::harness::mariadb::MariaDb;
use crate::harness::mysql_wire::{greeting, ok_packet, skip_packet};
use crate::harness::proxy::{Kind, Scene};

both! {
    a_real_mariadb_in_each_dialect,
    mysql_8_in_each_dialect,
}

/// What it knows; `post-80` came after 2.6.
fn dialects(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Haproxy => &["", "pre-41", "post-41"],
        Kind::Evenkeel => &["", "pre-41", "post-41", "post-80"],
    }
}

/// Backends `b0`, `b1`, …, one for each account, dialect and what is found.
fn judged(kind: Kind, addr: std::net::SocketAddr, rows: &[(&str, &str, String)]) {
    let mut scene = Scene::new(kind);
    for (number, (user, dialect, _)) in rows.iter().enumerate() {
        scene = scene.backend(&format!(
            "backend b{number}\noption log-health-checks\noption mysql-check user {user} {dialect}\n\
             timeout check 10s\nserver s1 {addr} check inter 500ms fall 1\n"
        ));
    }
    let proxy = scene.start();
    for (number, (user, dialect, found)) in rows.iter().enumerate() {
        let line = proxy.log.expect(&[&format!("server b{number}/s1 "), "reason: "]);
        assert!(line.contains(found.as_str()), "{user} {dialect}: {line}, not {found}");
    }
}

fn a_real_mariadb_in_each_dialect(kind: Kind) {
    let server = MariaDb::primary();
    server.query("CREATE USER locked@'%' IDENTIFIED BY 'secret'");
    let version = server.query("SELECT version()")[0][0].clone();
    let passed =
        format!("succeeded, reason: Layer7 check passed, code: 0, info: \"5.5.5-{version}");
    let refused = "failed, reason: Layer7 wrong status, code: ".to_owned();
    let mut rows = Vec::new();
    for &dialect in dialects(kind) {
        rows.push(("haproxy_check", dialect, passed.clone()));
        rows.push(("locked", dialect, format!("{refused}1045")));
        rows.push(("nobody", dialect, refused.clone()));
    }
    judged(kind, server.addr, &rows);
}

/// MySQL 8 asks accounts that have another plugin to use that one.
fn mysql_8_in_each_dialect(kind: Kind) {
    let switch = b"\x2c\0\0\x02\xfecaching_sha2_password\0abcdefghijklmnopqrst\0";
    let asks = Backend::new(move |mut stream| async move {
        let _ = stream.write_all(&greeting("8.0.36")).await;
        let _ = skip_packet(&mut stream).await;
        let _ = stream.write_all(switch).await;
        while stream.read(&mut [0; 64]).await.is_ok_and(|len| len > 0) {}
    });
    let takes = Backend::new(|mut stream| async move {
        let _ = stream.write_all(&greeting("8.4.0")).await;
        let _ = skip_packet(&mut stream).await;
        let _ = stream.write_all(&ok_packet()).await;
        while stream.read(&mut [0; 64]).await.is_ok_and(|len| len > 0) {}
    });
    // 1251: the server does not take what the client speaks.
    let refuses = Backend::new(|mut stream| async move {
        let _ = stream.write_all(&greeting("8.4.0")).await;
        let _ = skip_packet(&mut stream).await;
        let _ = stream.write_all(b"\x12\0\0\x02\xff\xe3\x04#08004Client old").await;
        while stream.read(&mut [0; 64]).await.is_ok_and(|len| len > 0) {}
    });
    for &dialect in dialects(kind) {
        let check = format!("option mysql-check user u {dialect}\ntimeout check 10s");
        let servers = [(asks.addr, "L7OK"), (takes.addr, "L7OK"), (refuses.addr, "L7STS")];
        let proxy = expect_codes(kind, &check, &servers);
        proxy.log.expect(&["Server be/s3 is DOWN, reason: Layer7 wrong status, code: 1251"]);
    }
}
