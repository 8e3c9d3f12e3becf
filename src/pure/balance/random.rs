//! `balance random(draws)`: of some servers drawn at random by weight, the least loaded.
//!
//! Draws come from an alias table (Walker 1977, in Vose's form): one column a server, each as high
//! as the average weight and shared by at most two servers, so that a draw is one look-up however
//! many servers there are. Numbers are exact: heights are scaled by the number of columns.

use std::num::NonZeroU32;

use super::live_set::{Member, ServerIndex};
use super::load::Load;

/// The table of draws.
#[derive(Clone, Debug)]
pub(super) struct Random {
    draws: NonZeroU32,
    members: Box<[Member]>,
    columns: Box<[Column]>,
    /// The sum of all weights, which is the height of each column.
    total: u64,
}

#[derive(Clone, Copy, Debug)]
struct Column {
    /// Below this height the column is its own server's.
    own: u64,
    /// From there on it is that of the member at this place.
    other: usize,
}

impl Random {
    /// The table for `members`.
    pub(super) fn new(draws: NonZeroU32, members: &[Member]) -> Self {
        let total = members.iter().map(|member| u64::from(member.weight.value())).sum();
        Self { draws, members: members.into(), columns: columns(members, total), total }
    }

    /// Carries the number of draws over to other members.
    pub(super) fn handle_members(&mut self, members: &[Member]) {
        *self = Self::new(self.draws, members);
    }

    /// The best of the draws, `None` where that one is full. `avoid` is drawn only where it is
    /// alone.
    pub(super) fn pick(
        &self,
        load: impl Fn(ServerIndex) -> Load,
        avoid: Option<ServerIndex>,
        random: &mut impl FnMut() -> u64,
    ) -> Option<ServerIndex> {
        let busy = |member: &Member| u64::from(load(member.server).served);
        let weight = |member: &Member| u64::from(member.weight.value());
        let mut best = self.draw(avoid, random)?;
        for _ in 1..self.draws.get() {
            let other = self.draw(avoid, random)?;
            if busy(other) * weight(best) <= busy(best) * weight(other) {
                best = other;
            }
        }
        load(best.server).leaves_room(best).then_some(best.server)
    }

    fn draw(
        &self,
        avoid: Option<ServerIndex>,
        random: &mut impl FnMut() -> u64,
    ) -> Option<&Member> {
        let number = random();
        // The upper half chooses the column, the lower one the height in it.
        let place = below(number >> 32, self.columns.len() as u64) as usize;
        let column = self.columns.get(place)?;
        let height = below(number & u64::from(u32::MAX), self.total);
        let drawn = if height < column.own { place } else { column.other };
        let member = self.members.get(drawn)?;
        if avoid == Some(member.server) {
            return Some(self.draw_other(member, random()).unwrap_or(member));
        }
        Some(member)
    }

    /// A draw among all but one. Walks the list: only retries come here.
    fn draw_other(&self, avoided: &Member, number: u64) -> Option<&Member> {
        let total = self.total - u64::from(avoided.weight.value());
        let mut height = below(number >> 32, total);
        self.members.iter().filter(|member| member.server != avoided.server).find(|member| {
            let weight = u64::from(member.weight.value());
            let found = height < weight;
            height = height.saturating_sub(weight);
            found
        })
    }
}

/// Maps 32 random bits to 0..bound. The bias is below bound / 2^32, 0.4 % for 4,096 servers of the
/// largest weight.
fn below(bits: u64, bound: u64) -> u64 {
    (bits * bound) >> 32
}

fn columns(members: &[Member], total: u64) -> Box<[Column]> {
    let count = members.len() as u64;
    let mut columns: Box<[Column]> = members
        .iter()
        .enumerate()
        .map(|(place, member)| Column {
            own: u64::from(member.weight.value()) * count,
            other: place,
        })
        .collect();
    let (mut low, mut high): (Vec<usize>, Vec<usize>) =
        (0..columns.len()).partition(|&place| columns[place].own < total);
    // Each low column is filled up from a high one, which may become low by that.
    while let (Some(&poor), Some(&rich)) = (low.last(), high.last()) {
        low.pop();
        columns[poor].other = rich;
        columns[rich].own -= total - columns[poor].own;
        if columns[rich].own < total {
            high.pop();
            low.push(rich);
        }
    }
    columns
}
