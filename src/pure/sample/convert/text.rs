//! Converters of text.

use crate::pure::pattern::Regex;
use crate::pure::sample::Facts;
use crate::pure::sample::value::{Kind, Value};
use crate::pure::sample::variable::Variable;

/// What is done with text.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "the names are HAProxy's")]
pub enum Text {
    Lower,
    Upper,
    Word(Pick),
    Field(Pick),
    Ltrim(String),
    Rtrim(String),
    Regsub {
        pattern: Pattern,
        with: String,
        all: bool,
    },
    Concat {
        before: String,
        variable: Option<Variable>,
        after: String,
    },
    AddItem {
        separator: String,
        variable: Option<Variable>,
        suffix: String,
    },
    Strcmp(Variable),
    SecureMemcmp(Variable),
    Iif(String, String),
    /// `true`: `+` is a space everywhere, not only behind the first `?`.
    UrlDec(bool),
    UrlEnc,
    HostOnly,
    PortOnly,
    CutCrlf,
    Json,
}

/// Which part of a text that delimiters divide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pick {
    /// From 1; negative: from the end.
    index: i64,
    delimiters: Vec<u8>,
    /// How many parts; 0: all that follow.
    count: i64,
}

/// A regular expression of a rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern(Regex);

/// Every name of this file.
pub(super) const NAMES: [&str; 18] = [
    "lower",
    "upper",
    "word",
    "field",
    "ltrim",
    "rtrim",
    "regsub",
    "concat",
    "add_item",
    "strcmp",
    "secure_memcmp",
    "iif",
    "url_dec",
    "url_enc",
    "host_only",
    "port_only",
    "cut_crlf",
    "json",
];

impl Text {
    pub(super) fn parse(name: &str, args: &[String]) -> Option<Result<Self, String>> {
        let plain = match name {
            "lower" => Self::Lower,
            "upper" => Self::Upper,
            "host_only" => Self::HostOnly,
            "port_only" => Self::PortOnly,
            "cut_crlf" => Self::CutCrlf,
            _ => return Self::parse_with_args(name, args),
        };
        Some(super::no_args(args).map(|()| plain))
    }

    fn parse_with_args(name: &str, args: &[String]) -> Option<Result<Self, String>> {
        let variable = |make: fn(Variable) -> Self| match args {
            [name] => Variable::parse(name).map(make),
            _ => Err("it takes a variable".to_owned()),
        };
        Some(match name {
            "word" => Pick::parse(args).map(Self::Word),
            "field" => Pick::parse(args).map(Self::Field),
            "ltrim" | "rtrim" => match args {
                // Nothing is removed.
                [] if name == "ltrim" => Ok(Self::Ltrim(String::new())),
                [] => Ok(Self::Rtrim(String::new())),
                [set] if name == "ltrim" => Ok(Self::Ltrim(set.clone())),
                [set] => Ok(Self::Rtrim(set.clone())),
                _ => Err("it takes the characters to remove".to_owned()),
            },
            "regsub" => regsub(args),
            "concat" | "add_item" => join(name, args),
            "strcmp" => variable(Self::Strcmp),
            "secure_memcmp" => variable(Self::SecureMemcmp),
            "iif" => match args {
                [yes, no] => Ok(Self::Iif(yes.clone(), no.clone())),
                _ => Err("it takes a text for true and one for false".to_owned()),
            },
            "url_dec" => super::optional_int(args, 0).map(|in_form| Self::UrlDec(in_form != 0)),
            "url_enc" => one_of(args, &["", "query"]).map(|()| Self::UrlEnc),
            "json" => one_of(args, &["", "ascii", "utf8", "utf8s", "utf8p", "utf8ps"])
                .map(|()| Self::Json),
            _ => return None,
        })
    }

    pub(super) const fn input(&self) -> Kind {
        match self {
            Self::Iif(..) => Kind::Bool,
            Self::SecureMemcmp(_) => Kind::Bin,
            _ => Kind::Str,
        }
    }

    pub(super) const fn output(&self) -> Kind {
        match self {
            Self::Strcmp(_) | Self::PortOnly => Kind::Int,
            Self::SecureMemcmp(_) => Kind::Bool,
            _ => Kind::Str,
        }
    }

