//! Which server gets which of the things an answer said.
//!
//! A server keeps what it has for as long as it is said; what nobody has goes to the first server
//! that has nothing. So an answer in another order changes nothing, and one address more changes one
//! server.

use std::net::IpAddr;

/// What each of several servers gets of `found`; `held` is what each has. With `shared` one thing
/// may be had by several servers, and a server that would get nothing gets the first thing said.
#[must_use]
pub fn assign<T: Clone + PartialEq>(
    held: &[Option<T>],
    found: &[T],
    shared: bool,
) -> Vec<Option<T>> {
    let mut taken = vec![false; found.len()];
    let mut given: Vec<Option<T>> = held
        .iter()
        .map(|held| {
            let at = found.iter().position(|item| Some(item) == held.as_ref())?;
            (shared || !taken[at]).then(|| {
                taken[at] = true;
                found[at].clone()
            })
        })
        .collect();
    for place in given.iter_mut().filter(|place| place.is_none()) {
        let free = taken.iter().position(|taken| !taken);
        *place = match free {
            Some(at) => {
                taken[at] = true;
                Some(found[at].clone())
            }
            None if shared => found.first().cloned(),
            None => None,
        };
    }
    given
}

/// A network, for `resolve-net`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Net {
    /// Its address.
    pub ip: IpAddr,
    /// Bits of the address that count.
    pub prefix: u8,
}

impl Net {
    /// Whether `ip` belongs to it.
    #[must_use]
    pub fn contains(self, ip: IpAddr) -> bool {
        let bits = |ip: IpAddr| match ip {
            IpAddr::V4(ip) => (u128::from(u32::from(ip)) << 96, 32),
            IpAddr::V6(ip) => (u128::from(ip), 128),
        };
        let ((a, width), (b, other)) = (bits(self.ip), bits(ip));
        let shift = 128 - u32::from(self.prefix.min(128));
        width == other && (shift == 128 || a >> shift == b >> shift)
    }
}

/// Addresses in the order in which servers take them: those of `nets` first, in the order said.
#[must_use]
pub fn preferred(mut found: Vec<IpAddr>, nets: &[Net]) -> Vec<IpAddr> {
    found.sort_by_key(|ip| !nets.iter().any(|net| net.contains(*ip)));
    found
}

/// A service's weight as a server's, 0 to 256, as HAProxy 2.6 reckons it.
#[must_use]
pub fn weight(service: u16) -> u16 {
    service.div_ceil(256)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_keep_what_they_have() {
        // (held, said, shared, given)
        type Row<'a> = (&'a [Option<u8>], &'a [u8], bool, &'a [Option<u8>]);
        let rows: [Row<'_>; 7] = [
            (&[None, None, None], &[1, 2], false, &[Some(1), Some(2), None]),
            (&[Some(1), Some(2)], &[2, 1], false, &[Some(1), Some(2)]),
            (&[Some(1), Some(2)], &[2, 3], false, &[Some(3), Some(2)]),
            (&[Some(1), Some(2)], &[2], false, &[None, Some(2)]),
            (&[Some(1), Some(1)], &[1, 4], false, &[Some(1), Some(4)]),
            (&[Some(1), None], &[1], true, &[Some(1), Some(1)]),
            (&[Some(1)], &[], true, &[None]),
        ];
        for (held, found, shared, given) in rows {
            assert_eq!(assign(held, found, shared), given, "{held:?} {found:?} {shared}");
        }
    }

    #[test]
    fn networks_come_first() {
        let net = Net { ip: [10, 1, 0, 0].into(), prefix: 16 };
        let found = vec![[192, 0, 2, 1].into(), [10, 1, 2, 3].into(), "::1".parse().unwrap()];
        let sorted = preferred(found, &[net]);
        assert_eq!(sorted[0], IpAddr::from([10, 1, 2, 3]));
        assert!(Net { ip: [0, 0, 0, 0].into(), prefix: 0 }.contains([1, 2, 3, 4].into()));
        assert!(!net.contains("::1".parse().unwrap()));
    }

    #[test]
    fn weights_of_services() {
        assert_eq!([0, 1, 256, 257, 1000, 65535].map(weight), [0, 1, 1, 2, 4, 256]);
    }
}
