//! Pure: numbers and addresses at the end of a line, past the machinery of `fmt`: a line of
//! `option tcplog` has some twenty of them, which took two thirds of its 8,000 instructions.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// Appends a number in decimal.
pub(crate) fn push(out: &mut String, number: impl itoa::Integer) {
    out.push_str(itoa::Buffer::new().format(number));
}

/// Appends the whole milliseconds of a duration.
pub(crate) fn push_millis(out: &mut String, duration: Duration) {
    let millis = duration.as_secs().saturating_mul(1_000);
    push(out, millis.saturating_add(duration.subsec_millis().into()));
}

/// Appends the milliseconds of a second, or what else has `width` digits.
pub(crate) fn push_padded(out: &mut String, number: u32, width: usize) {
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(number);
    out.extend(std::iter::repeat_n('0', width.saturating_sub(digits.len())));
    out.push_str(digits);
}

/// Appends an address, IPv6 without brackets.
pub(crate) fn push_ip(out: &mut String, ip: IpAddr) {
    match ip {
        IpAddr::V4(ip) => push_v4(out, ip),
        IpAddr::V6(ip) => out.push_str(&ip.to_string()),
    }
}

fn push_v4(out: &mut String, ip: Ipv4Addr) {
    for (index, octet) in ip.octets().into_iter().enumerate() {
        if index > 0 {
            out.push('.');
        }
        push(out, octet);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_read_as_fmt_writes_them() {
        let mut out = String::new();
        for ip in ["0.0.0.0", "127.0.0.1", "255.254.10.99", "::1", "2001:db8::ff00:42:8329"] {
            push_ip(&mut out, ip.parse().unwrap());
            assert_eq!(std::mem::take(&mut out), ip);
        }
        for number in [0, 7, 65_535, u64::MAX] {
            push(&mut out, number);
            assert_eq!(std::mem::take(&mut out), number.to_string());
        }
        for millis in [0, 999, 1_000, 86_400_001] {
            push_millis(&mut out, Duration::from_millis(millis) + Duration::from_nanos(999_999));
            assert_eq!(std::mem::take(&mut out), millis.to_string());
        }
        for number in [0, 5, 42, 999, 1_000] {
            push_padded(&mut out, number, 3);
            assert_eq!(std::mem::take(&mut out), format!("{number:03}"));
        }
    }
}
