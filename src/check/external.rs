//! `option external-check`: a program is run, and its exit status is the verdict.
//!
//! The program gets nothing from us but its arguments and its environment: no input, and what it
//! prints goes where ours goes, as in HAProxy: nowhere for a daemon and where we are to be quiet. It
//! leads a process group of its own. Bound: when its time is over the group is asked to end, and after
//! [`GRACE`] it is killed; nothing of it is left when the verdict is there, and none is left behind
//! where the check itself is given up. Where this process is killed, the kernel kills the program.

use std::ffi::OsString;
use std::io;
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};
use tokio::time::{Instant, timeout, timeout_at};

use super::complaint::Complaint;
use crate::config::model::{self, ListenAddr, ServerAddr};
use crate::pure::health::verdict::{CheckStatus, Verdict};
use crate::pure::probe::kind::ExternalCheck;
use crate::state::{Backend, Process, Server};
use crate::sys::process::bind_to_life;
use crate::telemetry::stdio;

/// From being asked to end to being killed: enough to remove a temporary file.
const GRACE: Duration = Duration::from_millis(500);
/// What HAProxy reports of a program that could not be started: a status, and words before the reason.
const NOT_STARTED_CODE: i32 = 255;
pub(super) const NOT_STARTED: &str = "Failed to exec process for external health check: ";
/// What HAProxy reports of a program that a signal ended.
pub(super) const SIGNALLED: i32 = -1;
/// Stands for an address that there is none of, in arguments.
const NOT_USED: &str = "NOT_USED";

/// A program to run.
#[derive(Debug)]
pub(super) struct Program {
    command: Command,
    /// What it leaves running when it ends goes on.
    is_survived: bool,
}

/// An address as arguments and as variables show it; empty where there is none.
struct Shown {
    host: OsString,
    port: String,
}

impl Program {
    /// The program that checks `server`, with what HAProxy tells it.
    pub(super) fn new(
        check: &ExternalCheck,
        process: &Process,
        backend: &Backend,
        server: &Server,
    ) -> Self {
        let settings = server.settings();
        let proxy = Shown::of_proxy(process, backend);
        let target = Shown::of_server(&settings.address);
        let mut command = Command::new(&check.command);
        command.env_clear();
        if check.preserve_env {
            let variables = process.environment.variables();
            command.envs(variables.iter().map(|(name, value)| (name, value)));
        }
        command.args([proxy.host_argument(), proxy.port_argument()]);
        command.args([target.host_argument(), target.port_argument()]);
        command.env("HAPROXY_PROXY_NAME", &*backend.name);
        command.env("HAPROXY_PROXY_ID", backend.settings().id.0.to_string());
        command.env("HAPROXY_PROXY_ADDR", proxy.host).env("HAPROXY_PROXY_PORT", proxy.port);
        command.env("HAPROXY_SERVER_NAME", &*server.name);
        command.env("HAPROXY_SERVER_ID", settings.id.0.to_string());
        command.env("HAPROXY_SERVER_ADDR", target.host).env("HAPROXY_SERVER_PORT", target.port);
        let limit = settings.maxconn.map_or(0, std::num::NonZeroU32::get);
        command.env("HAPROXY_SERVER_MAXCONN", limit.to_string());
        let current = server.service.traffic.sessions.current();
        command.env("HAPROXY_SERVER_CURCONN", current.to_string());
        let speaks_tls = u8::from(settings.tls.is_some());
        command.env("HAPROXY_SERVER_SSL", speaks_tls.to_string());
        command.env("HAPROXY_SERVER_PROTO", "tcp");
        if let Some(path) = &check.path {
            command.env("PATH", path);
        } else if !check.preserve_env {
            command.env("PATH", "");
        }
        if stdio::is_quiet() {
            command.stdout(Stdio::null()).stderr(Stdio::null());
        }
        Self::bound(command)
    }

    /// Has it end with its check.
    pub(super) fn bound(mut command: Command) -> Self {
        command.stdin(Stdio::null()).process_group(0).kill_on_drop(true);
        bind_to_life(command.as_std_mut());
        Self { command, is_survived: false }
    }

    /// What it leaves running when it ends in time goes on.
    pub(super) fn survived(self) -> Self {
        Self { is_survived: true, ..self }
    }

    /// Runs it for `limit` at most.
    ///
    /// # Cancel safety
    /// Dropping the future kills the program's process group.
    pub(super) async fn run(self, limit: Duration) -> Verdict {
        self.run_with(limit, |_| {}).await
    }

    /// The same, with what it says on standard error, and the last of that.
    ///
    /// # Cancel safety
    /// As that of [`run`](Self::run).
    pub(super) async fn run_heard(mut self, limit: Duration) -> (Verdict, String) {
        self.command.stderr(Stdio::piped());
        let mut complaint = None;
        let verdict =
            self.run_with(limit, |child| complaint = child.stderr.take().map(Complaint::of)).await;
        let last = match complaint {
            Some(complaint) if verdict.status != CheckStatus::ProcessOk => complaint.lines().await,
            _ => String::new(),
        };
        (verdict, last)
    }

    async fn run_with(mut self, limit: Duration, began: impl FnOnce(&mut Child)) -> Verdict {
        let started = Instant::now();
        let mut child = match self.command.spawn() {
            Ok(child) => child,
            Err(error) => return not_started(&error),
        };
        began(&mut child);
        let mut group = Group(child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)));
        let mut verdict = match timeout_at(started + limit, child.wait()).await {
            Ok(Ok(status)) => ended(status),
            Ok(Err(error)) => not_started(&error),
            Err(_) => Verdict::new(CheckStatus::ProcessTimeout),
        };
        verdict.duration = started.elapsed();
        if verdict.status == CheckStatus::ProcessTimeout {
            group.end(&mut child).await;
        } else if self.is_survived {
            group.0 = None;
        }
        verdict
    }
}

