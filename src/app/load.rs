//! From the operator's files to a configuration: reads them, resolves names, reports everything.

use std::ffi::OsString;
use std::fs;
use std::io::{self, IsTerminal};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use haproxy_compat::diag::{Diagnostic, Report, Severity};
use haproxy_compat::env::Environment;
use haproxy_compat::source::SourceMap;

use super::features::facts;
use super::world::{Recorder, Recording, System};
use crate::config::added::{self, Added};
use crate::config::diag::{self, Look};
use crate::config::model::Config;
use crate::config::world::World;
use crate::config::{self, Language, Surroundings};
use crate::net::listen::with_family;
use crate::pure::log_format;
use crate::telemetry::stdio;

pub use super::world::Names;
pub use crate::config::model::CLAIMED_VERSION;

/// Longest time for a reload to read its files and to look up the names in them.
const LOAD_MAX: Duration = Duration::from_mins(2);

/// What to load.
#[derive(Clone, Debug)]
pub struct Sources {
    /// Files and directories, in order.
    pub paths: Vec<PathBuf>,
    /// What they are written in.
    pub language: Language,
    /// Process limit from the command line (`-n`), which goes before the file's.
    pub maxconn: Option<std::num::NonZeroU32>,
    /// Limit of each frontend that has none of its own (`-N`).
    pub proxy_maxconn: Option<std::num::NonZeroU32>,
    /// This machine's name among peers (`-L`).
    pub localpeer: Option<String>,
    /// Whether a master serves through a worker.
    pub master: bool,
    /// The addresses where the master takes commands, with their families.
    pub master_cli: Vec<String>,
    /// How names of hosts are looked up.
    pub names: Names,
    /// Lines of `global` that the command line stands for; a `haproxy.cfg` may say otherwise.
    pub implied: Vec<String>,
    /// What is wrong with the command line of a master that goes on nevertheless: no reload succeeds.
    pub mistake: Option<String>,
    /// The texts of the configuration in force.
    pub in_force: InForce,
}

impl Default for Sources {
    fn default() -> Self {
        Self {
            paths: Vec::new(),
            language: Language::Haproxy,
            maxconn: None,
            proxy_maxconn: None,
            localpeer: None,
            master: false,
            master_cli: Vec::new(),
            names: Names::default(),
            implied: Vec::new(),
            mistake: None,
            in_force: InForce::default(),
        }
    }
}

/// The texts of the configuration in force, shared by all clones of the [`Sources`] they came from.
#[derive(Clone, Debug, Default)]
pub struct InForce(Arc<Mutex<Option<Arc<SourceMap>>>>);

impl InForce {
    fn texts(&self) -> Option<Arc<SourceMap>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn replace(&self, texts: Arc<SourceMap>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(texts);
    }
}

/// What a load found.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration; `None` where the report refuses it.
    pub config: Option<Config>,
    /// Everything worth saying.
    pub report: Report,
    /// Variables, as the configuration leaves them.
    pub(super) environment: Environment,
    /// What was looked up.
    pub(super) recording: Recording,
    sources: Arc<SourceMap>,
    language: Language,
}

impl Sources {
    /// What was loaded is in force: servers are added to it from now on.
    pub fn keep(&self, loaded: &Loaded) {
        self.in_force.replace(Arc::clone(&loaded.sources));
    }

    /// Reads a server that a command adds to the configuration in force. May take as long as the
    /// resolution of a host name.
    ///
    /// # Errors
    /// What is wrong with it, in a sentence.
    pub fn added_server(&self, backend: &str, words: &[String]) -> Result<Added, String> {
        let texts = self.in_force.texts().ok_or("There is no configuration to add a server to.")?;
        let mut environment = environment(&self.paths);
        self.describe(&mut environment);
        let surroundings = &mut Surroundings {
            world: &mut System(self.names),
            environment: &mut environment,
            facts: &facts(),
        };
        added::server(self.language, &texts, surroundings, backend, words)
    }

    /// Reads and checks everything. What is wrong is in the report, never an error of its own.
    #[must_use]
    pub fn load(&self) -> Loaded {
        let mut world = Recorder { system: System(self.names), ..Recorder::default() };
        let mut loaded = self.load_in(&mut world);
        loaded.recording = world.recording;
        loaded
    }

    /// As [`Self::load`], in a thread of its own that is given up after [`LOAD_MAX`]: a file system
    /// that hangs keeps it for ever. Blocks.
    ///
    /// # Errors
    /// It did not end, or nobody knows what the command line asks for.
    pub(super) fn load_in_time(&self) -> Result<Loaded, String> {
        if let Some(mistake) = &self.mistake {
            return Err(mistake.clone());
        }
        let sources = self.clone();
        in_time(LOAD_MAX, move || sources.load())
    }

