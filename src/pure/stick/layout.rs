//! What the entries of one table hold, and where.

use std::time::Duration;

use super::data::{DataType, Shape};

/// A datum that is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Which.
    pub data: DataType,
    /// How many of it; 1 but for arrays.
    pub len: u32,
    /// A rate's period; zero where there is none.
    pub period: Duration,
}

/// Everything that is stored, in the order of [`DataType`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    stored: Vec<Stored>,
}

impl Layout {
    /// Adds a datum; one that is there stays as it is. Whether it was added.
    pub fn add(&mut self, new: Stored) -> bool {
        match self.stored.binary_search_by_key(&new.data, |stored| stored.data) {
            Ok(_) => false,
            Err(place) => {
                self.stored.insert(place, new);
                true
            }
        }
    }

    /// Makes room for the server of an entry, which `stick` rules note.
    pub fn add_server(&mut self) {
        for data in [DataType::ServerId, DataType::ServerKey] {
            self.add(Stored { data, len: 1, period: Duration::ZERO });
        }
    }

    /// What is stored.
    #[must_use]
    pub fn stored(&self) -> &[Stored] {
        &self.stored
    }

    /// The datum, if it is stored.
    #[must_use]
    pub fn get(&self, data: DataType) -> Option<&Stored> {
        self.stored.iter().find(|stored| stored.data == data)
    }

    /// The values an entry needs room for.
    #[must_use]
    pub fn values(&self) -> usize {
        self.stored.iter().map(Stored::values).sum()
    }

    /// The place of a value, and its period. The old names `gpc0`, `gpc1`, `gpt0` also stand for the
    /// first of an array.
    #[must_use]
    pub fn place(&self, data: DataType, index: u32) -> Option<(usize, Duration)> {
        let mut place = 0;
        for stored in &self.stored {
            if stored.data == data {
                let is_there = index < stored.len && stored.values() > 0;
                return is_there.then_some((place + index as usize, stored.period));
            }
            place += stored.values();
        }
        match data {
            DataType::Gpc0 => self.place(DataType::Gpc, 0),
            DataType::Gpc1 => self.place(DataType::Gpc, 1),
            DataType::Gpt0 => self.place(DataType::Gpt, 0),
            DataType::Gpc0Rate => self.place(DataType::GpcRate, 0),
            DataType::Gpc1Rate => self.place(DataType::GpcRate, 1),
            _ => None,
        }
    }
}

impl Stored {
    const fn values(&self) -> usize {
        match self.data.shape() {
            // A name is kept beside the numbers.
            Shape::Name => 0,
            _ => self.len as usize,
        }
    }
}
