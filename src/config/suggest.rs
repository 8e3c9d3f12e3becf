//! Pure: "did you mean" as the end of a sentence.

use haproxy_compat::suggest::nearest;

/// `, did you mean 'x'?` or nothing.
pub(crate) fn did_you_mean<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> String {
    nearest(word, candidates)
        .map(|candidate| format!(", did you mean '{candidate}'?"))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_near_words_are_offered() {
        assert_eq!(did_you_mean("inte", ["inter", "rise"]), ", did you mean 'inter'?");
        assert_eq!(did_you_mean("quux", ["inter", "rise"]), "");
    }
}
