//! FIX: a message is a row of `tag=value` fields, each ended by a byte 1.

/// A message has no less: its four tags that must be there.
const MESSAGE_BYTES_MIN: usize = 26;

/// The field at its end: `10=` and three digits.
const CHECKSUM_BYTES: usize = 7;

const BEGIN_STRING: u32 = 8;
const BODY_LENGTH: u32 = 9;
const CHECKSUM: u32 = 10;
const MSG_TYPE: u32 = 35;

/// Names that stand for numbers.
const TAGS: [(&str, u32); 6] = [
    ("BeginString", BEGIN_STRING),
    ("BodyLength", BODY_LENGTH),
    ("CheckSum", CHECKSUM),
    ("MsgType", MSG_TYPE),
    ("SenderCompID", 49),
    ("TargetCompID", 56),
];

const VERSIONS: [&[u8]; 7] =
    [b"FIX.4.0", b"FIX.4.1", b"FIX.4.2", b"FIX.4.3", b"FIX.4.4", b"FIX.5.0", b"FIXT.1.1"];

/// The number of a tag by its name or its number.
pub(super) fn tag(text: &str) -> Result<u32, String> {
    let named = TAGS.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|row| row.1);
    named.or_else(|| text.parse().ok()).ok_or_else(|| format!("'{text}' is no tag of FIX"))
}

/// One field, and what follows it.
enum Field<'a> {
    Whole(u32, &'a [u8], &'a [u8]),
    More,
    Bad,
}

fn field(bytes: &[u8]) -> Field<'_> {
    let Some(end) = bytes.iter().position(|byte| *byte == 1) else { return Field::More };
    let (text, rest) = (&bytes[..end], &bytes[end + 1..]);
    let Some(equals) = text.iter().position(|byte| *byte == b'=') else { return Field::Bad };
    match (number(&text[..equals]), &text[equals + 1..]) {
        (Some(tag), value @ [_, ..]) => Field::Whole(tag, value, rest),
        _ => Field::Bad,
    }
}

fn number(digits: &[u8]) -> Option<u32> {
    std::str::from_utf8(digits).ok().filter(|text| !text.starts_with('+'))?.parse().ok()
}

/// Whether the first message is one; `None` where that is not known yet.
pub(super) fn is_valid(bytes: &[u8]) -> Option<bool> {
    if bytes.len() < MESSAGE_BYTES_MIN {
        return None;
    }
    let mut rest = bytes;
    let mut length = 0;
    for expected in [BEGIN_STRING, BODY_LENGTH] {
        let (value, after) = match field(rest) {
            Field::Whole(tag, value, after) if tag == expected => (value, after),
            Field::More => return None,
            _ => return Some(false),
        };
        if expected == BODY_LENGTH {
            match number(value).and_then(|length| usize::try_from(length).ok()) {
                Some(number) => length = number,
                None => return Some(false),
            }
        } else if !VERSIONS.contains(&value) {
            return Some(false);
        }
        rest = after;
    }
    let end = (bytes.len() - rest.len()).checked_add(length)?;
    let message = bytes.get(..end.checked_add(CHECKSUM_BYTES)?)?;
    Some(has_valid_body(&rest[..length]) && has_valid_end(message, end))
}

/// The type of the message comes first, and every field is one.
fn has_valid_body(body: &[u8]) -> bool {
    let (mut rest, mut is_first) = (body, true);
    while !rest.is_empty() {
        match field(rest) {
            Field::Whole(tag, _, after) if !is_first || tag == MSG_TYPE => rest = after,
            _ => return false,
        }
        is_first = false;
    }
    !is_first
}

/// The sum of all bytes before it stands in the last field.
fn has_valid_end(message: &[u8], end: usize) -> bool {
    let sum = message[..end].iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    match field(&message[end..]) {
        Field::Whole(CHECKSUM, value, []) => number(value) == Some(u32::from(sum)),
        _ => false,
    }
}

/// The value of the first field `wanted`.
pub(super) fn find(bytes: &[u8], wanted: u32) -> Option<&[u8]> {
    let mut rest = bytes;
    loop {
        match field(rest) {
            Field::Whole(tag, value, _) if tag == wanted => return Some(value),
            Field::Whole(_, _, after) => rest = after,
            Field::More | Field::Bad => return None,
        }
    }
}
