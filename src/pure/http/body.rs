//! The body of a request, as far as it has arrived.

use super::head::{Bad, Framing};
use crate::pure::wire::Parsed;

/// Longest line with a chunk's size: sixteen digits and some extensions.
const SIZE_LINE_MAX: usize = 256;

/// A body that arrives, of which at most so many bytes are kept. What was read once is not read again.
#[derive(Debug)]
pub struct Body {
    framing: Framing,
    max: usize,
    kept: Vec<u8>,
    /// Where the next chunk's size, or the next line behind the last chunk, begins.
    at: usize,
    /// The last chunk was read.
    is_last: bool,
}

impl Body {
    /// A body that ends as `framing` says.
    #[must_use]
    pub fn new(framing: Framing, max: usize) -> Self {
        Self { framing, max, kept: Vec::new(), at: 0, is_last: false }
    }

    /// Goes on with `bytes`: what there is of the body, from its first byte.
    ///
    /// One that is longer than what is kept is done, with `None`, as soon as that is known.
    #[must_use]
    pub fn read(&mut self, bytes: &[u8]) -> Parsed<Option<Vec<u8>>, Bad> {
        match self.framing {
            Framing::Length(length) => match usize::try_from(length) {
                Ok(length) if length <= self.max => match bytes.get(..length) {
                    Some(body) => Parsed::Done(Some(body.to_vec()), length),
                    None => Parsed::More,
                },
                _ => Parsed::Done(None, 0),
            },
            Framing::Chunked => self.chunks(bytes),
        }
    }

    fn chunks(&mut self, bytes: &[u8]) -> Parsed<Option<Vec<u8>>, Bad> {
        while !self.is_last {
            let rest = &bytes[self.at..];
            let Some(end) = line(rest) else { return open(rest) };
            let Some(size) = size(&rest[..end]) else { return Parsed::Bad(Bad) };
            let begin = self.at + end + 1;
            if size == 0 {
                (self.at, self.is_last) = (begin, true);
                break;
            }
            if size > self.max - self.kept.len() {
                return Parsed::Done(None, begin);
            }
            let Some(chunk) = bytes.get(begin..begin + size) else { return Parsed::More };
            let behind = match &bytes[begin + size..] {
                [b'\r', b'\n', ..] => 2,
                [b'\n', ..] => 1,
                [] | [b'\r'] => return Parsed::More,
                _ => return Parsed::Bad(Bad),
            };
            self.kept.extend_from_slice(chunk);
            self.at = begin + size + behind;
        }
        // Lines behind the last chunk, to the empty one; nobody asks for them.
        while let Some(end) = line(&bytes[self.at..]) {
            let is_end = matches!(&bytes[self.at..self.at + end], [] | [b'\r']);
            self.at += end + 1;
            if is_end {
                return Parsed::Done(Some(std::mem::take(&mut self.kept)), self.at);
            }
        }
        if bytes.len() - self.at < SIZE_LINE_MAX { Parsed::More } else { Parsed::Bad(Bad) }
    }
}

/// The size of a chunk in its line, which ends with a CR or not; behind a semicolon are extensions,
/// which nobody asks for (RFC 9112 §7.1).
fn size(line: &[u8]) -> Option<usize> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.contains(&b'\r') {
        return None;
    }
    let text = line.split(|&byte| byte == b';').next().unwrap_or_default();
    let text = std::str::from_utf8(text.trim_ascii_end()).ok()?;
    let digits = (1..16).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    usize::from_str_radix(text, 16).ok().filter(|_| digits)
}

fn line(bytes: &[u8]) -> Option<usize> {
    bytes.iter().take(SIZE_LINE_MAX).position(|&byte| byte == b'\n')
}

/// A line with a size that is not whole yet.
fn open(bytes: &[u8]) -> Parsed<Option<Vec<u8>>, Bad> {
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let sound =
        digits < 16 && matches!(bytes.get(digits), None | Some(b';' | b'\r' | b' ' | b'\t'));
    let begins = digits > 0 || bytes.is_empty();
    if sound && begins && bytes.len() < SIZE_LINE_MAX { Parsed::More } else { Parsed::Bad(Bad) }
}
