//! Pure: statements of HAProxy's grammar in one text: words between spaces, where quotes and
//! backslashes keep what they hold together.

/// The words of `text`. What is quoted without an end goes on to the end of the text.
pub(super) fn split(text: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, ' ' | '\t') => words.extend(word.take()),
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None | Some('"'), '\\') => {
                word.get_or_insert_default().extend(chars.next());
            }
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// A text that [`split`] makes `words` of.
pub(super) fn join(words: &[String]) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || !(c.is_whitespace() || "\"'\\#".contains(c));
    let quoted: Vec<String> = words
        .iter()
        .map(|word| match word.is_empty() || !word.chars().all(is_plain) {
            true => format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\"")),
            false => word.clone(),
        })
        .collect();
    quoted.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_backslashes_keep_words_together() {
        let words = |text: &str| split(text).join("|");
        assert_eq!(words(" a  b\\ c\t\"d 'e\" 'f \"\\' \"\""), "a|b c|d 'e|f \"\\|");
        assert_eq!(words("x'y z'w"), "xy zw");
        assert_eq!(words("\"open end"), "open end");
    }

    proptest::proptest! {
        #[test]
        fn what_is_joined_splits_into_the_same(words: Vec<String>) {
            proptest::prop_assert_eq!(split(&join(&words)), words);
        }

        #[test]
        fn no_text_panics(text: String) {
            split(&text);
        }
    }
}
