//! How the primary of a group is changed on purpose, as written.

use std::time::Duration;

use haproxy_compat::span::{Span, Spanned};

use super::Field;

/// `switchover` of a backend.
#[derive(Clone, Debug, PartialEq)]
pub struct Switchover {
    /// Where it stands.
    pub span: Span,
    /// An account that may change what servers are.
    pub user: Field<String>,
    /// A file with its password.
    pub password_file: Field<String>,
    /// A program and its arguments that do it instead.
    pub promote: Vec<Spanned<String>>,
    /// A program and its arguments that undo what of it was done.
    pub rollback: Vec<Spanned<String>>,
    /// How long clients may wait for it.
    pub timeout: Field<Duration>,
}
