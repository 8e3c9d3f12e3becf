//! Servers whose names are followed while running, against a scripted name server.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use crate::harness::api::Api;
use crate::harness::client::served_by;
use crate::harness::dns::{NameServer, Said};
use crate::harness::proxy::{Kind, Proxy, Scene};
use crate::harness::{both, eventually};

both! {
    the_systems_name_servers_are_shown_last,
    a_server_without_an_address_serves_once_its_name_resolves,
    an_address_that_moves_is_followed,
    a_template_gives_each_server_an_address_of_its_own,
    a_name_that_ceases_to_exist_takes_its_server_out_after_its_hold,
    half_an_answer_changes_nothing,
    a_silent_name_server_changes_nothing_for_a_while,
    servers_of_one_name_may_prefer_different_families,
    a_name_server_that_is_gone_hides_no_family,
    services_bring_hosts_and_ports,
    a_service_that_changes_its_weight_keeps_its_server,
    a_service_that_is_gone_takes_host_and_port_along,
    a_command_gives_a_server_another_name,
    a_command_for_another_server_moves_no_service,
    an_address_that_a_command_gave_stays_until_the_answer_changes,
    a_server_that_cannot_be_resolved_at_start_is_an_error_unless_it_may_be,
}

/// A server on every address of this machine that says which one a client came to.
struct Everywhere(u16);

impl Everywhere {
    fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        // Ends with the test program: it holds nothing.
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let here = client.local_addr().unwrap();
                let _ = writeln!(&client, "{}", here.ip());
            }
        });
        Self(port)
    }
}

fn names(kind: Kind, dns: &NameServer, hold: &str, backend: &str) -> Proxy {
    asked(kind, dns, "", hold, backend)
}

fn asked(kind: Kind, names: &NameServer, global: &str, hold: &str, backend: &str) -> Proxy {
    let text = format!(
        "global\n    log {{log}} local0\n    nbthread 1\n{global}\
         resolvers dns\n    nameserver one {}\n    timeout resolve 100ms\n    timeout retry 100ms\n    {hold}\n\
         defaults\n    log global\n    mode tcp\n    timeout connect 5s\n    timeout client 30s\n    timeout server 30s\n\
         \x20   default-server init-addr none resolvers dns resolve-prefer ipv4\n\
         frontend fe\n    bind {{front}}\n    default_backend be\n\
         backend be\n    {backend}\n",
        names.addr
    );
    Scene::new(kind).whole(&text).start()
}

fn serves(addr: SocketAddr, wanted: &[&str]) {
    eventually(&format!("{wanted:?} serve"), || {
        let served: Vec<_> = (0..6).map(|_| served_by(addr).ok()).collect();
        let served: Option<BTreeSet<String>> = served.into_iter().collect();
        (served? == wanted.iter().map(|&ip| ip.to_owned()).collect()).then_some(())
    });
}

fn serves_nobody(addr: SocketAddr) {
    eventually("nobody is served", || served_by(addr).is_err().then_some(()));
}

fn the_systems_name_servers_are_shown_last(kind: Kind) {
    let (api, dns) = (Api::new(), NameServer::start());
    let _proxy = asked(kind, &dns, &api.lines(), "", "server s1 127.0.0.1:1");
    let system = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    let addresses = system.lines().filter_map(|line| line.strip_prefix("nameserver "));
    let mut wanted: Vec<String> = vec!["Resolvers section dns".into(), " nameserver one:".into()];
    wanted.extend(addresses.clone().next().map(|_| "Resolvers section default".into()));
    wanted.extend(addresses.map(|address| format!(" nameserver {}:", address.trim())));
    let shown = api.ask("show resolvers");
    let shown: Vec<&str> =
        shown.lines().filter(|line| !line.is_empty() && !line.starts_with("  ")).collect();
    assert_eq!(shown, wanted);
}

fn a_server_without_an_address_serves_once_its_name_resolves(kind: Kind) {
    let (dns, server) = (NameServer::start(), Everywhere::start());
    let proxy = names(kind, &dns, "", &format!("server s1 db.test:{}", server.0));
    assert!(served_by(proxy.addr).is_err());
    dns.addresses("db.test", &[11]);
    serves(proxy.addr, &["127.0.0.11"]);
    proxy.log.expect(&["be/s1 changed its IP from (none) to 127.0.0.11 by dns/one."]);
    proxy.log.expect(&["Server be/s1 ('db.test') is UP/READY (resolves again)."]);
    proxy.log.expect(&["Server be/s1 administratively READY thanks to valid DNS answer."]);
}

