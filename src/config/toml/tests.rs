//! What is said about mistakes in TOML, all at once, with their lines.

use crate::config::diag::{Look, render};
use crate::config::tests::{load_clean, load_toml, messages};

/// Puts one line into an otherwise good file.
fn with(table: &str, line: &str) -> Vec<String> {
    let text = match table {
        "global" => format!("[global]\n{line}\n"),
        "frontend" => {
            format!("[backend.b]\n[frontend.f]\nbind = \"*:1\"\nbackend = \"b\"\n{line}\n")
        }
        "backend" => format!("[backend.b]\n{line}\n"),
        "server" => format!("[backend.b]\nserver.s = {{ address = \"10.0.0.1:1\", {line} }}\n"),
        _ => format!("{line}\n"),
    };
    let found = messages(&[&text]);
    found.into_iter().map(|found| found.split_once(": ").unwrap().1.to_owned()).collect()
}

#[test]
fn keys_that_nobody_knows() {
    for (table, line, message) in [
        ("global", "maxcon = 1", "unknown key 'maxcon' in [global], did you mean 'maxconn'?"),
        ("frontend", "blind = 1", "unknown key 'blind' in frontend 'f', did you mean 'bind'?"),
        ("frontend", "default_backend = \"b\"", "unknown key 'default_backend' in frontend 'f'"),
        ("frontend", "balance = \"first\"", "unknown key 'balance' in frontend 'f'"),
        (
            "backend",
            "check = { inte = \"1s\" }",
            "unknown key 'inte' in check of backend 'b', did you mean 'inter'?",
        ),
        (
            "backend",
            "check = { type = \"tcp\", user = \"x\" }",
            "unknown key 'user' in check of backend 'b', did you mean 'fall'?",
        ),
        ("server", "wieght = 1", "unknown key 'wieght' in server 'b/s', did you mean 'weight'?"),
        ("server", "inter = \"1s\"", "unknown key 'inter' in server 'b/s'"),
        ("", "[backends.x]", "unknown key 'backends' in the file, did you mean 'backend'?"),
        ("", "[defaults]\nservers = 1", "unknown key 'servers' in [defaults]"),
        (
            "frontend",
            "timeout = { connect = \"1s\" }",
            "'connect' is a timeout of backends, not of frontend 'f'",
        ),
        (
            "backend",
            "timeout = { client = \"1s\" }",
            "'client' is a timeout of frontends, not of backend 'b'",
        ),
    ] {
        let message = message.replace(", did you mean 'fall'?", "");
        assert_eq!(with(table, line), [message], "{line}");
    }
}

#[test]
fn values_of_the_wrong_kind() {
    for (table, line, message) in [
        ("global", "maxconn = \"5\"", "'maxconn' must be a whole number, not a text"),
        ("global", "maxconn = 1.5", "'maxconn' must be a whole number, not a fraction"),
        ("global", "maxconn = -1", "'maxconn' must not be negative"),
        (
            "global",
            "maxconn = 99999999999999999999",
            "'maxconn': 99999999999999999999 is too large",
        ),
        ("global", "daemon = \"true\"", "'daemon' must be true or false, not a text"),
        ("global", "user = 5", "'user' must be a text in quotes, not a number"),
        ("global", "log = \"global\"", "'global' cannot be a target of the global log itself"),
        ("global", "log = \"/dev/log local0\"", "'/dev/log local0' is not a log target"),
        ("global", "log = { len = 100 }", "a log target without 'target'"),
    ] {
        assert_eq!(with(table, line), [message], "{line}");
    }
}

#[test]
fn values_of_the_wrong_kind_in_proxies() {
    for (table, line, message) in [
        ("frontend", "maxconn = [1]", "'maxconn' must be a whole number, not a list"),
        ("frontend", "timeout = \"1s\"", "'timeout' must be a table { … }, not a text"),
        (
            "frontend",
            "tcpka = 1",
            "'tcpka' must be true, false or { idle, intvl, cnt }, not a number",
        ),
        (
            "frontend",
            "timeout = { client = 5 }",
            "'client' must be a duration in quotes, not a bare number",
        ),
        ("frontend", "timeout = { client = \"5\" }", "'client': '5' has no unit"),
        ("frontend", "timeout = { client = \"0s\" }", "'client' must be longer than zero"),
        (
            "backend",
            "check = \"mysql\"",
            "'check' must be true, false or a table such as { type = \"mysql\" }, not a text",
        ),
    ] {
        assert_eq!(with(table, line), [message], "{line}");
    }
}

