//! What validation refuses, warns of and fills in, for both languages.

use std::time::Duration;

use haproxy_compat::span::FileId;

use super::*;
use crate::config::model::{
    CheckKind, HttpMatch, LogFraming, LogTarget, ProxyHeader, Redispatch, ServerAddr,
};
use crate::config::tests::{load_clean, messages};

/// Messages for one line in a table that is otherwise good.
fn with(table: &str, line: &str) -> Vec<String> {
    let text = match table {
        "frontend" => format!("[backend.b]\n[frontend.f]\nbackend = \"b\"\n{line}\n"),
        "server" => format!("[backend.b]\nserver.s = {{ address = \"10.0.0.1:1\", {line} }}\n"),
        _ => format!("[{table}]\n{line}\n"),
    };
    let found = messages(&[&text]);
    found.into_iter().map(|found| found.split_once(": ").unwrap().1.to_owned()).collect()
}

#[test]
fn addresses_that_cannot_be_listened_on() {
    for (bind, message) in [
        ("\"10.0.0.1\"", "bind of frontend 'f': no port in '10.0.0.1'"),
        ("\"*:0\"", "bind of frontend 'f': port 0 cannot be listened on in '*:0'"),
        ("\"*:+5\"", "bind of frontend 'f': the port cannot be an offset in '*:+5'"),
        ("\"*:10-5\"", "bind of frontend 'f': '*:10-5': the port range 10-5 ends before it starts"),
        ("\"nosuch:80\"", "bind of frontend 'f': cannot resolve 'nosuch': no such host"),
        ("\"10.0.0.256:80\"", "bind of frontend 'f': '10.0.0.256' is not an IPv4 address"),
        ("\"ipv6@10.0.0.1:80\"", "bind of frontend 'f': 10.0.0.1 is of the other family"),
        (
            "\"ipv6@a.test:80\"",
            "bind of frontend 'f': cannot resolve 'a.test': it has no IPv6 address",
        ),
        ("\"quic4@:80\"", "bind of frontend 'f': addresses like 'quic4@:80' are not supported"),
        ("[\"*:1-65535\", \"[::]:80\"]", "more than 65535 listening sockets, port ranges expanded"),
        ("[\"*:80\", \"*:79-81\"]", "frontend 'f' listens on 0.0.0.0:80 a second time"),
        ("[\"/x\", \"unix@/x\"]", "frontend 'f' listens on unix@/x a second time"),
    ] {
        assert_eq!(with("frontend", &format!("bind = {bind}")), [message], "{bind}");
    }
    let path = format!("bind = \"/{}\"", "x".repeat(107));
    assert!(with("frontend", &path)[0].ends_with("is 108 bytes, too long for a Unix socket"));
    assert_eq!(with("frontend", ""), ["frontend 'f' has no 'bind': no client can reach it"]);
    let interfaces = "bind = [{ address = \"*:1\", interface = \"a\" }, { address = \"*:1\", interface = \"b\" }]";
    assert!(with("frontend", interfaces).is_empty());
}

#[test]
fn numbers_and_words_out_of_range() {
    for (table, line, message) in [
        ("global", "nbthread = 0", "nbthread: 0 is out of range"),
        ("global", "spread_checks = 51", "spread_checks: 51 is out of range"),
        ("global", "bufsize = 10", "bufsize: 10 is out of range"),
        (
            "global",
            "log = { target = \"stdout\", facility = \"local9\" }",
            "log facility: 'local9' is not known, did you mean 'local0'?",
        ),
        (
            "global",
            "log = { target = \"stdout\", sample = \"1-3:2\" }",
            "sample of a log target: a range ends at 3, its size is 2",
        ),
        (
            "global",
            "log = \"ring@audit\"",
            "there is no 'ring' section 'audit': its lines are lost",
        ),
        (
            "global",
            "log = { target = \"stdout\", len = 10 }",
            "len of a log target: 10 is out of range",
        ),
        ("stats", "bind = \"*:1\"\nmetrics_path = \"m\"", "the path 'm' does not start with '/'"),
        ("stats", "", "stats listener 'stats' has no 'bind': nobody can ask it"),
    ] {
        assert_eq!(with(table, line), [message], "{line}");
    }
}

