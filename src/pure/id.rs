//! Names and numbers of proxies and servers.

use std::fmt;

/// The name of a proxy or server: `[A-Za-z0-9_.:-]+`, HAProxy's set of characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Box<str>);

impl Name {
    /// Checks the characters.
    ///
    /// # Errors
    /// The first character that is not allowed, or `None` for an empty name.
    pub fn new(text: &str) -> Result<Self, Option<char>> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "_.:-".contains(c);
        match text.chars().find(|&c| !allowed(c)) {
            Some(bad) => Err(Some(bad)),
            None if text.is_empty() => Err(None),
            None => Ok(Self(text.into())),
        }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

impl std::borrow::Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// The number of a frontend, backend or `listen` section (`iid` in HAProxy's CSV), from 2: 1 is the
/// process itself. A frontend and a backend that came from one `listen` share it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProxyId(pub u32);

/// The number of a server within its backend (`sid` in HAProxy's CSV), from 1 in file order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerId(pub u32);
/// Names of proxies that are in the file and not in the process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Disabled {
    /// Those that clients would come in by.
    pub frontends: Vec<String>,
    /// Those that have servers.
    pub backends: Vec<String>,
}
