//! Exported models load unchanged, and look as the documentation shows them.

use super::*;
use crate::config::model::automatic_ids;
use crate::config::tests::{MYSQL, load_clean, load_toml};

mod models;

use proptest::prelude::*;

#[test]
fn the_example_comes_out_as_it_went_in() {
    assert_eq!(export(&load_clean(MYSQL)).trim(), MYSQL.trim());
}

#[test]
fn what_differs_is_written_where_it_differs() {
    let text = r#"[global]
maxconn = 2000
log = ["/dev/log", { target = "127.0.0.1:514", format = "rfc5424", facility = "local3" }]
user = "haproxy"
hard_stop_after = "30s"

[[stats]]
bind = "127.0.0.1:8404"

[[stats]]
name = "inside"
bind = "unix@stats.sock"
metrics_path = "/m"

[frontend."a.b"]
bind = ["0.0.0.0:5000-5002", { address = "[::]:5000", accept_proxy = true, v6only = true }, { address = "/run/pg.sock", mode = "660", group = "dba" }]
backend = "pg"
maxconn = 100
timeout = { client = "1m", client_fin = "10s" }
tcpka = { idle = "60s", cnt = 3 }
log = "stdout"
log_format = "tcp"
dontlognull = true

[backend.pg]
id = 9
balance = "random(3)"
check = { inter = "500ms", rise = 1 }
server.a = { address = "10.0.0.1:5432", check = { type = "pgsql", user = "check", fall = 2 } }
server.b = { address = "10.0.0.2:5432", check = { type = "tcp-check", steps = [{ connect = { port = 8008 } }, { send = "PING\r\n" }, { expect = { rstring = "^\\+PONG", min_recv = 5 }, comment = "ping" }], fall = 3, port = 8008 } }
server.c = { address = "db3.test:5432", id = 7, weight = 0, check = false, on_marked_down = "shutdown-sessions" }
timeout = { connect = "infinite", server = "1m", queue = "3s" }
redispatch = -2
log = "global"
"#;
    let exported = export(&load_clean(text));
    assert_eq!(exported.replace("idle = \"1m\"", "idle = \"60s\""), text);
}

#[test]
fn ids_that_the_order_gives_are_not_written() {
    let text = r#"
[backend.b]
server.x = "10.0.0.1:1"
server.y = "10.0.0.2:1"

[frontend.f]
bind = "*:1"
backend = "b"

[backend.f]

[backend.late]
"#;
    let config = load_clean(text);
    let ids: Vec<u32> = config.backends.iter().map(|backend| backend.id.0).collect();
    assert_eq!((config.frontends[0].id.0, ids), (3, vec![2, 3, 4]));
    assert!(!export(&config).contains("id ="), "{}", export(&config));
}

#[test]
fn few_ids_are_written() {
    let automatic = |written: &[Option<u32>]| automatic_ids(written, 1);
    assert_eq!(written_ids(&[1, 2, 3], automatic), [None, None, None]);
    assert_eq!(written_ids(&[1, 7, 3], automatic), [None, Some(7), None]);
    let far: Vec<u32> = (100..200).rev().collect();
    assert!(written_ids(&far, automatic).iter().all(Option::is_some));
}

/// A number that had to be written looks like one of the operator's own.
pub(in crate::config) fn forget_needed_ids(loaded: &mut Config, from: &Config) {
    for (loaded, from) in loaded.backends.iter_mut().zip(&from.backends) {
        loaded.has_own_id &= from.has_own_id;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_model_survives_export_and_load(config in models::config()) {
        let text = export(&config);
        let (mut loaded, report, sources) = load_toml(&[&text]);
        if let Some(loaded) = &mut loaded {
            forget_needed_ids(loaded, &config);
        }
        let shown = crate::config::diag::render(&report, &sources, crate::config::diag::Look::Plain);
        prop_assert_eq!(loaded.as_ref(), Some(&config), "{}\n{}", text, shown);
        prop_assert_eq!(export(&config), export(&loaded.expect("just compared")));
    }
}
