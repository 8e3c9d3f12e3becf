//! Pure: the keys of `[global]` about the process as a whole.

use super::table::Table;
use super::values::Decoder;
use crate::config::raw::Life;

impl Decoder<'_> {
    pub(super) fn life(&mut self, t: &mut Table<'_>) -> Life {
        let setcap = self.list(t, "setcap");
        let cpu_map = self.list(t, "cpu_map");
        Life {
            master_worker: self.boolean(t, "master_worker"),
            exit_on_failure: self.boolean(t, "exit_on_failure"),
            zero_warning: self.boolean(t, "zero_warning"),
            quiet: self.boolean(t, "quiet"),
            grace: self.duration_or_zero(t, "grace"),
            node: self.string(t, "node"),
            description: self.string(t, "description"),
            localpeer: self.string(t, "localpeer"),
            ulimit_n: self.number(t, "ulimit_n"),
            fd_hard_limit: self.number(t, "fd_hard_limit"),
            strict_limits: self.boolean(t, "strict_limits"),
            mworker_max_reloads: self.number(t, "mworker_max_reloads"),
            default_path: self.string(t, "default_path"),
            busy_poll: self.duration_or_zero(t, "busy_poll"),
            cpu_map: cpu_map
                .into_iter()
                .filter_map(|value| self.string_of("cpu_map", value))
                .collect(),
            setcap: setcap
                .into_iter()
                .filter_map(|value| self.string_of("setcap", value))
                .collect(),
        }
    }
}
