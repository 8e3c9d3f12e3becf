//! Policies against recordings of the real thing, and their laws.

use std::net::{IpAddr, Ipv6Addr};

use proptest::prelude::*;

use super::*;
use crate::pure::id::ServerId;
use crate::pure::weight::Weight;

mod observed;

/// A backend driven by a script, in the notation of the recordings.
struct Backend {
    names: Vec<char>,
    servers: Vec<Candidate>,
    weights: Vec<Weight>,
    disabled: Vec<bool>,
    backups: Backups,
    policy: Policy,
}

impl Backend {
    /// `a=5/2` is server a with weight 5 and maxconn 2; a `+` at the end makes it a backup.
    fn new(balance: &str, servers: &str) -> Self {
        let mut names = Vec::new();
        let mut candidates = Vec::new();
        let mut backups = Backups::First;
        for word in servers.split(' ') {
            if word == "allbackups" {
                backups = Backups::All;
                continue;
            }
            let backup = word.ends_with('+');
            let word = word.trim_end_matches('+');
            let (word, maxconn) = word.split_once('/').unwrap_or((word, "0"));
            let (name, weight) = word.split_once('=').unwrap_or((word, "1"));
            let index = u32::try_from(names.len()).unwrap();
            let weight = Weight::new(weight.parse().unwrap()).unwrap();
            names.push(name.chars().next().unwrap());
            candidates.push(Candidate {
                server: ServerIndex(index),
                id: ServerId(index + 1),
                weight,
                effective: EffectiveWeight::full(weight),
                backup,
                maxconn: NonZeroU32::new(maxconn.parse().unwrap()),
            });
        }
        let policy = Policy::new(algorithm(balance), LiveSet::build(&candidates, backups));
        let weights = candidates.iter().map(|candidate| candidate.weight).collect();
        let disabled = vec![false; candidates.len()];
        Self { names, servers: candidates, weights, disabled, backups, policy }
    }

    fn slot(&self, name: char) -> usize {
        self.names.iter().position(|&known| known == name).unwrap()
    }

    fn set_weight(&mut self, name: char, weight: u16) {
        let slot = self.slot(name);
        self.weights[slot] = Weight::new(weight).unwrap();
        self.publish(slot);
    }

    fn set_disabled(&mut self, name: char, disabled: bool) {
        let slot = self.slot(name);
        self.disabled[slot] = disabled;
        self.publish(slot);
    }

    fn publish(&mut self, slot: usize) {
        let weight = EffectiveWeight::full(self.weights[slot]);
        self.servers[slot].effective = weight.filter(|_| !self.disabled[slot]);
        self.policy.handle_live_set(LiveSet::build(&self.servers, self.backups));
    }

    /// Connects like a session with `option redispatch 1`: from server z, which refuses, it goes on
    /// to another. Returns the server that took it, if any may.
    fn connect(&mut self, client: IpAddr) -> Option<ServerIndex> {
        let mut request = Request { client: Some(client), avoid: None };
        loop {
            let server = match self.policy.pick(&request, || 0) {
                Pick::Server(server) => server,
                Pick::NoServer => return None,
                full => panic!("{full:?}"),
            };
            self.policy.handle_started(server);
            if self.names[server.slot()] != 'z' {
                return Some(server);
            }
            assert_eq!(request.avoid, None, "sent back to a server that failed");
            self.policy.handle_ended(server);
            request.avoid = Some(server);
        }
    }
}

fn algorithm(name: &str) -> Algorithm {
    match name {
        "roundrobin" => Algorithm::RoundRobin,
        "static-rr" => Algorithm::StaticRr,
        "leastconn" => Algorithm::LeastConn,
        "first" => Algorithm::First,
        "source" => Algorithm::Source,
        "random" => Algorithm::Random { draws: NonZeroU32::new(2).unwrap() },
        _ => panic!("no such policy: {name}"),
    }
}

