//! Commands that change servers, frontends and limits: their answers and the log.

use crate::harness::api::Api;
use crate::harness::backend::Backend;
use crate::harness::client::served_by;
use crate::harness::proxy::{Kind, Proxy, Scene};
use crate::harness::{both, eventually};

both! {
    maintenance_and_drain_are_said_in_haproxys_words,
    a_server_that_is_down_is_said_to_be,
    the_last_server_in_maintenance_is_an_emergency,
    an_operator_speaks_for_the_checks,
    wrong_commands_are_refused_in_haproxys_words,
    an_operator_speaks_for_the_agent,
    weights_are_set_and_shown,
    addresses_are_changed,
    limits_are_set,
}

/// Priorities of log lines (facility local0).
const ALERT: u8 = 129;
const NOTICE: u8 = 133;
pub(crate) const WARNING: u8 = 132;
pub(crate) const EMERG: u8 = 128;

/// A command, its answer, and what it logs.
pub(crate) type Step<'a> = (&'a str, &'a str, &'a [(u8, &'a str)]);

pub(crate) fn start(kind: Kind, api: &Api, backend: &str) -> Proxy {
    Scene::new(kind).global(&api.lines()).backend(backend).start()
}

/// Gives commands one after the other and holds each against the answer and the log lines that the
/// real program gives.
#[track_caller]
pub(crate) fn play(proxy: &Proxy, api: &Api, commands: &[Step<'_>]) {
    let line = |raw: &str| {
        let (priority, rest) = raw.trim_start_matches('<').split_once('>').unwrap();
        let text = rest.split_once("]: ").map_or(rest, |(_, text)| text);
        (priority.parse::<u8>().unwrap(), text.to_owned())
    };
    let mut seen = proxy.log.raw().len();
    for (command, answer, log) in commands {
        assert_eq!(api.ask(command).trim_end(), *answer, "{command}");
        let lines = eventually(command, || {
            let raw = proxy.log.raw();
            (raw.len() >= seen + log.len()).then(|| raw[seen..].to_vec())
        });
        seen += lines.len();
        let lines: Vec<_> = lines.iter().map(|raw| line(raw)).collect();
        let wanted: Vec<_> = log.iter().map(|&(level, text)| (level, text.to_owned())).collect();
        assert_eq!(lines, wanted, "{command}");
    }
}

fn maintenance_and_drain_are_said_in_haproxys_words(kind: Kind) {
    let (api, server) = (Api::new(), Backend::echo());
    let addr = server.addr;
    let backend = format!("server s1 {addr}\nserver s2 {addr}\nserver s3 {addr} disabled");
    let proxy = start(kind, &api, &backend);
    play(
        &proxy,
        &api,
        &[
            ("set server be/s1 state ready", "", &[]),
            (
                "set server be/s1 state drain",
                "",
                &[(
                    NOTICE,
                    "Server be/s1 enters drain state. 1 active and 0 backup servers online. 0 \
                     sessions requeued, 0 total in queue.",
                )],
            ),
            ("set server be/s1 state drain", "", &[]),
            (
                "set server be/s1 state maint",
                "",
                &[(
                    NOTICE,
                    "Server be/s1 is going DOWN for maintenance. 1 active and 0 backup servers \
                     left. 0 sessions active, 0 requeued, 0 remaining in queue.",
                )],
            ),
            ("disable server be/s1", "", &[]),
            (
                "set server be/s1 state drain",
                "",
                &[
                    (NOTICE, "Server be/s1 is UP/DRAIN (leaving forced maintenance)."),
                    (NOTICE, "Server be/s1 remains in forced drain mode."),
                ],
            ),
            ("enable server be/s1", "", &[(NOTICE, "Server be/s1 is UP (leaving forced drain).")]),
            (
                "disable server be/s1",
                "",
                &[(
                    ALERT,
                    "Server be/s1 is going DOWN for maintenance. 1 active and 0 backup servers \
                     left. 0 sessions active, 0 requeued, 0 remaining in queue.",
                )],
            ),
            (
                "set server be/s1 state ready",
                "",
                &[(NOTICE, "Server be/s1 is UP/READY (leaving forced maintenance).")],
            ),
            (
                "enable server be/s3",
                "",
                &[(NOTICE, "Server be/s3 is UP/READY (leaving forced maintenance).")],
            ),
        ],
    );
    drop(proxy);
}

fn a_server_that_is_down_is_said_to_be(kind: Kind) {
    let api = Api::new();
    let proxy = start(kind, &api, "server s1 127.0.0.1:1 check inter 20s");
    proxy.log.expect(&["Server be/s1 is DOWN"]);
    proxy.log.expect(&["has no server available"]);
    play(
        &proxy,
        &api,
        &[
            (
                "set server be/s1 state drain",
                "",
                &[(
                    NOTICE,
                    "Server be/s1 enters drain state. 0 active and 0 backup servers left. 0 \
                     sessions active, 0 requeued, 0 remaining in queue.",
                )],
            ),
            (
                "set server be/s1 state ready",
                "",
                &[(NOTICE, "Server be/s1 is DOWN (leaving forced drain).")],
            ),
            (
                "set server be/s1 state maint",
                "",
                &[(NOTICE, "Server be/s1 was DOWN and now enters maintenance.")],
            ),
        ],
    );
}

fn the_last_server_in_maintenance_is_an_emergency(kind: Kind) {
    let (api, server) = (Api::new(), Backend::echo());
    let addr = server.addr;
    let proxy = start(kind, &api, &format!("server s1 {addr}\nserver b1 {addr} backup"));
    play(
        &proxy,
        &api,
        &[
            (
                "disable server be/s1",
                "",
                &[(
                    ALERT,
                    "Server be/s1 is going DOWN for maintenance. 0 active and 1 backup servers \
                     left. Running on backup. 0 sessions active, 0 requeued, 0 remaining in queue.",
                )],
            ),
            (
                "disable server be/b1",
                "",
                &[
                    (
                        ALERT,
                        "Backup Server be/b1 is going DOWN for maintenance. 0 active and 0 backup \
                         servers left. 0 sessions active, 0 requeued, 0 remaining in queue.",
                    ),
                    (EMERG, "backend be has no server available!"),
                ],
            ),
            (
                "enable server be/b1;enable server be/s1",
                "",
                &[
                    (NOTICE, "Backup Server be/b1 is UP/READY (leaving forced maintenance)."),
                    (NOTICE, "Server be/s1 is UP/READY (leaving forced maintenance)."),
                ],
            ),
        ],
    );
}

fn an_operator_speaks_for_the_checks(kind: Kind) {
    let (api, server) = (Api::new(), Backend::echo());
    let addr = server.addr;
    let backend = format!("server s1 {addr} check inter 20s\nserver s2 {addr}");
    let proxy = start(kind, &api, &backend);
    proxy.wait_check("s1", "L4OK");
    let left = "1 active and 0 backup servers left. 0 sessions active, 0 requeued, 0 remaining in \
                queue.";
    let online = |active| {
        format!(
            "{active} active and 0 backup servers online. 0 sessions requeued, 0 total in queue."
        )
    };
    let down = |server| format!("Server be/{server} is DOWN, changed from CLI. {left}");
    let stopping =
        |server| format!("Server be/{server} is stopping, changed from CLI. {}", online(1));
    let up = |server| format!("Server be/{server} is UP, changed from CLI. {}", online(2));
    for server in ["s1", "s2"] {
        let command = |word: &str| format!("set server be/{server} health {word}");
        play(
            &proxy,
            &api,
            &[
                (&command("up"), "", &[]),
                (&command("down"), "", &[(ALERT, &down(server))]),
                (&command("stopping"), "", &[(NOTICE, &stopping(server))]),
                (&command("up"), "", &[(NOTICE, &up(server))]),
            ],
        );
    }
    let none = "Health check was not configured on this server, cannot enable.";
    play(
        &proxy,
        &api,
        &[
            ("disable health be/s1", "", &[]),
            ("set server be/s1 health down", "", &[(ALERT, &down("s1"))]),
            ("set server be/s1 health up", "", &[(NOTICE, &up("s1"))]),
            ("enable health be/s1", "", &[]),
            ("disable health be/s2", "", &[]),
            ("enable health be/s2", none, &[]),
        ],
    );
}

fn an_operator_speaks_for_the_agent(kind: Kind) {
    let (api, server) = (Api::new(), Backend::echo());
    let addr = server.addr;
    let agent = "agent-check agent-port 1 agent-inter 20s";
    let proxy = start(kind, &api, &format!("server s1 {addr} {agent}\nserver s2 {addr}"));
    let down = "Server be/s1 is DOWN, changed from CLI. 1 active and 0 backup servers left. 0 \
                sessions active, 0 requeued, 0 remaining in queue.";
    let up = "Server be/s1 is UP, changed from CLI. 2 active and 0 backup servers online. 0 \
              sessions requeued, 0 total in queue.";
    let off = "agent checks are not enabled on this server.";
    play(
        &proxy,
        &api,
        &[
            ("set server be/s1 agent", "'set server <srv> agent' expects 'up' or 'down'.", &[]),
            ("set server be/s1 agent down", "", &[(ALERT, down)]),
            ("set server be/s1 agent up", "", &[(NOTICE, up)]),
            ("set server be/s1 agent-port abc", "provided port is not an integer", &[]),
            ("set server be/s1 agent-port 70000", "provided port is invalid", &[]),
            ("set server be/s1 agent-port 0", "", &[]),
            ("set server be/s1 agent-addr 127.0.0.2 port 0", "", &[]),
            ("set server be/s1 agent-addr foo.invalid", "invalid addr 'foo.invalid'", &[]),
            ("set server be/s1 agent-addr 127.0.0.2 port 7", "", &[]),
            ("set server be/s1 agent-send abc", "", &[]),
            ("disable agent be/s1", "", &[]),
            ("set server be/s1 agent down", off, &[]),
            ("enable agent be/s1", "", &[]),
        ],
    );
}

fn wrong_commands_are_refused_in_haproxys_words(kind: Kind) {
    let (api, server) = (Api::new(), Backend::echo());
    let addr = server.addr;
    let proxy = start(kind, &api, &format!("server s1 {addr} check\nserver s2 {addr}"));
    let usage = "usage: set server <backend>/<server> addr | agent | agent-addr | agent-port | \
                 agent-send | check-addr | check-port | fqdn | health | ssl | state | weight";
    let state = "'set server <srv> state' expects 'ready', 'drain' and 'maint'.";
    let health = "'set server <srv> health' expects 'up', 'stopping', or 'down'.";
    let agent = "agent checks are not enabled on this server.";
    let no_agent = "Agent was not configured on this server, cannot enable.";
    for (command, answer) in [
        ("set server", "Require 'backend/server'."),
        ("set server be", "Require 'backend/server'."),
        ("set server nope/s1 state maint", "No such backend."),
        ("set server be/nope state maint", "No such server."),
        ("set server be/s1", usage),
        ("set server be/s1 foo", usage),
        ("set server be/s1 state", state),
        ("set server be/s1 state foo", state),
        ("set server be/s1 health", health),
        ("set server be/s1 health foo", health),
        ("set server be/s1 agent up", agent),
        ("set server be/s1 agent-send foo", agent),
        ("set server be/s1 fqdn", "set server <b>/<s> fqdn requires a FQDN."),
        (
            "set server be/s1 fqdn localhost",
            "set server <b>/<s> fqdn failed because no resolution is configured.",
        ),
        (
            "set server be/s1 ssl on",
            "'set server <srv> ssl' cannot be set.  default-server should define ssl settings",
        ),
        ("set server be/s1 check-port", "set server <b>/<s> check-port requires a port."),
        ("set server be/s1 check-port abc", "provided port is not an integer"),
        ("set server be/s1 check-port 70000", "provided port is invalid"),
        ("set server be/s2 check-port 80", "health checks are not enabled on this server"),
        (
            "set server be/s1 check-addr",
            "set server <b>/<s> check-addr requires an address and optionally a port.",
        ),
        ("set server be/s1 check-addr foo.invalid", "invalid addr 'foo.invalid'"),
        ("enable agent be/s1", no_agent),
        ("disable agent be/s1", ""),
        ("disable server", "Require 'backend/server'."),
        ("disable server x/y", "No such backend."),
        ("enable health be/x", "No such server."),
        ("enable frontend", "A frontend name is expected."),
        ("disable frontend be", "No such frontend."),
        ("shutdown session", "Session pointer expected (use 'show sess')."),
        ("shutdown session foo", "Session pointer expected (use 'show sess')."),
        ("shutdown session 0x123", "No such session (use 'show sess')."),
        ("shutdown sessions server be", "Require 'backend/server'."),
        ("shutdown sessions server be/x", "No such server."),
        ("del server be/x", "No such server."),
        ("del server x/y", "No such backend."),
        ("del server be", "Require 'backend/server'."),
        ("del server be/s1", "Only servers in maintenance mode can be deleted."),
    ] {
        assert_eq!(api.ask(command).trim_end(), answer, "{command}");
    }
    for command in ["set server be/s1 state maint", "set weight be/s1 1", "enable frontend fe"] {
        assert_eq!(api.ask_as("operator", command), "Permission denied\n\n", "{command}");
    }
    assert_eq!(api.ask_as("operator", "clear counters"), "\n");
    assert_eq!(api.ask_as("operator", "clear counters all"), "Permission denied\n\n");
    drop(proxy);
}

fn weights_are_set_and_shown(kind: Kind) {
    let (api, server) = (Api::new(), Backend::echo());
    let _proxy = start(kind, &api, &format!("server s1 {} weight 10", server.addr));
    let empty = "Empty weight string empty or preceded by garbage";
    let range = "Absolute weight can only be between 0 and 256 inclusive.";
    for (set, answer, shown) in [
        ("set weight be/s1 20", "", "20 (initial 10)"),
        ("set server be/s1 weight 50%", "", "5 (initial 10)"),
        ("set server be/s1 weight 33%", "", "3 (initial 10)"),
        ("set server be/s1 weight 9999%", "", "256 (initial 10)"),
        ("set server be/s1 weight 257", range, "256 (initial 10)"),
        ("set server be/s1 weight -1", range, "256 (initial 10)"),
        ("set server be/s1 weight -5%", "Relative weight must be positive.", "256 (initial 10)"),
        ("set server be/s1 weight abc", empty, "256 (initial 10)"),
        ("set server be/s1 weight 12x", "Trailing garbage in weight string", "256 (initial 10)"),
        ("set weight be/s1", "Require <weight> or <weight%>.", "256 (initial 10)"),
        ("set weight be/s1 0", "", "0 (initial 10)"),
        ("set weight be/s1 100%", "", "10 (initial 10)"),
    ] {
        assert_eq!(api.ask(set).trim_end(), answer, "{set}");
        assert_eq!(api.ask_as("user", "get weight be/s1").trim_end(), shown, "{set}");
    }
    assert_eq!(api.ask("get weight be/x").trim_end(), "No such server.");
}

fn addresses_are_changed(kind: Kind) {
    let api = Api::new();
    let (first, second) = (Backend::greet("first"), Backend::greet("second"));
    let (port, other) = (first.addr.port(), second.addr.port());
    let proxy = start(kind, &api, &format!("server s1 {}", first.addr));
    assert_eq!(served_by(proxy.addr).unwrap(), "first");
    let by = "by 'stats socket command'";
    for (command, answer) in [
        (
            "addr".to_owned(),
            "set server <b>/<s> addr requires an address and optionally a port.".to_owned(),
        ),
        ("addr foo".to_owned(), format!("Invalid addr 'foo' {by}")),
        ("addr 127.0.0.1".to_owned(), format!("no need to change the addr {by}")),
        ("addr 127.0.0.2".to_owned(), format!("IP changed from '127.0.0.1' to '127.0.0.2' {by}")),
        (
            "addr 127.0.0.2 port x".to_owned(),
            format!("no need to change the addr, problem converting port 'x' to an int {by}"),
        ),
        // A check would have no client whose port it could take.
        (
            "addr 127.0.0.2 port +1".to_owned(),
            format!(
                "no need to change the addr, can't change <port> to port map because it is \
                 incompatible with current health check port configuration (use 'port' statement \
                 from the 'server' directive. {by}"
            ),
        ),
        (
            format!("addr 127.0.0.1 port {other}"),
            format!(
                "IP changed from '127.0.0.2' to '127.0.0.1', port changed from '{port}' to \
                 '{other}' {by}"
            ),
        ),
    ] {
        assert_eq!(api.ask(&format!("set server be/s1 {command}")).trim_end(), answer, "{command}");
    }
    assert_eq!(served_by(proxy.addr).unwrap(), "second");
}

fn limits_are_set(kind: Kind) {
    let (api, server) = (Api::new(), Backend::greet("s1"));
    let proxy = start(kind, &api, &format!("server s1 {}", server.addr));
    let rate = "'set rate-limit' only supports :\n   - 'connections global' to set the \
                per-process maximum connection rate\n   - 'sessions global' to set the per-process \
                maximum session rate\n   - 'ssl-sessions global' to set the per-process maximum SSL \
                session rate\n   - 'http-compression global' to set the per-process maximum \
                compression speed in kB/s";
    for (command, answer) in [
        ("set maxconn server be/s1", "Require <maxconn>."),
        ("set maxconn server be/s1 abc", "maxconn string empty or preceded by garbage"),
        ("set maxconn server be/s1 10x", "Trailing garbage in maxconn string"),
        ("set maxconn server be", "Require 'backend/server'."),
        ("set maxconn server be/s1 10", ""),
        ("set maxconn server be/s1 0", ""),
        ("set maxconn frontend", "A frontend name is expected."),
        ("set maxconn frontend x 10", "No such frontend."),
        ("set maxconn frontend fe", "Integer value expected."),
        ("set maxconn frontend fe -1", "Value out of range."),
        ("set maxconn global", "Expects an integer value."),
        ("set maxconn global 100000000", "Value out of range."),
        ("set maxconn global 100", ""),
        ("set maxconn global 0", ""),
        ("set rate-limit", rate),
        ("set rate-limit foo global 10", rate),
        ("set rate-limit connections foo 10", rate),
        ("set rate-limit connections global", "Expects an integer value."),
        ("set rate-limit connections global -1", "Value out of range."),
        ("set rate-limit connections global 5000", ""),
        ("set rate-limit sessions global 5000", ""),
        ("set rate-limit ssl-sessions global 10", ""),
        ("set rate-limit connections global 0;set rate-limit sessions global 0", ""),
    ] {
        assert_eq!(api.ask(command).trim(), answer, "{command}");
    }
    assert_eq!(served_by(proxy.addr).unwrap(), "s1");
}
