//! Several checks of one server: a Postgres, and a double of Patroni's REST API beside it.

mod election;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::harness::backend::Backend;
use crate::harness::dir::TempDir;
use crate::harness::native::run;
use crate::harness::pgsql_wire::Client;
use crate::harness::port::free_addr;
use crate::harness::postgres::Postgres;
use crate::harness::process::Process;
use crate::harness::proxy::Kind;
use crate::harness::{PATIENCE, eventually};

/// What the double answers.
#[derive(Clone, Debug)]
enum Mood {
    /// To `/primary` and `/replica` these statuses, with this body.
    Says([u16; 2], String),
    /// No HTTP.
    Garbage,
    /// Nothing, for as long as it is waited for.
    Silent,
}

impl Mood {
    fn primary() -> Self {
        Self::Says([200, 503], status("primary"))
    }

    fn replica() -> Self {
        Self::Says([503, 200], status("replica"))
    }
}

/// Patroni's status, of timeline 1 of some cluster.
fn status(role: &str) -> String {
    format!(
        "{{\"state\": \"running\", \"role\": \"{role}\", \"timeline\": 1, \
         \"database_system_identifier\": \"7398\", \
         \"xlog\": {{\"location\": 5, \"replayed_location\": 5}}}}"
    )
}

/// A Postgres behind a route for writes, and its REST endpoint.
struct Site {
    pg: Postgres,
    rest: Backend,
    mood: Arc<Mutex<Mood>>,
    write: SocketAddr,
    evenkeel: Process,
    dir: TempDir,
}

impl Site {
    /// `check` is the backend's, with `REST` for the check of the endpoint.
    fn start(check: &str, settings: &str) -> Self {
        let pg = Postgres::primary();
        let mood = Arc::new(Mutex::new(Mood::primary()));
        let rest = rest(Arc::clone(&mood));
        let (dir, write) = (TempDir::new(), free_addr());
        let patroni = format!(
            "{{ type = \"patroni\", port = {}, inter = \"100ms\", timeout = \"500ms\", rise = 1, \
             fall = 1 }}",
            rest.addr.port()
        );
        let postgres = "{ type = \"postgres\", user = \"haproxy_check\", database = \"postgres\", \
                        inter = \"100ms\", \
                        timeout = \"500ms\", rise = 1, fall = 1 }";
        let rarely = patroni.replace("100ms", "1h");
        let check = check.replace("SQL", postgres).replace("RARE", &rarely);
        let check = check.replace("REST", &patroni);
        let text = format!(
            "[commands]\nsocket = {{ address = \"{}\", level = \"admin\" }}\n\n\
             [backend.pg]\ncheck = {check}\n{settings}\nserver.a = \"{}\"\n\n\
             [frontend.write]\nbind = \"{write}\"\nbackend = \"pg\"\nrole = \"primary\"\n\
             hold = \"60s\"\n",
            dir.join("sock").display(),
            pg.addr,
        );
        let evenkeel = run(&dir, &text, write);
        let site = Self { pg, rest, mood, write, evenkeel, dir };
        site.wait("UP", "primary");
        site
    }

