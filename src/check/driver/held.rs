//! A database session that is held between checks: it is asked what the database is, and heard when
//! the database goes.
//!
//! Bound: one connection, [`CHUNK_BYTES`](super::CHUNK_BYTES) of stack, and what its dialogue keeps.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::{Context, Waker};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::Interest;
use tokio::time::{Instant, timeout_at};

use super::tls::{Unshaken, shake_unjudged};
use super::{CHUNK_BYTES, Conn, Polled, Problem, connect, polled, send};
use crate::check::target::Target;
use crate::pure::health::verdict::{CheckStatus, Verdict};
use crate::pure::probe::{Close, Connect, Opening};
use crate::pure::role::Reading;
use crate::pure::sentinel::{Dialogue, Fault, Said, Settings};

/// A session of an account, logged in.
pub(in crate::check) struct Held {
    conn: Option<Conn>,
    dialogue: Dialogue,
    said: VecDeque<Said>,
}

/// What went wrong, before it is a verdict.
pub(super) enum Trouble {
    System(Problem),
    Tls(Unshaken),
    Server(Fault),
    TimedOut,
}

/// Whether nobody listens where the target is. A server that is there sees a connection that is
/// closed without a word.
///
/// # Cancel safety
/// Dropping the future closes the connection.
pub(in crate::check) async fn is_refused(target: &Target) -> bool {
    matches!(reach(target).await, Some(Err(problem)) if problem.heard)
}

/// Whether somebody listens there, which the server sees as the other.
///
/// # Cancel safety
/// Dropping the future closes the connection.
pub(in crate::check) async fn is_listening(target: &Target) -> bool {
    matches!(reach(target).await, Some(Ok(_)))
}

/// What becomes of a connection; `None`: nothing in time.
async fn reach(target: &Target) -> Option<Result<Conn, Problem>> {
    let ask = Connect::plain(Close::Polite, Opening::Ours);
    timeout_at(Instant::now() + target.timing.connect, connect(target, &ask)).await.ok()
}

impl Held {
    /// Connects and logs in, within the target's time.
    ///
    /// # Errors
    /// The verdict on a server that cannot be logged in to. It is [certain](Verdict::certain) where
    /// nobody listens or the server says that it lets nobody in, which the caller may know better.
    ///
    /// # Cancel safety
    /// Dropping the future closes the connection.
    pub(in crate::check) async fn open(
        target: &Target,
        dialogue: Dialogue,
    ) -> Result<Self, Verdict> {
        let begun = Instant::now();
        let bound =
            begun + target.timing.answer.map_or(target.timing.inter, |_| target.timing.connect);
        let ask = Connect::plain(Close::Polite, Opening::Ours);
        let conn = match timeout_at(bound, connect(target, &ask)).await {
            Ok(Ok(conn)) => conn,
            Ok(Err(problem)) => return Err(verdict(Trouble::System(problem), true, begun)),
            Err(_) => return Err(verdict(Trouble::TimedOut, true, begun)),
        };
        conn.set_patience(target.timing.answer.unwrap_or(target.timing.inter));
        let mut held = Self { conn: Some(conn), dialogue, said: VecDeque::new() };
        let bound = target.timing.answer.map_or(bound, |answer| Instant::now() + answer);
        match timeout_at(bound, held.log_in(target)).await {
            Ok(Ok(())) => Ok(held),
            Ok(Err(trouble)) => Err(verdict(trouble, false, begun)),
            Err(_) => Err(verdict(Trouble::TimedOut, false, begun)),
        }
    }

    /// Asks the database what it is.
    ///
    /// # Errors
    /// The verdict on one that does not say; the session is of no more use then.
    ///
    /// # Cancel safety
    /// The session is of no more use when the future is dropped.
    pub(in crate::check) async fn ask(&mut self, limit: Duration) -> Result<Reading, Verdict> {
        let begun = Instant::now();
        match timeout_at(begun + limit, self.poll()).await {
            Ok(Ok(reading)) => Ok(reading),
            Ok(Err(trouble)) => Err(verdict(trouble, false, begun)),
            Err(_) => Err(verdict(Trouble::TimedOut, false, begun)),
        }
    }

