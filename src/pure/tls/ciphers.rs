//! Cipher suites by OpenSSL's names, and the lists in which they are chosen.
//!
//! Only suites with forward secrecy and authenticated encryption are known: those of TLS 1.3 and the
//! six of TLS 1.2 that remain good (RFC 9325 §4.2). A list is OpenSSL's (ciphers(1)): names and
//! classes separated by `:` `,` or a space, classes intersected with `+`, `!` to exclude for good, `-`
//! to take out, a leading `+` to move behind the others. Bound: a list is walked once a word.

/// How the server proves who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Auth {
    Rsa,
    Ecdsa,
    /// TLS 1.3: independent of the suite.
    Any,
}

/// One cipher suite.
#[derive(Debug, PartialEq, Eq)]
pub struct Suite {
    /// Its number (IANA).
    pub code: u16,
    /// OpenSSL's name.
    pub name: &'static str,
    auth: Auth,
    classes: &'static [&'static str],
}

const AES128: &[&str] = &["AES", "AES128", "AESGCM", "SHA256", "MEDIUM"];
const AES256: &[&str] = &["AES", "AES256", "AESGCM", "SHA384"];
const CHACHA: &[&str] = &["CHACHA20"];

/// All of them, the order of preference where nothing else was written.
pub static SUITES: [Suite; 9] = [
    Suite { code: 0x1302, name: "TLS_AES_256_GCM_SHA384", auth: Auth::Any, classes: AES256 },
    Suite { code: 0x1303, name: "TLS_CHACHA20_POLY1305_SHA256", auth: Auth::Any, classes: CHACHA },
    Suite { code: 0x1301, name: "TLS_AES_128_GCM_SHA256", auth: Auth::Any, classes: AES128 },
    Suite {
        code: 0xc02c,
        name: "ECDHE-ECDSA-AES256-GCM-SHA384",
        auth: Auth::Ecdsa,
        classes: AES256,
    },
    Suite { code: 0xc030, name: "ECDHE-RSA-AES256-GCM-SHA384", auth: Auth::Rsa, classes: AES256 },
    Suite {
        code: 0xcca9,
        name: "ECDHE-ECDSA-CHACHA20-POLY1305",
        auth: Auth::Ecdsa,
        classes: CHACHA,
    },
    Suite { code: 0xcca8, name: "ECDHE-RSA-CHACHA20-POLY1305", auth: Auth::Rsa, classes: CHACHA },
    Suite {
        code: 0xc02b,
        name: "ECDHE-ECDSA-AES128-GCM-SHA256",
        auth: Auth::Ecdsa,
        classes: AES128,
    },
    Suite { code: 0xc02f, name: "ECDHE-RSA-AES128-GCM-SHA256", auth: Auth::Rsa, classes: AES128 },
];

/// Classes that every suite of TLS 1.2 here belongs to.
const ALWAYS: [&str; 15] = [
    "ALL",
    "DEFAULT",
    "COMPLEMENTOFALL",
    "HIGH",
    "ECDHE",
    "EECDH",
    "kECDHE",
    "kEECDH",
    "TLSv1.2",
    "AEAD",
    "SECURE256",
    "SECURE128",
    "ECDH",
    "FIPS",
    "COMPLEMENTOFDEFAULT",
];

/// Classes known to OpenSSL that no suite here belongs to: to exclude them changes nothing.
const NEVER: [&str; 42] = [
    "aNULL",
    "eNULL",
    "NULL",
    "LOW",
    "EXP",
    "EXPORT",
    "EXPORT40",
    "EXPORT56",
    "MD5",
    "RC4",
    "RC2",
    "DES",
    "3DES",
    "IDEA",
    "SEED",
    "CAMELLIA",
    "CAMELLIA128",
    "CAMELLIA256",
    "ARIA",
    "ARIA128",
    "ARIA256",
    "PSK",
    "kPSK",
    "aPSK",
    "SRP",
    "kSRP",
    "aSRP",
    "DSS",
    "aDSS",
    "ADH",
    "AECDH",
    "DH",
    "kRSA",
    "DHE",
    "EDH",
    "kDHE",
    "kEDH",
    "SHA",
    "SHA1",
    "SSLv3",
    "TLSv1",
    "kECDH",
];

/// What a list chose.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Chosen {
    /// Suites in order of preference.
    pub suites: Vec<&'static Suite>,
    /// Words that name nothing there is here, in their order.
    pub unknown: Vec<String>,
}

/// The suite with this number.
#[must_use]
pub fn by_code(code: u16) -> Option<&'static Suite> {
    SUITES.iter().find(|suite| suite.code == code)
}

impl Suite {
    /// Whether it is one of TLS 1.3.
    #[must_use]
    pub const fn is_tls13(&self) -> bool {
        self.code >> 8 == 0x13
    }

    /// Bits of its key.
    #[must_use]
    pub fn key_bits(&self) -> i64 {
        if self.classes.contains(&"AES128") { 128 } else { 256 }
    }

    /// Whether it belongs to the classes or has the name.
    fn is_in(&self, word: &str) -> bool {
        word.split('+').all(|class| {
            self.name == class
                || ALWAYS.contains(&class)
                || self.classes.contains(&class) && class != "MEDIUM"
                || matches!(
                    (class, self.auth),
                    ("RSA" | "aRSA", Auth::Rsa) | ("ECDSA" | "aECDSA", Auth::Ecdsa)
                )
        })
    }
}

