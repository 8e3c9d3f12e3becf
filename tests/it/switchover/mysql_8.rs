//! A planned switchover of a pair that talks as MySQL 8 does, where nobody writes to a replica.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::stage::{Scene, Stage};
use crate::harness::backend::Backend;
use crate::harness::dir::TempDir;
use crate::harness::mysql_wire::{greeting, ok_packet, skip_packet};

/// What a server is.
#[derive(Debug)]
struct Server {
    read_only: bool,
    super_read_only: bool,
    /// It does what it is told, and says that it failed.
    lies: bool,
    told: Vec<String>,
}

type Shared = Arc<Mutex<Server>>;

fn server(is_replica: bool, lies: bool) -> (Shared, Backend) {
    let (read_only, super_read_only) = (is_replica, is_replica);
    let server = Server { read_only, super_read_only, lies, told: Vec::new() };
    let shared = Arc::new(Mutex::new(server));
    let uuid = if is_replica { '2' } else { '1' };
    let script = {
        let shared = Arc::clone(&shared);
        move |stream| {
            let shared = Arc::clone(&shared);
            async move { drop(serve(stream, shared, uuid).await) }
        }
    };
    (shared, Backend::new(script))
}

async fn serve(mut stream: TcpStream, shared: Shared, uuid: char) -> std::io::Result<()> {
    stream.write_all(&greeting("8.0.36")).await?;
    skip_packet(&mut stream).await?;
    stream.write_all(&ok_packet()).await?;
    loop {
        let mut head = [0; 4];
        stream.read_exact(&mut head).await?;
        let mut command = vec![0; usize::from(head[0]) | usize::from(head[1]) << 8];
        stream.read_exact(&mut command).await?;
        let Some((3, text)) = command.split_first() else { return Ok(()) };
        let answer = answer(&shared, &String::from_utf8_lossy(text), uuid);
        stream.write_all(&answer).await?;
    }
}

fn answer(shared: &Shared, statement: &str, uuid: char) -> Vec<u8> {
    let mut server = shared.lock().unwrap();
    let flag = |is_on: bool| if is_on { "1" } else { "0" }.to_owned();
    let (read_only, super_read_only) = (flag(server.read_only), flag(server.super_read_only));
    if statement.contains("performance_schema.replication_connection_status AS c") {
        return packet(1, b"\xff\x76\x04#42000SELECT command denied");
    }
    // Whether it replicates, in words of MariaDB.
    if statement.starts_with("SELECT VARIABLE_VALUE FROM information_schema.global_status") {
        return packet(1, b"\xff\x55\x04#42S02Unknown table 'GLOBAL_STATUS'");
    }
    if statement.starts_with("SELECT @@global.read_only, ") {
        let own = format!("{uuid}1111111-1111-1111-1111-111111111111");
        let set = "11111111-1111-1111-1111-111111111111:1-77".to_owned();
        return rows(5, &[read_only, super_read_only, own, "ON".to_owned(), set]);
    }
    server.told.push(statement.to_owned());
    match statement {
        "SELECT @@global.read_only" => return rows(1, &[read_only]),
        "SELECT GET_LOCK('evenkeel.switchover', 0)" => return rows(1, &["1".to_owned()]),
        "SELECT VERSION()" => return rows(1, &["8.0.36".to_owned()]),
        who if who.starts_with("SELECT CONCAT(QUOTE") => {
            return rows(1, &["'operator'@'%'".into()]);
        }
        rights if rights.starts_with("SELECT COUNT(*) + (CURRENT_ROLE()") => {
            return rows(1, &["1".to_owned()]);
        }
        "SET GLOBAL read_only = @@global.read_only" => {}
        "SET GLOBAL read_only = 0" => (server.read_only, server.super_read_only) = (false, false),
        "SET GLOBAL read_only = 1" => server.read_only = true,
        "SET GLOBAL super_read_only = 1" => {
            (server.read_only, server.super_read_only) = (true, true);
        }
        shown if shown.starts_with("SHOW GLOBAL VARIABLES") => {
            assert!(shown.contains("'super_read_only' AND Value = 'ON'"), "{shown}");
            let row = ["super_read_only", "ON"].map(str::to_owned);
            return rows(2, if server.super_read_only { &row } else { &[] });
        }
        other => assert!(
            other.ends_with(" REPLICA") || other.starts_with("SET SESSION lock_wait_timeout"),
            "{other}"
        ),
    }
    if server.lies && statement == "SET GLOBAL read_only = 0" {
        return packet(1, b"\xff\x51\x04#HY000out of luck");
    }
    packet(1, &[0, 0, 0, 2, 0, 0, 0])
}

fn packet(number: u8, payload: &[u8]) -> Vec<u8> {
    let len = u8::try_from(payload.len()).unwrap();
    [&[len, 0, 0, number], payload].concat()
}

/// One row, or none.
fn rows(columns: u8, row: &[String]) -> Vec<u8> {
    let end = b"\xfe\0\0\x02\0";
    let mut answer = packet(1, &[columns]);
    let mut number = 2;
    let mut push = |payload: &[u8]| {
        answer.extend(packet(number, payload));
        number += 1;
    };
    for _ in 0..columns {
        push(b"\x03def\0\0\0\x01x\0\x0c\x2d\0\x14\0\0\0\xfd\0\0\0\0\0");
    }
    push(end);
    if !row.is_empty() {
        let texts = row.iter().map(|text| [&[text.len() as u8], text.as_bytes()].concat());
        push(&texts.collect::<Vec<_>>().concat());
    }
    push(end);
    answer
}

#[test]
fn super_read_only_changes_sides_and_is_there_again_when_that_is_undone() {
    for lies in [true, false] {
        let ((a, backend_a), (b, backend_b)) = (server(false, false), server(true, lies));
        let dir = TempDir::new();
        let password = dir.write("db.pass", "s3cret\n").display().to_string();
        let check =
            format!("type = \"mysql\", user = \"evenkeel\", password_file = \"{password}\"");
        let switchover = format!("user = \"operator\", password_file = \"{password}\"");
        let servers = [backend_a.addr, backend_b.addr];
        let scene = Scene { global: "", more: "", check: &check, switchover: &switchover, servers };
        let stage = Stage::start(dir, scene);
        let (done, said) = stage.ctl("switchover write --to b");
        assert_eq!(done, !lies, "{said}\n{}", stage.evenkeel.output());
        let is = |server: &Shared| {
            let server = server.lock().unwrap();
            (server.read_only, server.super_read_only)
        };
        let (replica, primary) = ((true, true), (false, false));
        if lies {
            assert!(
                said.contains("out of luck") && said.contains("a takes writes again"),
                "{said}"
            );
            assert_eq!((is(&a), is(&b)), (primary, replica), "as it was: {a:?} {b:?}");
            assert_eq!(b.lock().unwrap().told.last().unwrap(), "START REPLICA");
        } else {
            assert_eq!((is(&a), is(&b)), (replica, primary), "they changed: {a:?} {b:?}");
        }
        assert!(a.lock().unwrap().told.contains(&"SET GLOBAL super_read_only = 1".to_owned()));
    }
}
