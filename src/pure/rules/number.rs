//! Numbers in rules, as HAProxy reads them: decimal and hexadecimal ones, and what C makes of the rest.

use super::parse::Reader;
use crate::pure::acl::AclError;

impl Reader<'_> {
    pub(super) fn number(&mut self, what: &str, min: u64, max: u64) -> Result<u64, AclError> {
        let word = self.take(what)?;
        let number = match word.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16).ok(),
            None => word.parse().ok(),
        };
        let number = number.filter(|number| (min..=max).contains(number));
        number.ok_or_else(|| self.error(format!("'{word}' is not {what} from {min} to {max}")))
    }

    /// A negative number, of which HAProxy keeps the bits.
    pub(super) fn below_zero(&mut self) -> Option<u32> {
        let number: i32 = self.words.get(self.at)?.parse().ok().filter(|number| *number < 0)?;
        self.at += 1;
        Some(number.cast_unsigned())
    }

    /// A number as C writes it, of which HAProxy keeps as many low bits as there is room for.
    fn bits(&mut self, what: &str) -> Result<i64, AclError> {
        let word = self.take(what)?;
        let text = word.trim_start().to_ascii_lowercase();
        let (digits, negative) = match text.strip_prefix('-') {
            Some(digits) => (digits, true),
            None => (text.strip_prefix('+').unwrap_or(&text), false),
        };
        let number = match (digits.strip_prefix("0x"), digits.strip_prefix('0')) {
            (Some(digits), _) => i64::from_str_radix(digits, 16),
            (None, Some(digits)) if !digits.is_empty() => i64::from_str_radix(digits, 8),
            _ => digits.parse(),
        };
        let number = number.map_err(|_| self.error(format!("'{word}' is not {what}")))?;
        Ok(if negative { number.wrapping_neg() } else { number })
    }

    pub(super) fn mark(&mut self) -> Result<u32, AclError> {
        let [low @ .., _, _, _, _] = self.bits("a mark")?.to_le_bytes();
        Ok(u32::from_le_bytes(low))
    }

    pub(super) fn tos(&mut self) -> Result<u8, AclError> {
        Ok(self.bits("a type of service")?.to_le_bytes()[0])
    }
}
