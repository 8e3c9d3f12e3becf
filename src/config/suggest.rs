//! Pure: "did you mean": the known word nearest to a mistyped one.

/// Words longer than this are not compared; no word of ours is.
const WORD_MAX_CHARS: usize = 64;

/// The candidate that `word` most likely stands for: equal but for case, `-`/`_` and spaces, or at
/// most a third of its letters away.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let word = plain(word);
    if word.is_empty() || word.len() > WORD_MAX_CHARS {
        return None;
    }
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= WORD_MAX_CHARS)
        .map(|candidate| (distance(&word, &plain(candidate)), candidate))
        .filter(|&(distance, candidate)| distance * 3 <= word.len().max(candidate.len()))
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

/// `, did you mean 'x'?` or nothing, to append to a sentence.
pub(crate) fn did_you_mean<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> String {
    nearest(word, candidates)
        .map(|candidate| format!(", did you mean '{candidate}'?"))
        .unwrap_or_default()
}

fn plain(word: &str) -> Vec<char> {
    word.chars()
        .map(|c| {
            if c == '-' || c == ' ' {
                '_'
            } else {
                c.to_ascii_lowercase()
            }
        })
        .collect()
}

/// Insertions, deletions, substitutions and swaps of neighbours between two words (the restricted
/// Damerau–Levenshtein distance), in rows.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let substitution = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = substitution.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_find_their_word() {
        let words = [
            "inter",
            "fastinter",
            "downinter",
            "rise",
            "fall",
            "on_marked_down",
        ];
        for (slip, expected) in [
            ("inte", Some("inter")),
            ("intre", Some("inter")),
            ("Rise", Some("rise")),
            ("on-marked-down", Some("on_marked_down")),
            ("fallback", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(nearest(slip, words), expected, "{slip}");
        }
    }

    #[test]
    fn distances_count_edits() {
        let chars = |text: &str| text.chars().collect::<Vec<_>>();
        for (a, b, expected) in [
            ("", "abc", 3),
            ("abc", "abc", 0),
            ("abc", "acb", 1),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(&chars(a), &chars(b)), expected);
            assert_eq!(distance(&chars(b), &chars(a)), expected);
        }
    }
}
