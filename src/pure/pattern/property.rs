//! Properties of characters, of those that are a byte: without UTF-8, PCRE takes a byte for the
//! character of Latin 1 with its number.

/// Unicode's categories that have a byte, and the bytes of each.
const CATEGORIES: [(&str, &[(u8, u8)]); 18] = [
    ("Cc", &[(0x00, 0x1f), (0x7f, 0x9f)]),
    ("Cf", &[(0xad, 0xad)]),
    ("Ll", &[(b'a', b'z'), (0xb5, 0xb5), (0xdf, 0xf6), (0xf8, 0xff)]),
    ("Lo", &[(0xaa, 0xaa), (0xba, 0xba)]),
    ("Lu", &[(b'A', b'Z'), (0xc0, 0xd6), (0xd8, 0xde)]),
    ("Nd", &[(b'0', b'9')]),
    ("No", &[(0xb2, 0xb3), (0xb9, 0xb9), (0xbc, 0xbe)]),
    ("Pc", &[(b'_', b'_')]),
    ("Pd", &[(b'-', b'-')]),
    ("Pe", &[(b')', b')'), (b']', b']'), (b'}', b'}')]),
    ("Pf", &[(0xbb, 0xbb)]),
    ("Pi", &[(0xab, 0xab)]),
    ("Ps", &[(b'(', b'('), (b'[', b'['), (b'{', b'{')]),
    ("Sc", &[(b'$', b'$'), (0xa2, 0xa5)]),
    ("Sk", &[(b'^', b'^'), (b'`', b'`'), (0xa8, 0xa8), (0xaf, 0xaf), (0xb4, 0xb4), (0xb8, 0xb8)]),
    (
        "Sm",
        &[
            (b'+', b'+'),
            (b'<', b'>'),
            (b'|', b'|'),
            (b'~', b'~'),
            (0xac, 0xac),
            (0xb1, 0xb1),
            (0xd7, 0xd7),
            (0xf7, 0xf7),
        ],
    ),
    ("So", &[(0xa6, 0xa6), (0xa9, 0xa9), (0xae, 0xae), (0xb0, 0xb0)]),
    ("Zs", &[(b' ', b' '), (0xa0, 0xa0)]),
];

/// Whether `byte` has the property `name`; `None`: there is no such property, or none of bytes.
pub(super) fn has(name: &str, byte: u8) -> Option<bool> {
    let of = |category: &str| {
        let of_it = |(name, _): &&(&str, _)| name.starts_with(category);
        let mut ranges = CATEGORIES.iter().filter(of_it).flat_map(|(_, ranges)| ranges.iter());
        ranges.any(|(first, last)| (*first..=*last).contains(&byte))
    };
    let space = byte == b' ' || byte == 0xa0 || (b'\t'..=b'\r').contains(&byte) || byte == 0x85;
    Some(match name {
        "Any" => true,
        "L&" => of("Lu") || of("Ll"),
        "Xan" => of("L") || of("N"),
        "Xwd" => of("L") || of("N") || byte == b'_',
        "Xps" | "Xsp" => space,
        // What is left of the bytes, and categories without any.
        "Po" => !CATEGORIES.iter().any(|(name, _)| of(name)),
        "P" => of("P") || has("Po", byte)?,
        "Lm" | "Lt" | "M" | "Mc" | "Me" | "Mn" | "Nl" | "Zl" | "Zp" | "Cn" | "Co" | "Cs" => false,
        "C" | "L" | "N" | "S" | "Z" => of(name),
        _ if CATEGORIES.iter().any(|(known, _)| *known == name) => of(name),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::has;

    #[test]
    fn every_byte_is_of_one_category() {
        for byte in 0..=u8::MAX {
            let of = ["C", "L", "M", "N", "P", "S", "Z"]
                .iter()
                .filter(|name| has(name, byte) == Some(true));
            assert_eq!(of.count(), 1, "{byte:#x}");
        }
        let all = |name: &str| (0..=u8::MAX).filter(|byte| has(name, *byte) == Some(true)).count();
        assert_eq!((all("Po"), all("Any"), all("Lm"), all("L&")), (20, 256, 0, 115));
        assert_eq!((has("Xwd", b'_'), has("Greek", b'a')), (Some(true), None));
    }
}
