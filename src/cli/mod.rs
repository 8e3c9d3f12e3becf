//! The command line: Evenkeel's own subcommands, and HAProxy's flags where the first argument is one.
//!
//! Words in, a [`Command`] out: nothing here reads a file, prints, or knows how a command is done.

pub mod ctl_help;
pub mod haproxy;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// What the operator asked for.
#[derive(Debug)]
pub enum Command {
    /// HAProxy's flags.
    Haproxy(haproxy::Flags),
    /// One of ours.
    Own(Own),
}

/// A TCP load balancer and failover proxy for databases.
#[derive(Debug, Parser)]
#[command(
    name = "evenkeel",
    version,
    about = "A TCP load balancer and failover proxy that reads haproxy.cfg",
    after_help = haproxy::USAGE
)]
struct Cli {
    #[command(subcommand)]
    command: Own,
}

/// Evenkeel's own subcommands.
#[derive(Debug, Subcommand)]
pub enum Own {
    /// Serve what a configuration says, in the foreground
    Run(Files),
    /// Check configurations and say every mistake at once
    Check(Files),
    /// Print a haproxy.cfg as TOML with the same meaning
    Convert(Files),
    /// Give a command to a running process
    Ctl(Ctl),
    /// Rehearse a failover: 'ctl drill' by a shorter name
    #[command(disable_help_flag = true)]
    Drill(Words),
    /// Watch a failover without any configuration or server
    Demo(Demo),
}

/// Configurations to load.
#[derive(Debug, Args)]
pub struct Files {
    /// Configuration file: TOML where it ends in .toml, else haproxy.cfg; may be repeated
    #[arg(short = 'c', short_alias = 'f', long = "config", value_name = "FILE")]
    pub config: Vec<PathBuf>,
    /// Configuration files, without the flag
    #[arg(value_name = "FILE", required_unless_present = "config")]
    pub files: Vec<PathBuf>,
}

impl Files {
    /// All of them, in order.
    #[must_use]
    pub fn paths(self) -> Vec<PathBuf> {
        self.config.into_iter().chain(self.files).collect()
    }
}

/// What `ctl` can do beside HAProxy's commands, and what its exit status says.
const CTL_HELP: &str = "HAProxy's commands ('ctl help' asks the process for them), and of its own:
  fence show|clear [BACKEND]               Who of a group may take writes, and why the others may not
  failovers [BACKEND] [--save]             What each failover cost
  switchover FRONTEND --to SERVER          Change the primary on purpose [--timeout T] [--max-lag T]
                                           [--force] [--dry-run]
  switchover show                          Those that go on, or are waited for
  drill FRONTEND --kill|--hang|--partition Rehearse a failover (--dry-run|--live)
  drill FRONTEND --switchover --to SERVER  Rehearse a planned one (--dry-run|--live)
                                           ('evenkeel drill …' is the same)

Each says more: 'evenkeel ctl failovers --help'.

Exit status: 0 the command was carried out, 1 no process could be asked, 2 the command line is wrong, \
3 the process refused a command, or a drill failed or missed what was declared, 4 a drill came to its end \
and whether it kept to the declared 'rpo' is not known";

/// Which process to ask, and what.
#[derive(Debug, Args)]
#[command(after_help = CTL_HELP)]
pub struct Ctl {
    /// Command socket: a path or host:port. Without it: $EVENKEEL_SOCKET, then the configuration's
    #[arg(short, long, value_name = "SOCKET")]
    pub socket: Option<String>,
    /// Configuration that names the socket
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The command, such as: show stat
    #[arg(
        value_name = "COMMAND",
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    pub command: Vec<String>,
}

/// The words of a command that has a name of its own here.
#[derive(Debug, Args)]
pub struct Words {
    /// What the command is given
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub words: Vec<String>,
}

impl Ctl {
    /// `ctl drill …`. Without a word more it asks for help.
    #[must_use]
    pub fn drill(words: Words) -> Self {
        let words = match words.words {
            none if none.is_empty() => vec!["--help".to_owned()],
            some => some,
        };
        let command = std::iter::once("drill".to_owned()).chain(words).collect();
        Self { socket: None, config: None, command }
    }

    /// The same, with the process named behind a command of ours, too, as people write it.
    #[must_use]
    pub fn settled(mut self) -> Self {
        if !self.command.first().is_some_and(|name| ctl_help::OWN.contains(&name.as_str())) {
            return self;
        }
        let mut words = std::mem::take(&mut self.command).into_iter();
        while let Some(word) = words.next() {
            let (name, value) = match word.split_once('=') {
                Some((name, value)) if name.starts_with("--") => (name, Some(value.to_owned())),
                _ => (word.as_str(), None),
            };
            match name {
                "-s" | "--socket" => self.socket = value.or_else(|| words.next()),
                "-c" | "--config" => self.config = value.or_else(|| words.next()).map(Into::into),
                _ => self.command.push(word),
            }
        }
        self
    }
}

/// How to show a failover.
#[derive(Clone, Debug, Args)]
#[command(disable_help_subcommand = true)]
pub struct Demo {
    /// Kill and revive the primary once; exit with 1 if a client saw an error
    #[arg(long)]
    pub once: bool,
    /// Not for users: be one of the processes that the demo starts.
    #[command(subcommand)]
    pub part: Option<DemoPart>,
}

/// A process of the demo other than the one that shows it.
#[derive(Clone, Debug, Subcommand)]
pub enum DemoPart {
    /// A server that greets each connection with its name.
    #[command(hide = true)]
    Server {
        /// The process this one does not outlive.
        parent: i32,
        /// Where to listen.
        addr: SocketAddr,
        /// What to say.
        name: String,
    },
    /// `evenkeel run -c FILE`.
    #[command(hide = true)]
    Proxy {
        /// The process this one does not outlive.
        parent: i32,
        /// The configuration.
        file: PathBuf,
    },
}

/// Understands the arguments, the program's name first.
///
/// # Errors
/// What to print, and whether it is a mistake.
pub fn parse(args: Vec<OsString>) -> Result<Command, Usage> {
    let called = args.first().map(PathBuf::from);
    let name = called.as_ref().and_then(|path| path.file_name()).unwrap_or_default();
    let is_haproxy = name == "haproxy";
    let first = args.get(1).map(|first| first.to_string_lossy().into_owned());
    let own = ["-h", "--help", "--version"];
    let flags = match first.as_deref() {
        Some(first) => first.starts_with('-') && !own.contains(&first),
        None => false,
    };
    if is_haproxy || flags {
        let words = args.into_iter().skip(1).map(|word| word.to_string_lossy().into_owned());
        return match haproxy::Flags::read(words) {
            (flags, None) => Ok(Command::Haproxy(flags)),
            (flags, Some(mistake)) => Err(Usage::Haproxy(mistake, Box::new(flags))),
        };
    }
    Cli::try_parse_from(args).map(|cli| Command::Own(cli.command)).map_err(Usage::Own)
}

/// Why there is nothing to do.
#[derive(Debug)]
pub enum Usage {
    /// Help was asked for, or our own command line has a mistake.
    Own(clap::Error),
    /// HAProxy's command line has one, beside what can be understood of it.
    Haproxy(haproxy::Mistake, Box<haproxy::Flags>),
}
