//! A real database pair of either kind behind a listener for writes and one for reads.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use rustix::process::Signal;

use crate::harness::dir::TempDir;
use crate::harness::mariadb::MariaDb;
use crate::harness::port::{free_addr, is_listening};
use crate::harness::postgres::Postgres;
use crate::harness::process::{Process, Spec};
use crate::harness::proxy::Kind as Program;
use crate::harness::{PATIENCE, eventually, mysql_wire, pgsql_wire};

/// Which database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Postgres,
    MariaDb,
}

/// What happens to the process in the middle of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Middle {
    /// Nothing.
    Calm,
    /// It reads its file again, and then another program takes its place.
    Changes,
}

/// A server of a pair.
pub(super) enum Node {
    Postgres(Postgres),
    MariaDb(MariaDb),
}

/// A client of either kind.
pub(super) enum Client {
    Postgres(pgsql_wire::Client),
    MariaDb(mysql_wire::Client),
}

/// Where a pair's clients go.
#[derive(Clone, Copy)]
pub(super) struct Way {
    pub(super) kind: Kind,
    pub(super) addr: SocketAddr,
}

/// A pair of which `a` is the primary at first.
pub(super) struct Pair {
    pub(super) kind: Kind,
    pub(super) a: Node,
    pub(super) b: Node,
    pub(super) write: Way,
    pub(super) read: Way,
    pub(super) evenkeel: Process,
    pub(super) middle: Middle,
    program: PathBuf,
    dir: TempDir,
}

/// Words of a check that takes no server for dead because the machine is slow.
pub(super) const PATIENT: &str = "fall = 2, timeout = \"20s\"";

/// Settings of a process whose wall clock is stepped: a comment, by which it is known.
pub(super) const STEPPED: &str = "# its clock is stepped\n";

/// What makes a process take its wall clock from the file `clock`.
fn stepped(clock: &Path) -> Vec<(String, String)> {
    let folders = std::fs::read_dir("/usr/lib").unwrap().flatten();
    let library = folders
        .map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"))
        .find(|library| library.exists())
        .expect("libfaketime is installed");
    let env = [
        ("LD_PRELOAD", library.display().to_string()),
        ("FAKETIME_TIMESTAMP_FILE", clock.display().to_string()),
        ("FAKETIME_NO_CACHE", "1".to_owned()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
    ];
    env.map(|(name, value)| (name.to_owned(), value)).to_vec()
}

/// Evenkeel with the file that is in `dir`.
fn launch(dir: &TempDir, program: &Path, env: Vec<(String, String)>) -> Process {
    let file = dir.join("evenkeel.toml").display().to_string();
    Process::start(Spec {
        name: "evenkeel",
        program,
        args: vec!["run".to_owned(), "-c".to_owned(), file],
        user: None,
        env,
        log: dir.join("output"),
    })
}

impl Kind {
    fn account(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::MariaDb => "app",
        }
    }

    /// A primary with the account of the check.
    pub(super) fn primary(self) -> Node {
        match self {
            Self::Postgres => {
                let server = Postgres::primary();
                server.expect_password("evenkeel", "s3cret");
                Node::Postgres(server)
            }
            Self::MariaDb => {
                let server = MariaDb::primary();
                server.query("CREATE USER evenkeel@'%' IDENTIFIED BY 's3cret'");
                Node::MariaDb(server)
            }
        }
    }

    /// A replica of `primary` that takes no writes.
    pub(super) fn replica_of(self, primary: &Node) -> Node {
        match primary {
            Node::Postgres(primary) => Node::Postgres(Postgres::replica_of(primary)),
            Node::MariaDb(primary) => {
                let mut replica = MariaDb::replica_of(primary);
                replica.set_read_only(true);
                Node::MariaDb(replica)
            }
        }
    }

    /// What the one table is called.
    pub(super) fn table(self) -> &'static str {
        match self {
            Self::Postgres => "written",
            Self::MariaDb => "app.written",
        }
    }

    /// The port of the server that is asked.
    pub(super) fn port(self) -> &'static str {
        match self {
            Self::Postgres => "inet_server_port()",
            Self::MariaDb => "@@port",
        }
    }
}

impl Way {
    pub(super) fn connect(self) -> std::io::Result<Client> {
        let (addr, account) = (self.addr, self.kind.account());
        Ok(match self.kind {
            Kind::Postgres => {
                Client::Postgres(pgsql_wire::Client::connect(addr, account, PATIENCE)?)
            }
            Kind::MariaDb => Client::MariaDb(mysql_wire::Client::connect(addr, account, PATIENCE)?),
        })
    }

    /// The port of the server that this leads to.
    pub(super) fn port(self) -> std::io::Result<u16> {
        let row = self.connect()?.query(&format!("SELECT {}", self.kind.port()))?;
        Ok(row[0][0].parse().unwrap())
    }
}

impl Client {
    pub(super) fn query(&mut self, sql: &str) -> std::io::Result<Vec<Vec<String>>> {
        match self {
            Self::Postgres(client) => client.query(sql),
            Self::MariaDb(client) => client.query(sql),
        }
    }
}

