//! Nanoseconds a session costs in its policy: one end, one pick, one start, with two sessions a
//! server running. `cargo bench --bench pick [POLICY]`; the least of seven rounds is printed.
#![allow(clippy::print_stdout, reason = "a table for people")]

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use evenkeel::pure::balance::{
    Algorithm, Backups, Candidate, EffectiveWeight, HashKey, HashType, Limits, LiveSet, Method,
    Pick, Policy, Request, ServerIndex, seed,
};
use evenkeel::pure::id::ServerId;
use evenkeel::pure::weight::Weight;

const ROUNDS: u32 = 7;
const SESSIONS_PER_ROUND: u32 = 100_000;
const RING: HashType =
    HashType { method: Method::Consistent { factor: None }, avalanche: true, ..HashType::DEFAULT };
const BOUNDED: HashType =
    HashType { method: Method::Consistent { factor: NonZeroU32::new(150) }, ..RING };
const POLICIES: [(&str, Algorithm); 8] = [
    ("roundrobin", Algorithm::RoundRobin),
    ("static-rr", Algorithm::StaticRr),
    ("leastconn", Algorithm::LeastConn),
    ("first", Algorithm::First),
    ("source", Algorithm::Source(HashType::DEFAULT)),
    ("consistent", Algorithm::Source(RING)),
    ("bounded", Algorithm::Source(BOUNDED)),
    ("random", Algorithm::Random { draws: NonZeroU32::MIN.saturating_add(1), factor: None }),
];

fn main() {
    // Cargo passes `--bench` besides what the user wrote.
    let wanted = std::env::args().skip(1).find(|word| !word.starts_with('-'));
    println!("{:12}{:8}{:>9}{:>9}{:>9}{:>9}", "ns", "servers:", 1, 10, 100, 1000);
    for (name, algorithm) in POLICIES {
        if wanted.as_ref().is_some_and(|wanted| !name.contains(wanted)) {
            continue;
        }
        for (shares, spread) in [("equal", 1), ("mixed", 50)] {
            let [a, b, c, d] =
                [1, 10, 100, 1000].map(|servers| measure(algorithm, servers, spread));
            println!("{name:12}{shares:8}{a:>9.1}{b:>9.1}{c:>9.1}{d:>9.1}");
        }
    }
}

/// Nanoseconds a session, weights running from 1 to `spread`.
fn measure(algorithm: Algorithm, servers: u32, spread: u16) -> f64 {
    // `first` is of interest where servers before the last fill up.
    let maxconn = if algorithm == Algorithm::First { 4 } else { 10_000 };
    let candidates: Vec<Candidate> =
        (0..servers).map(|nth| candidate(nth, spread, maxconn)).collect();
    let mut policy = Policy::new(algorithm, LiveSet::build(&candidates, Backups::First));
    let mut random = fastrand::Rng::with_seed(1);
    let mut open = VecDeque::new();
    let mut client = 0u32;
    let mut start = |policy: &mut Policy, open: &mut VecDeque<ServerIndex>| {
        client += 1;
        // Neighbours as far apart as clients of a whole network are.
        let hash = Some(RING.of(&client.to_be_bytes()));
        let request = Request { hash, ..Request::default() };
        if let Pick::Server(server) = policy.pick(&request, || random.u64(..)) {
            policy.handle_started(server);
            open.push_back(server);
        }
    };
    for _ in 0..2 * servers {
        start(&mut policy, &mut open);
    }
    let mut best = Duration::MAX;
    for _ in 0..ROUNDS {
        let began = Instant::now();
        for _ in 0..SESSIONS_PER_ROUND {
            if let Some(server) = open.pop_front() {
                policy.handle_ended(server);
            }
            start(&mut policy, &mut open);
        }
        best = best.min(began.elapsed());
    }
    best.as_secs_f64() * 1e9 / f64::from(SESSIONS_PER_ROUND)
}

fn candidate(nth: u32, spread: u16, maxconn: u32) -> Candidate {
    // 37 has no divisor in common with the spreads used, so that neighbours differ.
    let steps = u16::try_from(nth * 37 % u32::from(spread)).unwrap_or(0);
    let weight = Weight::new(1 + steps).unwrap_or(Weight::DEFAULT);
    Candidate {
        server: ServerIndex(nth),
        id: ServerId(nth + 1),
        weight,
        effective: EffectiveWeight::full(weight),
        backup: false,
        limits: NonZeroU32::new(maxconn).map(Limits::fixed),
        seed: seed(HashKey::Id, ServerId(nth + 1), None),
    }
}
