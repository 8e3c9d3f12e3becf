//! What `show …` commands print, as tools read it.

use std::collections::BTreeMap;

use crate::harness::api::Api;
use crate::harness::backend::Backend;
use crate::harness::both;
use crate::harness::client::served_by;
use crate::harness::eventually;
use crate::harness::proxy::{Kind, Proxy, Scene};

both! {
    stat_has_a_row_for_everything_in_order,
    stat_shows_what_was_served,
    stat_shows_a_server_that_is_down,
    stat_shows_what_limits_a_frontend,
    stat_filters_rows,
    stat_speaks_typed_and_json,
    stat_hides_addresses_from_users,
    info_has_the_fields_tools_read,
    servers_state_is_a_state_file,
    servers_conn_has_a_row_a_server,
    backends_and_weights,
    environment_sockets_and_other_lists,
    events_are_listed,
    what_is_not_there_is_answered,
}

/// Two servers of `be`: `s1` checked and up, `s2` a backup without a check; and `s3` disabled.
struct Scenery {
    api: Api,
    proxy: Proxy,
    _server: Backend,
    port: u16,
}

fn scenery(kind: Kind) -> Scenery {
    let api = Api::new();
    let server = Backend::greet("s1");
    let proxy = Scene::new(kind)
        .global(&format!("{}\nmaxconn 200\nstats timeout 10s", api.lines()))
        .backend(&format!(
            "balance leastconn\nfullconn 50\n\
             server s1 {} check inter 100 maxconn 10 weight 7\n\
             server s2 127.0.0.1:1 backup\nserver s3 127.0.0.1:2 disabled check",
            server.addr
        ))
        .start();
    let up = || table(&api.ask("show stat"))["be/s1"]["check_status"].ends_with("L4OK");
    eventually("the first check passed", || up().then_some(()));
    let port = server.addr.port();
    Scenery { api, proxy, _server: server, port }
}

type Row = BTreeMap<String, String>;

/// The rows of a CSV by `proxy/name`.
fn table(csv: &str) -> BTreeMap<String, Row> {
    let mut lines = csv.lines();
    let header = lines.next().and_then(|line| line.strip_prefix("# ")).expect("a header");
    let names: Vec<&str> = header.split(',').collect();
    let row = |line: &str| -> Row {
        let values = line.split(',').map(str::to_owned);
        names.iter().map(|name| (*name).to_owned()).zip(values).collect()
    };
    let rows = lines.filter(|line| !line.is_empty()).map(row);
    rows.map(|row| (format!("{}/{}", row["pxname"], row["svname"]), row)).collect()
}

/// `proxy/name` of each row, but for those of the page with metrics.
fn names(csv: &str) -> Vec<String> {
    let lines = csv.lines().skip(1).filter(|line| !line.is_empty());
    let names = lines.map(|line| line.split(',').take(2).collect::<Vec<_>>().join("/"));
    names.filter(|name| !name.starts_with("stats/")).collect()
}

/// Checks columns written as `name=value`, separated by blanks.
#[track_caller]
fn expect(row: &Row, wanted: &str) {
    for (name, value) in wanted.split_whitespace().filter_map(|word| word.split_once('=')) {
        assert_eq!(row[name], value, "{name} of {row:?}");
    }
}

