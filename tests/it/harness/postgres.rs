//! Real Postgres servers: a primary and its streaming replica.
//!
//! `initdb` runs once; its result is kept under the build directory and copied for each primary.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;

use super::dir::TempDir;
use super::pgsql_wire::Client;
use super::port::free_port;
use super::process::{Process, Spec, launcher};
use super::{PATIENCE, eventually};

/// Who the server runs as where the tests run as root, which Postgres refuses to be.
const USER: &str = "postgres";

/// A server, stopped and removed at drop.
pub(crate) struct Postgres {
    pub(crate) addr: SocketAddr,
    pub(crate) process: Process,
    /// Variables, from its restart on.
    pub(crate) env: Vec<(String, String)>,
    data: PathBuf,
    dir: TempDir,
}

impl Postgres {
    /// A primary with the role `haproxy_check` and the table `written (n int)`.
    pub(crate) fn primary() -> Self {
        let dir = TempDir::new();
        let data = dir.join("data");
        run(&["cp", "-a", &text(&template()), &text(&data)]);
        let primary = Self::launch(dir, data);
        primary.query("CREATE ROLE haproxy_check LOGIN");
        primary.query("CREATE TABLE written (n int)");
        primary
    }

    /// A hot standby that streams from `primary` and has caught up.
    pub(crate) fn replica_of(primary: &Self) -> Self {
        let dir = TempDir::new();
        own(dir.path());
        let data = dir.join("data");
        let (port, data_text) = (primary.addr.port().to_string(), text(&data));
        run_as_server(&[
            &tool("pg_basebackup"),
            "-h",
            "127.0.0.1",
            "-p",
            &port,
            "-U",
            "postgres",
            "-D",
            &data_text,
            "-R",
            "-X",
            "stream",
            "-c",
            "fast",
            "--no-sync",
        ]);
        let replica = Self::launch(dir, data);
        eventually("the replica streams", || {
            let streaming = primary.query("SELECT count(*) FROM pg_stat_replication");
            (streaming[0][0] != "0").then_some(())
        });
        replica
    }

    fn launch(dir: TempDir, data: PathBuf) -> Self {
        let port = free_port();
        let process = start(&dir, &data, port, Vec::new());
        let addr = (Ipv4Addr::LOCALHOST, port).into();
        let server = Self { addr, process, env: Vec::new(), data, dir };
        server.wait_ready();
        server
    }

    /// Starts it again, on its address and its data.
    pub(crate) fn start_again(&mut self) {
        self.process = start(&self.dir, &self.data, self.addr.port(), self.env.clone());
        self.wait_ready();
    }

    /// Ends it in order, as `pg_ctl stop -m fast` does.
    pub(crate) fn stop_clean(&mut self) {
        self.process.signal(Signal::INT);
        self.process.wait();
    }

    /// Makes a replica a primary.
    pub(crate) fn promote(&self) {
        self.query("SELECT pg_promote()");
        eventually("it is promoted", || (!self.is_replica()).then_some(()));
    }

    pub(crate) fn is_replica(&self) -> bool {
        self.query("SELECT pg_is_in_recovery()")[0][0] == "t"
    }

    /// Runs `sql` directly, past every proxy.
    #[track_caller]
    pub(crate) fn query(&self, sql: &str) -> Vec<Vec<String>> {
        Client::connect(self.addr, "postgres", PATIENCE)
            .and_then(|mut client| client.query(sql))
            .unwrap()
    }

    /// Streams from `source` from now on.
    pub(crate) fn follow(&self, source: &Self) {
        let port = source.addr.port();
        let from = format!("host=127.0.0.1 port={port} user=postgres");
        self.query(&format!("ALTER SYSTEM SET primary_conninfo = '{from}'"));
        self.query("SELECT pg_reload_conf()");
    }

    /// Makes a role that must prove its password by SCRAM-SHA-256, and sees who follows whom.
    pub(crate) fn expect_password(&self, role: &str, password: &str) {
        self.query(&format!("CREATE ROLE {role} LOGIN PASSWORD '{password}'"));
        self.query(&format!("GRANT pg_read_all_stats TO {role}"));
        let file = self.data.join("pg_hba.conf");
        let rules = fs::read_to_string(&file).unwrap();
        fs::write(&file, format!("host all {role} all scram-sha-256\n{rules}")).unwrap();
        self.query("SELECT pg_reload_conf()");
    }

    /// Shows this certificate, with its key, from its next reload on.
    pub(crate) fn show_certificate(&self, (crt, key): &(String, String)) {
        for (name, text) in [("server.crt", crt), ("server.key", key)] {
            let path = self.data.join(name);
            fs::write(&path, text).unwrap();
            own(&path);
            run(&["chmod", "600", &path.display().to_string()]);
        }
        self.query("SELECT pg_reload_conf()");
    }