#[test]
fn words_about_hashes() {
    for (line, message) in [
        ("balance = \"hash sourc\"", "balance: unknown fetch 'sourc'"),
        (
            "hash_type = \"consistant\"",
            "hash_type: 'consistant' is neither 'map-based' nor 'consistent'",
        ),
        (
            "hash_type = \"consistent sdmb\"",
            "hash_type: 'sdmb' is no function, did you mean 'sdbm'?",
        ),
        (
            "hash_balance_factor = 100",
            "hash_balance_factor: 100 is neither 0 nor more than 100 (percent)",
        ),
    ] {
        assert_eq!(with("backend.b", line), [message], "{line}");
    }
}

#[test]
fn numbers_and_words_of_backends() {
    for (table, line, message) in [
        (
            "backend.b",
            "balance = \"random(0)\"",
            "balance: 'random(0)' does not say how many draws, at least 1",
        ),
        (
            "backend.b",
            "tcpka = { idle = \"1500ms\" }",
            "keepalive idle must be whole seconds, at most 32767",
        ),
        ("backend.b", "source = \"10.0.0.1:0-2\"", "source: no such ports in '10.0.0.1:0-2'"),
        ("backend.b", "source = \"10.0.0.1 usesrc\"", "source: 'usesrc' needs a value"),
        ("backend.b", "source = \"* via eth1\"", "source: 'via' is unknown"),
        ("server", "namespace = \"a/b\"", "namespace: 'a/b' is no name"),
        ("server", "proxy_v2_options = [\"crc\"]", "proxy_v2_options: 'crc' is unknown"),
        (
            "frontend",
            "bind = { address = \"*:1-2\", id = 3 }",
            "id of a bind of frontend 'f': one number for several addresses",
        ),
        ("frontend", "bind = { address = \"*:1\", mss = 0 }", "mss: 0 is out of range"),
        ("global", "maxaccept = -2", "maxaccept: -2 is out of range"),
        ("backend.b", "id = 0", "id of backend 'b': 0 is out of range"),
        ("server", "weight = 257", "weight of server 'b/s': 257 is out of range"),
        ("server", "check = { rise = 0 }", "rise of the check of server 'b/s': 0 is out of range"),
        (
            "server",
            "check = { port = 65536 }",
            "port of the check of server 'b/s': 65536 is out of range",
        ),
        ("server", "on_marked_down = \"cut\"", "on_marked_down: 'cut' is not known"),
        ("server", "track = \"none/x\"", "server 'b/s': there is no server 'none/x' to track"),
        ("server", "send_proxy = \"v3\"", "send_proxy: 'v3' is not known"),
        ("server", "check = { type = \"pgsql\" }", "a pgsql check needs a user"),
        ("server", "check = { type = \"external\" }", "an external check needs the command to run"),
        ("server", "agent = { inter = \"1s\" }", "agent of server 'b/s': its port is not known"),
        (
            "server",
            "check = true, observe = \"layer7\"",
            "server 'b/s': 'layer7' is ignored: it is only observed in HTTP",
        ),
        (
            "server",
            "check = true, observe = \"layer4\", error_limit = 0",
            "error_limit of server 'b/s': 0 is out of range",
        ),
        (
            "server",
            "check = { type = \"mysql\", dialect = \"post-41\" }",
            "a mysql dialect counts only with a user",
        ),
        (
            "server",
            "check = { type = \"http\", uri = \"/a b\" }",
            "the URI of an http check must be one word",
        ),
        (
            "server",
            "check = { type = \"http\", expect = { status = \"2xx\" } }",
            "'2xx' is not a list of statuses",
        ),
        (
            "server",
            "check = { type = \"http\", expect = { hdr = { name = \"x\", name_match = \"foo\" } } }",
            "'foo' is no way to compare a header",
        ),
    ] {
        assert_eq!(with(table, line), [message], "{line}");
    }
}

