//! Real MariaDB servers: a primary and a replica that follows it by GTID.
//!
//! `mariadb-install-db` runs once; its result is kept under the build directory and copied.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use rustix::process::Signal;

use super::dir::TempDir;
use super::mysql_wire::Client;
use super::port::free_port;
use super::postgres::run;
use super::process::{Process, Spec, is_root};
use super::{PATIENCE, eventually};

/// Who the server runs as where the tests run as root.
const USER: &str = "mysql";

/// A server, killed and removed at drop.
pub(crate) struct MariaDb {
    pub(crate) addr: SocketAddr,
    pub(crate) process: Process,
    id: u32,
    /// Also after a restart.
    pub(crate) read_only: bool,
    /// More words of its command line.
    options: Vec<String>,
    /// Variables, from its restart on.
    pub(crate) env: Vec<(String, String)>,
    dir: TempDir,
}

impl MariaDb {
    /// A primary with the users `haproxy_check` and `app` (no passwords) and `app.written (n int)`.
    pub(crate) fn primary() -> Self {
        let primary = Self::launch(1);
        primary.query("CREATE USER haproxy_check@'%'");
        primary.query("CREATE USER app@'%'");
        primary.query("GRANT ALL ON *.* TO app@'%'");
        primary.query("CREATE DATABASE app");
        primary.query("CREATE TABLE app.written (n int)");
        primary
    }

    /// A replica of `primary` that has caught up.
    pub(crate) fn replica_of(primary: &Self) -> Self {
        Self::launch_after(primary, 2)
    }

    /// Another one beside that.
    pub(crate) fn third_of(primary: &Self) -> Self {
        Self::launch_after(primary, 3)
    }

    fn launch_after(primary: &Self, id: u32) -> Self {
        let replica = Self::launch(id);
        replica.query(&format!(
            "CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT={}, MASTER_USER='root', \
             MASTER_USE_GTID=slave_pos, MASTER_CONNECT_RETRY=1",
            primary.addr.port()
        ));
        replica.query("START SLAVE");
        eventually("the replica has caught up", || {
            let tables = replica.query(
                "SELECT count(*) FROM information_schema.tables \
                                        WHERE table_schema='app' AND table_name='written'",
            );
            (tables[0][0] == "1").then_some(())
        });
        replica
    }

    fn launch(id: u32) -> Self {
        let dir = TempDir::new();
        run(&["cp", "-a", &text(&template()), &text(&dir.join("data"))]);
        let port = free_port();
        let process = start(&dir, port, id, false, &[], &[]);
        let addr = (Ipv4Addr::LOCALHOST, port).into();
        let server =
            Self { addr, process, id, read_only: false, options: Vec::new(), env: Vec::new(), dir };
        server.wait_ready();
        server
    }

    /// Starts it again, on its address and its data.
    pub(crate) fn start_again(&mut self) {
        self.process =
            start(&self.dir, self.addr.port(), self.id, self.read_only, &self.options, &self.env);
        self.wait_ready();
    }

    /// Makes it refuse writes, or take them, now and after a restart.
    pub(crate) fn set_read_only(&mut self, read_only: bool) {
        self.read_only = read_only;
        self.query(&format!("SET GLOBAL read_only={}", u8::from(read_only)));
    }

    /// Speaks TLS with this certificate and key, from its restart on.
    pub(crate) fn speak_tls(&mut self, (crt, key): &(String, String)) {
        let (crt, key) = (self.dir.write("crt.pem", crt), self.dir.write("key.pem", key));
        for path in [&crt, &key] {
            run(&["chmod", "644", &text(path)]);
        }
        self.options =
            vec![format!("--ssl-cert={}", crt.display()), format!("--ssl-key={}", key.display())];
        self.stop_clean();
        self.start_again();
    }

    /// Makes it the first node of a Galera cluster, from its restart on.
    pub(crate) fn form_cluster(&mut self) {
        self.stop_clean();
        self.be_node("gcomm://");
    }

    /// The same, and a second node, which takes the data over from the first.
    pub(crate) fn form_cluster_of_two(&mut self) -> Self {
        self.stop_clean();
        let dir = TempDir::new();
        run(&["cp", "-a", &text(&self.dir.join("data")), &text(&dir.join("data"))]);
        let first = self.be_node("gcomm://");
        let port = free_port();
        let addr = (Ipv4Addr::LOCALHOST, port).into();
        let options = node(&format!("gcomm://{first}")).1;
        let process = start(&dir, port, 2, false, &options, &[]);
        let second = Self { addr, process, id: 2, read_only: false, options, env: Vec::new(), dir };
        second.wait_synced();
        second
    }