fn is_known(word: &str) -> bool {
    word.split('+').all(|class| {
        ALWAYS.contains(&class)
            || NEVER.contains(&class)
            || matches!(class, "RSA" | "aRSA" | "ECDSA" | "aECDSA" | "MEDIUM")
            || SUITES.iter().any(|suite| suite.name == class || suite.classes.contains(&class))
    })
}

/// Suites of TLS 1.2 that `list` (`ciphers`) chooses.
#[must_use]
pub fn choose(list: &str) -> Chosen {
    let mut chosen = Chosen::default();
    let mut banned: Vec<&'static Suite> = Vec::new();
    for word in list.split([':', ',', ' ', ';']) {
        // The strength of what is left differs by nothing that a list could sort by.
        let word = word.split('@').next().unwrap_or_default();
        if word.is_empty() {
            continue;
        }
        // What Red Hat's systems choose is what is chosen here.
        let word = if word.starts_with("PROFILE=") { "DEFAULT" } else { word };
        let (sign, class) = match word.as_bytes()[0] {
            sign @ (b'!' | b'-' | b'+') => (sign, &word[1..]),
            _ => (b' ', word),
        };
        let named: Vec<&'static Suite> =
            SUITES.iter().filter(|suite| !suite.is_tls13() && suite.is_in(class)).collect();
        // To exclude what there is not is the point of excluding it.
        if named.is_empty() && sign == b' ' && (!is_known(class) || !class_only(class)) {
            chosen.unknown.push(word.to_owned());
        }
        let suites = &mut chosen.suites;
        match sign {
            b'!' => {
                suites.retain(|suite| !named.contains(suite));
                banned.extend(named);
            }
            b'-' => suites.retain(|suite| !named.contains(suite)),
            b'+' => suites.sort_by_key(|suite| named.contains(suite)),
            _ => {
                for suite in named {
                    if !suites.contains(&suite) && !banned.contains(&suite) {
                        suites.push(suite);
                    }
                }
            }
        }
    }
    chosen
}

/// A class that adds nothing is no mistake: `HIGH:MEDIUM:kRSA` is what people write.
fn class_only(word: &str) -> bool {
    word.split('+').all(|class| NEVER.contains(&class) || class == "MEDIUM")
}

/// Suites of TLS 1.3 that `list` (`ciphersuites`) names.
#[must_use]
pub fn choose_tls13(list: &str) -> Chosen {
    let mut chosen = Chosen::default();
    for word in list.split([':', ',', ' ']).filter(|word| !word.is_empty()) {
        match SUITES.iter().find(|suite| suite.is_tls13() && suite.name == word) {
            Some(suite) if chosen.suites.contains(&suite) => {}
            Some(suite) => chosen.suites.push(suite),
            None => chosen.unknown.push(word.to_owned()),
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &str) -> Vec<&'static str> {
        choose(list).suites.iter().map(|suite| suite.name).collect()
    }

    #[test]
    fn lists_choose_as_openssl_does() {
        let rsa256 = "ECDHE-RSA-AES256-GCM-SHA384";
        let rsa128 = "ECDHE-RSA-AES128-GCM-SHA256";
        assert_eq!(names("ECDHE-RSA-AES256-GCM-SHA384"), [rsa256]);
        assert_eq!(names("AESGCM+aRSA"), [rsa256, rsa128]);
        assert_eq!(names("AESGCM+aRSA:!AES256"), [rsa128]);
        assert_eq!(names("!AES256:AESGCM+aRSA"), [rsa128]);
        assert_eq!(names("AESGCM+aRSA:+AES256"), [rsa128, rsa256]);
        assert_eq!(names("AESGCM+aRSA:-AES256:AES256+aRSA"), [rsa128, rsa256]);
        assert_eq!(names("HIGH:!aNULL:!MD5:@SECLEVEL=1").len(), 6);
        assert_eq!(names("TLS_AES_128_GCM_SHA256"), [""; 0]);
        for all in ["DEFAULT", "DEFAULT@SECLEVEL=1", "PROFILE=SYSTEM"] {
            assert_eq!(names(all).len(), 6, "{all}");
        }
    }

    #[test]
    fn what_there_is_not_is_named() {
        let chosen = choose("ECDHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES128-GCM-SHA256:kRSA:!RC4:!FOO");
        assert_eq!(chosen.unknown, ["DHE-RSA-AES128-GCM-SHA256"]);
        assert_eq!(chosen.suites.len(), 1);
        let chosen = choose_tls13("TLS_AES_128_CCM_SHA256:TLS_AES_128_GCM_SHA256");
        assert_eq!(chosen.unknown, ["TLS_AES_128_CCM_SHA256"]);
        assert_eq!(chosen.suites[0].code, 0x1301);
    }

    #[test]
    fn nothing_makes_a_list_panic() {
        for list in ["", ":", "!", "-", "+", "@", "é", "++", "!+:+!", "ALL:!ALL", "\u{1F600}:ALL"]
        {
            let _ = choose(list);
            let _ = choose_tls13(list);
        }
    }
}
