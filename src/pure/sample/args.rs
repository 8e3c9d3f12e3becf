//! What stands between the parentheses of a fetch or converter, and names of pattern files.

/// Where patterns come from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FileName {
    /// The name as it was written, `file@` left out: what commands call the patterns.
    pub name: String,
    /// Whether the file must be there.
    pub presence: Presence,
}

/// Whether a file must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Presence {
    /// It must.
    Required,
    /// `opt@`: without it there are no patterns.
    Optional,
    /// `virt@`: there is none; commands bring the patterns.
    Virtual,
}

impl FileName {
    /// Reads `path`, `file@path`, `opt@path`, `virt@name`.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let (name, presence) = match text {
            text if text.starts_with("opt@") => (text, Presence::Optional),
            text if text.starts_with("virt@") => (text, Presence::Virtual),
            text => (text.strip_prefix("file@").unwrap_or(text), Presence::Required),
        };
        Self { name: name.to_owned(), presence }
    }

    /// The path to read; `None` for a virtual one.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        match self.presence {
            Presence::Required => Some(&self.name),
            Presence::Optional => self.name.strip_prefix("opt@"),
            Presence::Virtual => None,
        }
    }
}

/// Splits `(a,b)…` at its commas: the arguments, and how many bytes they took. Nothing is taken where
/// there is no parenthesis. Quotes and backslashes protect what they protect in HAProxy.
///
/// # Errors
/// Says what is not closed.
pub(super) fn split(text: &str) -> Result<(Vec<String>, usize), String> {
    if !text.starts_with('(') {
        return Ok((Vec::new(), 0));
    }
    let mut args = vec![String::new()];
    let mut quote = None;
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        let arg = args.last_mut().expect("there is always one");
        match (quote, c) {
            (None, ')') => {
                if args.len() == 1 && args[0].is_empty() {
                    args.clear();
                }
                return Ok((args, at + 1));
            }
            (None, ',') => args.push(String::new()),
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            (None | Some('"'), '\\') => match chars.next() {
                Some((_, escaped)) => arg.push_str(&unescaped(escaped)),
                None => break,
            },
            (_, c) => arg.push(c),
        }
    }
    Err(match quote {
        Some(quote) => format!("a quote {quote} is not closed"),
        None => "')' is missing".to_owned(),
    })
}

/// What a character behind a backslash stands for; others keep the backslash.
fn unescaped(escaped: char) -> String {
    match escaped {
        'n' => "\n".to_owned(),
        'r' => "\r".to_owned(),
        't' => "\t".to_owned(),
        '\\' | '"' | '\'' | ' ' | ',' | ')' | '(' | '#' => escaped.to_string(),
        other => format!("\\{other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_split_at_commas_outside_quotes() {
        let table: [(&str, &[&str], usize); 6] = [
            ("", &[], 0),
            (",x", &[], 0),
            ("()", &[], 2),
            ("(a,b),c", &["a", "b"], 5),
            ("(,b)", &["", "b"], 4),
            (r#"("a,)b",'\',\,)"#, &["a,)b", "\\", ","], 15),
        ];
        for (text, expected, used) in table {
            assert_eq!(split(text), Ok((expected.iter().map(|s| (*s).into()).collect(), used)));
        }
        assert!(split("(a").unwrap_err().contains("')'"));
        assert!(split("('a)").unwrap_err().contains('\''));
    }

    #[test]
    fn file_names_have_prefixes() {
        assert_eq!(FileName::parse("file@/a").path(), Some("/a"));
        assert_eq!(FileName::parse("opt@/a").path(), Some("/a"));
        assert_eq!(FileName::parse("virt@x").path(), None);
        assert_eq!(FileName::parse("virt@x").name, "virt@x");
    }
}
