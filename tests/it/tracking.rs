//! Servers that track another one: what is logged and shown when the tracked one changes.

use crate::harness::api::Api;
use crate::harness::backend::Backend;
use crate::harness::both;
use crate::harness::proxy::Kind;

use crate::api_set::{play, start};

both! {
    followers_are_what_the_tracked_server_is,
}

const ALERT: u8 = 129;
const NOTICE: u8 = 133;

/// Status and `tracked` of a server of backend `b`.
fn shown(api: &Api, server: &str) -> String {
    let text = api.ask("show stat");
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap().trim_start_matches("# ").split(',').collect();
    let line = lines.find(|line| line.starts_with(&format!("b,{server},"))).unwrap();
    let fields: Vec<&str> = line.split(',').collect();
    let column = |name| fields[names.iter().position(|known| *known == name).unwrap()];
    format!("{} {}", column("status"), column("tracked"))
}

/// The flags of the server in `show servers state`.
fn flags(api: &Api, server: &str) -> String {
    let text = api.ask("show servers state b");
    let line = text.lines().find(|line| line.contains(&format!(" {server} "))).unwrap();
    line.split(' ').nth(6).unwrap().to_owned()
}

#[allow(clippy::too_many_lines, reason = "one dialogue, told in order")]
fn followers_are_what_the_tracked_server_is(kind: Kind) {
    let (api, server) = (Api::new(), Backend::echo());
    let addr = server.addr;
    // w tracks v, which comes after it and tracks x.
    let backends = format!(
        "server x {addr} check inter 100s\nserver y {addr} backup\nbackend b\n\
         server w {addr} track v\nserver v {addr} track be/x\nserver u {addr}\n"
    );
    let proxy = start(kind, &api, &backends);
    proxy.wait_check("x", "L4OK");
    let left = |active| {
        format!(
            "{active} active and 0 backup servers left. 0 sessions active, 0 requeued, 0 \
             remaining in queue."
        )
    };
    let online = |active| {
        format!(
            "{active} active and 0 backup servers online. 0 sessions requeued, 0 total in queue."
        )
    };
    let first = "0 active and 1 backup servers left. Running on backup. 0 sessions active, 0 \
                 requeued, 0 remaining in queue.";
    let first_online = "0 active and 1 backup servers online. Running on backup. 0 sessions \
                        requeued, 0 total in queue.";
    let text = |server: &str, what: &str, end: &str| format!("Server {server} {what}{end}");
    play(
        &proxy,
        &api,
        &[
            (
                "set server be/x health down",
                "",
                &[
                    (ALERT, &text("be/x", "is DOWN, changed from CLI. ", first)),
                    (ALERT, &text("b/v", "is DOWN via be/x. ", &left(2))),
                    (ALERT, &text("b/w", "is DOWN via b/v. ", &left(1))),
                ],
            ),
            (
                "set server be/x health up",
                "",
                &[
                    (
                        NOTICE,
                        "Server be/x is UP, changed from CLI. 1 active and 1 backup servers \
                         online. 0 sessions requeued, 0 total in queue.",
                    ),
                    (NOTICE, &text("b/v", "is UP via be/x. ", &online(2))),
                    (NOTICE, &text("b/w", "is UP via b/v. ", &online(3))),
                ],
            ),
            (
                "set server be/x state drain",
                "",
                &[
                    (NOTICE, &text("be/x", "enters drain state. ", first_online)),
                    (NOTICE, &text("b/v", "enters drain state via be/x. ", &online(2))),
                    (NOTICE, &text("b/w", "enters drain state via b/v. ", &online(1))),
                ],
            ),
        ],
    );
    assert_eq!((shown(&api, "w"), flags(&api, "w")), ("DRAIN b/v".to_owned(), "16".to_owned()));
    play(
        &proxy,
        &api,
        &[
            (
                "set server be/x state maint",
                "",
                &[
                    (NOTICE, &text("be/x", "is going DOWN for maintenance. ", first)),
                    (NOTICE, &text("b/v", "is going DOWN for maintenance via be/x. ", &left(1))),
                    (NOTICE, &text("b/w", "is going DOWN for maintenance via b/v. ", &left(1))),
                ],
            ),
            ("set server b/v health up", "cannot change health on a tracking server.", &[]),
        ],
    );
    let in_maint = "MAINT (via be/x) be/x".to_owned();
    assert_eq!((shown(&api, "v"), flags(&api, "v")), (in_maint, "2".to_owned()));
    let stay = "is leaving forced drain but remains in drain mode via ";
    play(
        &proxy,
        &api,
        &[
            (
                "set server be/x state drain",
                "",
                &[
                    (NOTICE, "Server be/x is UP/DRAIN (leaving forced maintenance)."),
                    (NOTICE, "Server be/x remains in forced drain mode."),
                    (NOTICE, "Server b/v is UP/DRAIN (leaving maintenance)."),
                    (NOTICE, &text("b/v", stay, "be/x.")),
                    (NOTICE, "Server b/w is UP/DRAIN (leaving maintenance)."),
                    (NOTICE, &text("b/w", stay, "b/v.")),
                ],
            ),
            (
                "set server be/x state ready",
                "",
                &[
                    (NOTICE, "Server be/x is UP (leaving forced drain)."),
                    (NOTICE, "Server b/v is UP (leaving forced drain)."),
                    (NOTICE, "Server b/w is UP (leaving forced drain)."),
                ],
            ),
            (
                "set server b/v state maint",
                "",
                &[
                    (ALERT, &text("b/v", "is going DOWN for maintenance. ", &left(2))),
                    (ALERT, &text("b/w", "is going DOWN for maintenance via b/v. ", &left(1))),
                ],
            ),
            (
                "set server be/x state maint",
                "",
                &[(ALERT, &text("be/x", "is going DOWN for maintenance. ", first))],
            ),
            (
                "set server b/v state ready",
                "",
                &[(
                    NOTICE,
                    "Server b/v is leaving forced maintenance but remains in maintenance via be/x.",
                )],
            ),
            (
                "set server be/x state ready",
                "",
                &[
                    (NOTICE, "Server be/x is UP/READY (leaving forced maintenance)."),
                    (NOTICE, "Server b/v is UP/READY (leaving maintenance)."),
                    (NOTICE, "Server b/w is UP/READY (leaving maintenance)."),
                ],
            ),
        ],
    );
}
