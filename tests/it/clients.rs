//! The programs that drive HAProxy's socket and read its page: each dialogue as the program holds
//! it, word for word, and the answers read as that program reads them.
//!
//! Ansible's module is in `api_servers`; the dashboard's queries are in `metrics`.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;

use crate::harness::api::{Api, rest};
use crate::harness::backend::Backend;
use crate::harness::client::served_by;
use crate::harness::dir::TempDir;
use crate::harness::http::Request;
use crate::harness::port::free_port;
use crate::harness::proxy::{Kind, Proxy, Scene};
use crate::harness::{both, eventually};

mod dataplane;
mod monitors;

both! {
    hatop_follows_and_steers,
    haproxyctl_lists_and_operates,
    replication_manager_moves_the_leader,
    an_asker_may_end_lines_as_windows_does,
    lines_of_shell_pick_columns,
}

/// A frontend, a backend of three servers that follow one another, a table, a map and the page.
struct Site {
    api: Api,
    proxy: Proxy,
    page: SocketAddr,
    servers: [Backend; 2],
    dir: TempDir,
}

/// The page comes last: the other sections have the numbers they have without it.
fn site(kind: Kind) -> Site {
    let (api, dir) = (Api::new(), TempDir::new());
    let servers = [Backend::greet("s1"), Backend::greet("s2")];
    let [one, two] = servers.each_ref().map(|server| server.addr);
    let map = dir.write("nets.map", "192.0.2.0/24 be\n");
    let list = dir.write("blocked.lst", "10.9.0.0/16\n");
    let port = free_port();
    let text = format!(
        "global\n log {{log}} local0\n node lb1\n description the pair\n maxconn 200\n{}\
         defaults\n mode tcp\n log global\n timeout connect 5s\n timeout client 30s\n \
         timeout server 30s\n\
         frontend fe\n bind {{front}}\n tcp-request connection reject if {{ src -f {} }}\n \
         tcp-request connection track-sc0 src table seen\n use_backend %[src,map_ip({},be)]\n\
         backend be\n balance roundrobin\n server s1 {one} check inter 100ms weight 7\n \
         server s2 {two} backup\n server s3 127.0.0.1:1 disabled check agent-check agent-port 1\n\
         backend seen\n stick-table type ip size 100 expire 1h store gpc0,conn_cnt,conn_cur\n\
         listen stats\n mode http\n no log\n bind 127.0.0.1:{port}\n stats enable\n \
         stats uri /haproxy\n",
        api.lines(),
        list.display(),
        map.display(),
    );
    let proxy = Scene::new(kind).whole(&text).start();
    let page = ([127, 0, 0, 1], port).into();
    let site = Site { api, proxy, page, servers, dir };
    eventually("the first checks passed", || {
        (site.cell("s1", "check_health") == "4").then_some(())
    });
    site
}

/// Rows of a CSV by column name.
type Row = BTreeMap<String, String>;

fn rows(csv: &str) -> Vec<Row> {
    let mut lines = csv.lines().filter(|line| !line.is_empty());
    let header: Vec<_> = lines.next().unwrap().trim_start_matches("# ").split(',').collect();
    let row = |line: &str| -> Row {
        let values: Vec<_> = line.split(',').collect();
        assert_eq!(values.len(), header.len(), "a row of another length: {line}");
        header
            .iter()
            .map(|name| (*name).to_owned())
            .zip(values.into_iter().map(str::to_owned))
            .collect()
    };
    lines.map(row).collect()
}

/// Without the rows of the page, which are HAProxy's alone.
fn watched(csv: &str) -> String {
    csv.lines().filter(|line| !line.starts_with("stats,")).map(|line| format!("{line}\n")).collect()
}

impl Site {
    fn csv(&self) -> Vec<Row> {
        rows(&watched(&self.api.ask("show stat")))
    }

    /// A column of a server of `be`.
    #[track_caller]
    fn cell(&self, server: &str, column: &str) -> String {
        let row =
            self.csv().into_iter().find(|row| row["pxname"] == "be" && row["svname"] == server);
        row.unwrap_or_else(|| panic!("no {server}"))[column].clone()
    }

