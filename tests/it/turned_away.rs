//! Servers of Postgres whose first words are that they shut down, as those of a switchover by others say
//! before any check knows: their clients start over elsewhere, and read nothing of it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::harness::PATIENCE;
use crate::harness::backend::Backend;
use crate::harness::proxy::{Kind, Scene};

/// `SSLRequest`, which is what most clients begin with.
const SSL_REQUEST: &[u8] = b"\0\0\0\x08\x04\xd2\x16\x2f";

/// `user` is `a`.
const STARTUP: &[u8] = b"\0\0\0\x10\0\x03\0\0user\0a\0\0";

const WELCOME: &[u8] = b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I";

const SHUTS_DOWN: &[u8] = b"E\0\0\0\x39SFATAL\0C57P03\0Mthe database system is shutting down\0\0";

/// A server without TLS that lets everybody in until it shuts down.
fn server(shuts_down: &Arc<AtomicBool>) -> Backend {
    let shuts_down = Arc::clone(shuts_down);
    Backend::new(move |mut stream| {
        let shuts_down = Arc::clone(&shuts_down);
        async move {
            let mut packet = [0; 4096];
            let mut read = stream.read(&mut packet).await.unwrap_or(0);
            while &packet[..read] == SSL_REQUEST {
                let _ = stream.write_all(b"N").await;
                read = stream.read(&mut packet).await.unwrap_or(0);
            }
            if shuts_down.load(Ordering::SeqCst) {
                let _ = stream.write_all(SHUTS_DOWN).await;
                return;
            }
            let _ = stream.write_all(WELCOME).await;
            while stream.read(&mut packet).await.is_ok_and(|read| read > 0) {}
        }
    })
}

/// What a client reads first that may ask for TLS before.
fn first_words(asks: bool) -> Vec<u8> {
    let shuts_down = Arc::new(AtomicBool::new(false));
    let (a, b) = (server(&shuts_down), server(&Arc::default()));
    let proxy = Scene::new(Kind::Evenkeel)
        .backend("option pgsql-check user a\ntimeout check 2s\n")
        .backend("default-server inter 1h fall 1 rise 1\n")
        .backend(&format!("server a {} check\n", a.addr))
        .backend(&format!("server b {} check backup", b.addr))
        .start();
    // The other one is up without.
    proxy.wait_check("a", "L7OK");
    shuts_down.store(true, Ordering::SeqCst);
    let mut client = TcpStream::connect(proxy.addr).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    if asks {
        client.write_all(SSL_REQUEST).unwrap();
        let mut answer = [0];
        client.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"N");
    }
    client.write_all(STARTUP).unwrap();
    let mut words = vec![0; WELCOME.len()];
    client.read_exact(&mut words).unwrap();
    words
}

#[test]
fn who_does_not_ask_for_tls_is_served_elsewhere() {
    assert_eq!(first_words(false), WELCOME);
}

#[test]
fn who_asked_for_tls_in_vain_is_served_elsewhere() {
    assert_eq!(first_words(true), WELCOME);
}
