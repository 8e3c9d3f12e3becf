//! Texts of checks with values in them: `GET /%[srv_name]`, the log-format of HAProxy's checks.
//!
//! Parsed once, when the configuration is read. A check has no session, so that of the variables of
//! log lines only those are known that its backend, its server and the process have.

use crate::pure::sample::{Definitions, Expr, Facts, ParseError, Stage};

/// Variables of log lines, and the samples that say the same.
const VARIABLES: [(&str, &str); 5] =
    [("pid", "pid"), ("Ts", "date"), ("b", "be_name"), ("s", "srv_name"), ("H", "hostname")];

/// A text with samples in it. Texts are equal when they say the same.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Format {
    parts: Vec<Part>,
    text: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Bytes(Vec<u8>),
    Sample(Expr),
}

impl Format {
    /// A text that is always the same.
    #[must_use]
    pub fn literal(bytes: &[u8]) -> Self {
        let mut text = Vec::with_capacity(bytes.len());
        for &byte in bytes {
            text.extend(if byte == b'%' { &b"%%"[..] } else { std::slice::from_ref(&byte) });
        }
        let parts = if bytes.is_empty() { Vec::new() } else { vec![Part::Bytes(bytes.to_vec())] };
        Self { parts, text }
    }

    /// Reads a log-format.
    ///
    /// # Errors
    /// Says which variable or sample is wrong, and why.
    pub fn parse(text: &[u8], definitions: &mut dyn Definitions) -> Result<Self, ParseError> {
        let (mut parts, mut bytes) = (Vec::new(), Vec::new());
        let mut rest = text;
        while let Some((&first, after)) = rest.split_first() {
            rest = match (first, after.first()) {
                (b'%', Some(b'%')) => {
                    bytes.push(b'%');
                    &after[1..]
                }
                (b'%', _) => {
                    if !bytes.is_empty() {
                        parts.push(Part::Bytes(std::mem::take(&mut bytes)));
                    }
                    let (expr, rest) = sample(after, definitions)?;
                    parts.push(Part::Sample(expr));
                    rest
                }
                _ => {
                    bytes.push(first);
                    after
                }
            };
        }
        if !bytes.is_empty() {
            parts.push(Part::Bytes(bytes));
        }
        Ok(Self { parts, text: text.to_vec() })
    }

    /// As it is written.
    #[must_use]
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// What it always says, where it has no samples.
    #[must_use]
    pub fn as_literal(&self) -> Option<&[u8]> {
        match self.parts.as_slice() {
            [] => Some(b""),
            [Part::Bytes(bytes)] => Some(bytes),
            _ => None,
        }
    }

    /// Its samples, in order.
    pub fn samples(&self) -> impl Iterator<Item = &Expr> {
        self.parts.iter().filter_map(|part| match part {
            Part::Sample(expr) => Some(expr),
            Part::Bytes(_) => None,
        })
    }

    /// The text with its values put in; what is absent leaves nothing.
    pub(super) fn fill(&self, facts: &dyn Facts) -> Vec<u8> {
        let mut filled = Vec::with_capacity(self.text.len());
        for part in &self.parts {
            match part {
                Part::Bytes(bytes) => filled.extend_from_slice(bytes),
                Part::Sample(expr) => {
                    let value = expr.evaluate(facts).value();
                    filled.extend(value.map(|value| value.into_bytes()).unwrap_or_default());
                }
            }
        }
        filled
    }
}

/// What stands behind a percent sign: `[sample]` or the name of a variable; and what follows it.
fn sample<'t>(
    after: &'t [u8],
    definitions: &mut dyn Definitions,
) -> Result<(Expr, &'t [u8]), ParseError> {
    let text = after.utf8_chunks().next().map_or("", |chunk| chunk.valid());
    let Some(inside) = text.strip_prefix('[') else {
        let known = VARIABLES.iter().find_map(|(name, sample)| {
            let rest = text.strip_prefix(name)?;
            (!rest.starts_with(|c: char| c.is_ascii_alphanumeric())).then_some((*name, *sample))
        });
        let Some((name, sample)) = known else {
            let word: String = text.chars().take_while(|c| !c.is_whitespace()).collect();
            return Err(ParseError {
                message: format!("'%{word}' tells nothing in a check"),
                help: Some("write a sample such as %[srv_name]; '%%' stands for '%'".to_owned()),
            });
        };
        return Ok((Expr::parse(sample, definitions)?, &after[name.len()..]));
    };
    let spaces = inside.len() - inside.trim_start().len();
    let (expr, used) = Expr::parse_prefix(inside.trim_start(), definitions)?;
    let tail = &inside[spaces + used..];
    let Some(rest) = tail.trim_start().strip_prefix(']') else {
        return Err(format!("']' is missing after '{}'", expr.text).into());
    };
    tells(&expr)?;
    let taken = text.len() - rest.len();
    Ok((expr, &after[taken..]))
}

/// Refuses samples that have nothing to tell in a check.
///
/// # Errors
/// Says which sample does.
pub fn tells(expr: &Expr) -> Result<(), ParseError> {
    if expr.tells_at(Stage::Check) {
        return Ok(());
    }
    Err(format!("'{}' has nothing to tell in a health check", expr.text).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pure::sample::testing::{Nothing, Nowhere};

    fn parsed(text: &str) -> Result<Format, ParseError> {
        Format::parse(text.as_bytes(), &mut Nowhere)
    }

    #[test]
    fn samples_stand_among_text() {
        let format = parsed("a%%b%[int(5)]c%[ str(x),upper ]").expect("a format");
        assert_eq!(format.fill(&Nothing), b"a%b5cX");
        assert_eq!(format.as_literal(), None);
        let named = parsed("%b-%s%pid").expect("names of log lines");
        let samples: Vec<&str> = named.samples().map(|expr| expr.text.as_str()).collect();
        assert_eq!(samples, ["be_name", "srv_name", "pid"]);
        for wrong in ["%", "%ci", "%[int(5)", "%[nothing]", "%{+Q}b", "%[ssl_fc]"] {
            assert!(parsed(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_literal_reads_back_as_itself() {
        for text in ["", "50% of", "%%", "plain"] {
            let literal = Format::literal(text.as_bytes());
            assert_eq!(literal.as_literal(), Some(text.as_bytes()));
            assert_eq!(Format::parse(literal.text(), &mut Nowhere), Ok(literal));
        }
    }
}
