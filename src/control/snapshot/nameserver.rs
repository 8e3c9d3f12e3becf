//! What became of the questions to one name server.

/// What became of questions to a name server: HAProxy's names, in its order.
pub const QUESTIONS: [&str; 15] = [
    "sent",
    "send_error",
    "valid",
    "update",
    "cname",
    "cname_error",
    "any_err",
    "nx",
    "timeout",
    "refused",
    "other",
    "invalid",
    "too_big",
    "truncated",
    "outdated",
];

/// A name server.
#[derive(Clone, Debug)]
pub struct Nameserver {
    /// Its `resolvers` section.
    pub section: String,
    /// Its name.
    pub name: String,
    /// Counts, one for each of [`QUESTIONS`].
    pub questions: [u64; QUESTIONS.len()],
}
