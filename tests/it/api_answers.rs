//! The runtime API's answers, byte for byte as HAProxy's, ends of lines included: scripts compare them.

use std::net::SocketAddr;
use std::os::unix::net::UnixStream;

use crate::harness::api::Api;
use crate::harness::dir::TempDir;
use crate::harness::port::{free_addr, is_listening};
use crate::harness::process::{Process, Spec};
use crate::harness::proxy::Kind;
use crate::harness::{both, eventually};

both! {
    numbers_are_given_in_order,
    cleared_counters_are_forgotten,
}

/// A process of `text`, in which `LISTEN` stands for a free address.
fn start(kind: Kind, api: &Api, dir: &TempDir, text: &str) -> (Process, SocketAddr) {
    let addr = free_addr();
    let text = text.replace("LISTEN", &addr.to_string());
    let text = format!("global\n nbthread 1\n stats timeout 30s\n{}{text}", api.lines());
    let file = dir.write("haproxy.cfg", &text).display().to_string();
    let process = Process::start(Spec {
        name: "answers",
        program: &kind.program(),
        args: vec!["-db".to_owned(), "-f".to_owned(), file],
        user: None,
        env: Vec::new(),
        log: dir.join("output"),
    });
    eventually("it listens", || is_listening(addr.port()).then_some(()));
    (process, addr)
}

const TEXT: &str = "
defaults
 mode tcp
 timeout connect 5s
 timeout client 30s
 timeout server 30s
frontend fe
 bind LISTEN
 default_backend be
backend st
 stick-table type ip size 100 expire 60s store conn_cnt,gpc0
backend be
 server s1 127.0.0.1:1 id 33 check agent-check agent-port 1 inter 60s agent-inter 60s
 server s2 127.0.0.1:2 weight 5 maxconn 7
 server s3 127.0.0.1:3 disabled
 server s4 127.0.0.1:4
";

/// Commands in an order in which each does what it says.
const COMMANDS: &str = "
show backend
show servers state nosuch
show servers conn nosuch
show table nosuch
show table st data.gpc0 gt 1
show events nosuch
show resolvers nosuch
show map nosuch
show acl nosuch
show cli level
show env NO_SUCH_VARIABLE
show errors nosuch
get weight be/s2
get weight be/nosuch
get weight nosuch/s1
get weight
set weight be/s2 50%
set weight be/s2 500
set weight be/s2 -1%
set weight be/s2 x
set server be/s2
set server be/s2 addr 127.0.0.1
set server be/s2 addr 127.0.0.1 port 9
set server be/s2 addr x
set server be/s2 state bogus
set server be/s1 health bogus
set server be/s2 agent up
set server be/s1 agent bogus
set server be/s2 agent-addr 127.0.0.1
set server be/s2 agent-port 5
set server be/s1 agent-port x
set server be/s1 agent-addr x:y
set server be/s1 agent-send
set server be/s2 check-port 99
set server be/s1 check-port x
set server be/s1 check-port 70000
set server be/s1 check-port
set server be/s1 check-addr x
set server be/s2 check-addr 127.0.0.1
set server be/s1 weight 500
set server be/s1 weight x
set server be/s1 bogus
set server nosuch/s1 state ready
set server be/nosuch state ready
set server be state ready
enable health be/s2
enable agent be/s2
disable server be
disable server be/x
set maxconn global
set maxconn frontend fe 50
set maxconn frontend fe
set maxconn frontend x 1
set maxconn server be/s2 20
set maxconn server be/s2 x
set maxconn server be/s2
set rate-limit sessions global
set rate-limit bogus
enable frontend nosuch
enable frontend
shutdown session
shutdown sessions server be
shutdown frontend
add server be
add server nosuch/s5 127.0.0.1:5
add server be/s5
add server be/s5 127.0.0.1:5
add server be/s5 127.0.0.1:5
del server be
del server nosuch/s1
del server be/nosuch
del server be/s2
del server be/s5
del server be/s5
clear counters
clear counters all
clear table nosuch
clear table
set table st key 10.0.0.9 data.bogus 5
set table st
set table
clear map nosuch
add map nosuch a b
set map nosuch a b
del map nosuch a
add acl nosuch a
get map nosuch 1
get acl nosuch x
prepare map nosuch
commit acl @1 nosuch
set timeout cli 10
set severity-output bogus
set var proc.x str(1)
get var proc.nosuch
operator
user
set weight be/s2 1;get weight be/s2;del server be/s3
";

/// A file with an object of each kind, some of which are followed, spared or not checked.
const WHOLE: &str = "
defaults
 mode tcp
 timeout connect 5s
 timeout client 30s
 timeout server 30s
frontend fe
 bind LISTEN
 maxconn 100
 tcp-request connection track-sc0 src table st
 default_backend be
frontend fe2
 bind OTHER
 default_backend be2
backend st
 stick-table type ip size 100 expire 60s store conn_cnt,gpc0,gpc1,gpt0,conn_rate(10s),server_id
backend stri
 stick-table type integer size 100 store gpc0
backend strs
 stick-table type string len 8 size 100 store gpc0,http_req_rate(5s)
backend str6
 stick-table type ipv6 size 100 store gpc0
backend strb
 stick-table type binary len 4 size 100 store gpc0
backend be
 balance roundrobin
 server s1 127.0.0.1:1 id 33 check inter 60s agent-check agent-port 1 agent-inter 60s
 server s2 127.0.0.1:2 weight 5 maxconn 7
 server s3 127.0.0.1:3 disabled
 server s4 127.0.0.1:4 track be/s1
 server s5 127.0.0.1:5 backup
