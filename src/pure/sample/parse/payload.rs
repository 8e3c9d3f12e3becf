//! The arguments of `payload` and `payload_lv`.

use crate::pure::sample::content::{Part, Start};

fn size(text: &str) -> Result<usize, String> {
    text.trim().parse().map_err(|_| format!("'{text}' is no number of bytes"))
}

/// `payload(…)`: bytes at a place.
pub(super) fn payload(args: &[String]) -> Result<Part, String> {
    match args {
        [offset, len] => Ok(Part::Payload { offset: size(offset)?, len: size(len)? }),
        _ => Err("it takes an offset and a length".to_owned()),
    }
}

/// `payload_lv(…)`: bytes behind their length.
pub(super) fn payload_lv(args: &[String]) -> Result<Part, String> {
    let (offset, len, start) = match args {
        [offset, len] => (offset, len, Start::Behind(0)),
        [offset, len, start] if start.starts_with(['+', '-']) => {
            let by = start.parse().map_err(|_| format!("'{start}' is no number of bytes"))?;
            (offset, len, Start::Behind(by))
        }
        [offset, len, start] => (offset, len, Start::At(size(start)?)),
        _ => return Err("it takes the offset and size of a length, perhaps an offset".to_owned()),
    };
    let len = size(len)?;
    if len == 0 || len > 8 {
        return Err("the length must have 1 to 8 bytes".to_owned());
    }
    Ok(Part::PayloadLv { offset: size(offset)?, len, start })
}