impl Node {
    pub(super) fn addr(&self) -> SocketAddr {
        match self {
            Self::Postgres(server) => server.addr,
            Self::MariaDb(server) => server.addr,
        }
    }

    pub(super) fn process(&mut self) -> &mut Process {
        match self {
            Self::Postgres(server) => &mut server.process,
            Self::MariaDb(server) => &mut server.process,
        }
    }

    pub(super) fn start_again(&mut self) {
        match self {
            Self::Postgres(server) => server.start_again(),
            Self::MariaDb(server) => server.start_again(),
        }
    }

    pub(super) fn stop_clean(&mut self) {
        match self {
            Self::Postgres(server) => server.stop_clean(),
            Self::MariaDb(server) => server.stop_clean(),
        }
    }

    pub(super) fn promote(&mut self) {
        match self {
            Self::Postgres(server) => server.promote(),
            Self::MariaDb(server) => server.promote(),
        }
    }

    /// Past every proxy.
    #[track_caller]
    pub(super) fn query(&self, sql: &str) -> Vec<Vec<String>> {
        match self {
            Self::Postgres(server) => server.query(sql),
            Self::MariaDb(server) => server.query(sql),
        }
    }

    /// Starts it again with a wall clock that is as far off as the file says.
    pub(super) fn fake_clock(&mut self, clock: &Path) {
        self.stop_clean();
        match self {
            Self::Postgres(server) => server.env = stepped(clock),
            Self::MariaDb(server) => server.env = stepped(clock),
        }
        self.start_again();
    }

    /// Sessions of clients on it, those that come past every proxy not included.
    pub(super) fn clients(&self) -> usize {
        let sql = match self {
            Self::Postgres(_) => {
                "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' \
                 AND usename = 'postgres' AND pid <> pg_backend_pid()"
            }
            Self::MariaDb(_) => "SELECT id FROM information_schema.processlist WHERE user = 'app'",
        };
        self.query(sql).len()
    }

    /// Stops applying what the primary writes, or goes on.
    pub(super) fn pause_replay(&self, pause: bool) {
        let sql = match (self, pause) {
            (Self::Postgres(_), true) => "SELECT pg_wal_replay_pause()",
            (Self::Postgres(_), false) => "SELECT pg_wal_replay_resume()",
            (Self::MariaDb(_), true) => "STOP SLAVE SQL_THREAD",
            (Self::MariaDb(_), false) => "START SLAVE SQL_THREAD",
        };
        self.query(sql);
    }

    /// The account of the check has another password from now on.
    pub(super) fn set_password(&self, password: &str) {
        match self {
            Self::Postgres(_) => {
                self.query(&format!("ALTER ROLE evenkeel PASSWORD '{password}'"));
            }
            Self::MariaDb(_) => {
                self.query(&format!("ALTER USER evenkeel@'%' IDENTIFIED BY '{password}'"));
            }
        }
    }

    /// Ends the session that the check holds with it.
    pub(super) fn end_held(&self) {
        match self {
            Self::Postgres(server) => drop(server.query(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'evenkeel'",
            )),
            Self::MariaDb(server) => {
                let list = server.query("SHOW PROCESSLIST");
                for row in list.iter().filter(|row| row[1] == "evenkeel") {
                    let id = &row[0];
                    // It may have gone by itself.
                    let _ = server.query(&format!(
                        "BEGIN NOT ATOMIC DECLARE CONTINUE HANDLER FOR \
                                                   SQLEXCEPTION BEGIN END; KILL {id}; END"
                    ));
                }
            }
        }
    }
}

impl Pair {
    /// A server is down after two failures.
    pub(super) fn start(kind: Kind, middle: Middle) -> Self {
        Self::of(kind, middle, "fall = 2", "")
    }

    /// With more words of the check, and `global` settings.
    pub(super) fn of(kind: Kind, middle: Middle, more: &str, global: &str) -> Self {
        let a = kind.primary();
        let b = kind.replica_of(&a);
        let addr = a.addr();
        Self::before(a, b, addr, middle, more, global)
    }

    /// The middle of the fault.
    pub(super) fn passes(&self) {
        if self.middle == Middle::Calm {
            return;
        }
        let loaded = || self.evenkeel.output().matches("Loading success.").count();
        for is_new in [false, true] {
            let before = loaded();
            if is_new {
                self.replace_program();
            }
            self.evenkeel.signal(Signal::HUP);
            eventually("it is loaded", || (loaded() > before).then_some(()));
        }
    }

