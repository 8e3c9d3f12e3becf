//! What a drill does to a server.

use std::time::Duration;

/// `drill` of a backend: programs and their arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drill {
    /// Ends the primary.
    pub kill: Option<Vec<String>>,
    /// Stops it without ending it.
    pub hang: Option<Vec<String>>,
    /// Cuts it off.
    pub partition: Option<Vec<String>>,
    /// Undoes what one of them did.
    pub heal: Option<Vec<String>>,
    /// A statement that writes something, which clients of the drill have executed.
    pub write: Option<String>,
    /// How long it may take until clients are served again.
    pub timeout: Duration,
}
