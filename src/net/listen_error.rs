//! Why a listening socket could not be opened, in the words that HAProxy has for it.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use super::listen::display;
use super::system_text::system_text;
use crate::config::model::{Bind, ListenAddr};

/// What failed, for whom, where that is written, and the system's word.
#[derive(Debug)]
pub struct ListenError {
    place: String,
    /// Whose it is, such as `frontend web`; empty where that is not known.
    owner: String,
    operation: String,
    /// The address, in brackets.
    object: String,
    source: io::Error,
}

impl ListenError {
    pub(crate) fn new(operation: impl Into<String>, bind: &Bind, source: io::Error) -> Self {
        let object = match &bind.address {
            ListenAddr::Tcp(address) => format!("for [{}]", bare(*address)),
            other => format!("[{}]", display(other)),
        };
        let place = bind.place.to_string();
        Self { place, owner: String::new(), operation: operation.into(), object, source }
    }

    /// The same, said of the section called `name`.
    pub(crate) fn of_section(self, kind: &str, name: &str) -> Self {
        Self { owner: format!("{kind} {name}"), ..self }
    }

    /// Whether somebody else listens there.
    #[must_use]
    pub fn is_taken(&self) -> bool {
        self.source.kind() == io::ErrorKind::AddrInUse
    }
}

impl std::error::Error for ListenError {}

impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, owner, operation, object, source } = self;
        if !owner.is_empty() {
            write!(f, "Binding [{place}] for {owner}: ")?;
        }
        write!(f, "cannot {operation} ({}) {object}", system_text(source))
    }
}

/// An address without the brackets of version 6.
fn bare(address: SocketAddr) -> String {
    format!("{}:{}", address.ip(), address.port())
}
