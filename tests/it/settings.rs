//! What lines of the file do that is seen from outside only, each as both programs have it.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::harness::api::Api;
use crate::harness::backend::Backend;
use crate::harness::client::{Client, End, served_by};
use crate::harness::dir::TempDir;
use crate::harness::port::{free_addr, free_port};
use crate::harness::process::is_root;
use crate::harness::proxy::{Kind, Scene};
use crate::harness::{both, eventually};

both! {
    families_of_addresses_that_a_socket_takes,
    a_backend_that_is_disabled_is_known_and_has_no_server,
    the_environment_is_as_the_file_leaves_it,
    the_process_names_itself,
    sockets_of_all_binds_belong_to_whom_the_file_says,
    rules_see_as_much_as_the_buffer_holds,
    checks_are_spread,
    warnings_are_told_unless_the_file_is_quiet,
    a_server_without_linger_is_reset_once_the_client_has_ended,
    steps_of_a_check_send_a_header_where_they_say_so,
}

fn families_of_addresses_that_a_socket_takes(kind: Kind) {
    let server = Backend::greet("s1");
    for (bind, clients) in [
        ("[::]:{port}", ["::ffff:127.0.0.1 mapped", "::1 -"]),
        (":::{port} v4v6", ["::ffff:127.0.0.1 mapped", "::1 -"]),
        ("ipv6@:{port}", ["::ffff:127.0.0.1 mapped", "::1 -"]),
        ("[::]:{port} v6only", ["", "::1 -"]),
        ("*:{port}", ["127.0.0.1 mapped", ""]),
        ("*:{port}\nbind [::]:{port}", ["127.0.0.1 mapped", "::1 -"]),
    ] {
        let port = free_port();
        let proxy = Scene::new(kind)
            .frontend(&format!("bind {}", bind.replace("{port}", &port.to_string())))
            .frontend(
                "\ntcp-request connection set-var(sess.m) str(mapped) if { src 127.0.0.0/8 }\n\
                 log-format \"from %[src] %[var(sess.m)]\"",
            )
            .backend(&format!("server s1 {}", server.addr))
            .start();
        let places =
            [SocketAddr::from((Ipv4Addr::LOCALHOST, port)), (Ipv6Addr::LOCALHOST, port).into()];
        for (place, client) in places.into_iter().zip(clients) {
            let served = served_by(place);
            assert_eq!(served.is_ok(), !client.is_empty(), "{bind} at {place}");
            if !client.is_empty() {
                proxy.log.expect(&[&format!("from {client}")]);
            }
        }
    }
}

fn a_backend_that_is_disabled_is_known_and_has_no_server(kind: Kind) {
    let server = Backend::greet("s1");
    for route in ["use_backend off if TRUE", "default_backend off"] {
        let addr = server.addr;
        let proxy = Scene::new(kind)
            .whole(&format!(
                "global\n log {{log}} local0\ndefaults\n mode tcp\n log global\n option tcplog\n \
                 timeout connect 1s\n timeout client 1s\n timeout server 1s\nfrontend fe\n \
                 bind {{front}}\n {route}\nbackend off\n disabled\n server s1 {addr} check\n\
                 backend be\n server s1 {addr}\n"
            ))
            .start();
        assert_eq!(Client::connect(proxy.addr).drain(), (Vec::new(), End::Fin));
        proxy.log.expect(&["fe off/<NOSRV> -1/-1/", " SC "]);
    }
    assert_eq!(server.accepted(), 0);
}

