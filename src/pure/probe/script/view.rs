//! What the samples of a check see: its answer, its variables, and the world around it.

use std::cell::RefCell;

use super::super::Surroundings;
use super::super::answer::Answer;
use crate::pure::acl::pattern::{Found, PatternsId};
use crate::pure::sample::content::Side;
use crate::pure::sample::tracked::{Data, Tracked};
use crate::pure::sample::{Arg, Buffer, Fact, Facts, Fetched, Scope, Value, Variable};

/// A check at one moment.
pub(super) struct View<'v> {
    pub(super) around: &'v dyn Surroundings,
    pub(super) answer: &'v Answer,
    pub(super) variables: &'v RefCell<Vec<(Variable, Value)>>,
}

impl Facts for View<'_> {
    fn fact(&self, fact: Fact, args: &[Arg]) -> Fetched {
        self.around.fact(fact, args)
    }

    fn tracked(&self, tracked: &Tracked) -> Option<Value> {
        self.around.tracked(tracked)
    }

    fn in_table(&self, table: &str, data: Option<Data>, index: u32, key: &Value) -> Option<Value> {
        self.around.in_table(table, data, index, key)
    }

    fn buffer(&self, side: Side) -> Option<Buffer<'_>> {
        let bytes = self.answer.bytes();
        (side != Side::Request).then_some(Buffer { bytes, capacity: bytes.len(), may_grow: false })
    }

    fn variable(&self, name: &Variable) -> Option<Value> {
        if name.scope == Scope::Process {
            return self.around.variable(name);
        }
        let variables = self.variables.borrow();
        variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    }

    fn set_variable(&self, name: &Variable, value: Option<Value>) {
        if name.scope == Scope::Process {
            return self.around.set_variable(name, value);
        }
        set(self.variables, name, value);
    }

    fn lookup(&self, patterns: PatternsId, value: &Value) -> Option<Found> {
        self.around.lookup(patterns, value)
    }

    fn fill(&self, patterns: PatternsId, value: &Value, template: &str) -> Option<Vec<u8>> {
        self.around.fill(patterns, value, template)
    }

    fn utc_offset_seconds(&self, time: i64) -> i32 {
        self.around.utc_offset_seconds(time)
    }
}

/// Keeps a value under its name, or forgets it.
pub(super) fn set(
    variables: &RefCell<Vec<(Variable, Value)>>,
    name: &Variable,
    value: Option<Value>,
) {
    let mut variables = variables.borrow_mut();
    variables.retain(|(known, _)| known != name);
    variables.extend(value.map(|value| (name.clone(), value)));
}
