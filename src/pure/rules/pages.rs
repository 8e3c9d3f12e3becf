//! What a proxy says of a status instead of the plain page: `errorfile`, `errorloc`, `http-error`.

use std::collections::BTreeMap;

use super::RuleSet;
use super::http::{Content, Reply};
use super::parse::Reader;
use crate::pure::acl::AclError;
use crate::pure::http::answer::has_page;
use crate::pure::sample::Definitions;

/// What is said of a status.
#[derive(Clone, Debug, PartialEq)]
pub enum ErrorPage {
    /// This.
    Answer(Content),
    /// That it is to be had elsewhere: with which status, and where.
    Elsewhere(u16, String),
}

/// What a proxy says of statuses.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ErrorPages(BTreeMap<u16, ErrorPage>);

impl ErrorPages {
    /// Whether `keyword` begins a statement about them.
    #[must_use]
    pub fn knows(keyword: &str) -> bool {
        matches!(keyword, "errorfile" | "errorloc" | "errorloc302" | "errorloc303" | "http-error")
    }

    /// What is said of `status`, if anything.
    #[must_use]
    pub fn of(&self, status: u16) -> Option<&ErrorPage> {
        self.0.get(&status)
    }

    /// Whether nothing is said where `status` would be: its file is empty.
    #[must_use]
    pub fn is_silent(&self, status: u16) -> bool {
        matches!(self.of(status), Some(ErrorPage::Answer(Content::File(None))))
    }

    /// Reads a statement, its keyword first. The last one about a status counts.
    ///
    /// # Errors
    /// The number of the word that is wrong, and why.
    pub fn read(
        &mut self,
        words: &[&str],
        definitions: &mut dyn Definitions,
    ) -> Result<(), AclError> {
        let mut reader = Reader { words, at: 1, definitions };
        let (status, page) = match words.first() {
            Some(&"http-error") => reader.http_error()?,
            Some(&"errorfile") => {
                let status = reader.status()?;
                (status, ErrorPage::Answer(Content::File(reader.error_file()?)))
            }
            keyword => {
                let status = reader.status()?;
                let code = if keyword == Some(&"errorloc303") { 303 } else { 302 };
                (status, ErrorPage::Elsewhere(code, reader.take("an address")?.to_owned()))
            }
        };
        // The plain page is what there is without any.
        match page {
            ErrorPage::Answer(Content::Page) => self.0.remove(&status),
            page => self.0.insert(status, page),
        };
        Ok(())
    }
}

impl Reader<'_> {
    /// A status that has a page.
    fn status(&mut self) -> Result<u16, AclError> {
        let word = self.take("a status")?;
        let digits = word.bytes().take_while(u8::is_ascii_digit).count();
        let status = word[..digits].parse().ok().filter(|status| has_page(*status));
        status.ok_or_else(|| self.error(format!("status '{word}' has no page")))
    }

    fn http_error(&mut self) -> Result<(u16, ErrorPage), AclError> {
        let Some(at) = self.words.iter().position(|word| *word == "status") else {
            return Err(self.error("'http-error' needs a 'status'".to_owned()));
        };
        let Reply { status, content } = self.reply(RuleSet::Request, 200, Content::NOTHING)?;
        if !has_page(status) {
            let message = format!("status {status} has no page");
            return Err(AclError { word: at + 1, message, help: None });
        }
        match self.words.get(self.at) {
            Some(word) => Err(self.error(format!("'http-error' has no conditions: '{word}'"))),
            None => Ok((status, ErrorPage::Answer(content))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pure::sample::testing::Nowhere;

    #[test]
    fn the_last_statement_about_a_status_counts() {
        let mut pages = ErrorPages::default();
        let mut read = |line: &str| {
            let words: Vec<&str> = line.split(' ').collect();
            pages.read(&words, &mut Nowhere).map_err(|error| error.message)
        };
        for line in [
            "errorloc 503 /a",
            "errorloc303 503 /b",
            "errorloc302 404x /c",
            "http-error status 403 content-type a/b string x",
            "http-error status 400",
            "errorloc 408 /d",
            "http-error status 408 default-errorfiles",
        ] {
            assert_eq!(read(line), Ok(()), "{line}");
        }
        for (line, why) in [
            ("errorloc 418 /a", "status '418' has no page"),
            ("errorfile x /a", "status 'x' has no page"),
            ("errorloc 503", "an address is missing"),
            ("http-error string x", "'http-error' needs a 'status'"),
            ("http-error status 418", "status 418 has no page"),
            ("http-error status 503 string x", "a body needs its 'content-type'"),
            ("http-error status 503 if x", "'http-error' has no conditions: 'if'"),
            ("http-error status 503 errorfile /a", "'/a' cannot be read here"),
        ] {
            assert_eq!(read(line), Err(why.to_owned()), "{line}");
        }
        assert_eq!(pages.of(503), Some(&ErrorPage::Elsewhere(303, "/b".to_owned())));
        assert_eq!(pages.of(404), Some(&ErrorPage::Elsewhere(302, "/c".to_owned())));
        assert!(matches!(pages.of(403), Some(ErrorPage::Answer(Content::Written { .. }))));
        assert!(matches!(pages.of(400), Some(ErrorPage::Answer(Content::Written { .. }))));
        assert_eq!((pages.of(408), pages.is_silent(503)), (None, false));
    }
}
