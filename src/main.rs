//! The program: arguments in, exit status out.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use evenkeel::app::load::{CLAIMED_VERSION, Sources, environment, facts};
use evenkeel::app::{self, Ended, Options};
use evenkeel::cli::haproxy::{Flags, Mistake, USAGE, Version};
use evenkeel::cli::{self, Command, Own, Usage};
use evenkeel::config::{Language, export};
use evenkeel::{demo, sys, telemetry};
use tracing_subscriber::filter::LevelFilter;

/// The configuration is wrong, or the process cannot start; HAProxy's number for both.
const FAILED: u8 = 1;

/// A valid configuration without a listener, and a condition that cannot be evaluated.
const CANNOT: u8 = 2;

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    match cli::parse(args) {
        Ok(Command::Haproxy(flags)) => haproxy(flags),
        Ok(Command::Own(Own::Run(files))) => run(files.paths()),
        Ok(Command::Own(Own::Check(files))) => check(&sources(files.paths())),
        Ok(Command::Own(Own::Convert(files))) => convert(&sources(files.paths())),
        Ok(Command::Own(Own::Demo(how))) => demo::run(&how),
        Err(Usage::Own(error)) => error.exit(),
        Err(Usage::Haproxy(Mistake(mistake))) => {
            eprintln!("evenkeel: {mistake}\n\n{USAGE}");
            ExitCode::from(FAILED)
        }
    }
}

/// Serves in the foreground.
fn run(paths: Vec<PathBuf>) -> ExitCode {
    let sources = sources(paths);
    start_log(LevelFilter::INFO);
    serve(&Options { foreground: true, sources, ..Options::named("evenkeel") })
}

/// HAProxy's way: one set of flags for everything.
fn haproxy(flags: Flags) -> ExitCode {
    if flags.help {
        print(USAGE);
        return ExitCode::from(FAILED);
    }
    if let Some(version) = flags.version {
        return print_version(version);
    }
    if let Some(condition) = &flags.condition {
        return evaluate(condition);
    }
    if let Some(directory) = &flags.directory
        && let Err(error) = std::env::set_current_dir(directory)
    {
        eprintln!("evenkeel: cannot change to {}: {error}", directory.display());
        return ExitCode::from(FAILED);
    }
    start_log(if flags.quiet { LevelFilter::OFF } else { LevelFilter::INFO });
    let mut sources = sources(flags.files);
    sources.maxconn = flags.maxconn;
    if flags.check {
        return check(&sources);
    }
    serve(&Options {
        sources,
        daemon: flags.daemon,
        foreground: flags.foreground,
        zero_warning: flags.zero_warning,
        pidfile: flags.pidfile,
        finish: flags.finish,
        terminate: flags.terminate,
        ..Options::named("haproxy")
    })
}

fn serve(options: &Options) -> ExitCode {
    let loaded = options.sources.load();
    options.sources.keep(&loaded);
    loaded.print();
    let refused = options.zero_warning && loaded.report.has_warnings();
    let Some(config) = loaded.config.filter(|_| !refused) else {
        tracing::error!("config : Fatal errors found in configuration.");
        return ExitCode::from(FAILED);
    };
    if !config.has_listener() {
        tracing::error!("No enabled listener found (check for 'bind' directives)! Exiting.");
        return ExitCode::from(FAILED);
    }
    match app::run(config, options) {
        Ok(Ended::Done) => ExitCode::SUCCESS,
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
fn check(sources: &Sources) -> ExitCode {
    let loaded = sources.load();
    loaded.print();
    let Some(config) = &loaded.config else {
        tell("Fatal errors found in configuration");
        return ExitCode::from(FAILED);
    };
    if !config.has_listener() {
        eprintln!("Configuration file has no error but will not start (no listener) => exit(2).");
        return ExitCode::from(CANNOT);
    }
    if loaded.report.has_warnings() {
        print("Warnings were found.\n");
    }
    print("Configuration file is valid\n");
    ExitCode::SUCCESS
}

/// One more alert, in HAProxy's look.
fn tell(alert: &str) {
    eprintln!("[ALERT]    ({}) : config : {alert}.", std::process::id());
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
    Sources::new(paths, language)
}

fn evaluate(condition: &str) -> ExitCode {
    match haproxy_compat::cond::check(condition, &environment(&[]), &facts()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(FAILED),
        Err(error) => {
            eprintln!("evenkeel: cannot evaluate '{condition}': {}", error.message);
            ExitCode::from(CANNOT)
        }
    }
}

fn print_version(version: Version) -> ExitCode {
    let own = env!("CARGO_PKG_VERSION");
    print(&format!("Evenkeel version {own}, HAProxy version {CLAIMED_VERSION} compatible\n"));
    if version == Version::Long {
        let features = facts().features;
        let features: Vec<_> = features.iter().map(|feature| format!("+{feature}")).collect();
        print(&format!("  TARGET  = linux-rust\n\nFeature list : {}\n", features.join(" ")));
    }
    ExitCode::SUCCESS
}

fn start_log(level: LevelFilter) {
    telemetry::trace::install(level).expect("this is the only place that installs one");
}

/// Prints to standard output; a reader that has left is no reason to fail.
fn print(text: &str) {
    let _ = std::io::Write::write_all(&mut std::io::stdout(), text.as_bytes());
}
