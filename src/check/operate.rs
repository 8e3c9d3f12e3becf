//! A session with a database that changes what it is, for a planned switchover.
//!
//! It is opened where and as the server's check does it, by an account that may do more. Every step
//! has a time limit; a session that failed once is of no more use.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::process::Command;

use super::driver::held::Held;
use super::external::{NOT_STARTED, Program, SIGNALLED};
use super::held::dialogue;
use super::target::{Target, Timing};
use crate::config::model::{self, DatabaseCheck, ServerTls};
use crate::pure::health::verdict::{CheckStatus, Verdict};
use crate::pure::role::Reading;
use crate::state::{Backend, Server};

/// See the module.
pub struct Operator {
    held: Held,
    /// What errors begin with; nothing where it is not known who answers.
    name: String,
}

impl fmt::Debug for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operator").finish_non_exhaustive()
    }
}

impl Operator {
    /// Logs in to a server as `account`, within `limit`.
    ///
    /// # Errors
    /// Why that failed, for people.
    ///
    /// # Cancel safety
    /// Dropping the future closes the connection.
    pub async fn connect(
        backend: &Backend,
        server: &Server,
        account: &DatabaseCheck,
        limit: Duration,
    ) -> Result<Self, String> {
        let settings = server.settings().clone();
        let source = backend.settings().source_of(&settings).and_then(model::Source::local);
        let check = settings.check.as_ref();
        let target = check.and_then(|check| Target::of(&settings, check, source));
        let target = target.ok_or_else(|| "it has no address".to_owned())?;
        let timing = Timing { inter: limit, connect: limit, answer: Some(limit) };
        let opened = Self::open(&Target { timing, ..target }, account, limit).await?;
        Ok(Self { name: server.name.to_string(), ..opened })
    }

    /// Logs in at `addr` as `account`, within `limit`, with this TLS where the account asks for any.
    ///
    /// # Errors
    /// Why that failed, for people.
    ///
    /// # Cancel safety
    /// Dropping the future closes the connection.
    pub async fn reach(
        addr: SocketAddr,
        account: &DatabaseCheck,
        tls: Option<Box<ServerTls>>,
        limit: Duration,
    ) -> Result<Self, String> {
        let timing = Timing { inter: limit, connect: limit, answer: Some(limit) };
        Self::open(&Target { tls, ..Target::plain(addr, timing) }, account, limit).await
    }

    /// A verdict in words, and whose it is.
    fn said(&self, verdict: &Verdict) -> String {
        match &*self.name {
            "" => words(verdict),
            name => format!("{name}: {}", words(verdict)),
        }
    }

    async fn open(
        target: &Target,
        account: &DatabaseCheck,
        limit: Duration,
    ) -> Result<Self, String> {
        let opened = tokio::time::timeout(limit, Held::open(target, dialogue(account))).await;
        match opened {
            Ok(Ok(held)) => Ok(Self { held, name: String::new() }),
            Ok(Err(verdict)) => Err(words(&verdict)),
            Err(_) => Err("no answer in time".to_owned()),
        }
    }

    /// What the database says it is.
    ///
    /// # Errors
    /// Why it does not say, for people.
    ///
    /// # Cancel safety
    /// As that of [`execute`](Self::execute).
    pub async fn ask(&mut self, limit: Duration) -> Result<Reading, String> {
        let asked = self.held.ask(limit).await;
        asked.map_err(|verdict| self.said(&verdict))
    }

    /// Has a statement executed; yields what the first row of the answer begins with.
    ///
    /// # Errors
    /// Why it was not, or that it is not known whether it was, for people.
    ///
    /// # Cancel safety
    /// The session is of no more use when the future is dropped.
    pub async fn execute(
        &mut self,
        statement: &str,
        limit: Duration,
    ) -> Result<Option<String>, String> {
        let executed = self.held.execute(statement, limit).await;
        executed.map_err(|verdict| self.said(&verdict))
    }
}

