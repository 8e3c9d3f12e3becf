//! Pure: automatic ids.

use std::collections::{BTreeMap, BTreeSet};

/// Ids in order: those written stay, the others take the first number that nobody wrote, after that of
/// the one before. Beside one that is written a number is passed by, as in HAProxy.
pub(in crate::config) fn automatic(written: &[Option<u32>], first: u32) -> Vec<u32> {
    let mut taken: BTreeSet<u32> = written.iter().flatten().copied().collect();
    let mut next = first;
    written
        .iter()
        .map(|id| {
            let id = id.unwrap_or_else(|| {
                while !taken.insert(next) {
                    next = next.saturating_add(1);
                }
                next
            });
            next = next.saturating_add(1);
            id
        })
        .collect()
}

/// Ids of proxies, from 2. Each is `(section, written id)`; the two halves of one section share an
/// id unless both write one, and a section without halves here still takes a number.
pub(in crate::config) fn proxies(halves: &[(u32, Option<u32>)]) -> Vec<u32> {
    let sections = halves.iter().map(|(section, _)| section + 1).max().unwrap_or(0);
    let mut written: BTreeMap<u32, u32> = BTreeMap::new();
    for &(section, id) in halves {
        if let Some(id) = id {
            written.entry(section).or_insert(id);
        }
    }
    let mut ids: Vec<Option<u32>> =
        (0..sections).map(|section| written.get(&section).copied()).collect();
    // Halves that disagree keep both numbers from being taken.
    ids.extend(halves.iter().filter(|(_, id)| id.is_some()).map(|(_, id)| *id));
    let by_section = automatic(&ids, FIRST_PROXY);
    halves.iter().map(|&(section, id)| id.unwrap_or_else(|| by_section[section as usize])).collect()
}

/// 1 is the process itself in statistics.
const FIRST_PROXY: u32 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_free_number_is_taken() {
        assert_eq!(automatic(&[None, Some(2), None, None], 1), [1, 2, 3, 4]);
        assert_eq!(automatic(&[Some(7), None], 1), [7, 2]);
        assert_eq!(automatic(&[Some(3), None, None, None], 1), [3, 2, 4, 5]);
        assert_eq!(automatic(&[None, Some(1)], 1), [2, 1]);
    }

    // As HAProxy 2.6 numbers: b0, a disabled f1, f2 with id 4, listen l1, f3, b9.
    #[test]
    fn proxies_are_numbered_as_in_haproxy() {
        let halves = [(0, None), (2, Some(4)), (3, None), (3, None), (4, None), (5, None)];
        assert_eq!(proxies(&halves), [2, 4, 5, 5, 6, 7]);
    }

    #[test]
    fn halves_share_a_written_id_or_keep_two() {
        assert_eq!(proxies(&[(0, Some(9)), (0, None), (1, None)]), [9, 9, 3]);
        assert_eq!(proxies(&[(0, Some(2)), (0, Some(3)), (1, None)]), [2, 3, 4]);
        assert!(proxies(&[]).is_empty());
    }
}
