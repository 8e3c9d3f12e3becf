//! Proxies as they are written: the order in which they are shown, and what their logs are told.

use rustix::process::Signal;

use crate::harness::api::Api;
use crate::harness::backend::Backend;
use crate::harness::client::served_by;
use crate::harness::port::free_port;
use crate::harness::proxy::{Kind, Proxy, Scene};
use crate::harness::{both, eventually};

both! {
    proxies_are_shown_in_file_order,
    a_backends_own_id_is_told,
    the_files_own_notices_are_kept,
    a_listen_section_without_servers_is_told_of_as_a_proxy,
    signals_are_told_in_the_proxies_logs,
    disabled_proxies_are_known_by_name,
    who_is_paused_twice_serves_again,
}

/// A file whose ids go against its order.
fn disordered(kind: Kind) -> (Api, Proxy) {
    let api = Api::new();
    let text = format!(
        "global\nlog {{log}} local0\n{}.notice \"hello there\"\n\
         defaults\nlog global\nmode tcp\n\
         timeout client 5s\ntimeout server 5s\ntimeout connect 5s\n\
         backend zz\nserver a 127.0.0.1:9\n\
         listen li\nbind {{front}}\nserver a 127.0.0.1:9\n\
         frontend c\nid 50\nbind 127.0.0.1:{}\ndefault_backend zz\n\
         backend d\nid 7\nserver x 127.0.0.1:9 id 9 backup\nserver y 127.0.0.1:9 disabled\n\
         backend e\n",
        api.lines(),
        free_port()
    );
    let proxy = Scene::new(kind).whole(&text).start();
    (api, proxy)
}

fn proxies_are_shown_in_file_order(kind: Kind) {
    let (api, _proxy) = disordered(kind);
    let text = api.ask("show stat");
    let name = |line: &str| line.split(',').take(2).collect::<Vec<_>>().join("/");
    let shown: Vec<_> = text.lines().skip(1).filter(|line| !line.is_empty()).map(name).collect();
    let zz = ["zz/a", "zz/BACKEND"];
    let listen = ["li/FRONTEND", "li/a", "li/BACKEND"];
    let rest = ["c/FRONTEND", "d/x", "d/y", "d/BACKEND", "e/BACKEND"];
    assert_eq!(shown, [&zz[..], &listen, &rest].concat());
}

fn a_backends_own_id_is_told(kind: Kind) {
    let (api, _proxy) = disordered(kind);
    let text = api.ask("show servers state");
    let own = |line: &str| {
        let fields: Vec<_> = line.split(' ').collect();
        [1, 3, 15, 16].map(|at| fields[at].to_owned()).join(" ")
    };
    let shown: Vec<_> = text.lines().skip(2).filter(|line| !line.is_empty()).map(own).collect();
    assert_eq!(shown, ["zz a 0 0", "li a 0 0", "d x 1 1", "d y 1 0"]);
}

fn the_files_own_notices_are_kept(kind: Kind) {
    let (api, proxy) = disordered(kind);
    for text in [api.ask("show startup-logs"), proxy.process.output()] {
        assert!(text.starts_with("[NOTICE] ") && text.contains("hello there"), "{text}");
    }
}

/// What is written as one section is one proxy.
fn a_listen_section_without_servers_is_told_of_as_a_proxy(kind: Kind) {
    let (api, proxy) = disordered(kind);
    api.ask("disable server li/a");
    api.ask("disable server zz/a");
    for (logged, said) in [
        ("proxy li has no server available!", "proxy 'li' has no server available!"),
        ("backend zz has no server available!", "backend 'zz' has no server available!"),
    ] {
        proxy.log.expect(&[logged]);
        eventually("it is said", || proxy.process.output().contains(said).then_some(()));
    }
}

