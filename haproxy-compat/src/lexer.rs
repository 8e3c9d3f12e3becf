//! One line to words: quotes, escapes, variables and comments.
//!
//! Blanks separate words. `'…'` protects everything, `"…"` everything but escapes and variables; a
//! quote may open in the middle of a word. A line ends at its end: nothing continues it. What a line
//! may become is bounded by [`WORDS_MAX`] and [`LINE_BYTES_MAX`].

use crate::diag::Report;
use crate::env::{Environment, name_len};
use crate::span::{FileId, Span};
use crate::tree::Word;

/// Most words in a line, as in HAProxy.
pub const WORDS_MAX: usize = 64;

/// Most bytes a line may have, before and after variables were replaced.
pub const LINE_BYTES_MAX: usize = 1 << 20;

/// What variables are replaced from.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// Ordinary variables.
    pub env: &'a Environment,
    /// `.FILE`
    pub file: &'a str,
    /// `.LINE`, from 1.
    pub line: usize,
    /// `.SECTION`: the name of the current section, or its keyword; empty before the first.
    pub section: &'a str,
}

/// Splits `line`, which starts at byte `start` of `file` and has no line feed. `None` where it is
/// not well formed: the report then says why.
pub fn words(
    line: &str,
    file: FileId,
    start: usize,
    scope: &Scope<'_>,
    report: &mut Report,
) -> Option<Vec<Word>> {
    let mut lexer = Lexer {
        line: line.strip_suffix('\r').unwrap_or(line).as_bytes(),
        at: 0,
        file,
        start,
        scope,
        words: Vec::new(),
        open: None,
        bytes: 0,
    };
    match lexer.run() {
        Ok(()) => Some(lexer.words),
        Err(fault) => {
            report.alert(lexer.span(fault.from, fault.to), fault.message);
            if let Some(help) = fault.help {
                report.help(help);
            }
            None
        }
    }
}

/// A mistake in bytes `from..to` of the line.
struct Fault {
    from: usize,
    to: usize,
    message: String,
    help: Option<&'static str>,
}

struct Lexer<'a> {
    line: &'a [u8],
    at: usize,
    file: FileId,
    start: usize,
    scope: &'a Scope<'a>,
    words: Vec<Word>,
    /// The word being read: where it began and what it stands for so far.
    open: Option<(usize, Vec<u8>)>,
    /// Bytes in all words.
    bytes: usize,
}