    #[track_caller]
    fn get(&self, target: &str) -> String {
        let answer = Request::new().send(self.page, target);
        assert_eq!(answer.status, 200, "{target}");
        answer.body
    }

    /// A file of the site: `nets.map` or `blocked.lst`.
    fn file(&self, name: &str) -> String {
        self.dir.join(name).display().to_string()
    }
}

/// What was said up to the next prompt, which is cut off.
#[track_caller]
fn until_prompt(stream: &mut UnixStream) -> String {
    let mut text = Vec::new();
    while !text.ends_with(b"> ") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        text.push(byte[0]);
    }
    text.truncate(text.len() - 2);
    String::from_utf8(text).unwrap()
}

/// One connection in prompt mode; figures every few seconds, keys become commands.
fn hatop_follows_and_steers(kind: Kind) {
    let site = site(kind);
    let mut stream = site.api.connect("admin");
    let mut ask = |line: &str| {
        stream.write_all(format!("{line}\n").as_bytes()).unwrap();
        until_prompt(&mut stream)
    };
    assert_eq!(ask("prompt"), "\n");
    assert_eq!(ask("set timeout cli 60"), "\n");
    let info = ask("show info");
    // One word each, but for the uptime, which is all that follows.
    for (name, value) in [
        ("Name", "HAProxy"),
        ("Nbproc", "1"),
        ("Process_num", "1"),
        ("CurrConns", "0"),
        ("Maxconn", "200"),
        ("node", "lb1"),
        ("description", "the pair"),
    ] {
        assert!(
            info.contains(&format!("\n{name}: {value}\n"))
                || info.starts_with(&format!("{name}: {value}\n")),
            "{name} of\n{info}"
        );
    }
    for name in
        ["Version", "Release_date", "Pid", "Uptime", "Maxpipes", "PipesUsed", "Tasks", "Run_queue"]
    {
        let value = info.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
        assert!(value.is_some_and(|value| !value.trim().is_empty()), "{name} of\n{info}");
    }
    // By position, and no row with fewer than 56 commas.
    let stat = ask("show stat");
    let lines = || stat.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    assert!(lines().all(|line| line.matches(',').count() >= 56), "{stat}");
    let field = |server: &str, at: usize| {
        let line = lines().find(|line| line.starts_with(&format!("be,{server},")));
        line.unwrap().split(',').nth(at).unwrap().to_owned()
    };
    for (at, value) in
        [(17, "UP"), (18, "7"), (19, "1"), (20, "0"), (26, "1"), (27, "3"), (28, "1"), (32, "2")]
    {
        assert_eq!(field("s1", at), value, "column {at}");
    }
    assert_eq!((field("s2", 17).as_str(), field("s3", 17).as_str()), ("no check", "MAINT"));
    assert!(field("s1", 36).ends_with("L4OK"));
    for (line, weight, status) in [
        ("set weight be/s1 8", "8", "UP"),
        ("set weight be/s1 100%", "7", "UP"),
        ("disable server be/s1", "7", "MAINT"),
        ("enable server be/s1", "7", "UP"),
    ] {
        assert_eq!(ask(line), "\n", "{line}");
        let seen = ask("show stat 3 4 1");
        let row = rows(&seen).remove(0);
        assert_eq!(row["weight"], weight, "{line}");
        // It is up at once; how many checks it takes to be sure is shown behind.
        assert!(row["status"].starts_with(status), "{line}");
    }
    // What a person types, separated by semicolons, is sent line by line.
    assert!(ask("show servers state").starts_with("1\n# be_id "));
    assert_eq!(ask("disable server be/zz"), "No such server.\n\n");
    stream.write_all(b"quit\n").unwrap();
    assert_eq!(rest(&mut stream), "");
}

/// A script around the socket: lists made of `show stat`, a change for all backends of a server.
fn haproxyctl_lists_and_operates(kind: Kind) {
    let site = site(kind);
    let status = |name: &str| -> Vec<String> {
        let rows = site.csv().into_iter().filter(|row| row["svname"] == name);
        rows.map(|row| format!("{} {}", row["pxname"], row["status"])).collect()
    };
    assert_eq!(status("FRONTEND"), ["fe OPEN"]);
    assert_eq!(status("BACKEND"), ["be UP", "seen UP"]);
    for (command, state) in [("disable server be/s1", "MAINT"), ("enable server be/s1", "UP")] {
        assert_eq!(site.api.ask(command), "\n");
        assert!(status("s1")[0].starts_with(&format!("be {state}")), "{command}");
    }
    let pid = site.proxy.process.pid();
    assert!(site.api.ask("show info").contains(&format!("\nPid: {pid}\n")));
}