fn stat_has_a_row_for_everything_in_order(kind: Kind) {
    let scenery = scenery(kind);
    let csv = scenery.api.ask("show stat");
    assert!(csv.ends_with(",\n\n"), "{csv}");
    assert_eq!(names(&csv), ["fe/FRONTEND", "be/s1", "be/s2", "be/s3", "be/BACKEND"]);
    let columns: Vec<&str> = csv.lines().next().unwrap()[2..].split(',').collect();
    let known = "pxname,svname,qcur,qmax,scur,smax,slim,stot,bin,bout,dreq,dresp,ereq,econ,eresp,\
                 wretr,wredis,status,weight,act,bck,chkfail,chkdown,lastchg,downtime,qlimit,pid,\
                 iid,sid,throttle,lbtot,tracked,type,rate,rate_lim,rate_max,check_status,\
                 check_code,check_duration,hrsp_1xx,hrsp_2xx,hrsp_3xx,hrsp_4xx,hrsp_5xx,hrsp_other,\
                 hanafail,req_rate,req_rate_max,req_tot,cli_abrt,srv_abrt,comp_in,comp_out,comp_byp,\
                 comp_rsp,lastsess,last_chk,last_agt,qtime,ctime,rtime,ttime,agent_status,agent_code,\
                 agent_duration,check_desc,agent_desc,check_rise,check_fall,check_health,agent_rise,\
                 agent_fall,agent_health,addr,cookie,mode,algo,conn_rate,conn_rate_max,conn_tot,\
                 intercepted,dcon,dses,wrew,connect,reuse,cache_lookups,cache_hits,srv_icur,src_ilim,\
                 qtime_max,ctime_max,rtime_max,ttime_max,eint,idle_conn_cur,safe_conn_cur,\
                 used_conn_cur,need_conn_est,uweight,agg_server_status,agg_server_check_status,\
                 agg_check_status";
    let known: Vec<&str> = known.split(',').collect();
    assert_eq!(columns[..known.len()], known);
    assert!(columns.contains(&"-"));
}

const FRONTEND: &str = "slim=200 stot=3 dreq=0 ereq=0 status=OPEN pid=1 iid=2 sid=0 type=0 \
    rate_lim=0 mode=tcp conn_tot=3 qcur= weight= econ= lastsess= addr= algo= lbtot= eint=0 \
    req_tot=0 chkdown=";

const CHECKED: &str = "qcur=0 scur=0 slim=10 stot=3 dreq= econ=0 wretr=0 status=UP weight=7 \
    uweight=7 act=1 bck=0 chkfail=0 chkdown=0 downtime=0 iid=3 sid=1 lbtot=3 type=2 check_code= \
    check_rise=2 check_fall=3 check_health=4 connect=3 rate_lim= throttle= qlimit= last_chk= \
    cookie= algo=";

const UNCHECKED: &str =
    "slim= act=0 bck=1 chkfail= chkdown= check_status= stot=0 lastsess=-1 sid=2";

const BACKEND: &str = "slim=50 stot=3 dreq=0 ereq= status=UP weight=7 act=1 bck=1 chkfail= \
    chkdown=0 type=1 algo=leastconn lbtot=3 comp_in=0 addr= uweight=7";

fn stat_shows_what_was_served(kind: Kind) {
    let scenery = scenery(kind);
    for _ in 0..3 {
        assert_eq!(served_by(scenery.proxy.addr).unwrap(), "s1");
    }
    let rows = eventually("the sessions ended and the server is fully up", || {
        let rows = table(&scenery.api.ask("show stat"));
        let at_rest = rows["fe/FRONTEND"]["scur"] == "0" && rows["be/s1"]["scur"] == "0";
        (at_rest && rows["be/s1"]["check_health"] == "4").then_some(rows)
    });
    expect(&rows["fe/FRONTEND"], FRONTEND);
    expect(&rows["be/s1"], CHECKED);
    assert_eq!(rows["be/s1"]["addr"], format!("127.0.0.1:{}", scenery.port));
    assert_eq!(rows["be/s1"]["check_desc"], "Layer4 check passed");
    expect(&rows["be/s2"], UNCHECKED);
    assert_eq!(rows["be/s2"]["status"], "no check");
    expect(&rows["be/s3"], "status=MAINT chkfail=0 check_status= check_rise=");
    expect(&rows["be/BACKEND"], BACKEND);
}

fn stat_shows_what_limits_a_frontend(kind: Kind) {
    let api = Api::new();
    let _proxy = Scene::new(kind)
        .global(&api.lines())
        .frontend("rate-limit sessions 7\noption socket-stats")
        .start();
    let rows = table(&api.ask("show stat"));
    expect(&rows["fe/FRONTEND"], "rate_lim=7");
    expect(&rows["fe/sock-1"], "slim=0");
}

