//! The program: arguments in, exit status out.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use evenkeel::app::ctl::Said;
use evenkeel::app::features::{self, facts};
use evenkeel::app::load::{CLAIMED_VERSION, Names, Sources, environment};
use evenkeel::app::{self, Ended, Options, StartError};
use evenkeel::cli::haproxy::{Flags, Mistake, USAGE, Version};
use evenkeel::cli::{self, Command, Ctl, Own, Usage};
use evenkeel::config::{Language, export};
use evenkeel::{demo, sys, telemetry};
use tikv_jemallocator::Jemalloc;
use tracing_subscriber::filter::LevelFilter;

/// The configuration is wrong, or the process cannot start; HAProxy's number for both.
const FAILED: u8 = 1;

/// The process that was asked refused a command.
const REFUSED: u8 = 3;

/// A drill came to its end, and whether it kept to what was declared is not known.
const UNKNOWN: u8 = 4;

/// A valid configuration without a listener, and a condition that cannot be evaluated.
const CANNOT: u8 = 2;

/// Sessions are small blocks of a few sizes, and many come and go at once.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    match cli::parse(args) {
        Ok(Command::Haproxy(flags)) => haproxy(flags, None),
        Ok(Command::Own(Own::Run(files))) => run(files.paths()),
        Ok(Command::Own(Own::Check(files))) => {
            start_log(LevelFilter::INFO);
            check(&sources(files.paths()), false, false, false)
        }
        Ok(Command::Own(Own::Convert(files))) => convert(&sources(files.paths())),
        Ok(Command::Own(Own::Ctl(ctl))) => command(ctl.settled()),
        Ok(Command::Own(Own::Drill(words))) => command(Ctl::drill(words).settled()),
        Ok(Command::Own(Own::Demo(how))) => demo::run(&how),
        Err(Usage::Own(error)) => error.exit(),
        // What HAProxy was started with is no reason to end its workers.
        Err(Usage::Haproxy(Mistake(mistake), flags)) if app::master::is_resumed() => {
            haproxy(*flags, Some(mistake))
        }
        Err(Usage::Haproxy(Mistake(mistake), _)) => usage(Some(&mistake)),
    }
}

/// Gives a command to a running process.
fn command(ctl: Ctl) -> ExitCode {
    if let Some(help) = cli::ctl_help::help(&ctl.command) {
        print(help);
        return ExitCode::SUCCESS;
    }
    match app::ctl::run(ctl.socket, ctl.config, &ctl.command.join(" ")) {
        Ok(Said::Done) => ExitCode::SUCCESS,
        Ok(Said::Unknown) => ExitCode::from(UNKNOWN),
        Ok(Said::Refused) => ExitCode::from(REFUSED),
        Err(error) => {
            eprintln!("evenkeel: cannot ask: {error}");
            ExitCode::from(FAILED)
        }
    }
}

/// Serves in the foreground.
fn run(paths: Vec<PathBuf>) -> ExitCode {
    let sources = sources(paths);
    start_log(LevelFilter::INFO);
    let program_file = app::master::locate();
    serve(&Options { foreground: true, sources, program_file, ..Options::named("evenkeel") })
}

