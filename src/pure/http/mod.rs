//! Requests of HTTP/1 to the process itself, and its answers to them.
//!
//! Follows RFC 9112 and 9110 with HAProxy's strictness: what it refuses with 400 is refused. There is
//! no proxying: a request is read whole, asked about by rules, and answered.

pub mod answer;
pub mod body;
pub mod file;
pub mod head;

#[cfg(test)]
mod tests;

pub use answer::Answer;
pub use file::ErrorFile;
pub use head::{Bad, Framing, Request};
