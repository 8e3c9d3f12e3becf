//! The known word that is nearest to an unknown one, for "did you mean".

/// The longest word compared, in bytes: the work is the product of both lengths.
const WORD_LEN_MAX: usize = 64;

/// The candidate with the fewest typing mistakes (a letter too many, missing, wrong, or two swapped)
/// away from `word`, if that is few enough for its length; the first of equals.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.is_empty() || word.len() > WORD_LEN_MAX {
        return None;
    }
    // One mistake in up to five letters, two in up to eight, three beyond: more is another word. In
    // four or five, two pass where the first letter is right.
    let allowed = |candidate: &str| match word.chars().count() {
        0..=2 => 0,
        4..=5 if candidate.chars().next() == word.chars().next() => 2,
        3..=5 => 1,
        6..=8 => 2,
        _ => 3,
    };
    let mut best = None;
    for candidate in candidates {
        if candidate.len() > WORD_LEN_MAX {
            continue;
        }
        let mistakes = distance(word, candidate);
        if mistakes <= allowed(candidate) && best.is_none_or(|(fewest, _)| mistakes < fewest) {
            best = Some((mistakes, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// Damerau-Levenshtein distance (optimal string alignment), letters compared without case.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().flat_map(char::to_lowercase).collect();
    let b: Vec<char> = b.chars().flat_map(char::to_lowercase).collect();
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for (i, &x) in a.iter().enumerate() {
        let mut row = Vec::with_capacity(b.len() + 1);
        row.push(i + 1);
        for (j, &y) in b.iter().enumerate() {
            let mut least = (above[j] + usize::from(x != y)).min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && x == b[j - 1] && a[i - 1] == y {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_counted_as_a_typist_makes_them() {
        for (a, b, mistakes) in [
            ("server", "server", 0),
            ("sever", "server", 1),
            ("serverr", "server", 1),
            ("sevrer", "server", 1),
            ("SERVER", "server", 0),
            ("", "abc", 3),
            ("bind", "mode", 4),
        ] {
            assert_eq!(distance(a, b), mistakes, "{a} {b}");
            assert_eq!(distance(b, a), mistakes, "{b} {a}");
        }
    }

    #[test]
    fn only_near_words_are_offered() {
        let words = ["bind", "balance", "backlog", "default_backend", "timeout"];
        assert_eq!(nearest("blance", words), Some("balance"));
        assert_eq!(nearest("default_backed", words), Some("default_backend"));
        assert_eq!(nearest("bnid", words), Some("bind"));
        assert_eq!(nearest("mood", ["node", "mode"]), Some("mode"));
        assert_eq!(nearest("mood", ["node", "load"]), None);
        assert_eq!(nearest("quux", words), None);
        assert_eq!(nearest("", words), None);
        assert_eq!(nearest(&"b".repeat(10_000), words), None);
    }
}