/// `ab*3,c` is `abababc`.
fn expand(picks: &str) -> String {
    picks
        .split(',')
        .map(|part| match part.split_once('*') {
            Some((unit, times)) => unit.repeat(times.parse().unwrap()),
            None => part.into(),
        })
        .collect()
}

#[test]
fn picks_are_those_recorded_from_haproxy() {
    let others = [[127, 1, 2, 3], [127, 255, 255, 254], [127, 99, 0, 77]];
    let clients: Vec<IpAddr> =
        (1..=20).map(|last| [127, 0, 0, last]).chain(others).map(IpAddr::from).collect();
    for &(balance, servers, script) in observed::ROWS {
        let mut backend = Backend::new(balance, servers);
        let mut sessions_stay = false;
        for word in script.split(' ') {
            match (word, word.split_once('='), word.split_at(1)) {
                ("hold", ..) => sessions_stay = true,
                ("get", ..) => sessions_stay = false,
                (_, Some((name, weight)), _) => {
                    backend.set_weight(name.chars().next().unwrap(), weight.parse().unwrap());
                }
                (_, _, ("-", name)) => backend.set_disabled(name.chars().next().unwrap(), true),
                (_, _, ("+", name)) => backend.set_disabled(name.chars().next().unwrap(), false),
                _ => {
                    let expected = expand(word);
                    let picks: String = (0..expected.len())
                        .map(|nth| {
                            let Some(server) = backend.connect(clients[nth % clients.len()]) else {
                                return '.';
                            };
                            if !sessions_stay {
                                backend.policy.handle_ended(server);
                            }
                            backend.names[server.slot()]
                        })
                        .collect();
                    assert_eq!(picks, expected, "{balance}: {servers}: {script}");
                }
            }
        }
    }
}

/// Seen in the `qcur` of servers and backends of 2.6.12, one session running and two waiting.
#[test]
fn a_lone_backup_is_waited_for_and_full_active_servers_are_not() {
    for (balance, servers, full) in [
        ("roundrobin", "a/1 b/1", Pick::QueueAny),
        ("static-rr", "a/1 b/1", Pick::QueueAny),
        ("leastconn", "a/1 b/1", Pick::QueueAny),
        ("first", "a/1 b/1", Pick::QueueAny),
        ("random", "a/1 b/1", Pick::QueueAny),
        ("roundrobin", "x=0 a/1+ b/1+", Pick::QueueAt(ServerIndex(1))),
        ("leastconn", "x=0 a/1+ b/1+", Pick::QueueAt(ServerIndex(1))),
        ("first", "x=0 a/1+ b/1+", Pick::QueueAt(ServerIndex(1))),
        ("static-rr", "x=0 a/1+ b/1+", Pick::QueueAny),
        ("static-rr", "x=0 a/1+ b/1+ allbackups", Pick::QueueAny),
        ("roundrobin", "x=0 a/1+ allbackups", Pick::QueueAny),
        ("leastconn", "x=0 a/1+ allbackups", Pick::QueueAny),
        ("first", "x=0 a/1+ allbackups", Pick::QueueAny),
        ("random", "x=0 a/1+ b/1+", Pick::QueueAny),
        ("source", "x=0 a/1+ b/1+", Pick::QueueAt(ServerIndex(1))),
        ("source", "x=0 a/1+ allbackups", Pick::QueueAt(ServerIndex(1))),
        ("source", "a/1", Pick::QueueAt(ServerIndex(0))),
    ] {
        let mut policy = Backend::new(balance, servers).policy;
        let members: Vec<_> = policy.live().members().iter().map(|m| m.server).collect();
        for &server in &members {
            policy.handle_started(server);
        }
        let request = Request { client: Some([127, 0, 0, 1].into()), avoid: None };
        assert_eq!(policy.pick(&request, || 0), full, "{balance}: {servers}");
        policy.handle_ended(members[0]);
        let first = Pick::Server(members[0]);
        assert_eq!(policy.pick(&request, || 0), first, "{balance}: {servers}");
        // The freed slot belongs to the session that waits for it.
        policy.handle_queued(members[0]);
        assert_ne!(policy.pick(&request, || 0), first, "{balance}: {servers}");
        policy.handle_dequeued(members[0]);
        assert_eq!(policy.pick(&request, || 0), first, "{balance}: {servers}");
    }
}

