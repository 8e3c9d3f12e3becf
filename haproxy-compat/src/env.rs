//! The environment that `"$VAR"` in quotes and `$VAR` in addresses are replaced from.
//!
//! It is a value: the caller fills it from the process, and `setenv` and its kin of the `global`
//! section change it while a file is read, so that later lines see the change, as in HAProxy.

use std::collections::BTreeMap;

/// Variables by name. Values are bytes, as the system's are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    variables: BTreeMap<String, Vec<u8>>,
}

impl Environment {
    /// An environment without variables.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The value of `name`; `None` where it is unset, which is not the same as empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.variables.get(name).map(Vec::as_slice)
    }

    /// All variables, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.variables.iter().map(|(name, value)| (name.as_str(), value.as_slice()))
    }

    /// `setenv`: sets `name`, whatever it was.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) {
        self.variables.insert(name.into(), value.into());
    }

    /// `presetenv`: sets `name` unless it is set.
    pub fn preset(&mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) {
        self.variables.entry(name.into()).or_insert_with(|| value.into());
    }

    /// `unsetenv`: forgets `name`.
    pub fn unset(&mut self, name: &str) {
        self.variables.remove(name);
    }

    /// `resetenv`: forgets everything but `names`.
    pub fn retain(&mut self, names: &[&str]) {
        self.variables.retain(|name, _| names.contains(&name.as_str()));
    }

    /// Replaces `$NAME` and `${NAME}` in an address, which works without quotes there. An unset
    /// variable becomes nothing; a `$` that starts no name stays.
    #[must_use]
    pub fn expand_address(&self, text: &str) -> String {
        let mut expanded = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(dollar) = rest.find('$') {
            expanded.push_str(&rest[..dollar]);
            rest = &rest[dollar + 1..];
            let braced = rest.starts_with('{');
            let name_start = usize::from(braced);
            let name_len = name_len(&rest.as_bytes()[name_start..]);
            let name_end = name_start + name_len;
            if name_len == 0 || (braced && !rest[name_end..].starts_with('}')) {
                expanded.push('$');
                continue;
            }
            if let Some(value) = self.get(&rest[name_start..name_end]) {
                expanded.push_str(&String::from_utf8_lossy(value));
            }
            rest = &rest[name_end + usize::from(braced)..];
        }
        expanded.push_str(rest);
        expanded
    }
}

impl<N: Into<String>, V: Into<Vec<u8>>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        Self {
            variables: pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect(),
        }
    }
}

/// How many bytes at the start of `bytes` form a variable's name: a letter or `_`, then letters,
/// digits and `_`.
pub(crate) fn name_len(bytes: &[u8]) -> usize {
    if !bytes.first().is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_') {
        return 0;
    }
    bytes.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_expanded_without_quotes() {
        let env: Environment =
            [("HOST", "10.0.0.1"), ("P", "80"), ("EMPTY", "")].into_iter().collect();
        for (written, meant) in [
            ("$HOST:$P", "10.0.0.1:80"),
            ("${HOST}:${P}", "10.0.0.1:80"),
            ("${UNSET}:80", ":80"),
            ("x$EMPTY-y", "x-y"),
            ("${HOST", "${HOST"),
            ("a$", "a$"),
            ("$1", "$1"),
            ("é$P", "é80"),
        ] {
            assert_eq!(env.expand_address(written), meant, "{written}");
        }
    }

    #[test]
    fn the_four_keywords_change_what_later_lines_see() {
        let mut env = Environment::new();
        env.set("A", "1");
        env.preset("A", "2");
        env.preset("B", "3");
        assert_eq!(env.get("A"), Some(&b"1"[..]));
        env.retain(&["B"]);
        assert_eq!((env.get("A"), env.get("B")), (None, Some(&b"3"[..])));
        env.unset("B");
        assert_eq!(env, Environment::new());
    }
}
