//! `json_query(path[,int])`: one value of a JSON text, found without reading more than what is in
//! front of it. Nothing recurses: depth is counted, so that no text is too deep.

use crate::pure::sample::value::Value;

/// A path, as `$.a.b[2]`; a dot in a key is written `\.`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// `None`: no path, which leads nowhere.
    steps: Option<Vec<Step>>,
    as_int: bool,
}

/// One step down.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Key(Vec<u8>),
    Index(usize),
}

impl Query {
    pub(super) fn parse(args: &[String]) -> Result<Self, String> {
        match args {
            [path] => Ok(Self { steps: steps(path), as_int: false }),
            [path, kind] if kind == "int" => Ok(Self { steps: steps(path), as_int: true }),
            [_, other] => Err(format!("'{other}' is no kind of output: 'int' is the only one")),
            _ => Err("it takes a path such as $.key, and perhaps 'int'".to_owned()),
        }
    }

    /// The value that the path leads to: texts, truths and numbers have one.
    pub(super) fn apply(&self, text: &[u8]) -> Option<Value> {
        let mut cursor = Cursor(text);
        for step in self.steps.as_ref()? {
            cursor.enter(step)?;
        }
        cursor.space();
        let (before, mut after) = (cursor.0, Cursor(cursor.0));
        after.skip_value()?;
        let value = &before[..before.len() - after.0.len()];
        match value {
            [b'"', ..] => Cursor(value).string().map(Value::Str),
            b"true" => Some(Value::Bool(true)),
            b"false" => Some(Value::Bool(false)),
            [b'-' | b'0'..=b'9', ..] => {
                let number: f64 = std::str::from_utf8(value).ok()?.parse().ok()?;
                // Towards zero and within bounds, as casts of floats are.
                let int = || Value::Int(number as i64);
                Some(if self.as_int { int() } else { Value::text(&shortened(number)) })
            }
            _ => None,
        }
    }
}

fn steps(path: &str) -> Option<Vec<Step>> {
    let mut rest = path.strip_prefix('$')?.as_bytes();
    let mut steps = Vec::new();
    while let [first, tail @ ..] = rest {
        match first {
            b'[' => {
                let end = tail.iter().position(|byte| *byte == b']')?;
                let index = std::str::from_utf8(&tail[..end]).ok()?;
                steps.push(Step::Index(index.parse().ok()?));
                rest = &tail[end + 1..];
            }
            b'.' => {
                let (mut key, mut at) = (Vec::new(), 0);
                loop {
                    match &tail[at..] {
                        [] | [b'.' | b'[', ..] => break,
                        [b'\\', escaped, ..] => (key.push(*escaped), at += 2).1,
                        [byte, ..] => (key.push(*byte), at += 1).1,
                    }
                }
                steps.push(Step::Key(key));
                rest = &tail[at..];
            }
            _ => return None,
        }
    }
    Some(steps)
}