fn stat_shows_a_server_that_is_down(kind: Kind) {
    let api = Api::new();
    let _proxy = Scene::new(kind)
        .global(&api.lines())
        .backend("server s1 127.0.0.1:1 check inter 50 fall 1")
        .start();
    // A check that runs shows a star, and its words are not there yet.
    let told = |server: &BTreeMap<String, String>| {
        server["status"] == "DOWN" && !server["check_status"].starts_with('*')
    };
    let down = || Some(table(&api.ask("show stat"))).filter(|rows| told(&rows["be/s1"]));
    let rows = eventually("the server is down", down);
    let server = &rows["be/s1"];
    assert_eq!(server["check_status"], "L4CON");
    assert_eq!(server["check_desc"], "Layer4 connection problem");
    assert_eq!(server["last_chk"], "Connection refused");
    expect(server, "chkdown=1 chkfail=1 weight=1 act=1 check_health=0");
    expect(&rows["be/BACKEND"], "status=DOWN weight=0 act=0 chkdown=1");
}

fn stat_filters_rows(kind: Kind) {
    let scenery = scenery(kind);
    let ask = |command: &str| names(&scenery.api.ask(command));
    assert_eq!(ask("show stat -1 4 -1"), ["be/s1", "be/s2", "be/s3"]);
    assert_eq!(ask("show stat be 4 2"), ["be/s2"]);
    assert_eq!(ask("show stat 3 2 -1"), ["be/BACKEND"]);
    assert_eq!(ask("show stat fe 1 -1"), ["fe/FRONTEND"]);
    assert_eq!(ask("show stat 99 -1 -1"), [""; 0]);
    assert_eq!(ask("show stat up")[1..3], ["be/s1", "be/s2"]);
    assert_eq!(ask("show stat no-maint")[1..4], ["be/s1", "be/s2", "be/BACKEND"]);
    assert_eq!(scenery.api.ask("show stat zz 4 -1"), "No such proxy.\n\n");
    for command in ["show stat domain zz", "show stat domain"] {
        assert_eq!(scenery.api.ask(command), "Invalid statistics domain.\n\n");
    }
    let up = table(&scenery.api.ask("show stat no-maint"));
    assert_eq!(up["be/BACKEND"]["status"], "UP (2/3)");
}

fn stat_speaks_typed_and_json(kind: Kind) {
    let scenery = scenery(kind);
    let typed = scenery.api.ask("show stat be 4 1 typed");
    for (start, end) in [
        ("S.3.1.0.pxname.1:KNS", ":str:be"),
        ("S.3.1.1.svname.1:KNS", ":str:s1"),
        ("S.3.1.6.slim.1:CLP", ":u32:10"),
        ("S.3.1.7.stot.1:MCP", ":u64:0"),
        ("S.3.1.19.act.1:SGP", ":u32:1"),
        ("S.3.1.55.lastsess.1:MAP", ":s32:-1"),
        ("S.3.1.75.mode.1:CGS", ":str:tcp"),
    ] {
        let found = typed.lines().any(|line| line.starts_with(start) && line.ends_with(end));
        assert!(found, "{start}…{end} is not in\n{typed}");
    }
    let json: serde_json::Value =
        serde_json::from_str(&scenery.api.ask("show stat be 4 1 json")).unwrap();
    let first = &json[0][0];
    assert_eq!(first["objType"], "Server");
    assert_eq!((&first["proxyId"], &first["id"]), (&3.into(), &1.into()));
    assert_eq!(first["field"]["name"], "pxname");
    assert_eq!(first["tags"]["origin"], "Key");
    assert_eq!(first["value"]["value"], "be");
    let schema = scenery.api.ask("show schema json");
    let schema: serde_json::Value = serde_json::from_str(&schema).unwrap();
    assert_eq!(schema["oneOf"][1]["title"], "Stat");
}

