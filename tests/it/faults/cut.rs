//! The network between the proxy and the primary is cut; the primary lives on behind it, is written to
//! there, and comes back.

use std::net::SocketAddr;
use std::process::Command;

use super::pair::{Kind, Pair};
use super::relay::relay;
use super::writers::Writers;
use crate::harness::network::{alone, inside};
use crate::harness::proxy::Kind as Program;

/// The primary's end of the wire.
const FAR: &str = "10.8.0.2";

/// A wire from here to the namespace `inner`.
const WIRE: &str = "set -e
    ip link add wire type veth peer name far netns inner
    ip addr add 10.8.0.1/24 dev wire
    ip link set wire up
    ip -n inner addr add 10.8.0.2/24 dev far
    ip -n inner link set far up";

mod a_primary_of_postgres_is_cut_off_and_returns {
    #[test]
    fn evenkeel() {
        super::cut_off(module_path!(), super::Kind::Postgres);
    }
}

mod a_primary_of_mariadb_is_cut_off_and_returns {
    #[test]
    fn evenkeel() {
        super::cut_off(module_path!(), super::Kind::MariaDb);
    }
}

fn sh(script: &str) {
    let done = Command::new("sh").args(["-c", script]).status().unwrap();
    assert!(done.success(), "{script}");
}

fn cut_off(test: &str, kind: Kind) {
    alone(test, Program::Evenkeel, || {
        sh(WIRE);
        let a = inside(|| kind.primary());
        let local = a.addr();
        let far = SocketAddr::new(FAR.parse().unwrap(), local.port());
        inside(|| relay(far, local));
        // The replica and the test find it where it would be without a wire.
        relay(local, far);
        let b = kind.replica_of(&a);
        let mut pair = Pair::before(a, b, far, 2, "");
        let writers = Writers::start(pair.write);
        writers.wait_served_by(&pair.a);
        sh("ip -n inner link set far down");
        pair.wait_said("Server db/a is DOWN");
        pair.b.promote();
        writers.wait_served_by(&pair.b);
        let strays = format!("INSERT INTO {} VALUES (-1)", kind.table());
        inside(|| pair.a.query(&strays));
        sh("ip -n inner link set far up");
        pair.wait_fence("a", "primary fenced former");
        inside(|| pair.a.query(&strays));
        writers.wait_served_by(&pair.b);
        let seen = writers.finish();
        seen.judge("network cut, return as a writer", &pair, true);
    });
}