/// The writer is one server, moved by its address; readers come and go by state.
fn replication_manager_moves_the_leader(kind: Kind) {
    let site = site(kind);
    let ask = |line: &str| site.api.ask(line);
    let [_, two] = site.servers.each_ref().map(|server| server.addr);
    assert_eq!(served_by(site.proxy.addr).unwrap(), "s1");
    // Columns by number: 0 and 1 the names, 5 sessions, 17 status, 73 the address.
    let fields = |server: &str| -> Vec<String> {
        let csv = ask("show stat");
        let line = csv.lines().find(|line| line.starts_with(&format!("be,{server},"))).unwrap();
        line.split(',').map(str::to_owned).collect()
    };
    assert_eq!(fields("s1")[73], site.servers[0].addr.to_string());
    let moved = ask(&format!("set server be/s1 addr {} port {}", two.ip(), two.port()));
    let (from, to) = (site.servers[0].addr.port(), two.port());
    assert_eq!(
        moved.trim_end(),
        format!(
            "no need to change the addr, port changed from '{from}' to '{to}' by 'stats socket \
             command'"
        )
    );
    assert_eq!(fields("s1")[73], two.to_string());
    assert_eq!(served_by(site.proxy.addr).unwrap(), "s2");
    for (state, status) in
        [("maint", "MAINT"), ("ready", "UP"), ("drain", "DRAIN"), ("ready", "UP")]
    {
        assert_eq!(ask(&format!("set server be/s1 state {state}")), "\n");
        assert!(fields("s1")[17].starts_with(status), "{state}");
    }
    assert_eq!(ask("shutdown sessions server be/s1"), "\n");
    assert_eq!(ask("set maxconn server be/s1 40"), "\n");
    assert_eq!(fields("s1")[6], "40");
}

fn an_asker_may_end_lines_as_windows_does(kind: Kind) {
    let site = site(kind);
    // Without closing its half, as `nc -U` does, and two commands in one line.
    let mut stream = site.api.connect("admin");
    stream.write_all(b"set weight be/s1 3\r\n").unwrap();
    assert_eq!(rest(&mut stream), "\n");
    let mut stream = site.api.connect("admin");
    stream.write_all(b"get weight be/s1 ; show cli level\r\n").unwrap();
    assert_eq!(rest(&mut stream), "3 (initial 7)\n\nadmin\n\n");
}

/// `… | cut -d, -f 1,2,18`, `… | awk -F, '$18 == "UP"'`, `… | grep -c`, `… | awk '{print $4,$6}'`.
fn lines_of_shell_pick_columns(kind: Kind) {
    let site = site(kind);
    let stat = watched(&site.api.ask("show stat"));
    let cut: Vec<String> = stat
        .lines()
        .filter(|line| !line.is_empty())
        .map(|line| {
            let fields: Vec<_> = line.split(',').collect();
            format!("{},{},{}", fields[0], fields[1], fields[17])
        })
        .collect();
    assert_eq!(
        cut,
        [
            "# pxname,svname,status",
            "fe,FRONTEND,OPEN",
            "be,s1,UP",
            "be,s2,no check",
            "be,s3,MAINT",
            "be,BACKEND,UP",
            "seen,BACKEND,UP",
        ]
    );
    let state = site.api.ask("show servers state be");
    let picked: Vec<_> = state
        .lines()
        .skip(2)
        .filter(|line| !line.is_empty())
        .map(|line| {
            let words: Vec<_> = line.split_whitespace().collect();
            (words[3], words[5], words[6])
        })
        .collect();
    assert_eq!(picked, [("s1", "2", "0"), ("s2", "2", "0"), ("s3", "0", "5")]);
    // The answer to a script that asks for two things at once ends with one empty line each.
    let answer = site.api.ask("show info;show stat");
    assert_eq!(answer.split("\n\n").count(), 3, "{answer}");
}
