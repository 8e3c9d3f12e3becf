//! Numbers as HAProxy reads them: as many digits as there are, 0 where there is none, in 32 bits.
//!
//! Where that is not what stands there, a warning says what was read.

use haproxy_compat::span::Spanned;
use haproxy_compat::tree::Word;

use super::words::{Args, Context};
use crate::config::raw::Field;

/// What a limit is that HAProxy reads as a number too large to be reached.
const NO_LIMIT: u64 = i32::MAX as u64;

/// The number that `text` begins with, cut to 32 bits as HAProxy cuts it; 0 where it begins with
/// none.
pub(super) fn leading(text: &str) -> i32 {
    let text = text.trim_start();
    let (sign, digits) = match text.as_bytes().first() {
        Some(b'-') => (-1, &text[1..]),
        Some(b'+') => (1, &text[1..]),
        _ => (1, text),
    };
    let digits = digits.bytes().take_while(u8::is_ascii_digit);
    let number = digits.fold(0_i64, |number, digit| {
        number.saturating_mul(10).saturating_add(i64::from(digit - b'0'))
    });
    // The lower half is what is kept of it.
    sign * number as i32
}

/// Says that `word` is read as something else than what stands there.
fn warn(word: &Word, keyword: &str, read: &str, cx: &mut Context<'_>) {
    let text = word.text();
    cx.report
        .warning(
            word.span,
            format!("'{text}' after '{keyword}' is no number: it is read as {read}"),
        )
        .help("write digits only");
}

/// The number that a word is read as, with a warning where it is not one.
fn read(word: &Word, keyword: &str, cx: &mut Context<'_>) -> i64 {
    let text = word.text();
    let number = i64::from(leading(&text));
    if text.parse() != Ok(number) {
        warn(word, keyword, &number.to_string(), cx);
    }
    number
}

impl Args<'_> {
    /// The next word as a number of any sign.
    pub(super) fn signed(&mut self, keyword: &str, cx: &mut Context<'_>) -> Field<i64> {
        let word = self.expect(keyword, "a number", cx)?;
        Some(Spanned::new(read(word, keyword, cx), word.span))
    }

    /// The next word as a number that is not negative.
    pub(super) fn number(&mut self, keyword: &str, cx: &mut Context<'_>) -> Field<u64> {
        let word = self.expect(keyword, "a number", cx)?;
        if leading(&word.text()) < 0 {
            let text = word.text();
            cx.report.alert(word.span, format!("'{keyword}' cannot be negative, as '{text}' is"));
            return None;
        }
        let number = read(word, keyword, cx);
        Some(Spanned::new(number.unsigned_abs(), word.span))
    }

    /// The next word as a limit: HAProxy takes a negative number for a huge one.
    pub(super) fn limit(&mut self, keyword: &str, cx: &mut Context<'_>) -> Field<u64> {
        let word = self.expect(keyword, "a number", cx)?;
        if leading(&word.text()) < 0 {
            warn(word, keyword, "no limit", cx);
            return Some(Spanned::new(NO_LIMIT, word.span));
        }
        let number = read(word, keyword, cx);
        Some(Spanned::new(number.unsigned_abs(), word.span))
    }

    /// The next word as a count of which HAProxy takes less than nothing for nothing.
    pub(super) fn count(&mut self, keyword: &str, cx: &mut Context<'_>) -> Field<u64> {
        let word = self.expect(keyword, "a number", cx)?;
        if leading(&word.text()) < 0 {
            warn(word, keyword, "0", cx);
            return Some(Spanned::new(0, word.span));
        }
        let number = read(word, keyword, cx);
        Some(Spanned::new(number.unsigned_abs(), word.span))
    }

    /// The next word as a port, of which HAProxy keeps 16 bits; 0 is none.
    pub(super) fn port(&mut self, keyword: &str, cx: &mut Context<'_>) -> Field<u64> {
        let word = self.expect(keyword, "a port", cx)?;
        let text = word.text();
        let port = leading(&text) as u16;
        if text.parse() != Ok(port) || port == 0 {
            let read = if port == 0 { "none".to_owned() } else { port.to_string() };
            warn(word, keyword, &read, cx);
        }
        (port != 0).then(|| Spanned::new(port.into(), word.span))
    }

    /// The next word as a limit of nothing but digits, where HAProxy takes no other; a `-` in front
    /// of them makes it one too large to be reached.
    pub(super) fn digits_limit(&mut self, keyword: &str, cx: &mut Context<'_>) -> Field<u64> {
        let is_negative = |word: &&Word| word.text().parse::<i64>().is_ok_and(|number| number < 0);
        match self.peek().filter(is_negative) {
            Some(_) => self.limit(keyword, cx),
            None => self.digits(keyword, cx),
        }
    }

    /// The next word as a number of nothing but digits, cut to 32 bits.
    pub(super) fn digits_cut(&mut self, keyword: &str, cx: &mut Context<'_>) -> Field<u64> {
        let is_cut = |word: &&Word| {
            let text = word.text();
            text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<i32>().is_err()
        };
        match self.peek().filter(is_cut) {
            Some(_) => self.number(keyword, cx),
            None => self.digits(keyword, cx),
        }
    }

    /// The number of an account, where a name is passed over.
    pub(super) fn account(
        &mut self,
        keyword: &str,
        better: &str,
        cx: &mut Context<'_>,
    ) -> Field<u64> {
        let is_name = |word: &&Word| word.text().parse::<i64>().is_err();
        let Some(word) = self.peek().filter(is_name) else { return self.digits(keyword, cx) };
        self.next();
        let message = format!("'{keyword}' is ignored: '{}' is no number", word.text());
        cx.report.warning(word.span, message).help(format!("names stand behind '{better}'"));
        None
    }

    /// The next word as a number of nothing but digits, where HAProxy takes no other.
    pub(super) fn digits(&mut self, keyword: &str, cx: &mut Context<'_>) -> Field<u64> {
        let word = self.expect(keyword, "a number", cx)?;
        let text = word.text();
        let number = text.parse();
        if number.is_err() {
            cx.report.alert(word.span, format!("'{keyword}' needs a number, and '{text}' is none"));
        }
        Some(Spanned::new(number.ok()?, word.span))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // As `show stat` of HAProxy 2.6 shows them.
    #[test]
    fn what_is_read_out_of_a_word() {
        for (text, number) in [
            ("10", 10),
            ("10x", 10),
            ("x", 0),
            ("", 0),
            ("-5x", -5),
            ("+5", 5),
            (" 5", 5),
            ("0x10", 0),
            ("1e3", 1),
            ("99999999999", 1_215_752_191),
            ("4294967296", 0),
            ("2147483648", i32::MIN),
            ("99999999999999999999", -1),
            ("é", 0),
        ] {
            assert_eq!(leading(text), number, "{text}");
        }
    }
}