fn the_environment_is_as_the_file_leaves_it(kind: Kind) {
    let shown = |lines: &str| {
        let api = Api::new();
        let _proxy = Scene::new(kind).global(&api.lines()).global(lines).start();
        let text = api.ask("show env");
        let mut known: Vec<String> =
            text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect();
        known.retain(|line| line.starts_with("ROWS_") || line.starts_with("HAPROXY_CFGFILES="));
        known.sort();
        (known, text.contains("PATH="))
    };
    let (known, has_path) = shown(
        "setenv ROWS_A a\nsetenv ROWS_B \"$ROWS_A-b\"\npresetenv ROWS_A late\npresetenv ROWS_C c\n\
         setenv ROWS_D d\nunsetenv ROWS_D",
    );
    assert!(known[0].starts_with("HAPROXY_CFGFILES=/") && has_path, "{known:?}");
    assert_eq!(known[1..], ["ROWS_A=a", "ROWS_B=a-b", "ROWS_C=c"]);
    let (known, has_path) = shown("setenv ROWS_A a\nsetenv ROWS_B b\nresetenv ROWS_A");
    assert!(known[0].starts_with("HAPROXY_CFGFILES=/") && !has_path, "{known:?}");
    assert_eq!(known[1..], ["ROWS_A=a"]);
}

fn the_process_names_itself(kind: Kind) {
    let api = Api::new();
    let lines =
        "node left\ndescription The one on the left\nnbthread 2\nmaxconnrate 900\nmaxsessrate 800";
    let _proxy = Scene::new(kind).global(&api.lines()).global(lines).start();
    let info = api.ask("show info");
    for line in [
        "node: left",
        "description: The one on the left",
        "Nbthread: 2",
        "ConnRateLimit: 900",
        "SessRateLimit: 800",
    ] {
        assert!(info.lines().any(|known| known == line), "{line} in {info}");
    }
}

fn sockets_of_all_binds_belong_to_whom_the_file_says(kind: Kind) {
    if !is_root() {
        return;
    }
    let dir = TempDir::new();
    let place = dir.join("");
    let _proxy = Scene::new(kind)
        .global(&format!("unix-bind prefix {} mode 640 uid 1 gid 2", place.display()))
        .frontend("bind /usual\nbind /own mode 606 uid 3\n")
        .start();
    for (name, mode, owner) in [("usual", 0o640, (1, 2)), ("own", 0o606, (3, 2))] {
        let found = eventually("the socket", || std::fs::metadata(place.join(name)).ok());
        assert_eq!(found.permissions().mode() & 0o777, mode, "{name}");
        assert_eq!((found.uid(), found.gid()), owner, "{name}");
    }
}

fn rules_see_as_much_as_the_buffer_holds(kind: Kind) {
    let server = Backend::silent();
    for (size, seen) in [("", 15_360), ("tune.bufsize 4096", 3_072), ("tune.bufsize 32768", 31_744)]
    {
        let proxy = Scene::new(kind)
            .global(size)
            .frontend(&format!(
                "tcp-request inspect-delay 30s\n\
                 tcp-request content reject if {{ req.len gt {seen} }}\n\
                 tcp-request content accept if {{ req.len ge {seen} }}\n"
            ))
            .backend(&format!("server s1 {}", server.addr))
            .start();
        let before = server.accepted();
        let mut client = Client::connect(proxy.addr);
        client.send(vec![b'x'; 60_000]);
        eventually("a server is chosen", || (server.accepted() > before).then_some(()));
    }
}

fn checks_are_spread(kind: Kind) {
    let begun = Arc::new(Mutex::new(Vec::new()));
    let begins = Arc::clone(&begun);
    let server = Backend::new(move |mut stream| {
        begins.lock().unwrap().push(Instant::now());
        async move {
            let _ = stream.write_all(b"ready").await;
            let _ = stream.read(&mut [0; 8]).await;
        }
    });
    let words = format!(
        "option tcp-check\ntcp-check expect string ready\nserver s1 {} check inter 200ms",
        server.addr
    );
    let _proxy = Scene::new(kind).global("spread-checks 50").backend(&words).start();
    // Without it none would come before its time.
    eventually("a check that comes early", || {
        let begun = begun.lock().unwrap();
        let mut pauses = begun.windows(2).map(|pair| pair[1] - pair[0]);
        pauses.any(|pause| pause < Duration::from_millis(180)).then_some(())
    });
}

