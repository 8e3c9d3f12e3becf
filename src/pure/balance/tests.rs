//! Policies against recordings of the real thing, and their laws.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;

use super::*;
use crate::pure::id::ServerId;
use crate::pure::weight::Weight;

mod observed;

/// A backend driven by a script, in the notation of the recordings.
struct Backend {
    names: Vec<char>,
    servers: Vec<Candidate>,
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
        Self {
            names,
            servers: candidates,
            backups,
            policy,
        }
    }

    fn slot(&self, name: char) -> usize {
        self.names.iter().position(|&known| known == name).unwrap()
    }

    fn set_weight(&mut self, name: char, weight: u16) {
        let slot = self.slot(name);
        self.servers[slot].effective = EffectiveWeight::full(Weight::new(weight).unwrap());
        self.policy
            .handle_live_set(LiveSet::build(&self.servers, self.backups));
    }

    /// Connects like a session with `option redispatch 1`: from server z, which refuses, it goes on
    /// to another. Returns the server that took it.
    fn connect(&mut self, client: IpAddr) -> ServerIndex {
        let mut request = Request {
            client: Some(client),
            avoid: None,
        };
        loop {
            let Pick::Server(server) = self.policy.pick(&request, || 0) else {
                panic!("nobody picked")
            };
            self.policy.handle_started(server);
            if self.names[server.slot()] != 'z' {
                return server;
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
        "random" => Algorithm::Random {
            draws: NonZeroU32::new(2).unwrap(),
        },
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
    let clients: Vec<IpAddr> = (1..=20)
        .map(|last| [127, 0, 0, last])
        .chain(others)
        .map(IpAddr::from)
        .collect();
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
                (_, _, ("-", name)) => backend.set_weight(name.chars().next().unwrap(), 0),
                (_, _, ("+", name)) => {
                    let name = name.chars().next().unwrap();
                    let weight = backend.servers[backend.slot(name)].weight.value();
                    backend.set_weight(name, weight);
                }
                _ => {
                    let expected = expand(word);
                    let picks: String = (0..expected.len())
                        .map(|nth| {
                            let server = backend.connect(clients[nth % clients.len()]);
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