#[test]
fn a_server_to_avoid_is_taken_where_no_other_has_room() {
    for balance in ["roundrobin", "static-rr", "leastconn", "first", "random"] {
        let mut policy = Backend::new(balance, "a/1 b/1").policy;
        let [a, b] = [ServerIndex(0), ServerIndex(1)];
        let request = Request { client: None, avoid: Some(a) };
        assert_eq!(policy.pick(&request, || 0), Pick::Server(b), "{balance}");
        if balance != "random" {
            policy.handle_started(b);
            assert_eq!(policy.pick(&request, || 0), Pick::Server(a), "{balance}");
        }
        let mut alone = Backend::new(balance, "a").policy;
        assert_eq!(alone.pick(&request, || 0), Pick::Server(a), "{balance}");
    }
}

#[test]
fn sessions_still_count_under_another_policy() {
    for balance in ["leastconn", "first", "roundrobin", "static-rr", "random"] {
        let mut policy = Backend::new("source", "a/1 b=3/1").policy;
        policy.handle_started(ServerIndex(0));
        let live = policy.live().clone();
        let mut policy = policy.replaced(algorithm(balance), live);
        let avoid = None;
        let pick = policy.pick(&Request { client: None, avoid }, || u64::MAX);
        assert_eq!(pick, Pick::Server(ServerIndex(1)), "{balance}");
        policy.handle_started(ServerIndex(1));
        policy.handle_ended(ServerIndex(0));
        let pick = policy.pick(&Request { client: None, avoid }, || 0);
        assert_eq!(pick, Pick::Server(ServerIndex(0)), "{balance}");
    }
}

#[test]
fn source_spreads_ipv6_by_its_words_and_walks_without_an_address() {
    let mut policy = Backend::new("source", "a b c").policy;
    let mut pick = |client| policy.pick(&Request { client, avoid: None }, || 0);
    let v6 = Ipv6Addr::new(0, 1, 0, 2, 0, 4, 0, 8);
    // 1 ^ 2 ^ 4 ^ 8 = 15, which is 0 modulo 3.
    assert_eq!(pick(Some(v6.into())), Pick::Server(ServerIndex(0)));
    let v6 = Ipv6Addr::new(0, 1, 0, 2, 0, 4, 0, 9);
    assert_eq!(pick(Some(v6.into())), Pick::Server(ServerIndex(2)));
    let walk: Vec<_> = (0..4).map(|_| pick(None)).collect();
    assert_eq!(walk, [0, 1, 2, 0].map(|place| Pick::Server(ServerIndex(place))));
}

