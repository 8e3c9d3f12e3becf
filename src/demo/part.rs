//! The other side of a child process of the demo: what it does, and that it dies with the demo.

use std::convert::Infallible;
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Duration;

use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};

use super::Failure;
use crate::cli::DemoPart;

/// Pause of a server after `accept` failed, so that it does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

pub(super) fn run(part: &DemoPart) -> Result<ExitCode, Failure> {
    let (DemoPart::Server { parent, .. } | DemoPart::Proxy { parent, .. }) = part;
    set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|errno| Failure::to("ask for a parent-death signal")(errno.into()))?;
    // The parent may have died before the line above.
    if getppid().map(Pid::as_raw_pid) != Some(*parent) {
        return Ok(ExitCode::FAILURE);
    }
    match part {
        DemoPart::Server { addr, name, .. } => match serve(*addr, name)? {},
        DemoPart::Proxy { file, .. } => match become_proxy(file)? {},
    }
}

/// Greets each connection with `name` and ends it. The kernel ends what is open when this process
/// is killed.
fn serve(addr: SocketAddr, name: &str) -> Result<Infallible, Failure> {
    let listener = TcpListener::bind(addr).map_err(Failure::to(format!("listen on {addr}")))?;
    let greeting = format!("hello from {name}\n");
    loop {
        match listener.accept() {
            // A check hangs up without reading: nobody to tell.
            Ok((mut stream, _)) => drop(stream.write_all(greeting.as_bytes())),
            Err(_) => std::thread::sleep(ACCEPT_PAUSE),
        }
    }
}

/// Goes on as what a user would start. A parent-death signal survives `exec` (prctl(2)).
fn become_proxy(file: &Path) -> Result<Infallible, Failure> {
    let program = own_program()?;
    let error = Command::new(&program).arg0("evenkeel").args(["run", "-c"]).arg(file).exec();
    Err(Failure::to(format!("start {}", program.display()))(error))
}

/// This very binary.
pub(super) fn own_program() -> Result<std::path::PathBuf, Failure> {
    std::env::current_exe().map_err(Failure::to("find the own program"))
}
