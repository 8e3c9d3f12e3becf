//! `evenkeel ctl`: gives a command to a running process and prints the answer, as it is into a pipe
//! and as a table on a terminal.

use std::io::{self, BufRead, BufReader, IsTerminal, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use super::load::Sources;
use crate::config::Language;
use crate::config::model::{Config, ListenAddr};

/// The variable that names the socket.
pub const SOCKET_VARIABLE: &str = "EVENKEEL_SOCKET";

/// Where configurations are where none was named.
const CONFIGS: [&str; 2] = ["/etc/evenkeel/evenkeel.toml", "/etc/haproxy/haproxy.cfg"];

/// Commands that take time and tell what they do.
const TELLING: [&str; 2] = ["switchover", "drill"];

/// What their last line begins with where all is well.
const DONE: &str = "Done";

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

/// Gives `command` to the process that listens at `socket`, or where the environment or a
/// configuration says, and prints the answer. Whether what was asked was done, where that shows only
/// in the end: with a switchover or a drill.
///
/// # Errors
/// Why nobody could be asked.
pub fn run(socket: Option<String>, config: Option<PathBuf>, command: &str) -> io::Result<bool> {
    let variable = || std::env::var(SOCKET_VARIABLE).ok();
    let socket = match socket.or_else(|| if config.is_some() { None } else { variable() }) {
        Some(socket) => socket,
        None => configured(config)?,
    };
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{socket}: {error}"));
    let mut stream = connect(&socket).map_err(named)?;
    stream.write_all(command.as_bytes())?;
    stream.write_all(b"\n")?;
    stream.finish()?;
    let mut out = io::stdout();
    if TELLING.iter().any(|word| command.split_whitespace().next() == Some(word)) {
        return follow(stream, out);
    }
    if !out.is_terminal() {
        return io::copy(&mut stream, &mut out).map(|_| true);
    }
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    out.write_all(table(&String::from_utf8_lossy(&answer)).as_bytes())?;
    Ok(true)
}

/// Prints lines as they come; whether the last one says that it is done.
fn follow(stream: Box<dyn Talk>, mut out: impl Write) -> io::Result<bool> {
    let mut is_done = false;
    for line in BufReader::new(stream).lines() {
        let line = line?;
        if !line.is_empty() {
            is_done = line.starts_with(DONE);
            writeln!(out, "{line}")?;
            out.flush()?;
        }
    }
    Ok(is_done)
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

/// The command socket of the configuration that allows most.
fn configured(config: Option<PathBuf>) -> io::Result<String> {
    let mut paths = config.into_iter().chain(CONFIGS.map(PathBuf::from));
    let missing = || {
        let message = format!("name a socket with -s, or in {SOCKET_VARIABLE}");
        io::Error::new(io::ErrorKind::NotFound, message)
    };
    let path = paths.find(|path| path.exists()).ok_or_else(missing)?;
    let toml = path.extension().is_some_and(|extension| extension == "toml");
    let language = if toml { Language::Toml } else { Language::Haproxy };
    let loaded = Sources { paths: vec![path], language, ..Sources::default() }.load();
    loaded.config.as_ref().and_then(socket_of).ok_or_else(missing)
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

/// Aligns what has a header; the rest stays as it is.
fn table(answer: &str) -> String {
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
    let lines = answer.lines().map(|line| line.strip_prefix("# ").unwrap_or(line));
    let rows: Vec<Vec<&str>> = lines
        .filter(|line| !line.is_empty())
        .map(|line| {
            let cells: Vec<&str> = line.split(separator).collect();
            shown.iter().map(|&at| cells.get(at).copied().unwrap_or_default()).collect()
        })
        .collect();
    let width = |at: usize| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..shown.len()).map(width).collect();
    let mut text = String::new();
    for row in &rows {
        let cells = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:<width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_what_people_look_for_in_columns() {
        let csv = "# pxname,svname,qcur,status,\nbe,s1,0,UP,\nlonger,BACKEND,12,DOWN,\n\n";
        let lines: Vec<String> = table(csv).lines().map(str::to_owned).collect();
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
    fn what_has_no_header_stays() {
        assert_eq!(table("Name: HAProxy\n\n"), "Name: HAProxy\n\n");
        assert_eq!(table("# name\nbe\n\n"), "name\nbe\n");
    }
}
