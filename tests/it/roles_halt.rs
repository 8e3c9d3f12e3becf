//! A primary that stands still, and a standby that is promoted meanwhile: the newer history counts
//! long before anybody knows that the old one is gone.

use std::thread;

use crate::harness::dir::TempDir;
use crate::harness::native::run;
use crate::harness::pgsql_wire::Client;
use crate::harness::port::free_addr;
use crate::harness::postgres::Postgres;
use crate::harness::{PATIENCE, eventually};

#[test]
fn a_promotion_counts_while_an_answer_of_the_old_primary_is_awaited() {
    let a = Postgres::primary();
    a.expect_password("evenkeel", "s3cret");
    let b = Postgres::replica_of(&a);
    let (dir, addr) = (TempDir::new(), free_addr());
    // A check of the old primary ends after this test.
    let text = format!(
        "[backend.pg]\n\
         check = {{ type = \"postgres\", user = \"evenkeel\", password_file = \"{}\", \
         database = \"postgres\", inter = \"100ms\", timeout = \"10m\", rise = 1, fall = 2 }}\n\
         server.a = \"{}\"\nserver.b = \"{}\"\n\n\
         [frontend.write]\nbind = \"{addr}\"\nbackend = \"pg\"\nrole = \"primary\"\n\
         hold = \"60s\"\n",
        dir.write("pg.pass", "s3cret\n").display(),
        a.addr,
        b.addr
    );
    let evenkeel = run(&dir, &text, addr);
    let mut waiting = Client::connect(addr, "postgres", PATIENCE).unwrap();
    let waiting =
        thread::spawn(move || waiting.query("SELECT pg_sleep(600)").unwrap_err().to_string());
    eventually("the client waits for an answer", || {
        let asking = "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'";
        (!a.query(asking).is_empty()).then_some(())
    });

    a.process.stop();
    b.promote();

    let error = waiting.join().unwrap();
    assert!(error.contains("57P01"), "who waits for the old primary is told: {error}");
    let mut client = Client::connect(addr, "postgres", PATIENCE)
        .unwrap_or_else(|error| panic!("{error}\n{}", evenkeel.output()));
    assert_eq!(client.query("SELECT pg_is_in_recovery()").unwrap()[0][0], "f");
    let said = evenkeel.output();
    assert!(!said.contains("Server pg/a is DOWN"), "{said}");
}
