//! A drill that cuts the primary off, in a network of its own.

use std::net::SocketAddr;

use super::{Scene, promote};
use crate::harness::network::{CUT, FAR, MEND, alone, inside, wire};
use crate::harness::postgres::Postgres;
use crate::harness::proxy::Kind;
use crate::harness::relay::relay;

#[test]
fn evenkeel() {
    alone(module_path!(), Kind::Evenkeel, || {
        wire();
        let a = inside(Postgres::primary);
        let far = SocketAddr::new(FAR.parse().unwrap(), a.addr.port());
        inside(|| relay(far, a.addr));
        // The replica and the test find it where it would be without a wire.
        relay(a.addr, far);
        let b = Postgres::replica_of(&a);
        let programs = format!(
            "drill = {{ partition = [\"/bin/sh\", \"-c\", \"{CUT} && {}\"], \
             heal = [\"/bin/sh\", \"-c\", \"{MEND}\"] }}",
            promote(b.addr)
        );
        let check = "type = \"postgres\", user = \"haproxy_check\", database = \"postgres\"";
        let servers = [far.to_string(), b.addr.to_string()];
        let servers = [&*servers[0], &*servers[1]];
        let scene = Scene::start(check, &programs, servers, "rto = \"60s\"");
        let record = scene.drilled("partition");
        assert_eq!(record["verdict"]["rto"], "met", "{record}");
        assert_eq!(record["drill"]["writes"], false, "{record}");
        // It is healed: who was cut off is heard again, a primary as before, and kept out.
        crate::harness::eventually("the old primary is kept out", || {
            scene.ctl("fence show").1.contains("db a primary fenced").then_some(())
        });
        assert!(!b.is_replica());
    });
}
