//! Names computed from samples: `be_%[req.ssl_sni,field(1,.)]`.

use crate::pure::sample::{Definitions, Expr, Facts, Kind, ParseError};

/// A text with samples in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    parts: Vec<Part>,
    /// As it was written.
    pub text: String,
}

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Text(String),
    Sample(Expr),
}

impl Template {
    /// Reads `text`.
    ///
    /// # Errors
    /// Says which sample is wrong or not closed.
    pub fn parse(text: &str, definitions: &mut dyn Definitions) -> Result<Self, ParseError> {
        let error = |message: String| ParseError { message, help: None };
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find("%[") {
            if at > 0 {
                parts.push(Part::Text(rest[..at].to_owned()));
            }
            rest = &rest[at + 2..];
            let (expr, used) = Expr::parse_prefix(rest, definitions)?;
            rest = rest[used..]
                .strip_prefix(']')
                .ok_or_else(|| error(format!("']' is missing after '{}'", expr.text)))?;
            parts.push(Part::Sample(expr));
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Self { parts, text: text.to_owned() })
    }

    /// The text, where there is no sample in it.
    #[must_use]
    pub fn fixed(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Its samples.
    pub fn samples(&self) -> impl Iterator<Item = &Expr> {
        self.parts.iter().filter_map(|part| match part {
            Part::Sample(expr) => Some(expr),
            Part::Text(_) => None,
        })
    }

    /// The text with its samples put in; what is absent leaves nothing.
    #[must_use]
    pub fn fill(&self, facts: &dyn Facts) -> String {
        let mut filled = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => filled.push_str(text),
                Part::Sample(expr) => {
                    let value = expr.evaluate(facts).value();
                    if let Some(text) = value.and_then(|value| value.cast(Kind::Str)) {
                        filled.push_str(&text.to_string());
                    }
                }
            }
        }
        filled
    }
}