    /// Starts it as a node of the cluster at this address. Yields where it is one.
    fn be_node(&mut self, cluster: &str) -> String {
        let (node, options) = node(cluster);
        self.options = options;
        self.start_again();
        self.wait_synced();
        node
    }

    fn wait_synced(&self) {
        eventually("it is synced", || {
            let asked = Client::connect(self.addr, "root", PATIENCE)
                .and_then(|mut client| client.query("SHOW GLOBAL STATUS LIKE 'wsrep_local_state'"));
            (asked.ok()?.first()?.get(1)? == "4").then_some(())
        });
    }

    /// Makes a replica a primary.
    pub(crate) fn promote(&mut self) {
        self.query("STOP SLAVE");
        self.query("RESET SLAVE ALL");
        self.set_read_only(false);
    }

    /// Ends it in order, as its service manager does.
    pub(crate) fn stop_clean(&mut self) {
        self.process.signal(Signal::TERM);
        self.process.wait();
    }

    /// Runs `sql` as root, past every proxy.
    #[track_caller]
    pub(crate) fn query(&self, sql: &str) -> Vec<Vec<String>> {
        let mut client = Client::connect(self.addr, "root", PATIENCE).unwrap();
        let rows = client.query(sql);
        client.quit();
        rows.unwrap()
    }

    fn wait_ready(&self) {
        eventually("mariadb answers", || {
            Client::connect(self.addr, "root", PATIENCE).ok().map(Client::quit)
        });
    }
}

/// Where a new node of the cluster at `cluster` is one, and what makes it one.
fn node(cluster: &str) -> (String, Vec<String>) {
    let options = [
        "--wsrep-on=ON",
        "--wsrep-provider=/usr/lib/galera/libgalera_smm.so",
        "--wsrep-node-address=127.0.0.1",
        "--wsrep-sst-method=rsync",
        "--binlog-format=ROW",
        "--innodb-autoinc-lock-mode=2",
    ];
    let mut options: Vec<String> = options.map(str::to_owned).into();
    let node = format!("127.0.0.1:{}", free_port());
    options.push(format!("--wsrep-cluster-address={cluster}"));
    options.push(format!("--wsrep-sst-receive-address=127.0.0.1:{}", free_port()));
    options.push(format!(
        "--wsrep-provider-options=gmcast.listen_addr=tcp://{node};ist.recv_addr=127.0.0.1:{}",
        free_port()
    ));
    (node, options)
}

fn start(
    dir: &TempDir,
    port: u16,
    id: u32,
    read_only: bool,
    options: &[String],
    env: &[(String, String)],
) -> Process {
    let data = dir.join("data");
    let settings = [
        "--no-defaults".to_owned(),
        format!("--datadir={}", data.display()),
        format!("--port={port}"),
        format!("--socket={}", data.join("socket").display()),
        format!("--pid-file={}", data.join("pid").display()),
        format!("--server-id={id}"),
        format!("--read-only={}", u8::from(read_only)),
        "--bind-address=127.0.0.1".to_owned(),
        "--log-bin=binlog".to_owned(),
        "--skip-name-resolve".to_owned(),
        "--max-connect-errors=1000000".to_owned(),
        "--max-connections=1000".to_owned(),
        // Written with each commit, and not synced: a replica that is killed knows where it stood.
        "--innodb-flush-log-at-trx-commit=2".to_owned(),
        "--innodb-buffer-pool-size=16M".to_owned(),
        "--innodb-log-file-size=8M".to_owned(),
        "--innodb-fast-shutdown=1".to_owned(),
    ];
    Process::start(Spec {
        name: "mariadbd",
        program: Path::new("mariadbd"),
        args: [&settings[..], options].concat(),
        user: Some(USER),
        env: env.to_vec(),
        log: dir.join("mariadb.log"),
    })
}

/// A fresh data directory, made at most once for this build directory and user.
fn template() -> PathBuf {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let user = rustix::process::geteuid().as_raw();
    let kept = home.join(format!("mariadb-{user}"));
    let lock = File::create(home.join(format!("mariadb-{user}.lock"))).unwrap();
    lock.lock().unwrap();
    if !kept.exists() {
        let half = home.join(format!("mariadb-{user}.half"));
        run(&["rm", "-rf", &text(&half)]);
        let data = format!("--datadir={}", half.display());
        run(&[
            "mariadb-install-db",
            "--no-defaults",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            "--innodb-log-file-size=8M",
            &data,
        ]);
        if is_root() {
            run(&["chown", "-R", USER, &text(&half)]);
        }
        fs::rename(half, &kept).unwrap();
    }
    kept
}

fn text(path: &Path) -> String {
    path.display().to_string()
}
