//! HAProxy's command line: single-dash words, several of them taking a list.
//!
//! Pure: words in, [`Flags`] out. Flags that name something we have no use for (memory poisoning,
//! pollers) are accepted, so that scripts and units work unchanged.

use std::num::NonZeroU32;
use std::path::PathBuf;

/// What the flags say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// `-f`, and what stands behind `--`.
    pub files: Vec<PathBuf>,
    /// `-c`: check only.
    pub check: bool,
    /// `-cc`: evaluate a condition.
    pub condition: Option<String>,
    /// `-v`, `-vv` and variants: print the version.
    pub version: Option<Version>,
    /// `-h`, or no flag at all: print the usage.
    pub help: bool,
    /// `-V`.
    pub verbose: bool,
    /// `-q`, without `-V`.
    pub quiet: bool,
    /// `-D`.
    pub daemon: bool,
    /// `-d` and `-db`: stay in the foreground.
    pub foreground: bool,
    /// `-W` and `-Ws`: a master serves through a worker.
    pub master: bool,
    /// `-Ws`: the service manager is told.
    pub notify: bool,
    /// `-S`: where the master takes commands, and the options of that socket.
    pub master_sockets: Vec<String>,
    /// `-x`: the command socket of the process to take over from.
    pub take_from: Option<PathBuf>,
    /// `-L`: this machine's name among peers.
    pub localpeer: Option<String>,
    /// `-dW`: a warning is an error.
    pub zero_warning: bool,
    /// `-p`.
    pub pidfile: Option<PathBuf>,
    /// `-C`.
    pub directory: Option<PathBuf>,
    /// `-n`.
    pub maxconn: Option<NonZeroU32>,
    /// `-N`.
    pub proxy_maxconn: Option<NonZeroU32>,
    /// `-m`: MiB of address space.
    pub memory_mib: Option<NonZeroU32>,
    /// `-4`: names of hosts have IPv4 addresses only.
    pub ipv4_only: bool,
    /// `-dr`: servers may begin without an address.
    pub excuses_missing_addresses: bool,
    /// `-dS`, `-dV`: the lines of `global` that they stand for.
    pub implied: Vec<String>,
    /// `-sf`.
    pub finish: Vec<i32>,
    /// `-st`.
    pub terminate: Vec<i32>,
}

/// How much `-v` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// `-v`.
    Short,
    /// `-vv`.
    Long,
    /// `-vq` and `-vqs`: the number alone.
    Number,
    /// `-vqb`: the branch alone.
    Branch,
}

/// A mistake on the command line, as a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake(pub String);

/// Flags without an argument that change nothing here.
const WITHOUT_EFFECT: [&str; 8] = ["-de", "-dp", "-dk", "-dv", "-dG", "-dR", "-dD", "-dL"];

impl Flags {
    /// Reads the words after the program's name.
    ///
    /// # Errors
    /// The first word that cannot be understood.
    pub fn parse(words: impl Iterator<Item = String>) -> Result<Self, Mistake> {
        match Self::read(words) {
            (flags, None) => Ok(flags),
            (_, Some(mistake)) => Err(mistake),
        }
    }

    /// As [`parse`](Self::parse), with what can be understood beside the first word that cannot.
    pub fn read(words: impl Iterator<Item = String>) -> (Self, Option<Mistake>) {
        let (mut flags, mut mistake) = (Self::default(), None);
        let mut words = words.peekable();
        let mut any = false;
        while let Some(word) = words.next() {
            any = true;
            if let Err(found) = flags.take(&word, &mut words) {
                mistake.get_or_insert(found);
            }
        }
        flags.help |= !any;
        flags.quiet &= !flags.verbose;
        (flags, mistake)
    }

