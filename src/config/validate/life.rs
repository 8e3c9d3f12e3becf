//! Pure: the process as a whole.

use super::context::Context;
use crate::config::default_path::DefaultPath;
use crate::config::model::{Capability, Life};
use crate::config::raw::{self, Field};
use crate::pure::cpu_map::CpuMap;

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
            mworker_max_reloads: self
                .number("mworker_max_reloads", &raw.mworker_max_reloads, 0..=u64::from(u32::MAX))
                .and_then(|reloads| u32::try_from(reloads).ok()),
            default_path: self.default_path(raw),
            busy_poll: self
                .optional_duration("busy_poll", &raw.busy_poll)
                .filter(|window| !window.is_zero()),
            cpu_map: self.cpu_map(raw),
            setcap,
        }
    }

    fn default_path(&mut self, raw: &raw::Life) -> DefaultPath {
        let Some(written) = &raw.default_path else { return DefaultPath::default() };
        DefaultPath::parse(&written.value).unwrap_or_else(|mistake| {
            self.report.alert(written.span, mistake);
            DefaultPath::default()
        })
    }

    fn cpu_map(&mut self, raw: &raw::Life) -> CpuMap {
        let mut map = CpuMap::default();
        for line in &raw.cpu_map {
            if let Err(mistake) = map.add(&line.value) {
                self.report.alert(line.span, format!("cpu-map: {mistake}"));
            }
        }
        map
    }
}
