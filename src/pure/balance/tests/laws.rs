//! What holds for every policy, whatever happens.

use proptest::prelude::*;

use super::random::random_numbers;
use super::*;

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
        Just("source consistent"),
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
                    hash: hash(IpAddr::from(client.to_be_bytes())),
                    avoid: avoid.map(ServerIndex),
                    ..Request::default()
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
    let has_room = |member: &Member| {
        let crowd = policy.live().crowd(1);
        policy.load(member.server).leaves_room(member.limits.as_ref(), crowd)
    };
    let member = |server| members.iter().find(|member| member.server == server);
    match pick {
        Pick::Server(server) => {
            assert!(backend.servers[server.slot()].effective.is_some(), "weight 0 was picked");
            assert!(has_room(member(server).expect("picked from the live set")));
            let others = members.iter().any(|m| m.server != server && has_room(m));
            let may_avoid = !matches!(policy.algorithm(), Algorithm::Source(_));
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
        Pick::QueueFull(_) => panic!("these servers have no maxqueue"),
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

    #[test]
    fn a_key_stays_with_its_server_while_the_servers_stay(
        keys in prop::collection::vec(any::<u32>(), 1..60),
        balance in prop_oneof![Just("source"), Just("source consistent")],
    ) {
        let mut policy = Backend::new(balance, "a=5 b c=12 d=3").policy;
        let owners = |policy: &mut Policy| -> Vec<Pick> {
            let request = |&key: &u32| Request { hash: Some(key), ..Request::default() };
            keys.iter().map(|key| policy.pick(&request(key), || 0)).collect()
        };
        let before = owners(&mut policy);
        for server in 0..4 {
            policy.handle_started(ServerIndex(server));
        }
        policy.handle_live_set(policy.live().clone());
        prop_assert_eq!(owners(&mut policy), before);
    }

    #[test]
    fn on_the_ring_only_the_keys_of_who_leaves_move(
        keys in prop::collection::vec(any::<u32>(), 1..200),
        leaver in 0..4u32,
        left_over in 0..3u16,
    ) {
        let mut backend = Backend::new("source consistent", "a=5 b=4 c=12 d=3");
        let owner = |policy: &mut Policy, key: u32| {
            policy.pick(&Request { hash: Some(key), ..Request::default() }, || 0)
        };
        let before: Vec<_> = keys.iter().map(|&key| owner(&mut backend.policy, key)).collect();
        backend.set_weight(backend.names[leaver as usize], left_over);
        for (&key, before) in keys.iter().zip(&before) {
            let after = owner(&mut backend.policy, key);
            let was_leavers = *before == Pick::Server(ServerIndex(leaver));
            prop_assert!(was_leavers || after == *before, "{key} moved from {before:?} to {after:?}");
        }
        // All come back to where they were.
        backend.set_weight(backend.names[leaver as usize], [5, 4, 12, 3][leaver as usize]);
        let back: Vec<_> = keys.iter().map(|&key| owner(&mut backend.policy, key)).collect();
        prop_assert_eq!(back, before);
    }

    #[test]
    fn the_balance_factor_bounds_every_server(
        keys in prop::collection::vec(0..8u32, 1..200),
        factor in 101..300u32,
    ) {
        let bounded = HashType {
            method: Method::Consistent { factor: NonZeroU32::new(factor) },
            ..CONSISTENT
        };
        let live = Backend::new("source consistent", "a b=2 c=3 d=4").policy.live().clone();
        let mut policy = Policy::new(Algorithm::Source(bounded), live);
        for key in keys {
            let request = Request { hash: Some(key << 28), ..Request::default() };
            let Pick::Server(server) = policy.pick(&request, || 0) else {
                panic!("nobody picked")
            };
            policy.handle_started(server);
        }
        let served = [0, 1, 2, 3].map(|place| policy.load(ServerIndex(place)).served);
        let all: u32 = served.iter().sum();
        for (served, weight) in served.into_iter().zip([1, 2, 3, 4]) {
            // A share is rounded up twice: in slots, and to at least one of them.
            let bound = (all * factor).div_ceil(100) * weight / 10 + 2;
            prop_assert!(served <= bound, "{served} of {all} with {factor}");
        }
    }
}
