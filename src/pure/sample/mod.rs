//! Sample expressions: `src`, `req.ssl_sni,lower`, `src,map_ip(/etc/lan.map,default)`.
//!
//! An [`Expr`] is a [`Fetch`] and the [`Converter`]s its value goes through. It is parsed once, with
//! the help of [`Definitions`], and evaluated against [`Facts`]: what is true of a session at this
//! moment. Bytes that are still to come can change a value, so that a fetch yields one of the four
//! outcomes of [`Fetched`].
//!
//! To add a fetch: a row in [`fetch`]'s table, and an answer in the session's facts. To add a
//! converter: a variant in one of the files of [`convert`], with its name, input and output.

pub mod args;
pub mod assign;
pub mod content;
pub mod convert;
pub mod fetch;
pub(in crate::pure) mod parse;
pub mod stage;
pub mod tracked;
pub mod value;
pub mod variable;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use args::{FileName, Presence};
pub use assign::Assignment;
pub use convert::Converter;
pub use fetch::{Arg, Fact, Fetch};
pub use parse::ParseError;
pub use stage::{Class, Stage};
pub use value::{Kind, Value};
pub use variable::{Scope, Variable};

use content::Side;
use tracked::{Data, Tracked};

use super::acl::pattern::{Found, PatternUse, PatternsId};

/// What a fetch yields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// A value that stays.
    Value(Value),
    /// A value that more bytes may change.
    SoFar(Value),
    /// There is none, and there will be none.
    Absent,
    /// There is none yet.
    NotYet,
}

impl Fetched {
    /// The value, if there is one now.
    #[must_use]
    pub fn value(self) -> Option<Value> {
        match self {
            Self::Value(value) | Self::SoFar(value) => Some(value),
            Self::Absent | Self::NotYet => None,
        }
    }
}

impl From<Option<Value>> for Fetched {
    fn from(value: Option<Value>) -> Self {
        value.map_or(Self::Absent, Self::Value)
    }
}

/// The bytes that are held of a side.
#[derive(Clone, Copy, Debug)]
pub struct Buffer<'a> {
    /// What is there.
    pub bytes: &'a [u8],
    /// How many there can be.
    pub capacity: usize,
    /// More may come: the side has not ended, there is room, and time.
    pub may_grow: bool,
}

/// What is true at the moment an expression is evaluated. Everything has a default, so that whoever
/// evaluates answers only what it knows.
pub trait Facts {
    /// What a fact is.
    fn fact(&self, fact: Fact, args: &[Arg]) -> Fetched {
        let _ = (fact, args);
        Fetched::Absent
    }

    /// What a counter of a stick table is; some change by being asked for.
    fn tracked(&self, tracked: &Tracked) -> Option<Value> {
        let _ = tracked;
        None
    }

    /// What a table knows of `key`; without `data`: whether it knows it.
    fn in_table(&self, table: &str, data: Option<Data>, index: u32, key: &Value) -> Option<Value> {
        let _ = (table, data, index, key);
        None
    }

    /// The bytes held of a side; `None` where none are held at all.
    fn buffer(&self, side: Side) -> Option<Buffer<'_>> {
        let _ = side;
        None
    }

    /// The value of a variable.
    fn variable(&self, name: &Variable) -> Option<Value> {
        let _ = name;
        None
    }

    /// Whether there is such a variable, with or without a value.
    fn knows_variable(&self, name: &Variable) -> bool {
        self.variable(name).is_some()
    }

    /// Sets a variable, or forgets it.
    fn set_variable(&self, name: &Variable, value: Option<Value>) {
        let _ = (name, value);
    }

    /// The first pattern that `value` matches.
    fn lookup(&self, patterns: PatternsId, value: &Value) -> Option<Found> {
        let _ = (patterns, value);
        None
    }

    /// `template` filled with the groups of the expression that `value` matches.
    fn fill(&self, patterns: PatternsId, value: &Value, template: &str) -> Option<Vec<u8>> {
        let _ = (patterns, value, template);
        None
    }

    /// Local time minus UTC at `time`, in seconds.
    fn utc_offset_seconds(&self, time: i64) -> i32 {
        let _ = time;
        0
    }

    /// Nothing more is waited for: what is not known now counts as absent.
    fn is_final(&self) -> bool {
        true
    }
}

