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
        let words =
            |words: &[Spanned<String>]| words.iter().map(|word| word.value.clone()).collect();
        Some(Drill {
            kill: words(&raw.kill),
            hang: words(&raw.hang),
            partition: words(&raw.partition),
            heal: words(&raw.heal),
            write: raw.write.as_ref().map(|write| write.value.clone()),
            timeout: timeout.unwrap_or(DRILL_TIMEOUT),
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::config::tests::load_clean;

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
