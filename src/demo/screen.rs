//! What the demo writes: one line an event, and one status line, on 80 columns.
//!
//! On a terminal the status line is rewritten in place and the events scroll above it; elsewhere
//! it is a line like the others.
#![allow(clippy::print_stdout, reason = "the demo is for reading")]

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use super::Failure;

/// Longest status line: one that wraps cannot be rewritten in place.
const COLUMNS: usize = 79;

/// Standard output.
pub(super) struct Screen {
    terminal: bool,
    /// The status line that is on the terminal now.
    status: String,
}

impl Screen {
    pub(super) fn new() -> Self {
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        Self { terminal: io::stdout().is_terminal() && !dumb, status: String::new() }
    }

    /// How often the status is worth a line.
    pub(super) fn status_interval(&self) -> Duration {
        if self.terminal { Duration::from_millis(200) } else { Duration::from_secs(1) }
    }

    /// Writes text that stays.
    pub(super) fn text(&mut self, text: &str) -> Result<(), Failure> {
        let status = std::mem::take(&mut self.status);
        if status.is_empty() {
            self.write(&format!("{text}\n"))
        } else {
            self.write(&format!("\r\x1b[K{text}\n{status}"))?;
            self.status = status;
            Ok(())
        }
    }

    /// An event that happened `at` after the start; bold where that is possible.
    pub(super) fn event(&mut self, at: Duration, text: &str) -> Result<(), Failure> {
        let line = timed(at, text);
        let line = if self.terminal { format!("\x1b[1m{line}\x1b[0m") } else { line };
        self.text(&line)
    }

    /// How things stand `at` after the start.
    pub(super) fn status(&mut self, at: Duration, text: &str) -> Result<(), Failure> {
        let line = timed(at, text);
        if !self.terminal {
            return self.write(&format!("{line}\n"));
        }
        let line: String = line.chars().take(COLUMNS).collect();
        self.write(&format!("\r\x1b[K{line}"))?;
        self.status = line;
        Ok(())
    }

    /// Leaves the status line as it is; what follows stands below it.
    pub(super) fn finish(&mut self) -> Result<(), Failure> {
        let open = !std::mem::take(&mut self.status).is_empty();
        if open { self.write("\n") } else { Ok(()) }
    }

    fn write(&self, text: &str) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        written.map_err(Failure::to("write to standard output"))
    }
}

fn timed(at: Duration, text: &str) -> String {
    format!("{:5.1} s  {text}", at.as_secs_f64())
}

/// A duration as people read it: three digits that matter.
pub(super) fn spell(duration: Duration) -> String {
    let ms = duration.as_secs_f64() * 1e3;
    match ms {
        _ if ms < 10.0 => format!("{ms:.2} ms"),
        _ if ms < 100.0 => format!("{ms:.1} ms"),
        _ if ms < 1000.0 => format!("{ms:.0} ms"),
        _ => format!("{:.2} s", ms / 1e3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_keep_three_digits() {
        let cases =
            [(312, "0.31 ms"), (9_871, "9.87 ms"), (42_300, "42.3 ms"), (812_000, "812 ms")];
        for (us, expected) in cases {
            assert_eq!(spell(Duration::from_micros(us)), expected);
        }
        assert_eq!(spell(Duration::from_millis(3521)), "3.52 s");
    }

    #[test]
    fn events_stand_under_each_other() {
        assert_eq!(timed(Duration::from_millis(2_040), "x"), "  2.0 s  x");
        assert_eq!(timed(Duration::from_millis(912_040), "x"), "912.0 s  x");
    }
}
