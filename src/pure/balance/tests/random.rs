//! Random draws.

use super::*;

/// A fixed stream of random numbers (SplitMix64).
pub(super) fn random_numbers(mut seed: u64) -> impl FnMut() -> u64 {
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
    for (draws, shares) in [
        (1, [10_310, 6_030, 3_660, 0]),
        (2, [10_800, 5_720, 3_480, 0]),
        (3, [10_780, 5_700, 3_520, 0]),
    ] {
        let mut policy = Backend::new("random", "a=5 b=3 c=2 d=0").policy;
        policy = Policy::new(
            Algorithm::Random { draws: NonZeroU32::new(draws).unwrap(), factor: None },
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
        for (count, share) in counts.into_iter().zip(shares) {
            assert!((count - share).abs() <= share / 12, "{draws} draws: {counts:?}");
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
