//! Routes by role with a real MariaDB pair behind them, and with what a MySQL 8 server says.

mod rivals;

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rsa::{KeySize, OAEP_SHA1_MGF1SHA1, OaepPrivateDecryptingKey, PrivateDecryptingKey};
use base64::Engine as _;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::backend::Backend;
use crate::harness::dir::TempDir;
use crate::harness::mariadb::MariaDb;
use crate::harness::mysql_wire::Client;
use crate::harness::native::run;
use crate::harness::port::free_addr;
use crate::harness::process::Process;
use crate::harness::proxy::Kind;
use crate::harness::{PATIENCE, eventually};

/// Evenkeel with a listener for each role.
struct Proxy {
    write: SocketAddr,
    read: SocketAddr,
    process: Process,
    dir: TempDir,
}

impl Proxy {
    /// In front of `servers` as "db/a", "db/b", …; `password` is the account's.
    fn start(servers: &[SocketAddr], password: &str) -> Self {
        Self::of(servers, password, "")
    }

    /// The same with more keys of the check.
    fn of(servers: &[SocketAddr], password: &str, keys: &str) -> Self {
        let (dir, write, read) = (TempDir::new(), free_addr(), free_addr());
        let file = dir.write("my.pass", password);
        let servers: String = servers
            .iter()
            .zip('a'..)
            .map(|(addr, name)| format!("server.{name} = \"{addr}\"\n"))
            .collect();
        let text = format!(
            "[commands]\nsocket = {{ address = \"{}\", level = \"admin\" }}\n\n\
             [backend.db]\n\
             check = {{ type = \"mysql\", user = \"evenkeel\", password_file = \"{}\", \
             {keys}inter = \"100ms\", timeout = \"2s\", rise = 1, fall = 2 }}\n\
             switchover = {{ user = \"app\", timeout = \"10s\" }}\n{servers}\n\
             [frontend.write]\nbind = \"{write}\"\nbackend = \"db\"\nrole = \"primary\"\n\
             hold = \"30s\"\n\n\
             [frontend.read]\nbind = \"{read}\"\nbackend = \"db\"\nrole = \"replica\"\n\
             max_lag = \"2s\"\nfallback = \"primary\"\n",
            dir.join("sock").display(),
            file.display(),
        );
        let process = run(&dir, &text, write);
        Self { write, read, process, dir }
    }

    fn ctl(&self, command: &str) -> String {
        let socket = self.dir.join("sock").display().to_string();
        let args = ["ctl", "-s", &socket].into_iter().chain(command.split(' '));
        Kind::Evenkeel.run(&args.collect::<Vec<_>>()).1
    }
}

/// A pair of which `a` is the primary at first.
struct Pair {
    a: MariaDb,
    b: MariaDb,
    proxy: Proxy,
}

impl Pair {
    /// Its account proves its password `by` a plugin.
    fn start(by: &str) -> Self {
        Self::start_with(by, true)
    }

    /// The same with a replica that takes writes, or takes none.
    fn start_with(by: &str, is_read_only: bool) -> Self {
        let a = MariaDb::primary();
        a.query(&format!("CREATE USER evenkeel@'%' IDENTIFIED {by}"));
        let mut b = MariaDb::replica_of(&a);
        b.set_read_only(is_read_only);
        let proxy = Proxy::start(&[a.addr, b.addr], "s3cret\n");
        Self { a, b, proxy }
    }

    /// The server that serves `addr`.
    #[track_caller]
    fn server(&self, addr: SocketAddr) -> u32 {
        let answer = Client::connect(addr, "app", PATIENCE)
            .and_then(|mut client| client.query("SELECT @@server_id"));
        let answer = answer.unwrap_or_else(|e| panic!("{e}\n{}", self.proxy.process.output()));
        answer[0][0].parse().unwrap()
    }
}

/// Writes `n` as a client would who connects for each.
fn write(addr: SocketAddr, n: usize) -> std::io::Result<()> {
    let mut client = Client::connect(addr, "app", PATIENCE)?;
    client.query(&format!("INSERT INTO app.written VALUES ({n})")).map(drop)
}

fn written(server: &MariaDb) -> usize {
    server.query("SELECT count(*) FROM app.written")[0][0].parse().unwrap()
}

#[test]
fn writes_go_to_the_primary_and_reads_to_the_replica() {
    let mut pair = Pair::start("BY 's3cret'");
    for _ in 0..5 {
        assert_eq!(pair.server(pair.proxy.write), 1);
    }
    eventually("reads find the replica", || (pair.server(pair.proxy.read) == 2).then_some(()));
    pair.b.process.kill9();
    eventually("reads fall back", || (pair.server(pair.proxy.read) == 1).then_some(()));
    pair.b.start_again();
    eventually("reads return", || (pair.server(pair.proxy.read) == 2).then_some(()));
}

