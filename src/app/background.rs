//! Going to the background, and the file that says which process is there.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::PathBuf;

use rustix::pipe::{PipeFlags, pipe_with};

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

    /// Forks where asked to; the process that stays writes its id. Whether this is the parent, which
    /// is done. It ends when the other has written: a supervisor that waits for it finds the file.
    ///
    /// # Errors
    /// What the system refused, a full disk included; where the other process met it, that one has
    /// said it and is gone.
    pub(super) fn enter(self) -> Result<bool, StartError> {
        let refused = |what: &'static str| move |error| StartError::because(what, &error);
        if !self.daemon {
            self.write()?;
            return Ok(false);
        }
        let pipe = pipe_with(PipeFlags::CLOEXEC).map_err(io::Error::from);
        let (hears, tells) = pipe.map_err(refused("go to the background"))?;
        match fork().map_err(refused("go to the background"))? {
            Forked::Parent(_) => {
                drop(tells);
                let mut said = [0];
                // An end without a word, however it comes about, means that it did not get there.
                match File::from(hears).read(&mut said) {
                    Ok(1) => Ok(true),
                    _ => Err(StartError::Refused(Vec::new())),
                }
            }
            Forked::Child => {
                self.write()?;
                // A parent that was killed meanwhile needs to hear nothing.
                let _ = rustix::io::write(&tells, b"+");
                detach().map_err(refused("detach"))?;
                Ok(false)
            }
        }
    }

    fn write(self) -> Result<(), StartError> {
        let Some((path, mut file)) = self.pidfile else { return Ok(()) };
        writeln!(file, "{}", std::process::id())
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