#[test]
fn servers_that_cannot_be_reached() {
    for (address, message) in [
        ("10.0.0.1:1-5", "server 'b/s': a server has one port, not '10.0.0.1:1-5'"),
        ("fd@3", "server 'b/s': 'fd@3' cannot be connected to"),
        ("", "server 'b/s': '': the address is empty (is a variable unset?)"),
        (
            "2001:db8::x:1",
            "server 'b/s': '2001:db8::x:1': '2001:db8::x' is neither an IP address nor a host name",
        ),
    ] {
        assert_eq!(with("backend.b", &format!("server.s = \"{address}\"")), [message]);
    }
}

#[test]
fn names_and_ids_are_taken_once() {
    let text = "[backend.b]\nid = 5\nserver.a = { address = \"10.0.0.1:1\", id = 2 }\n\
                server.b = { address = \"10.0.0.2:1\", id = 2 }\n[backend.\"b d\"]\n\
                [frontend.f]\nid = 5\nbind = \"*:1\"\nbackend = \"b\"\n";
    assert_eq!(
        messages(&[text]),
        [
            "2: backend 'b' has an id that is taken: 5",
            "4: server 'b/b' has an id that is taken: 2",
            "5: ' ' cannot stand in the name of a backend: 'b d'",
        ]
    );
}

#[test]
fn what_is_not_written_is_filled_in() {
    let config = load_clean(
        "[global]\nmaxconn = 50\n[stats]\nbind = \"127.0.0.1:8404\"\n\
         [frontend.f]\nbind = [\"*:1\", { address = \"*:2\", maxconn = 7 }, { address = \"*:3\", backlog = 9 }]\n\
         backend = \"b\"\ntimeout = { client = \"1m\" }\n\
         [backend.b]\ntimeout = { server = \"2m\", check = \"1s\" }\nserver.a = { address = \"10.0.0.1\", \
         check = { port = 8008, type = \"http\", expect = { status = 200 } }, send_proxy = \"v2\" }\n",
    );
    let backlogs: Vec<u32> =
        config.frontends[0].binds.iter().map(|bind| bind.backlog.get()).collect();
    assert_eq!(backlogs, [50, 7, 9]);
    assert_eq!(config.stats[0].metrics_path, "/metrics");
    assert_eq!(config.frontends[0].timeouts.client_hs, Some(Duration::from_secs(60)));
    assert_eq!(config.frontends[0].timeouts.client_fin, None);
    let backend = &config.backends[0];
    let seconds = |count| Some(Duration::from_secs(count));
    assert_eq!((backend.timeouts.connect, backend.timeouts.queue), (seconds(5), seconds(5)));
    assert_eq!((backend.timeouts.server, backend.timeouts.server_fin), (seconds(120), None));
    assert_eq!((backend.retries, backend.redispatch), (3, Redispatch::Never));
    let server = &backend.servers[0];
    let ip = "10.0.0.1".parse().unwrap();
    assert_eq!(server.address, ServerAddr::TcpClientPort { ip, offset: 0 });
    assert_eq!(server.weight.value(), 1);
    let check = server.check.as_ref().unwrap();
    assert_eq!((check.timeout, check.timeout_connect), (seconds(1), Duration::from_secs(2)));
    assert_eq!([check.fastinter, check.downinter], [Duration::from_secs(2); 2]);
    assert_eq!(check.send_proxy, None, "a check with a port of its own sends no header");
    let CheckKind::Http(http) = &check.kind else { panic!("{check:?}") };
    let asked = http.request().unwrap();
    assert_eq!((asked.method.as_str(), asked.uri.text()), ("OPTIONS", &b"/"[..]));
    assert!(http.expects().all(|it| it.matcher == HttpMatch::Status(vec![(200, 200)])));
    let again = load_clean(
        "[backend.b]\nserver.a = { address = \"db.test:1\", check = true, send_proxy = \"v2\" }\n",
    );
    let server = &again.backends[0].servers[0];
    assert_eq!(server.hostname.as_deref(), Some("db.test"));
    assert_eq!(server.check.as_ref().unwrap().send_proxy, Some(ProxyHeader::V2));
}

