//! What a switchover and a drill have in common: each is done in a task of its own that tells how it
//! goes, and begins with the primary that a route leads to.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::fs::{Access, access};
use tokio::sync::{mpsc, oneshot};

use crate::clock;
use crate::pure::role::route::RoleRoute;
use crate::state::frontend::Route;
use crate::state::request::Refused;
use crate::state::{Backend, Process, Server};

/// How often it is said how something that takes long stands.
const BEAT: Duration = Duration::from_secs(1);

/// Tells who asked, and the log.
pub(super) struct Teller {
    told: mpsc::Sender<String>,
    what: &'static str,
}

impl Teller {
    pub(super) fn say(&self, line: String) {
        tracing::info!("{}: {line}", self.what);
        // Who does not read misses lines.
        let _ = self.told.try_send(line);
    }

    /// Whether who asked still waits for the end. Nobody is seen to be gone before a line is sent:
    /// see [`Beat`].
    ///
    /// # Errors
    /// Nobody does.
    pub(super) fn is_heard(&self) -> Result<(), String> {
        match self.told.is_closed() {
            true => Err("who asked for it is gone".to_owned()),
            false => Ok(()),
        }
    }
}

/// Says once a second how it stands, to who asked alone.
pub(super) struct Beat(Instant);

impl Beat {
    pub(super) fn new() -> Self {
        Self(clock::now() + BEAT)
    }

    /// As [`Teller::is_heard`].
    pub(super) fn say(
        &mut self,
        teller: &Teller,
        line: impl FnOnce() -> String,
    ) -> Result<(), String> {
        let now = clock::now();
        if now >= self.0 {
            self.0 = now + BEAT;
            let _ = teller.told.try_send(line());
        }
        teller.is_heard()
    }
}

/// Does `work`, a `what`, in a task of its own, which tells `told` of it; `answer` says how it went.
pub(super) fn start<F, E>(
    what: &'static str,
    told: mpsc::Sender<String>,
    answer: oneshot::Sender<Result<(), Refused>>,
    work: impl FnOnce(Teller) -> F,
) where
    F: Future<Output = Result<(), E>> + Send + 'static,
    E: Into<Refused> + Send,
{
    let work = work(Teller { told, what });
    tokio::spawn(async move {
        let result = work.await;
        if let Err(Err(Refused::Because(why))) = answer.send(result.map_err(Into::into)) {
            tracing::warn!("{what}: {why}; nobody waits for the answer");
        }
    });
}

/// The route of writes of the frontend `name`, and its backend.
pub(super) fn route_of(
    process: &Process,
    name: &str,
) -> Result<(Arc<Route>, Arc<Backend>), String> {
    let objects = process.objects();
    let frontend = objects.frontends.iter().find(|known| *known.name == *name);
    let frontend = frontend.ok_or_else(|| format!("there is no frontend '{name}'"))?;
    let route = Arc::clone(&frontend.route());
    if route.settings.role != Some(RoleRoute::Primary) {
        return Err(format!("frontend '{name}' has not role = \"primary\""));
    }
    let backend = route.backend.clone().ok_or("the frontend has no backend")?;
    Ok((route, backend))
}

/// Whether a program of the operator's, its path first, could be run: looked at before anything happens.
/// Nothing to run can always be.
///
/// # Errors
/// Why not.
pub(super) fn runs(words: &[String]) -> Result<(), String> {
    let Some(name) = words.first() else { return Ok(()) };
    let look = |path: &Path| match std::fs::metadata(path) {
        Ok(found) if found.is_file() => Ok(access(path, Access::EXEC_OK)?),
        Ok(_) => Err(io::Error::other("it is no file")),
        Err(error) => Err(error),
    };
    let looked = if name.contains('/') {
        look(Path::new(name))
    } else {
        let places = std::env::var_os("PATH").unwrap_or_default();
        let is_there = std::env::split_paths(&places).any(|place| look(&place.join(name)).is_ok());
        if is_there { Ok(()) } else { Err(io::ErrorKind::NotFound.into()) }
    };
    looked.map_err(|error| format!("{name} cannot be run: {error}"))
}

/// The primary of a backend.
pub(super) fn primary_of(backend: &Backend) -> Result<Arc<Server>, String> {
    let primary = backend.group.claims().primary;
    let primary = primary.ok_or_else(|| format!("backend '{}' has no primary", backend.name))?;
    let live = backend.live();
    let server = live.servers.iter().find(|server| *server.name == *primary);
    Ok(server.ok_or("the primary is gone")?.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_cannot_be_run_is_named_before_it_is_needed() {
        for (word, why) in [
            ("/bin/sh", ""),
            ("sh", ""),
            ("/nonexistent", "/nonexistent cannot be run: No such file"),
            ("nonexistent-program", "nonexistent-program cannot be run: "),
            ("/etc/passwd", "/etc/passwd cannot be run: Permission denied"),
            ("/tmp", "/tmp cannot be run: it is no file"),
        ] {
            let said = runs(&[word.to_owned(), "-c".to_owned()]).err().unwrap_or_default();
            assert!(said.starts_with(why) && said.is_empty() == why.is_empty(), "{word}: {said}");
        }
        assert_eq!(runs(&[]), Ok(()));
    }
}
