//! What one check found.
//!
//! The words, numbers and texts are HAProxy's, because operators grep for them and dashboards key
//! on them. A failed check is a verdict, never an error. Bound: an excerpt of what the server said
//! is at most [`INFO_BYTES_MAX`] bytes of printable ASCII.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

/// Bytes of [`Verdict::info`] at most; HAProxy keeps as much.
pub const INFO_BYTES_MAX: usize = 127;

/// How a check ended, in HAProxy's taxonomy; the discriminant is the number of state files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum CheckStatus {
    /// Nothing is known.
    Unknown = 0,
    /// No check has ended yet.
    Init = 1,
    /// An agent answered and said nothing of the server's health.
    Checked = 3,
    /// Judged from traffic.
    HealthAnalyze = 4,
    /// The connection broke after it was up, or could not be tried.
    SocketError = 5,
    /// Connected.
    L4Ok = 6,
    /// Not connected in time.
    L4Timeout = 7,
    /// Refused or unreachable.
    L4Con = 8,
    /// Secure layer up.
    L6Ok = 9,
    /// Secure layer not up in time.
    L6Timeout = 10,
    /// Secure layer answered wrongly.
    L6Response = 11,
    /// No full answer in time.
    L7Timeout = 12,
    /// An answer that makes no sense.
    L7Response = 13,
    /// The right answer.
    L7Ok = 15,
    /// Alive but asks for no new sessions.
    L7OkConditional = 16,
    /// A sound answer that says no.
    L7Status = 17,
    /// External program failed.
    ProcessError = 18,
    /// External program not done in time.
    ProcessTimeout = 19,
    /// External program passed.
    ProcessOk = 20,
}

/// What a status means for the score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Says nothing.
    Neutral,
    /// Counts against the server.
    Failed,
    /// Counts for the server.
    Passed,
    /// Counts for the server, which takes no new sessions.
    Conditional,
}

/// Every status with its short name, its text and its class, in the order of the numbers.
const STATUSES: [(CheckStatus, &str, &str, Class); 19] = [
    (CheckStatus::Unknown, "UNK", "Unknown", Class::Neutral),
    (CheckStatus::Init, "INI", "Initializing", Class::Neutral),
    (CheckStatus::Checked, "CHECKED", "No status change", Class::Neutral),
    (CheckStatus::HealthAnalyze, "HANA", "Health analyze", Class::Failed),
    (CheckStatus::SocketError, "SOCKERR", "Socket error", Class::Failed),
    (CheckStatus::L4Ok, "L4OK", "Layer4 check passed", Class::Passed),
    (CheckStatus::L4Timeout, "L4TOUT", "Layer4 timeout", Class::Failed),
    (CheckStatus::L4Con, "L4CON", "Layer4 connection problem", Class::Failed),
    (CheckStatus::L6Ok, "L6OK", "Layer6 check passed", Class::Passed),
    (CheckStatus::L6Timeout, "L6TOUT", "Layer6 timeout", Class::Failed),
    (CheckStatus::L6Response, "L6RSP", "Layer6 invalid response", Class::Failed),
    (CheckStatus::L7Timeout, "L7TOUT", "Layer7 timeout", Class::Failed),
    (CheckStatus::L7Response, "L7RSP", "Layer7 invalid response", Class::Failed),
    (CheckStatus::L7Ok, "L7OK", "Layer7 check passed", Class::Passed),
    (
        CheckStatus::L7OkConditional,
        "L7OKC",
        "Layer7 check conditionally passed",
        Class::Conditional,
    ),
    (CheckStatus::L7Status, "L7STS", "Layer7 wrong status", Class::Failed),
    (CheckStatus::ProcessError, "PROCERR", "External check error", Class::Failed),
    (CheckStatus::ProcessTimeout, "PROCTOUT", "External check timeout", Class::Failed),
    (CheckStatus::ProcessOk, "PROCOK", "External check passed", Class::Passed),
];

impl CheckStatus {
    /// All statuses, in the order of their numbers.
    pub fn all() -> impl Iterator<Item = Self> {
        STATUSES.iter().map(|row| row.0)
    }

    /// The number in state files, 0 to 20.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The short name, `L4OK`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// The text of logs and statistics, `Layer4 check passed`.
    #[must_use]
    pub fn text(self) -> &'static str {
        self.row().2
    }

    /// What it means for the score.
    #[must_use]
    pub fn class(self) -> Class {
        self.row().3
    }

    /// Whether the status comes with a code, 0 where the protocol has none.
    #[must_use]
    pub const fn has_code(self) -> bool {
        matches!(
            self,
            Self::L7Ok
                | Self::L7OkConditional
                | Self::L7Status
                | Self::ProcessError
                | Self::ProcessTimeout
                | Self::ProcessOk
        )
    }

    fn row(self) -> &'static (Self, &'static str, &'static str, Class) {
        STATUSES
            .iter()
            .find(|row| row.0 == self)
            .expect("the table names every status: a test walks it")
    }
}

