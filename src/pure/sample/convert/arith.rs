//! Converters of numbers and truths.

use crate::pure::sample::Facts;
use crate::pure::sample::value::{Kind, Value};
use crate::pure::sample::variable::Variable;

/// A number, or the variable that holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operand {
    /// Written out.
    Number(i64),
    /// Looked up; the converter fails where it is not set or no number.
    Variable(Variable),
}

/// What is done with a number.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are HAProxy's")]
pub enum Arith {
    Add(Operand),
    Sub(Operand),
    Mul(Operand),
    Div(Operand),
    Mod(Operand),
    And(Operand),
    Or(Operand),
    Xor(Operand),
    Neg,
    Cpl,
    Not,
    Even,
    Odd,
    Bool,
}

type Make = fn(Operand) -> Arith;

const BINARY: [(&str, Make); 8] = [
    ("add", Arith::Add),
    ("sub", Arith::Sub),
    ("mul", Arith::Mul),
    ("div", Arith::Div),
    ("mod", Arith::Mod),
    ("and", Arith::And),
    ("or", Arith::Or),
    ("xor", Arith::Xor),
];

const UNARY: [(&str, Arith); 6] = [
    ("neg", Arith::Neg),
    ("cpl", Arith::Cpl),
    ("not", Arith::Not),
    ("even", Arith::Even),
    ("odd", Arith::Odd),
    ("bool", Arith::Bool),
];

/// Every name of this file.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    BINARY.iter().map(|row| row.0).chain(UNARY.iter().map(|row| row.0))
}

impl Arith {
    pub(super) fn parse(name: &str, args: &[String]) -> Option<Result<Self, String>> {
        if let Some((_, plain)) = UNARY.iter().find(|(known, _)| *known == name) {
            return Some(super::no_args(args).map(|()| plain.clone()));
        }
        let (_, make) = BINARY.iter().find(|(known, _)| *known == name)?;
        Some(match args {
            [] => Ok(make(Operand::Number(0))),
            [operand] if operand.is_empty() => Ok(make(Operand::Number(0))),
            [operand] => Operand::parse(operand).map(make),
            _ => Err("it takes a number or a variable".to_owned()),
        })
    }

    pub(super) const fn output(&self) -> Kind {
        match self {
            Self::Not | Self::Even | Self::Odd | Self::Bool => Kind::Bool,
            _ => Kind::Int,
        }
    }

    pub(super) fn apply(&self, number: i64, facts: &dyn Facts) -> Option<Value> {
        Some(Value::Int(match self {
            Self::Not => return Some(Value::Bool(number == 0)),
            Self::Even => return Some(Value::Bool(number & 1 == 0)),
            Self::Odd => return Some(Value::Bool(number & 1 == 1)),
            Self::Bool => return Some(Value::Bool(number != 0)),
            Self::Add(by) => number.saturating_add(by.get(facts)?),
            Self::Sub(by) => number.saturating_sub(by.get(facts)?),
            Self::Mul(by) => number.saturating_mul(by.get(facts)?),
            Self::Div(by) => divide(number, by.get(facts)?),
            Self::Mod(by) => match by.get(facts)? {
                0 => 0,
                by => number.wrapping_rem(by),
            },
            Self::And(by) => number & by.get(facts)?,
            Self::Or(by) => number | by.get(facts)?,
            Self::Xor(by) => number ^ by.get(facts)?,
            Self::Neg => number.wrapping_neg(),
            Self::Cpl => !number,
        }))
    }
}

/// HAProxy's quotient by 0 is the largest number.
fn divide(number: i64, by: i64) -> i64 {
    match by {
        0 => i64::MAX,
        by => number.checked_div(by).unwrap_or(i64::MAX),
    }
}

impl Operand {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if let Ok(number) = text.parse() {
            return Ok(Self::Number(number));
        }
        if text.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '+') {
            return Err(format!("'{text}' is no number"));
        }
        Variable::parse(text).map(Self::Variable)
    }

    fn get(&self, facts: &dyn Facts) -> Option<i64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Variable(variable) => facts.variable(variable)?.as_int(),
        }
    }
}