/// What is left of the text.
struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    fn space(&mut self) {
        self.0 = self.0.trim_ascii_start();
    }

    /// Takes `byte`, if it is next behind spaces.
    fn take(&mut self, byte: u8) -> Option<()> {
        self.space();
        self.0 = self.0.strip_prefix(&[byte])?;
        Some(())
    }

    fn enter(&mut self, step: &Step) -> Option<()> {
        match step {
            Step::Index(index) => {
                self.take(b'[')?;
                for _ in 0..*index {
                    self.skip_value()?;
                    self.take(b',')?;
                }
                self.space();
                (self.0.first() != Some(&b']')).then_some(())
            }
            Step::Key(wanted) => {
                self.take(b'{')?;
                loop {
                    self.space();
                    let key = self.string()?;
                    self.take(b':')?;
                    if key == *wanted {
                        return Some(());
                    }
                    self.skip_value()?;
                    self.take(b',')?;
                }
            }
        }
    }

    fn skip_value(&mut self) -> Option<()> {
        self.space();
        let mut depth = 0_usize;
        loop {
            match self.0 {
                [b'"', ..] => {
                    self.string()?;
                }
                [b'{' | b'[', rest @ ..] => (depth += 1, self.0 = rest).1,
                [b'}' | b']', rest @ ..] if depth > 0 => (depth -= 1, self.0 = rest).1,
                [b',' | b':' | b' ' | b'\t' | b'\r' | b'\n', rest @ ..] if depth > 0 => {
                    self.0 = rest;
                }
                [] | [b',' | b':' | b']' | b'}', ..] => return None,
                plain => {
                    let end = plain.iter().position(|byte| b",:[]{}\" \t\r\n".contains(byte));
                    self.0 = &plain[end.unwrap_or(plain.len())..];
                }
            }
            if depth == 0 {
                return Some(());
            }
        }
    }

    /// The text between quotes, its escapes resolved.
    fn string(&mut self) -> Option<Vec<u8>> {
        let mut rest = self.0.strip_prefix(b"\"")?;
        let mut text = Vec::new();
        loop {
            match rest {
                [b'"', tail @ ..] => {
                    self.0 = tail;
                    return Some(text);
                }
                [b'\\', b'u', tail @ ..] => {
                    let (digits, tail) = tail.split_at_checked(4)?;
                    let code = u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
                    let mut utf8 = [0; 4];
                    let letter = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
                    text.extend_from_slice(letter.encode_utf8(&mut utf8).as_bytes());
                    rest = tail;
                }
                [b'\\', escaped, tail @ ..] => {
                    text.push(match escaped {
                        b'n' => b'\n',
                        b'r' => b'\r',
                        b't' => b'\t',
                        b'b' => 8,
                        b'f' => 12,
                        other => *other,
                    });
                    rest = tail;
                }
                [byte, tail @ ..] => {
                    text.push(*byte);
                    rest = tail;
                }
                [] => return None,
            }
        }
    }
}

/// Six significant digits, as `%g` of C.
fn shortened(number: f64) -> String {
    const DIGITS: i32 = 6;
    let scientific = format!("{number:.5e}");
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return scientific };
    let exponent: i32 = exponent.parse().unwrap_or_default();
    let trimmed = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    };
    if (-4..DIGITS).contains(&exponent) {
        let decimals = usize::try_from(DIGITS - 1 - exponent).unwrap_or_default();
        return trimmed(&format!("{number:.decimals$}"));
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", trimmed(mantissa), exponent.abs())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn query(path: &str, text: &str) -> Option<String> {
        let query = Query::parse(&[path.to_owned()]).unwrap();
        query.apply(text.as_bytes()).map(|value| value.to_string())
    }

    #[test]
    fn paths_lead_to_values() {
        let text = r#"{"skip": [1, {"x": "]"}], "a.b" : {"c": ["p\"q", -1.5e3, true]}, "n": null}"#;
        for (path, expected) in [
            (r"$.a\.b.c[0]", Some("p\"q")),
            (r"$.a\.b.c[1]", Some("-1500")),
            (r"$.a\.b.c[2]", Some("1")),
            (r"$.a\.b.c[3]", None),
            ("$.skip[1].x", Some("]")),
            ("$.n", None),
            ("$.skip", None),
            ("a", None),
            ("$.nobody", None),
        ] {
            assert_eq!(query(path, text).as_deref(), expected, "{path}");
        }
    }

    #[test]
    fn numbers_are_written_as_c_does() {
        for (number, expected) in [
            (5.0, "5"),
            (1.5, "1.5"),
            (12_345_678_901_234_567.0, "1.23457e+16"),
            (0.00012345678, "0.000123457"),
            (1e-9, "1e-09"),
            (999_999.5, "1e+06"),
        ] {
            assert_eq!(shortened(number), expected);
        }
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange(text in "[\\[\\]{}\",:a0\\\\u ]{0,40}", path in "[$.a\\[\\]0-9\\\\]{0,8}") {
            let _ = query(&path, &text);
        }
    }
}
