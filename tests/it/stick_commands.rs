//! Stick tables as commands show and change them.

use std::net::SocketAddr;

use crate::harness::api::Api;
use crate::harness::backend::Backend;
use crate::harness::both;
use crate::harness::proxy::{Kind, Proxy};
use crate::stick::{client_from, normal, shows, start};

both! {
    tables_are_shown_as_haproxy_shows_them,
    tables_are_changed_by_commands,
    wrong_commands_are_refused,
    filters_are_joined_and_counted,
    full_tables_take_what_their_settings_say,
}

const ALL: &str = "stick-table type ip size 1k expire 300s store \
    gpc0,gpc0_rate(10s),gpc1,gpc1_rate(1s),conn_cnt,conn_cur,conn_rate(300s),sess_cnt,\
    sess_rate(300s),bytes_in_cnt,bytes_in_rate(300s),bytes_out_cnt,bytes_out_rate(300s),gpt0,\
    http_req_cnt,http_req_rate(10s),http_err_cnt,http_fail_cnt,server_id,server_key";

/// Frontend `fe` with everything, and a backend for each other kind of key.
fn tables(kind: Kind, api: &Api, server: SocketAddr) -> Proxy {
    let frontend = format!("{ALL}\n  tcp-request connection track-sc0 src");
    let backend = format!(
        "stick-table type string len 4 size 2k store gpc(3),gpt(2),gpc_rate(3,10s)
  server s1 {server}
backend bin
  stick-table type binary len 4 size 2
backend int
  stick-table type integer size 2 expire 300s
backend six
  stick-table type ipv6 size 2 store server_key"
    );
    start(kind, api, &frontend, &backend)
}

fn tables_are_shown_as_haproxy_shows_them(kind: Kind) {
    let (api, server) = (Api::new(), Backend::greet("s1"));
    let proxy = tables(kind, &api, server.addr);
    let mut held = client_from(2, proxy.addr);
    assert_eq!(held.line().unwrap(), "s1");
    assert_eq!(
        api.ask("show table").trim_end(),
        "# table: six, type: ipv6, size:2, used:0\n\
         # table: int, type: integer, size:2, used:0\n\
         # table: bin, type: binary, size:2, used:0\n\
         # table: be, type: string, size:2048, used:0\n\
         # table: fe, type: ip, size:1024, used:1"
    );
    let answer = normal(&api.ask("show table fe"));
    let without_bytes: String =
        answer.split(' ').filter(|word| !word.starts_with("bytes_")).collect::<Vec<_>>().join(" ");
    assert_eq!(
        without_bytes,
        "# table: fe, type: ip, size:1024, used:1\n\
         PLACE: key=127.0.0.2 use=1 exp=T server_id=0 gpt0=0 gpc0=0 gpc0_rate(10000)=0 conn_cnt=1 \
         conn_rate(300000)=1 conn_cur=1 sess_cnt=1 sess_rate(300000)=1 http_req_cnt=0 \
         http_req_rate(10000)=0 http_err_cnt=0 gpc1=0 gpc1_rate(1000)=0 server_key=- http_fail_cnt=0"
    );
    assert_eq!(
        api.ask("clear table fe key 127.0.0.2").trim_end(),
        "Entry currently in use, cannot remove"
    );
    assert_eq!(api.ask("clear table fe").trim_end(), "");
    assert_eq!(
        api.ask_as("user", "show table fe").trim_end(),
        "# table: fe, type: ip, size:1024, used:1
# contents not dumped due to insufficient \
         privileges"
    );
    assert_eq!(api.ask_as("user", "clear table fe key 127.0.0.2").trim_end(), "Permission denied");
    drop(held);
    shows(&api, "show table fe", "key=127.0.0.2 use=0");
    assert_eq!(api.ask("clear table fe").trim_end(), "");
    shows(&api, "show table fe", "used:0");
}

