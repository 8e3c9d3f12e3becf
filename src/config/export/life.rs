//! Pure: the process as a whole.

use super::text::{Pairs, duration, list, quote};
use crate::config::default_path::DefaultPath;
use crate::config::model::Life;

impl Pairs {
    /// What `life` has beside the defaults.
    pub(super) fn life(&mut self, life: &Life) {
        let text = |text: &Option<String>| text.as_ref().map(|text| quote(text));
        self.flag("master_worker", life.master_worker);
        self.maybe("exit_on_failure", life.no_exit_on_failure.then_some(false));
        self.flag("zero_warning", life.zero_warning);
        self.flag("quiet", life.quiet);
        self.maybe("grace", life.grace.map(duration));
        self.maybe("node", text(&life.node));
        self.maybe("description", text(&life.description));
        self.maybe("localpeer", text(&life.localpeer));
        self.maybe("ulimit_n", life.ulimit_n);
        self.maybe("fd_hard_limit", life.fd_hard_limit);
        self.maybe("strict_limits", life.lenient_limits.then_some(false));
        self.maybe("mworker_max_reloads", life.mworker_max_reloads);
        if life.default_path != DefaultPath::Current {
            self.maybe("default_path", Some(quote(&life.default_path.text())));
        }
        self.maybe("busy_poll", life.busy_poll.map(duration));
        let lines: Vec<_> = life.cpu_map.lines().iter().map(|line| quote(line)).collect();
        self.maybe("cpu_map", list(&lines));
        let setcap: Vec<_> = life.setcap.iter().map(|right| quote(right.name())).collect();
        self.maybe("setcap", list(&setcap));
    }
}
