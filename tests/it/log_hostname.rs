//! What `log-send-hostname` changes in the headers of log lines, compared with haproxy.

use crate::harness::backend::Backend;
use crate::harness::both;
use crate::harness::client::served_by;
use crate::harness::proxy::{Kind, Scene};
use crate::harness::syslog::Syslog;

both! {
    a_host_name_is_sent_to_targets_without_a_format,
}

fn a_host_name_is_sent_to_targets_without_a_format(kind: Kind) {
    let server = Backend::greet("s1");
    let (local, long) = (Syslog::udp(), Syslog::udp());
    let targets = format!(
        "log 127.0.0.1:{} format local local0\nlog 127.0.0.1:{} format rfc5424 local0\n",
        local.port(),
        long.port()
    );
    let proxy = Scene::new(kind)
        .global(&targets)
        .global("log-send-hostname db.test\n")
        .backend(&format!("server s1 {}\n", server.addr))
        .start();
    assert_eq!(served_by(proxy.addr).unwrap(), "s1");
    for (log, named) in [(&proxy.log, true), (&local, false), (&long, true)] {
        log.expect(&["fe be/s1"]);
        let raw = log.raw();
        let line = raw.iter().find(|line| line.contains("fe be/s1")).unwrap();
        assert_eq!(line.contains(" db.test "), named, "{line}");
    }
}
