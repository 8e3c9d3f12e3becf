//! The grammar: `text %% %name %{flags}name %(label)name %[sample]`.
//!
//! Behind `%{+json}o` a format is an object of JSON: of its values those with a label, in order, and
//! of its text nothing. `%(label:kind)name` says of which kind a value is to be.

use super::variable::HTTP;
use super::{Flags, Format, Json, Part, Variable};
use crate::pure::sample::{Definitions, Expr, Kind, ParseError, Stage};

impl Format {
    /// Reads `text`, of a log line.
    ///
    /// # Errors
    /// Says which variable or sample is wrong, and why.
    pub fn parse(text: &str, definitions: &mut dyn Definitions) -> Result<Self, ParseError> {
        Self::parse_at(text, Stage::Log, definitions)
    }

    /// Reads `text`, whose samples are asked for at `stage`.
    ///
    /// # Errors
    /// Says which variable or sample is wrong, and why.
    pub fn parse_at(
        text: &str,
        stage: Stage,
        definitions: &mut dyn Definitions,
    ) -> Result<Self, ParseError> {
        let standing = Flags::default();
        let mut reader = Reader { rest: text, stage, parts: Vec::new(), standing, members: None };
        while !reader.rest.is_empty() {
            reader.piece(definitions)?;
        }
        match reader.members {
            Some(0) => reader.parts.push(Part::Text("{}".to_owned())),
            Some(_) => reader.parts.push(Part::Text("}".to_owned())),
            None => {}
        }
        Ok(Self { parts: reader.parts, text: text.to_owned() })
    }
}

struct Reader<'a> {
    rest: &'a str,
    stage: Stage,
    parts: Vec<Part>,
    /// What `%{…}o` set.
    standing: Flags,
    /// How many members the object of JSON has that it is, if it is one.
    members: Option<usize>,
}

impl<'a> Reader<'a> {
    fn piece(&mut self, definitions: &mut dyn Definitions) -> Result<(), ParseError> {
        let rest = self.rest;
        if let Some(after) = rest.strip_prefix("%%") {
            self.push_text("%");
            self.rest = after;
        } else if let Some(after) = rest.strip_prefix('%') {
            self.rest = after;
            self.value(definitions)?;
        } else if rest.starts_with(' ') {
            self.rest = rest.trim_start_matches(' ');
            // Those at the front show nothing; those in a row one.
            if self.members.is_none() && !matches!(self.parts.last(), None | Some(Part::Space)) {
                self.parts.push(Part::Space);
            }
        } else {
            let (text, rest) = rest.split_at(rest.find(['%', ' ']).unwrap_or(rest.len()));
            self.push_text(text);
            self.rest = rest;
        }
        Ok(())
    }

    fn push_text(&mut self, text: &str) {
        if self.members.is_some() {
            return;
        }
        match self.parts.last_mut() {
            Some(Part::Text(known)) => known.push_str(text),
            _ => self.parts.push(Part::Text(text.to_owned())),
        }
    }

    /// What stands behind a percent sign.
    fn value(&mut self, definitions: &mut dyn Definitions) -> Result<(), ParseError> {
        let mut flags = self.standing;
        let mut label = "";
        while let Some(words) = self.enclosed('(', ')')? {
            label = words;
        }
        while let Some(words) = self.enclosed('{', '}')? {
            add_flags(words, &mut flags)?;
        }
        if let Some(rest) = self.rest.strip_prefix('[') {
            return self.sample(rest, label, flags, definitions);
        }
        let end = self.rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        self.rest = rest;
        if name == "o" {
            self.standing = flags;
            if flags.json.is_some() && self.members.is_none() {
                self.parts.clear();
                self.members = Some(0);
            }
            return Ok(());
        }
        let variable = variable(name, definitions.speaks_http())?;
        let kind = if variable.is_number() { Json::Number } else { Json::Text };
        self.push_value(label, kind, flags, |flags| Part::Variable(variable, flags))
    }

