//! What is said on a *sentinel*, the connection to a database that is held open so that its role is
//! known and its death is heard; without a socket.
//!
//! A dialogue logs in and is then asked to poll: one small question, one row, one
//! [`Reading`]. It is told what arrived ([`Dialogue::handle_bytes`]), and yields what follows from
//! that ([`Said`]) or why the connection is of no more use ([`Fault`]).
//!
//! ```text
//!   connected -> (TLS) -> logging in -> idle -> asked -> idle -> ...
//!                 '-------- Fault, anywhere; the connection is closed -----'
//! ```
//! **Invariants.** Any bytes, cut anywhere, give the same and never panic; an answer is kept up to
//! [`ANSWER_BYTES_MAX`]; one question at a time.

pub mod door;
mod mysql;
mod postgres;
pub mod refusal;

use std::fmt;

use super::health::verdict::CheckStatus;
use super::probe::kind::Cluster;
use super::role::Reading;

/// Bytes kept of what has no end yet: rows of ours take some hundred, the set of a MySQL server's
/// transactions some thousand.
pub const ANSWER_BYTES_MAX: usize = 256 * 1024;

/// Who logs in, and where to.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// The account.
    pub user: String,
    /// Its password; may be empty.
    pub password: String,
    /// The database; empty: none, which MySQL lets be.
    pub database: String,
    /// What a MySQL server is said to be part of.
    pub cluster: Option<Cluster>,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Login({} at {}, password hidden)", self.user, self.database)
    }
}

/// What a dialogue wants done, or has learned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// Send this.
    Send(Vec<u8>),
    /// Speak TLS from now on; then [`Dialogue::handle_secured`].
    StartTls,
    /// The account is logged in: it may be polled.
    LoggedIn,
    /// The database said what it is.
    Reading(Reading),
    /// It did what it was told; the first column of the first row of the answer, if it has one.
    Done(Option<String>),
}

/// Why a connection is of no more use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What it was, in the words of checks.
    pub status: CheckStatus,
    /// The server says that it goes down: nothing has to be confirmed.
    pub is_goodbye: bool,
    /// The server lives, and lets this account or one more session not in, or not ask, or not as this
    /// account is to come: by TLS.
    pub is_refusal: bool,
    /// For people.
    pub text: String,
}

impl Fault {
    fn new(status: CheckStatus, text: impl Into<String>) -> Self {
        Self { status, is_goodbye: false, is_refusal: false, text: text.into() }
    }

    /// Where TLS is asked for, which is no matter of the server's health.
    fn without_tls() -> Self {
        let fault = Self::new(CheckStatus::L6Response, "the server does not speak TLS");
        Self { is_refusal: true, ..fault }
    }

    /// What arrived is no answer of this protocol.
    fn nonsense(text: impl Into<String>) -> Self {
        Self::new(CheckStatus::L7Response, text)
    }
}

/// What a database says of its settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// It writes each connection down, as it was told when the session began: what it is told later a
    /// session does not see.
    pub notes_connections: bool,
    /// When it read what it is told, in its words.
    pub read_at: String,
}

/// What is held with one database.
#[derive(Debug)]
pub enum Dialogue {
    /// MySQL or MariaDB.
    Mysql(mysql::Mysql),
    /// Postgres.
    Postgres(postgres::Postgres),
}

impl Dialogue {
    /// With a MySQL or MariaDB server, by TLS or without.
    #[must_use]
    pub fn mysql(login: Login, tls: bool) -> Self {
        Self::Mysql(mysql::Mysql::new(login, tls))
    }

    /// With a Postgres server, by TLS or without.
    #[must_use]
    pub fn postgres(login: Login, tls: bool) -> Self {
        Self::Postgres(postgres::Postgres::new(login, tls))
    }

    /// The connection is made: what to say first.
    ///
    /// # Errors
    /// What was configured cannot be said.
    pub fn handle_connected(&mut self) -> Result<Vec<Said>, Fault> {
        match self {
            Self::Mysql(dialogue) => dialogue.handle_connected(),
            Self::Postgres(dialogue) => dialogue.handle_connected(),
        }
    }

    /// TLS is spoken from here on.
    ///
    /// # Errors
    /// As [`handle_connected`](Self::handle_connected).
    pub fn handle_secured(&mut self) -> Result<Vec<Said>, Fault> {
        match self {
            Self::Mysql(dialogue) => dialogue.handle_secured(),
            Self::Postgres(dialogue) => dialogue.handle_secured(),
        }
    }

    /// TLS is spoken, with one who is not trusted: what to say before it is left, for its peace.
    pub fn handle_distrusted(&mut self) -> Vec<u8> {
        match self {
            Self::Mysql(dialogue) => dialogue.handle_distrusted(),
            // It takes who says nothing after TLS for one who did not like it, and notes nothing.
            Self::Postgres(_) => Vec::new(),
        }
    }

    /// Bytes arrived.
    ///
    /// # Errors
    /// The server refused, says goodbye, or does not speak the protocol.
    pub fn handle_bytes(&mut self, bytes: &[u8]) -> Result<Vec<Said>, Fault> {
        match self {
            Self::Mysql(dialogue) => dialogue.handle_bytes(bytes),
            Self::Postgres(dialogue) => dialogue.handle_bytes(bytes),
        }
    }

    /// The question; `None` while the account is not logged in or an answer is due.
    pub fn poll(&mut self) -> Option<Vec<u8>> {
        match self {
            Self::Mysql(dialogue) => dialogue.poll(),
            Self::Postgres(dialogue) => dialogue.poll(),
        }
    }

    /// A statement that is to be executed; `None` while the account is not logged in or an answer is
    /// due.
    pub fn execute(&mut self, statement: &str) -> Option<Vec<u8>> {
        match self {
            Self::Mysql(dialogue) => dialogue.execute(statement),
            Self::Postgres(dialogue) => dialogue.execute(statement),
        }
    }

    /// What the database said of its settings, once it was asked; `None` where none counts.
    #[must_use]
    pub const fn settings(&self) -> Option<&Settings> {
        match self {
            Self::Mysql(_) => None,
            Self::Postgres(dialogue) => dialogue.settings(),
        }
    }

    /// What to send before the connection is closed, so that the server's log has no complaint.
    #[must_use]
    pub fn goodbye(&self) -> Vec<u8> {
        match self {
            Self::Mysql(dialogue) => dialogue.goodbye(),
            Self::Postgres(dialogue) => dialogue.goodbye(),
        }
    }
}
