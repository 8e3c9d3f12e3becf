//! How a session ended: who or what ended it, and how far it had come.
//!
//! The two are the two letters HAProxy logs as `%ts`. Every exit of a session yields a
//! [`Termination`], so that no way out is without its code. The meanings follow HAProxy's
//! configuration manual, section 8.5; the letters were compared with HAProxy 2.6.12.

use std::fmt;

/// What ended the session: the first letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// Both sides closed in order.
    Normal,
    /// The client reset or gave up.
    ClientAbort,
    /// The server refused, reset or gave up, or there was no server to go to.
    ServerAbort,
    /// A rule or a limit of the proxy refused the session.
    Refused,
    /// The proxy answered by itself.
    Local,
    /// Ports, descriptors or memory ran out.
    Resource,
    /// The proxy failed one of its own checks.
    Internal,
    /// The server went down and `on-marked-down shutdown-sessions` ended its sessions.
    ServerDown,
    /// An active server came up and `on-marked-up shutdown-backup-sessions` ended this one.
    ServerUp,
    /// An operator ended it.
    Killed,
    /// The client was silent for longer than its timeout.
    ClientTimeout,
    /// The server was silent, or the connection or a slot not to be had, within the timeout.
    ServerTimeout,
}

impl Cause {
    /// All causes.
    pub const ALL: [Self; 12] = [
        Self::Normal,
        Self::ClientAbort,
        Self::ServerAbort,
        Self::Refused,
        Self::Local,
        Self::Resource,
        Self::Internal,
        Self::ServerDown,
        Self::ServerUp,
        Self::Killed,
        Self::ClientTimeout,
        Self::ServerTimeout,
    ];

    /// HAProxy's letter.
    #[must_use]
    pub const fn letter(self) -> char {
        match self {
            Self::Normal => '-',
            Self::ClientAbort => 'C',
            Self::ServerAbort => 'S',
            Self::Refused => 'P',
            Self::Local => 'L',
            Self::Resource => 'R',
            Self::Internal => 'I',
            Self::ServerDown => 'D',
            Self::ServerUp => 'U',
            Self::Killed => 'K',
            Self::ClientTimeout => 'c',
            Self::ServerTimeout => 's',
        }
    }
}

/// How far the session had come: the second letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Everything was transferred.
    Ended,
    /// Before a backend was chosen: a header or the bytes that rules look at were awaited.
    Request,
    /// Waiting for a slot of a server.
    Queue,
    /// Connecting to a server.
    Connect,
    /// Waiting for the head of a server's response.
    Headers,
    /// Transferring.
    Data,
    /// The server is done; the last bytes go to the client.
    Last,
    /// Held by a tarpit.
    Tarpit,
}

impl Phase {
    /// All phases.
    pub const ALL: [Self; 8] = [
        Self::Ended,
        Self::Request,
        Self::Queue,
        Self::Connect,
        Self::Headers,
        Self::Data,
        Self::Last,
        Self::Tarpit,
    ];

    /// HAProxy's letter.
    #[must_use]
    pub const fn letter(self) -> char {
        match self {
            Self::Ended => '-',
            Self::Request => 'R',
            Self::Queue => 'Q',
            Self::Connect => 'C',
            Self::Headers => 'H',
            Self::Data => 'D',
            Self::Last => 'L',
            Self::Tarpit => 'T',
        }
    }
}