#[test]
fn values_of_the_wrong_kind_in_backends() {
    for (table, line, message) in [
        (
            "backend",
            "check = { type = \"mysq\" , user = \"x\" }",
            "'mysq' is not a type of check, did you mean 'mysql'?",
        ),
        ("backend", "check = { inter = \"infinite\" }", "'inter': 'infinite' is not a duration"),
        (
            "backend",
            "redispatch = \"x\"",
            "'redispatch' must be true, false or a whole number, not a text",
        ),
        ("backend", "server = \"10.0.0.1:1\"", "the servers of backend 'b' have no names"),
        ("backend", "server.x = { weight = 1 }", "server 'b/x' has no address"),
        (
            "backend",
            "check = { timeout = \"1s\" }\ntimeout = { check = \"2s\" }",
            "two time limits for the check of backend 'b'",
        ),
        (
            "",
            "frontend = 1",
            "'frontend' must be tables with names, such as [frontend.web], not a number",
        ),
        ("", "[backend]\nbalance = \"first\"", "[backend] must have a name, then its settings"),
    ] {
        assert_eq!(with(table, line), [message], "{line}");
    }
}

#[test]
fn steps_and_bytes() {
    let step = |step: &str| {
        with("backend", &format!("check = {{ type = \"tcp-check\", steps = [{step}] }}"))
    };
    for (text, message) in [
        (
            "{ send = \"x\", expect = \"y\" }",
            "a step in the check of backend 'b' must do exactly one thing",
        ),
        ("{}", "a step in the check of backend 'b' must do exactly one thing"),
        ("{ send_binary = \"0g\" }", "'send_binary': '0g' is not hexadecimal"),
        ("{ send_binary = \"123\" }", "'send_binary': '123' is not hexadecimal"),
        ("{ send = { hex = \"x\" } }", "'hex': 'x' is not hexadecimal"),
        ("{ expect = { not = true } }", "'expect' must name exactly one thing to look for"),
        (
            "{ expect = { string = \"a\", rstring = \"b\" } }",
            "'expect' must name exactly one thing to look for",
        ),
        (
            "{ expect = { rstring = \"[\" } }",
            "'[' is not a regular expression: unclosed character class",
        ),
        ("\"PING\"", "'steps' must be a list of tables { send = … }, not a text"),
    ] {
        assert_eq!(step(text), [message], "{text}");
    }
    assert!(step("{ send = \"PING\\r\\n\" }, { expect = \"+PONG\" }").is_empty());
    let header = with("backend", "check = { type = \"http\", headers = [\"nonsense\"] }");
    assert_eq!(header, ["'nonsense' is not a header"]);
}

