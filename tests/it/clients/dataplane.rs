//! The library under HAProxy's own REST interface: a connection for each command, which asks for
//! severities first and takes `[0]:` to `[3]:` at the start of an answer for a failure.

use super::{Row, Site, site};
use crate::harness::client::served_by;
use crate::harness::proxy::Kind;
use crate::harness::{both, eventually};

both! {
    figures_are_read,
    servers_are_changed,
    servers_come_and_go,
    maps_are_changed,
    lists_of_addresses_are_changed,
    tables_are_changed,
}

impl Site {
    /// What a command says; a failure is an error.
    fn run(&self, command: &str) -> Result<String, String> {
        let answer = self.api.ask(&format!("set severity-output number;{command}"));
        // The first command says nothing: an empty line.
        let answer = answer.strip_prefix('\n').expect("a silent first command").trim().to_owned();
        match answer.get(..4) {
            Some("[3]:" | "[2]:" | "[1]:" | "[0]:") => Err(answer[4..].trim().to_owned()),
            _ => Ok(answer),
        }
    }

    /// A command whose answer means nothing.
    #[track_caller]
    fn change(&self, command: &str) {
        self.run(command).unwrap_or_else(|why| panic!("{command}: {why}"));
    }

    #[track_caller]
    fn refused(&self, command: &str, why: &str) {
        assert_eq!(self.run(command), Err(why.to_owned()), "{command}");
    }
}

fn figures_are_read(kind: Kind) {
    let site = site(kind);
    // `position.name.process:tags:type:value`, joined again by the name.
    let typed = site.run("show info typed").unwrap();
    let field = |name: &str| -> String {
        let mut fields = typed.lines().filter_map(|line| {
            let mut parts = line.splitn(4, ':');
            let head: Vec<_> = parts.next()?.split('.').collect();
            let value = parts.nth(2)?;
            (head[1] == name).then(|| value.to_owned())
        });
        fields.next().unwrap_or_else(|| panic!("no {name} in {typed}"))
    };
    assert_eq!((field("Name").as_str(), field("node").as_str()), ("HAProxy", "lb1"));
    assert_eq!(field("description"), "the pair");
    assert_eq!(field("Pid"), site.proxy.process.pid().to_string());
    for name in
        ["Nbthread", "Uptime_sec", "Ulimit-n", "Maxsock", "Idle_pct", "Jobs", "TotalBytesOut"]
    {
        assert!(field(name).parse::<u64>().is_ok(), "{name}");
    }
    let json: serde_json::Value =
        serde_json::from_str(&site.run("show info json").unwrap()).unwrap();
    assert!(
        json.as_array()
            .unwrap()
            .iter()
            .any(|it| it["field"]["name"] == "Maxconn" && it["value"]["value"] == 200)
    );
    let rows: Vec<Row> = super::rows(&super::watched(&site.run("show stat").unwrap()));
    let types: Vec<_> = rows.iter().map(|row| row["type"].as_str()).collect();
    assert_eq!(types, ["0", "2", "2", "2", "1", "1"]);
    let all = site.run("show servers state").unwrap();
    assert_eq!(all, site.run("show servers state be").unwrap());
    let fields: Vec<_> = all.lines().nth(2).unwrap().split(' ').collect();
    assert_eq!(fields.len(), all.lines().nth(1).unwrap().split(' ').count() - 1);
    assert_eq!((fields[3], fields[4], fields[5], fields[6]), ("s1", "127.0.0.1", "2", "0"));
    assert!(site.run("show version").unwrap().starts_with("[6]: "));
    site.refused("show servers state zz", "Can't find backend.");
}

