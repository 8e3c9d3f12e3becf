//! ACLs: named tests of samples, and the conditions made of them.
//!
//! Truth has three values here: while bytes are still to come, a test may be open. Conditions follow
//! Kleene's tables, so that what is known already decides where it can.
//!
//! ```text
//!  and    | false | open  | true         or     | false | open | true        not
//!  false  | false | false | false        false  | false | open | true        false -> true
//!  open   | false | open  | open         open   | open  | open | true        open  -> open
//!  true   | false | open  | true         true   | true  | true | true        true  -> false
//! ```

pub mod condition;
mod ip_set;
mod parse;
pub mod pattern;
mod set;
pub mod versions;

#[cfg(test)]
mod tests;

pub use condition::Condition;
pub use parse::AclError;

use crate::pure::sample::{Arg, Expr, Facts, Fetch, Fetched, Stage};
use pattern::{Method, PatternsId};

/// Whether tests of this name need not be written.
#[must_use]
pub fn is_predefined(name: &str) -> bool {
    parse::predefined(name).is_some()
}

/// Headers of one name that a test looks at; a request has no more lines.
const REPEATED_MAX: i64 = 1024;

/// Whether something holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Truth {
    /// It does not, and will not.
    False,
    /// More bytes may tell.
    Open,
    /// It does.
    True,
}

impl Truth {
    /// Both hold.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        self.min(other)
    }

    /// One of them holds.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        self.max(other)
    }

    /// It does not hold.
    #[must_use]
    pub const fn negated(self) -> Self {
        match self {
            Self::False => Self::True,
            Self::Open => Self::Open,
            Self::True => Self::False,
        }
    }
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }
}

/// One test: a sample, and what it is compared with.
#[derive(Clone, Debug, PartialEq)]
pub struct Test {
    /// The sample.
    pub expr: Expr,
    /// How it is compared.
    pub method: Method,
    /// With what; `None` where the method has no patterns.
    pub patterns: Option<PatternsId>,
}

/// Tests under one name; one that holds is enough.
#[derive(Clone, Debug, PartialEq)]
pub struct Acl {
    /// Its name; empty for one in braces.
    pub name: String,
    /// The tests, in order.
    pub tests: Vec<Test>,
}

impl Test {
    /// Whether it holds.
    #[must_use]
    pub fn holds(&self, facts: &dyn Facts) -> Truth {
        let Fetch::Fact(fact, args) = &self.expr.fetch else {
            return self.judge(&self.expr, facts);
        };
        if !fact.is_repeated() || args.len() != 1 {
            return self.judge(&self.expr, facts);
        }
        let mut expr = self.expr.clone();
        for number in 1..=REPEATED_MAX {
            expr.fetch = Fetch::Fact(*fact, vec![args[0].clone(), Arg::Int(number)]);
            match expr.fetch.evaluate(facts) {
                Fetched::NotYet if !facts.is_final() => return Truth::Open,
                Fetched::Absent | Fetched::NotYet => return Truth::False,
                Fetched::Value(_) | Fetched::SoFar(_) => {}
            }
            if self.judge(&expr, facts) == Truth::True {
                return Truth::True;
            }
        }
        Truth::False
    }

    fn judge(&self, expr: &Expr, facts: &dyn Facts) -> Truth {
        let (value, open) = match expr.evaluate(facts) {
            Fetched::Value(value) => (value, false),
            Fetched::SoFar(value) => (value, true),
            Fetched::Absent => return Truth::False,
            Fetched::NotYet if facts.is_final() => return Truth::False,
            Fetched::NotYet => return Truth::Open,
        };
        let matches = match self.patterns {
            Some(patterns) => {
                let value = value.cast(self.method.looks_at());
                value.is_some_and(|value| facts.lookup(patterns, &value).is_some())
            }
            None => self.method == Method::Found || value.is_true(),
        };
        match matches {
            true => Truth::True,
            false if open && !facts.is_final() => Truth::Open,
            false => Truth::False,
        }
    }
}

impl Acl {
    /// Whether one of its tests holds.
    #[must_use]
    pub fn holds(&self, facts: &dyn Facts) -> Truth {
        let mut truth = Truth::False;
        for test in &self.tests {
            truth = truth.or(test.holds(facts));
            if truth == Truth::True {
                break;
            }
        }
        truth
    }

    /// The first sample that has nothing to tell at `stage`.
    #[must_use]
    pub fn silent_at(&self, stage: Stage) -> Option<&Expr> {
        self.tests.iter().map(|test| &test.expr).find(|expr| !expr.tells_at(stage))
    }

    /// Whether any test looks at bytes of a side.
    #[must_use]
    pub fn needs_bytes(&self) -> bool {
        self.tests.iter().any(|test| test.expr.needs_bytes())
    }
}
