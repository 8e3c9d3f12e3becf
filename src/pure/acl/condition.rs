//! `if a !b or { src 10.0.0.0/8 }`: alternatives of terms.

use super::parse::{AclError, predefined};
use super::{Acl, Truth};
use crate::pure::sample::{Definitions, Expr, Facts, Stage};

/// When a rule applies.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// One of these must hold, each with all of its terms.
    alternatives: Vec<Vec<Term>>,
    /// `unless`.
    negated: bool,
    /// As it was written, from `if` or `unless` on.
    pub text: String,
}

#[derive(Clone, Debug, PartialEq)]
struct Term {
    acl: Acl,
    negated: bool,
}

impl Condition {
    /// Reads words from `if` or `unless` on, to the end; `acls` are those that can be named.
    ///
    /// # Errors
    /// The number of the word that is wrong, and why.
    pub fn parse(
        words: &[&str],
        acls: &[Acl],
        definitions: &mut dyn Definitions,
    ) -> Result<Self, AclError> {
        let negated = match words.first() {
            Some(&"if") => false,
            Some(&"unless") => true,
            _ => return Err(AclError::at(0, "'if' or 'unless' is missing".to_owned())),
        };
        let mut reader = Reader { words, at: 1, acls, definitions };
        let mut alternatives = vec![Vec::new()];
        while let Some(word) = reader.peek() {
            if matches!(word, "or" | "||") {
                reader.at += 1;
                alternatives.push(Vec::new());
                continue;
            }
            let term = reader.term()?;
            alternatives.last_mut().expect("there is always one").push(term);
        }
        // As in HAProxy, an 'or' too many says nothing, and no condition at all never holds.
        alternatives.retain(|terms| !terms.is_empty());
        Ok(Self { alternatives, negated, text: words.join(" ") })
    }

    /// Whether it holds.
    #[must_use]
    pub fn holds(&self, facts: &dyn Facts) -> Truth {
        let mut truth = Truth::False;
        for terms in &self.alternatives {
            truth = truth.or(all(terms, facts));
            if truth == Truth::True {
                break;
            }
        }
        if self.negated { truth.negated() } else { truth }
    }

    /// The first sample that has nothing to tell at `stage`, with the ACL it is in.
    #[must_use]
    pub fn silent_at(&self, stage: Stage) -> Option<(&Acl, &Expr)> {
        self.acls().find_map(|acl| acl.silent_at(stage).map(|expr| (acl, expr)))
    }

    /// Whether it looks at bytes of a side.
    #[must_use]
    pub fn needs_bytes(&self) -> bool {
        self.acls().any(Acl::needs_bytes)
    }

    /// Every ACL in it, in order.
    pub fn acls(&self) -> impl Iterator<Item = &Acl> {
        self.alternatives.iter().flatten().map(|term| &term.acl)
    }
}

fn all(terms: &[Term], facts: &dyn Facts) -> Truth {
    let mut truth = Truth::True;
    for term in terms {
        let holds = term.acl.holds(facts);
        truth = truth.and(if term.negated { holds.negated() } else { holds });
        // Nor is anything asked behind what is open, as in HAProxy: samples that count would count a
        // connection each time the rule is walked.
        if truth != Truth::True {
            break;
        }
    }
    truth
}

struct Reader<'a> {
    words: &'a [&'a str],
    at: usize,
    acls: &'a [Acl],
    definitions: &'a mut dyn Definitions,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<&'a str> {
        self.words.get(self.at).copied()
    }

    fn term(&mut self) -> Result<Term, AclError> {
        let mut negated = false;
        let mut word = self.peek().unwrap_or_default();
        while let Some(rest) = word.strip_prefix('!') {
            negated = !negated;
            if rest.is_empty() {
                self.at += 1;
                word = self.peek().unwrap_or_default();
            } else {
                word = rest;
            }
        }
        let acl = match word {
            "{" => self.braces()?,
            "" => return Err(self.error("a condition is missing".to_owned())),
            "if" | "unless" => {
                return Err(self.error(format!("unexpected '{word}' in a condition")));
            }
            name => self.named(name)?,
        };
        self.at += 1;
        Ok(Term { acl, negated })
    }

    fn error(&self, message: String) -> AclError {
        AclError::at(self.at.min(self.words.len() - 1), message)
    }

    fn named(&mut self, name: &str) -> Result<Acl, AclError> {
        if let Some(acl) = self.acls.iter().find(|acl| acl.name == name) {
            return Ok(acl.clone());
        }
        let Some(words) = predefined(name) else {
            let message = format!("no ACL is called '{name}'");
            return Err(AclError {
                help: Some("write 'acl NAME …' above, or '{ … }' around a test".to_owned()),
                ..self.error(message)
            });
        };
        let test = super::Test::parse_named(words, Some(name), self.definitions);
        let test = test.map_err(|error| AclError { word: self.at, ..error })?;
        Ok(Acl { name: name.to_owned(), tests: vec![test] })
    }

    /// From `{` to `}`.
    fn braces(&mut self) -> Result<Acl, AclError> {
        let start = self.at + 1;
        let len = self.words[start..].iter().position(|&word| word == "}");
        let Some(len) = len else {
            return Err(self.error("'}' is missing".to_owned()));
        };
        if len == 0 {
            return Err(self.error("nothing is tested between '{' and '}'".to_owned()));
        }
        let test = super::Test::parse(&self.words[start..start + len], self.definitions);
        let test = test.map_err(|error| AclError { word: start + error.word, ..error })?;
        self.at = start + len;
        Ok(Acl { name: String::new(), tests: vec![test] })
    }
}
