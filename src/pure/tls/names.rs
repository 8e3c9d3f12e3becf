//! Names that certificates are for, and how a name that a client asks for is matched.
//!
//! Patterns are HAProxy's: a name, `*.domain` for one label below it, `!name` to take a name out.
//! Case does not matter.

/// A pattern of names: of a certificate, or of a line in a list of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NamePattern {
    /// Lower case; of a wildcard what follows the star, with its dot.
    text: String,
    wildcard: bool,
    /// `!`: clients that ask for it get another certificate.
    pub negated: bool,
}

impl NamePattern {
    /// The pattern as written. `None` for an empty one.
    #[must_use]
    pub fn new(written: &str) -> Option<Self> {
        let (negated, name) = match written.strip_prefix('!') {
            Some(name) => (true, name),
            None => (false, written),
        };
        let (wildcard, name) = match name.strip_prefix('*') {
            Some(rest) => (true, rest),
            None => (false, name),
        };
        (!name.is_empty()).then(|| Self { text: name.to_ascii_lowercase(), wildcard, negated })
    }

    /// Whether `name`, in lower case, is meant exactly.
    #[must_use]
    pub fn is_exactly(&self, name: &str) -> bool {
        !self.wildcard && self.text == name
    }

    /// Whether `name`, in lower case, is one label before the pattern's domain.
    #[must_use]
    pub fn is_wildcard_of(&self, name: &str) -> bool {
        self.wildcard && name.find('.').is_some_and(|dot| name[dot..] == self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_haproxy_does() {
        let pattern = |text| NamePattern::new(text).expect("not empty");
        assert!(pattern("DB.Example").is_exactly("db.example"));
        assert!(pattern("*.example").is_wildcard_of("db.example"));
        assert!(!pattern("*.example").is_wildcard_of("a.db.example"));
        assert!(!pattern("*.example").is_exactly("db.example"));
        assert!(!pattern("*.example").is_wildcard_of("example"));
        assert!(pattern("!db.example").negated);
        assert_eq!(NamePattern::new("!"), None);
        assert_eq!(NamePattern::new("*"), None);
    }
}
