//! `set-var(name,condition,…)`: a variable that is set where its conditions hold.

use super::{Facts, Value, Variable};

/// HAProxy's bound.
const CONDITIONS_MAX: usize = 4;

/// What is set, and when.
#[derive(Clone, Debug, PartialEq)]
pub struct Assignment {
    /// The variable.
    pub variable: Variable,
    /// All must hold.
    conditions: Vec<Condition>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Condition {
    /// There is such a variable, with or without a value: those of the process always are.
    Exists(bool),
    /// The variable has a value.
    Set(bool),
    /// The new value is an empty text.
    Empty(bool),
    /// The value that is there is greater, or less, where both are numbers.
    Greater,
    Less,
}

const CONDITIONS: [(&str, Condition); 8] = [
    ("ifexists", Condition::Exists(true)),
    ("ifnotexists", Condition::Exists(false)),
    ("ifset", Condition::Set(true)),
    ("ifnotset", Condition::Set(false)),
    ("ifempty", Condition::Empty(true)),
    ("ifnotempty", Condition::Empty(false)),
    ("ifgt", Condition::Greater),
    ("iflt", Condition::Less),
];

impl Assignment {
    /// Reads a name and its conditions, which stand between commas.
    ///
    /// # Errors
    /// Says what is wrong with the name, or which condition is none.
    pub fn parse<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let mut words = words.into_iter().map(str::trim);
        let variable = Variable::parse(words.next().unwrap_or_default())?;
        let condition = |word: &str| {
            let known = CONDITIONS.iter().find(|(name, _)| *name == word).map(|row| row.1);
            known.ok_or_else(|| {
                let names: Vec<_> = CONDITIONS.iter().map(|row| row.0).collect();
                format!("'{word}' is no condition of a variable: it can be {}", names.join(", "))
            })
        };
        let conditions = words.map(condition).collect::<Result<Vec<_>, _>>()?;
        if conditions.len() > CONDITIONS_MAX {
            return Err(format!("a variable has at most {CONDITIONS_MAX} conditions"));
        }
        Ok(Self { variable, conditions })
    }

    /// Sets the variable to `value`, where the conditions hold.
    pub fn assign(&self, value: Value, facts: &dyn Facts) {
        if self.conditions.iter().all(|condition| condition.holds(&self.variable, &value, facts)) {
            facts.set_variable(&self.variable, Some(value));
        }
    }
}

impl Condition {
    fn holds(self, name: &Variable, value: &Value, facts: &dyn Facts) -> bool {
        let numbers = || match (facts.variable(name), value) {
            (Some(Value::Int(there)), Value::Int(new)) => Some((there, *new)),
            _ => None,
        };
        match self {
            Self::Exists(wanted) => facts.knows_variable(name) == wanted,
            Self::Set(wanted) => facts.variable(name).is_some() == wanted,
            Self::Empty(wanted) => {
                matches!(value, Value::Str(text) | Value::Bin(text) if text.is_empty()) == wanted
            }
            Self::Greater => numbers().is_none_or(|(there, new)| there > new),
            Self::Less => numbers().is_none_or(|(there, new)| there < new),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// One variable: whether it is known, and its value.
    #[derive(Default)]
    struct One(RefCell<(bool, Option<Value>)>);

    impl Facts for One {
        fn variable(&self, _: &Variable) -> Option<Value> {
            self.0.borrow().1.clone()
        }

        fn knows_variable(&self, _: &Variable) -> bool {
            self.0.borrow().0
        }

        fn set_variable(&self, _: &Variable, value: Option<Value>) {
            *self.0.borrow_mut() = (true, value);
        }
    }

    #[test]
    fn conditions_decide() {
        let (five, empty) = (Some(Value::Int(5)), Value::text(""));
        let table = [
            ("ifexists", (false, None), Value::Int(1), false),
            ("ifexists", (true, None), Value::Int(1), true),
            ("ifnotexists", (true, None), Value::Int(1), false),
            ("ifset", (true, None), Value::Int(1), false),
            ("ifnotset", (true, None), Value::Int(1), true),
            ("ifempty", (false, None), empty.clone(), true),
            ("ifnotempty", (false, None), empty, false),
            ("ifnotempty", (false, None), Value::Int(0), true),
            ("ifgt", (true, five.clone()), Value::Int(4), true),
            ("ifgt", (true, five.clone()), Value::Int(6), false),
            ("iflt", (true, five.clone()), Value::Int(6), true),
            ("iflt", (true, five), Value::text("x"), true),
        ];
        for (condition, before, new, expected) in table {
            let facts = One(RefCell::new(before.clone()));
            let assignment = Assignment::parse(["txn.x", condition]).unwrap();
            assignment.assign(new.clone(), &facts);
            let was_set = facts.variable(&assignment.variable) == Some(new);
            assert_eq!(was_set, expected, "{condition} {before:?}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        let refused = Assignment::parse(["txn.x", "ifnever"]).unwrap_err();
        assert!(refused.contains("ifnever") && refused.contains("ifexists"), "{refused}");
        assert!(Assignment::parse(["x"]).is_err());
    }
}
