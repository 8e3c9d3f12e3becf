//! `evenkeel ctl`: gives a command to a running process and prints the answer, line by line into a pipe
//! and as a table on a terminal.

use std::io::{self, BufRead, BufReader, IsTerminal, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use super::failovers;
use super::load::Sources;
use crate::cli::ctl_help::OWN;
use crate::config::Language;
use crate::config::model::{Config, ListenAddr};
use crate::telemetry::failover::LEAD;

/// The variable that names the socket.
pub const SOCKET_VARIABLE: &str = "EVENKEEL_SOCKET";

/// Where configurations are where none was named.
const CONFIGS: [&str; 2] = ["/etc/evenkeel/evenkeel.toml", "/etc/haproxy/haproxy.cfg"];

/// Commands that take time and tell what they do, line by line.
const TELLING: [&str; 2] = ["switchover", "drill"];

/// Columns of `show stat` that a terminal has room for.
const COLUMNS: [&str; 13] = [
    "pxname",
    "svname",
    "status",
    "check_status",
    "weight",
    "qcur",
    "scur",
    "smax",
    "slim",
    "stot",
    "bin",
    "bout",
    "addr",
];

/// Those of them that a narrow terminal does without, the least missed first.
const SPARE: [&str; 7] = ["smax", "slim", "bout", "bin", "weight", "check_status", "qcur"];

/// Between two columns.
const GAP: &str = "  ";

/// Gives `command` to the process that listens at `socket`, or where the environment or a
/// configuration says, and prints the answer. Yields how it was answered.
///
/// # Errors
/// Why nobody could be asked.
pub fn run(socket: Option<String>, config: Option<PathBuf>, command: &str) -> io::Result<Said> {
    let variable = || std::env::var(SOCKET_VARIABLE).ok();
    let (socket, whose) = match socket.or_else(|| if config.is_some() { None } else { variable() })
    {
        Some(socket) => (socket, String::new()),
        None => configured(config)?,
    };
    let named =
        |error: io::Error| io::Error::new(error.kind(), format!("{socket}{whose}: {error}"));
    let mut stream = connect(&socket).map_err(named)?;
    stream.write_all(format!("{SEVERITY};{command}\n").as_bytes())?;
    stream.finish()?;
    let mut out = io::stdout();
    let mut words = command.split_whitespace();
    let takes_time = words.next().is_some_and(|word| TELLING.contains(&word))
        && !(words.next() == Some("show") && words.next().is_none());
    let must_end = OWN.iter().any(|own| command.split_whitespace().next() == Some(own));
    if !out.is_terminal() || takes_time {
        return pass_on(BufReader::new(stream), &mut out, must_end);
    }
    let mut answer = Vec::new();
    let said = pass_on(BufReader::new(stream), &mut answer, must_end)?;
    let mut answer = String::from_utf8_lossy(&answer).into_owned();
    if command.split_whitespace().next() == Some("failovers") {
        answer = failovers::table::table(&answer);
    }
    out.write_all(table(&answer, terminal_width()).as_bytes())?;
    Ok(said)
}

/// What makes the process say of each message how bad it is.
const SEVERITY: &str = "set severity-output number";

/// The mildest severity that is a mistake: HAProxy's `err`; lower numbers are worse.
const MISTAKE: u8 = 3;

/// What says that something was done and it is not known whether it is as it should be: HAProxy's
/// `warning`. Only of those that are [`OWN`]: elsewhere a warning is none.
const DOUBT: u8 = 4;

/// How a process answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// Every command was carried out.
    Done,
    /// Every one was, and of a drill it is not known whether it kept to what was declared.
    Unknown,
    /// One at least was refused.
    Refused,
}

/// Writes the answers in `from` to `out` as they come, without their severities, without the empty lines
/// before and behind all of them, and without the first, which is that of [`SEVERITY`].
///
/// # Errors
/// They `must_end`, and the last of them has no empty line behind it, or there is none but the first:
/// the process ended in the middle.
fn pass_on(mut from: impl BufRead, out: &mut impl Write, must_end: bool) -> io::Result<Said> {
    let mut said = Said::Done;
    let (mut is_first, mut begins) = (true, true);
    let (mut empty_lines, mut has_text) = (0, false);
    let mut ends = 0;
    let mut line = Vec::new();
    while from.read_until(b'\n', &mut line)? > 0 {
        let is_end = line == b"\n";
        if is_end {
            ends += 1;
            empty_lines += usize::from(has_text);
        } else if !is_first {
            out.write_all(&b"\n".repeat(std::mem::take(&mut empty_lines)))?;
            has_text = true;
            let (severity, text) = severity(&line).filter(|_| begins).unwrap_or((7, &line));
            // A master says no severities.
            if severity <= MISTAKE || begins && text.starts_with(b"Unknown command") {
                said = Said::Refused;
            } else if must_end && severity == DOUBT && said == Said::Done {
                said = Said::Unknown;
            }
            match text.strip_prefix(LEAD.as_bytes()) {
                Some(record) => match failovers::save(record) {
                    Ok(names) => writeln!(out, "{}", names.join("\n"))?,
                    Err(error) => {
                        out.write_all(record)?;
                        writeln!(out, "{error}")?;
                        said = Said::Refused;
                    }
                },
                None => out.write_all(text)?,
            }
        }
        is_first &= !is_end;
        begins = is_end;
        line.clear();
    }
    // One of them is the first's.
    if must_end && (ends < 2 || !begins) {
        let why = "the process ended before it had answered: look what became of it";
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, why));
    }
    Ok(said)
}