    pub(super) fn apply(&self, value: Value, facts: &dyn Facts) -> Option<Value> {
        if let Self::Iif(yes, no) = self {
            return Some(Value::text(if value.is_true() { yes } else { no }));
        }
        let mut text = value.into_bytes();
        Some(Value::Str(match self {
            Self::Lower => text.to_ascii_lowercase(),
            Self::Upper => text.to_ascii_uppercase(),
            Self::Word(pick) => pick.word(&text)?,
            Self::Field(pick) => pick.field(&text)?,
            Self::Ltrim(set) => {
                let keep = text.iter().position(|byte| !set.as_bytes().contains(byte));
                text.split_off(keep.unwrap_or(text.len()))
            }
            Self::Rtrim(set) => {
                let keep = text.iter().rposition(|byte| !set.as_bytes().contains(byte));
                text.truncate(keep.map_or(0, |last| last + 1));
                text
            }
            Self::Regsub { pattern, with, all } => pattern.0.replace(&text, *all, with.as_bytes()),
            Self::Concat { before, variable, after } => {
                let middle = variable.as_ref().and_then(|name| facts.variable(name));
                text.extend_from_slice(before.as_bytes());
                text.extend(middle.map(Value::into_bytes).unwrap_or_default());
                text.extend_from_slice(after.as_bytes());
                text
            }
            Self::AddItem { separator, variable, suffix } => {
                let item = variable.as_ref().and_then(|name| facts.variable(name));
                let item = item.map(Value::into_bytes).filter(|item| !item.is_empty());
                if item.is_some() || (variable.is_none() && !suffix.is_empty()) {
                    if !text.is_empty() {
                        text.extend_from_slice(separator.as_bytes());
                    }
                    text.extend(item.unwrap_or_default());
                    text.extend_from_slice(suffix.as_bytes());
                }
                text
            }
            Self::Strcmp(name) => {
                return Some(Value::Int(compare(&text, &facts.variable(name)?.into_bytes())));
            }
            Self::SecureMemcmp(name) => {
                let other = facts.variable(name)?.into_bytes();
                let differing = text.iter().zip(&other).fold(0, |sum, (a, b)| sum | (a ^ b));
                return Some(Value::Bool(text.len() == other.len() && differing == 0));
            }
            Self::Iif(..) => return None,
            Self::UrlDec(in_form) => url_decoded(&text, *in_form)?,
            Self::UrlEnc => url_encoded(&text),
            Self::HostOnly => split_port(&text).0.to_ascii_lowercase(),
            Self::PortOnly => return Some(Value::Int(split_port(&text).1)),
            Self::CutCrlf => {
                let end = text.iter().position(|byte| b"\r\n".contains(byte));
                text.truncate(end.unwrap_or(text.len()));
                text
            }
            Self::Json => json_escaped(&text),
        }))
    }
}

impl Pick {
    fn parse(args: &[String]) -> Result<Self, String> {
        let number = |text: &String| text.parse().map_err(|_| format!("'{text}' is no number"));
        let (index, delimiters, count) = match args {
            [index, delimiters] => (number(index)?, delimiters, 1),
            [index, delimiters, count] => (number(index)?, delimiters, number(count)?),
            _ => return Err("it takes a number, delimiters and perhaps a count".to_owned()),
        };
        if index == 0 {
            return Err("parts are counted from 1, or from -1 at the end".to_owned());
        }
        let delimiters = delimiters.as_bytes().to_vec();
        Ok(Self { index, delimiters, count })
    }

    /// Parts between runs of delimiters; `None` where there is none of that number.
    fn word(&self, text: &[u8]) -> Option<Vec<u8>> {
        self.pick(text, true)
    }

    /// Parts between single delimiters; an empty one counts.
    fn field(&self, text: &[u8]) -> Option<Vec<u8>> {
        self.pick(text, false)
    }

    fn pick(&self, text: &[u8], skips_empty: bool) -> Option<Vec<u8>> {
        let mut parts: Vec<(usize, usize)> = Vec::new();
        let mut start = 0;
        for (at, byte) in text.iter().enumerate() {
            if self.delimiters.contains(byte) {
                parts.push((start, at));
                start = at + 1;
            }
        }
        parts.push((start, text.len()));
        parts.retain(|(start, end)| !skips_empty || end > start);
        let count = usize::try_from(self.count).ok().filter(|count| *count > 0);
        let distance = usize::try_from(self.index.unsigned_abs()).ok()?.checked_sub(1)?;
        // Without a count, what lies beyond the last part counts as well.
        let range = if self.index > 0 {
            let rest = parts.get(distance..).filter(|rest| !rest.is_empty())?;
            let last = count.map(|count| rest[count.min(rest.len()) - 1].1);
            rest[0].0..last.unwrap_or(text.len())
        } else {
            let end = parts.len().checked_sub(distance).filter(|end| *end > 0)?;
            let first = count.map(|count| parts[end.saturating_sub(count)].0);
            first.unwrap_or(0)..parts[end - 1].1
        };
        Some(text[range].to_vec())
    }
}

