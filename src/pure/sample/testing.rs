//! Expressions for tests, evaluated without a session.

use super::{Definitions, Expr, Facts, Value};
use crate::pure::acl::pattern::{PatternUse, PatternsId};

/// A configuration without files or variables.
pub(crate) struct Nowhere;

impl Definitions for Nowhere {
    fn environment(&self, name: &str) -> Option<String> {
        (name == "SET").then(|| "here".to_owned())
    }

    fn patterns(&mut self, written: PatternUse) -> Result<PatternsId, String> {
        if written.method.has_patterns() {
            return Err("no patterns here".to_owned());
        }
        Ok(PatternsId(0))
    }
}

/// Nothing is known.
pub(in crate::pure) struct Nothing;

impl Facts for Nothing {}

pub(in crate::pure) fn evaluate(expr: &str) -> Option<Value> {
    Expr::parse(expr, &mut Nowhere).ok()?.evaluate(&Nothing).value()
}

pub(in crate::pure) fn text_of(expr: &str) -> Option<String> {
    evaluate(expr).map(|value| value.to_string())
}