    fn feel(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    fn writer(&self) -> Client {
        let mut writer = Client::connect(self.write, "postgres", PATIENCE).unwrap();
        writer.query("INSERT INTO written VALUES (1)").unwrap();
        writer
    }

    /// Waits until the server is `status`, and its check says `why`.
    #[track_caller]
    fn wait(&self, status: &str, why: &str) {
        eventually(&format!("it is {status}: {why}"), || {
            let said = self.ctl(&["show", "stat", "pg", "4", "-1"]);
            let row = said.lines().find(|line| line.starts_with("pg,a,"))?;
            (row.contains(&format!(",{status},")) && row.contains(why)).then_some(())
        });
    }

    fn ctl(&self, command: &[&str]) -> String {
        let socket = self.dir.join("sock").display().to_string();
        Kind::Evenkeel.run(&[&["ctl", "-s", &socket], command].concat()).1
    }

    #[track_caller]
    fn wait_said(&mut self, line: &str) {
        eventually(line, || self.evenkeel.output().contains(line).then_some(()));
    }

    /// A writer that comes now waits, until `end` was done.
    fn held_until(&self, end: impl FnOnce()) {
        let addr = self.write;
        let waiting = std::thread::spawn(move || {
            let mut writer = Client::connect(addr, "postgres", PATIENCE)?;
            writer.query("INSERT INTO written VALUES (1)")
        });
        eventually("it waits", || {
            self.ctl(&["show", "stat", "pg", "2", "-1"]).contains("pg,BACKEND,1,").then_some(())
        });
        end();
        waiting.join().unwrap().unwrap();
    }
}

fn rest(mood: Arc<Mutex<Mood>>) -> Backend {
    Backend::new(move |mut stream| {
        let mood = mood.lock().unwrap().clone();
        async move {
            let mut request = vec![0; 1024];
            let Ok(len) = stream.read(&mut request).await else { return };
            let request = String::from_utf8_lossy(&request[..len]).into_owned();
            let text = match mood {
                Mood::Says(codes, body) => {
                    let code = codes[usize::from(!request.starts_with("GET /primary "))];
                    format!(
                        "HTTP/1.0 {code} Status\r\nContent-Type: application/json\r\n\r\n{body}"
                    )
                }
                Mood::Garbage => "\u{1}\u{2}who are you?\r\n".to_owned(),
                Mood::Silent => {
                    while stream.read(&mut [0; 64]).await.is_ok_and(|len| len > 0) {}
                    return;
                }
            };
            let _ = stream.write_all(text.as_bytes()).await;
        }
    })
}

#[test]
fn an_endpoint_that_dies_or_lies_cuts_nobody_and_gets_nobody() {
    let mut site = Site::start("[SQL, REST]", "");
    let mut writer = site.writer();
    site.rest.die();
    site.wait("NOLB", "primary; check 2 says down (L4CON)");
    writer.query("INSERT INTO written VALUES (2)").unwrap();
    let Site { rest, .. } = &mut site;
    rest.revive();
    site.wait("UP", "primary");
    for (mood, why) in [
        (Mood::Silent, "check 2 says down (L7TOUT)"),
        (Mood::Garbage, "check 2 says down (L7RSP)"),
        (Mood::Says([503, 503], "{}".to_owned()), "check 2 says down (L7STS)"),
        (Mood::replica(), "check 2 says replica (L7OK)"),
    ] {
        site.feel(mood);
        site.wait("NOLB", why);
        writer.query("INSERT INTO written VALUES (3)").unwrap();
        site.held_until(|| site.feel(Mood::primary()));
        site.wait("UP", "primary");
    }
    // Without a body it has an opinion all the same.
    site.feel(Mood::Says([200, 503], String::new()));
    site.writer();
    writer.query("INSERT INTO written VALUES (4)").unwrap();
    let said = site.evenkeel.output();
    assert!(said.contains("Check 2 of server pg/a says replica (L7OK)."), "{said}");
}

/// A moment's doubt is none: what lasts is said once, and once that it is over.
#[test]
fn a_primary_that_gets_no_writes_for_a_witness_is_told_of() {
    let mut site = Site::start("[SQL, REST]", "");
    let mut writer = site.writer();
    site.rest.die();
    let alert = "Server pg/a is primary and gets no new sessions: check 2 says down (L4CON).";
    site.wait_said(alert);
    site.wait_said("backend 'pg' has no server available!");
    let why = "# pg: a is primary and gets no new sessions: check 2 says down (L4CON).";
    assert!(site.ctl(&["fence", "show"]).contains(why), "{}", site.ctl(&["fence", "show"]));
    writer.query("INSERT INTO written VALUES (2)").unwrap();
    site.rest.revive();
    site.writer();
    let over = "Server pg/a is disputed as primary no more.";
    site.wait_said(over);
    // The one that is lost meanwhile is disputed by nobody.
    site.feel(Mood::replica());
    eventually("it is said again", || {
        (site.evenkeel.output().matches("check 2 says replica (L7OK).").count() == 1).then_some(())
    });
    site.pg.process.kill9();
    eventually("it is over again", || {
        (site.evenkeel.output().matches(over).count() == 2).then_some(())
    });
    assert_eq!(site.evenkeel.output().matches(alert).count(), 1);
}

/// It is not its turn for an hour when the database says that it is primary.
#[test]
fn a_new_primary_has_its_witness_asked_at_once() {
    let mut site = Site::start("[SQL, RARE]", "");
    site.writer();
    site.feel(Mood::replica());
    site.pg.process.kill9();
    eventually("it is missed", || {
        site.evenkeel.output().contains("Backend pg has no primary").then_some(())
    });
    site.pg.start_again();
    eventually("it is contradicted", || {
        site.evenkeel.output().contains("Check 2 of server pg/a says replica").then_some(())
    });
    site.feel(Mood::primary());
    site.writer();
}

#[test]
fn sessions_are_cut_when_all_agree() {
    let site = Site::start("[SQL, REST]", "");
    let mut writer = site.writer();
    site.pg.process.stop();
    site.wait("DOWN", "");
    site.feel(Mood::Silent);
    let why = writer.last_words().unwrap();
    assert!(why.contains("C57P01"), "{why}");
    site.feel(Mood::primary());
    site.held_until(|| site.pg.process.cont());
}

#[test]
fn one_that_objects_until_the_deadline_is_heard() {
    let site = Site::start("[SQL, REST]", "agree_deadline = \"1s\"");
    let mut writer = site.writer();
    let began = Instant::now();
    site.feel(Mood::replica());
    let why = writer.last_words().unwrap();
    assert!(why.contains("the server lost its role"), "{why}");
    assert!(began.elapsed() >= Duration::from_secs(1), "{:?}", began.elapsed());
    site.held_until(|| site.feel(Mood::primary()));
}

#[test]
fn any_is_enough_where_the_file_says_so() {
    let site = Site::start("[SQL, REST]", "agree = \"any\"");
    let mut writer = site.writer();
    site.feel(Mood::replica());
    let why = writer.last_words().unwrap();
    assert!(why.contains("the server lost its role"), "{why}");
    site.held_until(|| site.feel(Mood::primary()));
}

/// The endpoint alone: its status has what the fence needs, and without that it is not believed.
#[test]
fn patroni_alone_is_enough() {
    let site = Site::start("REST", "");
    let mut writer = site.writer();
    site.feel(Mood::Says([200, 503], "{}".to_owned()));
    site.wait("DOWN", "it does not say whose data it has");
    let why = writer.last_words().unwrap();
    assert!(why.contains("C57P01"), "{why}");
    site.feel(Mood::primary());
    site.wait("UP", "primary");
    let mut writer = site.writer();
    site.feel(Mood::replica());
    let why = writer.last_words().unwrap();
    assert!(why.contains("the server lost its role"), "{why}");
    site.wait("NOLB", "replica");
}

/// An account that is refused says nothing against what the server was.
#[test]
fn a_database_that_refuses_the_account_while_patroni_vouches_cuts_nobody() {
    let site = Site::start("[SQL, REST]", "");
    let mut writer = site.writer();
    site.pg.query("ALTER ROLE haproxy_check NOLOGIN");
    site.pg.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'haproxy_check'",
    );
    site.wait(
        "UP",
        "primary; login refused: FATAL 28000: role \"\"haproxy_check\"\" is not permitted",
    );
    writer.query("INSERT INTO written VALUES (2)").unwrap();
    site.writer().query("INSERT INTO written VALUES (3)").unwrap();
}
