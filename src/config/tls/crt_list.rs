//! Pure: files that list certificates with options and names.
//!
//! ```text
//! # file [options] names
//! db.pem [alpn postgresql ssl-min-ver TLSv1.3] db.example *.db.example !old.db.example
//! ```

use crate::pure::tls::names::NamePattern;

/// One line.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::config) struct Line {
    /// Its number, from 1.
    pub(in crate::config) number: usize,
    /// The certificate.
    pub(in crate::config) file: String,
    /// Words between brackets.
    pub(in crate::config) options: Vec<String>,
    /// Names after them.
    pub(in crate::config) names: Vec<NamePattern>,
}

/// The lines of a list.
///
/// # Errors
/// The number of the first line that cannot be read, and why.
pub(in crate::config) fn parse(text: &str) -> Result<Vec<Line>, (usize, &'static str)> {
    let mut lines = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let number = at + 1;
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (file, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let rest = rest.trim_start();
        let (options, names) = match rest.strip_prefix('[') {
            None => ("", rest),
            Some(rest) => rest.split_once(']').ok_or((number, "a ']' is missing"))?,
        };
        if file.contains(['[', ']']) || names.contains(['[', ']']) {
            return Err((number, "brackets stand between the file and the names"));
        }
        lines.push(Line {
            number,
            file: file.to_owned(),
            options: options.split_whitespace().map(str::to_owned).collect(),
            names: names.split_whitespace().filter_map(NamePattern::new).collect(),
        });
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_a_file_options_and_names() {
        let text = "# c\n\na.pem\nb.pem [alpn h2,x verify none] b.test !c.test\r\nd.pem *.d.test\n";
        let lines = parse(text).expect("it is well-formed");
        let [a, b, d] = lines.as_slice() else { panic!("{lines:?}") };
        assert_eq!((a.number, a.file.as_str(), a.names.len()), (3, "a.pem", 0));
        assert_eq!(b.options, ["alpn", "h2,x", "verify", "none"]);
        assert!(b.names[0].is_exactly("b.test") && b.names[1].negated);
        assert!(d.names[0].is_wildcard_of("x.d.test"));
        assert_eq!(parse("a.pem [alpn h2 a").unwrap_err().0, 1);
        assert_eq!(parse("ok.pem\na.pem x [alpn h2]").unwrap_err().0, 2);
    }
}