    /// As [`Self::load`], with host names and further files looked up in `world`.
    fn load_in(&self, world: &mut dyn World) -> Loaded {
        let mut sources = SourceMap::default();
        let mut unreadable = Vec::new();
        if self.language == Language::Haproxy && !self.implied.is_empty() {
            sources
                .add("command line".to_owned(), format!("global\n {}\n", self.implied.join("\n ")));
        }
        for path in self.files(&mut unreadable) {
            match read(&path) {
                Ok(text) => {
                    sources.add(path.display().to_string(), text);
                }
                Err(error) => unreadable.push(cannot_open(&path, &error)),
            }
        }
        self.understand(sources, unreadable, world)
    }

    /// Loads texts that were read elsewhere from these sources.
    pub(super) fn load_texts(&self, texts: Vec<(String, String)>, world: &mut dyn World) -> Loaded {
        let mut sources = SourceMap::default();
        for (name, text) in texts {
            sources.add(name, text);
        }
        self.understand(sources, Vec::new(), world)
    }

    fn understand(
        &self,
        sources: SourceMap,
        unreadable: Vec<Diagnostic>,
        world: &mut dyn World,
    ) -> Loaded {
        let mut environment = environment(&self.paths);
        self.describe(&mut environment);
        let (config, loaded) = config::load(
            self.language,
            &sources,
            &mut Surroundings { world, environment: &mut environment, facts: &facts() },
        );
        let mut report = Report::default();
        let complete = unreadable.is_empty();
        for diagnostic in unreadable.into_iter().chain(loaded.iter().cloned()) {
            report.push(diagnostic);
        }
        if let Some(config) = &config {
            tell(&mut environment, &self.paths, config);
        }
        let config = config.filter(|_| complete).map(|mut config| {
            config.global.maxconn = self.maxconn.or(config.global.maxconn);
            for frontend in &mut config.frontends {
                frontend.maxconn = frontend.maxconn.or(self.proxy_maxconn);
            }
            config
        });
        Loaded {
            config,
            report,
            environment,
            recording: Recording::default(),
            sources: Arc::new(sources),
            language: self.language,
        }
    }

    /// Adds what HAProxy tells its file of the process.
    fn describe(&self, environment: &mut Environment) {
        let host = || rustix::system::uname().nodename().to_string_lossy().into_owned();
        let localpeer = self.localpeer.clone().unwrap_or_else(host);
        environment.set("HAPROXY_LOCALPEER", localpeer);
        if self.master {
            environment.set("HAPROXY_MWORKER", "1");
            if !self.master_cli.is_empty() {
                environment.set("HAPROXY_MASTER_CLI", self.master_cli.join(";"));
            }
        }
    }

    /// The paths as the operator wrote them.
    #[must_use]
    pub fn display(&self) -> String {
        let paths: Vec<_> = self.paths.iter().map(|path| path.display().to_string()).collect();
        paths.join(", ")
    }

    /// The files: a directory stands for its visible `*.cfg`, sorted by name.
    fn files(&self, unreadable: &mut Vec<Diagnostic>) -> Vec<PathBuf> {
        let mut files = Vec::new();
        for path in &self.paths {
            if !path.is_dir() {
                files.push(path.clone());
                continue;
            }
            match fs::read_dir(path) {
                Ok(entries) => {
                    let names = entries.filter_map(|entry| entry.ok().map(|e| e.file_name()));
                    let mut names: Vec<OsString> = names.filter(is_config).collect();
                    names.sort();
                    let paths = names.into_iter().map(|name| path.join(name));
                    // A directory in it is none of them, nor a pipe.
                    let is_file = |path: &PathBuf| path.metadata().map_or(true, |it| it.is_file());
                    files.extend(paths.filter(is_file));
                }
                Err(error) => unreadable.push(cannot_open(path, &error)),
            }
        }
        files
    }
}

/// What `work` yields in a thread of its own, within `limit`.
fn in_time<T: Send + 'static>(
    limit: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, String> {
    let (sender, receiver) = std::sync::mpsc::sync_channel(1);
    let thread = std::thread::Builder::new().name("load".to_owned());
    // Nobody hears what comes too late.
    let spawned = thread.spawn(move || drop(sender.send(work())));
    spawned.map_err(|error| format!("cannot read the configuration: {error}"))?;
    receiver.recv_timeout(limit).map_err(|error| match error {
        RecvTimeoutError::Timeout => {
            format!("reading the configuration takes longer than {} s", limit.as_secs())
        }
        RecvTimeoutError::Disconnected => "reading the configuration failed".to_owned(),
    })
}