/// HAProxy's way: one set of flags for everything. A `mistake` in them lets a master that is there already
/// go on, and no reload succeed.
fn haproxy(flags: Flags, mistake: Option<String>) -> ExitCode {
    if flags.help {
        return usage(None);
    }
    if let Some(version) = flags.version {
        return print_version(version);
    }
    if let Some(condition) = &flags.condition {
        return evaluate(condition);
    }
    if flags.files.is_empty() {
        return usage(Some("no configuration is named: write -f FILE"));
    }
    let program_file = app::master::locate();
    // A worker starts where its master already is, and so does a new program of a master's.
    let is_there = app::master::is_worker() || app::master::is_resumed();
    if let Some(directory) = flags.directory.as_ref().filter(|_| !is_there)
        && let Err(error) = std::env::set_current_dir(directory)
    {
        let directory = directory.display();
        tell(&format!("Could not change to directory {directory}: {error}"), flags.quiet);
        return ExitCode::from(FAILED);
    }
    if flags.quiet {
        telemetry::stdio::be_quiet();
    }
    start_log(LevelFilter::INFO);
    let master_sockets = flags.master_sockets;
    let sources = Sources {
        maxconn: flags.maxconn,
        proxy_maxconn: flags.proxy_maxconn,
        localpeer: flags.localpeer,
        master: flags.master,
        master_cli: app::master::addresses(&master_sockets),
        names: Names {
            ipv4_only: flags.ipv4_only,
            may_be_missing: flags.excuses_missing_addresses,
        },
        implied: flags.implied,
        mistake,
        ..sources(flags.files)
    };
    if flags.check
        && flags.master
        && let Err(error) = app::master::check(&master_sockets)
    {
        return end(Err(error));
    }
    if flags.check {
        return check(&sources, flags.zero_warning, flags.quiet, !master_sockets.is_empty());
    }
    serve(&Options {
        sources,
        daemon: flags.daemon,
        foreground: flags.foreground,
        zero_warning: flags.zero_warning,
        pidfile: flags.pidfile,
        finish: flags.finish,
        terminate: flags.terminate,
        master: flags.master,
        notify: flags.notify,
        take_from: flags.take_from,
        master_sockets,
        memory_mib: flags.memory_mib,
        hup_reports: true,
        program_file,
        ..Options::named("haproxy")
    })
}

/// How flags are written, after what is wrong with these.
fn usage(mistake: Option<&str>) -> ExitCode {
    let mistake = mistake.map_or_else(String::new, |mistake| format!("{mistake}\n"));
    eprintln!("{}\n{mistake}Usage : haproxy [flags]\n{USAGE}", version_line());
    ExitCode::from(FAILED)
}

fn serve(options: &Options) -> ExitCode {
    if app::master::is_worker() {
        return end(app::work(options));
    }
    if app::master::is_resumed() {
        return end(app::master::resume(options));
    }
    let loaded = options.sources.load();
    options.sources.keep(&loaded);
    loaded.print();
    let Some(config) = &loaded.config else {
        tracing::error!("config : Fatal errors found in configuration.");
        return ExitCode::from(FAILED);
    };
    if (options.zero_warning || config.global.life.zero_warning) && loaded.report.has_warnings() {
        tracing::error!("config : Some warnings were found and 'zero-warning' is set. Aborting.");
        return ExitCode::from(FAILED);
    }
    if !config.has_listener() {
        tracing::error!("No enabled listener found (check for 'bind' directives)! Exiting.");
        return ExitCode::from(FAILED);
    }
    end(app::run(loaded, options))
}

fn end(ended: Result<Ended, StartError>) -> ExitCode {
    match ended {
        Ok(Ended::Done) => ExitCode::SUCCESS,
        Ok(Ended::Code(code)) => ExitCode::from(code),
        Ok(Ended::Signal(signal)) => sys::process::die_by(signal),
        Err(error) => {
            for line in error.to_string().lines() {
                tracing::error!("{line}");
            }
            ExitCode::from(FAILED)
        }
    }
}

/// Says every mistake.
fn check(sources: &Sources, zero_warning: bool, quiet: bool, has_socket: bool) -> ExitCode {
    let loaded = sources.load();
    loaded.print();
    let Some(config) = &loaded.config else {
        tell("config : Fatal errors found in configuration", quiet);
        return ExitCode::from(FAILED);
    };
    let is_alone = has_socket && !sources.master && !config.global.life.master_worker;
    if is_alone {
        tracing::warn!("{}", app::SOCKET_WITHOUT_MASTER);
    }
    let has_warnings = is_alone || loaded.report.has_warnings();
    if (zero_warning || config.global.life.zero_warning) && has_warnings {
        tell("config : Some warnings were found and 'zero-warning' is set. Aborting", quiet);
        return ExitCode::from(FAILED);
    }
    match app::check_state_dir(config) {
        Ok(said) => said.iter().for_each(|alert| tracing::error!("{alert}")),
        Err(refused) => {
            tracing::error!("{refused}");
            return ExitCode::from(FAILED);
        }
    }
    if !config.has_listener() {
        if !loaded.is_quiet() {
            let text = "Configuration file has no error but will not start (no listener)";
            print(&format!("{text} => exit(2).\n"));
        }
        return ExitCode::from(CANNOT);
    }
    if loaded.is_quiet() {
        return ExitCode::SUCCESS;
    }
    if has_warnings {
        print("Warnings were found.\n");
    }
    print("Configuration file is valid\n");
    ExitCode::SUCCESS
}