backend be2
 balance source
 server t1 127.0.0.1:6 weight 10
 server t2 127.0.0.1:7
backend empty
";

/// Both say the same to `commands` in a process of `text`.
fn expect_same(text: &str, commands: &str) {
    let (ours, theirs) = (Api::new(), Api::new());
    let dirs = (TempDir::new(), TempDir::new());
    let _running =
        (start(Kind::Evenkeel, &ours, &dirs.0, text), start(Kind::Haproxy, &theirs, &dirs.1, text));
    let mut differing = Vec::new();
    for command in commands.trim().lines() {
        let (our, their) = (ours.ask(command), theirs.ask(command));
        if our != their {
            differing.push(format!("{command}: {our:?}, haproxy: {their:?}"));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

#[test]
fn answers_are_haproxys_byte_for_byte() {
    expect_same(TEXT, COMMANDS);
}

#[test]
fn right_and_wrong_arguments_are_answered_as_by_haproxy() {
    let text = WHOLE.replace("OTHER", &free_addr().to_string());
    expect_same(&text, include_str!("api_answers/named.txt"));
}

/// The fields of the lines of `answer`, those of `columns`.
fn columns(answer: &str, separator: char, columns: &[usize]) -> Vec<String> {
    let lines = answer.lines().filter(|line| line.contains(separator) && !line.starts_with('#'));
    let fields = lines.map(|line| {
        let fields: Vec<_> = line.split(separator).collect();
        columns.iter().map(|&column| fields[column]).collect::<Vec<_>>().join(" ")
    });
    fields.collect()
}

/// Numbers of proxies, servers and listeners beside numbers that were written, and what a state file
/// says of them.
fn numbers_are_given_in_order(kind: Kind) {
    let (api, dir) = (Api::new(), TempDir::new());
    let text = "
defaults
 mode tcp
 timeout connect 5s
 timeout client 30s
 timeout server 30s
frontend f1
 id 50
 bind LISTEN
 bind unix@DIR/a.sock id 9
 bind unix@DIR/b.sock
 option socket-stats
backend b1
 server s1 127.0.0.1:1 id 3
 server s2 127.0.0.1:1
 server s3 127.0.0.1:1
 server s4 127.0.0.1:1 disabled
backend b2
 id 3
 server s1 127.0.0.1:1
 server s2 127.0.0.1:1 id 1
backend b3
";
    let text = text.replace("DIR", &dir.path().display().to_string());
    let _running = start(kind, &api, &dir, &text);
    let mut rows = columns(&api.ask("show stat"), ',', &[0, 1, 27, 28]);
    rows.sort();
    assert_eq!(
        rows,
        [
            "b1 BACKEND 4 0",
            "b1 s1 4 3",
            "b1 s2 4 2",
            "b1 s3 4 4",
            "b1 s4 4 5",
            "b2 BACKEND 3 0",
            "b2 s1 3 2",
            "b2 s2 3 1",
            "b3 BACKEND 6 0",
            "f1 FRONTEND 50 0",
            "f1 sock-1 50 1",
            "f1 sock-3 50 3",
            "f1 sock-9 50 9",
        ]
    );
    api.ask("disable server b1/s2");
    // Name, check status to state, and whether the number was written.
    let states = columns(&api.ask("show servers state b1"), ' ', &[3, 10, 11, 12, 13, 16]);
    assert_eq!(states, ["s1 1 0 2 0 1", "s2 1 0 0 0 0", "s3 1 0 2 0 0", "s4 1 0 0 8 0"]);
}

/// `clear counters` forgets maxima, with `all` everything, the time of the last session included.
fn cleared_counters_are_forgotten(kind: Kind) {
    let (api, dir) = (Api::new(), TempDir::new());
    let server = crate::harness::backend::Backend::greet("s1");
    let text = TEXT.replace("127.0.0.1:2 weight", &format!("{} weight", server.addr));
    let text = text.replace("default_backend be", "use_backend be");
    let (_running, addr) = start(kind, &api, &dir, &text);
    assert_eq!(crate::harness::client::served_by(addr).unwrap(), "s1");
    let told = || columns(&api.ask("show stat"), ',', &[1, 7, 55, 78]);
    let counted = |told: &[String]| {
        told.contains(&"FRONTEND 1  1".to_owned()) && told.contains(&"s2 1 0 ".to_owned())
    };
    eventually("it is counted", || counted(&told()).then_some(()));
    // The rate's second has to be over for its largest value to stay forgotten.
    eventually("the most is forgotten", || {
        api.ask("clear counters");
        told().contains(&"FRONTEND 1  0".to_owned()).then_some(())
    });
    api.ask("clear counters all");
    let told = told();
    assert!(told.contains(&"FRONTEND 0  0".to_owned()), "{told:?}");
    assert!(told.contains(&"s2 0 -1 ".to_owned()), "{told:?}");
}

/// HAProxy's bound is one for all sockets.
#[test]
fn a_crowded_socket_locks_nobody_out_of_another() {
    let (api, dir) = (Api::new(), TempDir::new());
    let _running = start(Kind::Evenkeel, &api, &dir, TEXT);
    let _crowd: Vec<UnixStream> = (0..20).map(|_| api.connect("user")).collect();
    assert_eq!(api.ask("show backend"), "# name\nst\nbe\n\n");
}
