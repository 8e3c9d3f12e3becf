//! The score that turns verdicts into up and down.
//!
//! ```text
//!   0 ......... rise-1 | rise ................ rise+fall-1
//!   down, n passes seen | up, n lives left     (full)
//!
//!   pass: one up; reaching rise jumps to the top
//!   fail: one down; falling below rise drops to 0
//! ```
//! So `fall` failures in a row from the top mean down, and `rise` passes in a row from 0 mean up.
//! Invariant: `score < rise + fall`.

use std::num::NonZeroU16;

/// A change of side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flip {
    /// Came up.
    Up,
    /// Went down.
    Down,
}

/// What a result did to the score.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The score was not at its end already: such a result is counted and logged.
    pub counted: bool,
    /// The side changed.
    pub flip: Option<Flip>,
}

/// The rise/fall counter of one check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RiseFall {
    rise: NonZeroU16,
    fall: NonZeroU16,
    score: u32,
}

impl RiseFall {
    /// Up with one life: the first failure takes the server down.
    #[must_use]
    pub fn new(rise: NonZeroU16, fall: NonZeroU16) -> Self {
        Self { rise, fall, score: u32::from(rise.get()) }
    }

    /// Counts a result.
    pub fn handle(&mut self, passed: bool) -> Moved {
        let (before, was_up) = (self.score, self.is_up());
        if passed {
            self.score = (before + 1).min(self.top());
            if self.is_up() {
                self.score = self.top();
            }
        } else {
            self.score = before.saturating_sub(1);
            if !self.is_up() {
                self.score = 0;
            }
        }
        let flip = match (was_up, self.is_up()) {
            (false, true) => Some(Flip::Up),
            (true, false) => Some(Flip::Down),
            _ => None,
        };
        Moved { counted: self.score != before, flip }
    }

    /// Up with one life, unless there is less than that.
    pub fn last_life(&mut self) {
        self.score = self.score.min(u32::from(self.rise.get()));
    }

    /// Up with two lives, unless there is less than that.
    pub fn last_two_lives(&mut self) {
        self.score = self.score.min(u32::from(self.rise.get()) + 1);
    }

    /// Down, and one pass brings it up.
    pub fn last_try(&mut self) {
        self.score = u32::from(self.rise.get()) - 1;
    }

    /// To the top, or to 0.
    pub fn force(&mut self, up: bool) {
        self.score = if up { self.top() } else { 0 };
    }

    /// Takes new limits and keeps the side: full stays full, and what was won or lost on the way
    /// counts as far as the new limits allow.
    pub fn reconfigure(&mut self, rise: NonZeroU16, fall: NonZeroU16) {
        let (was_up, was_full, lives) = (self.is_up(), self.is_full(), self.lives());
        let passes = self.score;
        (self.rise, self.fall) = (rise, fall);
        let rise = u32::from(rise.get());
        self.score = if was_full {
            self.top()
        } else if was_up {
            (rise + lives - 1).min(self.top())
        } else {
            passes.min(rise - 1)
        };
    }

    /// On the passing side.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.score >= u32::from(self.rise.get())
    }

    /// At the top.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.score == self.top()
    }

    /// The score, 0 to rise + fall - 1.
    #[must_use]
    pub fn score(&self) -> u32 {
        self.score
    }

    /// Passes in a row that bring the server up.
    #[must_use]
    pub fn rise(&self) -> NonZeroU16 {
        self.rise
    }

    /// Failures in a row that take it down.
    #[must_use]
    pub fn fall(&self) -> NonZeroU16 {
        self.fall
    }

    /// HAProxy's `a/b`: lives left of `fall` while up, passes seen of `rise` while down.
    #[must_use]
    pub fn progress(&self) -> (u32, u16) {
        if self.is_up() { (self.lives(), self.fall.get()) } else { (self.score, self.rise.get()) }
    }

    fn lives(&self) -> u32 {
        (self.score + 1).saturating_sub(u32::from(self.rise.get()))
    }

    fn top(&self) -> u32 {
        u32::from(self.rise.get()) + u32::from(self.fall.get()) - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn limits(rise: u16, fall: u16) -> RiseFall {
        let limit = |n| NonZeroU16::new(n).expect("tests use limits from 1");
        RiseFall::new(limit(rise), limit(fall))
    }

    #[test]
    fn default_limits_row_by_row() {
        // (result, score, flip, counted) from the start, rise 2 and fall 3.
        let rows = [
            (false, 0, Some(Flip::Down), true),
            (false, 0, None, false),
            (true, 1, None, true),
            (false, 0, None, true),
            (true, 1, None, true),
            (true, 4, Some(Flip::Up), true),
            (true, 4, None, false),
            (false, 3, None, true),
            (false, 2, None, true),
            (true, 4, None, true),
            (false, 3, None, true),
            (false, 2, None, true),
            (false, 0, Some(Flip::Down), true),
        ];
        let mut health = limits(2, 3);
        assert_eq!(health.progress(), (1, 3));
        for (row, (passed, score, flip, counted)) in rows.into_iter().enumerate() {
            assert_eq!(health.handle(passed), Moved { counted, flip }, "row {row}");
            assert_eq!(health.score(), score, "row {row}");
        }
    }

    #[test]
    fn one_of_each_flips_with_every_result() {
        let mut health = limits(1, 1);
        assert_eq!(health.handle(false).flip, Some(Flip::Down));
        assert_eq!(health.handle(true).flip, Some(Flip::Up));
        assert!(health.is_full());
    }

    #[test]
    fn new_limits_keep_the_side() {
        let two = NonZeroU16::new(2).expect("not 0");
        let nine = NonZeroU16::new(9).expect("not 0");
        let mut health = limits(2, 3);
        health.handle(true);
        health.reconfigure(nine, nine);
        assert!(health.is_full());
        health.handle(false);
        health.reconfigure(two, two);
        assert!(health.is_up());
        for _ in 0..9 {
            health.handle(false);
        }
        health.handle(true);
        health.reconfigure(two, nine);
        assert_eq!((health.is_up(), health.score()), (false, 1));
    }

    proptest! {
        #[test]
        fn streaks_decide(rise in 1u16..9, fall in 1u16..9, results: Vec<bool>) {
            let mut health = limits(rise, fall);
            let mut streak = 0u32;
            let mut last = None;
            for passed in results {
                streak = if last == Some(passed) { streak + 1 } else { 1 };
                last = Some(passed);
                let was_up = health.is_up();
                let moved = health.handle(passed);
                prop_assert!(health.score() < u32::from(rise) + u32::from(fall));
                prop_assert_eq!(moved.flip.is_some(), was_up != health.is_up());
                if passed && streak >= u32::from(rise) {
                    prop_assert!(health.is_full());
                }
                if !passed && streak >= u32::from(fall) {
                    prop_assert_eq!(health.score(), 0);
                }
            }
        }
    }
}
