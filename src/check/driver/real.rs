//! Checks of real database servers, on Unix sockets in a directory of their own.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use std::time::Instant;

use super::*;
use crate::check::target::Timing;
use crate::config::model::{CheckKind, MysqlDialect};
use crate::pure::health::verdict::CheckStatus;
use crate::pure::probe::Context;
use crate::pure::probe::testing::Alone;

/// How long a server may take to start.
const PATIENCE: Duration = Duration::from_secs(60);

/// A directory that is removed, and the server in it that is killed, at the end of the test.
struct Home {
    path: PathBuf,
    server: Option<Child>,
}

impl Home {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("evenkeel-{name}-{}", std::process::id()));
        fs::create_dir(&path).expect("a directory");
        // Postgres refuses to run as root and changes to its own user.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).expect("permissions");
        Self { path, server: None }
    }

    fn start(&mut self, command: &mut Command) {
        let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.server = Some(quiet.spawn().expect("the server is installed"));
    }

    /// Checks until the server answers.
    async fn ready(&self, socket: &str, kind: &CheckKind) -> Verdict {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let verdict = self.check(socket, kind).await;
            if verdict.status != CheckStatus::SocketError || Instant::now() > deadline {
                return verdict;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn check(&self, socket: &str, kind: &CheckKind) -> Verdict {
        let timing = Timing { inter: PATIENCE, connect: PATIENCE, answer: None };
        let addr = TargetAddr::Unix(self.path.join(socket));
        let target = Target {
            addr,
            source: None,
            socks4: None,
            is_via_socks4: false,
            send_proxy: false,
            proxy_header: |_| Vec::new(),
            tls: None,
            is_tls: false,
            process: None,
            is_doubted: false,
            timing,
        };
        let context = Context { answer_bytes_max: 16_384, down: false, unix_time_s: 0 };
        run(&target, &mut Probe::for_kind(kind, &context, &Alone)).await
    }

    /// kill -9; the listening socket dies with its process.
    fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.kill().expect("it runs");
            server.wait().expect("it ends");
        }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        self.kill();
        let _ = fs::remove_dir_all(&self.path);
    }
}

fn is_root() -> bool {
    rustix::process::getuid().is_root()
}

fn run_to_end(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().expect("the program is installed");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn mysql(user: &str) -> CheckKind {
    CheckKind::Mysql { user: Some((user.to_owned(), MysqlDialect::Post41)) }
}

/// MariaDB's count of clients that did not finish their login.
fn aborted_connects(socket: &Path) -> String {
    let asked = "SHOW GLOBAL STATUS LIKE 'Aborted_connects'";
    let mut client = Command::new("mariadb");
    run_to_end(client.args(["--no-defaults", "-uroot", "-N", "-e", asked, "-S"]).arg(socket))
}

#[tokio::test]
async fn mariadb() {
    let mut home = Home::new("mariadb");
    let data = home.path.join("data");
    let mut install = Command::new("mariadb-install-db");
    install.args(["--no-defaults", "--skip-test-db", "--auth-root-authentication-method=normal"]);
    run_to_end(install.arg(format!("--datadir={}", data.display())));
    let init = home.path.join("init.sql");
    fs::write(&init, "CREATE USER haproxy_check@localhost;\n").expect("write");
    fs::set_permissions(&init, fs::Permissions::from_mode(0o644)).expect("permissions");
    let mut server = Command::new("mariadbd");
    server.args(["--no-defaults", "--skip-networking", "--innodb-buffer-pool-size=8M"]);
    if is_root() {
        server.arg("--user=root");
    }
    let of_home =
        |option: &str, name: &str| format!("--{option}={}", home.path.join(name).display());
    server.args([
        of_home("datadir", "data"),
        of_home("socket", "s"),
        of_home("init-file", "init.sql"),
        of_home("pid-file", "pid"),
        of_home("log-error", "log"),
    ]);
    home.start(&mut server);

    let passed = home.ready("s", &mysql("haproxy_check")).await;
    assert_eq!((passed.status, passed.code), (CheckStatus::L7Ok, Some(0)), "{passed:?}");
    assert!(passed.info().contains("MariaDB"), "{passed:?}");
    let refused = home.check("s", &mysql("nobody")).await;
    assert_eq!((refused.status, refused.code), (CheckStatus::L7Status, Some(1045)), "{refused:?}");
    assert!(refused.info().starts_with("#28000Access denied for user 'nobody'"), "{refused:?}");
    let aborted = aborted_connects(&home.path.join("s"));
    for _ in 0..20 {
        home.check("s", &mysql("haproxy_check")).await;
    }
    assert_eq!(aborted_connects(&home.path.join("s")), aborted, "the goodbye is a proper one");
    home.kill();
    let gone = home.check("s", &mysql("haproxy_check")).await;
    assert_eq!((gone.status, gone.heard), (CheckStatus::SocketError, true));
}

#[tokio::test]
async fn postgres() {
    let mut home = Home::new("postgres");
    let versions = fs::read_dir("/usr/lib/postgresql").expect("Postgres is installed");
    let version = versions.filter_map(Result::ok).max_by_key(std::fs::DirEntry::file_name);
    let bin = version.expect("a version of Postgres").path().join("bin");
    let data = home.path.join("data");
    let as_postgres = |program: &str| {
        let program = bin.join(program);
        if !is_root() {
            return Command::new(program);
        }
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program);
        command
    };
    run_to_end(
        as_postgres("initdb").args(["-A", "trust", "-U", "evenkeel", "--no-sync", "-D"]).arg(&data),
    );
    let mut server = as_postgres("postgres");
    server.args(["-c", "listen_addresses=", "-c", "fsync=off", "-c"]);
    server.arg(format!("unix_socket_directories={}", home.path.display())).arg("-D").arg(&data);
    home.start(&mut server);

    let kind = CheckKind::Pgsql { user: "evenkeel".to_owned() };
    let socket = ".s.PGSQL.5432";
    let deadline = Instant::now() + PATIENCE;
    let mut verdict = home.ready(socket, &kind).await;
    // While it starts it says so, which is a refusal.
    while verdict.status == CheckStatus::L7Response && Instant::now() < deadline {
        assert_eq!(verdict.info(), "FATAL");
        tokio::time::sleep(Duration::from_millis(20)).await;
        verdict = home.check(socket, &kind).await;
    }
    assert_eq!(verdict.status, CheckStatus::L7Ok, "{verdict:?}");
    assert_eq!(verdict.info(), "PostgreSQL server is ok");
    home.kill();
    let mut gone = home.check(socket, &kind).await;
    // A child of the killed process may hold the listening socket for another moment.
    while gone.status != CheckStatus::SocketError && Instant::now() < deadline {
        assert!(!gone.passed(), "{gone:?}");
        gone = home.check(socket, &kind).await;
    }
    assert_eq!((gone.status, gone.heard), (CheckStatus::SocketError, true));
}

#[tokio::test]
async fn redis() {
    let mut home = Home::new("redis");
    let socket = home.path.join("s");
    let mut server = Command::new("redis-server");
    server.args(["--port", "0", "--save", "", "--unixsocket"]).arg(&socket);
    server.arg("--dir").arg(&home.path);
    home.start(&mut server);
    let verdict = home.ready("s", &CheckKind::Redis).await;
    assert_eq!((verdict.status, verdict.info()), (CheckStatus::L7Ok, "Redis server is ok"));
    home.kill();
    let gone = home.check("s", &CheckKind::Redis).await;
    assert_eq!((gone.status, gone.heard), (CheckStatus::SocketError, true));
}
