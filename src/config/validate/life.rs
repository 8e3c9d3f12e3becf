//! Pure: the process as a whole.

use super::context::Context;
use crate::config::model::{Capability, Life};
use crate::config::raw::{self, Field};

impl Context<'_> {
    pub(super) fn life(&mut self, raw: &raw::Life) -> Life {
        let is = |field: &Field<bool>, wanted: bool| {
            field.as_ref().is_some_and(|field| field.value == wanted)
        };
        let text = |field: &Field<String>| field.as_ref().map(|field| field.value.clone());
        let capabilities = raw
            .setcap
            .iter()
            .filter_map(|name| self.word("capability", &Some(name.clone()), Capability::all()));
        let setcap = capabilities.collect();
        Life {
            master_worker: is(&raw.master_worker, true),
            no_exit_on_failure: is(&raw.exit_on_failure, false),
            zero_warning: is(&raw.zero_warning, true),
            quiet: is(&raw.quiet, true),
            grace: self.optional_duration("grace", &raw.grace).filter(|grace| !grace.is_zero()),
            node: text(&raw.node),
            description: text(&raw.description),
            localpeer: text(&raw.localpeer),
            ulimit_n: self.limit("ulimit_n", &raw.ulimit_n),
            fd_hard_limit: self.limit("fd_hard_limit", &raw.fd_hard_limit),
            lenient_limits: is(&raw.strict_limits, false),
            setcap,
        }
    }
}
