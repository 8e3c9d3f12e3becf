//! Pure: variables that the process starts with.

use haproxy_compat::env::Environment;

use super::context::Context;
use crate::config::model::ProcessVariable;
use crate::config::raw::Statement;
use crate::pure::acl::pattern::{PatternUse, PatternsId};
use crate::pure::rules::preset::Preset;
use crate::pure::sample::{Definitions, Stage};

impl Context<'_> {
    /// `set-var NAME SAMPLE` or `set-var-fmt NAME FORMAT`.
    pub(super) fn process_variable(&mut self, statement: &Statement) -> Option<ProcessVariable> {
        let keyword = statement.keyword();
        let words: Vec<&str> =
            statement.words.iter().skip(2).map(|word| word.value.as_str()).collect();
        let is_format = match keyword {
            "set-var" => false,
            "set-var-fmt" => true,
            other => {
                self.report.alert(statement.span, format!("'{other}' sets no variable"));
                self.report
                    .help("write 'set-var proc.name sample' or 'set-var-fmt proc.name text'");
                return None;
            }
        };
        let mut outside = Outside(&self.environment);
        let read =
            Preset::parse(statement.second(), is_format, &words, Stage::Config, &mut outside);
        match read {
            Ok(preset) => Some(ProcessVariable { text: statement.text(), preset }),
            Err(why) => {
                self.report.alert(statement.span, format!("'{keyword}': {why}"));
                None
            }
        }
    }
}

/// There are no rules whose patterns could be looked up.
struct Outside<'a>(&'a Environment);

impl Definitions for Outside<'_> {
    fn environment(&self, name: &str) -> Option<String> {
        self.0.get(name).map(|value| String::from_utf8_lossy(value).into_owned())
    }

    fn patterns(&mut self, _: PatternUse) -> Result<PatternsId, String> {
        Err("lists and maps are not looked up in 'global'".to_owned())
    }
}