fn is_config(name: &OsString) -> bool {
    let name = name.as_bytes();
    name.ends_with(b".cfg") && !name.starts_with(b".")
}

fn read(path: &Path) -> io::Result<String> {
    // Comments in other encodings are common; what is not UTF-8 becomes U+FFFD.
    Ok(String::from_utf8(super::world::read(path)?)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

fn cannot_open(path: &Path, error: &io::Error) -> Diagnostic {
    Diagnostic {
        severity: Severity::Alert,
        span: None,
        message: format!("cannot open configuration file/directory {}: {error}", path.display()),
        help: None,
        related: None,
    }
}

/// The variables `haproxy.cfg` sees.
#[must_use]
pub fn environment(paths: &[PathBuf]) -> Environment {
    let mut environment = Environment::new();
    for (name, value) in std::env::vars_os().filter(|(name, _)| !super::master::is_internal(name)) {
        environment.set(name.to_string_lossy().into_owned(), value.as_bytes());
    }
    environment.set("HAPROXY_CFGFILES", list(paths));
    environment.set("HAPROXY_STARTUP_VERSION", CLAIMED_VERSION);
    let branch = CLAIMED_VERSION.rsplit_once('.').map_or(CLAIMED_VERSION, |(branch, _)| branch);
    environment.set("HAPROXY_BRANCH", branch);
    environment.set("HAPROXY_TCP_LOG_FMT", log_format::TCP);
    environment.set("HAPROXY_TCP_CLF_LOG_FMT", log_format::TCP_CLF);
    environment
}

/// The files as `HAPROXY_CFGFILES` names them.
fn list(paths: &[PathBuf]) -> String {
    let files: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
    files.join(";")
}

/// Adds what only the configuration says; its own lines do not see it. The list of files is there
/// whatever `resetenv` said.
fn tell(environment: &mut Environment, paths: &[PathBuf], config: &Config) {
    environment.set("HAPROXY_CFGFILES", list(paths));
    if let Some(name) = &config.global.life.localpeer {
        environment.set("HAPROXY_LOCALPEER", name.as_str());
    }
    if config.global.life.master_worker {
        environment.set("HAPROXY_MWORKER", "1");
    }
    let sockets = config.commands.sockets.iter();
    let sockets: Vec<_> = sockets.map(|socket| with_family(&socket.bind.address)).collect();
    if !sockets.is_empty() {
        environment.set("HAPROXY_CLI", sockets.join(";"));
    }
}

impl Loaded {
    /// The variables of the environment.
    pub(super) fn variables(&self) -> impl Iterator<Item = (String, Vec<u8>)> {
        self.environment.iter().map(|(name, value)| (name.to_owned(), value.to_vec()))
    }

    /// Names and texts of the files that were read.
    pub(super) fn texts(&self) -> Vec<(String, String)> {
        let files = self.sources.files();
        files
            .map(|file| (self.sources.name(file).to_owned(), self.sources.text(file).to_owned()))
            .collect()
    }

    /// Whether warnings are not to be told: `quiet`, where they are not mistakes (`zero-warning`).
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        let life = self.config.as_ref().map(|config| &config.global.life);
        stdio::is_quiet() || life.is_some_and(|life| life.quiet && !life.zero_warning)
    }

    /// Prints the report on standard error, unless nothing is to be said there.
    pub fn print(&self) {
        if self.is_quiet() {
            return;
        }
        let look = if io::stderr().is_terminal() { Look::Coloured } else { Look::Plain };
        // Nobody reads standard error: then nobody is told.
        let _ = io::Write::write_all(&mut io::stderr(), self.text(look).as_bytes());
    }

    /// The report as text; only TOML's has colours.
    #[must_use]
    pub fn text(&self, look: Look) -> String {
        match self.language {
            Language::Toml => diag::render(&self.report, &self.sources, look),
            Language::Haproxy => {
                diag::render_lines(&self.report, &self.sources, std::process::id())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_end_is_not_waited_for() {
        assert_eq!(in_time(Duration::from_secs(60), || 7), Ok(7));
        let (_open, never) = std::sync::mpsc::channel::<()>();
        let late = in_time(Duration::from_millis(10), move || never.recv().is_ok());
        assert!(late.unwrap_err().contains("takes longer"));
        let failed = in_time(Duration::from_secs(60), || panic!("on purpose"));
        assert!(failed.map(|(): ()| ()).unwrap_err().contains("failed"));
    }
}
