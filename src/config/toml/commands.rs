//! Pure: `[commands]`.

use super::table::{Table, Value, span_of};
use super::values::Decoder;
use crate::config::raw::{Bind, CommandSocket, Commands};

impl Decoder<'_> {
    pub(super) fn commands(&mut self, mut table: Table<'_>) -> Commands {
        let t = &mut table;
        let sockets = self.list(t, "socket");
        let commands = Commands {
            sockets: sockets.into_iter().filter_map(|value| self.command_socket(value)).collect(),
            timeout: self.timeout(t, "timeout"),
            maxconn: self.number(t, "maxconn"),
        };
        self.finish(&table);
        commands
    }

    fn command_socket(&mut self, value: Value<'_>) -> Option<CommandSocket> {
        let Some(entries) = value.get_ref().as_table() else {
            let bind = Bind::new(self.string_of("socket", value)?);
            return Some(CommandSocket {
                bind,
                level: None,
                severity: None,
                expose_listeners: None,
            });
        };
        let span = span_of(self.file, value);
        let mut table = Table::new(entries, span, "a socket of [commands]");
        let t = &mut table;
        let bind = self.bind_table(t);
        let level = self.string(t, "level");
        let severity = self.string(t, "severity_output");
        let expose_listeners = self.boolean(t, "expose_listeners");
        self.finish(&table);
        Some(CommandSocket { bind: bind?, level, severity, expose_listeners })
    }
}
