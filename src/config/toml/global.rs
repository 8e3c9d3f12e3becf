//! Pure: `[global]`, `[stats]` and log targets.

use haproxy_compat::span::Spanned;

use super::table::{Table, Value, span_of};
use super::values::Decoder;
use crate::config::defaults::STATS_NAME;
use crate::config::raw::{Commands, Field, Global, Log, LogTarget, Stats};

impl Decoder<'_> {
    pub(super) fn global(&mut self, mut table: Table<'_>) -> Global {
        let t = &mut table;
        let global = Global {
            external_check: None,
            insecure_fork_wanted: false,
            unix_user: None,
            unix_group: None,
            maxconn: self.number(t, "maxconn"),
            nbthread: self.number(t, "nbthread"),
            log: self.global_log(t),
            log_tag: self.string(t, "log_tag"),
            log_send_hostname: self.hostname(t),
            user: self.string(t, "user"),
            group: self.string(t, "group"),
            uid: self.number(t, "uid"),
            gid: self.number(t, "gid"),
            chroot: self.string(t, "chroot"),
            pidfile: self.string(t, "pidfile"),
            server_state_file: self.string(t, "server_state_file"),
            server_state_base: self.string(t, "server_state_base"),
            state_dir: self.string(t, "state_dir"),
            life: self.life(t),
            daemon: self.boolean(t, "daemon"),
            hard_stop_after: self.timeout(t, "hard_stop_after"),
            spread_checks: self.number(t, "spread_checks"),
            max_spread_checks: self.duration_or_zero(t, "max_spread_checks"),
            bufsize: self.number(t, "bufsize"),
            tuning: self.tuning(t),
            variables: self.statements(t, "variables"),
            commands: Commands::default(),
        };
        self.finish(&table);
        global
    }

    fn global_log(&mut self, table: &mut Table<'_>) -> Vec<LogTarget> {
        let mut targets = Vec::new();
        for value in self.list(table, "log") {
            if value.get_ref().as_str() == Some("global") {
                let span = span_of(self.file, value);
                self.alert(span, "'global' cannot be a target of the global log itself", None);
            } else if let Some(target) = self.log_target(value) {
                targets.push(target);
            }
        }
        targets
    }

    /// `true` for the machine's own name, or the name to show.
    fn hostname(&mut self, table: &mut Table<'_>) -> Field<String> {
        let value = table.take("log_send_hostname")?;
        let span = span_of(self.file, value);
        match value.get_ref().as_bool() {
            Some(true) => Some(Spanned::new(String::new(), span)),
            Some(false) => None,
            None => self.string_of("log_send_hostname", value),
        }
    }

    /// `log` of a frontend or backend: `"global"`, a target, or a list of these.
    pub(super) fn log(&mut self, table: &mut Table<'_>) -> Vec<Log> {
        let mut log = Vec::new();
        for value in self.list(table, "log") {
            if value.get_ref().as_str() == Some("global") {
                log.push(Log::Global(span_of(self.file, value)));
            } else if let Some(target) = self.log_target(value) {
                log.push(Log::Target(Box::new(target)));
            }
        }
        log
    }

    fn log_target(&mut self, value: Value<'_>) -> Option<LogTarget> {
        let Some(entries) = value.get_ref().as_table() else {
            let target = self.string_of("log", value)?;
            if let Some((first, _)) = target.value.split_once(' ') {
                let message = format!("'{}' is not a log target", target.value);
                let help = format!("write {{ target = \"{first}\", facility = \"local0\" }}");
                self.alert(target.span, message, help);
                return None;
            }
            return Some(LogTarget::new(target));
        };
        let mut table = Table::new(entries, span_of(self.file, value), "a log target");
        let t = &mut table;
        let target = self.string(t, "target");
        let options = LogTarget {
            len: self.number(t, "len"),
            format: self.string(t, "format"),
            facility: self.string(t, "facility"),
            level: self.string(t, "level"),
            minlevel: self.string(t, "minlevel"),
            sample: self.string(t, "sample"),
            ..LogTarget::new(Spanned::new(String::new(), t.span))
        };
        if target.is_none() {
            let help = "write target = \"/dev/log\", \"127.0.0.1:514\", \"stdout\" or \"stderr\"";
            self.alert(t.span, "a log target without 'target'", help.to_owned());
        }
        self.finish(&table);
        Some(LogTarget { target: target?, ..options })
    }

    pub(super) fn stats(&mut self, mut table: Table<'_>) -> Stats {
        let name = self.string(&mut table, "name");
        let stats = Stats {
            name: name.unwrap_or_else(|| Spanned::new(STATS_NAME.to_owned(), table.span)),
            binds: self.binds(&mut table),
            metrics_path: self.string(&mut table, "metrics_path"),
        };
        self.finish(&table);
        stats
    }
}