/// The end of one session.
///
/// ```text
/// what happened                                             cause          phase    letters
/// both sides closed                                         Normal         Ended    --
/// client left or reset while its bytes were inspected       ClientAbort    Request  CR
/// client left while queued                                  ClientAbort    Queue    CQ
/// client left while the server was dialled                  ClientAbort    Connect  CC
/// client reset                                              ClientAbort    Data     CD
/// no server, no backend, or refused after all retries       ServerAbort    Connect  SC
/// server reset                                              ServerAbort    Data     SD
/// rule refused the session                                  Refused        Request  PR
/// limit refused the connection to a server                  Refused        Connect  PC
/// as many clients are held as may be                        Resource       Queue    RQ
/// no port or descriptor left for the connection             Resource       Connect  RC
/// inspection took longer than the client's timeout          ClientTimeout  Request  cR
/// client idle                                               ClientTimeout  Data     cD
/// no slot within `timeout queue`                            ServerTimeout  Queue    sQ
/// no connection within `timeout connect`                    ServerTimeout  Connect  sC
/// server or tunnel idle                                     ServerTimeout  Data     sD
/// server marked down under the session                      ServerDown     Data     D-
/// backup session ended for an active server                 ServerUp       Data     U-
/// operator ended the session                                Killed         Data     K-
/// operator ended a queued session                           Killed         Queue    KQ
/// proxy answered by itself                                  Local          Request  LR
/// proxy's own failure                                       Internal       Connect  IC
/// ```
///
/// Sessions that the proxy cuts while data flows (`D`, `U`, `K`) print `-` as their second letter:
/// HAProxy 2.6 does, 3.5 prints `C`, and the manual would let one expect `D`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Termination {
    /// What ended it.
    pub cause: Cause,
    /// How far it had come.
    pub phase: Phase,
}

impl Termination {
    /// The normal end, `--`.
    pub const NORMAL: Self = Self::new(Cause::Normal, Phase::Ended);

    /// The end for `cause` in `phase`.
    #[must_use]
    pub const fn new(cause: Cause, phase: Phase) -> Self {
        Self { cause, phase }
    }

    /// HAProxy's two letters.
    #[must_use]
    pub const fn letters(self) -> [char; 2] {
        let second = match (self.cause, self.phase) {
            (Cause::ServerDown | Cause::ServerUp | Cause::Killed, Phase::Data) => '-',
            (_, phase) => phase.letter(),
        };
        [self.cause.letter(), second]
    }

    /// Whether something went wrong, which `dontlog-normal` and `log-separate-errors` ask.
    #[must_use]
    pub const fn is_error(self) -> bool {
        !matches!(self.cause, Cause::Normal | Cause::Local)
    }
}

impl fmt::Display for Termination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second] = self.letters();
        write!(f, "{first}{second}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table above [`Termination`], row by row.
    const TABLE: [(Cause, Phase, &str); 21] = [
        (Cause::Normal, Phase::Ended, "--"),
        (Cause::ClientAbort, Phase::Request, "CR"),
        (Cause::ClientAbort, Phase::Queue, "CQ"),
        (Cause::ClientAbort, Phase::Connect, "CC"),
        (Cause::ClientAbort, Phase::Data, "CD"),
        (Cause::ServerAbort, Phase::Connect, "SC"),
        (Cause::ServerAbort, Phase::Data, "SD"),
        (Cause::Refused, Phase::Request, "PR"),
        (Cause::Refused, Phase::Connect, "PC"),
        (Cause::Resource, Phase::Connect, "RC"),
        (Cause::ClientTimeout, Phase::Request, "cR"),
        (Cause::ClientTimeout, Phase::Data, "cD"),
        (Cause::ServerTimeout, Phase::Queue, "sQ"),
        (Cause::ServerTimeout, Phase::Connect, "sC"),
        (Cause::ServerTimeout, Phase::Data, "sD"),
        (Cause::ServerDown, Phase::Data, "D-"),
        (Cause::ServerUp, Phase::Data, "U-"),
        (Cause::Killed, Phase::Data, "K-"),
        (Cause::Killed, Phase::Queue, "KQ"),
        (Cause::Local, Phase::Request, "LR"),
        (Cause::Internal, Phase::Connect, "IC"),
    ];

    #[test]
    fn letters_follow_the_table() {
        for (cause, phase, letters) in TABLE {
            let end = Termination::new(cause, phase);
            assert_eq!(end.to_string(), letters, "{cause:?} in {phase:?}");
            assert_eq!(end.is_error(), !matches!(letters.as_bytes()[0], b'-' | b'L'));
        }
    }

    #[test]
    fn letters_are_the_manuals_and_tell_causes_and_phases_apart() {
        let first: String = Cause::ALL.iter().map(|cause| cause.letter()).collect();
        let second: String = Phase::ALL.iter().map(|phase| phase.letter()).collect();
        assert_eq!(first, "-CSPLRIDUKcs");
        assert_eq!(second, "-RQCHDLT");
    }
}
