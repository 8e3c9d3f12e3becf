use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use haproxy_compat::env::Environment;
use haproxy_compat::source::SourceMap;

use super::*;
use crate::app::features::facts;
use crate::clock::{self, Stamp};
use crate::config::{Language, Surroundings, load, model};
use crate::pure::balance::Request;
use crate::pure::health::{Health, Settings};
use crate::pure::session::termination::Phase;
use crate::state::backend::Places;
use crate::state::counters::Traffic;
use crate::state::frontend::Route;
use crate::state::{Assigned, Gate, Lease, Way, publish};

const FILE: &str = "\
defaults
    mode tcp
    timeout connect 1s
    timeout client 1s
    timeout server 1s
frontend fe
    bind 127.0.0.1:1
    default_backend be
backend be
    server s1 127.0.0.1:2
";

/// A process with a frontend, its backend and a server, and two workers.
struct World {
    process: Process,
    frontend: Arc<Frontend>,
    listener: Arc<Listener>,
    backend: Arc<Backend>,
}

fn config() -> model::Config {
    let mut sources = SourceMap::default();
    sources.add("test.cfg", FILE.to_owned());
    let surroundings = &mut Surroundings {
        world: &mut |_: &str| Err("no such host".to_owned()),
        environment: &mut Environment::new(),
        facts: &facts(),
    };
    load(Language::Haproxy, &sources, surroundings).0.expect("a sound configuration")
}

impl World {
    fn new() -> Self {
        Self::by(None)
    }

    /// The frontend leads by this role.
    fn by(role: Option<RoleRoute>) -> Self {
        let (config, now) = (Arc::new(config()), clock::now());
        let settings = &config.backends[0];
        let mut places = Places::default();
        let server = places.settle(|index| {
            let health = Health::new(now, &Settings::default(), Duration::ZERO);
            Server::new(settings.servers[0].clone(), index, health)
        });
        let live = publish::snapshot(settings, vec![server], &[], 0, now);
        let backend = Arc::new(Backend::new(settings.clone(), live, places, now));
        let route = Route {
            settings: model::Frontend { role, ..config.frontends[0].clone() },
            log: Arc::new(config.frontends[0].log.clone()),
            backend: Some(Arc::clone(&backend)),
            switches: Vec::new(),
            patterns: Arc::default(),
        };
        let frontend = Arc::new(Frontend::new(route, 10));
        let listener = Arc::new(Listener {
            name: None,
            id: 1,
            address: "127.0.0.1:1".to_owned(),
            gate: Arc::new(Gate::new(10)),
            traffic: Some(Traffic::default()),
        });
        Self { process: Process::new(now, 2, 10, config), frontend, listener, backend }
    }

    fn begin(&self, worker: usize) -> Running {
        let table = self.process.sessions.table(worker);
        table.seat().begin(&self.frontend, &self.listener, None, clock::now())
    }

    /// A slot of the only server.
    fn lease(&self) -> Lease {
        match self.backend.assign(&Request::default(), Way::default()) {
            Assigned::Lease(lease) => lease,
            other => panic!("no slot but {other:?}"),
        }
    }

    fn ids(&self) -> Vec<SessionId> {
        self.process.sessions.views(clock::now()).iter().map(|view| view.id).collect()
    }
}

/// Counts how often it is woken.
#[derive(Default)]
struct Bell(AtomicUsize);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// The bell of a session's task.
fn attach(session: &Running) -> Arc<Bell> {
    let bell = Arc::new(Bell::default());
    session.attach(&Context::from_waker(&Waker::from(Arc::clone(&bell))));
    bell
}

#[test]
fn a_name_is_never_given_twice_and_reads_as_it_is_written() {
    let world = World::new();
    let first = world.begin(1);
    let name = first.id;
    assert_eq!(name.to_string().parse(), Ok(name));
    assert_eq!("0xzz".parse::<SessionId>(), Err(NoSessionId));
    assert_eq!(world.ids(), [name]);
    drop(first);
    assert_eq!(world.ids(), []);
    let second = world.begin(1);
    assert_ne!(second.id, name, "the slot is the same, the name is not");
    assert!(world.process.sessions.find(name).is_none());
    assert!(!world.process.sessions.end(name, CutReason::Killed));
    assert_eq!(second.order(), None);
}

#[test]
fn a_walk_sees_more_sessions_than_one_chunk_of_all_workers() {
    let world = World::new();
    let running: Vec<Running> = (0..CHUNK * 5).map(|number| world.begin(number % 2)).collect();
    assert_eq!(world.ids().len(), running.len());
    let ended = world.process.sessions.end_of_frontend(&world.frontend, CutReason::Killed);
    assert_eq!(ended, running.len());
    assert!(running.iter().all(|session| session.order() == Some(CutReason::Killed)));
}

#[test]
fn a_cut_of_a_server_reaches_those_who_have_it_and_wakes_them() {
    let world = World::new();
    let (with, without) = (world.begin(0), world.begin(0));
    let (bell, silent) = (attach(&with), attach(&without));
    let lease = world.lease();
    with.enter_server(&lease.server, lease.cuts, 0);
    let leave = || world.process.sessions.end_on_server(&lease.server, CutReason::ServerLeft);
    // Who only waits for its first answer goes on with another, and may be told again then.
    with.reach(Stage::Relaying);
    assert_eq!([leave(), leave()], [0, 0]);
    with.note_moved(Moved { bytes_out: 9, ..Moved::default() }, Stamp::now());
    with.dismiss();
    bell.0.store(0, Ordering::Relaxed);
    let ended = leave();
    assert_eq!((ended, with.order(), without.order()), (1, Some(CutReason::ServerLeft), None));
    assert_eq!((bell.0.load(Ordering::Relaxed), silent.0.load(Ordering::Relaxed)), (1, 0));
    // It dies, and another has its place, in one step: each session ends once, for the first of the two.
    let sessions = &world.process.sessions;
    let cuts = [CutReason::ServerDown, CutReason::RoleLost];
    let counts = cuts.map(|reason| sessions.end_on_server(&lease.server, reason));
    assert_eq!((counts, with.order()), ([1, 0], Some(CutReason::ServerDown)));
    with.leave_server();
    assert_eq!(with.order(), None, "it is another server's session now");
}

