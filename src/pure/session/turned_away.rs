//! Whether a database's first words say that it shuts down: another server may serve the client then,
//! which has had nothing of this one.
//!
//! | database | first words |
//! |---|---|
//! | Postgres | ErrorResponse 57P03 (it shuts down, or is not ready yet) or 57P01 |
//! | MySQL | ERR 1053 in place of its greeting |
//!
//! Nothing else counts: a server that has too many connections (53300, 1040) is alive.

/// `ER_SERVER_SHUTDOWN`.
const SERVER_SHUTDOWN: u16 = 1053;

/// Whether `first`, all that a server has sent, turns its client away because it shuts down.
#[must_use]
pub fn is_turned_away(first: &[u8]) -> bool {
    match first {
        [b'E', rest @ ..] => has_state(rest).unwrap_or(false),
        [_, _, _, 0, 0xff, low, high, ..] => u16::from_le_bytes([*low, *high]) == SERVER_SHUTDOWN,
        _ => false,
    }
}

/// Whether an ErrorResponse, behind its first byte, is whole and has one of the states.
fn has_state(message: &[u8]) -> Option<bool> {
    let (len, _) = message.split_first_chunk()?;
    if u32::from_be_bytes(*len) as usize != message.len() {
        return Some(false);
    }
    let mut fields = message[len.len()..].split(|&byte| byte == 0);
    Some(fields.any(|field| matches!(field, b"C57P03" | b"C57P01")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn postgres(code: &str) -> Vec<u8> {
        let body = format!("SFATAL\0VFATAL\0C{code}\0Mthe database system is shutting down\0\0");
        let len = u32::try_from(body.len() + 4).expect("short").to_be_bytes();
        [b"E", &len[..], body.as_bytes()].concat()
    }

    #[test]
    fn only_who_shuts_down_turns_away() {
        let shutdown = b"\x1f\0\0\0\xff\x1d\x04Server shutdown in progress";
        let full = b"\x17\0\0\0\xff\x10\x04Too many connections";
        for (first, expected) in [
            (&postgres("57P03")[..], true),
            (&postgres("57P01"), true),
            (&postgres("53300"), false),
            (&postgres("57P03")[..20], false),
            (shutdown, true),
            (full, false),
            (b"R\0\0\0\x08\0\0\0\0", false),
            (b"S", false),
            (b"E", false),
            (b"", false),
        ] {
            assert_eq!(is_turned_away(first), expected, "{first:?}");
        }
    }
}
