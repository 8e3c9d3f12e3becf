//! What was written for PCRE, in the language of the libraries.
//!
//! | written | what it is here |
//! |---|---|
//! | `{` that opens no count, `[` inside of brackets | itself |
//! | `\0`, `\012`, `\x1`, `\cA`, `\e`, a character beyond ASCII | its bytes |
//! | `\h`, `\H`, `\v`, `\V`, `\N`, `\C`, `\p{Lu}`, `\P{Lu}` | the set of these bytes |
//! | `\R` | an end of a line, as a whole |
//! | `\Z` and `$` | the end, or where the line feed stands that ends the text |
//! | `\Q…\E` | its text |
//! | `(?#…)` | nothing |

use std::fmt::Write as _;
use std::iter::Peekable;
use std::str::Chars;

use super::property;

/// What may stand between `(*` and `)`: how to go back, not what bytes or lines are.
const VERBS: [&str; 6] = ["ACCEPT", "COMMIT", "F", "FAIL", "PRUNE", "SKIP"];

/// Whose language it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Engine {
    /// Where a text ends is its very end.
    Linear,
    /// A text ends before a line feed at its end as well, as to PCRE.
    Backtracking,
}

/// What was written in PCRE's language, in that of an engine.
pub(super) struct Translation<'a> {
    pub(super) out: String,
    /// Whether a quantifier gives nothing back: the linear engine would read another one after it.
    pub(super) is_possessive: bool,
    /// Whether it asks where the text begins, and where it ends.
    pub(super) asks_for_start: bool,
    pub(super) asks_for_end: bool,
    /// Why there is nothing of it in any language.
    pub(super) refused: Option<String>,
    engine: Engine,
    has_lines: bool,
    rest: Peekable<Chars<'a>>,
}

impl<'a> Translation<'a> {
    pub(super) fn of(written: &'a str, engine: Engine) -> Self {
        let mut this = Self {
            out: String::new(),
            is_possessive: false,
            asks_for_start: false,
            asks_for_end: false,
            refused: None,
            engine,
            has_lines: false,
            rest: written.chars().peekable(),
        };
        while let Some(char) = this.rest.next() {
            match char {
                '\\' => this.escape(),
                '[' => this.class(),
                '{' if !is_count(this.rest.clone()) => this.out.push_str(r"\{"),
                '(' => this.group(),
                '$' => this.end(),
                '*' | '+' | '?' | '}' => this.quantifier(char),
                '^' => this.start(),
                other => this.literal(other),
            }
        }
        this
    }

    /// What stands behind an opening parenthesis, as far as it is no part of the group.
    fn group(&mut self) {
        if self.rest.clone().take(2).eq(['?', '#']) {
            self.rest.by_ref().find(|&char| char == ')');
            return;
        }
        self.out.push('(');
        if self.rest.peek() == Some(&'*') {
            let verb: String = self.rest.clone().skip(1).take_while(|&char| char != ')').collect();
            if !VERBS.contains(&verb.as_str()) {
                self.refused = Some(format!("(*{verb}) is not supported"));
            }
        } else if self.rest.next_if_eq(&'?').is_some() {
            if let Some(name) = self.called() {
                self.out.pop();
                let _ = write!(self.out, r"\g<{name}>");
                return;
            }
            self.out.push('?');
            let mut flags = self.rest.clone().take_while(char::is_ascii_alphabetic);
            self.has_lines |= flags.any(|flag| flag == 'm');
        }
    }

    /// The group that `(?R)`, `(?1)`, `(?&name)` or `(?P>name)` is once more; taken if so.
    fn called(&mut self) -> Option<String> {
        let text: String = self.rest.clone().take_while(|&char| char != ')').collect();
        let name = match text.as_str() {
            "R" => "0",
            number if !number.is_empty() && number.chars().all(|c| c.is_ascii_digit()) => number,
            name => name.strip_prefix('&').or_else(|| name.strip_prefix("P>"))?,
        };
        self.rest.by_ref().find(|&char| char == ')');
        Some(name.to_owned())
    }