fn stat_hides_addresses_from_users(kind: Kind) {
    let scenery = scenery(kind);
    for (level, seen) in [("user", false), ("operator", true)] {
        let table = table(&scenery.api.ask_as(level, "show stat"));
        assert_eq!(!table["be/s1"]["addr"].is_empty(), seen, "{level}");
        assert_eq!(!table["be/BACKEND"]["algo"].is_empty(), seen, "{level}");
    }
}

fn info_has_the_fields_tools_read(kind: Kind) {
    let scenery = scenery(kind);
    let text = scenery.api.ask("show info");
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
        line.unwrap_or_else(|| panic!("no {name} in\n{text}")).to_owned()
    };
    assert_eq!((field("Name").as_str(), field("Maxconn").as_str()), ("HAProxy", "200"));
    assert_eq!((field("Process_num").as_str(), field("Nbproc").as_str()), ("1", "1"));
    assert_eq!((field("Stopping").as_str(), field("CurrConns").as_str()), ("0", "0"));
    assert!(field("Uptime").starts_with("0d 0h0"), "{text}");
    // Operators' connections are in the totals and in no rate.
    let again = scenery.api.ask("show info");
    for name in ["CumConns", "CumReq"] {
        let before: u64 = field(name).parse().unwrap();
        assert!(again.contains(&format!("\n{name}: {}\n", before + 1)), "{name} {before}\n{again}");
    }
    assert_eq!(field("Pid"), scenery.proxy.process.pid().to_string());
    let names: Vec<&str> = text.lines().filter_map(|line| Some(line.split_once(": ")?.0)).collect();
    let first = [
        "Name",
        "Version",
        "Release_date",
        "Nbthread",
        "Nbproc",
        "Process_num",
        "Pid",
        "Uptime",
        "Uptime_sec",
        "Memmax_MB",
        "PoolAlloc_MB",
        "PoolUsed_MB",
        "PoolFailed",
        "Ulimit-n",
        "Maxsock",
        "Maxconn",
        "Hard_maxconn",
        "CurrConns",
        "CumConns",
        "CumReq",
        "MaxSslConns",
    ];
    assert_eq!(names[..first.len()], first);
    for name in ["Tasks", "Run_queue", "Idle_pct", "node", "Jobs", "Unstoppable Jobs", "Listeners"]
    {
        assert!(names.contains(&name), "{name}");
    }
    let typed = scenery.api.ask("show info typed");
    assert!(typed.starts_with("0.Name.1:POS"), "{typed}");
    assert!(
        typed
            .lines()
            .any(|line| line.starts_with("15.Maxconn.1:CLP") && line.ends_with(":u32:200"))
    );
    assert!(typed.lines().any(|line| line.starts_with("50.node.1:COS")), "{typed}");
    let json: serde_json::Value = serde_json::from_str(&scenery.api.ask("show info json")).unwrap();
    assert_eq!(json[0]["value"]["value"], "HAProxy");
    let desc = scenery.api.ask("show info desc");
    assert!(desc.starts_with("Name: HAProxy:\""), "{desc}");
    let float = scenery.api.ask("show info float");
    assert!(
        float.lines().any(|line| line.starts_with("Uptime_sec: ") && line.contains('.')),
        "{float}"
    );
}