#[test]
fn a_promotion_costs_writers_a_pause_and_the_old_primary_gets_nothing() {
    let mut pair = Pair::start("BY 's3cret'");
    let addr = pair.proxy.write;
    write(addr, 0).unwrap();
    eventually("it is replicated", || (written(&pair.b) == 1).then_some(()));
    pair.a.process.kill9();
    let waiting = std::thread::spawn(move || write(addr, 1));
    eventually("the writer waits", || {
        pair.proxy.process.output().contains("Server db/a is DOWN").then_some(())
    });
    pair.b.promote();
    waiting.join().unwrap().unwrap();
    // It comes back as the primary it was, and is not told of what happened meanwhile.
    pair.a.start_again();
    for n in 2..20 {
        write(addr, n).unwrap();
    }
    assert_eq!(written(&pair.b), 20);
    let foreign = pair.a.query("SELECT count(*) FROM app.written WHERE n > 0");
    assert_eq!(foreign[0][0], "0");
}

#[test]
fn roles_that_change_places_cut_who_writes_and_keep_who_reads() {
    let mut pair = Pair::start("BY 's3cret'");
    let addr = pair.proxy.write;
    eventually("reads find the replica", || (pair.server(pair.proxy.read) == 2).then_some(()));
    let mut writer = Client::connect(addr, "app", PATIENCE).unwrap();
    let mut reader = Client::connect(pair.proxy.read, "app", PATIENCE).unwrap();
    writer.query("INSERT INTO app.written VALUES (1)").unwrap();
    reader.query("SELECT 1").unwrap();
    eventually("it is replicated", || (written(&pair.b) == 1).then_some(()));
    let asking = Command::new("mariadb")
        .args(["-h127.0.0.1", "-uapp", "-e", "SELECT SLEEP(600)"])
        .arg(format!("-P{}", addr.port()))
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    eventually("it waits for its answer", || {
        let asked = "SELECT 1 FROM information_schema.processlist WHERE info = 'SELECT SLEEP(600)'";
        (!pair.a.query(asked).is_empty()).then_some(())
    });
    pair.a.set_read_only(true);
    let why = eventually("the writer is cut", || writer.query("SELECT 1").err()).to_string();
    assert!(why.starts_with("\x1d\x04#08S01Connection ended: the server lost its role"), "{why}");
    let said = asking.wait_with_output().unwrap().stderr;
    let said = String::from_utf8_lossy(&said);
    assert!(said.contains("ERROR 1053 (08S01)"), "{said}");
    pair.b.promote();
    for n in 2..10 {
        write(addr, n).unwrap();
    }
    reader.query("SELECT 1").unwrap();
    assert_eq!((written(&pair.a), written(&pair.b)), (1, 9));
}

/// Nobody told the replica to refuse writes: that its primary dies makes it none, until it follows
/// nobody any more.
#[test]
fn a_replica_that_takes_writes_is_no_primary_while_it_follows_one() {
    let mut pair = Pair::start_with("BY 's3cret'", false);
    let addr = pair.proxy.write;
    eventually("reads find the replica", || (pair.server(pair.proxy.read) == 2).then_some(()));
    for n in 0..5 {
        write(addr, n).unwrap();
    }
    eventually("it is replicated", || (written(&pair.b) == 5).then_some(()));
    pair.a.process.kill9();
    eventually("it is missed", || {
        pair.proxy.process.output().contains("Server db/a is DOWN").then_some(())
    });
    let waiting = std::thread::spawn(move || write(addr, 5));
    eventually("reads go on", || (pair.server(pair.proxy.read) == 2).then_some(()));
    assert_eq!(written(&pair.b), 5);
    pair.b.promote();
    waiting.join().unwrap().unwrap();
    assert_eq!(written(&pair.b), 6);
}

/// `SET GLOBAL read_only = 0` after the primary died is a promotion, though the replica would follow on.
#[test]
fn a_replica_told_to_take_writes_behind_a_dead_primary_takes_them() {
    let mut pair = Pair::start("BY 's3cret'");
    let addr = pair.proxy.write;
    eventually("reads find the replica", || (pair.server(pair.proxy.read) == 2).then_some(()));
    write(addr, 0).unwrap();
    eventually("it is replicated", || (written(&pair.b) == 1).then_some(()));
    pair.a.process.kill9();
    eventually("it is missed", || {
        pair.proxy.process.output().contains("Server db/a is DOWN").then_some(())
    });
    pair.b.set_read_only(false);
    write(addr, 1).unwrap();
    assert_eq!(written(&pair.b), 2);
}

