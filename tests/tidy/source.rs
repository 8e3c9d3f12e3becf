//! One Rust file as the rules see it: its code without comments and literals, and what it imports.

use std::sync::LazyLock;

use regex::Regex;

/// One Rust file: its path from the root with `/`, its text, and its code alone.
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) text: String,
    /// The text without comments, strings and the tests at its end; lines keep their numbers.
    pub(crate) code: String,
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let mut code = blank_comments_and_strings(text);
        if let Some(tests) = code.find("#[cfg(test)]\nmod tests") {
            code.truncate(tests);
        }
        Self { path: path.to_owned(), text: text.to_owned(), code }
    }

    /// The module directly under `src/` that the file belongs to.
    pub(crate) fn layer(&self) -> Option<&str> {
        let rest = self.path.strip_prefix("src/")?;
        Some(rest.split('/').next()?.trim_end_matches(".rs"))
    }

    pub(crate) fn is_test(&self) -> bool {
        !self.path.contains("src/")
            || self.path.ends_with("/tests.rs")
            || self.path.contains("/tests/")
    }

    pub(crate) fn is_pure(&self) -> bool {
        self.layer() == Some("pure") || self.text.starts_with("//! Pure:")
    }

    /// `path:line: what` for every match of `pattern` in `text`.
    pub(crate) fn find(&self, text: &str, regex: &str, what: &str) -> Vec<String> {
        let found = pattern(regex);
        found
            .find_iter(text)
            .map(|at| self.offence(text, at.start(), &format!("{what}: {}", at.as_str())))
            .collect()
    }

    pub(crate) fn offence(&self, text: &str, at: usize, what: &str) -> String {
        format!("{}:{}: {what}", self.path, text[..at].matches('\n').count() + 1)
    }
}

/// Replaces comments and the inside of literals by blanks.
pub(crate) fn blank_comments_and_strings(text: &str) -> String {
    static TOKEN: LazyLock<Regex> = LazyLock::new(|| {
        pattern(concat!(
            r#"//[^\n]*|(?s:/\*.*?\*/)"#,
            r####"|(?s:r#"(.*?)"#)|r"[^"]*""####,
            r#"|(?s:"(?:\\.|[^"\\])*")"#,
            r"|'(?:\\[^']+|[^'\\])'",
        ))
    });
    let blank = |found: &regex::Captures<'_>| {
        found[0].chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect::<String>()
    };
    TOKEN.replace_all(text, blank).into_owned()
}

/// The modules of the crate that `source` names: first and second segment, with the place.
pub(crate) fn imports(source: &Source) -> Vec<(usize, String, String)> {
    let mut imports = Vec::new();
    let depth = source.path.trim_end_matches("/mod.rs").matches('/').count();
    let root = format!(r"(?:\bcrate::|(?:\bsuper::){{{depth},}})");
    for found in pattern(&format!(r"{root}(\w+|\{{)(?:::(\w+))?")).captures_iter(&source.code) {
        let at = found.get(0).unwrap();
        if &found[1] != "{" {
            let second = found.get(2).map_or("", |name| name.as_str());
            imports.push((at.start(), found[1].to_owned(), second.to_owned()));
            continue;
        }
        let mut level = 1;
        let mut names = String::new();
        for c in source.code[at.end()..].chars() {
            level += match c {
                '{' => 1,
                '}' => -1,
                _ => 0,
            };
            if level == 0 {
                break;
            }
            names.push(if level == 1 { c } else { ' ' });
        }
        for name in names.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            let mut parts = name.split("::").map(|part| part.trim_matches(['{', '}', ' ']));
            let first = parts.next().unwrap_or_default().to_owned();
            imports.push((at.start(), first, parts.next().unwrap_or_default().to_owned()));
        }
    }
    let foreign = pattern(r"\bhaproxy_compat\b");
    imports.extend(
        foreign
            .find_iter(&source.code)
            .map(|at| (at.start(), "haproxy_compat".to_owned(), String::new())),
    );
    imports
}

/// Compiles a regular expression whose `\b` and `\w` are ASCII's: this build of the engine has no
/// Unicode tables.
pub(crate) fn pattern(text: &str) -> Regex {
    let ascii = text.replace(r"\b", r"(?-u:\b)").replace(r"\w", "[A-Za-z0-9_]");
    Regex::new(&ascii).unwrap()
}
