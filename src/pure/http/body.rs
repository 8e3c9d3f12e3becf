//! The body of a request, as far as it has arrived.

use super::head::{Bad, Framing};
use crate::pure::wire::Parsed;

/// Longest line with a chunk's size: sixteen digits and some extensions.
const SIZE_LINE_MAX: usize = 256;

/// Reads the body at the front of `bytes`, of which at most `max` bytes are kept.
///
/// One that is longer is done, with `None`, as soon as that is known.
#[must_use]
pub fn parse(framing: Framing, bytes: &[u8], max: usize) -> Parsed<Option<Vec<u8>>, Bad> {
    match framing {
        Framing::Length(length) => match usize::try_from(length) {
            Ok(length) if length <= max => match bytes.get(..length) {
                Some(body) => Parsed::Done(Some(body.to_vec()), length),
                None => Parsed::More,
            },
            _ => Parsed::Done(None, 0),
        },
        Framing::Chunked => chunks(bytes, max),
    }
}

fn chunks(bytes: &[u8], max: usize) -> Parsed<Option<Vec<u8>>, Bad> {
    let (mut body, mut at) = (Vec::new(), 0);
    loop {
        let Some(end) = line(&bytes[at..]) else { return open(&bytes[at..]) };
        let text = &bytes[at..at + end];
        let digits = text.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        let size = std::str::from_utf8(&text[..digits]).ok();
        let size = size.and_then(|size| usize::from_str_radix(size, 16).ok());
        let (Some(size), true) =
            (size, matches!(text.get(digits), None | Some(b';' | b'\r' | b' ')))
        else {
            return Parsed::Bad(Bad);
        };
        at += end + 1;
        if size == 0 {
            return trailer(bytes, at, body);
        }
        if size > max - body.len() {
            return Parsed::Done(None, at);
        }
        let Some(chunk) = bytes.get(at..at + size) else { return Parsed::More };
        body.extend_from_slice(chunk);
        at += size;
        match &bytes[at..] {
            [b'\r', b'\n', ..] => at += 2,
            [b'\n', ..] => at += 1,
            [] | [b'\r'] => return Parsed::More,
            _ => return Parsed::Bad(Bad),
        }
    }
}

/// Lines behind the last chunk, to the empty one; nobody asks for them.
fn trailer(bytes: &[u8], mut at: usize, body: Vec<u8>) -> Parsed<Option<Vec<u8>>, Bad> {
    while let Some(end) = line(&bytes[at..]) {
        let is_last = matches!(&bytes[at..at + end], [] | [b'\r']);
        at += end + 1;
        if is_last {
            return Parsed::Done(Some(body), at);
        }
    }
    open(&bytes[at..])
}

fn line(bytes: &[u8]) -> Option<usize> {
    bytes.iter().take(SIZE_LINE_MAX).position(|&byte| byte == b'\n')
}

/// A line that is not whole yet.
fn open(bytes: &[u8]) -> Parsed<Option<Vec<u8>>, Bad> {
    let sound = bytes.iter().take_while(|byte| byte.is_ascii_hexdigit()).count() < 16;
    if sound && bytes.len() < SIZE_LINE_MAX { Parsed::More } else { Parsed::Bad(Bad) }
}