/// A cluster of one node: what it says is what a node of three says.
#[test]
fn a_node_of_galera_takes_writes_until_it_is_told_not_to() {
    let mut a = MariaDb::primary();
    a.query("CREATE USER evenkeel@'%' IDENTIFIED BY 's3cret'");
    a.form_cluster();
    let proxy = Proxy::of(&[a.addr], "s3cret", "cluster = \"galera\", ");
    write(proxy.write, 1).unwrap();
    a.query("SET GLOBAL read_only = ON");
    eventually("it is no primary", || {
        proxy.process.output().contains("Backend db has no primary").then_some(())
    });
    let addr = proxy.write;
    let waiting = std::thread::spawn(move || write(addr, 2));
    a.query("SET GLOBAL read_only = OFF");
    waiting.join().unwrap().unwrap();
    a.process.kill9();
    eventually("it is down", || {
        proxy.process.output().contains("Server db/a is DOWN").then_some(())
    });
}

/// The account logs in by `client_ed25519`, which the server asks it to switch to, and leaves no
/// complaint in the server's log however often it comes and goes.
#[test]
fn sessions_are_ended_in_order() {
    let mut a = MariaDb::primary();
    a.query("INSTALL SONAME 'auth_ed25519'");
    a.query("CREATE USER evenkeel@'%' IDENTIFIED VIA ed25519 USING PASSWORD('s3cret')");
    for _ in 0..3 {
        let mut proxy = Proxy::start(&[a.addr], "s3cret");
        write(proxy.write, 1).unwrap();
        assert_eq!(
            a.query("SHOW PROCESSLIST").iter().filter(|row| row[1] == "evenkeel").count(),
            1
        );
        proxy.process.signal(rustix::process::Signal::TERM);
        proxy.process.wait();
        eventually("it has gone", || {
            let list = a.query("SHOW PROCESSLIST");
            (!list.iter().any(|row| row[1] == "evenkeel")).then_some(())
        });
    }
    // A server that hangs is left without a word of its own; it must not remember that.
    let proxy = Proxy::start(&[a.addr], "s3cret");
    write(proxy.write, 2).unwrap();
    a.process.stop();
    eventually("it is given up", || {
        proxy.process.output().contains("Server db/a is DOWN").then_some(())
    });
    a.process.cont();
    write(proxy.write, 3).unwrap();
    a.stop_clean();
    let output = a.process.output();
    let complaint = |line: &&str| line.contains("'evenkeel'") || line.contains("unauthenticated");
    assert_eq!(output.lines().find(complaint), None);
}

#[test]
fn a_refusal_is_said_in_the_servers_words() {
    let a = MariaDb::primary();
    a.query("CREATE USER evenkeel@'%' IDENTIFIED BY 's3cret'");
    let proxy = Proxy::start(&[a.addr], "wrong");
    eventually("it is refused", || {
        proxy.process.output().contains("1045 (28000): Access denied for user").then_some(())
    });
}

const NONCE: &[u8; 20] = b"abcdefghijklmnopqrst";

/// What a scripted MySQL 8 has seen.
#[derive(Default)]
struct Seen {
    full: AtomicU64,
    fast: AtomicU64,
    polls: AtomicU64,
    quits: AtomicU64,
}

fn sha256(parts: &[&[u8]]) -> Vec<u8> {
    Sha256::digest(parts.concat()).to_vec()
}

/// SHA256(password) ^ SHA256(SHA256(SHA256(password)) nonce)
fn expected_proof() -> Vec<u8> {
    let once = sha256(&[b"s3cret"]);
    let mask = sha256(&[&sha256(&[&once]), NONCE]);
    once.iter().zip(mask).map(|(a, b)| a ^ b).collect()
}

async fn packet_of(stream: &mut TcpStream) -> Option<(u8, Vec<u8>)> {
    let mut head = [0; 4];
    stream.read_exact(&mut head).await.ok()?;
    let mut payload = vec![0; usize::from(head[0]) | usize::from(head[1]) << 8];
    stream.read_exact(&mut payload).await.ok()?;
    Some((head[3], payload))
}

async fn send(stream: &mut TcpStream, number: u8, payload: &[u8]) -> Option<()> {
    let len = u32::try_from(payload.len()).unwrap().to_le_bytes();
    let packet = [&[len[0], len[1], len[2], number], payload].concat();
    stream.write_all(&packet).await.ok()
}