    /// Adds a value, of that kind in JSON unless `label` has another; in an object one without a name
    /// is left out.
    fn push_value(
        &mut self,
        label: &str,
        kind: Json,
        mut flags: Flags,
        part: impl FnOnce(Flags) -> Part,
    ) -> Result<(), ParseError> {
        let (name, kind) = match label.split_once(':') {
            None => (label, kind),
            Some((name, "str")) => (name, Json::Text),
            Some((name, "sint")) => (name, Json::Number),
            Some((name, "bool")) => (name, Json::Bool),
            Some((_, other)) => {
                return Err(ParseError {
                    message: format!("unknown kind '{other}' in '({label})'"),
                    help: Some("it can be str, sint or bool".to_owned()),
                });
            }
        };
        flags.json = flags.json.map(|_| kind);
        match &mut self.members {
            Some(_) if name.is_empty() => return Ok(()),
            Some(count) => {
                let before = if *count == 0 { "{" } else { ", " };
                *count += 1;
                let name = serde_json::Value::from(name);
                self.parts.push(Part::Text(format!("{before}{name}: ")));
            }
            None => {}
        }
        self.parts.push(part(flags));
        Ok(())
    }

    /// What stands between `open` here and the next `close`.
    fn enclosed(&mut self, open: char, close: char) -> Result<Option<&'a str>, ParseError> {
        let Some(rest) = self.rest.strip_prefix(open) else { return Ok(None) };
        let Some((inside, rest)) = rest.split_once(close) else {
            return Err(format!("'{close}' is missing after '{open}{rest}'").into());
        };
        self.rest = rest;
        Ok(Some(inside))
    }

    fn sample(
        &mut self,
        text: &'a str,
        label: &str,
        flags: Flags,
        definitions: &mut dyn Definitions,
    ) -> Result<(), ParseError> {
        let (expr, used) = Expr::parse_prefix(text, definitions)?;
        let Some(rest) = text[used..].strip_prefix(']') else {
            return Err(format!("']' is missing after '{}'", expr.text).into());
        };
        if !expr.tells_at(self.stage) {
            return Err(silent(&expr, self.stage));
        }
        self.rest = rest;
        let kind = match expr.kind() {
            Kind::Int => Json::Number,
            Kind::Bool => Json::Bool,
            _ => Json::Text,
        };
        self.push_value(label, kind, flags, |flags| Part::Sample(expr, flags))
    }
}

/// Why a sample cannot be asked for at `stage`.
fn silent(expr: &Expr, stage: Stage) -> ParseError {
    let text = &expr.text;
    let message = format!("'{text}' has nothing to tell in {}", stage.describe());
    if stage != Stage::Log {
        return message.into();
    }
    ParseError {
        message: format!("{message}: it needs bytes that are gone by then"),
        help: Some(format!(
            "keep it: 'tcp-request content set-var(sess.x) {text}', and show '%[var(sess.x)]'"
        )),
    }
}

fn variable(name: &str, speaks_http: bool) -> Result<Variable, ParseError> {
    if name.is_empty() {
        return Err(ParseError {
            message: "the name of a variable is missing after '%'".to_owned(),
            help: Some("a percent sign is written '%%'".to_owned()),
        });
    }
    let known = Variable::NAMES.iter().find(|(known, _)| *known == name);
    if let Some((_, variable)) = known.filter(|_| speaks_http || !HTTP.contains(&name)) {
        return Ok(*variable);
    }
    Err(if HTTP.contains(&name) {
        ParseError {
            message: format!("variable '%{name}' is reserved for HTTP mode"),
            help: Some("a TCP proxy sees no requests: leave it out".to_owned()),
        }
    } else {
        ParseError {
            message: format!("no such variable '%{name}'"),
            help: Some("a percent sign is written '%%'".to_owned()),
        }
    })
}

/// `+Q,-X`: a sign counts until the next one. Like HAProxy 2.6 this takes flags it does not know.
fn add_flags(words: &str, flags: &mut Flags) -> Result<(), ParseError> {
    let mut sign = None;
    for word in words.split(',').map(str::trim) {
        let name = word.trim_start_matches(['+', '-']);
        sign = word[..word.len() - name.len()].chars().last().or(sign);
        let Some(sign) = sign else { continue };
        let on = sign == '+';
        match name {
            "Q" => flags.quote = on,
            "X" => flags.hex = on,
            "E" => flags.escape = on,
            "json" => flags.json = on.then_some(Json::Text),
            "cbor" | "bin" if on => {
                return Err(format!("the encoding '{name}' is not written here").into());
            }
            _ => {}
        }
    }
    Ok(())
}