    /// `^`: no line begins behind the line feed that ends the text.
    fn start(&mut self) {
        self.asks_for_start = true;
        self.asks_for_end |= self.has_lines;
        self.out.push_str(match self.engine {
            Engine::Backtracking if self.has_lines => r"(?:\A|(?<=\n)(?!\z))",
            _ => "^",
        });
    }

    /// `$`, and what is the same where no line ends in the text.
    fn end(&mut self) {
        if self.has_lines {
            return self.out.push('$');
        }
        self.asks_for_end = true;
        self.out.push_str(match self.engine {
            Engine::Linear => r"\z",
            Engine::Backtracking => r"(?=\n?\z)",
        });
    }

    /// What may take fewer, or gives nothing back.
    fn quantifier(&mut self, char: char) {
        self.out.push(char);
        if self.rest.next_if_eq(&'?').is_some() {
            self.out.push('?');
        } else if self.rest.next_if_eq(&'+').is_some() {
            self.out.push('+');
            self.is_possessive = true;
        }
    }

    /// What stands behind an opening bracket, up to the one that closes.
    fn class(&mut self) {
        self.out.push('[');
        // A bracket that comes first, or after a caret, is one of the class.
        for first in ['^', ']'] {
            if self.rest.next_if_eq(&first).is_some() {
                self.out.push_str(if first == ']' { r"\]" } else { "^" });
            }
        }
        while let Some(char) = self.rest.next() {
            match char {
                '\\' => self.escape_in_class(),
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
                other => self.literal(other),
            }
        }
    }

    /// What stands behind a backslash outside of brackets.
    fn escape(&mut self) {
        match self.rest.peek().copied() {
            Some('Z') => {
                self.rest.next();
                let has_lines = std::mem::take(&mut self.has_lines);
                self.end();
                self.has_lines = has_lines;
            }
            Some('R') => {
                self.rest.next();
                self.out.push_str(r"(?>\r\n|[\n-\r\x85])");
            }
            Some(start @ ('A' | 'G')) => {
                self.rest.next();
                self.asks_for_start = true;
                self.out.extend(['\\', start]);
            }
            _ => {
                if let Some(bytes) = self.set() {
                    self.out.push('[');
                    self.bytes(&bytes);
                    self.out.push(']');
                } else {
                    self.escape_anywhere(false);
                }
            }
        }
    }

    fn escape_in_class(&mut self) {
        match self.set() {
            Some(bytes) => self.bytes(&bytes),
            None => self.escape_anywhere(true),
        }
    }

    fn escape_anywhere(&mut self, in_class: bool) {
        let Some(char) = self.rest.next() else { return self.out.push('\\') };
        match char {
            'x' => self.hexadecimal(),
            '0' => self.number(8, 2, 0),
            '1'..='7' if in_class => self.number(8, 2, char.to_digit(8).unwrap_or_default()),
            'b' if in_class => self.byte(0x08),
            'e' => self.byte(0x1b),
            'c' => match self.rest.next() {
                Some(control) if control.is_ascii() => {
                    self.byte(control.to_ascii_uppercase() as u32 ^ 0x40);
                }
                other => self.out.extend(['\\', 'c'].into_iter().chain(other)),
            },
            'g' | 'k' if !in_class => self.reference(char),
            'Q' => self.quoted(),
            'E' => {}
            // To the library a backslash before one of these is more than the character.
            '<' | '>' => self.out.push(char),
            _ if !char.is_ascii() => self.literal(char),
            other => self.out.extend(['\\', other]),
        }
    }

    /// The bytes of an escape that stands for a set of them, which is taken.
    fn set(&mut self) -> Option<Vec<u8>> {
        let kind = *self.rest.peek()?;
        let holds: fn(u8) -> bool = match kind {
            'h' | 'H' => |byte| matches!(byte, b'\t' | b' ' | 0xa0),
            'v' | 'V' => |byte| matches!(byte, b'\n'..=b'\r' | 0x85),
            'N' => |byte| byte != b'\n',
            'C' => |_| true,
            'p' | 'P' => return Some(self.property()),
            _ => return None,
        };
        self.rest.next();
        Some((0..=u8::MAX).filter(|byte| holds(*byte) != matches!(kind, 'H' | 'V')).collect())
    }

