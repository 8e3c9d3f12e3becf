//! What is seen of a proxy in `mode http`.

use super::Load;

/// Requests of a proxy in `mode http`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    /// How they come; there is no limit, and nothing current.
    pub load: Load,
    /// `hrsp_1xx` to `hrsp_5xx` and `hrsp_other`.
    pub statuses: [u64; 6],
    /// `intercepted`: answered by the frontend itself.
    pub intercepted: u64,
}