#[test]
fn all_mistakes_of_a_file_are_found_at_once() {
    let text = "\
[globl]
[frontend.f]
bind = \"*:99999\"
backend = \"mysq\"
maxconn = \"many\"
[backend.mysql]
balance = \"roundrobbin\"
check = { typ = \"mysql\", inter = \"2\" }
server.a = \"10.0.0.1\"
server.b = { address = \"nosuch.invalid:1\", weight = 300 }
server.\"c d\" = \"10.0.0.1:1\"
";
    let mut found = messages(&[text]);
    found.sort_by_key(|found| found.split(':').next().unwrap().parse::<u32>().unwrap());
    assert_eq!(
        found,
        [
            "1: unknown key 'globl' in the file, did you mean 'global'?",
            "3: bind of frontend 'f': '*:99999': port '99999' is above 65535",
            "4: frontend 'f': there is no backend 'mysq', did you mean 'mysql'?",
            "5: 'maxconn' must be a whole number, not a text",
            "7: balance: 'roundrobbin' is not supported, did you mean 'roundrobin'?",
            "8: 'inter': '2' has no unit",
            "8: unknown key 'typ' in check of backend 'mysql', did you mean 'type'?",
            "9: check of server 'mysql/a': its port is not known",
            "10: weight of server 'mysql/b': 300 is out of range",
            "10: server 'mysql/b': cannot resolve 'nosuch.invalid': no such host",
            "11: ' ' cannot stand in the name of a server: 'c d'",
        ]
    );
}

#[test]
fn syntax_errors_stop_at_what_is_certain() {
    let text = "[global]\nmaxconn = foo\nnbthread = 1.5\nuser = \"a\"\nuser = \"b\"\n[frontend.f]\nbackend = \"gone\"\n";
    assert_eq!(
        messages(&[text]),
        [
            "2: not TOML: invalid boolean, expected `false`",
            "5: 'user' is written twice",
            "3: 'nbthread' must be a whole number, not a fraction",
        ]
    );
    let open = "[global]\nlog = [\"a\"\nuser = \"b\"\n[backend.x]\nserver.a = 5\n";
    assert_eq!(messages(&[open]).len(), 1);
}

#[test]
fn a_second_table_shows_the_first() {
    let text = "[frontend.a]\nbind = \"*:1\"\n[backend.a]\n[frontend.a]\nbind = \"*:2\"\n";
    let (config, report, sources) = load_toml(&[text]);
    assert!(config.is_none());
    let found = report.iter().next().unwrap();
    assert_eq!(found.message, "'a' is written twice");
    let mut later = report.iter().map(|found| found.message.as_str());
    let unreachable = "frontend 'a' has no 'backend': its clients are disconnected";
    assert!(later.any(|message| message == unreachable), "the rest is judged too");
    assert_eq!(found.related.as_ref().map(|(span, _)| sources.line(*span)), Some(1));
}

#[test]
fn several_files_are_one_configuration() {
    let front = "[frontend.f]\nbind = \"*:1\"\nbackend = \"b\"\n";
    let (config, report, _) = load_toml(&[front, "[backend.b]\nserver.a = \"10.0.0.1:1\"\n"]);
    assert!(report.is_empty());
    assert_eq!(config.unwrap().backends[0].servers.len(), 1);
    let twice = messages(&["[global]\nmaxconn = 1\n", "[global]\n"]);
    assert_eq!(twice, ["1: a second [global]"]);
    let names = messages(&["[backend.b]\n", "\n[backend.b]\n"]);
    assert_eq!(names, ["2: a second backend 'b'"]);
}

#[test]
fn defaults_stand_behind_every_proxy() {
    let long = load_clean(
        "[global]\nlog = \"stderr\"\n[frontend.f]\nbind = \"*:1\"\nbackend = \"b\"\nlog = \"global\"\ntimeout = { client = \"1m\" }\n\
         [backend.b]\nretries = 1\nlog = \"global\"\ncheck = { type = \"redis\", inter = \"5s\", rise = 1 }\ntimeout = { connect = \"2s\", server = \"1m\" }\nserver.a = \"10.0.0.1:1\"\n",
    );
    let short = load_clean(
        "[global]\nlog = \"stderr\"\n[defaults]\nlog = \"global\"\nretries = 1\ncheck = { type = \"redis\", inter = \"1s\", rise = 1 }\n\
         timeout = { client = \"1m\", connect = \"9s\", server = \"1m\" }\n\
         [frontend.f]\nbind = \"*:1\"\nbackend = \"b\"\n\
         [backend.b]\ncheck = { inter = \"5s\" }\ntimeout = { connect = \"2s\" }\nserver.a = \"10.0.0.1:1\"\n",
    );
    assert_eq!(long, short);
    let mistakes = messages(&[
        "[defaults]\nretries = \"x\"\ntimeout = { clint = \"1s\" }\n[backend.a]\n[backend.b]\n",
    ]);
    assert_eq!(
        mistakes,
        [
            "3: unknown key 'clint' in timeout of [defaults], did you mean 'client'?",
            "2: 'retries' must be a whole number, not a text",
        ]
    );
}

#[test]
fn a_check_is_for_all_servers_unless_they_say_no() {
    let config = load_clean(
        "[backend.b]\ncheck = { inter = \"1s\", fall = 5 }\nserver.a = \"10.0.0.1:1\"\n\
         server.b = { address = \"10.0.0.2:1\", check = false }\n\
         server.c = { address = \"10.0.0.3:1\", check = { inter = \"9s\" } }\n\
         [backend.c]\nserver.a = \"10.0.0.1:1\"\nserver.b = { address = \"10.0.0.2:1\", check = true }\n",
    );
    let checks = |backend: usize| -> Vec<Option<(u64, u16)>> {
        let servers = config.backends[backend].servers.iter();
        let of = |check: &crate::config::model::Check| (check.inter.as_secs(), check.fall.get());
        servers.map(|server| server.check.as_ref().map(of)).collect()
    };
    assert_eq!(checks(0), [Some((1, 5)), None, Some((9, 5))]);
    assert_eq!(checks(1), [None, Some((2, 3))]);
}

#[test]
fn hints_say_what_to_write() {
    for (text, help) in [
        ("[frontend.f]\ndefault_backend = \"b\"\n", "write backend = \"…\""),
        ("[global]\nmaxconn = \"5\"\n", "without quotes: maxconn = 5"),
        ("[backend.b]\ncheck = { inter = 2 }\n", "\"2s\" for seconds or \"2ms\" for milliseconds"),
        ("[frontend.f]\nbind = { address = \"/x\", mode = 660 }\n", "write mode = \"660\""),
        ("[backend.b]\ntimeout = { connect = \"0s\" }\n", "connect = \"infinite\" for no limit"),
    ] {
        let (_, report, sources) = load_toml(&[text]);
        let shown = render(&report, &sources, Look::Plain);
        assert!(shown.contains(help), "{shown}");
    }
}

proptest::proptest! {
    #[test]
    fn any_text_is_judged_without_a_panic(text in "([a-z\\[\\]{}=\".,\n# 0-9]|\\PC){0,60}") {
        let (config, report, _) = load_toml(&[&text]);
        proptest::prop_assert_eq!(config.is_none(), report.is_refused());
    }
}