fn ended(status: ExitStatus) -> Verdict {
    match status.code() {
        Some(0) => Verdict::new(CheckStatus::ProcessOk),
        Some(code) => Verdict::new(CheckStatus::ProcessError).with_signed_code(code),
        None => {
            tracing::debug!("an external check was ended by signal {:?}", status.signal());
            Verdict::new(CheckStatus::ProcessError).with_signed_code(SIGNALLED)
        }
    }
}

fn not_started(error: &io::Error) -> Verdict {
    let verdict = Verdict::new(CheckStatus::ProcessError).with_signed_code(NOT_STARTED_CODE);
    let info = format!("{NOT_STARTED}{error}");
    verdict.with_info(info.as_bytes())
}

/// A process group that is killed with this, where anything of it is left.
struct Group(Option<Pid>);

impl Group {
    /// Asks it to end, and kills what does not.
    async fn end(&self, child: &mut Child) {
        self.signal(Signal::TERM);
        if timeout(GRACE, child.wait()).await.is_err() {
            self.signal(Signal::KILL);
            // Nobody can refuse this signal; a process the kernel does not let go of is reaped later.
            let _ = timeout(GRACE, child.wait()).await;
        }
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.0 {
            // That it is gone already is no mistake.
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

impl Shown {
    const fn none() -> Self {
        Self { host: OsString::new(), port: String::new() }
    }

    fn inet(addr: SocketAddr) -> Self {
        Self { host: addr.ip().to_string().into(), port: addr.port().to_string() }
    }

    /// Where the proxy listens first, if it is a `listen` section.
    fn of_proxy(process: &Process, backend: &Backend) -> Self {
        let objects = process.objects();
        let frontends = objects.config.frontends.iter();
        let front = frontends.filter(|frontend| *frontend.name.as_str() == *backend.name);
        let bind = front.flat_map(|frontend: &model::Frontend| &frontend.binds).next();
        match bind.map(|bind| &bind.address) {
            Some(ListenAddr::Tcp(addr)) => Self::inet(*addr),
            Some(ListenAddr::Unix(path)) => Self { host: path.into(), port: String::new() },
            Some(_) | None => Self::none(),
        }
    }

    fn of_server(addr: &ServerAddr) -> Self {
        match addr {
            ServerAddr::Tcp(addr) => Self::inet(*addr),
            ServerAddr::TcpClientPort { ip, .. } => Self::inet(SocketAddr::new(*ip, 0)),
            ServerAddr::Unix(path) => Self { host: path.into(), port: String::new() },
            ServerAddr::Abstract(_) | ServerAddr::Sockpair(_) | ServerAddr::Unresolved { .. } => {
                Self::none()
            }
        }
    }

    fn host_argument(&self) -> OsString {
        if self.host.is_empty() { NOT_USED.into() } else { self.host.clone() }
    }

    fn port_argument(&self) -> OsString {
        if self.port.is_empty() { NOT_USED.into() } else { self.port.clone().into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How long a program of these tests may take on a slow machine.
    const PATIENCE: Duration = Duration::from_secs(60);

    fn shell(script: &str) -> Program {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        Program::bound(command)
    }

    #[tokio::test]
    async fn the_exit_status_is_the_verdict() {
        let rows = [
            ("exit 0", "PROCOK", Some(0)),
            ("exit 3", "PROCERR", Some(3)),
            ("kill -9 $$", "PROCERR", Some(-1)),
        ];
        for (script, status, code) in rows {
            let verdict = shell(script).run(PATIENCE).await;
            assert_eq!((verdict.status.name(), verdict.code), (status, code), "{script}");
        }
        let missing = Program::bound(Command::new("/nonexistent/program"));
        let verdict = missing.run(PATIENCE).await;
        assert_eq!((verdict.status.name(), verdict.code), ("PROCERR", Some(255)));
        assert!(verdict.info().contains("No such file or directory"), "{verdict:?}");
    }

    #[tokio::test]
    async fn a_program_that_does_not_end_is_ended_with_its_children() {
        let dir = std::env::temp_dir().join(format!("evenkeel-external-{}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("a directory");
        let pids = dir.join("pids");
        // Neither of them heeds SIGTERM.
        let script = format!(
            "trap '' TERM; sh -c 'trap \"\" TERM; echo $$ >> {0}; while :; do sleep 1; done' & \
             echo $$ >> {0}; while :; do sleep 1; done",
            pids.display()
        );
        let verdict = shell(&script).run(Duration::from_secs(1)).await;
        assert_eq!((verdict.status.name(), verdict.code), ("PROCTOUT", Some(0)));
        let deadline = Instant::now() + PATIENCE;
        let written = std::fs::read_to_string(&pids).expect("the script ran");
        for pid in written.lines() {
            let pid = Pid::from_raw(pid.parse().expect("a pid")).expect("not 0");
            while rustix::process::test_kill_process(pid).is_ok() && !is_zombie(pid) {
                assert!(Instant::now() < deadline, "{pid:?} goes on");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
        let _ = std::fs::remove_dir_all(&dir);
    }

    /// Killed, and not yet reaped by whoever inherited it.
    fn is_zombie(pid: Pid) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
        stat.map_or(true, |stat| stat.contains(") Z "))
    }
}