/// `[3]: text`
fn severity(line: &[u8]) -> Option<(u8, &[u8])> {
    match line {
        [b'[', digit @ b'0'..=b'7', b']', b':', b' ', text @ ..] => Some((digit - b'0', text)),
        _ => None,
    }
}

/// Either kind of connection.
trait Talk: Read + Write {
    /// Says that no more commands come.
    fn finish(&self) -> io::Result<()>;
}

impl Talk for UnixStream {
    fn finish(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

impl Talk for TcpStream {
    fn finish(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

/// A path, with `unix@` or not, or `host:port`.
fn connect(socket: &str) -> io::Result<Box<dyn Talk>> {
    let path = socket.strip_prefix("unix@").unwrap_or(socket);
    // A bare name is one where there is such a file.
    if path.contains('/') || path != socket || std::path::Path::new(path).exists() {
        return Ok(Box::new(UnixStream::connect(path)?));
    }
    Ok(Box::new(TcpStream::connect(socket)?))
}

/// The command socket of the configuration that allows most, and whose it is, for people.
fn configured(config: Option<PathBuf>) -> io::Result<(String, String)> {
    let mut paths = config.into_iter().chain(CONFIGS.map(PathBuf::from));
    let missing = || {
        let message = format!("name a socket with -s, or in {SOCKET_VARIABLE}");
        io::Error::new(io::ErrorKind::NotFound, message)
    };
    let path = paths.find(|path| path.exists()).ok_or_else(missing)?;
    let whose = format!(", the socket of {} (-s names another)", path.display());
    let toml = path.extension().is_some_and(|extension| extension == "toml");
    let language = if toml { Language::Toml } else { Language::Haproxy };
    let loaded = Sources { paths: vec![path], language, ..Sources::default() }.load();
    let socket = loaded.config.as_ref().and_then(socket_of).ok_or_else(missing)?;
    Ok((socket, whose))
}

fn socket_of(config: &Config) -> Option<String> {
    let sockets = config.commands.sockets.iter();
    let reachable = sockets.filter_map(|socket| match &socket.bind.address {
        ListenAddr::Unix(path) => Some((socket.level, path.display().to_string())),
        ListenAddr::Tcp(address) => Some((socket.level, address.to_string())),
        ListenAddr::Abstract(_) | ListenAddr::Fd(_) | ListenAddr::Sockpair(_) => None,
    });
    reachable.max_by_key(|(level, _)| *level).map(|(_, socket)| socket)
}

/// Columns of the terminal at standard output; no bound where it does not know.
fn terminal_width() -> usize {
    let size = rustix::termios::tcgetwinsize(io::stdout()).map(|size| size.ws_col.into());
    size.ok().filter(|&width| width > 0).unwrap_or(usize::MAX)
}

/// Aligns what has a header, and leaves out what is [`SPARE`] in `room` columns; the rest stays as it
/// is.
fn table(answer: &str, room: usize) -> String {
    let Some(header) = answer.lines().next().and_then(|line| line.strip_prefix("# ")) else {
        return answer.to_owned();
    };
    let separator = if header.contains(',') { ',' } else { ' ' };
    let names: Vec<&str> = header.split(separator).collect();
    let shown: Vec<usize> = if names.first() == Some(&"pxname") {
        COLUMNS.iter().filter_map(|wanted| names.iter().position(|name| name == wanted)).collect()
    } else {
        (0..names.len()).collect()
    };
    // What begins so further down is a remark for people.
    let remarks = answer.lines().skip(1).filter_map(|line| line.strip_prefix("# "));
    let lines = answer.lines().filter(|line| !line.starts_with("# "));
    let rows: Vec<Vec<&str>> = std::iter::once(header)
        .chain(lines.filter(|line| !line.is_empty()))
        .map(|line| {
            let cells: Vec<&str> = line.split(separator).collect();
            shown.iter().map(|&at| cells.get(at).copied().unwrap_or_default()).collect()
        })
        .collect();
    let width = |at: usize| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..shown.len()).map(width).collect();
    let mut kept: Vec<usize> = (0..shown.len()).collect();
    let needed = |kept: &[usize]| kept.iter().map(|&at| widths[at] + GAP.len()).sum::<usize>();
    let mut spare = SPARE.iter().filter(|_| names.first() == Some(&"pxname"));
    while needed(&kept) > room.saturating_add(GAP.len())
        && let Some(name) = spare.next()
    {
        kept.retain(|&at| rows[0][at] != *name);
    }
    let mut text = String::new();
    for row in &rows {
        let cells = kept.iter().map(|&at| format!("{:<width$}", row[at], width = widths[at]));
        text.push_str(cells.collect::<Vec<_>>().join(GAP).trim_end());
        text.push('\n');
    }
    for remark in remarks {
        text.push_str(&format!("\n{remark}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remarks_stand_below_a_table_as_they_are() {
        let answer = "# backend server\npg a\n# pg: a is kept\nlonger b\n\n";
        let shown = "backend  server\npg       a\nlonger   b\n\npg: a is kept\n";
        assert_eq!(table(answer, usize::MAX), shown);
    }

    #[test]
    fn a_table_has_what_people_look_for_in_columns() {
        let csv = "# pxname,svname,qcur,status,\nbe,s1,0,UP,\nlonger,BACKEND,12,DOWN,\n\n";
        let lines: Vec<String> = table(csv, usize::MAX).lines().map(str::to_owned).collect();
        assert_eq!(
            lines,
            [
                "pxname  svname   status  qcur",
                "be      s1       UP      0",
                "longer  BACKEND  DOWN    12",
            ]
        );
    }

    #[test]
    fn a_narrow_terminal_does_without_some_columns() {
        let csv = "# pxname,svname,scur,smax,slim,\nbe,s1,1,2,3,\n\n";
        for (room, header) in [
            (32, "pxname  svname  scur  smax  slim"),
            (31, "pxname  svname  scur  slim"),
            (20, "pxname  svname  scur"),
            (5, "pxname  svname  scur"),
        ] {
            assert_eq!(table(csv, room).lines().next(), Some(header), "{room}");
        }
    }

    #[test]
    fn answers_are_passed_on_and_mistakes_seen() {
        let passed = |answers: &str| {
            let mut out = Vec::new();
            let said = pass_on(answers.as_bytes(), &mut out, true).unwrap();
            (String::from_utf8(out).unwrap(), said)
        };
        assert_eq!(passed("\n# name\nbe\n\n"), ("# name\nbe\n".to_owned(), Said::Done));
        assert_eq!(passed("\n[6]: 3.2.0\n\n"), ("3.2.0\n".to_owned(), Said::Done));
        let (text, said) = passed("\nx: [3]: y\n[3]: z\n\n[3]: No such backend.\n\n");
        assert_eq!(
            (text.as_str(), said),
            ("x: [3]: y\n[3]: z\n\nNo such backend.\n", Said::Refused)
        );
        let cut = pass_on(&b"\nswitchover: begun\n"[..], &mut Vec::new(), true);
        assert!(cut.is_err(), "its process is gone");
        for nothing in ["", "\n"] {
            assert!(
                pass_on(nothing.as_bytes(), &mut Vec::new(), true).is_err(),
                "before it answered"
            );
        }
        // A master knows no severities.
        let unknown = "Unknown command: 'set severity-output', but\n help\n\n";
        assert_eq!(passed(&format!("{unknown}done\n\n")), ("done\n".to_owned(), Said::Done));
        let said = unknown.trim_end().to_owned() + "\n";
        assert_eq!(passed(&format!("{unknown}{unknown}")), (said, Said::Refused));
        assert_eq!(passed("\n\n[3]: Failed.\n\n"), ("Failed.\n".to_owned(), Said::Refused));
        let unknown = "\nhealed\n\n[4]: Unknown: it is 0.\n\n";
        let text = "healed\n\nUnknown: it is 0.\n".to_owned();
        assert_eq!(passed(unknown), (text, Said::Unknown));
        assert_eq!(passed("\n\n"), (String::new(), Said::Done), "nothing is said");
    }

    #[test]
    fn what_has_no_header_stays() {
        assert_eq!(table("Name: HAProxy\n", 80), "Name: HAProxy\n");
        assert_eq!(table("# name\nbe\n\n", 80), "name\nbe\n");
    }
}