    /// Takes one word, and those that belong to it.
    fn take(
        &mut self,
        word: &str,
        words: &mut std::iter::Peekable<impl Iterator<Item = String>>,
    ) -> Result<(), Mistake> {
        let flags = self;
        match heeded(word) {
            "-c" => flags.check = true,
            "-v" => flags.version = Some(Version::Short),
            "-vv" => flags.version = Some(Version::Long),
            "-h" | "--help" => flags.help = true,
            "-V" => flags.verbose = true,
            "-q" => flags.quiet = true,
            "-D" => flags.daemon = true,
            "-vq" | "-vqs" => flags.version = Some(Version::Number),
            "-vqb" => flags.version = Some(Version::Branch),
            "-d" | "-db" => flags.foreground = true,
            "-W" => flags.master = true,
            "-Ws" => (flags.master, flags.notify) = (true, true),
            "-S" => flags.master_sockets.push(argument(word, words)?),
            "-x" => flags.take_from = Some(argument(word, words)?.into()),
            "-L" => flags.localpeer = Some(argument(word, words)?),
            "-N" => flags.proxy_maxconn = limit(&argument(word, words)?),
            "-m" => flags.memory_mib = limit(&argument(word, words)?),
            "-4" => flags.ipv4_only = true,
            "-dr" => flags.excuses_missing_addresses = true,
            "-dS" => flags.implied.push("nosplice".to_owned()),
            "-dV" => flags.implied.push("ssl-server-verify none".to_owned()),
            "-dW" => flags.zero_warning = true,
            "-cc" => flags.condition = Some(argument(word, words)?),
            "-f" => flags.files.push(argument(word, words)?.into()),
            "-p" => flags.pidfile = Some(argument(word, words)?.into()),
            "-C" => flags.directory = Some(argument(word, words)?.into()),
            "-n" => flags.maxconn = limit(&argument(word, words)?),
            "-sf" => flags.finish = pids(words)?,
            "-st" => flags.terminate = pids(words)?,
            "--" => flags.files.extend(words.map(PathBuf::from)),
            other if WITHOUT_EFFECT.contains(&other) || has_free_form(other) => {}
            other if !other.starts_with('-') => {
                return Err(Mistake(format!(
                    "'{other}' is no flag: a configuration is named by -f, or behind --"
                )));
            }
            other => return Err(Mistake(format!("unknown option '{other}'"))),
        }
        Ok(())
    }
}

/// What HAProxy heeds of a word: flags are one letter or two, and what is glued to them is passed over
/// (`-cD` is `-c`).
fn heeded(word: &str) -> &str {
    let begins = |flag: &&str| word.starts_with(*flag);
    let known = ["-vv", "-cc", "-Ws", "-sf", "-st", "-db", "-dr", "-dS", "-dV", "-dW"];
    if let Some(flag) = known.iter().chain(&WITHOUT_EFFECT).find(|flag| begins(flag)) {
        return flag;
    }
    if has_free_form(word) || word.starts_with("-vq") {
        return word;
    }
    let known = [
        "-v", "-d", "-c", "-D", "-V", "-q", "-W", "-x", "-S", "-C", "-n", "-m", "-N", "-L", "-f",
        "-p",
    ];
    known.iter().find(|flag| begins(flag)).unwrap_or(&word)
}

/// Flags with something glued to them: `-dM0x50`, `-dK…`, `-dt…`, `-dA…`, `-dI`, `-dF` …
fn has_free_form(word: &str) -> bool {
    ["-dM", "-dK", "-dt", "-dA", "-dI", "-dF", "-dZ", "-dT", "-dC", "-dc"]
        .iter()
        .any(|flag| word.starts_with(flag))
}

fn argument(flag: &str, words: &mut impl Iterator<Item = String>) -> Result<String, Mistake> {
    words.next().ok_or_else(|| Mistake(format!("option '{flag}' needs an argument")))
}

/// A limit; 0 and what is no number are none, as in HAProxy.
fn limit(text: &str) -> Option<NonZeroU32> {
    text.parse().ok()
}

/// All numbers that follow, also as one quoted word (`-sf "$(cat pidfile)"`).
fn pids(
    words: &mut std::iter::Peekable<impl Iterator<Item = String>>,
) -> Result<Vec<i32>, Mistake> {
    let mut pids = Vec::new();
    while let Some(word) = words.next_if(|word| !word.starts_with('-')) {
        for pid in word.split_whitespace() {
            match pid.parse() {
                Ok(pid) if pid > 0 => pids.push(pid),
                _ => return Err(Mistake(format!("'{pid}' is not a process id"))),
            }
        }
    }
    Ok(pids)
}

