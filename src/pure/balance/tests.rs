//! Policies against recordings of the real thing, and their laws.

use std::net::{IpAddr, Ipv6Addr};

use super::*;
use crate::pure::id::ServerId;
use crate::pure::weight::Weight;

mod laws;
mod observed;
mod random;

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
                limits: NonZeroU32::new(maxconn.parse().unwrap()).map(Limits::fixed),
                seed: seed(HashKey::Id, ServerId(index + 1), None),
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
        let mut request = Request { hash: hash(client), ..Request::default() };
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

/// `hash-type consistent`.
const CONSISTENT: HashType =
    HashType { method: Method::Consistent { factor: None }, avalanche: true, ..HashType::DEFAULT };

/// What `balance source` makes of a client.
fn hash(client: IpAddr) -> Option<u32> {
    Some(HashType::DEFAULT.of_source(client))
}

/// A pick of whoever has room; `random` may have to be asked more than once.
fn pick(policy: &mut Policy, request: &Request) -> Pick {
    let mut numbers = random::random_numbers(7);
    if !matches!(policy.algorithm(), Algorithm::Random { .. }) {
        return policy.pick(request, || 0);
    }
    let mut picks = (0..100).map(|_| policy.pick(request, &mut numbers));
    picks.find(|pick| matches!(pick, Pick::Server(_))).unwrap_or(Pick::QueueAny)
}

fn algorithm(name: &str) -> Algorithm {
    match name {
        "roundrobin" => Algorithm::RoundRobin,
        "static-rr" => Algorithm::StaticRr,
        "leastconn" => Algorithm::LeastConn,
        "first" => Algorithm::First,
        "source" => Algorithm::Source(HashType::DEFAULT),
        "source consistent" => Algorithm::Source(CONSISTENT),
        "random" => Algorithm::Random { draws: NonZeroU32::new(2).unwrap(), factor: None },
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
        let request = Request { hash: hash([127, 0, 0, 1].into()), ..Request::default() };
        assert_eq!(pick(&mut policy, &request), full, "{balance}: {servers}");
        policy.handle_ended(members[0]);
        let first = Pick::Server(members[0]);
        assert_eq!(pick(&mut policy, &request), first, "{balance}: {servers}");
        // The freed slot belongs to the session that waits for it.
        policy.handle_queued(Some(members[0]));
        assert_ne!(pick(&mut policy, &request), first, "{balance}: {servers}");
        policy.handle_dequeued(Some(members[0]));
        assert_eq!(pick(&mut policy, &request), first, "{balance}: {servers}");
    }
}

#[test]
fn a_server_to_avoid_is_taken_where_no_other_has_room() {
    for balance in ["roundrobin", "static-rr", "leastconn", "first", "random"] {
        let mut policy = Backend::new(balance, "a/1 b/1").policy;
        let [a, b] = [ServerIndex(0), ServerIndex(1)];
        let request = Request { avoid: Some(a), ..Request::default() };
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
        let pick = super::tests::pick(&mut policy, &Request::default());
        assert_eq!(pick, Pick::Server(ServerIndex(1)), "{balance}");
        policy.handle_started(ServerIndex(1));
        policy.handle_ended(ServerIndex(0));
        let pick = super::tests::pick(&mut policy, &Request::default());
        assert_eq!(pick, Pick::Server(ServerIndex(0)), "{balance}");
    }
}

#[test]
fn source_spreads_ipv6_by_its_words_and_walks_without_an_address() {
    let mut policy = Backend::new("source", "a b c").policy;
    let mut pick = |client: Option<IpAddr>| {
        policy.pick(&Request { hash: client.and_then(hash), ..Request::default() }, || 0)
    };
    let v6 = Ipv6Addr::new(0, 1, 0, 2, 0, 4, 0, 8);
    // 1 ^ 2 ^ 4 ^ 8 = 15, which is 0 modulo 3.
    assert_eq!(pick(Some(v6.into())), Pick::Server(ServerIndex(0)));
    let v6 = Ipv6Addr::new(0, 1, 0, 2, 0, 4, 0, 9);
    assert_eq!(pick(Some(v6.into())), Pick::Server(ServerIndex(2)));
    let walk: Vec<_> = (0..4).map(|_| pick(None)).collect();
    assert_eq!(walk, [0, 1, 2, 0].map(|place| Pick::Server(ServerIndex(place))));
}
