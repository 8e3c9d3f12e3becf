//! A weight and a limit as commands and agents ask for them, with HAProxy's words for what is wrong.

use std::num::NonZeroU32;

use super::weight::Weight;

/// Percent above which a weight only grows into its bound: keeps the product small.
const PERCENT_MAX: i64 = 25_600;

/// The weight that `text` asks for: `NN`, or `NN%` of the `configured` one. `fixed`: the balancing
/// cannot take a new weight while it runs, only none and the configured one.
///
/// # Errors
/// What is wrong with it.
pub fn weight(text: &str, configured: Weight, fixed: bool) -> Result<Weight, &'static str> {
    if text.is_empty() {
        return Err("Require <weight> or <weight%>.\n");
    }
    let (number, rest) = number(text).ok_or("Empty weight string empty or preceded by garbage")?;
    let wanted = match rest {
        "%" if number < 0 => return Err("Relative weight must be positive.\n"),
        "%" => i64::from(configured.value()) * number.min(PERCENT_MAX) / 100,
        _ if !(0..=i64::from(Weight::MAX.value())).contains(&number) => {
            return Err("Absolute weight can only be between 0 and 256 inclusive.\n");
        }
        "" => number,
        _ => return Err("Trailing garbage in weight string"),
    };
    let wanted = u16::try_from(wanted).ok().and_then(Weight::new).unwrap_or(Weight::MAX);
    if fixed && wanted.value() != 0 && wanted != configured {
        return Err(
            "Backend is using a static LB algorithm and only accepts weights '0%' and '100%'.\n",
        );
    }
    Ok(wanted)
}

/// The limit of sessions that `text` asks for; `None` for 0, no limit.
///
/// # Errors
/// What is wrong with it.
pub fn maxconn(text: &str) -> Result<Option<NonZeroU32>, &'static str> {
    if text.is_empty() {
        return Err("Require <maxconn>.\n");
    }
    match number(text) {
        None => Err("maxconn string empty or preceded by garbage"),
        // HAProxy takes a negative number for a huge one.
        Some((number, "")) => Ok(NonZeroU32::new(u32::try_from(number).unwrap_or(u32::MAX))),
        Some(_) => Err("Trailing garbage in maxconn string"),
    }
}

/// The number that `text` begins with, as strtol(3) reads it, and what follows.
fn number(text: &str) -> Option<(i64, &str)> {
    let text = text.trim_start();
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let digits = unsigned.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at(text.len() - unsigned.len() + digits);
    if digits == 0 {
        return None;
    }
    let saturated = if number.starts_with('-') { i64::MIN } else { i64::MAX };
    Some((number.parse().unwrap_or(saturated), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_as_haproxy_2_6_takes_them() {
        let ten = Weight::new(10).expect("a weight");
        let rows: [(&str, Result<u16, &str>); 12] = [
            ("50%", Ok(5)),
            ("5%", Ok(0)),
            ("200%", Ok(20)),
            ("300000%", Ok(256)),
            ("99999999999999999999%", Ok(256)),
            ("256", Ok(256)),
            ("257", Err("Absolute weight can only be between 0 and 256 inclusive.\n")),
            ("-1%", Err("Relative weight must be positive.\n")),
            ("5%x", Err("Trailing garbage in weight string")),
            ("5x", Err("Trailing garbage in weight string")),
            ("x", Err("Empty weight string empty or preceded by garbage")),
            ("", Err("Require <weight> or <weight%>.\n")),
        ];
        for (text, want) in rows {
            assert_eq!(weight(text, ten, false).map(Weight::value), want, "{text}");
        }
        assert_eq!(weight("100%", ten, true), Ok(ten));
        assert_eq!(weight("0", ten, true).map(Weight::value), Ok(0));
        assert!(weight("50%", ten, true).is_err());
    }

    #[test]
    fn limits_as_haproxy_2_6_takes_them() {
        let rows: [(&str, Result<u32, &str>); 6] = [
            ("7", Ok(7)),
            ("0", Ok(0)),
            ("-1", Ok(u32::MAX)),
            ("7x", Err("Trailing garbage in maxconn string")),
            ("x", Err("maxconn string empty or preceded by garbage")),
            ("", Err("Require <maxconn>.\n")),
        ];
        for (text, want) in rows {
            let found = maxconn(text).map(|limit| limit.map_or(0, NonZeroU32::get));
            assert_eq!(found, want, "{text}");
        }
    }
}