/// Runs a program of the operator's, its path first, with `variables` besides ours, for `limit` at
/// most; it is ended then, with what it started. What it leaves running when it ends by itself goes on.
///
/// # Errors
/// It could not be started, failed, or took too long.
///
/// # Cancel safety
/// Dropping the future kills the program's process group.
pub async fn program(
    words: &[String],
    variables: &[(&str, String)],
    limit: Duration,
) -> Result<(), String> {
    let Some(program) = prepared(words, variables) else { return Ok(()) };
    judged(&words[0], limit, &program.run(limit).await)
}

/// The same; who asked is told what it says last on standard error, where it fails.
///
/// # Errors
/// As those of [`program`], with that.
///
/// # Cancel safety
/// As that of [`program`].
pub async fn program_heard(
    words: &[String],
    variables: &[(&str, String)],
    limit: Duration,
) -> Result<(), String> {
    let Some(program) = prepared(words, variables) else { return Ok(()) };
    let (verdict, last) = program.run_heard(limit).await;
    judged(&words[0], limit, &verdict).map_err(|why| match &*last {
        "" => why,
        last => format!("{why}; it said: {last}"),
    })
}

fn prepared(words: &[String], variables: &[(&str, String)]) -> Option<Program> {
    let (path, arguments) = words.split_first()?;
    let mut command = Command::new(path);
    command.args(arguments).envs(variables.iter().map(|(name, value)| (name, value)));
    Some(Program::bound(command).survived())
}

/// What became of a program that might run for `limit`.
fn judged(path: &str, limit: Duration, verdict: &Verdict) -> Result<(), String> {
    let why = verdict.info().strip_prefix(NOT_STARTED);
    match (verdict.status, verdict.code) {
        (CheckStatus::ProcessOk, _) => Ok(()),
        (CheckStatus::ProcessTimeout, _) => Err(format!("{path} did not end within {limit:?}")),
        (_, code) => Err(match (why, code) {
            (Some(why), _) => format!("{path} cannot be started: {why}"),
            (None, Some(SIGNALLED)) => format!("{path} was ended by a signal"),
            (None, code) => format!("{path} ended with {}", code.unwrap_or_default()),
        }),
    }
}

/// A verdict in words.
fn words(verdict: &Verdict) -> String {
    match verdict.info() {
        "" => verdict.status.text().to_owned(),
        info => info.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_a_program_leaves_running_goes_on() {
        let dir = std::env::temp_dir().join(format!("evenkeel-operate-{}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("a directory");
        let pipe = dir.join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo");
        assert!(made.success());
        let script = format!("(echo later > {}) &", pipe.display());
        let words = ["/bin/sh", "-c", &script].map(str::to_owned);
        program_heard(&words, &[], Duration::from_secs(60)).await.expect("it ends well");
        // It can write once somebody reads.
        let read = tokio::task::spawn_blocking(move || std::fs::read_to_string(pipe));
        let read = tokio::time::timeout(Duration::from_secs(60), read).await;
        assert_eq!(read.expect("in time").expect("no panic").expect("a line"), "later\n");
        let _ = std::fs::remove_dir_all(&dir);
    }

    #[tokio::test]
    async fn what_became_of_a_program_is_said_in_words_of_its_own() {
        let rows: [(&[&str], &str); 5] = [
            (&["/bin/true"], ""),
            (&["/bin/false"], "/bin/false ended with 1"),
            (
                &["/bin/sh", "-c", "echo one >&2; echo no quorum >&2; sleep 5 & exit 3"],
                "/bin/sh ended with 3; it said: one / no quorum",
            ),
            (&["/bin/sh", "-c", "kill -9 $$"], "/bin/sh was ended by a signal"),
            (&["/nonexistent/x"], "/nonexistent/x cannot be started: No such file or directory"),
        ];
        for (words, why) in rows {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            let said =
                program_heard(&words, &[], Duration::from_secs(60)).await.err().unwrap_or_default();
            assert!(said.starts_with(why) && said.is_empty() == why.is_empty(), "{said}");
        }
    }
}