/// A session of an account by `caching_sha2_password`: in full until the password is known, fast
/// from then on; `keep` questions are answered before the server is gone.
async fn mysql_8(mut stream: TcpStream, seen: Arc<Seen>, keep: u64) -> Option<()> {
    let stream = &mut stream;
    let mut greeting = b"\x0a9.1.0\0\x07\0\0\0".to_vec();
    greeting.extend(&NONCE[..8]);
    greeting.extend(b"\0\xff\xf7\xff\x02\0\xff\xdf\x15\0\0\0\0\0\0\0\0\0\0");
    greeting.extend(&NONCE[8..]);
    greeting.extend(b"\0caching_sha2_password\0");
    send(stream, 0, &greeting).await?;
    let (_, login) = packet_of(stream).await?;
    let login = login[32..].strip_prefix(b"evenkeel\0\x20")?;
    assert_eq!(login[..32], expected_proof());
    assert!(login[32..].starts_with(b"caching_sha2_password\0"));
    let number = if seen.full.load(Ordering::SeqCst) == 0 {
        send(stream, 2, &[1, 4]).await?;
        let private = PrivateDecryptingKey::generate(KeySize::Rsa2048).unwrap();
        let der = AsDer::<PublicKeyX509Der<'_>>::as_der(&private.public_key()).unwrap();
        let text = base64::prelude::BASE64_STANDARD.encode(der.as_ref());
        let pem = format!("\x01-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n");
        assert_eq!(packet_of(stream).await?, (3, vec![2]));
        send(stream, 4, pem.as_bytes()).await?;
        let (number, hidden) = packet_of(stream).await?;
        let key = OaepPrivateDecryptingKey::new(private).unwrap();
        let mut plain = vec![0; key.min_output_size()];
        let plain = key.decrypt(&OAEP_SHA1_MGF1SHA1, &hidden, &mut plain, None).unwrap();
        let password: Vec<u8> = plain.iter().zip(NONCE).map(|(a, b)| a ^ b).collect();
        assert_eq!(password, b"s3cret\0");
        seen.full.fetch_add(1, Ordering::SeqCst);
        number + 1
    } else {
        send(stream, 2, &[1, 3]).await?;
        seen.fast.fetch_add(1, Ordering::SeqCst);
        3
    };
    send(stream, number, &[0, 0, 0, 2, 0, 0, 0]).await?;
    for _ in 0..keep {
        let (_, command) = packet_of(stream).await?;
        if command == [1] {
            seen.quits.fetch_add(1, Ordering::SeqCst);
            return None;
        }
        assert!(command.starts_with(b"\x03SELECT @@global.read_only"));
        let uuid = b"3e11fa47-71ca-11e1-9e33-c80aa9429562";
        let set = b"3e11fa47-71ca-11e1-9e33-c80aa9429562:1-77";
        let mut row = b"\x010\x010".to_vec();
        for text in [&uuid[..], b"ON", set, b"0"] {
            row.push(u8::try_from(text.len()).unwrap());
            row.extend(text);
        }
        send(stream, 1, &[6]).await?;
        for number in 2..8 {
            send(stream, number, b"\x03def\0\0\0\x01x\0\x0c\x2d\0\x14\0\0\0\xfd\0\0\0\0\0").await?;
        }
        send(stream, 8, b"\xfe\0\0\x02\0").await?;
        send(stream, 9, &row).await?;
        send(stream, 10, b"\xfe\0\0\x02\0").await?;
        seen.polls.fetch_add(1, Ordering::SeqCst);
    }
    send(stream, 0, b"\xff\x1d\x04#08S01Server shutdown in progress").await
}

#[test]
fn mysql_8_is_logged_in_to_in_full_and_then_fast() {
    let seen = Arc::new(Seen::default());
    let server = {
        let seen = Arc::clone(&seen);
        Backend::new(move |stream| {
            let seen = Arc::clone(&seen);
            async move {
                let _ = mysql_8(stream, seen, 5).await;
            }
        })
    };
    let mut proxy = Proxy::start(&[server.addr], "s3cret\n");
    let count = |count: &AtomicU64| count.load(Ordering::SeqCst);
    eventually("it is asked in two sessions", || {
        (count(&seen.fast) >= 2 && count(&seen.polls) >= 11).then_some(())
    });
    assert_eq!(count(&seen.full), 1, "once");
    assert!(!proxy.process.output().contains("L7RSP"), "{}", proxy.process.output());
    proxy.process.signal(rustix::process::Signal::TERM);
    proxy.process.wait();
    eventually("it says goodbye", || (count(&seen.quits) == 1).then_some(()));
}