fn servers_are_changed(kind: Kind) {
    let site = site(kind);
    for (command, column, value) in [
        ("set server be/s1 state maint", "status", "MAINT"),
        ("set server be/s1 state drain", "status", "DRAIN"),
        ("set server be/s1 state ready", "status", "UP"),
        ("disable health be/s1", "status", "no check"),
        ("enable health be/s1", "status", "UP"),
        ("set server be/s1 weight 20", "weight", "20"),
        ("set weight be/s1 50%", "weight", "3"),
        ("set maxconn server be/s1 9", "slim", "9"),
        ("disable server be/s2", "status", "MAINT"),
        ("enable server be/s2", "status", "no check"),
    ] {
        site.change(command);
        let server = if command.contains("s2") { "s2" } else { "s1" };
        let seen = || {
            let cell = site.cell(server, column);
            (cell == value || cell.starts_with(&format!("{value} "))).then_some(())
        };
        // A server with a check may take a round of it to show what was asked for.
        eventually(command, seen);
    }
    site.change("set server be/s1 check-port 65000");
    site.change("set server be/s3 agent-addr 127.0.0.2");
    site.change("set server be/s3 agent-send ready");
    site.change("enable agent be/s3");
    site.change("disable agent be/s3");
    site.refused("set server be/zz state maint", "No such server.");
    site.refused("set server zz/s1 state maint", "No such backend.");
    site.refused(
        "set server be/s1 state zz",
        "'set server <srv> state' expects 'ready', 'drain' and 'maint'.",
    );
    site.refused("set server be/s1 agent-send x", "agent checks are not enabled on this server.");
    site.refused("enable agent be/s1", "Agent was not configured on this server, cannot enable.");
    for (command, column, value) in [
        ("set maxconn frontend fe 77", "slim", "77"),
        ("disable frontend fe", "status", "PAUSED"),
        ("enable frontend fe", "status", "OPEN"),
    ] {
        site.change(command);
        assert_eq!(site.csv()[0][column], value, "{command}");
    }
    let again = site.run("enable frontend fe");
    assert_eq!(again, Ok("[5]: All sockets are already enabled.".to_owned()));
    assert!(site.run("no such command").unwrap().contains("Unknown command"));
}

fn servers_come_and_go(kind: Kind) {
    let site = site(kind);
    let addr = site.servers[1].addr;
    let add = format!("add server be/n1 {addr} check inter 100ms weight 5");
    assert_eq!(site.run(&add), Ok("[6]: New server registered.".to_owned()));
    site.refused(&add, "Already exists a server with the same name in backend.");
    assert_eq!(
        (site.cell("n1", "status"), site.run("get weight be/n1").unwrap()),
        ("MAINT".into(), "5 (initial 5)".into())
    );
    site.change("enable health be/n1");
    site.change("enable server be/n1");
    eventually("the check passed", || {
        site.cell("n1", "check_status").ends_with("L4OK").then_some(())
    });
    site.change("set server be/s1 state maint");
    assert_eq!(served_by(site.proxy.addr).unwrap(), "s2");
    site.refused("del server be/n1", "Only servers in maintenance mode can be deleted.");
    site.change("disable server be/n1");
    let gone =
        || (site.run("del server be/n1") == Ok("[6]: Server deleted.".to_owned())).then_some(());
    eventually("the last session is over", gone);
    site.refused("del server be/n1", "No such server.");
}

/// `0x… key value` lines, without the first word.
fn entries(answer: &str) -> Vec<&str> {
    let entry = |line: &'_ str| line.starts_with("0x").then(|| line.find(' ')).flatten();
    answer.lines().filter_map(|line| Some(&line[entry(line)? + 1..])).collect()
}

