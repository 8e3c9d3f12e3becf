//! Clients that are held while no server may be picked: in which order they go on, how fast, and how
//! the wait ends otherwise.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Semaphore;

use crate::harness::backend::Backend;
use crate::harness::client::Client;
use crate::harness::dir::TempDir;
use crate::harness::native::run;
use crate::harness::port::free_addr;
use crate::harness::process::Process;
use crate::harness::proxy::Kind;
use crate::harness::syslog::Syslog;
use crate::harness::{eventually, metrics};

/// One server in maintenance, behind a frontend whose clients are held.
struct Held {
    front: SocketAddr,
    stats: SocketAddr,
    evenkeel: Process,
    log: Syslog,
    dir: TempDir,
    _server: Backend,
}

impl Held {
    /// `keys` are the frontend's.
    fn start(keys: &str) -> Self {
        let server = Backend::greet("s1");
        let (dir, front, stats) = (TempDir::new(), free_addr(), free_addr());
        let log = Syslog::udp();
        let text = format!(
            "[global]\nlog = \"127.0.0.1:{log}\"\n\n[stats]\nbind = \"{stats}\"\n\n\
             [commands]\nsocket = {{ address = \"{socket}\", level = \"admin\" }}\n\n\
             [backend.be]\nlog = \"global\"\nserver.s1 = {{ address = \"{server}\", disabled = true }}\n\n\
             [frontend.fe]\nbind = \"{front}\"\nbackend = \"be\"\nlog = \"global\"\nlog_format = \"tcp\"\n{keys}\n",
            log = log.port(),
            socket = dir.join("sock").display(),
            server = server.addr,
        );
        let evenkeel = run(&dir, &text, front);
        Self { front, stats, evenkeel, log, dir, _server: server }
    }

    fn ctl(&self, command: &str) {
        let socket = self.dir.join("sock").display().to_string();
        let args = ["ctl", "-s", &socket].into_iter().chain(command.split(' '));
        let (status, said) = Kind::Evenkeel.run(&args.collect::<Vec<_>>());
        assert!(status.success() && said.trim().is_empty(), "{said}");
    }

    fn metric(&self, name: &str) -> f64 {
        let text = metrics::get(self.stats, "/metrics").unwrap().1;
        let row = format!("{name}{{proxy=\"be\"}} ");
        let line = text.lines().find_map(|line| line.strip_prefix(row.as_str()));
        line.unwrap_or_else(|| panic!("no {row} in {text}")).parse().unwrap()
    }

    /// A client that is known to be held as one of `held`.
    fn client(&self, held: u32) -> Client {
        let client = Client::connect(self.front);
        self.wait_held(held);
        client
    }

    fn wait_held(&self, held: u32) {
        eventually(&format!("{held} are held"), || {
            let now = self.metric("evenkeel_held_clients");
            assert_eq!(now, now.trunc());
            (now == f64::from(held)
                && self.metric("haproxy_backend_current_queue") == f64::from(held))
            .then_some(())
        });
    }
}

/// Waits until `client` is served, and says when.
fn served(mut client: Client) -> std::thread::JoinHandle<(Instant, Client)> {
    std::thread::spawn(move || {
        assert_eq!(client.line().unwrap(), "s1");
        (Instant::now(), client)
    })
}

#[test]
fn the_oldest_go_on_first_by_the_rate_and_nobody_overtakes() {
    let it = Held::start("hold = \"60s\"\nattach_rate = \"5/s\"");
    let mut clients: Vec<_> = (1..=4).map(|held| served(it.client(held))).collect();
    let ready = Instant::now();
    it.ctl("set server be/s1 state ready");
    // Only the first one goes at once: whoever comes now finds others before it.
    clients.push(served(Client::connect(it.front)));
    let (times, _open): (Vec<_>, Vec<_>) =
        clients.into_iter().map(|client| client.join().unwrap()).unzip();
    for (place, (at, next)) in times.iter().zip(&times[1..]).enumerate() {
        assert!(at < next, "{place}: {times:?}");
    }
    // Four intervals of 200 ms, less what the meter may catch up.
    assert!(times[4] - ready >= Duration::from_millis(780), "{:?}", times[4] - ready);
    it.wait_held(0);
    served(Client::connect(it.front)).join().unwrap();
    assert!(it.metric("haproxy_backend_max_queue") >= 4.0);
}

#[test]
fn a_slot_that_is_freed_goes_to_one_who_is_held() {
    let it = Held::start("hold = \"60s\"\nattach_rate = \"50/s\"");
    it.ctl("set maxconn server be/s1 1");
    let clients: Vec<_> = (1..=4).map(|held| it.client(held)).collect();
    it.ctl("set server be/s1 state ready");
    for client in clients {
        served(client).join().unwrap();
    }
}