fn an_address_that_moves_is_followed(kind: Kind) {
    let (dns, server) = (NameServer::start(), Everywhere::start());
    dns.addresses("db.test", &[11]);
    let proxy = names(kind, &dns, "", &format!("server s1 DB.test:{} check inter 100ms", server.0));
    serves(proxy.addr, &["127.0.0.11"]);
    dns.addresses("db.test", &[12]);
    serves(proxy.addr, &["127.0.0.12"]);
    proxy.log.expect(&["be/s1 changed its IP from 127.0.0.11 to 127.0.0.12 by dns/one."]);
}

fn a_command_gives_a_server_another_name(kind: Kind) {
    let (dns, server, api) = (NameServer::start(), Everywhere::start(), Api::new());
    dns.addresses("db.test", &[11]);
    dns.addresses("other.test", &[12]);
    let proxy = asked(kind, &dns, &api.lines(), "", &format!("server s1 db.test:{}", server.0));
    serves(proxy.addr, &["127.0.0.11"]);
    let by = "by 'stats socket command'";
    for (name, answer) in [
        ("bad..name", format!("could not update be/s1 FQDN {by}")),
        ("other.test", format!("be/s1 changed its FQDN from db.test to other.test {by}")),
        ("other.test", format!("no need to change the FDQN {by}")),
    ] {
        let said = api.ask(&format!("set server be/s1 fqdn {name}"));
        assert_eq!(said.trim_end(), answer, "{name}");
    }
    serves(proxy.addr, &["127.0.0.12"]);
    let state = api.ask("show servers state be");
    assert!(state.contains(&format!(" other.test {} - ", server.0)), "{state}");
}

fn a_command_for_another_server_moves_no_service(kind: Kind) {
    let (dns, api) = (NameServer::start(), Api::new());
    for (name, last) in [("one", 21), ("two", 22), ("three", 23), ("db", 11), ("other", 12)] {
        dns.addresses(&format!("{name}.test"), &[last]);
    }
    let say = |hosts: &[&str]| {
        let services = hosts.iter().map(|host| (512, 80, format!("{host}.test")));
        dns.set("_db._tcp.test", Said::Srv(services.collect()));
    };
    say(&["one", "two"]);
    let backend = "server-template t 3 _db._tcp.test\n    server s1 db.test:80";
    let _proxy = asked(kind, &dns, &api.lines(), "hold obsolete 100ms", backend);
    // Slots with a service, and which: `(t1, 127.0.0.21, one.test)`.
    let slots = || {
        let state = api.ask("show servers state be");
        let lines = state.lines().map(|line| line.split(' ').collect::<Vec<_>>());
        let slots = lines.filter(|line| line.len() > 17 && line[3].starts_with('t'));
        let slots = slots.filter(|line| line[17] != "-" || line[4] != "-");
        slots.map(|line| [3, 4, 17].map(|at| line[at].to_owned())).collect::<Vec<_>>()
    };
    let has = |hosts: &[&str]| {
        let slots = slots();
        let among = |[_, ip, host]: &[String; 3]| ip != "-" && hosts.iter().any(|h| host == h);
        (slots.len() == hosts.len() && slots.iter().all(among)).then_some(slots)
    };
    eventually("two services have places", || has(&["one.test", "two.test"]));
    // A hole before what is left, so that a new order would show.
    say(&["two", "three"]);
    let before = eventually("another service", || has(&["two.test", "three.test"]));
    api.ask("set server be/s1 fqdn other.test");
    eventually("the other name is followed", || {
        let now = slots();
        assert_eq!(now, before);
        api.ask("show servers state be").contains(" s1 127.0.0.12 ").then_some(())
    });
    // The order in which a name server says things may change with every answer.
    say(&["three", "two"]);
    api.ask("set server be/s1 fqdn db.test");
    eventually("the first name is followed", || {
        let now = slots();
        assert_eq!(now, before);
        api.ask("show servers state be").contains(" s1 127.0.0.11 ").then_some(())
    });
}

fn an_address_that_a_command_gave_stays_until_the_answer_changes(kind: Kind) {
    let (dns, api) = (NameServer::start(), Api::new());
    dns.addresses("db.test", &[11]);
    dns.addresses("other.test", &[21]);
    let servers = "server s1 db.test:80\n    server s2 other.test:80";
    let _proxy = asked(kind, &dns, &api.lines(), "hold obsolete 100ms", servers);
    let has = |server: &str, address: &str| {
        let state = api.ask("show servers state be");
        state.contains(&format!(" {server} {address} ")).then_some(())
    };
    let both_have = |first: &str, second: &str| has("s1", first).and_then(|()| has("s2", second));
    eventually("both have addresses", || both_have("127.0.0.11", "127.0.0.21"));
    api.ask("set server be/s1 addr 127.0.0.99");
    for last in [22, 23] {
        dns.addresses("other.test", &[last]);
        // Names are asked for in rounds: the first one was answered anew, too.
        eventually("more rounds", || both_have("127.0.0.99", &format!("127.0.0.{last}")));
    }
    // What it was given is still said.
    dns.addresses("db.test", &[12, 11]);
    dns.addresses("other.test", &[24]);
    eventually("another round", || both_have("127.0.0.99", "127.0.0.24"));
    dns.addresses("db.test", &[12]);
    eventually("the answer counts", || has("s1", "127.0.0.12"));
}

