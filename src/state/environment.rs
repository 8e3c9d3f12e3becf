//! The environment of the process, as the configuration left it: what `setenv` and its kin made of
//! the variables it was started with, and what HAProxy tells of itself.
//!
//! The system's own environment is never changed: that is unsafe beside threads. Programs that are
//! to have it get it from here.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::sync::{Arc, Mutex, PoisonError};

/// Names and values, sorted by name.
pub type Variables = Arc<[(OsString, OsString)]>;

/// The variables in force.
#[derive(Debug)]
pub struct Environment(Mutex<Variables>);

impl Default for Environment {
    fn default() -> Self {
        Self(Mutex::new(Arc::new([])))
    }
}

impl Environment {
    /// Takes over those of a newer configuration.
    pub fn set(&self, variables: impl Iterator<Item = (String, Vec<u8>)>) {
        let variables = variables.map(|(name, value)| (name.into(), OsString::from_vec(value)));
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = variables.collect();
    }

    /// The value of `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Vec<u8>> {
        let variables = self.variables();
        let found = variables.iter().find(|(known, _)| known == name)?;
        Some(found.1.as_bytes().to_vec())
    }

    /// All of them.
    #[must_use]
    pub fn variables(&self) -> Variables {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
