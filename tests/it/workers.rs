//! Which worker runs a session: the kernel chooses who accepts a connection, and a worker that has clearly
//! more than another hands it over.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use rustix::process::Signal;
use socket2::{Domain, Socket, Type};

use crate::harness::api::Api;
use crate::harness::backend::Backend;
use crate::harness::client::Client;
use crate::harness::eventually;
use crate::harness::port::free_port;
use crate::harness::proxy::{Kind, Proxy, Scene};

/// Sessions of one test that the kernel gives to the first worker.
const SESSIONS: usize = 40;

/// What keeps each connection where the kernel brought it.
const OFF: &str = "tune.listener.multi-queue off";

/// Two workers and a server that greets.
struct Pair {
    api: Api,
    proxy: Proxy,
    _server: Backend,
}

impl Pair {
    /// Connections stay where the kernel brings them, until [`even_out`](Self::even_out).
    fn new(bind: &str) -> Self {
        let (api, server) = (Api::new(), Backend::greet("s1"));
        let proxy = Scene::new(Kind::Evenkeel)
            .reloadable()
            .global(&format!("nbthread 2\n{OFF}\n{}", api.lines()))
            .bind(bind)
            .backend(&format!("server s1 {}", server.addr))
            .start();
        let pair = Self { api, proxy, _server: server };
        eventually("nobody", || (pair.sessions() == [0, 0]).then_some(()));
        pair
    }

    /// What `show activity` says of each worker.
    fn of_each(&self, what: &str) -> [usize; 2] {
        let text = self.api.ask("show activity");
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("{what}: ")));
        let line = line.unwrap_or_else(|| panic!("no {what} in {text}"));
        let numbers: Vec<usize> = line.split(' ').filter_map(|word| word.parse().ok()).collect();
        let [all, one, two] = numbers[..] else { panic!("{line} of two workers") };
        assert_eq!(all, one + two, "{line}");
        [one, two]
    }

    fn sessions(&self) -> [usize; 2] {
        self.of_each("sessions")
    }

    /// Addresses of clients whose connections all come to the first worker: the kernel's choice stays the
    /// same for a pair of addresses.
    fn colliding(&self, count: usize) -> Vec<SocketAddr> {
        let (mut found, mut held) = (Vec::new(), Vec::new());
        while found.len() < count {
            let from = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
            let mut client = self.connect(from);
            assert_eq!(client.line().unwrap(), "s1");
            if self.sessions() == [found.len() + 1, 0] {
                found.push(from);
                held.push(client);
            } else {
                client.reset();
                self.expect([found.len(), 0]);
            }
        }
        held.into_iter().for_each(Client::reset);
        self.expect([0, 0]);
        found
    }

    fn connect(&self, from: SocketAddr) -> Client {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.set_reuse_address(true).unwrap();
        socket.bind(&from.into()).unwrap();
        socket.connect(&self.proxy.addr.into()).unwrap();
        let stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Client(stream)
    }

    fn expect(&self, sessions: [usize; 2]) {
        eventually("the sessions", || (self.sessions() == sessions).then_some(()));
    }

    fn expect_sum(&self, count: usize) {
        eventually("so many", || (self.sessions().iter().sum::<usize>() == count).then_some(()));
    }

    /// A reload that lets the workers hand connections over.
    fn even_out(&self) {
        let text = self.proxy.text();
        self.proxy.reload(&text.replace(OFF, "description shared"), Signal::USR2);
        eventually("the reload", || {
            self.api.ask("show info").contains("description: shared\n").then_some(())
        });
    }
}

#[test]
fn sessions_that_all_come_to_one_worker_are_shared() {
    let pair = Pair::new("");
    let clients = pair.colliding(SESSIONS);
    let connect = || clients.iter().map(|&from| pair.connect(from)).collect::<Vec<_>>();
    let alone = connect();
    pair.expect([SESSIONS, 0]);
    alone.into_iter().for_each(Client::reset);
    pair.expect([0, 0]);
    assert_eq!(pair.of_each("accq_pushed"), [0, 0]);

    pair.even_out();
    let accepted = pair.of_each("accepted");
    let mut shared = connect();
    for client in &mut shared {
        assert_eq!(client.line().unwrap(), "s1");
        client.ping("whoever runs it");
    }
    let [first, second] = pair.sessions();
    assert_eq!(first + second, SESSIONS);
    assert!(first.abs_diff(second) <= SESSIONS / 8, "{first} and {second}");
    // The first accepted them all.
    assert_eq!(pair.of_each("accepted"), [accepted[0] + SESSIONS, accepted[1]]);
    assert_eq!(pair.of_each("accq_pushed"), [0, second]);
    assert_eq!(pair.of_each("accq_full"), [0, 0]);
    // Who asks is one more.
    let metrics = pair.proxy.metrics();
    let shown = |name: &str| {
        ["1", "2"].map(|number| metrics.value(name, &[("worker", number)]).unwrap() as usize)
    };
    assert_eq!(shown("evenkeel_worker_sessions").iter().sum::<usize>(), SESSIONS + 1);
    assert!(shown("evenkeel_worker_accepted_total").iter().sum::<usize>() > 2 * SESSIONS);
    assert!(shown("evenkeel_worker_taken_total")[1] >= second);

    // Those of one worker leave: who comes next goes there, wherever the kernel brings it.
    let views = pair.api.ask("show sess all");
    let on_second = |client: &Client| {
        let port = client.0.local_addr().unwrap().port();
        let mut views = views.split("\n0x");
        let view = views.find(|view| view.contains(&format!("source=127.0.0.1:{port}\n")));
        view.expect("its session").contains(" tid=1 ")
    };
    let (gone, stay): (Vec<_>, Vec<_>) = shared.into_iter().partition(on_second);
    assert_eq!(gone.len(), second);
    gone.into_iter().for_each(Client::reset);
    pair.expect([first, 0]);
    let next: Vec<_> = (0..first / 2).map(|_| Client::connect(pair.proxy.addr)).collect();
    pair.expect([first, first / 2]);
    drop((stay, next));
    pair.expect([0, 0]);
}

#[test]
fn who_is_handed_over_has_a_place_of_the_listener_until_the_end() {
    const PLACES: usize = 16;
    let pair = Pair::new(&format!("maxconn {PLACES}"));
    let clients = pair.colliding(PLACES);
    pair.even_out();
    let mut clients: Vec<_> = clients.iter().map(|&from| pair.connect(from)).collect();
    for client in &mut clients {
        assert_eq!(client.line().unwrap(), "s1");
    }
    let mut late = Client::connect(pair.proxy.addr);
    // With the last place another is free, wherever it was.
    for client in clients {
        client.reset();
    }
    assert_eq!(late.line().unwrap(), "s1");
    pair.expect_sum(1);
    let most = pair.proxy.metrics().value("haproxy_frontend_max_sessions", &[("proxy", "fe")]);
    assert_eq!(most, Some(PLACES as f64));
}

#[test]
fn nobody_on_the_way_to_another_worker_is_lost_at_a_stop() {
    let mut pair = Pair::new("");
    let clients = pair.colliding(SESSIONS);
    pair.even_out();
    let mut clients: Vec<_> = clients.iter().map(|&from| pair.connect(from)).collect();
    pair.proxy.process.signal(Signal::USR1);
    for client in &mut clients {
        assert_eq!(client.line().unwrap(), "s1");
        client.ping("served to its end");
    }
    drop(clients);
    assert!(pair.proxy.process.wait().success());
}
