//! Networks of addresses: sorted ranges without overlap, each with the most specific network that
//! covers it, and binary search.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Networks of both families.
#[derive(Clone, Debug, Default)]
pub(super) struct IpSet {
    v4: Ranges,
    v6: Ranges,
    /// Masks with holes, which no range covers: network, mask, place.
    odd: Vec<(u32, u32, usize)>,
}

impl IpSet {
    /// Adds `10.0.0.1`, `10.0.0.0/8`, `10.0.0.0/255.0.0.0`, `2001:db8::/32`, and `10.1` for
    /// `10.0.0.1`: as for inet_aton(3), and unlike in CIDR, zeros are left out before the last part.
    pub(super) fn add(&mut self, text: &str, index: usize) -> Result<(), String> {
        let bad = || format!("'{text}' is no address or network");
        let (address, mask) = match text.split_once('/') {
            Some((address, mask)) => (address, Some(mask)),
            None => (text, None),
        };
        if address.contains(':') {
            let address: Ipv6Addr = address.parse().map_err(|_| bad())?;
            let bits = mask.map_or(Ok(128), str::parse).map_err(|_| bad())?;
            let bits = u32::min(bits, 129);
            let mask = prefix_mask(bits, 128).ok_or_else(bad)?;
            self.v6.add(u128::from(address), mask, index);
            return Ok(());
        }
        let address = short_v4(address).ok_or_else(bad)?;
        let mask = match mask {
            None => u32::MAX,
            Some(mask) => match mask.parse::<u32>() {
                Ok(bits @ 0..=32) => u32::MAX.checked_shl(32 - bits).unwrap_or(0),
                Ok(_) => return Err(bad()),
                Err(_) => mask.parse::<Ipv4Addr>().map_err(|_| bad())?.to_bits(),
            },
        };
        if mask.leading_ones() + mask.trailing_zeros() < 32 {
            self.odd.push((address & mask, mask, index));
        } else {
            self.v4.add(u128::from(address), u128::from(mask) | !u128::from(u32::MAX), index);
        }
        Ok(())
    }

    /// Makes ranges of the networks; call once all are added.
    pub(super) fn seal(&mut self) {
        self.v4.seal();
        self.v6.seal();
    }

    /// The most specific network around `ip`. An address of one family is also looked for in its
    /// form of the other, as HAProxy does.
    pub(super) fn find(&self, ip: IpAddr) -> Option<usize> {
        match ip {
            IpAddr::V4(ip) => {
                self.find_v4(ip).or_else(|| self.v6.find(u128::from(ip.to_ipv6_mapped())))
            }
            IpAddr::V6(ip) => {
                let inner = match ip.segments() {
                    [0x2002, a, b, ..] => Some(u32::from(a) << 16 | u32::from(b)),
                    [0, 0, 0, 0, 0, 0 | 0xffff, a, b] => Some(u32::from(a) << 16 | u32::from(b)),
                    _ => None,
                };
                self.v6.find(u128::from(ip)).or_else(|| self.find_v4(Ipv4Addr::from_bits(inner?)))
            }
        }
    }

    fn find_v4(&self, ip: Ipv4Addr) -> Option<usize> {
        let odd = || {
            let hit = self.odd.iter().find(|(network, mask, _)| ip.to_bits() & mask == *network);
            hit.map(|hit| hit.2)
        };
        self.v4.find(u128::from(ip.to_bits())).or_else(odd)
    }
}

/// `127.1`: the last part stands for all the octets that are left.
fn short_v4(text: &str) -> Option<u32> {
    if let Ok(ip) = text.parse::<Ipv4Addr>() {
        return Some(ip.to_bits());
    }
    let parts: Vec<u32> = text.split('.').map(octets).collect::<Option<_>>()?;
    let (last, first) = parts.split_last().filter(|(_, first)| first.len() < 4)?;
    let place = |index: usize| 8 * (3 - u32::try_from(index).unwrap_or(3));
    if u64::from(*last) >= 1 << (place(first.len()) + 8) || first.iter().any(|&part| part > 255) {
        return None;
    }
    Some(first.iter().enumerate().fold(*last, |sum, (index, part)| sum | part << place(index)))
}

/// A part of an address: decimal, or octal behind a 0.
fn octets(text: &str) -> Option<u32> {
    match text.strip_prefix('0') {
        Some(octal) if !octal.is_empty() => u32::from_str_radix(octal, 8).ok(),
        _ => text.parse().ok(),
    }
}

fn prefix_mask(bits: u32, width: u32) -> Option<u128> {
    let hosts = width.checked_sub(bits)?;
    Some(u128::MAX.checked_shl(hosts).unwrap_or(0))
}

/// Networks of one family, then ranges of them.
#[derive(Clone, Debug, Default)]
struct Ranges {
    /// First, last, place.
    networks: Vec<(u128, u128, usize)>,
    /// First address from which on a network counts, until the next; sorted.
    starts: Vec<(u128, Option<usize>)>,
}