/// A fixed stream of random numbers (SplitMix64).
fn random_numbers(mut seed: u64) -> impl FnMut() -> u64 {
    move || {
        seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[test]
fn random_draws_follow_the_weights() {
    // HAProxy 2.6.12 gave 1031:603:366, 1080:572:348 and 1078:570:352 of 2,000.
    for draws in [1, 2, 3] {
        let mut policy = Backend::new("random", "a=5 b=3 c=2 d=0").policy;
        policy = Policy::new(
            Algorithm::Random { draws: NonZeroU32::new(draws).unwrap() },
            policy.live().clone(),
        );
        let mut numbers = random_numbers(1);
        let mut counts = [0i32; 4];
        for _ in 0..20_000 {
            let Pick::Server(server) = policy.pick(&Request::default(), &mut numbers) else {
                panic!("nobody picked")
            };
            counts[server.slot()] += 1;
        }
        for (count, share) in counts.into_iter().zip([10_000, 6_000, 4_000, 0]) {
            assert!((count - share).abs() <= share / 20, "{draws} draws: {counts:?}");
        }
    }
}

#[test]
fn two_random_draws_prefer_the_less_loaded() {
    let mut policy = Backend::new("random", "a=2 b c").policy;
    let mut numbers = random_numbers(2);
    for _ in 0..4_000 {
        let Pick::Server(server) = policy.pick(&Request::default(), &mut numbers) else {
            panic!("nobody picked")
        };
        policy.handle_started(server);
    }
    let served = [0, 1, 2].map(|place| policy.load(ServerIndex(place)).served);
    assert!((1980..=2020).contains(&served[0]), "{served:?}");
    assert!((980..=1020).contains(&served[1]), "{served:?}");
}

/// What may happen to a policy.
#[derive(Clone, Debug)]
enum Event {
    Connect { client: u32, avoid: Option<u32> },
    End(u32),
    SetWeight { server: u32, weight: u16 },
}

const SERVERS: u32 = 6;

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        6 => (any::<u32>(), prop::option::of(0..SERVERS))
            .prop_map(|(client, avoid)| Event::Connect { client, avoid }),
        3 => (0..SERVERS).prop_map(Event::End),
        1 => (0..SERVERS, prop_oneof![Just(0), Just(1), 0..=256u16])
            .prop_map(|(server, weight)| Event::SetWeight { server, weight }),
    ];
    prop::collection::vec(event, 1..300)
}

fn any_backend() -> impl Strategy<Value = (&'static str, &'static str)> {
    let balance = prop_oneof![
        Just("roundrobin"),
        Just("static-rr"),
        Just("leastconn"),
        Just("first"),
        Just("source"),
        Just("random"),
    ];
    let servers = prop_oneof![
        Just("a b c d+ e+ f+"),
        Just("a=5/3 b=3 c=256/1 d=2+ e/2+ f+ allbackups"),
        Just("a=0 b/1 c/1 d/2 e=7/2 f=100/9"),
        Just("a=5 b=3 c=2 d=2 e=90 f"),
    ];
    (balance, servers)
}

/// Runs the events, checks each pick by what is known of the servers, and returns all picks.
fn run(balance: &str, servers: &str, events: &[Event]) -> Vec<Pick> {
    let mut backend = Backend::new(balance, servers);
    let mut numbers = random_numbers(3);
    let mut picks = Vec::new();
    for event in events {
        match *event {
            Event::SetWeight { server, weight } => {
                backend.set_weight(backend.names[server as usize], weight);
            }
            Event::End(server) => {
                let server = ServerIndex(server);
                if backend.policy.load(server).served > 0 {
                    backend.policy.handle_ended(server);
                }
            }
            Event::Connect { client, avoid } => {
                let request = Request {
                    client: Some(IpAddr::from(client.to_be_bytes())),
                    avoid: avoid.map(ServerIndex),
                };
                let pick = backend.policy.pick(&request, &mut numbers);
                check(&backend, &request, pick);
                if let Pick::Server(server) = pick {
                    backend.policy.handle_started(server);
                }
                picks.push(pick);
            }
        }
    }
    picks
}

fn check(backend: &Backend, request: &Request, pick: Pick) {
    let policy = &backend.policy;
    let members = policy.live().members();
    let has_room = |member: &Member| policy.load(member.server).leaves_room(member);
    let member = |server| members.iter().find(|member| member.server == server);
    match pick {
        Pick::Server(server) => {
            assert!(backend.servers[server.slot()].effective.is_some(), "weight 0 was picked");
            assert!(has_room(member(server).expect("picked from the live set")));
            let others = members.iter().any(|m| m.server != server && has_room(m));
            let may_avoid = policy.algorithm() != Algorithm::Source;
            let random = matches!(policy.algorithm(), Algorithm::Random { .. });
            assert!(
                !(may_avoid && others && !random && request.avoid == Some(server)),
                "a server to avoid was preferred"
            );
        }
        Pick::QueueAt(server) => assert!(!has_room(member(server).expect("from the live set"))),
        Pick::QueueAny => {
            assert!(!members.is_empty());
            let all_full = !members.iter().any(has_room);
            assert!(all_full || matches!(policy.algorithm(), Algorithm::Random { .. }));
        }
        Pick::NoServer => assert!(members.is_empty()),
    }
}