/// One more alert, in HAProxy's look.
fn tell(alert: &str, quiet: bool) {
    if quiet {
        return;
    }
    eprintln!("[ALERT]    ({}) : {alert}.", std::process::id());
}

fn convert(sources: &Sources) -> ExitCode {
    let loaded = sources.load();
    loaded.print();
    match &loaded.config {
        Some(config) => {
            print(&export::export(config));
            ExitCode::SUCCESS
        }
        None => ExitCode::from(FAILED),
    }
}

/// Files are TOML where the first one says so by its name.
fn sources(paths: Vec<PathBuf>) -> Sources {
    let toml = paths.first().is_some_and(|path| path.extension().is_some_and(|e| e == "toml"));
    let language = if toml { Language::Toml } else { Language::Haproxy };
    Sources { paths, language, ..Sources::default() }
}

fn evaluate(condition: &str) -> ExitCode {
    match haproxy_compat::cond::check(condition, &environment(&[]), &facts()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(FAILED),
        Err(error) => {
            let why = error.message;
            tell(&format!("config : Failed to evaluate condition: '{condition}': {why}"), false);
            ExitCode::from(CANNOT)
        }
    }
}

/// What tools look for in the first line, and what it really is.
fn version_line() -> String {
    let own = env!("CARGO_PKG_VERSION");
    format!("HAProxy version {CLAIMED_VERSION}-evenkeel-{own} - compatible in TCP mode")
}

fn print_version(version: Version) -> ExitCode {
    let branch = CLAIMED_VERSION.rsplit_once('.').map_or(CLAIMED_VERSION, |(branch, _)| branch);
    match version {
        Version::Number => print(&format!("{CLAIMED_VERSION}\n")),
        Version::Branch => print(&format!("{branch}\n")),
        Version::Short | Version::Long => {
            let system = rustix::system::uname();
            let [name, release, build, machine] =
                [system.sysname(), system.release(), system.version(), system.machine()]
                    .map(|text| text.to_string_lossy());
            print(&format!(
                "{}\nStatus: Evenkeel {}, a program of its own\n\
                 Running on: {name} {release} {build} {machine}\n",
                version_line(),
                env!("CARGO_PKG_VERSION")
            ));
        }
    }
    if version == Version::Long {
        print(&long_version());
    }
    ExitCode::SUCCESS
}

/// The rest of `-vv`: its parts are what test suites and scripts look for.
fn long_version() -> String {
    use evenkeel::config::defaults::{BUFSIZE_BYTES, THREADS_MAX};
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    format!(
        "Build options :\n  TARGET  = linux-rust\n  CPU     = {}\n\n\
         Feature list : {}\n\n\
         Default settings :\n  bufsize = {BUFSIZE_BYTES}\n\n\
         Built with multi-threading support (MAX_THREADS={THREADS_MAX}, default={threads}).\n\
         Built with the Prometheus exporter as a service\n\n\
         Available polling systems :\n      epoll : pref=300,  test result OK\n\
         Total: 1 (1 usable), will use epoll.\n\n\
         Available services : prometheus-exporter\n",
        std::env::consts::ARCH,
        features::list()
    )
}

fn start_log(level: LevelFilter) {
    telemetry::trace::install(level).expect("this is the only place that installs one");
}

/// Prints to standard output; a reader that has left is no reason to fail.
fn print(text: &str) {
    let _ = std::io::Write::write_all(&mut std::io::stdout(), text.as_bytes());
}