#[test]
fn a_host_name_keeps_the_family_it_was_restricted_to() {
    for (written, kept) in [
        ("db.test:1", "db.test"),
        ("ipv4@db.test:1", "ipv4@db.test"),
        ("tcp4@db.test:1", "ipv4@db.test"),
    ] {
        let config = load_clean(&format!("[backend.b]\nserver.a = \"{written}\"\n"));
        assert_eq!(config.backends[0].servers[0].hostname.as_deref(), Some(kept));
    }
    let refused = messages(&["[backend.b]\nserver.a = \"ipv6@db.test:1\"\n"]);
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert!(
        refused[0].ends_with("cannot resolve 'db.test': it has no IPv6 address"),
        "{refused:?}"
    );
}

#[test]
fn a_host_name_in_log_lines_changes_targets_without_a_format() {
    let log = "log = [\"127.0.0.1:1\", { target = \"127.0.0.1:2\", format = \"local\" }, \
               { target = \"127.0.0.1:3\", format = \"raw\" }]";
    let framings = |global: &str| {
        let text = format!("[global]\n{global}\n{log}\n[backend.b]\n{log}\n");
        let config = load_clean(&text);
        let of = |targets: &[LogTarget]| targets.iter().map(|t| t.framing).collect::<Vec<_>>();
        assert_eq!(of(&config.global.log), of(&config.backends[0].log.targets));
        of(&config.global.log)
    };
    use LogFraming::{Local, Raw, Rfc3164};
    assert_eq!(framings(""), [Local, Local, Raw]);
    assert_eq!(framings("log_send_hostname = true"), [Rfc3164, Local, Raw]);
    assert_eq!(framings("log_send_hostname = \"x\""), [Rfc3164, Local, Raw]);
    assert_eq!(framings("log_send_hostname = false"), [Local, Local, Raw]);
}

#[test]
fn the_connection_of_a_check_has_its_bound() {
    let second = Duration::from_secs(1);
    for (timeout, connect, expected) in [
        (None, None, 4),
        (None, Some(2), 4),
        (Some(9), None, 4),
        (Some(9), Some(2), 2),
        (Some(9), Some(7), 4),
    ] {
        let bound =
            connect_bound(second * 4, timeout.map(|n| second * n), connect.map(|n| second * n));
        assert_eq!(bound, second * expected, "{timeout:?} {connect:?}");
    }
}

#[test]
fn a_script_that_names_its_ports_needs_no_other() {
    let steps = |steps: &str| {
        let check = format!("check = {{ type = \"tcp-check\", steps = [{steps}] }}");
        with("backend.b", &format!("{check}\nserver.s = \"10.0.0.1\""))
    };
    let unknown = ["check of server 'b/s': its port is not known"];
    assert!(steps("{ connect = { port = 1 } }, { send = \"x\" }").is_empty());
    assert_eq!(steps("{ connect = { port = 1 } }, { connect = true }"), unknown);
    assert_eq!(steps("{ send = \"x\" }, { connect = { port = 1 } }"), unknown);
}

/// A place in a file of one line each ten bytes.
fn at<T>(line: u32, value: T) -> Spanned<T> {
    let start = line * 10;
    Spanned::new(value, Span { file: FileId(0), start, end: start + 1 })
}

/// What validation makes of a configuration as `haproxy.cfg` yields it.
fn from_haproxy(raw: &raw::Config) -> (Option<Config>, Vec<String>) {
    let mut report = Report::default();
    let mut resolve = |_: &str| Err("no such host".to_owned());
    let config = validate(raw, &mut resolve, &mut report);
    let messages = report.iter().map(|found| found.message.clone()).collect();
    (config, messages)
}

fn frontend(section: u32, name: &str, bind: &str) -> raw::Frontend {
    raw::Frontend {
        binds: vec![raw::Bind::new(at(section, bind.to_owned()))],
        ..raw::Frontend::new(section, at(section, name.to_owned()))
    }
}

fn backend(section: u32, name: &str) -> raw::Backend {
    let server = raw::Server::new(at(9, "s".to_owned()), at(9, "10.0.0.1:1".to_owned()));
    raw::Backend {
        servers: vec![server],
        ..raw::Backend::new(section, at(section, name.to_owned()))
    }
}

