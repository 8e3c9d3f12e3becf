//! The system's words for its refusals.

use std::io;

/// `Connection refused`: what strerror(3) says, without the number Rust adds.
#[must_use]
pub fn system_text(error: &io::Error) -> String {
    let text = error.to_string();
    match text.rfind(" (os error ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}
