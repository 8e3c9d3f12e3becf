//! What a program of the operator's says on standard error: it goes where ours goes, and the last of it
//! is kept for who asked for the program.
//!
//! Bounds: [`KEPT_BYTES_MAX`] are kept, of which [`LINES_MAX`] lines are shown.

use std::collections::VecDeque;
use std::io::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::process::ChildStderr;
use tokio::task::JoinHandle;

use crate::telemetry::stdio::PatientStderr;

/// So much is kept.
const KEPT_BYTES_MAX: usize = 1024;

/// So much is shown.
const LINES_MAX: usize = 5;

/// How long the end of it is waited for once the program has ended: what that leaves running may have it
/// open, too.
const END_MAX: Duration = Duration::from_millis(100);

/// See the module.
#[derive(Debug)]
pub(super) struct Complaint {
    kept: Arc<Mutex<VecDeque<u8>>>,
    /// It goes on until nobody has the other end, be this dropped before.
    reading: JoinHandle<()>,
}

impl Complaint {
    /// Begins to listen.
    pub(super) fn of(mut stderr: ChildStderr) -> Self {
        let kept = Arc::new(Mutex::new(VecDeque::new()));
        let heard = Arc::clone(&kept);
        let reading = tokio::spawn(async move {
            let mut buf = [0; KEPT_BYTES_MAX];
            while let Ok(len @ 1..) = stderr.read(&mut buf).await {
                // It takes everything.
                let _ = PatientStderr.write_all(&buf[..len]);
                let mut kept = heard.lock().unwrap_or_else(PoisonError::into_inner);
                kept.extend(&buf[..len]);
                let spare = kept.len().saturating_sub(KEPT_BYTES_MAX);
                kept.drain(..spare);
            }
        });
        Self { kept, reading }
    }

    /// The last lines of a program that has ended, fit to be shown; empty: it said nothing.
    pub(super) async fn lines(self) -> String {
        let _ = tokio::time::timeout(END_MAX, self.reading).await;
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        shown(kept.make_contiguous())
    }
}

/// The last lines of what was said, without what a terminal would act on.
fn shown(said: &[u8]) -> String {
    let text = String::from_utf8_lossy(said);
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let mut last: Vec<&str> = lines.rev().take(LINES_MAX).collect();
    last.reverse();
    let visible = |c: char| match c {
        '\t' => " ".to_owned(),
        c if c.is_control() => c.escape_default().to_string(),
        c => c.to_string(),
    };
    last.join(" / ").chars().map(visible).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_shown_as_text() {
        assert_eq!(shown(b""), "");
        assert_eq!(shown(b"\n a\tb \r\n\n\x1b[1mc\xff"), "a b / \\u{1b}[1mc\u{fffd}");
        assert_eq!(shown(b"1\n2\n3\n4\n5\n6\n"), "2 / 3 / 4 / 5 / 6");
    }
}
