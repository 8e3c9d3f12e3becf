//! Readers that fall back to the primary, and those that were held beside writers.

use super::Pair;
use crate::harness::pgsql_wire::Client;
use crate::harness::{PATIENCE, eventually};

#[test]
fn readers_of_a_replica_that_an_operator_takes_out_go_to_the_primary_and_return() {
    let pair = Pair::start();
    pair.wait_fence("b", "replica replica");
    for (out, back) in [
        ("state maint", "state ready"),
        ("state drain", "state ready"),
        ("weight 0", "weight 100%"),
    ] {
        eventually("it has readers", || pair.is_replica(pair.read).then_some(()));
        pair.ctl(&format!("set server pg/b {out}"));
        assert!(!pair.is_replica(pair.read), "{out}");
        pair.ctl(&format!("set server pg/b {back}"));
    }
    eventually("it has readers again", || pair.is_replica(pair.read).then_some(()));
}

#[test]
fn readers_and_writers_that_were_held_go_to_one_primary_by_one_beat() {
    let hold = "hold = \"60s\"\nattach_rate = \"4/s\"\n";
    let routes = ["role = \"primary\"\n", "role = \"replica\"\nfallback = \"primary\"\n"]
        .map(|route| format!("{route}{hold}"));
    let pair = Pair::of_routes(&routes.each_ref().map(String::as_str));
    pair.ctl("set server pg/a state maint");
    pair.ctl("set server pg/b state maint");
    let began = "SELECT (extract(epoch FROM backend_start) * 1000)::bigint FROM pg_stat_activity \
                 WHERE pid = pg_backend_pid()";
    let clients: Vec<_> = (1..=6)
        .map(|held| {
            let addr = if held % 2 == 1 { pair.write } else { pair.read };
            let client = std::thread::spawn(move || {
                let mut client = Client::connect(addr, "postgres", PATIENCE).unwrap();
                (client.query(began).unwrap()[0][0].parse::<i64>().unwrap(), client)
            });
            let row = format!("pg,BACKEND,{held},");
            eventually(&row, || pair.ctl("show stat pg 2 -1").contains(&row).then_some(()));
            client
        })
        .collect();
    pair.ctl("set server pg/a state ready");
    let (times, _open): (Vec<_>, Vec<_>) =
        clients.into_iter().map(|client| client.join().unwrap()).unzip();
    assert!(times.is_sorted(), "the oldest first, whatever they want: {times:?}");
    // Five intervals of 250 ms; two of each kind would be 500.
    assert!(times[5] - times[0] >= 900, "{times:?}");
}
