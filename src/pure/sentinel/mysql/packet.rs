//! Packets of MySQL's protocol: three bytes of length, a number, a payload.

use super::super::{ANSWER_BYTES_MAX, Fault};

/// Length and number.
const HEADER_BYTES: usize = 4;

/// The first byte of a packet that says no.
const ERROR: u8 = 0xff;

/// What arrived and was not looked at yet.
#[derive(Default)]
pub(super) struct Packets {
    received: Vec<u8>,
    used: usize,
    /// The number that an answer to the last packet has.
    pub(super) answer_number: u8,
}

impl Packets {
    /// Keeps what arrived.
    ///
    /// # Errors
    /// It is more than an answer of ours takes.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.received.drain(..std::mem::take(&mut self.used));
        if self.received.len() + bytes.len() > ANSWER_BYTES_MAX {
            return Err(Fault::nonsense("the answer has no end"));
        }
        self.received.extend_from_slice(bytes);
        Ok(())
    }

    /// The payload of the next packet that is complete.
    ///
    /// # Errors
    /// It announces more than would be kept.
    pub(super) fn next(&mut self) -> Result<Option<Vec<u8>>, Fault> {
        let left = &self.received[self.used..];
        let Some(&[low, middle, high, number]) = left.first_chunk::<HEADER_BYTES>() else {
            return Ok(None);
        };
        let len = u32::from_le_bytes([low, middle, high, 0]) as usize;
        if len + HEADER_BYTES > ANSWER_BYTES_MAX {
            return Err(Fault::nonsense("the server does not speak MySQL's protocol"));
        }
        let Some(payload) = left.get(HEADER_BYTES..HEADER_BYTES + len) else { return Ok(None) };
        let payload = payload.to_vec();
        self.used += HEADER_BYTES + len;
        self.answer_number = number.wrapping_add(1);
        Ok(Some(payload))
    }

    /// Whether something is left after the last packet.
    pub(super) fn has_more(&self) -> bool {
        self.used < self.received.len()
    }

    pub(super) fn len(&self) -> usize {
        self.received.len() - self.used
    }
}

/// A packet on the wire. Payloads of ours are far below the 16 MiB that would need several.
pub(super) fn packet(number: u8, payload: &[u8]) -> Vec<u8> {
    let [low, middle, high, ..] = payload.len().to_le_bytes();
    [&[low, middle, high, number], payload].concat()
}

/// Reads the fields of a payload from its front.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    pub(super) fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        self.take(1).and_then(|byte| byte.first().copied())
    }

    pub(super) fn short(&mut self) -> Option<u16> {
        Some(u16::from_le_bytes(self.take(2)?.try_into().ok()?))
    }

    /// Up to the next zero byte, or the end where there is none.
    pub(super) fn until_zero(&mut self) -> &'a [u8] {
        let end = self.0.iter().position(|&byte| byte == 0).unwrap_or(self.0.len());
        let text = &self.0[..end];
        self.0 = self.0.get(end + 1..).unwrap_or_default();
        text
    }

    /// A text behind its length; `Some(None)` is NULL.
    pub(super) fn text(&mut self) -> Option<Option<&'a [u8]>> {
        let len = match self.byte()? {
            0xfb => return Some(None),
            0xfc => u64::from(self.short()?),
            0xfd => {
                let bytes = self.take(3)?;
                u64::from(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], 0]))
            }
            0xfe => u64::from_le_bytes(self.take(8)?.try_into().ok()?),
            0xff => return None,
            len => u64::from(len),
        };
        self.take(usize::try_from(len).ok()?).map(Some)
    }
}

/// What a packet that says no says: its number and `1045 (28000): Access denied for ...`.
pub(super) fn refusal(payload: &[u8]) -> Option<(u16, String)> {
    let mut fields = Fields(payload);
    if fields.byte()? != ERROR {
        return None;
    }
    let number = fields.short().unwrap_or(0);
    // Before the login there is no SQLSTATE.
    let state = match fields.0 {
        [b'#', state @ ..] if state.len() >= 5 => {
            let (state, text) = state.split_at(5);
            fields.0 = text;
            format!(" ({})", String::from_utf8_lossy(state))
        }
        _ => String::new(),
    };
    Some((number, format!("{number}{state}: {}", String::from_utf8_lossy(fields.0))))
}
