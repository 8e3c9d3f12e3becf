//! Clients who are not balanced: `dispatch` and `option transparent`.

use crate::harness::api::Api;
use crate::harness::backend::Backend;
use crate::harness::both;
use crate::harness::client::{Client, End, served_by};
use crate::harness::port::free_port;
use crate::harness::proxy::{Kind, Scene};

both! {
    dispatch_leads_to_one_address,
    dispatch_counts_for_nothing_where_there_is_a_balance,
    dispatch_leaves_servers_to_rules,
    a_dispatch_that_refuses_is_tried_again,
    transparent_leads_where_the_client_wanted_to_go,
    what_is_wrong_with_them_is_refused,
}

fn dispatch_leads_to_one_address(kind: Kind) {
    let (api, one) = (Api::new(), Backend::greet("one"));
    let proxy =
        Scene::new(kind).global(&api.lines()).backend(&format!("dispatch {}", one.addr)).start();
    assert_eq!(served_by(proxy.addr).unwrap(), "one");
    proxy.log.expect(&[" fe be/<NOSRV> ", " 4 -- "]);
    let stat = api.ask("show stat be 2 -1");
    let row: Vec<&str> = stat.lines().nth(1).unwrap().split(',').collect();
    let header: Vec<&str> = stat.lines().next().unwrap().split(',').collect();
    let of = |name: &str| row[header.iter().position(|column| *column == name).unwrap()];
    let shown = ["status", "weight", "act", "stot", "lbtot", "econ", "algo", "connect"].map(of);
    assert_eq!(shown, ["UP", "0", "0", "1", "0", "0", "none", "1"]);
}

fn dispatch_counts_for_nothing_where_there_is_a_balance(kind: Kind) {
    let (one, two) = (Backend::greet("one"), Backend::greet("two"));
    let proxy = Scene::new(kind)
        .backend(&format!("dispatch {}\nbalance roundrobin\nserver s1 {}", one.addr, two.addr))
        .start();
    assert_eq!(served_by(proxy.addr).unwrap(), "two");
    proxy.log.expect(&[" fe be/s1 ", " -- "]);
}

fn dispatch_leaves_servers_to_rules(kind: Kind) {
    let (one, two) = (Backend::greet("one"), Backend::greet("two"));
    let proxy = Scene::new(kind)
        .backend(&format!("dispatch {}\nserver s1 {}", one.addr, two.addr))
        .backend("\nuse-server s1 if { src 127.0.0.2 }")
        .start();
    assert_eq!(served_by(proxy.addr).unwrap(), "one");
    proxy.log.expect(&[" fe be/<NOSRV> ", " -- "]);
}

fn a_dispatch_that_refuses_is_tried_again(kind: Kind) {
    let proxy = Scene::new(kind)
        .backend(&format!("dispatch 127.0.0.1:{}\nretries 1\noption redispatch", free_port()))
        .start();
    assert_eq!(Client::connect(proxy.addr).drain(), (Vec::new(), End::Fin));
    proxy.log.expect(&[" fe be/<NOSRV> ", "/-1/", " 0 SC ", "/1 0/0"]);
}

fn transparent_leads_where_the_client_wanted_to_go(kind: Kind) {
    let one = Backend::greet("one");
    let proxy = Scene::new(kind).bind("accept-proxy").backend("option transparent").start();
    let mut client = Client::connect(proxy.addr);
    let port = one.addr.port();
    client.send(format!("PROXY TCP4 192.0.2.7 127.0.0.1 4321 {port}\r\n"));
    assert_eq!(client.line().unwrap(), "one");
    drop(client);
    proxy.log.expect(&["192.0.2.7:4321 [", " fe be/<NOSRV> ", " 4 -- "]);
}

fn what_is_wrong_with_them_is_refused(kind: Kind) {
    let refused = [
        ("be", "option transparent\n balance roundrobin"),
        ("be", "dispatch"),
        ("be", "dispatch 127.0.0.1"),
        ("be", "dispatch 127.0.0.1:0"),
        ("be", "dispatch 127.0.0.1:80-90"),
        ("be", "dispatch 127.0.0.1:+5"),
        ("be", "dispatch 127.0.0.1:80 more"),
        ("be", "option transparent more"),
        ("defaults", "dispatch 127.0.0.1:80"),
    ];
    for (place, line) in refused {
        let scene = Scene::new(kind);
        let scene = match place {
            "be" => scene.backend(line),
            _ => scene.defaults(line),
        };
        assert!(scene.check().0 > 0, "{line}");
    }
    for line in ["dispatch 127.0.0.1:80\noption transparent", "transparent", "dispatch :80"] {
        assert_eq!(Scene::new(kind).backend(line).check().0, 0, "{line}");
    }
}