fn tables_are_changed_by_commands(kind: Kind) {
    let (api, server) = (Api::new(), Backend::greet("s1"));
    let _proxy = tables(kind, &api, server.addr);
    for command in [
        "set table fe key 1.2.3.4 data.gpc0 5 data.conn_cnt 7 data.conn_rate 9 data.server_id 3",
        "set table fe key 1.2.3.5 data.gpc0 6 data.bytes_in_cnt 6000000000 data.gpt0 -1",
        "set table be key abcdef",
        "set table be key x=y",
        "set table int key 12",
        "set table int key 13",
        "set table int key 14",
        "set table six key ::1",
    ] {
        assert_eq!(api.ask(command).trim_end(), "", "{command}");
    }
    let selected = |filter: &str| {
        let answer = api.ask(&format!("show table fe {filter}"));
        let keys = answer.split(' ').filter_map(|word| word.strip_prefix("key="));
        keys.map(str::to_owned).collect::<Vec<_>>().join(" ")
    };
    for (filter, expected) in [
        ("data.gpc0 eq 5", "1.2.3.4"),
        ("data.gpc0 ne 5", "1.2.3.5"),
        ("data.gpc0 ge 5", "1.2.3.4 1.2.3.5"),
        ("data.gpc0 gt 5", "1.2.3.5"),
        ("data.gpc0 le 5", "1.2.3.4"),
        ("data.gpc0 lt 5", ""),
        ("data.conn_rate gt 8", "1.2.3.4"),
        ("data.gpc0 ge 5 data.conn_cnt eq 0", "1.2.3.5"),
        ("data.bytes_in_cnt gt 5000000000", "1.2.3.5"),
        ("data.gpt0 eq 4294967295", "1.2.3.5"),
        ("key 1.2.3.4", "1.2.3.4"),
        ("key 9.9.9.9", ""),
    ] {
        assert_eq!(selected(filter), expected, "{filter}");
    }
    assert_eq!(
        normal(&api.ask("show table be")),
        "# table: be, type: string, size:2048, used:2\n\
         PLACE: key=abcd use=0 exp=0 gpt0=0 gpt1=0 gpc0=0 gpc1=0 gpc2=0 gpc0_rate(10000)=0 \
         gpc1_rate(10000)=0 gpc2_rate(10000)=0\n\
         PLACE: key=x\\=y use=0 exp=0 gpt0=0 gpt1=0 gpc0=0 gpc1=0 gpc2=0 gpc0_rate(10000)=0 \
         gpc1_rate(10000)=0 gpc2_rate(10000)=0"
    );
    assert_eq!(
        normal(&api.ask("show table int")),
        "# table: int, type: integer, size:2, used:2\nPLACE: key=13 use=0 exp=T\nPLACE: key=14 use=0 exp=T"
    );
    assert_eq!(
        normal(&api.ask("show table six")),
        "# table: six, type: ipv6, size:2, used:1\nPLACE: key=::1 use=0 exp=0 server_key=-"
    );
    assert_eq!(api.ask("clear table fe data.gpc0 gt 5").trim_end(), "");
    assert_eq!(selected(""), "1.2.3.4");
    assert_eq!(api.ask("clear table fe key 1.2.3.4").trim_end(), "");
    assert_eq!(selected(""), "");
}

fn wrong_commands_are_refused(kind: Kind) {
    let (api, server) = (Api::new(), Backend::greet("s1"));
    let _proxy = tables(kind, &api, server.addr);
    let required = "Required arguments: <table> \"data.<store_data_type>\" <operator> <value> or \
                    <table> key <key>";
    let set = "Required arguments: <table> key <key> [data.<store_data_type> <value>]*";
    let optional = "Optional argument only supports \"data.<store_data_type>\" <operator> <value> \
                    and key <key>";
    let operator = "Filter entry #1: Require and operator among \"eq\", \"ne\", \"le\", \"ge\", \
                    \"lt\", \"gt\"";
    let binary = "Inserting keys into tables of type other than ip, ipv6, string and integer is \
                  not supported";
    let pair = "\"data.<type>\" followed by a value expected";
    for (command, expected) in [
        ("show table nope", "No such table"),
        ("show table fe key", "Key value expected"),
        ("show table fe foo", optional),
        ("show table fe data.conn_cnt", operator),
        ("show table fe data.conn_cnt xx 0", operator),
        ("show table fe data.nope gt 0", "Filter entry #1: Unknown data type"),
        (
            "show table fe data.conn_cnt gt x",
            "Filter entry #1: Require a valid integer value to compare against",
        ),
        ("show table be data.conn_cnt gt 0", "Filter entry #1: Data type not stored in this table"),
        ("show table six key 1.2.3.4", "Invalid key"),
        ("set table", set),
        ("set table fe", ""),
        ("set table fe foo 1", set),
        ("set table nope", "No such table"),
        ("set table fe key 1.1.1.1 data.gpc0", "Require a valid integer value to store"),
        ("set table fe key 1.1.1.1 data.gpc0 x", "Require a valid integer value to store"),
        ("set table fe key 1.1.1.1 data.foo x", "Unknown data type"),
        ("set table fe key 1.1.1.1 foo", pair),
        ("set table be key abc data.conn_cnt 1", "Data type not stored in this table"),
        ("set table int key abc", "Invalid key"),
        ("set table bin key 0102", binary),
        ("clear table", required),
        ("clear table nope", "No such table"),
        ("clear table fe foo", required),
        ("clear table fe key", "Key value expected"),
        ("clear table fe key 9.9.9.9", ""),
        ("show table fe key foo", ""),
        ("show table fe key ::1", ""),
        ("clear table fe key foo", ""),
    ] {
        assert_eq!(api.ask(command).trim_end(), expected, "{command}");
    }
}