#[test]
fn haproxys_missing_timeouts_are_warned_of_once_a_section() {
    let zero = Some(at(0, Duration::ZERO));
    let some = Some(at(0, Duration::from_secs(1)));
    let mut tunnelled = backend(5, "tunnelled");
    tunnelled.timeouts.connect = some.clone();
    tunnelled.timeouts.tunnel = some.clone();
    let mut zeroed = frontend(4, "zeroed", "*:4");
    zeroed.timeouts.client = zero;
    let mut fine = frontend(3, "fine", "*:3");
    fine.timeouts.client = some;
    let raw = raw::Config {
        frontends: vec![frontend(0, "l", "*:1"), frontend(2, "f", "*:2"), fine, zeroed],
        backends: vec![
            backend(0, "l"),
            backend(1, "b"),
            tunnelled,
            raw::Backend::new(6, at(6, "empty".to_owned())),
        ],
        ..raw::Config::default()
    };
    let (config, messages) = from_haproxy(&raw);
    assert_eq!(
        messages,
        [
            "missing timeouts for proxy 'l'",
            "missing timeouts for backend 'b'",
            "missing timeouts for frontend 'f'",
            "missing timeouts for frontend 'zeroed'",
        ]
    );
    let config = config.expect("warnings refuse nothing");
    assert_eq!(config.frontends[3].timeouts.client, None);
    assert_eq!(config.backends[1].timeouts.connect, None, "infinite, as in HAProxy");
    assert_eq!(config.frontends[0].id, config.backends[0].id, "halves of a listen");
}

#[test]
fn haproxy_lets_the_kernel_spread_clients_over_equal_binds() {
    let raw = raw::Config {
        frontends: vec![frontend(0, "a", "*:1,*:2"), frontend(1, "b", "*:2")],
        ..raw::Config::default()
    };
    let (config, messages) = from_haproxy(&raw);
    let warning = "frontend 'b' listens on 0.0.0.0:2 a second time: the kernel will spread clients";
    assert_eq!(messages[0], warning);
    assert_eq!(config.expect("a warning").frontends[0].binds.len(), 2);
}

#[test]
fn haproxy_wants_a_facility() {
    let mut raw = raw::Config::default();
    raw.global.log.push(raw::LogTarget::new(at(1, "127.0.0.1".to_owned())));
    let (config, messages) = from_haproxy(&raw);
    assert_eq!((config, messages), (None, vec!["a log target needs a facility".to_owned()]));
}

#[test]
fn redispatch_counts_as_in_haproxy() {
    let one = std::num::NonZeroU32::MIN;
    let three = std::num::NonZeroU32::new(3).unwrap();
    for (written, expected) in [
        ("true", Redispatch::FromLast(one)),
        ("false", Redispatch::Never),
        ("0", Redispatch::Untied),
        ("3", Redispatch::Every(three)),
        ("-3", Redispatch::FromLast(three)),
    ] {
        let config = load_clean(&format!("[backend.b]\nredispatch = {written}\n"));
        assert_eq!(config.backends[0].redispatch, expected, "{written}");
    }
}

#[test]
fn a_value_that_many_servers_share_is_refused_once() {
    let text =
        "[backend.b]\ncheck = { rise = 0 }\nserver.a = \"10.0.0.1:1\"\nserver.b = \"10.0.0.2:1\"\n";
    let message = "2: rise of the check of server 'b/a': 0 is out of range";
    assert_eq!(messages(&[text]), [message]);
}

#[test]
fn every_host_is_resolved_once() {
    let servers = (0..3).map(|at_line| {
        let name = at(at_line, format!("s{at_line}"));
        raw::Server::new(name, at(at_line, "db.local:1".to_owned()))
    });
    let raw = raw::Config {
        dialect: Dialect::Toml,
        backends: vec![raw::Backend {
            servers: servers.collect(),
            ..raw::Backend::new(0, at(0, "b".to_owned()))
        }],
        ..raw::Config::default()
    };
    let mut asked = Vec::new();
    let mut resolve = |name: &str| {
        asked.push(name.to_owned());
        Ok(vec!["::1".parse().unwrap(), "127.0.0.1".parse().unwrap()])
    };
    let mut report = Report::default();
    let config = validate(&raw, &mut resolve, &mut report).unwrap();
    assert_eq!(asked, ["db.local"]);
    let first = ServerAddr::Tcp("[::1]:1".parse().unwrap());
    assert!(config.backends[0].servers.iter().all(|server| server.address == first));
}