/// What `-h` prints.
pub const USAGE: &str = "\
HAProxy's own flags work as they are:
  -f FILE|DIR  load a haproxy.cfg, or every *.cfg of a directory; may be repeated
  -c           check the configuration and exit: 0 valid, 1 errors, 2 no listener
  -cc COND     evaluate a condition and exit: 0 true, 1 false, 2 mistake
  -v, -vv      print the version; -vq, -vqs, -vqb only its number or branch
  -V, -q       say more, say nothing
  -D, -db      go to the background, stay in the foreground
  -p FILE      write the process id there
  -C DIR       change to DIR before anything is loaded
  -n NUMBER    at most this many client connections; -N for each frontend
  -m NUMBER    at most this many MiB of address space
  -L NAME      this machine's name among peers
  -4           names of hosts have IPv4 addresses only
  -dr          servers whose names cannot be resolved begin without an address
  -dS          move no bytes by splice(2)
  -dV          certificates of servers are not verified where the file does not ask for it
  -dW          refuse configurations with warnings
  -sf PID...   when serving, let these processes finish their sessions and go
  -st PID...   when serving, end these processes at once
  -x SOCKET    take the listening sockets over from the process that answers there
  -W, -Ws      serve through a worker and reload on SIGUSR2 or SIGHUP; -Ws tells systemd
  -S ADDRESS   take commands in the master; options of a bind line follow after commas";

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Flags, Mistake> {
        Flags::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn a_unit_file_s_command_line() {
        let flags = parse("-Ws -f /etc/a.cfg -f /etc/b -p /run/h.pid -x /s -sf 12 13 -n 100");
        let flags = flags.expect("valid");
        assert!(flags.master && flags.notify && !flags.foreground);
        assert_eq!(flags.take_from, Some(PathBuf::from("/s")));
        assert_eq!(flags.files, [PathBuf::from("/etc/a.cfg"), PathBuf::from("/etc/b")]);
        assert_eq!(flags.pidfile, Some(PathBuf::from("/run/h.pid")));
        assert_eq!(flags.finish, [12, 13]);
        assert_eq!(flags.maxconn, NonZeroU32::new(100));
    }

    #[test]
    fn files_are_behind_a_flag_or_two_dashes() {
        let flags = parse("-f a.cfg -c -dM0x50 -- -b.cfg").expect("valid");
        assert_eq!(flags.files, [PathBuf::from("a.cfg"), PathBuf::from("-b.cfg")]);
        assert!(flags.check);
        assert!(parse("-c a.cfg").is_err() && parse("-f a.cfg b.cfg").is_err());
    }

    #[test]
    fn who_wants_words_is_not_spared_them() {
        assert!(parse("-q -c").expect("valid").quiet);
        assert!(!parse("-q -V").expect("valid").quiet);
    }

    // As HAProxy 2.6 takes them.
    #[test]
    fn what_is_glued_to_a_flag_is_passed_over() {
        for (glued, plain) in [
            ("-cD", "-c"),
            ("-c -dbV", "-c -db"),
            ("-Vx", "-V"),
            ("-vx", "-v"),
            ("-vvx", "-vv"),
            ("-c -Wx", "-c -W"),
            ("-c -dxyz", "-c -d"),
            ("-c -deX", "-c"),
            ("-n100 5", "-n 5"),
            ("-c -sfx 7", "-c -sf 7"),
            ("-fx a.cfg", "-f a.cfg"),
            ("-ccx true", "-cc true"),
        ] {
            assert_eq!(parse(glued), parse(plain), "{glued}");
        }
        assert!(parse("-sx").is_err() && parse("--x").is_err() && parse("-").is_err());
    }

    #[test]
    fn an_empty_list_of_processes_is_no_mistake() {
        assert_eq!(parse("-f a -sf").expect("valid").finish, Vec::<i32>::new());
    }

    #[test]
    fn mistakes_name_the_flag() {
        for (line, wanted) in [("-f", "-f"), ("-x", "-x"), ("-zz", "-zz"), ("-sf a", "'a'")] {
            let Mistake(said) = parse(line).expect_err(line);
            assert!(said.contains(wanted), "{said}");
        }
    }

    #[test]
    fn nothing_asks_for_help() {
        assert!(parse("").expect("valid").help);
    }
}
