//! Pure: `acl` statements.
//!
//! They are read before the rules, so that every test under a name counts wherever it stands.

use haproxy_compat::span::Span;

use super::context::Context;
use crate::config::raw::Statement;
use crate::pure::acl::{Acl, Test};

impl Context<'_> {
    /// Every ACL of a section, all tests of a name together.
    pub(super) fn acls(&mut self, owner: &str, raw: &[Statement]) -> Vec<(Span, Acl)> {
        let mut acls: Vec<(Span, Acl)> = Vec::new();
        for statement in raw.iter().filter(|statement| statement.keyword() == "acl") {
            self.rulebook.begin_statement(statement, owner);
            let name = statement.second();
            if !self.is_acl_name(name, statement) {
                continue;
            }
            let words: Vec<&str> =
                statement.words[2..].iter().map(|word| word.value.as_str()).collect();
            let test = match Test::parse(&words, self) {
                Ok(test) => test,
                Err(error) => {
                    self.wrong(statement, 2, error);
                    continue;
                }
            };
            self.compares(statement.span, &test);
            match acls.iter_mut().find(|(_, acl)| acl.name == name) {
                Some((_, acl)) => acl.tests.push(test),
                None => {
                    acls.push((statement.span, Acl { name: name.to_owned(), tests: vec![test] }))
                }
            }
        }
        acls
    }

    fn is_acl_name(&mut self, name: &str, statement: &Statement) -> bool {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
        let message = match name {
            "" => "'acl' needs a name and a test".to_owned(),
            "or" => "no ACL can be called 'or'".to_owned(),
            name => match name.chars().find(|&c| !allowed(c)) {
                None => return true,
                Some(bad) => format!("'{bad}' cannot stand in the name of an ACL"),
            },
        };
        self.report.alert(statement.span, message);
        false
    }
}
