//! Configuration: text -> raw -> model, all mistakes at once.

pub mod haproxy;
pub mod model;
pub mod raw;
