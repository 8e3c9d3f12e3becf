//! Pure: what a line of a client says: commands, their words, and whether a payload follows.
//!
//! HAProxy's rules: `;` separates commands, blanks separate words, a backslash takes the special
//! meaning from the next character (and is itself written twice), and there are no quotes. The last
//! word may be `<<` or `<<TAG`: lines up to an empty one, or up to the line `TAG`, follow.

/// Most words of a command; HAProxy's number.
const WORDS_MAX: usize = 64;

/// Longest `TAG`, in bytes. HAProxy takes 7.
const TAG_BYTES_MAX: usize = 63;

/// One command of a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words(pub Vec<String>);

impl Words {
    /// A line of this one command, without a payload.
    pub(super) fn line(&self) -> String {
        let mut line = String::new();
        for (at, word) in self.0.iter().enumerate() {
            if at > 0 {
                line.push(' ');
            }
            for c in word.chars() {
                if matches!(c, '\\' | ' ' | '\t' | ';') {
                    line.push('\\');
                }
                line.push(c);
            }
        }
        line
    }
}

/// Which line ends a payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayloadEnd(pub String);

/// The commands of a line, and the end of the payload that the last of them has.
#[must_use]
pub fn parse(line: &str) -> (Vec<Words>, Option<PayloadEnd>) {
    let mut commands: Vec<Words> = split(line).into_iter().map(words).collect();
    let payload = commands.last_mut().and_then(take_marker);
    (commands, payload)
}

/// The texts between the semicolons that no backslash precedes.
fn split(line: &str) -> Vec<&str> {
    let mut commands = Vec::new();
    let (mut start, mut escaped) = (0, false);
    for (at, byte) in line.bytes().enumerate() {
        if byte == b';' && !escaped {
            commands.push(&line[start..at]);
            start = at + 1;
        }
        escaped = byte == b'\\' && !escaped;
    }
    // Nothing behind the last semicolon is no command; a line of nothing is one that is empty.
    if start < line.len() || commands.is_empty() {
        commands.push(&line[start..]);
    }
    commands
}

fn words(command: &str) -> Words {
    let mut words = vec![String::new()];
    let mut escaped = false;
    for c in command.chars() {
        let last = words.last_mut().expect("it begins with one word and only grows");
        match c {
            '\\' if !escaped => {
                escaped = true;
                continue;
            }
            ' ' | '\t' if !escaped => {
                if !last.is_empty() {
                    words.push(String::new());
                }
            }
            _ => last.push(c),
        }
        escaped = false;
    }
    words.retain(|word| !word.is_empty());
    words.truncate(WORDS_MAX);
    Words(words)
}

fn take_marker(command: &mut Words) -> Option<PayloadEnd> {
    let tag = command.0.last()?.strip_prefix("<<")?;
    if tag.len() > TAG_BYTES_MAX {
        return None;
    }
    let end = PayloadEnd(tag.to_owned());
    command.0.pop();
    Some(end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn commands(line: &str) -> Vec<Vec<String>> {
        parse(line).0.into_iter().map(|words| words.0).collect()
    }

    #[test]
    fn semicolons_and_blanks_separate_and_backslashes_take_that_away() {
        for (line, wanted) in [
            ("show info", vec![vec!["show", "info"]]),
            ("  show \t info  ", vec![vec!["show", "info"]]),
            ("a;b c;", vec![vec!["a"], vec!["b", "c"]]),
            ("a;;b", vec![vec!["a"], vec![], vec!["b"]]),
            ("", vec![vec![]]),
            (r"echo a\;b", vec![vec!["echo", "a;b"]]),
            (r"a\ b \\ c\x", vec![vec!["a b", r"\", "cx"]]),
            (r#""a b""#, vec![vec!["\"a", "b\""]]),
            ("a\\", vec![vec!["a"]]),
        ] {
            assert_eq!(commands(line), wanted, "{line:?}");
        }
    }

    #[test]
    fn a_payload_is_announced_by_the_last_word_only() {
        let end = |tag: &str| Some(PayloadEnd(tag.to_owned()));
        assert_eq!(parse("add map m <<").1, end(""));
        assert_eq!(parse("show info;add map m <<EOF").1, end("EOF"));
        assert_eq!(parse("add map << m").1, None);
        assert_eq!(parse("add map m <<;show info").1, None);
        assert_eq!(commands("add map m <<"), [["add", "map", "m"]]);
    }

    proptest! {
        #[test]
        fn no_line_is_too_strange(line in ".{0,200}") {
            let (commands, _) = parse(&line);
            prop_assert!(!commands.is_empty());
            prop_assert!(commands.iter().all(|words| words.0.len() <= WORDS_MAX));
        }

        #[test]
        fn words_mean_the_same_when_they_are_written_again(line in "[a; \\\\\t<@!]{0,60}") {
            for words in parse(&line).0 {
                // What looks like the announcement of a payload would be one.
                prop_assume!(words.0.last().is_none_or(|word| !word.starts_with("<<")));
                prop_assert_eq!(parse(&words.line()).0, [words]);
            }
        }
    }
}