/// What a session hears that is about to have a server when sessions there are cut for `reasons`.
fn heard(role: Option<RoleRoute>, reasons: &[CutReason]) -> Option<CutReason> {
    let world = World::by(role);
    let session = world.begin(0);
    let lease = world.lease();
    reasons.iter().for_each(|reason| lease.server.note_cut(*reason));
    session.enter_server(&lease.server, lease.cuts, 0);
    session.order()
}

#[test]
fn a_session_that_is_getting_a_server_hears_of_cuts_that_may_be_for_its_route() {
    use CutReason::{Fenced, Lagging, RoleLost, ServerDown};
    let max_lag = Some(Duration::from_secs(1));
    let any = RoleRoute::Replica { max_lag: None, fallback: false };
    let near = RoleRoute::Replica { max_lag, fallback: false };
    let write = RoleRoute::Primary;
    let rows: [(_, &[_], _); 9] = [
        (None, &[RoleLost], None),
        (None, &[ServerDown], Some(ServerDown)),
        (Some(write), &[RoleLost], Some(RoleLost)),
        (Some(write), &[Lagging], None),
        (Some(near), &[RoleLost], None),
        (Some(near), &[Lagging], Some(Lagging)),
        (Some(any), &[Lagging], None),
        (Some(any), &[Fenced], Some(Fenced)),
        // Only the last is known: the one before may have been for it.
        (Some(near), &[ServerDown, RoleLost], Some(RoleLost)),
    ];
    for (role, reasons, expected) in rows {
        assert_eq!(heard(role, reasons), expected, "{role:?} {reasons:?}");
    }
}

#[test]
fn a_cut_between_the_slot_and_its_note_is_not_missed() {
    let world = World::new();
    let session = world.begin(0);
    let lease = world.lease();
    assert_eq!(world.process.sessions.end_on_server(&lease.server, CutReason::ServerDown), 0);
    session.enter_server(&lease.server, lease.cuts, 0);
    assert_eq!(session.order(), Some(CutReason::ServerDown));
    session.leave_server();
    let again = world.lease();
    session.enter_server(&again.server, again.cuts, 0);
    assert_eq!(session.order(), None, "it has been cut before the slot was granted");
}

#[test]
fn nothing_takes_an_operators_word_back() {
    let world = World::new();
    let session = world.begin(0);
    let lease = world.lease();
    session.enter_server(&lease.server, lease.cuts, 0);
    session.enter_backend(&world.backend);
    assert_eq!(world.process.sessions.end_of_backend(&world.backend, CutReason::Killed), 1);
    world.process.sessions.end_on_server(&lease.server, CutReason::ServerLeft);
    session.dismiss();
    session.leave_server();
    assert_eq!(session.order(), Some(CutReason::Killed));
    let phases =
        [Stage::Inspecting, Stage::Queued, Stage::Connecting, Stage::Relaying].map(|stage| {
            session.reach(stage);
            session.stage().phase()
        });
    assert_eq!(phases, [Phase::Request, Phase::Queue, Phase::Connect, Phase::Data]);
}

#[test]
fn bytes_are_counted_while_the_session_runs_and_once() {
    let world = World::new();
    let session = world.begin(1);
    session.enter_backend(&world.backend);
    let lease = world.lease();
    session.enter_server(&lease.server, lease.cuts, 2);
    let counted = || {
        let traffics = [
            &world.frontend.traffic,
            world.listener.traffic.as_ref().expect("it counts"),
            &world.backend.service.traffic,
            &lease.server.service.traffic,
        ];
        traffics.map(|traffic| (traffic.bytes_in.get(), traffic.bytes_out.get()))
    };
    let later = session.started + Duration::from_secs(2);
    session.note_moved(Moved { bytes_in: 5, bytes_out: 7, spliced: 3 }, later.into());
    assert_eq!(counted(), [(0, 0); 4]);
    world.process.sessions.count_bytes(&world.process);
    world.process.sessions.count_bytes(&world.process);
    assert_eq!(counted(), [(5, 7); 4]);
    session.note_moved(Moved { bytes_in: 6, bytes_out: 17, spliced: 3 }, later.into());
    session.count_bytes(&world.process);
    assert_eq!(counted(), [(6, 17); 4]);
    assert_eq!((world.process.bytes_out.get(), world.process.bytes_spliced.get()), (6 + 17, 3));
    let view = session.view(session.started + Duration::from_secs(5));
    assert_eq!((view.age, view.idle), (Duration::from_secs(5), Duration::from_secs(3)));
    assert_eq!((view.retries, view.moved.bytes_out), (2, 17));
}

#[test]
fn a_worker_counts_who_runs_on_it_and_who_is_about_to() {
    let world = World::new();
    let sessions = &world.process.sessions;
    let counts = || sessions.shares().iter().map(|share| share.sessions).collect::<Vec<_>>();
    let waiting = sessions.table(0).seat();
    let running = world.begin(1);
    assert_eq!(counts(), [1, 1]);
    drop(waiting);
    assert_eq!(counts(), [0, 1]);
    drop(running);
    assert_eq!(counts(), [0, 0]);
}