impl Ranges {
    fn add(&mut self, address: u128, mask: u128, index: usize) {
        self.networks.push((address & mask, address | !mask, index));
    }

    /// Networks nest or are apart: going through them from wide to narrow, the innermost open one
    /// counts.
    fn seal(&mut self) {
        let mut networks = std::mem::take(&mut self.networks);
        // Of equal networks the first written counts: it comes last, on top.
        networks.sort_by_key(|&(first, last, index)| {
            (first, std::cmp::Reverse(last), std::cmp::Reverse(index))
        });
        let mut open: Vec<(u128, usize)> = Vec::new();
        self.starts.clear();
        for &(first, last, index) in &networks {
            self.close(&mut open, Some(first));
            open.push((last, index));
            self.start(first, Some(index));
        }
        self.close(&mut open, None);
    }

    /// Ends the networks that are over before `first`; all where it is `None`.
    fn close(&mut self, open: &mut Vec<(u128, usize)>, first: Option<u128>) {
        while let Some(&(last, _)) = open.last() {
            if first.is_some_and(|first| last >= first) {
                return;
            }
            open.pop();
            if let Some(next) = last.checked_add(1) {
                self.start(next, open.last().map(|outer| outer.1));
            }
        }
    }

    fn start(&mut self, from: u128, network: Option<usize>) {
        match self.starts.last_mut() {
            Some(last) if last.0 == from => last.1 = network,
            _ => self.starts.push((from, network)),
        }
    }

    fn find(&self, address: u128) -> Option<usize> {
        let after = self.starts.partition_point(|(from, _)| *from <= address);
        self.starts.get(after.checked_sub(1)?)?.1
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn set(networks: &[&str]) -> IpSet {
        let mut set = IpSet::default();
        for (index, network) in networks.iter().enumerate() {
            set.add(network, index).unwrap();
        }
        set.seal();
        set
    }

    #[test]
    fn networks_in_every_form_are_found() {
        let networks = [
            "10.0/8",
            "10.12.0/16",
            "10.12.7",
            "192.168.0.0/255.255.0.0",
            "2001:db8::/32",
            "::ffff:172.16.0.0/108",
            "1.0.0.9/255.0.0.255",
            "10.12.0/16",
        ];
        let set = set(&networks);
        let table = [
            ("10.1.1.1", Some(0)),
            ("10.12.1.1", Some(1)),
            ("10.12.0.7", Some(2)),
            ("10.12.0.8", Some(1)),
            ("10.13.0.0", Some(0)),
            ("11.0.0.0", None),
            ("9.255.255.255", None),
            ("192.168.3.4", Some(3)),
            ("2001:db8::1", Some(4)),
            ("2001:db9::1", None),
            ("172.16.3.3", Some(5)),
            ("1.7.7.9", Some(6)),
            ("1.7.7.8", None),
            ("::ffff:10.1.1.1", Some(0)),
            ("2002:0a01:0101::1", Some(0)),
        ];
        for (ip, expected) in table {
            assert_eq!(set.find(ip.parse().unwrap()), expected, "{ip}");
        }
    }

    #[test]
    fn zeros_are_left_out_before_the_last_part() {
        for (short, full) in [
            ("127", "0.0.0.127"),
            ("127.1", "127.0.0.1"),
            ("10.1.515", "10.1.2.3"),
            ("010.8", "8.0.0.8"),
            ("4294967295", "255.255.255.255"),
        ] {
            assert_eq!(set(&[short]).find(full.parse().unwrap()), Some(0), "{short}");
        }
    }

    #[test]
    fn everything_is_inside_of_all_networks() {
        let set = set(&["0.0.0.0/0", "::/0"]);
        assert_eq!(set.find("255.255.255.255".parse().unwrap()), Some(0));
        assert_eq!(set.find("ffff::ffff".parse().unwrap()), Some(1));
    }

    #[test]
    fn what_is_no_network_is_refused() {
        let texts = [
            "",
            "1..2",
            "256.1",
            "1.16777216",
            "1.2.3.4.5/8",
            "10.1/33",
            "::1/129",
            "x",
            "08",
            "::1/4294967295",
        ];
        for text in texts {
            assert!(IpSet::default().add(text, 0).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn search_agrees_with_a_scan(
            networks in proptest::collection::vec((0_u32..64, 26_u32..=32), 0..20), probe in 0_u32..64
        ) {
            let mut set = IpSet::default();
            for (index, (address, bits)) in networks.iter().enumerate() {
                set.add(&format!("{}/{bits}", Ipv4Addr::from_bits(*address)), index).unwrap();
            }
            set.seal();
            let covers = |(address, bits): &(u32, u32)| {
                let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
                address & mask == probe & mask
            };
            let covering = networks.iter().enumerate().filter(|(_, network)| covers(network));
            let best = covering.min_by_key(|(index, (_, bits))| (32 - bits, *index));
            let found = set.find(IpAddr::V4(Ipv4Addr::from_bits(probe)));
            prop_assert_eq!(found, best.map(|best| best.0));
        }
    }
}
