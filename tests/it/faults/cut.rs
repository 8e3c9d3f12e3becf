//! The network between the proxy and the primary is cut; the primary lives on behind it, is written to
//! there, and comes back.

use std::net::SocketAddr;

use super::pair::{Kind, Middle, Pair};
use super::writers::Writers;
use crate::harness::network::{CUT, FAR, MEND, alone, inside, sh, wire};
use crate::harness::proxy::Kind as Program;
use crate::harness::relay::relay;

/// Declares scenarios that need a network of their own.
macro_rules! cut_off {
    ($($name:ident($kind:ident, $middle:ident)),+ $(,)?) => {$(
        mod $name {
            use super::{Kind, Middle};

            #[test]
            fn evenkeel() {
                super::cut_off(module_path!(), Kind::$kind, Middle::$middle);
            }
        }
    )+};
}

cut_off! {
    a_primary_of_postgres_is_cut_off_and_returns(Postgres, Calm),
    a_primary_of_mariadb_is_cut_off_and_returns(MariaDb, Calm),
    a_primary_of_postgres_is_cut_off_through_a_reload_and_a_new_program(Postgres, Changes),
    a_primary_of_mariadb_is_cut_off_through_a_reload_and_a_new_program(MariaDb, Changes),
}

fn cut_off(test: &str, kind: Kind, middle: Middle) {
    alone(test, Program::Evenkeel, || {
        wire();
        let a = inside(|| kind.primary());
        let local = a.addr();
        let far = SocketAddr::new(FAR.parse().unwrap(), local.port());
        inside(|| relay(far, local));
        // The replica and the test find it where it would be without a wire.
        relay(local, far);
        let b = kind.replica_of(&a);
        let mut pair = Pair::before(a, b, far, middle, "fall = 2", "");
        let writers = Writers::start(pair.write);
        writers.wait_served_by(&pair.a);
        sh(CUT);
        pair.passes();
        pair.wait_said("Server db/a is DOWN");
        pair.b.promote();
        writers.wait_served_by(&pair.b);
        let strays = format!("INSERT INTO {} VALUES (-1)", kind.table());
        inside(|| pair.a.query(&strays));
        sh(MEND);
        pair.wait_fence("a", "primary fenced former");
        inside(|| pair.a.query(&strays));
        writers.wait_served_by(&pair.b);
        let seen = writers.finish();
        seen.judge("network cut, return as a writer", &pair);
    });
}
