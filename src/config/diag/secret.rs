//! Pure: passwords in lines that are shown with a mistake.
//!
//! What is shown ends up in journals and tickets. What follows a word that announces a secret is
//! hidden up to the line's end: where a quote is missing, nobody knows how far it goes.

use std::borrow::Cow;

/// Words that a secret follows, in any case.
const ANNOUNCING: [&str; 7] = [
    "password",
    "insecure-password",
    "insecure_password",
    "auth",
    "secret",
    "cluster-secret",
    "cluster_secret",
];

/// Parts of the names of variables that hold secrets.
const TELLING: [&str; 4] = ["PASS", "PWD", "SECRET", "TOKEN"];

/// `line` with `*` for each byte of a secret: what stands where does not change.
pub(super) fn hidden(line: &str) -> Cow<'_, str> {
    let Some(from) = secret_from(line) else {
        return Cow::Borrowed(line);
    };
    let (shown, secret) = line.split_at(from);
    Cow::Owned(format!("{shown}{}", "*".repeat(secret.len())))
}

/// Where the secret of `line` begins.
fn secret_from(line: &str) -> Option<usize> {
    let is_of_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let mut before = "";
    let mut at = 0;
    while at < line.len() {
        let rest = &line[at..];
        let length = rest.find(|c| !is_of_word(c)).unwrap_or(rest.len());
        let word = &rest[..length];
        // `url` of a webhook; in haproxy.cfg no equals sign follows the word.
        let is_url = word == "url" && rest[length..].trim_start().starts_with('=');
        if is_url || announces(word, before) {
            let after = at + length;
            let gap = line[after..].find(|c: char| !matches!(c, ' ' | '\t' | '=' | '\\'))?;
            // A word by itself, such as the name of a section, announces nothing.
            return (gap > 0).then_some(after + gap);
        }
        if length == 0 {
            at += rest.chars().next().map_or(1, char::len_utf8);
        } else {
            before = word;
            at += length;
        }
    }
    None
}

fn announces(word: &str, before: &str) -> bool {
    let sets = before == "setenv" || before == "presetenv";
    // `stats http-request auth realm …` has no password.
    let known =
        before != "http-request" && ANNOUNCING.iter().any(|it| word.eq_ignore_ascii_case(it));
    known || (sets && TELLING.iter().any(|part| word.to_ascii_uppercase().contains(part)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_a_word_of_secrets_is_hidden() {
        for (line, shown) in [
            (
                " user a insecure-password s3 cret groups x",
                " user a insecure-password ****************",
            ),
            (" user a password $5$x", " user a password ****"),
            (" stats auth admin:hunter2 x", " stats auth ***************"),
            (" tcp-check send AUTH\\ pw", " tcp-check send AUTH\\ **"),
            ("password = \"p\"", "password = ***"),
            ("url = \"p\"", "url = ***"),
            (" setenv DB_PASSWORD pw", " setenv DB_PASSWORD **"),
            (" cluster-secret ge\u{e9}", " cluster-secret ****"),
        ] {
            assert_eq!(hidden(line), shown);
        }
    }

    #[test]
    fn other_lines_are_shown_whole() {
        for line in [
            "",
            " stats http-request auth realm x",
            "userlist auth",
            " setenv HOME /",
            " acl auth_ok src ::1",
            " acl is url /a",
            "é",
        ] {
            assert_eq!(hidden(line), line);
        }
    }
}