    /// The records of failovers.
    pub(super) fn records(&self) -> Vec<serde_json::Value> {
        let said = self.ctl("failovers db");
        let lines = said.lines().filter(|line| !line.is_empty());
        lines.map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Ends the process in order and starts it again after `meanwhile`.
    pub(super) fn restart(&mut self, meanwhile: impl FnOnce(&mut Self)) {
        self.evenkeel.signal(Signal::TERM);
        self.evenkeel.wait();
        meanwhile(self);
        self.evenkeel = launch(&self.dir, &self.program, Vec::new());
        eventually("it listens", || is_listening(self.write.addr.port()).then_some(()));
    }

    /// A file in the directory where the process keeps what outlives it.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// The wall clock of the process is this much off from now on: `+1h`. It had to be started with
    /// [`STEPPED`] among its global settings.
    pub(super) fn step_clock(&self, off: &str) {
        self.dir.write("clock", off);
    }

    /// Evenkeel before these servers; `a` is reached at another address of its than the others'.
    pub(super) fn before(
        a: Node,
        b: Node,
        a_addr: SocketAddr,
        middle: Middle,
        more: &str,
        global: &str,
    ) -> Self {
        let (kind, check) = match &a {
            Node::Postgres(_) => (Kind::Postgres, "type = \"postgres\", database = \"postgres\""),
            Node::MariaDb(_) => (Kind::MariaDb, "type = \"mysql\""),
        };
        let (dir, write, read) = (TempDir::new(), free_addr(), free_addr());
        let password = dir.write("db.pass", "s3cret\n");
        let text = format!(
            "[global]\nstate_dir = \"{state}\"\n{master}{global}\n\
             [commands]\nsocket = {{ address = \"{socket}\", level = \"admin\" }}\n\n\
             [backend.db]\n\
             check = {{ {check}, user = \"evenkeel\", password_file = \"{password}\", \
             rise = 1, {more} }}\nserver.a = \"{a}\"\nserver.b = \"{b}\"\n\n\
             [frontend.write]\nbind = \"{write}\"\nbackend = \"db\"\nrole = \"primary\"\n\
             hold = \"30s\"\nrto = \"60s\"\nrpo = 1000000000\n\n\
             [frontend.read]\nbind = \"{read}\"\nbackend = \"db\"\nrole = \"replica\"\n\
             max_lag = \"500ms\"\nfallback = \"primary\"\n",
            state = dir.path().display(),
            master = if middle == Middle::Changes { "master_worker = true\n" } else { "" },
            socket = dir.join("sock").display(),
            password = password.display(),
            a = a_addr,
            b = b.addr(),
        );
        dir.write("evenkeel.toml", &text);
        // A file of its own, which an upgrade can replace.
        let program = dir.join("evenkeel");
        std::fs::hard_link(Program::Evenkeel.program(), &program)
            .or_else(|_| std::fs::copy(Program::Evenkeel.program(), &program).map(drop))
            .unwrap();
        let is_stepped = global == STEPPED;
        let env = if is_stepped { stepped(&dir.write("clock", "+0")) } else { Vec::new() };
        let evenkeel = launch(&dir, &program, env);
        eventually("it listens", || is_listening(write.port()).then_some(()));
        let way = |addr| Way { kind, addr };
        let (write, read) = (way(write), way(read));
        let pair = Self { kind, a, b, write, read, evenkeel, middle, program, dir };
        pair.wait_fence("a", "primary primary incumbent");
        pair.wait_fence("b", "replica replica follower");
        pair
    }

    /// The password that the check has when its file is loaded again.
    pub(super) fn write_password(&self, password: &str) {
        self.dir.write("db.pass", &format!("{password}\n"));
    }

    /// The file has this in place of that, and is loaded again.
    pub(super) fn change(&self, that: &str, this: &str) {
        let text = std::fs::read_to_string(self.dir.join("evenkeel.toml")).unwrap();
        assert!(text.contains(that), "{text}");
        self.dir.write("evenkeel.toml", &text.replace(that, this));
        self.evenkeel.signal(rustix::process::Signal::HUP);
    }

    /// Another file where the program is, with the same content.
    pub(super) fn replace_program(&self) {
        let new = self.dir.join("evenkeel.new");
        std::fs::copy(&self.program, &new).unwrap();
        std::fs::rename(&new, &self.program).unwrap();
    }

    /// What the process answers to `evenkeel ctl`.
    pub(super) fn ctl(&self, command: &str) -> String {
        let socket = self.dir.join("sock").display().to_string();
        let args = ["ctl", "-s", &socket].into_iter().chain(command.split(' '));
        let (status, said) = Program::Evenkeel.run(&args.collect::<Vec<_>>());
        assert!(status.success(), "{said}");
        said
    }

    /// Waits until `fence show` has these cells for a server: what it says, is, and was.
    #[track_caller]
    pub(super) fn wait_fence(&self, server: &str, cells: &str) {
        eventually(&format!("{server} is {cells}"), || {
            self.ctl("fence show").contains(&format!("db {server} {cells}")).then_some(())
        });
    }

    /// Waits until the process has said this.
    #[track_caller]
    pub(super) fn wait_said(&self, text: &str) {
        eventually(text, || self.evenkeel.output().contains(text).then_some(()));
    }

    /// The column `name` of a server in the statistics.
    pub(super) fn shown(&self, server: &str, name: &str) -> String {
        let said = self.ctl("show stat db -1 -1");
        let cells = |line: &str| line.split(',').map(str::to_owned).collect::<Vec<_>>();
        let mut lines = said.lines().map(cells);
        let names = lines.next().unwrap();
        let row = lines.find(|row| row.get(1).is_some_and(|name| name == server)).unwrap();
        row[names.iter().position(|cell| cell == name).unwrap()].clone()
    }
}
