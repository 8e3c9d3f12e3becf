//! Going to the background, and the file that says which process is there.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::Stdio;

use rustix::pipe::{PipeFlags, pipe_with};

use super::{Options, StartError};
use crate::config::model::{Global, Place};
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
        let stays = options.foreground || options.notify;
        let daemon = options.daemon || (global.daemon && !stays);
        let of_file = global.pidfile.as_ref().map(|path| (path, global.pidfile_place.clone()));
        let path = options.pidfile.as_ref().map(|path| (path, Place::default())).or(of_file);
        let pidfile = match path.filter(|_| daemon || is_master) {
            Some((path, place)) => {
                let what = format!("create pidfile {}", path.display());
                let file = File::create(path).map_err(|e| StartError::at(&place, &what, &e))?;
                Some((path.clone(), file))
            }
            None => None,
        };
        Ok(Self { pidfile, daemon })
    }

    /// Forks where asked to; the process that stays writes its id. The parent ends when the other
    /// has [arrived](Arrival::tell): a supervisor that waits for it finds the file, and hears of
    /// whatever kept the other from serving.
    ///
    /// # Errors
    /// What the system refused, a full disk included; where the other process met it, that one has
    /// said it and is gone.
    pub(super) fn enter(self) -> Result<Entered, StartError> {
        let refused = |what: &'static str| move |error| StartError::because(what, &error);
        if !self.daemon {
            self.write()?;
            return Ok(Entered::Here(Arrival(None)));
        }
        let pipe = pipe_with(PipeFlags::CLOEXEC).map_err(io::Error::from);
        let (hears, tells) = pipe.map_err(refused("go to the background"))?;
        match fork().map_err(refused("go to the background"))? {
            Forked::Parent(_) => {
                drop(tells);
                let mut said = [0];
                // An end without a word, however it comes about, means that it did not get there.
                match File::from(hears).read(&mut said) {
                    Ok(1) => Ok(Entered::Parent),
                    _ => Err(StartError::Refused(Vec::new())),
                }
            }
            Forked::Child => {
                self.write()?;
                rustix::process::setsid().map_err(|e| refused("detach")(e.into()))?;
                // Now: with another root there may be none.
                let null = File::options().read(true).write(true).open("/dev/null");
                let null = null.map_err(refused("open /dev/null"))?;
                Ok(Entered::Here(Arrival(Some(Waiting { parent: tells, null }))))
            }
        }
    }

    fn write(self) -> Result<(), StartError> {
        let Some((path, mut file)) = self.pidfile else { return Ok(()) };
        writeln!(file, "{}", std::process::id())
            .map_err(|e| StartError::because(&format!("write pidfile {}", path.display()), &e))
    }
}

/// Who goes on after [`Background::enter`].
pub(super) enum Entered {
    /// The process that was started: it is done.
    Parent,
    /// The process that serves.
    Here(Arrival),
}

/// A process that is about to serve. Dropped untold, it did not come to that: a parent that waits
/// ends with an error then.
#[must_use]
pub(super) struct Arrival(Option<Waiting>);

/// What a process in the background needs once it serves.
struct Waiting {
    /// Its parent's ear.
    parent: OwnedFd,
    /// What takes the terminal's place.
    null: File,
}

impl Arrival {
    /// Where a process that this one starts meanwhile writes: it shall not keep a terminal that
    /// this one leaves.
    pub(super) fn output(&self) -> fn() -> Stdio {
        if self.0.is_some() { Stdio::null } else { Stdio::inherit }
    }

    /// It serves: lets the parent go, and the terminal with it.
    ///
    /// # Errors
    /// What the system refused.
    pub(super) fn tell(self) -> Result<(), StartError> {
        let Some(Waiting { parent, null }) = self.0 else { return Ok(()) };
        leave_terminal(&null).map_err(|error| StartError::because("detach", &error))?;
        // A parent that was killed meanwhile needs to hear nothing.
        let _ = rustix::io::write(&parent, b"+");
        Ok(())
    }
}

fn leave_terminal(null: &File) -> io::Result<()> {
    rustix::stdio::dup2_stdin(null)?;
    rustix::stdio::dup2_stdout(null)?;
    rustix::stdio::dup2_stderr(null)?;
    Ok(())
}