    /// Has a statement executed; yields what the first row of the answer begins with.
    ///
    /// # Errors
    /// The verdict on a database that refuses or does not answer; the session is of no more use
    /// then, and whether the statement took effect is not known where no answer came.
    ///
    /// # Cancel safety
    /// The session is of no more use when the future is dropped.
    pub(in crate::check) async fn execute(
        &mut self,
        statement: &str,
        limit: Duration,
    ) -> Result<Option<String>, Verdict> {
        let begun = Instant::now();
        let done = async {
            let Some(bytes) = self.dialogue.execute(statement) else {
                return Err(Trouble::System(Problem::not_connected()));
            };
            send(&mut self.conn, &bytes).await.map_err(Trouble::System)?;
            loop {
                if let Said::Done(first) = self.next().await? {
                    return Ok(first);
                }
            }
        };
        match timeout_at(begun + limit, done).await {
            Ok(Ok(first)) => Ok(first),
            Ok(Err(trouble)) => Err(verdict(trouble, false, begun)),
            Err(_) => Err(verdict(Trouble::TimedOut, false, begun)),
        }
    }

    /// What the database said of its settings when it was asked.
    pub(in crate::check) const fn settings(&self) -> Option<&Settings> {
        self.dialogue.settings()
    }

    /// Completes when the database says that it goes, or is gone.
    ///
    /// # Cancel safety
    /// Safe: what was read is kept by the dialogue.
    pub(in crate::check) async fn gone(&mut self) {
        while let Ok(()) = self.receive().await {}
    }

    async fn log_in(&mut self, target: &Target) -> Result<(), Trouble> {
        let first = self.dialogue.handle_connected().map_err(Trouble::Server)?;
        self.said.extend(first);
        loop {
            match self.next().await? {
                Said::LoggedIn => return Ok(()),
                Said::Send(bytes) => {
                    send(&mut self.conn, &bytes).await.map_err(Trouble::System)?;
                }
                Said::StartTls => self.secure(target).await?,
                Said::Reading(_) | Said::Done(_) => {}
            }
        }
    }

    /// Shakes hands.
    async fn secure(&mut self, target: &Target) -> Result<(), Trouble> {
        let conn = self.conn.take().zip(target.tls.as_deref());
        let (conn, tls) = conn.ok_or_else(|| Trouble::System(Problem::not_connected()))?;
        // Boxed: sessions without TLS have no room for it.
        let shaken = Box::pin(shake_unjudged(conn, target, tls)).await;
        let (secured, distrust) = shaken.map_err(Trouble::Tls)?;
        self.conn = Some(secured);
        if let Some(distrust) = distrust {
            let excuse = self.dialogue.handle_distrusted();
            if !excuse.is_empty() && send(&mut self.conn, &excuse).await.is_ok() {
                // Who closes before the answer is there resets the connection, and the excuse with it.
                while let Ok(()) = self.receive().await {}
            }
            return Err(Trouble::Tls(distrust));
        }
        self.said.extend(self.dialogue.handle_secured().map_err(Trouble::Server)?);
        Ok(())
    }

    async fn poll(&mut self) -> Result<Reading, Trouble> {
        let Some(question) = self.dialogue.poll() else {
            return Err(Trouble::System(Problem::not_connected()));
        };
        send(&mut self.conn, &question).await.map_err(Trouble::System)?;
        loop {
            match self.next().await? {
                Said::Reading(reading) => return Ok(reading),
                // It asks for less.
                Said::Send(bytes) => {
                    send(&mut self.conn, &bytes).await.map_err(Trouble::System)?;
                }
                Said::LoggedIn | Said::StartTls | Said::Done(_) => {}
            }
        }
    }

    /// What the dialogue says next.
    async fn next(&mut self) -> Result<Said, Trouble> {
        loop {
            if let Some(said) = self.said.pop_front() {
                return Ok(said);
            }
            self.receive().await?;
        }
    }