fn warnings_are_told_unless_the_file_is_quiet(kind: Kind) {
    let dir = TempDir::new();
    for (lines, status, told) in [("", 0, true), ("quiet", 0, false), ("zero-warning", 1, true)] {
        let text = format!(
            "global\n {lines}\ndefaults\n mode tcp\n timeout connect 1s\n timeout client 1s\n \
             timeout server 1s\nfrontend fe\n bind {}\n http-request deny\n default_backend be\n\
             backend be\n server s1 127.0.0.1:1\n",
            free_addr()
        );
        let file = dir.write("haproxy.cfg", &text).display().to_string();
        let (ended, said) = kind.run(&["-c", "-f", &file]);
        assert_eq!(ended.code(), Some(status), "{lines}: {said}");
        assert_eq!(said.contains("[WARNING]"), told, "{lines}: {said}");
        assert_eq!(said.is_empty(), !told, "{lines}: {said}");
    }
}

/// How the connection of a silent server ended whose client closed its half.
fn end_of_server(kind: Kind, options: &str) -> End {
    let ends = Arc::new(Mutex::new(None));
    let heard = Arc::clone(&ends);
    let server = Backend::new(move |mut stream| {
        let heard = Arc::clone(&heard);
        async move {
            let read = stream.read(&mut [0; 8]).await;
            *heard.lock().unwrap() = Some(if read.is_ok() { End::Fin } else { End::Reset });
        }
    });
    let proxy = Scene::new(kind).backend(&format!("{options}\nserver s1 {}", server.addr)).start();
    let mut client = Client::connect(proxy.addr);
    eventually("a server is reached", || (server.accepted() > 0).then_some(()));
    client.half_close();
    assert_eq!(client.drain(), (Vec::new(), End::Fin));
    proxy.log.expect(&["fe be/s1 ", " 0 -- "]);
    eventually("the server's end", || ends.lock().unwrap().take())
}

fn a_server_without_linger_is_reset_once_the_client_has_ended(kind: Kind) {
    assert_eq!(end_of_server(kind, ""), End::Fin);
    assert_eq!(end_of_server(kind, "option nolinger"), End::Reset);
}

fn steps_of_a_check_send_a_header_where_they_say_so(kind: Kind) {
    for (step, server_words, header) in [
        ("", "send-proxy", true),
        ("tcp-check connect", "send-proxy", false),
        ("tcp-check connect", "check-send-proxy", false),
        ("tcp-check connect default", "check-send-proxy", true),
        ("", "check-send-proxy no-check-send-proxy", false),
        ("", "send-proxy no-check-send-proxy", true),
        ("tcp-check connect send-proxy", "", true),
    ] {
        let first = Arc::new(Mutex::new(None));
        let heard = Arc::clone(&first);
        let server = Backend::new(move |mut stream| {
            let heard = Arc::clone(&heard);
            async move {
                let mut head = [0; 4];
                if stream.read_exact(&mut head).await.is_ok() {
                    heard.lock().unwrap().get_or_insert(head);
                }
            }
        });
        let _proxy = Scene::new(kind)
            .backend(&format!(
                "option tcp-check\n{step}\ntcp-check send PING\ntcp-check expect string PONG\n\
                 server s1 {} check {server_words} inter 100ms",
                server.addr
            ))
            .start();
        let head = eventually("what a check says", || *first.lock().unwrap());
        let wanted = if header { b"PROX" } else { b"PING" };
        assert_eq!(&head, wanted, "{step:?} to a server with {server_words:?}");
    }
}

/// HAProxy 2.6 counts three, however it is told; newer ones as many as `tune.stick-counters` says.
#[test]
fn more_than_three_entries_are_tracked() {
    let server = Backend::greet("s1");
    let proxy = Scene::new(Kind::Evenkeel)
        .global("tune.stick-counters 5")
        .frontend(
            "stick-table type ip size 10 store conn_cnt\ntcp-request connection track-sc4 src\n\
             tcp-request content reject if { sc_conn_cnt(4) gt 1 }\n",
        )
        .backend(&format!("server s1 {}", server.addr))
        .start();
    assert_eq!(served_by(proxy.addr).unwrap(), "s1");
    assert!(served_by(proxy.addr).is_err());
}