fn signals_are_told_in_the_proxies_logs(kind: Kind) {
    let (_api, proxy) = disordered(kind);
    proxy.process.signal(Signal::HUP);
    let none = "Conn: act(FE+BE): 0+0, 0 pend (0 unass), tot(FE+BE): 0+0.";
    for line in [
        "SIGHUP received, dumping servers states for proxy li.",
        "SIGHUP: Server li/a is UP. Conn: 0 act, 0 pend, 0 tot.",
        &format!("SIGHUP: Proxy li has 1 active servers and 0 backup servers available. {none}"),
        &format!("SIGHUP: Proxy c has no servers. {none}"),
        "SIGHUP: Server d/y is DOWN. Conn: 0 act, 0 pend, 0 tot.",
        &format!("SIGHUP: Proxy d is running on backup servers ! {none}"),
    ] {
        proxy.log.expect(&[line]);
    }
    proxy.process.signal(Signal::TTOU);
    proxy.log.expect(&["Paused proxy li."]);
    proxy.log.expect(&["Paused frontend c."]);
    proxy.process.signal(Signal::TTIN);
    proxy.log.expect(&["Resumed proxy li."]);
    proxy.log.expect(&["Resumed frontend c."]);
    proxy.process.signal(Signal::USR1);
    proxy.log.expect(&["Proxy e stopped (cumulated conns: FE: 0, BE: 0)."]);
    let urgency = |part: &str| {
        let lines = proxy.log.raw();
        lines.iter().find(|line| line.contains(part)).map(|line| line[..5].to_owned())
    };
    assert_eq!(urgency("SIGHUP: Server li/a").as_deref(), Some("<133>"));
    assert_eq!(urgency("Paused proxy li").as_deref(), Some("<132>"));
    assert_eq!(proxy.log.count("Proxy li stopped (cumulated conns: FE: 0, BE: 0)."), 1);
}

fn disabled_proxies_are_known_by_name(kind: Kind) {
    let api = Api::new();
    let text = format!(
        "global\nlog {{log}} local0\n{}\
         defaults\nlog global\nmode tcp\n\
         timeout client 5s\ntimeout server 5s\ntimeout connect 5s\n\
         listen li\nbind {{front}}\nserver a 127.0.0.1:9\n\
         frontend f\ndisabled\nbind {{front}}\ndefault_backend b\n\
         backend b\ndisabled\nserver a 127.0.0.1:9\n\
         listen off\ndisabled\nbind {{front}}\nserver a 127.0.0.1:9\n",
        api.lines()
    );
    let _proxy = Scene::new(kind).whole(&text).start();
    assert_eq!(api.ask("show backend").trim_end(), "# name\nli\nb\noff");
    for (command, answer) in [
        ("set server b/a state maint", "Proxy is disabled."),
        ("set weight off/a 3", "Proxy is disabled."),
        ("disable server off/a", "Proxy is disabled."),
        ("set server f/a state maint", "No such backend."),
        ("disable frontend f", "Frontend was previously shut down, cannot disable."),
        ("enable frontend off", "Frontend was previously shut down, cannot enable."),
        ("shutdown frontend off", "Frontend was already shut down."),
        ("disable frontend b", "No such frontend."),
    ] {
        assert_eq!(api.ask(command).trim_end(), answer, "{command}");
    }
}

/// A successor that does not come up in the end asks for the addresses again and again.
fn who_is_paused_twice_serves_again(kind: Kind) {
    let (pause, resume) = (Signal::TTOU, Signal::TTIN);
    for (command, signals) in [
        ("show version", &[pause, pause, pause, resume][..]),
        ("show version", &[resume]),
        ("show version", &[pause, resume, resume]),
        ("disable frontend fe", &[pause, resume]),
    ] {
        let (api, server) = (Api::new(), Backend::greet("server"));
        let backend = format!("server s1 {}", server.addr);
        let mut proxy = Scene::new(kind).global(&api.lines()).backend(&backend).start();
        api.ask(command);
        for signal in signals {
            proxy.process.signal(*signal);
            // Whoever answers has taken the signal.
            (0..3).for_each(|_| drop(api.ask("show version")));
        }
        let is_open = |line: &str| line.starts_with("fe,FRONTEND,") && line.contains(",OPEN,");
        eventually("it is open", || api.ask("show stat").lines().any(is_open).then_some(()));
        for _ in 0..8 {
            assert_eq!(served_by(proxy.addr).unwrap(), "server", "{command} {signals:?}");
        }
        proxy.process.signal(Signal::USR1);
        proxy.process.wait();
    }
}
