//! What a drill does to a server, as written.

use std::time::Duration;

use haproxy_compat::span::Spanned;

use super::Field;

/// `drill` of a backend: programs and their arguments.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Drill {
    /// Ends the primary.
    pub kill: Vec<Spanned<String>>,
    /// Stops it without ending it.
    pub hang: Vec<Spanned<String>>,
    /// Cuts it off.
    pub partition: Vec<Spanned<String>>,
    /// Undoes what one of them did.
    pub heal: Vec<Spanned<String>>,
    /// A statement that writes something.
    pub write: Field<String>,
    /// How long it may take.
    pub timeout: Field<Duration>,
}