    /// Speaks TLS with this certificate and key, and with `role` only so; it has a password.
    pub(crate) fn expect_tls(&self, role: &str, password: &str, pair: &(String, String)) {
        self.speak_tls(pair);
        self.query(&format!("CREATE ROLE {role} LOGIN PASSWORD '{password}'"));
        self.query(&format!("GRANT pg_read_all_stats TO {role}"));
        let file = self.data.join("pg_hba.conf");
        let rules = fs::read_to_string(&file).unwrap();
        let own = format!("hostssl all {role} all scram-sha-256\nhost all {role} all reject\n");
        fs::write(&file, own + &rules).unwrap();
        self.query("SELECT pg_reload_conf()");
    }

    /// Speaks TLS with this certificate and key to who asks for it.
    pub(crate) fn speak_tls(&self, pair: &(String, String)) {
        self.show_certificate(pair);
        self.query("ALTER SYSTEM SET ssl = on");
        self.query("SELECT pg_reload_conf()");
        eventually("it speaks TLS", || (self.query("SHOW ssl")[0][0] == "on").then_some(()));
    }

    fn wait_ready(&self) {
        eventually("postgres answers", || {
            Client::connect(self.addr, "postgres", PATIENCE).ok().map(drop)
        });
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // A killed server leaves its System V segment, which only its start would remove:
        // line 7 of the pid file names it.
        let pid_file = fs::read_to_string(self.data.join("postmaster.pid")).unwrap_or_default();
        self.process.cont();
        self.process.kill9();
        let segment = pid_file.lines().nth(6).and_then(|line| line.split_whitespace().nth(1));
        if let Some(segment) = segment {
            let _ = Command::new("ipcrm").args(["-m", segment]).output();
        }
    }
}

fn start(dir: &TempDir, data: &Path, port: u16, env: Vec<(String, String)>) -> Process {
    let settings = [
        "listen_addresses=127.0.0.1".to_owned(),
        format!("port={port}"),
        "unix_socket_directories=".to_owned(),
        "fsync=off".to_owned(),
        "shared_buffers=16MB".to_owned(),
        "dynamic_shared_memory_type=mmap".to_owned(),
        "max_connections=300".to_owned(),
        "wal_retrieve_retry_interval=100ms".to_owned(),
    ];
    let mut args = vec!["-D".to_owned(), text(data)];
    args.extend(settings.into_iter().flat_map(|setting| ["-c".to_owned(), setting]));
    Process::start(Spec {
        name: "postgres",
        program: Path::new(&tool("postgres")),
        args,
        user: Some(USER),
        env,
        log: dir.join("postgres.log"),
    })
}

/// A fresh cluster, made at most once for this build directory, version and user.
fn template() -> PathBuf {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let version = bin_dir().parent().unwrap().file_name().unwrap().to_owned();
    let user = rustix::process::geteuid().as_raw();
    let kept = home.join(format!("postgres-{}-{user}", version.display()));
    let lock = File::create(home.join(format!("postgres-{user}.lock"))).unwrap();
    lock.lock().unwrap();
    if !kept.exists() {
        let dir = TempDir::new();
        own(dir.path());
        let data = text(&dir.join("data"));
        let initdb = tool("initdb");
        let words = ["-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync"];
        run_as_server(&[&[initdb.as_str(), "-D", &data, "--wal-segsize=1"], &words[..]].concat());
        let half = text(&home.join(format!("postgres-{user}.half")));
        run(&["rm", "-rf", &half]);
        run(&["cp", "-a", &data, &half]);
        fs::rename(half, &kept).unwrap();
    }
    kept
}

/// The directory of the newest installed version's programs.
fn bin_dir() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").expect("postgresql is installed").flatten();
    let newest = versions
        .max_by_key(|entry| entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()));
    newest.expect("postgresql is installed").path().join("bin")
}

fn tool(name: &str) -> String {
    text(&bin_dir().join(name))
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// Gives `path` to the server's user.
fn own(path: &Path) {
    if super::process::is_root() {
        run(&["chown", USER, &text(path)]);
    }
}

fn run_as_server(words: &[&str]) {
    let launcher = launcher(Some(USER));
    let words: Vec<&str> =
        launcher.iter().map(String::as_str).chain(words.iter().copied()).collect();
    run(&words);
}

/// Runs a helper program to its end and demands success.
#[track_caller]
pub(super) fn run(words: &[&str]) {
    let output = Command::new(words[0]).args(&words[1..]).current_dir("/").output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{words:?}: {told}");
}