    /// `pL`, `p{Lu}`, `p{^Lu}`, and `P` for what does not have it.
    fn property(&mut self) -> Vec<u8> {
        let mut without = self.rest.next() == Some('P');
        let mut name = String::new();
        if self.rest.next_if_eq(&'{').is_some() {
            without ^= self.rest.next_if_eq(&'^').is_some();
            name.extend(self.rest.by_ref().take_while(|&char| char != '}'));
        } else {
            name.extend(self.rest.next());
        }
        if property::has(&name, 0).is_none() {
            let what = if without { 'P' } else { 'p' };
            self.refused = Some(format!("\\{what}{{{name}}} is no property of bytes"));
        }
        (0..=u8::MAX).filter(|byte| property::has(&name, *byte) == Some(!without)).collect()
    }

    /// Bytes of a class.
    fn bytes(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            self.out.push_str(r"[^\x00-\xff]");
        }
        for range in bytes.chunk_by(|a, b| a + 1 == *b) {
            self.byte(range[0].into());
            if range.len() > 1 {
                self.out.push('-');
                self.byte(range[range.len() - 1].into());
            }
        }
    }

    /// `x` and up to two digits, or any of them in braces.
    fn hexadecimal(&mut self) {
        if self.rest.next_if_eq(&'{').is_none() {
            return self.number(16, 2, 0);
        }
        let digits: String = self.rest.by_ref().take_while(|&char| char != '}').collect();
        match u8::from_str_radix(digits.trim(), 16) {
            Ok(value) => self.byte(value.into()),
            Err(_) => self.refused = Some(format!("\\x{{{digits}}} is no byte")),
        }
    }

    /// `\g1`, `\g{-1}`, `\g{name}`, `\k{name}` and `\k'name'`: what a group found. Other forms of
    /// `\g` are a group once more.
    fn reference(&mut self, letter: char) {
        let close = match self.rest.peek() {
            Some('{') => '}',
            Some('\'') if letter == 'k' => '\'',
            Some(digit) if letter == 'g' && (digit.is_ascii_digit() || *digit == '-') => {
                self.out.push_str(r"\k<");
                let is_of_it = |char: &char| char.is_ascii_digit() || *char == '-';
                while let Some(char) = self.rest.next_if(is_of_it) {
                    self.out.push(char);
                }
                return self.out.push('>');
            }
            _ => return self.out.extend(['\\', letter]),
        };
        self.rest.next();
        let name: String = self.rest.by_ref().take_while(|&char| char != close).collect();
        let _ = write!(self.out, r"\k<{name}>");
    }

    /// A byte by at most `most` digits that follow `value`.
    fn number(&mut self, base: u32, most: u32, mut value: u32) {
        for _ in 0..most {
            let Some(digit) = self.rest.peek().and_then(|char| char.to_digit(base)) else { break };
            value = value * base + digit;
            self.rest.next();
        }
        self.byte(value);
    }

    fn byte(&mut self, value: u32) {
        // Writing to a string cannot fail.
        let _ = write!(self.out, r"\x{:02x}", value & 0xff);
    }

    /// A character that means itself, or what an engine makes of it.
    fn literal(&mut self, char: char) {
        if char.is_ascii() {
            return self.out.push(char);
        }
        for byte in char.encode_utf8(&mut [0; 4]).bytes() {
            self.byte(byte.into());
        }
    }

    /// The text up to `\E`.
    fn quoted(&mut self) {
        while let Some(char) = self.rest.next() {
            if char == '\\' && self.rest.next_if_eq(&'E').is_some() {
                return;
            }
            if char.is_ascii_punctuation() && !matches!(char, '<' | '>') {
                self.out.push('\\');
            }
            self.literal(char);
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