impl Lexer<'_> {
    fn run(&mut self) -> Result<(), Fault> {
        if self.line.len() > LINE_BYTES_MAX {
            return Err(self.too_long());
        }
        let mut quote: Option<(u8, usize)> = None;
        while let Some(&byte) = self.line.get(self.at) {
            match (byte, quote) {
                (b'#', None) => break,
                (0 | b'\r', _) => return Err(self.stray(byte)),
                (b'\'' | b'"', None) => {
                    quote = Some((byte, self.at));
                    self.open_word();
                    self.at += 1;
                }
                (_, Some((opened, _))) if byte == opened => {
                    quote = None;
                    self.at += 1;
                }
                (b'\\', None | Some((b'"', _))) => self.escape(quote.is_some())?,
                (b'$', Some((b'"', _))) => self.variable()?,
                (b' ' | b'\t' | 0x0b | 0x0c, None) => {
                    self.close_word()?;
                    self.at += 1;
                }
                _ => {
                    self.emit(byte)?;
                    self.at += 1;
                }
            }
        }
        if let Some((mark, from)) = quote {
            return Err(Fault {
                from,
                to: self.line.len(),
                message: format!("this {} is not closed", char::from(mark)),
                help: Some(
                    "a quoted text ends on its own line; write \\\" or \\' for the character",
                ),
            });
        }
        self.close_word()
    }

    fn escape(&mut self, in_quotes: bool) -> Result<(), Fault> {
        let next = self.line.get(self.at + 1).copied();
        let meant = match next {
            Some(literal @ (b' ' | b'\\' | b'#' | b'\'' | b'"')) => literal,
            Some(b'$') if in_quotes => b'$',
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(b'x') => return self.hex_escape(),
            // Anything else keeps its backslash: regular expressions stay readable.
            _ => {
                self.emit(b'\\')?;
                self.at += 1;
                return Ok(());
            }
        };
        self.emit(meant)?;
        self.at += 2;
        Ok(())
    }

    fn hex_escape(&mut self) -> Result<(), Fault> {
        let digit = |offset: usize| {
            let byte = *self.line.get(self.at + offset)?;
            char::from(byte).to_digit(16)
        };
        let value = digit(2).zip(digit(3)).map(|(high, low)| high * 16 + low);
        let Some(value) = value.and_then(|value| u8::try_from(value).ok()) else {
            return Err(Fault {
                from: self.at,
                to: (self.at + 4).min(self.line.len()),
                message: "'\\x' is not followed by two hexadecimal digits".to_owned(),
                help: Some("write \\\\x for a backslash and an 'x'"),
            });
        };
        self.emit(value)?;
        self.at += 4;
        Ok(())
    }

    /// `$NAME`, `${NAME}`, `${NAME-default}`, `${NAME[*]}`, `${NAME[*]-default}`.
    fn variable(&mut self) -> Result<(), Fault> {
        let from = self.at;
        let mut at = from + 1;
        let braced = self.line.get(at) == Some(&b'{');
        at += usize::from(braced);
        let dotted = self.line.get(at) == Some(&b'.');
        let name_from = at;
        at += usize::from(dotted);
        let len = name_len(&self.line[at..]);
        at += len;
        if len == 0 {
            return Err(Fault {
                from,
                to: (at + 1).min(self.line.len()),
                message: "'$' is not followed by a variable's name".to_owned(),
                help: Some("write \\$ for the character; names are letters, digits and '_'"),
            });
        }
        let name = String::from_utf8_lossy(&self.line[name_from..at]).into_owned();
        let mut value = if dotted {
            Some(self.pseudo_variable(&name, from, at)?)
        } else {
            self.scope.env.get(&name).map(<[u8]>::to_vec)
        };
        let mut split = false;
        if braced {
            if self.line[at..].starts_with(b"[*]") {
                split = true;
                at += 3;
            }
            let rest = &self.line[at..];
            let Some(len) = rest.iter().position(|&byte| byte == b'}') else {
                return Err(self.unclosed_brace(from));
            };
            match rest[..len].split_first() {
                None => {}
                Some((b'-', default)) => value = value.or_else(|| Some(default.to_vec())),
                Some(_) => return Err(self.unclosed_brace(from)),
            }
            at += len + 1;
        }
        self.at = at;
        self.emit_value(&value.unwrap_or_default(), split)
    }

    fn pseudo_variable(&self, name: &str, from: usize, to: usize) -> Result<Vec<u8>, Fault> {
        match name {
            ".FILE" => Ok(self.scope.file.as_bytes().to_vec()),
            ".LINE" => Ok(self.scope.line.to_string().into_bytes()),
            ".SECTION" => Ok(self.scope.section.as_bytes().to_vec()),
            _ => Err(Fault {
                from,
                to,
                message: format!("there is no variable '{name}'"),
                help: Some("variables with a dot are .FILE, .LINE and .SECTION"),
            }),
        }
    }

    fn unclosed_brace(&self, from: usize) -> Fault {
        Fault {
            from,
            to: self.line.len(),
            message: "this '${' is not closed".to_owned(),
            help: Some("the forms are ${NAME}, ${NAME-default} and ${NAME[*]}"),
        }
    }

    fn emit_value(&mut self, value: &[u8], split: bool) -> Result<(), Fault> {
        let mut after_blank = false;
        for &byte in value {
            if split && byte.is_ascii_whitespace() {
                if !after_blank {
                    self.close_word()?;
                    self.open_word();
                }
                after_blank = true;
            } else {
                after_blank = false;
                self.emit(byte)?;
            }
        }
        Ok(())
    }

    fn emit(&mut self, byte: u8) -> Result<(), Fault> {
        if self.bytes == LINE_BYTES_MAX {
            return Err(self.too_long());
        }
        self.bytes += 1;
        self.open_word();
        if let Some((_, word)) = &mut self.open {
            word.push(byte);
        }
        Ok(())
    }

    fn open_word(&mut self) {
        if self.open.is_none() {
            self.open = Some((self.at, Vec::new()));
        }
    }

    fn close_word(&mut self) -> Result<(), Fault> {
        let Some((from, bytes)) = self.open.take() else {
            return Ok(());
        };
        if self.words.len() == WORDS_MAX {
            return Err(Fault {
                from,
                to: self.line.len(),
                message: format!("more than {WORDS_MAX} words in a line"),
                help: None,
            });
        }
        let span = self.span(from, self.at.max(from + 1));
        self.words.push(Word { bytes, span });
        Ok(())
    }

    fn stray(&self, byte: u8) -> Fault {
        Fault {
            from: self.at,
            to: self.at + 1,
            message: if byte == 0 {
                "a NUL byte".to_owned()
            } else {
                "a carriage return in the middle of a line".to_owned()
            },
            help: Some("is this a text file?"),
        }
    }

    fn too_long(&self) -> Fault {
        Fault {
            from: 0,
            to: self.line.len().min(80),
            message: format!("the line is longer than {LINE_BYTES_MAX} bytes"),
            help: None,
        }
    }

    /// The bytes `from..to` of the line as a place in the file.
    fn span(&self, from: usize, to: usize) -> Span {
        let to = to.min(self.line.len());
        let offset = |at: usize| u32::try_from(self.start + at).unwrap_or(u32::MAX);
        Span { file: self.file, start: offset(from.min(to)), end: offset(to) }
    }
}

#[cfg(test)]
mod tests;
