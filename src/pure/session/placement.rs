//! Which worker runs a new session.
//!
//! The kernel spreads connections over the workers' sockets by their addresses, and knows nothing of how
//! long they last: of a few hundred sessions that stay, one worker may have most. So a worker that has
//! clearly more than the least loaded one hands it what it accepts; between those that have about as many,
//! a connection stays where it is, and the others are not even looked at.

/// So many sessions more than another are not worth a hand-over, which wakes another thread.
const CLEAR_MIN: u64 = 4;

/// Nor is this share of its own: an eighth, less than what chance makes of a hundred sessions.
const CLEAR_SHARE: u64 = 8;

/// The worker that is to run what worker `own` of `workers` accepts where `all` sessions run now; `None`:
/// that one. `load` tells how many sessions a worker has.
pub fn taker(own: usize, workers: usize, all: u32, load: impl Fn(usize) -> u32) -> Option<usize> {
    let own_load = load(own);
    let clear = (u64::from(own_load) / CLEAR_SHARE).max(CLEAR_MIN);
    // Of two workers one has as much more than their average as the other has less.
    let count = workers as u64;
    if 2 * u64::from(own_load) * count < 2 * u64::from(all) + clear * count {
        return None;
    }
    // Of several that are alike each worker begins with another.
    let others = (own + 1..workers).chain(0..own).map(|worker| (load(worker), worker));
    let (least, worker) = others.min_by_key(|&(load, _)| load)?;
    (u64::from(own_load) >= u64::from(least) + clear).then_some(worker)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn taker_of(own: usize, loads: &[u32]) -> Option<usize> {
        taker(own, loads.len(), loads.iter().sum(), |worker| loads[worker])
    }

    #[test]
    fn who_has_clearly_more_gives_to_who_has_least() {
        let rows: [(usize, &[u32], Option<usize>); 13] = [
            (0, &[1_000], None),
            (0, &[0, 0], None),
            (0, &[3, 0], None),
            (0, &[4, 0], Some(1)),
            (1, &[4, 0], None),
            (0, &[24, 21], None),
            (0, &[25, 21], Some(1)),
            // An eighth counts from 32 sessions on.
            (0, &[800, 701], None),
            (0, &[800, 700], Some(1)),
            (1, &[9, 40, 5, 30], Some(2)),
            (3, &[9, 40, 5, 30], Some(2)),
            // Of those that are alike: who comes next.
            (1, &[0, 90, 0, 0], Some(2)),
            // Who has no more than the average keeps what it has, though another is idle.
            (0, &[20, 20, 0, 60], None),
        ];
        for (own, loads, expected) in rows {
            assert_eq!(taker_of(own, loads), expected, "{own} of {loads:?}");
        }
    }

    #[test]
    fn the_others_are_looked_at_only_by_who_has_more_than_the_average() {
        let loads = [50, 52, 49, 51];
        let looks = Cell::new(0);
        let load = |worker: usize| {
            looks.set(looks.get() + 1);
            loads[worker]
        };
        assert_eq!(taker(1, 4, loads.iter().sum(), load), None);
        assert_eq!(looks.get(), 1);
    }

    #[test]
    fn what_all_comes_to_one_worker_is_shared_by_all() {
        for workers in 2..=8 {
            let mut loads = vec![0; workers];
            for _ in 0..1_000 {
                let worker = taker_of(0, &loads).unwrap_or(0);
                loads[worker] += 1;
            }
            let least = *loads.iter().min().unwrap();
            assert!(loads[0] - least <= loads[0] / 8 + 1, "{loads:?}");
        }
    }
}