fn filters_are_joined_and_counted(kind: Kind) {
    let (api, server) = (Api::new(), Backend::greet("s1"));
    let _proxy = tables(kind, &api, server.addr);
    for words in ["1 data.gpc0 5 data.gpt0 7", "2 data.gpc0 5", "3 data.conn_cnt 9"] {
        assert_eq!(api.ask(&format!("set table fe key 10.0.0.{words}")).trim(), "");
    }
    let keys = |filter: &str| {
        let answer = api.ask(&format!("show table fe {filter}"));
        let keys = answer.split_whitespace().filter_map(|word| word.strip_prefix("key=10.0.0."));
        keys.collect::<Vec<_>>().join(" ")
    };
    for (filter, expected) in [
        ("data.gpc0 eq 5", "1 2"),
        ("data.gpc0 ne 5", "3"),
        ("data.gpc0 lt 5", "3"),
        ("data.gpc0 ge 5 data.gpt0 gt 6", "1"),
        ("data.gpc0 ge 5 data.gpt0 gt 6 data.conn_cnt le 0 data.gpc1 eq 0", "1"),
        ("data.gpc0 ge 5 data.gpt0 gt 7", ""),
        ("data.server_key eq 0", "1 2 3"),
        ("data.server_key eq 1", ""),
    ] {
        assert_eq!(keys(filter), expected, "{filter}");
    }
    let four = "data.gpc0 gt 1 data.gpt0 eq 7 data.gpc1 eq 0 data.conn_cur eq 0";
    for (command, said) in [
        (
            format!("show table fe {four} data.gpc0 eq 5"),
            "Detected extra data in filter, 16th word of input, after '0'",
        ),
        (
            "set table fe data.gpc0 eq 5".to_owned(),
            "content-based lookup is only supported with the \"show\" and \"clear\" actions",
        ),
    ] {
        assert_eq!(api.ask(&command).trim_end(), said, "{command}");
    }
    assert_eq!(api.ask("set table be key long-key data.gpc 5").trim(), "");
    assert!(api.ask("show table be data.gpc gt 4").contains("key=long "));
    assert_eq!(api.ask("clear table fe data.gpc0 eq 5 data.gpt0 eq 0").trim(), "");
    assert_eq!(keys("data.conn_cur eq 0"), "1 3");
}

fn full_tables_take_what_their_settings_say(kind: Kind) {
    let (api, server) = (Api::new(), Backend::greet("s1"));
    let backend = format!(
        "stick-table type string len 8 size 3 nopurge store gpc0\n  server s1 {}
backend purges
  stick-table type string len 8 size 3 store gpc0",
        server.addr
    );
    let _proxy = start(kind, &api, "", &backend);
    let set = |table: &str, key: &str| api.ask(&format!("set table {table} key {key}"));
    for key in ["a", "b", "c"] {
        assert_eq!([set("be", key).trim(), set("purges", key).trim()], ["", ""]);
    }
    assert_eq!(set("be", "d").trim(), "Unable to allocate a new entry");
    assert_eq!(set("be", "a").trim(), "", "what is there already may be set");
    assert_eq!(set("purges", "d").trim(), "");
    let shown = api.ask("show table purges");
    assert!(shown.contains("used:3") && shown.contains("key=d "), "{shown}");
    assert!(!shown.contains("key=a "), "the oldest gave way: {shown}");
    assert_eq!(api.ask("show table be data.gpc0 eq 0").matches("key=").count(), 3);
}