#[test]
fn a_client_too_many_is_refused_and_logged() {
    let it = Held::start("hold = \"60s\"\nhold_max = 2");
    let held: Vec<_> = (1..=2).map(|held| it.client(held)).collect();
    let mut refused = Client::connect(it.front);
    assert_eq!(refused.line().unwrap(), "");
    it.log.expect(&[" be/<NOSRV> ", " RQ "]);
    it.log
        .expect(&["Backend be: a client is refused: 2 are held already, no server may be picked"]);
    assert_eq!(it.metric("evenkeel_hold_refused_total"), 1.0);
    drop(held);
    it.wait_held(0);
    it.client(1);
}

#[test]
fn a_client_that_leaves_is_forgotten_and_logged() {
    let it = Held::start("hold = \"60s\"\nhold_max = 1");
    for _ in 0..3 {
        let client = it.client(1);
        drop(client);
        it.wait_held(0);
    }
    it.log.expect(&[" be/<NOSRV> ", " CQ "]);
    it.ctl("set server be/s1 state ready");
    served(Client::connect(it.front)).join().unwrap();
}

#[test]
fn a_hold_in_vain_ends_by_its_time_and_says_why() {
    let it = Held::start("hold = \"300ms\"");
    let began = Instant::now();
    let mut client = Client::connect(it.front);
    assert_eq!(client.line().unwrap(), "");
    assert!(began.elapsed() >= Duration::from_millis(300));
    let line = it.log.expect(&[" be/<NOSRV> ", " sQ "]);
    let times =
        line.split(' ').find(|word| word.matches('/').count() == 2 && word.contains("/-1/"));
    let waited =
        times.and_then(|times| times.split('/').next()).and_then(|tw| tw.parse::<u32>().ok());
    assert!(waited.is_some_and(|tw| tw >= 300), "{line}");
    it.log.expect(&["Backend be: a client was held for 0.3 s in vain, no server may be picked"]);
    assert_eq!(it.metric("evenkeel_hold_expired_total"), 1.0);
}

/// Who was queued for a server that goes is held for the rest of the longer of both times.
#[test]
fn those_who_were_queued_are_held_when_the_server_goes() {
    let it = Held::start("hold = \"60s\"");
    it.ctl("set maxconn server be/s1 1");
    it.ctl("set server be/s1 state ready");
    let first = served(Client::connect(it.front)).join().unwrap().1;
    let waiting = served(Client::connect(it.front));
    eventually("it is queued", || {
        (it.metric("haproxy_backend_current_queue") == 1.0).then_some(())
    });
    it.ctl("set server be/s1 state maint");
    it.wait_held(1);
    it.ctl("set server be/s1 state ready");
    drop(first);
    waiting.join().unwrap();
}

/// A database that stops waits until nobody has a connection to it.
#[test]
fn a_server_that_ended_without_a_byte_is_let_go_before_its_client_is_held() {
    let (end, let_go) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let (ended, gone) = (Arc::clone(&end), Arc::clone(&let_go));
    let server = Backend::new(move |mut stream| {
        let (ended, gone) = (Arc::clone(&ended), Arc::clone(&gone));
        async move {
            let _ = ended.acquire().await;
            let _ = stream.shutdown().await;
            let _ = stream.read_to_end(&mut Vec::new()).await;
            gone.add_permits(1);
        }
    });
    let health = Backend::close();
    let (dir, front, stats) = (TempDir::new(), free_addr(), free_addr());
    let text = format!(
        "[stats]\nbind = \"{stats}\"\n\n\
         [backend.be]\ncheck = {{ type = \"tcp\", inter = \"100ms\", fall = 1, port = {port} }}\n\
         server.s1 = \"{server}\"\n\n\
         [frontend.fe]\nbind = \"{front}\"\nbackend = \"be\"\nhold = \"60s\"\n",
        port = health.addr.port(),
        server = server.addr,
    );
    let _evenkeel = run(&dir, &text, front);
    let _client = Client::connect(front);
    eventually("the session is there", || (server.accepted() == 1).then_some(()));
    drop(health);
    end.add_permits(1);
    eventually("it is let go", || (let_go.available_permits() == 1).then_some(()));
    eventually("its client is held", || {
        let text = metrics::get(stats, "/metrics").ok()?.1;
        text.contains("evenkeel_held_clients{proxy=\"be\"} 1").then_some(())
    });
}

#[test]
fn a_reload_keeps_those_who_are_held() {
    let it = Held::start("hold = \"60s\"\nhold_max = 1");
    let waiting = served(it.client(1));
    let text = std::fs::read_to_string(it.dir.join("evenkeel.toml")).unwrap();
    it.dir.write("evenkeel.toml", &text.replace("hold = \"60s\"\nhold_max = 1", ""));
    it.evenkeel.signal(Signal::HUP);
    eventually("it is loaded", || it.evenkeel.output().contains("Reloaded").then_some(()));
    let mut refused = Client::connect(it.front);
    assert_eq!(refused.line().unwrap(), "", "nobody is held from now on");
    it.log.expect(&[" be/<NOSRV> ", " SC "]);
    it.wait_held(1);
    it.ctl("set server be/s1 state ready");
    waiting.join().unwrap();
}
