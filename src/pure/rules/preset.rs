//! Variables of the process that need no session: `set-var proc.limit int(5)` of the configuration,
//! and the same of a command.

use crate::pure::log_format::Format;
use crate::pure::sample::{Definitions, Expr, Facts, Scope, Stage, Value, Variable};

/// A variable, and what it is set to.
#[derive(Clone, Debug, PartialEq)]
pub struct Preset {
    /// The variable.
    pub variable: Variable,
    /// Its value.
    pub source: Source,
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// A sample.
    Sample(Expr),
    /// What a format shows.
    Format(Format),
}

impl Preset {
    /// Reads the name of a variable, which must be one of the process, and `text`: a format, or the
    /// words of a sample.
    ///
    /// # Errors
    /// Says what is wrong with which of them.
    pub fn parse(
        name: &str,
        is_format: bool,
        words: &[&str],
        stage: Stage,
        definitions: &mut dyn Definitions,
    ) -> Result<Self, String> {
        let variable = Variable::parse(name)?;
        if variable.scope != Scope::Process {
            return Err(format!(
                "cannot set variable '{name}', only scope 'proc' is permitted here"
            ));
        }
        let source = match (is_format, words) {
            (_, []) => return Err("a value is missing".to_owned()),
            (true, [format, ..]) => {
                let format = Format::parse_at(format, stage, definitions);
                Source::Format(format.map_err(|why| why.message)?)
            }
            (false, words) => Source::Sample(sample(words, stage, definitions)?),
        };
        Ok(Self { variable, source })
    }

    /// Sets it; what is absent sets nothing.
    pub fn apply(&self, facts: &dyn Facts) {
        let value = match &self.source {
            Source::Sample(expr) => expr.evaluate(facts).value(),
            Source::Format(format) => Some(Value::Str(format.fill(facts).into_bytes())),
        };
        if value.is_some() {
            facts.set_variable(&self.variable, value);
        }
    }
}

fn sample(words: &[&str], stage: Stage, definitions: &mut dyn Definitions) -> Result<Expr, String> {
    let (expr, used) = Expr::parse_words(words, definitions).map_err(|why| why.message)?;
    match words.get(used) {
        Some(word) => Err(format!("unexpected '{word}' after '{}'", expr.text)),
        None if !expr.tells_at(stage) => {
            Err(format!("'{}' has nothing to tell in {}", expr.text, stage.describe()))
        }
        None => Ok(expr),
    }
}
