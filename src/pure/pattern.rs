//! Regular expressions, as people wrote them for PCRE, on bytes.
//!
//! | written | what it is here |
//! |---|---|
//! | `{` that opens no count, `[` inside of brackets | itself |
//! | `\0`, `\012`, `\x1`, `\cA`, `\e` | that byte |
//! | `\h` | a blank or a tab |
//! | `\Z` | the end |
//! | `\Q…\E` | its text |
//! | `(?#…)` | nothing |
//! | look-around, back-references, atomic groups | refused: the time to match is linear |

use std::fmt::Write as _;
use std::iter::Peekable;
use std::str::Chars;

use regex::bytes::{Regex, RegexBuilder};

/// Compiles `written`.
///
/// # Errors
/// Says why it is no regular expression, in one line.
pub fn compile(written: &str, ignores_case: bool) -> Result<Regex, String> {
    let mut builder = RegexBuilder::new(&Translation::of(written));
    let regex = builder.unicode(false).case_insensitive(ignores_case).build();
    regex.map_err(|error| {
        // Before it come the text again and a mark below it.
        let error = error.to_string();
        error.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
    })
}

/// What was written in PCRE's language, in that of the library.
struct Translation<'a> {
    rest: Peekable<Chars<'a>>,
    out: String,
}

impl<'a> Translation<'a> {
    fn of(written: &'a str) -> String {
        let mut this = Self { rest: written.chars().peekable(), out: String::new() };
        while let Some(char) = this.rest.next() {
            match char {
                '\\' => this.escape(false),
                '[' => this.class(),
                '{' if !is_count(this.rest.clone()) => this.out.push_str(r"\{"),
                '(' if this.rest.clone().take(2).eq(['?', '#']) => {
                    this.rest.by_ref().find(|&char| char == ')');
                }
                other => this.out.push(other),
            }
        }
        this.out
    }

    /// What stands behind an opening bracket, up to the one that closes.
    fn class(&mut self) {
        self.out.push('[');
        // A bracket that comes first, or after a caret, is one of the class.
        for first in ['^', ']'] {
            if self.rest.next_if_eq(&first).is_some() {
                self.out.push(first);
            }
        }
        while let Some(char) = self.rest.next() {
            match char {
                '\\' => self.escape(true),
                '[' if self.rest.peek() == Some(&':') => {
                    // A class of names, such as [:alpha:].
                    self.out.push('[');
                    for char in self.rest.by_ref() {
                        self.out.push(char);
                        if char == ']' {
                            break;
                        }
                    }
                }
                // Of the library's own: sets within sets, and operations on them.
                '[' | '&' | '~' => self.out.extend(['\\', char]),
                ']' => return self.out.push(']'),
                other => self.out.push(other),
            }
        }
    }

    /// What stands behind a backslash.
    fn escape(&mut self, in_class: bool) {
        let Some(char) = self.rest.next() else { return self.out.push('\\') };
        match char {
            'x' if self.rest.peek() != Some(&'{') => self.number(16, 2),
            '0' => self.number(8, 2),
            'e' => self.byte(0x1b),
            'c' => match self.rest.next() {
                Some(control) if control.is_ascii() => {
                    self.byte(control.to_ascii_uppercase() as u32 ^ 0x40);
                }
                other => self.out.extend(['\\', 'c'].into_iter().chain(other)),
            },
            'h' if in_class => self.out.push_str(r" \t"),
            'h' => self.out.push_str(r"[ \t]"),
            'Z' if !in_class => self.out.push_str(r"\z"),
            'Q' => self.quoted(),
            'E' => {}
            // To the library a backslash before one of these is more than the character.
            '<' | '>' => self.out.push(char),
            'p' | 'P' | 'x' => {
                // Its name may stand in braces.
                self.out.extend(['\\', char]);
                if self.rest.next_if_eq(&'{').is_some() {
                    self.out.push('{');
                }
            }
            other => self.out.extend(['\\', other]),
        }
    }

    /// A byte by at most `most` digits.
    fn number(&mut self, base: u32, most: u32) {
        let mut value = 0;
        for _ in 0..most {
            let Some(digit) = self.rest.peek().and_then(|char| char.to_digit(base)) else { break };
            value = value * base + digit;
            self.rest.next();
        }
        self.byte(value);
    }

    fn byte(&mut self, value: u32) {
        // Writing to a string cannot fail.
        let _ = write!(self.out, r"\x{value:02x}");
    }

    /// The text up to `\E`.
    fn quoted(&mut self) {
        while let Some(char) = self.rest.next() {
            if char == '\\' && self.rest.next_if_eq(&'E').is_some() {
                return;
            }
            self.out.push_str(&regex::escape(char.encode_utf8(&mut [0; 4])));
        }
    }
}

/// Whether what stands behind a brace is `3}`, `3,}` or `3,5}`.
fn is_count(mut rest: Peekable<Chars<'_>>) -> bool {
    let mut skip_digits = || {
        let mut some = false;
        while rest.next_if(char::is_ascii_digit).is_some() {
            some = true;
        }
        (some, rest.next())
    };
    match skip_digits() {
        (true, Some('}')) => true,
        (true, Some(',')) => skip_digits().1 == Some('}'),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn matches(pattern: &str, text: &str) -> bool {
        compile(pattern, false).expect("a regular expression").is_match(text.as_bytes())
    }

    #[test]
    fn what_only_the_library_takes_for_a_sign_is_itself() {
        assert!(matches(r#"^{"health":"true"}$"#, r#"{"health":"true"}"#));
        assert!(matches(r#""status": ?{"#, r#""status":{"#));
        assert!(matches("a{,3}", "a{,3}") && matches("a{1,b}", "a{1,b}"));
        assert!(matches(r"^[[]$", "[") && matches(r"^[a[&&b]+$", "[&&"));
        assert!(matches(r"^\<a\>\/$", "<a>/"));
    }

    #[test]
    fn bytes_have_many_names() {
        assert!(matches(r"^\x1b\e\033\c[$", "\x1b\x1b\x1b\x1b") && matches(r"^\x9\0a$", "\t\0a"));
        assert!(matches(r"^a\hb[\h]$", "a b\t") && matches(r"a\Z", "ba"));
        assert!(matches(r"^\Qa.[b\E.$", "a.[bx") && matches(r"^\Qa", "a"));
        assert!(matches(r"^a(?#of {1} kind)b$", "ab"));
    }

    #[test]
    fn counts_names_and_classes_stay() {
        assert!(matches("^a{3}$", "aaa") && !matches("^a{3}$", "aa"));
        assert!(matches("^a{2,}b{1,2}$", "aaabb"));
        assert!(matches(r"^\x{41}[{]\{$", "A{{"));
        assert!(matches(r"^[]{]{2}[^]{]$", "]{x") && matches(r"^[[:digit:]_]+\d$", "1_2"));
    }

    #[test]
    fn a_mistake_is_told_in_one_line() {
        let told = compile(r"(a)\1", false).expect_err("a back-reference");
        assert_eq!(told, "backreferences are not supported");
        assert!(compile("(", false).is_err() && compile("[a", false).is_err());
        assert!(compile("a{", false).is_ok() && compile(r"a\", false).is_err());
    }
}
