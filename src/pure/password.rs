//! Passwords of user lists: in clear, or encrypted as crypt(3) does it with MD5 (`$1$`), SHA-256
//! (`$5$`) or SHA-512 (`$6$`).

use md5::{Digest, Md5};
use sha_crypt::{PasswordVerifier, ShaCrypt};

/// A password as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Password {
    /// As people type it.
    Clear(String),
    /// `$KIND$SALT$HASH`.
    Encrypted(String),
}

/// What MD5's passwords begin with.
const MD5_PREFIX: &str = "$1$";

/// The digits of crypt(3)'s numbers.
const DIGITS: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

impl Password {
    /// Whether `given` is this password. Of a kind that is not known nothing is.
    #[must_use]
    pub fn admits(&self, given: &str) -> bool {
        match self {
            Self::Clear(password) => same(given.as_bytes(), password.as_bytes()),
            Self::Encrypted(hash) => match hash.strip_prefix(MD5_PREFIX) {
                Some(rest) => {
                    let salt = rest.split('$').next().unwrap_or_default();
                    same(md5_crypt(given.as_bytes(), salt).as_bytes(), hash.as_bytes())
                }
                None => {
                    ShaCrypt::default().verify_password(given.as_bytes(), hash.as_str()).is_ok()
                }
            },
        }
    }

    /// Whether a password of this kind admits anybody.
    #[must_use]
    pub fn is_known(&self) -> bool {
        match self {
            Self::Clear(_) => true,
            Self::Encrypted(hash) => {
                [MD5_PREFIX, "$5$", "$6$"].iter().any(|kind| hash.starts_with(kind))
            }
        }
    }
}

/// Compares without telling by its time where the difference is.
#[must_use]
pub fn same(one: &[u8], other: &[u8]) -> bool {
    let differences = one.iter().zip(other).fold(0, |sum, (a, b)| sum | (a ^ b));
    one.len() == other.len() && differences == 0
}

/// FreeBSD's scheme, as glibc has it: 1,000 rounds of MD5, of which `salt` is up to 8 bytes.
fn md5_crypt(password: &[u8], salt: &str) -> String {
    const SALT_MAX: usize = 8;
    const ROUNDS: usize = 1_000;
    let salt = &salt[..salt.floor_char_boundary(SALT_MAX)];
    let inner = Md5::new().chain_update(password).chain_update(salt).chain_update(password);
    let inner = inner.finalize();
    let mut outer = Md5::new().chain_update(password).chain_update(MD5_PREFIX).chain_update(salt);
    for at in (0..password.len()).step_by(inner.len()) {
        outer.update(&inner[..inner.len().min(password.len() - at)]);
    }
    let mut bits = password.len();
    while bits != 0 {
        // What was a mistake of the first one to write it is the scheme now.
        outer.update(if bits & 1 == 1 { &[0][..] } else { &password[..1] });
        bits >>= 1;
    }
    let mut sum: [u8; 16] = outer.finalize().into();
    for round in 0..ROUNDS {
        let mut next = Md5::new();
        next.update(if round % 2 == 1 { password } else { &sum[..] });
        if !round.is_multiple_of(3) {
            next.update(salt);
        }
        if !round.is_multiple_of(7) {
            next.update(password);
        }
        next.update(if round % 2 == 1 { &sum[..] } else { password });
        sum = next.finalize().into();
    }
    let mut text = format!("{MD5_PREFIX}{salt}$");
    let triples = [[0, 6, 12], [1, 7, 13], [2, 8, 14], [3, 9, 15], [4, 10, 5]];
    for triple in triples {
        let number = triple.iter().fold(0, |number, &at| number << 8 | u32::from(sum[at]));
        push_digits(&mut text, number, 4);
    }
    push_digits(&mut text, u32::from(sum[11]), 2);
    text
}

/// The lowest digits first.
fn push_digits(text: &mut String, number: u32, count: u32) {
    for digit in 0..count {
        text.push(DIGITS[(number >> (6 * digit) & 0x3f) as usize].into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `openssl passwd` makes them of `secret`.
    const KINDS: [&str; 4] = [
        "$1$abc$iCQ2D3nhptRYi27fDYv2s1",
        "$5$abc$qsg6EHbUzHQzF1POlD7zUwBINSELQxypPaeDcZe6vH0",
        "$5$rounds=5000$abc$qsg6EHbUzHQzF1POlD7zUwBINSELQxypPaeDcZe6vH0",
        "$6$abc$IdWKNKTJEb8LxY7CGg8YBXlvtfZzFw7Mp/r6niK9YB2mdvgY..TKjv1T..8RadRt2qvUHYRLr/TsVArtr91iR1",
    ];

    #[test]
    fn the_one_that_was_encrypted_is_admitted() {
        for hash in KINDS {
            let password = Password::Encrypted(hash.to_owned());
            assert!(password.is_known() && password.admits("secret"), "{hash}");
            for wrong in ["", "secre", "Secret", hash] {
                assert!(!password.admits(wrong), "{wrong} for {hash}");
            }
        }
        let clear = Password::Clear("secret".to_owned());
        assert!(clear.admits("secret") && !clear.admits("secret "));
    }

    #[test]
    fn what_is_no_hash_admits_nobody() {
        for hash in ["", "$", "$1$", "$5$", "$6$abc", "$5$rounds=x$abc$d", "$9$abc$d", "x", "$1$é$"]
        {
            let password = Password::Encrypted(hash.to_owned());
            assert!(!password.admits("") && !password.admits("secret") && !password.admits(hash));
        }
        assert!(!Password::Encrypted("xyN5ZzB9Wc9uU".to_owned()).is_known());
    }
}
