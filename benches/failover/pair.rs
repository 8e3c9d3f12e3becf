//! The database pair: two scripted servers, or two MariaDB. Server 1 is the primary, server 2
//! the backup.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use measure::pinned::{LOAD_CORE, Pinned, free_addr};

/// How long a server may take until it accepts; MariaDB recovers from its last kill here.
const START_LIMIT: Duration = Duration::from_secs(60);

/// What the servers are.
#[derive(Debug)]
pub(crate) enum Kind {
    /// This program, in the role of a server.
    Scripted,
    /// MariaDB on the databases in this folder.
    MariaDb(PathBuf),
}

impl Kind {
    /// Creates the two databases in `folder`; they serve all runs.
    pub(crate) fn maria_db(folder: &Path) -> io::Result<Self> {
        for id in ["1", "2"] {
            let data = format!("--datadir={}", folder.join(id).display());
            let output = Command::new("mariadb-install-db")
                .args(["--no-defaults", "--user=root", "--skip-test-db", &data])
                .output()?;
            if !output.status.success() {
                let reason = String::from_utf8_lossy(&output.stderr).into_owned();
                return Err(io::Error::other(format!("mariadb-install-db: {reason}")));
            }
        }
        let users = "CREATE USER IF NOT EXISTS haproxy_check@'%';\n";
        fs::write(folder.join("users.sql"), users)?;
        Ok(Self::MariaDb(folder.to_owned()))
    }

    fn start(&self, id: &str, addr: SocketAddr, folder: &Path) -> io::Result<Pinned> {
        let output = folder.join(format!("server-{id}.out"));
        let listen = addr.to_string();
        match self {
            Self::Scripted => {
                let this = std::env::current_exe()?;
                Pinned::start(LOAD_CORE, &this, &["serve", &listen, id], output)
            }
            Self::MariaDb(data) => {
                let args = [
                    "--no-defaults".to_owned(),
                    "--user=root".to_owned(),
                    format!("--datadir={}", data.join(id).display()),
                    format!("--socket={}", data.join(format!("{id}.sock")).display()),
                    format!("--pid-file={}", data.join(format!("{id}.pid")).display()),
                    format!("--init-file={}", data.join("users.sql").display()),
                    format!("--bind-address={}", addr.ip()),
                    format!("--port={}", addr.port()),
                    format!("--server-id={id}"),
                    "--skip-name-resolve".to_owned(),
                    "--max-connections=2000".to_owned(),
                    "--innodb-buffer-pool-size=16M".to_owned(),
                ];
                let args: Vec<&str> = args.iter().map(String::as_str).collect();
                Pinned::start(LOAD_CORE, Path::new("/usr/sbin/mariadbd"), &args, output)
            }
        }
    }
}

/// Two running servers; ended when dropped.
pub(crate) struct Pair {
    pub(crate) primary_addr: SocketAddr,
    pub(crate) backup_addr: SocketAddr,
    /// The process that a run kills.
    pub(crate) primary: Pinned,
    _backup: Pinned,
}

impl Pair {
    /// Starts both servers and waits until they accept.
    pub(crate) fn start(kind: &Kind, folder: &Path) -> io::Result<Self> {
        let (primary_addr, backup_addr) = (free_addr()?, free_addr()?);
        let mut primary = kind.start("1", primary_addr, folder)?;
        let mut backup = kind.start("2", backup_addr, folder)?;
        await_listener(&mut primary, primary_addr, START_LIMIT)?;
        await_listener(&mut backup, backup_addr, START_LIMIT)?;
        Ok(Self { primary_addr, backup_addr, primary, _backup: backup })
    }
}

/// Waits until `process` accepts connections on `addr`.
pub(crate) fn await_listener(
    process: &mut Pinned,
    addr: SocketAddr,
    limit: Duration,
) -> io::Result<()> {
    let deadline = Instant::now() + limit;
    while TcpStream::connect(addr).is_err() {
        process.must_run()?;
        if Instant::now() > deadline {
            let message = format!("nothing listens on {addr}");
            return Err(io::Error::new(io::ErrorKind::TimedOut, message));
        }
        thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}
