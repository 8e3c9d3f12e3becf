//! Going to the background, and the file that says which process is there.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;

use super::{Options, StartError};
use crate::config::model::Global;
use crate::sys::process::{Forked, fork};

/// What is left to do before a process runs where it should; prepared while it may still fail with a
/// message.
#[derive(Debug)]
pub(super) struct Background {
    pidfile: Option<(PathBuf, File)>,
    daemon: bool,
}

impl Background {
    /// Opens the pidfile where there is to be one: for a daemon and for a master, as in HAProxy.
    ///
    /// # Errors
    /// A pidfile that cannot be made.
    pub(super) fn prepare(
        options: &Options,
        global: &Global,
        is_master: bool,
    ) -> Result<Self, StartError> {
        let daemon = (options.daemon || global.daemon) && !options.foreground;
        let path = options.pidfile.as_ref().or(global.pidfile.as_ref());
        let pidfile = match path.filter(|_| daemon || is_master) {
            Some(path) => {
                let what = format!("create pidfile {}", path.display());
                let file = File::create(path).map_err(|e| StartError::because(&what, &e))?;
                Some((path.clone(), file))
            }
            None => None,
        };
        Ok(Self { pidfile, daemon })
    }

    /// Forks where asked to and writes the process id; whether this is the parent, which is done.
    ///
    /// # Errors
    /// What the system refused, a full disk included.
    pub(super) fn enter(self) -> Result<bool, StartError> {
        let refused = |what: &'static str| move |error| StartError::because(what, &error);
        if !self.daemon {
            self.write(std::process::id())?;
            return Ok(false);
        }
        match fork().map_err(refused("go to the background"))? {
            Forked::Parent(child) => {
                self.write(child)?;
                Ok(true)
            }
            Forked::Child => {
                detach().map_err(refused("detach"))?;
                Ok(false)
            }
        }
    }

    fn write(self, pid: u32) -> Result<(), StartError> {
        let Some((path, mut file)) = self.pidfile else { return Ok(()) };
        writeln!(file, "{pid}")
            .map_err(|e| StartError::because(&format!("write pidfile {}", path.display()), &e))
    }
}

/// Cuts the ties to the terminal.
fn detach() -> io::Result<()> {
    rustix::process::setsid()?;
    let null = fs::OpenOptions::new().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;
    rustix::stdio::dup2_stderr(&null)?;
    Ok(())
}
