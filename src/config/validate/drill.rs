//! Pure: what a drill does to a server.

use haproxy_compat::span::Spanned;

use super::context::Context;
use crate::config::defaults::DRILL_TIMEOUT;
use crate::config::model::Drill;
use crate::config::raw;

impl Context<'_> {
    /// `drill` of a backend.
    pub(super) fn drill(&mut self, what: &str, raw: Option<&raw::Drill>) -> Option<Drill> {
        let raw = raw?;
        let timeout = self.duration(&format!("timeout of the drill of {what}"), &raw.timeout);
        let mut program = |name: &str, words: &[Spanned<String>]| {
            let first = words.first()?;
            if first.value.is_empty() {
                let message = format!("{name} of the drill of {what} names no program");
                self.report.alert(first.span, message);
            }
            Some(words.iter().map(|word| word.value.clone()).collect())
        };
        Some(Drill {
            kill: program("kill", &raw.kill),
            hang: program("hang", &raw.hang),
            partition: program("partition", &raw.partition),
            heal: program("heal", &raw.heal),
            write: raw.write.as_ref().map(|write| write.value.clone()),
            timeout: timeout.unwrap_or(DRILL_TIMEOUT),
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::config::tests::{load_clean, messages};

    #[test]
    fn a_program_has_a_name() {
        let text = "[backend.b]\ndrill = { kill = [\"\", \"-9\"] }\nserver.s = \"10.0.0.1:5432\"\n";
        let said = messages(&[text]).join("\n");
        assert!(said.contains("kill of the drill of backend 'b' names no program"), "{said}");
        let config = load_clean(&text.replace("\"\", \"-9\"", ""));
        assert_eq!(config.backends[0].drill.as_ref().unwrap().kill, None);
    }

    #[test]
    fn what_is_written_comes_back() {
        for settings in [
            "kill = \"/bin/k\", timeout = \"5s\"",
            "hang = [\"/bin/h\", \"a b\"], partition = \"/bin/p\", heal = \"/bin/x\", write = \"SELECT 1\"",
        ] {
            let text = format!(
                "[frontend.f]\nbind = \"127.0.0.1:1\"\nbackend = \"b\"\nrto = \"2s\"\nrpo = 0\n\
                 [backend.b]\ndrill = {{ {settings} }}\nserver.s = \"10.0.0.1:5432\"\n"
            );
            let config = load_clean(&text);
            assert!(config.backends[0].drill.is_some());
            assert_eq!(config.frontends[0].rpo, Some(0));
            let exported = crate::config::export::export(&config);
            assert_eq!(load_clean(&exported), config, "{exported}");
        }
    }
}
