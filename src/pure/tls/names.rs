//! Names that certificates are for, and how a name that a client asks for is matched.
//!
//! Patterns are HAProxy's: a name, `*.domain` for one label below it, `!name` to take a name out.
//! Case does not matter.

use std::collections::BTreeMap;
use std::fmt;

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
    /// The pattern as written; a star alone matches nothing, as in HAProxy. `None` for an empty one.
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
        (wildcard || !name.is_empty()).then(|| Self {
            text: name.to_ascii_lowercase(),
            wildcard,
            negated,
        })
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

impl fmt::Display for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (not, star) =
            (if self.negated { "!" } else { "" }, if self.wildcard { "*" } else { "" });
        write!(f, "{not}{star}{}", self.text)
    }
}

/// Who of many has patterns that match a name; its cost does not grow with their number.
#[derive(Clone, Debug, Default)]
pub struct NameIndex {
    /// By whole names.
    exact: BTreeMap<String, Vec<usize>>,
    /// By what follows the star.
    wildcard: BTreeMap<String, Vec<usize>>,
    /// What takes names out, of those who have such patterns.
    negated: BTreeMap<usize, Vec<NamePattern>>,
}

impl NameIndex {
    /// The index of these lists; who is found is named by the list's place, from 0.
    #[must_use]
    pub fn new<'a>(lists: impl IntoIterator<Item = &'a [NamePattern]>) -> Self {
        let mut index = Self::default();
        for (at, patterns) in lists.into_iter().enumerate() {
            for pattern in patterns {
                if pattern.negated {
                    index.negated.entry(at).or_default().push(pattern.clone());
                    continue;
                }
                let by = if pattern.wildcard { &mut index.wildcard } else { &mut index.exact };
                let found = by.entry(pattern.text.clone()).or_default();
                if found.last() != Some(&at) {
                    found.push(at);
                }
            }
        }
        index
    }

    /// Those with this name, in lower case, written out; in their order.
    pub fn exact(&self, name: &str) -> impl Iterator<Item = usize> + Clone {
        self.found(self.exact.get(name), name)
    }

    /// Those with a wildcard for this name, in lower case; in their order.
    pub fn wildcard(&self, name: &str) -> impl Iterator<Item = usize> + Clone {
        let domain = name.find('.').map(|dot| &name[dot..]);
        self.found(domain.and_then(|domain| self.wildcard.get(domain)), name)
    }

    fn found(&self, found: Option<&Vec<usize>>, name: &str) -> impl Iterator<Item = usize> + Clone {
        let takes_out = |p: &NamePattern| p.is_exactly(name) || p.is_wildcard_of(name);
        let has = move |at: &usize| match self.negated.get(at) {
            Some(negated) => !negated.iter().any(takes_out),
            None => true,
        };
        found.into_iter().flatten().copied().filter(has)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_only_those_are_looked_at_that_match() {
        let pattern = |text: &str| NamePattern::new(text).expect("not empty");
        let mut lists: Vec<Vec<NamePattern>> = (0..10_000)
            .map(|at| {
                vec![pattern(&format!("db{at}.example")), pattern(&format!("*.d{at}.example"))]
            })
            .collect();
        lists[7].push(pattern("!no.d7.example"));
        lists[9_999].push(pattern("db5.example"));
        lists[9_999].push(pattern("!db9999.example"));
        let index = NameIndex::new(lists.iter().map(Vec::as_slice));
        let exact = |name: &str| index.exact(name).collect::<Vec<_>>();
        let wildcard = |name: &str| index.wildcard(name).collect::<Vec<_>>();
        assert_eq!(exact("db5000.example"), [5000]);
        assert_eq!(exact("db5.example"), [5, 9_999], "in their order");
        assert_eq!(wildcard("x.d5000.example"), [5000]);
        assert_eq!((exact("x.d7.example"), wildcard("x.d7.example")), (vec![], vec![7]));
        for none in ["", "example", ".example", "no.d7.example", "x.y.d7.example"] {
            assert_eq!((exact(none), wildcard(none)), (vec![], vec![]), "{none}");
        }
        assert_eq!(exact("db9999.example"), Vec::<usize>::new(), "taken out");
        // What a lookup touches besides: nothing that all of them share.
        assert_eq!(
            (index.exact.len(), index.wildcard.len(), index.negated.len()),
            (10_000, 10_000, 2)
        );
        assert!(index.exact.values().chain(index.wildcard.values()).all(|found| found.len() <= 2));
    }

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
        assert_eq!(NamePattern::new(""), None);
        assert!(["example", ".", "", "a.b"].iter().all(|name| !pattern("*").is_wildcard_of(name)));
    }
}
