//! Pure: rules that look at bytes nobody waits for.

use std::time::Duration;

use super::context::Context;
use crate::config::raw::Statement;
use crate::pure::rules::{Action, Rule};

impl Context<'_> {
    /// Warns of `content` rules of a frontend, `what`, that keep bytes which may not be there yet.
    pub(super) fn unwaited(
        &mut self,
        what: &str,
        statements: &[Statement],
        content: &[Rule],
        delay: Option<Duration>,
    ) {
        let written = statements.iter().filter(|statement| {
            statement.keyword() == "tcp-request" && statement.second() == "content"
        });
        let written: Vec<&Statement> = written.collect();
        // Where they do not pair, one of them was refused.
        if delay.is_some() || written.len() != content.len() {
            return;
        }
        for (statement, rule) in written.into_iter().zip(content) {
            let (Action::Track { key: expr, .. } | Action::Capture { expr, .. }) = &rule.action
            else {
                continue;
            };
            if expr.needs_bytes() {
                let message = format!(
                    "{what}: '{}' is kept if it has come when the rule is read: nobody waits for it",
                    expr.text
                );
                self.report.warning(statement.span, message);
                self.report.help("write 'tcp-request inspect-delay 5s'");
            }
        }
    }
}