/// What the parser asks of the configuration around an expression.
pub trait Definitions {
    /// A variable of the environment.
    fn environment(&self, name: &str) -> Option<String>;

    /// Whether what is read belongs to a proxy that sees requests of HTTP.
    fn speaks_http(&self) -> bool {
        false
    }

    /// Whether samples may be about requests of HTTP, although none may ever come.
    fn reads_requests(&self) -> bool {
        self.speaks_http()
    }

    /// What a file holds.
    ///
    /// # Errors
    /// Says why it cannot be read.
    fn content(&mut self, file: &str) -> Result<Vec<u8>, String> {
        Err(format!("'{file}' cannot be read here"))
    }

    /// The full name of a stick table: `name`, or that of the proxy which is read.
    fn table(&mut self, name: Option<&str>) -> Option<String> {
        name.map(str::to_owned)
    }

    /// Keeps patterns, reading their files, and yields their number.
    ///
    /// # Errors
    /// Says which file cannot be read, or which pattern is wrong.
    fn patterns(&mut self, patterns: PatternUse) -> Result<PatternsId, String>;
}

/// A fetch and the converters behind it. Expressions are equal when they say the same.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// What is asked for.
    pub fetch: Fetch,
    /// What happens to it, in order.
    pub converters: Vec<Converter>,
    /// As it was written.
    pub text: String,
}

impl Expr {
    /// The value now.
    #[must_use]
    pub fn evaluate(&self, facts: &dyn Facts) -> Fetched {
        let fetched = self.fetch.evaluate(facts);
        if self.converters.is_empty() {
            return fetched;
        }
        let (value, changes) = match fetched {
            Fetched::Value(value) => (value, false),
            Fetched::SoFar(value) => (value, true),
            nothing => return nothing,
        };
        let mut steps = self.converters.iter();
        match (steps.try_fold(value, |value, converter| converter.apply(value, facts)), changes) {
            (Some(value), false) => Fetched::Value(value),
            (Some(value), true) => Fetched::SoFar(value),
            (None, false) => Fetched::Absent,
            (None, true) => Fetched::NotYet,
        }
    }

    /// Whether it yields the verb of a request, which HAProxy makes text or bytes of and nothing else.
    #[must_use]
    pub fn is_verb(&self) -> bool {
        self.converters.is_empty() && matches!(self.name(), "meth" | "method")
    }

    /// The name of its fetch, as it was written.
    pub(super) fn name(&self) -> &str {
        self.text.split(['(', ',']).next().unwrap_or_default()
    }

    /// The kind of its value.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.converters.last().map_or_else(|| self.fetch.kind(), Converter::output)
    }

    /// Whether it has something to tell at `stage`.
    #[must_use]
    pub fn tells_at(&self, stage: Stage) -> bool {
        self.fetch.class().tells_at(stage)
    }

    /// Whether it looks at bytes of a side.
    #[must_use]
    pub const fn needs_bytes(&self) -> bool {
        match self.fetch {
            Fetch::Content(_) | Fetch::WaitEnd => true,
            Fetch::Fact(fact, _) => fact.is_of_request(),
            _ => false,
        }
    }
}

impl Fetch {
    pub(in crate::pure) fn evaluate(&self, facts: &dyn Facts) -> Fetched {
        match self {
            Self::Constant(value) => Fetched::Value(value.clone()),
            Self::Unset | Self::Untold(..) => Fetched::Absent,
            Self::Variable(name, default) => {
                facts.variable(name).or_else(|| default.clone()).into()
            }
            Self::Content(content) => match facts.buffer(content.side) {
                Some(buffer) => content.evaluate(&buffer),
                None => Fetched::Absent,
            },
            Self::WaitEnd if facts.is_final() => Fetched::Value(Value::Bool(true)),
            Self::WaitEnd => Fetched::NotYet,
            Self::Fact(fact, args) => facts.fact(*fact, args),
            Self::Tracked(tracked) => facts.tracked(tracked).into(),
        }
    }
}
