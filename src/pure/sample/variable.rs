//! Names of variables: `txn.client`, `sess.seen`, `proc.limit`.

use std::fmt;

/// How long a variable lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// As long as the process.
    Process,
    /// As long as the client's connection.
    Session,
    /// As long as the stream; one a connection here.
    Transaction,
    /// While the request is looked at.
    Request,
    /// While the response is looked at.
    Response,
    /// As long as a health check.
    Check,
}

/// HAProxy's words, with their scopes.
const SCOPES: [(&str, Scope); 6] = [
    ("proc", Scope::Process),
    ("sess", Scope::Session),
    ("txn", Scope::Transaction),
    ("req", Scope::Request),
    ("res", Scope::Response),
    ("check", Scope::Check),
];

/// A variable's scope and name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Variable {
    /// How long it lives.
    pub scope: Scope,
    name: Box<str>,
}

impl Variable {
    /// Reads `scope.name`.
    ///
    /// # Errors
    /// Says what is wrong with the scope or the name.
    pub fn parse(text: &str) -> Result<Self, String> {
        let scopes = "a name starts with proc., sess., txn., req., res. or check.";
        let Some((word, name)) = text.split_once('.') else {
            return Err(format!("variable '{text}' has no scope: {scopes}"));
        };
        let Some(&(_, scope)) = SCOPES.iter().find(|(known, _)| *known == word) else {
            return Err(format!("variable '{text}' has an unknown scope: {scopes}"));
        };
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
        if name.is_empty() {
            return Err(format!("variable '{text}' has no name"));
        }
        if let Some(bad) = name.chars().find(|&c| !allowed(c)) {
            return Err(format!(
                "variable '{text}' has '{bad}' in its name: letters, digits, '_' and '.' may be"
            ));
        }
        Ok(Self { scope, name: name.into() })
    }

    /// The name without its scope.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = SCOPES.iter().find(|(_, scope)| *scope == self.scope).map_or("", |row| row.0);
        write!(f, "{word}.{}", self.name)
    }
}

impl fmt::Debug for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_need_a_scope_and_plain_characters() {
        assert_eq!(Variable::parse("txn.a.b_1").unwrap().to_string(), "txn.a.b_1");
        for bad in ["x", "foo.x", "txn.", "txn.a-b"] {
            assert!(Variable::parse(bad).is_err(), "{bad}");
        }
    }
}