impl Pattern {
    /// Compiles `written`.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn new(written: &str, ignores_case: bool) -> Result<Self, String> {
        let regex = Regex::new(written, ignores_case);
        regex.map(Self).map_err(|reason| format!("'{written}' is no regular expression: {reason}"))
    }

    /// Whether it is found in `text`.
    #[must_use]
    pub fn is_match(&self, text: &[u8]) -> bool {
        self.0.is_match(text)
    }

    /// `template` with `\0` to `\9` replaced by what was found; `None` where nothing was.
    #[must_use]
    pub fn expand(&self, text: &[u8], template: &str) -> Option<Vec<u8>> {
        self.0.expand(text, template.as_bytes())
    }
}

/// An argument without consequence, which is one of `words` all the same.
fn one_of(args: &[String], words: &[&str]) -> Result<(), String> {
    match args {
        [] => Ok(()),
        [word] if words.contains(&word.as_str()) => Ok(()),
        _ => Err(format!("it takes one of: {}", words[1..].join(", "))),
    }
}

fn regsub(args: &[String]) -> Result<Text, String> {
    let (pattern, with, flags) = match args {
        [pattern, with] => (pattern, with, ""),
        [pattern, with, flags] => (pattern, with, flags.as_str()),
        _ => return Err("it takes a regular expression, a text and perhaps flags".to_owned()),
    };
    if let Some(bad) = flags.chars().find(|flag| !"gi".contains(*flag)) {
        return Err(format!("'{bad}' is no flag: it can be 'g' or 'i'"));
    }
    let pattern = Pattern::new(pattern, flags.contains('i'))?;
    Ok(Text::Regsub { pattern, with: with.clone(), all: flags.contains('g') })
}

fn join(name: &str, args: &[String]) -> Result<Text, String> {
    let arg = |at: usize| args.get(at).cloned().unwrap_or_default();
    if args.len() > 3 {
        return Err("it takes at most three arguments".to_owned());
    }
    let variable = match arg(1) {
        name if name.is_empty() => None,
        name => Some(Variable::parse(&name)?),
    };
    Ok(match name {
        "concat" => Text::Concat { before: arg(0), variable, after: arg(2) },
        _ => Text::AddItem { separator: arg(0), variable, suffix: arg(2) },
    })
}

/// The difference of the first bytes that differ, or of the lengths.
fn compare(a: &[u8], b: &[u8]) -> i64 {
    let differing = a.iter().zip(b).find(|(a, b)| a != b);
    match differing {
        Some((a, b)) => i64::from(*a) - i64::from(*b),
        None => a.len() as i64 - b.len() as i64,
    }
}

fn url_decoded(text: &[u8], in_form: bool) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let (mut rest, mut in_form) = (text, in_form);
    while let [byte, tail @ ..] = rest {
        rest = tail;
        match byte {
            b'%' => {
                let digits = tail.get(..2)?;
                let digit = |byte: u8| char::from(byte).to_digit(16);
                let code = digit(digits[0])? << 4 | digit(digits[1])?;
                out.push(u8::try_from(code).ok()?);
                rest = &tail[2..];
            }
            b'+' if in_form => out.push(b' '),
            byte => {
                in_form |= *byte == b'?';
                out.push(*byte);
            }
        }
    }
    Some(out)
}

fn url_encoded(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for &byte in text {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(byte);
        } else {
            out.extend_from_slice(format!("%{byte:02X}").as_bytes());
        }
    }
    out
}

/// Host and port of `host:port`, at the last colon that is not inside brackets; the port is 0 where
/// there is none.
fn split_port(text: &[u8]) -> (&[u8], i64) {
    let bracket = text.iter().rposition(|&byte| byte == b']');
    let colon = text.iter().rposition(|&byte| byte == b':');
    match colon.filter(|colon| bracket.is_none_or(|bracket| *colon > bracket)) {
        Some(colon) => (&text[..colon], port_number(&text[colon + 1..])),
        None => (text, 0),
    }
}

/// HAProxy takes every byte for a digit, as far as it is above '0' in its table.
fn port_number(text: &[u8]) -> i64 {
    let digit = |byte: &u8| i64::from(*byte) - i64::from(b'0');
    text.iter().fold(0, |port: i64, byte| port.wrapping_mul(10).wrapping_add(digit(byte)))
}

fn json_escaped(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for &byte in text {
        match byte {
            b'"' | b'\\' | b'/' => out.extend([b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            8 => out.extend_from_slice(b"\\b"),
            12 => out.extend_from_slice(b"\\f"),
            0..=31 | 127.. => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            byte => out.push(byte),
        }
    }
    out
}