fn maps_are_changed(kind: Kind) {
    let site = site(kind);
    let map = site.file("nets.map");
    let shown = || site.run(&format!("show map {map}")).unwrap();
    // `id (file) description`, which names a version and counts the entries.
    let list = site.run("show map").unwrap();
    let line = list.lines().find(|line| line.contains(&map)).unwrap();
    let (id, rest) = line.split_once(" (").unwrap();
    let (file, about) = rest.split_once(") ").unwrap();
    assert_eq!((id.parse::<u32>().is_ok(), file), (true, map.as_str()));
    assert!(
        about.contains("used by map") && about.ends_with("curr_ver=0 next_ver=0 entry_cnt=1"),
        "{about}"
    );
    // Both by file and by number; many at once as a payload.
    site.change(&format!("add map {map} <<\n10.1.0.0/16 be\n10.2.0.0/16 seen\n"));
    site.change(&format!("add map #{id} 10.3.0.0/16 be"));
    assert_eq!(
        entries(&shown()),
        ["192.0.2.0/24 be", "10.1.0.0/16 be", "10.2.0.0/16 seen", "10.3.0.0/16 be"]
    );
    site.change(&format!("set map #{id} 10.1.0.0/16 seen"));
    assert_eq!(
        site.run(&format!("get map {map} 10.1.2.3")).unwrap(),
        "type=ip, case=sensitive, found=yes, idx=tree, key=\"10.1.0.0/16\", value=\"seen\", type=\"str\""
    );
    site.change(&format!("del map {map} 10.2.0.0/16"));
    site.refused(&format!("del map {map} 10.2.0.0/16"), "Key not found.");
    site.refused("show map /no/such", "Unknown map identifier. Please use #<id> or <file>.");
    site.refused("show map #99", "Unknown map identifier. Please use #<id> or <file>.");
    // All at once: a version is filled unseen, then takes over.
    let prepared = site.run(&format!("prepare map {map}")).unwrap();
    let version = prepared.strip_prefix("[6]: New version created: ").unwrap();
    site.change(&format!("add map @{version} {map} <<\n127.0.0.0/8 seen\n"));
    assert_eq!(
        entries(&site.run(&format!("show map @{version} {map}")).unwrap()),
        ["127.0.0.0/8 seen"]
    );
    assert_eq!(entries(&shown()).len(), 3);
    site.change(&format!("commit map @{version} {map}"));
    assert_eq!(entries(&shown()), ["127.0.0.0/8 seen"]);
    assert!(served_by(site.proxy.addr).is_err(), "a backend without servers answers");
    site.change(&format!("clear map {map}"));
    assert_eq!(entries(&shown()), [""; 0]);
    assert_eq!(served_by(site.proxy.addr).unwrap(), "s1");
}

fn lists_of_addresses_are_changed(kind: Kind) {
    let site = site(kind);
    let list = site.file("blocked.lst");
    let shown = || site.run(&format!("show acl {list}")).unwrap();
    assert_eq!(entries(&shown()), ["10.9.0.0/16"]);
    site.change(&format!("add acl {list} 127.0.0.0/8"));
    assert!(served_by(site.proxy.addr).is_err());
    assert!(site.run(&format!("get acl {list} 127.1.2.3")).unwrap().contains("match=yes"));
    let reference = shown();
    let reference = reference.lines().nth(1).unwrap().split(' ').next().unwrap();
    site.change(&format!("del acl {list} #{reference}"));
    assert_eq!(served_by(site.proxy.addr).unwrap(), "s1");
    site.refused(&format!("del acl {list} 1.2.3.4"), "Key not found.");
    site.change(&format!("clear acl {list}"));
    assert_eq!(shown(), "");
    site.refused("show acl #99", "Unknown ACL identifier. Please use #<id> or <file>.");
}

fn tables_are_changed(kind: Kind) {
    let site = site(kind);
    // `# table: name, type: ip, size:100, used:0`
    let header = site.run("show table").unwrap();
    assert_eq!(header, "# table: seen, type: ip, size:100, used:0");
    served_by(site.proxy.addr).unwrap();
    site.change("set table seen key 127.0.0.9 data.gpc0 3 data.conn_cnt 4");
    let dump = site.run("show table seen").unwrap();
    assert!(dump.starts_with("# table: seen, type: ip, size:100, used:2\n0x"), "{dump}");
    let field = |key: &str, name: &str| -> String {
        let line = dump.lines().find(|line| line.contains(&format!("key={key} "))).unwrap();
        let words = line.split_whitespace();
        let mut values = words.filter_map(|word| word.strip_prefix(&format!("{name}=")));
        values.next().unwrap_or_else(|| panic!("no {name} in {line}")).to_owned()
    };
    assert_eq!(
        (field("127.0.0.9", "gpc0"), field("127.0.0.9", "conn_cnt")),
        ("3".into(), "4".into())
    );
    assert_eq!(field("127.0.0.1", "conn_cnt"), "1");
    let filtered = site.run("show table seen data.gpc0 gt 2").unwrap();
    assert_eq!(filtered.lines().count(), 2, "{filtered}");
    site.change("clear table seen key 127.0.0.9");
    // What a session still refers to stays.
    let emptied = || {
        site.change("clear table seen data.conn_cnt eq 1");
        site.run("show table seen").unwrap().ends_with("used:0").then_some(())
    };
    eventually("the session is over", emptied);
    site.refused("show table zz", "No such table");
    site.refused("set table seen key 1.2.3.4 data.zz 1", "Unknown data type");
}
