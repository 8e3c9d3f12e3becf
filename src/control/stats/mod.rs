//! Pure: the figures of a [`Snapshot`](super::snapshot::Snapshot) as HAProxy's tables, and the tables
//! as text.
//!
//! [`rows`] lays out `show stat`, [`info`] lays out `show info`; [`render`] writes either as CSV,
//! typed lines or JSON. Tools parse all of these: names, order and types are HAProxy's.

pub mod columns;
pub mod info;
pub mod render;
pub mod rows;
pub mod schema;
pub mod value;

#[cfg(test)]
mod tests;
