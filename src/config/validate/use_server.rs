//! Pure: `use-server` names servers that there are.

use haproxy_compat::span::Spanned;

use super::context::Context;
use crate::config::raw;
use crate::config::suggest::did_you_mean;

impl Context<'_> {
    /// Refuses rules that name no server of `backend`, or say no condition.
    pub(super) fn used_servers(&mut self, backend: &raw::Backend) {
        let rules = backend.rules.iter().filter(|rule| rule.keyword() == "use-server");
        for rule in rules {
            let [_, server, rest @ ..] = rule.words.as_slice() else { continue };
            if !matches!(rest.first().map(word), Some("if" | "unless")) {
                self.report.alert(rule.span, "'use-server' needs a condition");
                self.report.help("write 'if TRUE' where it always holds");
            }
            let mut names = backend.servers.iter().map(|server| server.name.value.as_str());
            // A name that is computed is looked up for each session.
            if !server.value.contains('%') && !names.any(|name| name == server.value) {
                let known = backend.servers.iter().map(|server| server.name.value.as_str());
                let guess = did_you_mean(&server.value, known);
                let message = format!(
                    "'use-server': backend '{}' has no server '{}'{guess}",
                    backend.name.value, server.value
                );
                self.report.alert(server.span, message);
            }
        }
    }
}

fn word(word: &Spanned<String>) -> &str {
    word.value.as_str()
}