/// What one check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// How it ended.
    pub status: CheckStatus,
    /// The protocol's code (HTTP status, SQL error, exit code); `None` where the status has none. -1
    /// is that of a program which a signal ended.
    pub code: Option<i32>,
    /// Start of the check to its end.
    pub duration: Duration,
    /// The network said no (refused, reset) instead of keeping quiet: worth confirming at once.
    pub heard: bool,
    /// It ended what was held with it and refuses what is new: no other check has to agree.
    pub certain: bool,
    /// It answers what is held with it and takes nothing new, since then at the earliest: as certain, and
    /// who has a session may still have an answer.
    pub shut: Option<Instant>,
    /// It lives, and does not let the check in: that says nothing against what it was found to be.
    pub refused: bool,
    /// When it said that; `None`: it did not.
    pub refused_at: Option<Instant>,
    /// This process had no descriptor or memory to ask with: nothing was found of the server.
    pub unasked: bool,
    /// Printable excerpt, bounded.
    info: Box<str>,
}

impl Verdict {
    /// A verdict without code, excerpt and duration.
    #[must_use]
    pub fn new(status: CheckStatus) -> Self {
        let code = status.has_code().then_some(0);
        let duration = Duration::ZERO;
        let [heard, certain, refused, unasked] = [false; 4];
        Self {
            status,
            code,
            duration,
            heard,
            certain,
            shut: None,
            refused,
            refused_at: None,
            unasked,
            info: Box::default(),
        }
    }

    /// The same with what the server or the system said, made printable and cut to size.
    #[must_use]
    pub fn with_info(mut self, said: &[u8]) -> Self {
        self.info = excerpt(said).into_boxed_str();
        self
    }

    /// The same with the protocol's code, which a status without code drops.
    #[must_use]
    pub fn with_code(self, code: u32) -> Self {
        self.with_signed_code(i32::try_from(code).unwrap_or(i32::MAX))
    }

    /// As [`with_code`](Self::with_code), for codes that may be negative.
    #[must_use]
    pub fn with_signed_code(mut self, code: i32) -> Self {
        self.code = self.status.has_code().then_some(code);
        self
    }

    /// What the server or the system said: printable ASCII, at most [`INFO_BYTES_MAX`] bytes.
    #[must_use]
    pub fn info(&self) -> &str {
        &self.info
    }

    /// Passed, conditionally or not.
    #[must_use]
    pub fn passed(&self) -> bool {
        matches!(self.status.class(), Class::Passed | Class::Conditional)
    }

    /// Whole milliseconds of the check, as logs and statistics show them.
    #[must_use]
    pub fn duration_ms(&self) -> u64 {
        u64::try_from(self.duration.as_millis()).unwrap_or(u64::MAX)
    }
}

/// `said` with unprintable bytes as `<XX>`, cut where the next byte would pass the bound.
fn excerpt(said: &[u8]) -> String {
    let mut text = String::with_capacity(said.len().min(INFO_BYTES_MAX));
    for &byte in said {
        let printable = (0x20..0x7f).contains(&byte);
        let grows = if printable { 1 } else { "<XX>".len() };
        if text.len() + grows > INFO_BYTES_MAX {
            break;
        }
        if printable {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "<{byte:02X}>");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_is_complete_and_in_order() {
        let numbers: Vec<u8> = CheckStatus::all().map(CheckStatus::number).collect();
        assert_eq!(numbers, [0, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 15, 16, 17, 18, 19, 20]);
        for status in CheckStatus::all() {
            assert!(!status.name().is_empty() && !status.text().is_empty());
        }
    }

    #[test]
    fn info_is_printable_and_bounded() {
        // HAProxy 2.6 logs `info: "FATAL<0A>then<01><FF>"` for these bytes.
        let verdict = Verdict::new(CheckStatus::L7Response).with_info(b"FATAL\nthen\x01\xff");
        assert_eq!(verdict.info(), "FATAL<0A>then<01><FF>");
        let verdict = verdict.with_info(&[b'y'; 400]);
        assert_eq!(verdict.info().len(), INFO_BYTES_MAX);
        let verdict = verdict.with_info(&[0; 400]);
        assert_eq!(verdict.info().len(), INFO_BYTES_MAX / 4 * 4);
    }

    #[test]
    fn only_statuses_of_layer_7_and_processes_carry_a_code() {
        assert_eq!(Verdict::new(CheckStatus::L7Ok).code, Some(0));
        assert_eq!(Verdict::new(CheckStatus::L7Status).with_code(1045).code, Some(1045));
        assert_eq!(Verdict::new(CheckStatus::L7Response).with_code(7).code, None);
        assert_eq!(Verdict::new(CheckStatus::L4Ok).code, None);
    }
}
