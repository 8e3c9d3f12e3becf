//! The values of one key.

use std::time::{Duration, Instant};

use super::data::{DataType, Shape};
use super::layout::Layout;
use super::window::Window;

/// One value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    Count(u64),
    Rate(Window),
}

/// What is known of one key.
#[derive(Clone, Debug)]
pub struct Entry {
    slots: Box<[Slot]>,
    /// The server's name or address, where a `stick` rule noted one.
    pub server_key: Option<Box<str>>,
    /// When it was used last.
    pub(super) touched: Instant,
    /// The order of use.
    pub(super) turn: u64,
    /// Sessions that hold it.
    pub(super) holders: u32,
}

impl Entry {
    pub(super) fn new(layout: &Layout, now: Instant) -> Self {
        let mut slots = Vec::with_capacity(layout.values());
        for stored in layout.stored() {
            let slot = match stored.data.shape() {
                Shape::Count | Shape::Counts => Slot::Count(0),
                Shape::Rate | Shape::Rates => Slot::Rate(Window::default()),
                Shape::Name => continue,
            };
            slots.extend((0..stored.len).map(|_| slot));
        }
        Self { slots: slots.into(), server_key: None, touched: now, turn: 0, holders: 0 }
    }

    /// Sessions that hold it.
    #[must_use]
    pub const fn holders(&self) -> u32 {
        self.holders
    }

    /// The order of use: it grows with every use that nobody holds on to.
    #[must_use]
    pub const fn turn(&self) -> u64 {
        self.turn
    }

    /// Its place among those that nobody holds: after all that were used before it.
    pub(super) const fn place(&self) -> (Instant, u64) {
        (self.touched, self.turn)
    }

    /// How long it is still kept without being used.
    #[must_use]
    pub fn rest(&self, expire: Duration, now: Instant) -> Duration {
        (self.touched + expire).saturating_duration_since(now)
    }

    /// A number, or a rate at `now`; `None` where it is not stored.
    #[must_use]
    pub fn number(&self, layout: &Layout, what: (DataType, u32), now: Instant) -> Option<u64> {
        let (place, period) = layout.place(what.0, what.1)?;
        Some(match self.slots[place] {
            Slot::Count(count) => count,
            Slot::Rate(window) => window.rate(period, now),
        })
    }

    /// Adds to a number, or counts events of a rate; nothing where it is not stored. The new value.
    pub fn add(
        &mut self,
        layout: &Layout,
        what: (DataType, u32),
        count: u64,
        now: Instant,
    ) -> Option<u64> {
        let (place, period) = layout.place(what.0, what.1)?;
        Some(match &mut self.slots[place] {
            Slot::Count(number) => {
                *number = limited(what.0, number.wrapping_add(count));
                *number
            }
            Slot::Rate(window) => {
                window.add(count, period, now);
                window.rate(period, now)
            }
        })
    }

    /// Takes one from a number.
    pub(super) fn lower(&mut self, layout: &Layout, data: DataType) {
        if let Some((place, _)) = layout.place(data, 0)
            && let Slot::Count(number) = &mut self.slots[place]
        {
            *number = number.saturating_sub(1);
        }
    }

    /// Sets a number or a rate; nothing where it is not stored. The value it had.
    pub fn set(
        &mut self,
        layout: &Layout,
        what: (DataType, u32),
        value: u64,
        now: Instant,
    ) -> Option<u64> {
        let old = self.number(layout, what, now)?;
        let (place, _) = layout.place(what.0, what.1)?;
        match &mut self.slots[place] {
            Slot::Count(number) => *number = limited(what.0, value),
            Slot::Rate(window) => window.set(value & u64::from(u32::MAX), now),
        }
        Some(old)
    }
}

/// Bytes have 64 bits, everything else 32, as in HAProxy.
const fn limited(data: DataType, value: u64) -> u64 {
    match data {
        DataType::BytesInCnt | DataType::BytesOutCnt => value,
        _ => value & u32::MAX as u64,
    }
}