fn a_template_gives_each_server_an_address_of_its_own(kind: Kind) {
    let (dns, server) = (NameServer::start(), Everywhere::start());
    dns.addresses("db.test", &[11, 12]);
    let proxy = names(kind, &dns, "", &format!("server-template t 3 db.test:{}", server.0));
    serves(proxy.addr, &["127.0.0.11", "127.0.0.12"]);
    dns.addresses("db.test", &[13, 12, 14]);
    serves(proxy.addr, &["127.0.0.12", "127.0.0.13", "127.0.0.14"]);
    dns.addresses("db.test", &[12]);
    serves(proxy.addr, &["127.0.0.12"]);
    proxy.log.expect(&["is going DOWN for maintenance (No IP for server ). 1 active and 0 backup"]);
}

fn a_name_that_ceases_to_exist_takes_its_server_out_after_its_hold(kind: Kind) {
    let (dns, server) = (NameServer::start(), Everywhere::start());
    dns.addresses("db.test", &[11]);
    let proxy = names(kind, &dns, "hold nx 300ms", &format!("server s1 db.test:{}", server.0));
    serves(proxy.addr, &["127.0.0.11"]);
    dns.forget("db.test");
    serves_nobody(proxy.addr);
    proxy.log.expect(&["Server be/s1 is going DOWN for maintenance (DNS NX status)."]);
    dns.addresses("db.test", &[12]);
    serves(proxy.addr, &["127.0.0.12"]);
}

/// What does not fit into a datagram is not all of it.
fn half_an_answer_changes_nothing(kind: Kind) {
    let (dns, server) = (NameServer::start(), Everywhere::start());
    dns.addresses("db.test", &[11]);
    dns.addresses("other.test", &[12]);
    let servers = format!("server s1 db.test:{0}\n    server s2 other.test:{0}", server.0);
    let proxy = names(kind, &dns, "hold other 1h\n    hold obsolete 0s", &servers);
    serves(proxy.addr, &["127.0.0.11", "127.0.0.12"]);
    dns.set("db.test", Said::Truncated(vec![Ipv4Addr::new(127, 0, 0, 13)]));
    // It is asked as often as the other, whose new address shows that both were.
    dns.addresses("other.test", &[14]);
    serves(proxy.addr, &["127.0.0.11", "127.0.0.14"]);
}

fn a_silent_name_server_changes_nothing_for_a_while(kind: Kind) {
    let (dns, server) = (NameServer::start(), Everywhere::start());
    dns.addresses("db.test", &[11]);
    dns.addresses("other.test", &[12]);
    let servers = format!("server s1 db.test:{0}\n    server s2 other.test:{0}", server.0);
    let proxy = names(kind, &dns, "hold timeout 1h\n    hold nx 100ms", &servers);
    serves(proxy.addr, &["127.0.0.11", "127.0.0.12"]);
    dns.set("db.test", Said::Silence);
    dns.forget("other.test");
    serves(proxy.addr, &["127.0.0.11"]);
}

fn services_bring_hosts_and_ports(kind: Kind) {
    let (dns, server) = (NameServer::start(), Everywhere::start());
    dns.addresses("one.test", &[21]);
    dns.addresses("two.test", &[22]);
    let two = [(512, server.0, "one.test".to_owned()), (1000, server.0, "two.test".to_owned())];
    dns.set("_db._tcp.test", Said::Srv(two.to_vec()));
    let proxy = names(kind, &dns, "hold nx 100ms", "server-template t 2 _db._tcp.test");
    serves(proxy.addr, &["127.0.0.21", "127.0.0.22"]);
    // Weights 512 and 1000 of 65536 are 2 and 4 of 256.
    let served = (0..12).filter(|_| served_by(proxy.addr).unwrap() == "127.0.0.22").count();
    assert_eq!(served, 8);
    dns.set("_db._tcp.test", Said::Srv(two[1..].to_vec()));
    serves(proxy.addr, &["127.0.0.22"]);
}

