//! Room for what few sessions have: a pointer in all others.

/// A value that is its default, and takes no memory, until somebody changes it.
#[derive(Default)]
pub(super) struct Rare<T>(Option<Box<T>>);

impl<T: Default> Rare<T> {
    /// The value, where somebody changed it.
    pub(super) fn get(&self) -> Option<&T> {
        self.0.as_deref()
    }

    /// The value, to be changed.
    pub(super) fn change(&mut self) -> &mut T {
        self.0.get_or_insert_default()
    }
}