fn servers_state_is_a_state_file(kind: Kind) {
    let scenery = scenery(kind);
    let text = scenery.api.ask("show servers state");
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("1"));
    let header = lines.next().unwrap();
    assert!(
        header.starts_with("# be_id be_name srv_id srv_name srv_addr srv_op_state "),
        "{header}"
    );
    assert!(header.ends_with(" srv_check_port srv_check_addr srv_agent_addr srv_agent_port"));
    let count = header.split(' ').count() - 1;
    let rows: Vec<Vec<&str>> =
        lines.take_while(|line| !line.is_empty()).map(|line| line.split(' ').collect()).collect();
    assert!(rows.iter().all(|row| row.len() == count), "{text}");
    let port = scenery.port.to_string();
    assert_eq!(rows[0][..9], ["3", "be", "1", "s1", "127.0.0.1", "2", "0", "7", "7"]);
    assert_eq!(rows[0][10..12], ["6", "3"]);
    assert_eq!(rows[0][14..], ["0", "0", "0", "-", &port, "-", "0", "0", "-", "-", "0"]);
    assert_eq!(rows[1][3..9], ["s2", "127.0.0.1", "2", "0", "1", "1"]);
    assert_eq!(rows[1][10..14], ["1", "0", "2", "0"]);
    assert_eq!(rows[2][3..9], ["s3", "127.0.0.1", "0", "5", "1", "1"]);
    assert_eq!(rows[2][12..14], ["0", "14"]);
    assert_eq!(scenery.api.ask("show servers state zz"), "Can't find backend.\n\n");
    assert_eq!(scenery.api.ask("show servers state be").lines().count(), 6);
}

fn servers_conn_has_a_row_a_server(kind: Kind) {
    let scenery = scenery(kind);
    let text = scenery.api.ask("show servers conn be");
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("# bkname/svname bkid/svid addr port - purge_delay "), "{text}");
    let start = format!("be/s1 3/1 127.0.0.1 {} - 5000 ", scenery.port);
    assert!(lines[1].starts_with(&start), "{text}");
    assert_eq!(lines.len(), 5, "{text}");
    assert_eq!(scenery.api.ask("show servers conn zz"), "Can't find backend.\n\n");
}

fn backends_and_weights(kind: Kind) {
    let scenery = scenery(kind);
    let ask = |command: &str| scenery.api.ask(command);
    assert!(ask("show backend").starts_with("# name\nbe\n"));
    assert_eq!(ask("get weight be/s1"), "7 (initial 7)\n\n");
    assert_eq!(ask("get weight zz/s1"), "No such backend.\n\n");
    assert_eq!(ask("get weight be/zz"), "No such server.\n\n");
    assert_eq!(ask("get weight be"), "Require 'backend/server'.\n\n");
}

fn environment_sockets_and_other_lists(kind: Kind) {
    let scenery = scenery(kind);
    let ask = |command: &str| scenery.api.ask(command);
    let admin = scenery.api.path("admin").display().to_string();
    let sockets = ask("show cli sockets");
    assert!(sockets.starts_with("# socket lvl processes\n"), "{sockets}");
    assert!(sockets.contains(&format!("\nunix@{admin} admin all\n")), "{sockets}");
    assert!(ask("show env").contains("\nHAPROXY_CLI=unix@"));
    assert!(ask("show env PATH").starts_with("PATH="));
    assert_eq!(ask("show env NO_SUCH_THING"), "Variable not found\n\n");
    assert_eq!(scenery.api.ask_as("user", "show env"), "Permission denied\n\n");
    assert!(ask("show errors").starts_with("Total events captured on ["));
    assert!(ask("show pools").starts_with("Dumping pools usage."));
    assert!(ask("show activity").contains("date_now: "));
    assert!(ask("show threads").contains("Thread 1 :"));
    assert!(ask("show tasks").starts_with("Running tasks: "));
    assert!(ask("show libs").contains("/libc"));
}

fn events_are_listed(kind: Kind) {
    let scenery = scenery(kind);
    assert!(scenery.api.ask("show events").contains("\n    buf0       : type=buffer, 0 dropped, "));
    assert!(scenery.api.ask("show events zz").starts_with("No such event sink"));
}

/// HAProxy's own buffer shows traces only.
#[test]
fn events_tell_what_happened() {
    let api = Api::new();
    let _proxy = Scene::new(Kind::Evenkeel)
        .global(&api.lines())
        .backend("server s1 127.0.0.1:1 check inter 50 fall 1")
        .start();
    let told = || {
        let text = api.ask("show events buf0");
        text.contains("Server be/s1 is DOWN").then_some(text)
    };
    let text = eventually("the event", told);
    assert!(text.contains("> ") || text.starts_with('<'), "{text}");
}