fn a_service_that_changes_its_weight_keeps_its_server(kind: Kind) {
    let (dns, server, api) = (NameServer::start(), Everywhere::start(), Api::new());
    dns.addresses("one.test", &[21]);
    let weighs = |weight| Said::Srv(vec![(weight, server.0, "one.test".to_owned())]);
    dns.set("_db._tcp.test", weighs(512));
    let template = "server-template t 2 _db._tcp.test";
    let proxy = asked(kind, &dns, &api.lines(), "hold obsolete 1h", template);
    serves(proxy.addr, &["127.0.0.21"]);
    dns.set("_db._tcp.test", weighs(1000));
    eventually("the new weight", || {
        (api.ask("get weight be/t1").trim_end() == "4 (initial 1)").then_some(())
    });
    assert_eq!(api.ask("show servers state be").matches("one.test").count(), 1);
}

fn a_service_that_is_gone_takes_host_and_port_along(kind: Kind) {
    let (dns, server, api) = (NameServer::start(), Everywhere::start(), Api::new());
    dns.addresses("one.test", &[21]);
    let service = Said::Srv(vec![(512, server.0, "one.test".to_owned())]);
    let proxy =
        asked(kind, &dns, &api.lines(), "hold nx 100ms", "server-template t 1 _db._tcp.test");
    let state = || {
        let answer = api.ask("show servers state be");
        let line = answer.lines().find(|line| line.split(' ').nth(3) == Some("t1"));
        let fields: Vec<_> = line.unwrap().split(' ').map(str::to_owned).collect();
        // 64: it goes by another name than its line says.
        assert!(fields[4] == "-" || ["64", "96"].contains(&&*fields[6]), "{line:?}");
        format!("{} {}", fields[4], fields[17..20].join(" "))
    };
    let known = format!("127.0.0.21 one.test {} _db._tcp.test", server.0);
    for _ in 0..2 {
        eventually("nothing is known", || (state() == "- - 0 _db._tcp.test").then_some(()));
        dns.set("_db._tcp.test", service.clone());
        eventually("all is known", || (state() == known).then_some(()));
        proxy.log.expect(&["be/t1 changed its FQDN from (null) to one.test by 'SRV record'"]);
        dns.forget("_db._tcp.test");
        proxy.log.expect(&["be/t1 is going DOWN for maintenance (entry removed from SRV record)."]);
    }
}

fn servers_of_one_name_may_prefer_different_families(kind: Kind) {
    let (dns, api) = (NameServer::start(), Api::new());
    dns.set("db.test", Said::Both([127, 0, 0, 11].into(), std::net::Ipv6Addr::LOCALHOST));
    let servers = "server s1 db.test:80\n    server s2 db.test:80 resolve-prefer ipv6
    server s3 later.test:80";
    let proxy = asked(kind, &dns, &api.lines(), "", servers);
    let has = |server: &str, address: &str| {
        let state = api.ask("show servers state be");
        state.contains(&format!(" {server} {address} ")).then_some(())
    };
    eventually("each has its own", || has("s1", "127.0.0.11").and(has("s2", "::1")));
    dns.addresses("later.test", &[13]);
    eventually("another round of questions is over", || has("s3", "127.0.0.13"));
    let changes = ["from 127.0.0.11", "from ::1"].map(|from| proxy.log.count(from));
    assert_eq!(changes, [0, 0]);
}

fn a_name_server_that_is_gone_hides_no_family(kind: Kind) {
    let (dns, server) = (NameServer::start(), Everywhere::start());
    dns.addresses("db.test", &[11]);
    let server = format!("server s1 db.test:{} resolve-prefer ipv6", server.0);
    let proxy = names(kind, &dns, "nameserver gone 127.0.0.1:1", &server);
    serves(proxy.addr, &["127.0.0.11"]);
}

fn a_server_that_cannot_be_resolved_at_start_is_an_error_unless_it_may_be(kind: Kind) {
    let check = |server: &str| {
        let dir = crate::harness::dir::TempDir::new();
        let text = format!(
            "defaults\n mode tcp\n timeout connect 5s\n timeout client 5s\n timeout server 5s\n\
             listen l\n bind 127.0.0.1:0\n server s1 {server}\n"
        );
        let text = text.replace("127.0.0.1:0", "127.0.0.1:1");
        let file = dir.write("haproxy.cfg", &text);
        kind.run(&["-c", "-f", file.to_str().unwrap()])
    };
    let (status, output) = check("name.invalid:1");
    assert!(!status.success(), "{output}");
    assert!(output.contains("name.invalid"), "{output}");
    let (status, output) = check("name.invalid:1 init-addr libc,none");
    assert!(status.success() && output.contains("WARNING"), "{output}");
    let (status, output) = check("name.invalid:1 init-addr none");
    assert!(status.success() && !output.contains("WARNING"), "{output}");
}