/// One pick of a session that ends at once.
fn visit(policy: &mut Policy) -> ServerIndex {
    let Pick::Server(server) = policy.pick(&Request::default(), || 0) else {
        panic!("nobody picked")
    };
    policy.handle_started(server);
    policy.handle_ended(server);
    server
}

fn spec(weights: &[u16]) -> String {
    let servers = ('a'..'y').zip(weights).map(|(name, weight)| format!("{name}={weight}"));
    servers.collect::<Vec<_>>().join(" ")
}

proptest! {
    #[test]
    fn picks_are_lawful_and_repeatable((balance, servers) in any_backend(), events in events()) {
        let picks = run(balance, servers, &events);
        prop_assert_eq!(picks, run(balance, servers, &events));
    }

    #[test]
    fn a_cycle_gives_each_server_its_weight(
        weights in prop::collection::vec(0..40u16, 1..9),
        balance in prop_oneof![Just("roundrobin"), Just("static-rr")],
    ) {
        let total: u32 = weights.iter().map(|&weight| u32::from(weight)).sum();
        let mut policy = Backend::new(balance, &spec(&weights)).policy;
        let mut counts = vec![0; weights.len()];
        // In sixteenths, as round robin counts.
        for _ in 0..total * 16 {
            counts[visit(&mut policy).slot()] += 1;
        }
        // Rounding of the turns a server is due may move one pick across the cycle's end.
        let slack = u32::from(balance == "roundrobin");
        for (count, &weight) in counts.into_iter().zip(&weights) {
            prop_assert!(u32::abs_diff(count, u32::from(weight) * 16) <= slack, "{} {}", count, weight);
        }
    }

    #[test]
    fn sessions_that_stay_are_spread_by_weight(
        weights in prop::collection::vec(1..20u16, 1..9),
        rounds in 1..5u32,
    ) {
        let total: u32 = weights.iter().map(|&weight| u32::from(weight)).sum();
        let mut policy = Backend::new("leastconn", &spec(&weights)).policy;
        for _ in 0..total * rounds {
            let Pick::Server(server) = policy.pick(&Request::default(), || 0) else {
                panic!("nobody picked")
            };
            policy.handle_started(server);
        }
        for (slot, &weight) in weights.iter().enumerate() {
            let served = policy.load(ServerIndex::from_slot(slot)).served;
            prop_assert!(served.abs_diff(u32::from(weight) * rounds) <= 1, "{} {}", served, weight);
        }
    }

    #[test]
    fn a_server_that_leaves_does_not_disturb_the_order_of_the_rest(
        count in 2..12usize,
        before in 0..30usize,
        leaver in 0..12usize,
        balance in prop_oneof![Just("roundrobin"), Just("leastconn")],
    ) {
        let leaver = leaver % count;
        let mut backend = Backend::new(balance, &spec(&vec![1; count]));
        for _ in 0..before {
            visit(&mut backend.policy);
        }
        let mut untouched = backend.policy.clone();
        backend.set_weight(backend.names[leaver], 0);
        let expected: Vec<_> = (0..count)
            .map(|_| visit(&mut untouched))
            .filter(|server| server.slot() != leaver)
            .collect();
        let seen: Vec<_> = (1..count).map(|_| visit(&mut backend.policy)).collect();
        prop_assert_eq!(seen, expected);
    }
}