    /// Waits for bytes and hands them to the dialogue.
    async fn receive(&mut self) -> Result<(), Trouble> {
        let Self { conn, dialogue, said } = self;
        if let Some(Conn::Tls { stream, .. }) = conn {
            let mut chunk = [0; CHUNK_BYTES];
            return match poll_fn(|cx| stream.poll_read(cx, &mut chunk)).await {
                Ok(0) => Err(Trouble::System(Problem::closed())),
                Ok(len) => {
                    said.extend(dialogue.handle_bytes(&chunk[..len]).map_err(Trouble::Server)?);
                    Ok(())
                }
                Err(error) => Err(Trouble::System(Problem::of(&error))),
            };
        }
        let polled: &Polled = polled(conn).map_err(Trouble::System)?;
        let read = |mut socket: &socket2::Socket| {
            let mut chunk = [0; CHUNK_BYTES];
            Ok(match std::io::Read::read(&mut socket, &mut chunk)? {
                0 => None,
                len => Some(dialogue.handle_bytes(&chunk[..len])),
            })
        };
        match polled.io(Interest::READABLE, read).await {
            Ok(Some(Ok(more))) => {
                said.extend(more);
                Ok(())
            }
            Ok(Some(Err(fault))) => Err(Trouble::Server(fault)),
            Ok(None) => Err(Trouble::System(Problem::closed())),
            Err(error) => Err(Trouble::System(Problem::of(&error))),
        }
    }
}

impl Drop for Held {
    /// Says goodbye where that takes no waiting, so that the database has nothing to complain of.
    fn drop(&mut self) {
        let goodbye = self.dialogue.goodbye();
        let _ = match &mut self.conn {
            Some(Conn::Fresh(socket, _)) => socket.send(&goodbye),
            Some(Conn::Polled(Polled::Tcp(stream))) => stream.try_write(&goodbye),
            Some(Conn::Polled(Polled::Unix(stream))) => stream.try_write(&goodbye),
            Some(Conn::Tls { stream, .. }) => {
                let cx = &mut Context::from_waker(Waker::noop());
                let _ = stream.poll_write(cx, &goodbye);
                let _ = stream.poll_shutdown_write(cx);
                Ok(0)
            }
            None => Ok(0),
        };
    }
}

impl Conn {
    /// What is sent is sent at once, and a connection on which nothing is acknowledged for this
    /// long is gone. Best effort: a question that is not answered is noticed anyway.
    fn set_patience(&self, patience: Duration) {
        let socket = match self {
            Self::Fresh(socket, _) => SockRef::from(socket),
            Self::Polled(Polled::Tcp(stream)) => SockRef::from(stream),
            Self::Polled(Polled::Unix(_)) | Self::Tls { .. } => return,
        };
        let _ = socket.set_tcp_nodelay(true);
        let _ = socket.set_tcp_user_timeout(Some(patience));
    }
}

impl Problem {
    fn closed() -> Self {
        let text = "Connection closed by the database".to_owned();
        Self { text, heard: true, denied: false, ours: false }
    }
}

/// The verdict on a database that could not be asked.
pub(super) fn verdict(trouble: Trouble, connecting: bool, begun: Instant) -> Verdict {
    let says_goodbye = matches!(&trouble, Trouble::Server(fault) if fault.is_goodbye);
    let is_refused = match &trouble {
        Trouble::Server(fault) => fault.is_refusal,
        Trouble::Tls(unshaken) => unshaken.disagreement.is_some(),
        Trouble::System(_) | Trouble::TimedOut => false,
    };
    let is_unasked = matches!(&trouble, Trouble::System(problem) if problem.ours);
    let (status, text, heard) = match trouble {
        Trouble::System(problem) => {
            let status = if connecting { CheckStatus::L4Con } else { CheckStatus::SocketError };
            (status, problem.text, problem.heard)
        }
        Trouble::Tls(Unshaken { problem, disagreement }) => {
            (CheckStatus::L6Response, disagreement.unwrap_or(problem.text), problem.heard)
        }
        Trouble::Server(fault) => (fault.status, fault.text, fault.is_goodbye),
        Trouble::TimedOut if connecting => (CheckStatus::L4Timeout, String::new(), false),
        Trouble::TimedOut => (CheckStatus::L7Timeout, String::new(), false),
    };
    let mut verdict = Verdict::new(status).with_info(text.as_bytes());
    (verdict.duration, verdict.heard) = (begun.elapsed(), heard);
    verdict.certain = heard && (connecting || says_goodbye);
    (verdict.refused, verdict.unasked) = (is_refused, is_unasked);
    verdict
}
