//! Servers by a key that changes at every session: a tournament.
//!
//! Each server is a leaf, each node above knows which of the servers below it has the least key.
//! Changing a key replays the matches on its way up, log2(n) of them in one flat table; the first
//! is known at once, and the first but one given server is the best of the losers it met.

/// Compared first to last; `None` is last and never first.
pub(super) type Key = Option<(u64, u64)>;

/// Keys by slot.
#[derive(Clone, Debug, Default)]
pub(super) struct Order {
    /// As many as there are leaves, a power of two (or none yet).
    keys: Vec<Key>,
    /// Who won at each node: the root at 1, the children of `n` at `2n` and `2n + 1`. Leaves are not
    /// stored: the node of slot `s` is `keys.len() + s`.
    winners: Vec<usize>,
}

impl Order {
    /// Gives a slot its key; `None` takes it out.
    pub(super) fn set(&mut self, slot: usize, key: Key) {
        if self.keys.len() <= slot {
            self.grow((slot + 1).next_power_of_two());
        }
        if self.keys[slot] == key {
            return;
        }
        self.keys[slot] = key;
        let mut node = (self.keys.len() + slot) / 2;
        while node > 0 {
            self.replay(node);
            node /= 2;
        }
    }

    /// The slot with the least key.
    pub(super) fn first(&self) -> Option<usize> {
        if self.keys.is_empty() {
            return None;
        }
        let slot = self.winner(1);
        self.keys[slot].map(|_| slot)
    }

    /// The slot with the least key, another one than `slot`.
    pub(super) fn first_but(&self, slot: usize) -> Option<usize> {
        if self.keys.len() <= slot {
            return self.first();
        }
        let mut node = self.keys.len() + slot;
        let mut best: Option<((u64, u64), usize)> = None;
        while node > 1 {
            let rival = self.winner(node ^ 1);
            if let Some(key) = self.keys[rival]
                && best.is_none_or(|(least, _)| key < least)
            {
                best = Some((key, rival));
            }
            node /= 2;
        }
        best.map(|(_, slot)| slot)
    }

    fn grow(&mut self, leaves: usize) {
        self.keys.resize(leaves, None);
        self.winners = vec![0; leaves];
        for node in (1..leaves).rev() {
            self.replay(node);
        }
    }

    fn replay(&mut self, node: usize) {
        let (left, right) = (self.winner(2 * node), self.winner(2 * node + 1));
        let right_wins = match (self.keys[left], self.keys[right]) {
            (Some(left), Some(right)) => right < left,
            (left, _) => left.is_none(),
        };
        self.winners[node] = if right_wins { right } else { left };
    }

    fn winner(&self, node: usize) -> usize {
        match node.checked_sub(self.keys.len()) {
            Some(slot) => slot,
            None => self.winners[node],
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn firsts_are_those_of_a_sorted_list(
            changes in prop::collection::vec((0..20usize, prop::option::of(0..9u64)), 0..60),
            but in 0..40usize,
        ) {
            let mut order = Order::default();
            let mut keys = [None; 20];
            for (arrival, (slot, key)) in (0..).zip(changes) {
                keys[slot] = key.map(|key| (key, arrival));
                order.set(slot, keys[slot]);
                let least = |but: Option<usize>| {
                    (0..keys.len())
                        .filter(|&slot| Some(slot) != but && keys[slot].is_some())
                        .min_by_key(|&slot| keys[slot])
                };
                prop_assert_eq!(order.first(), least(None));
                prop_assert_eq!(order.first_but(but), least(Some(but)));
            }
        }
    }
}