/// Into a pipe it prints what the socket says.
#[test]
fn ctl_asks_the_socket_it_is_given() {
    let scenery = scenery(Kind::Evenkeel);
    let socket = scenery.api.path("admin").display().to_string();
    let (status, text) =
        Kind::Evenkeel.run(&["ctl", "-s", &socket, "show", "stat", "-1", "4", "-1"]);
    assert!(status.success(), "{text}");
    assert_eq!(names(&text), ["be/s1", "be/s2", "be/s3"]);
    for refused in ["foo bar", "disable server be/none", "show table none", "show info; foo"] {
        let (status, text) = Kind::Evenkeel.run(&["ctl", "-s", &socket, refused]);
        assert_eq!(status.code(), Some(3), "{refused}: {text}");
        assert!(!text.contains("]: "), "{text}");
    }
    let (status, text) = Kind::Evenkeel.run(&["ctl", "-s", "/no/such.sock", "show info"]);
    assert_eq!(status.code(), Some(1));
    assert!(text.contains("/no/such.sock"), "{text}");
}

/// The fields that clients of 3.x and dashboards ask for.
#[test]
fn info_claims_what_it_speaks() {
    let scenery = scenery(Kind::Evenkeel);
    assert_eq!(scenery.api.ask("show version"), "3.2.0\n\n");
    let text = scenery.api.ask("show info");
    assert!(text.contains("\nVersion: 3.2.0\n"), "{text}");
    assert!(text.contains("\nTotalSplicedBytesOut: 0\n"), "{text}");
    assert!(text.contains("\nNbThreadGroups: 1\n"), "{text}");
    let unknown = scenery.api.ask("shwo stat");
    assert!(unknown.starts_with("Unknown command: 'shwo stat', but maybe one of"), "{unknown}");
    assert!(unknown.contains("\n  show stat "), "{unknown}");
    assert_eq!(scenery.api.ask(r"echo a\;b;echo c"), "a;b\n\nc\n\n");
    assert_eq!(scenery.api.ask("prompt i\nshow version\nprompt n"), "\n3.2.0\n\n\n");
}

fn what_is_not_there_is_answered(kind: Kind) {
    let api = Api::new();
    let _proxy = Scene::new(kind).global(&api.lines()).backend("server s1 127.0.0.1:1").start();
    for (command, wanted) in [
        ("show peers", "\n"),
        ("show peers dict", "\n"),
        ("show peers nobody", "No such peers\n\n"),
        ("show cache", "\n"),
        ("show tls-keys", "# id (file)\n\n"),
        ("show tls-keys 0", "'show tls-keys' unable to locate referenced filename\n\n"),
        ("show ssl ocsp-response", "\n"),
        ("show ssl ocsp-response 12", "Certificate ID does not match any certificate.\n\n"),
        ("show trace nothing", "No such trace source\n"),
        ("trace nothing", "No such trace source\n"),
        ("trace 0", "All traces now stopped\n"),
        ("enable dynamic-cookie backend be", "\n"),
        ("disable dynamic-cookie backend nobody", "No such backend.\n\n"),
        ("enable dynamic-cookie backend", "A backend name is expected.\n\n"),
        ("set dynamic-cookie-key backend be secret", "\n"),
        ("set dynamic-cookie-key backend be", "String value expected.\n\n"),
    ] {
        assert_eq!(api.ask(command), wanted, "{command}");
    }
    for command in ["show trace", "trace", "show profiling", "show ssl providers"] {
        let answer = api.ask(command);
        assert!(answer.len() > 2 && !answer.contains("Unknown"), "{command}: {answer}");
    }
    assert_eq!(api.ask_as("user", "trace 0"), "Permission denied\n\n");
    assert!(api.ask("show fd").lines().any(|line| line.starts_with("      4 : ")));
}
