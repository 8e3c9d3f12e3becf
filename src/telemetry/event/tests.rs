//! Lines as HAProxy 2.6.12 printed them.

use super::*;

fn event(what: What) -> Event {
    Event { at: SystemTime::UNIX_EPOCH, log: Default::default(), what }
}

fn change(change: Change, reason: Reason) -> ServerChange {
    ServerChange {
        backend: "be".into(),
        server: "s1".into(),
        backup: false,
        change,
        reason,
        active: 1,
        backups: 0,
        sessions: 0,
        requeued: 0,
        queued: 0,
    }
}

fn finding(description: &'static str) -> Finding {
    Finding { description, code: None, info: None, duration: Some(Duration::from_micros(900)) }
}

#[test]
fn a_server_that_goes_down_says_why_and_what_is_left() {
    let refused = Finding {
        info: Some(b"Connection refused".to_vec()),
        ..finding("Layer4 connection problem")
    };
    let down = change(Change::Down { was_draining: false }, Reason::Check(refused));
    let down = event(What::Server(ServerChange { backup: true, server: "s2".into(), ..down }));
    assert_eq!(
        down.line(),
        "Backup Server be/s2 is DOWN, reason: Layer4 connection problem, info: \"Connection \
         refused\", check duration: 0ms. 1 active and 0 backup servers left. 0 sessions active, \
         0 requeued, 0 remaining in queue."
    );
    assert_eq!(down.level(), LogLevel::Alert);
}

#[test]
fn bytes_of_a_server_cannot_forge_a_line() {
    let error = Finding {
        code: Some(1040),
        info: Some(b"#08S01 a\x01b\tc\nd\xffe\xc3\xa9\"q\\z".to_vec()),
        ..finding("Layer7 wrong status")
    };
    let mut down = change(Change::Down { was_draining: true }, Reason::Check(error));
    down.active = 0;
    let down = event(What::Server(down));
    assert_eq!(
        down.line(),
        "Server be/s1 is DOWN, reason: Layer7 wrong status, code: 1040, info: \"#08S01 \
         a<01>b<09>c<0A>d<FF>e<C3><A9><22>q\\z\", check duration: 0ms. 0 active and 0 backup \
         servers left. 0 sessions active, 0 requeued, 0 remaining in queue."
    );
    assert_eq!(down.level(), LogLevel::Notice);
}

#[test]
fn every_change_has_haproxys_sentence() {
    let left = ". 1 active and 0 backup servers left. 0 sessions active, 0 requeued, 0 remaining \
                in queue.";
    let online = ". 1 active and 0 backup servers online. 0 sessions requeued, 0 total in queue.";
    let leaves = |up, draining| Change::LeavesMaintenance { up, draining, forced: true };
    let table = [
        (Change::Down { was_draining: false }, format!("is DOWN, changed from CLI{left}")),
        (Change::Up, format!("is UP, changed from CLI{online}")),
        (Change::Stopping, format!("is stopping, changed from CLI{online}")),
        (
            Change::EntersMaintenance { was_draining: false },
            format!("is going DOWN for maintenance{left}"),
        ),
        (Change::EntersMaintenanceDown, "was DOWN and now enters maintenance.".to_owned()),
        (Change::EntersDrain { up: true }, format!("enters drain state{online}")),
        (Change::EntersDrain { up: false }, format!("enters drain state{left}")),
        (Change::RemainsInDrain, "remains in forced drain mode.".to_owned()),
        (leaves(true, false), "is UP/READY (leaving forced maintenance).".to_owned()),
        (leaves(true, true), "is UP/DRAIN (leaving forced maintenance).".to_owned()),
        (leaves(false, false), "is DOWN/READY (leaving forced maintenance).".to_owned()),
        (Change::LeavesDrain { up: true }, "is UP (leaving forced drain).".to_owned()),
        (Change::LeavesDrain { up: false }, "is DOWN (leaving forced drain).".to_owned()),
    ];
    for (row, rest) in table {
        // An operator's flags are said without a reason, unless another server's are followed.
        let of_checks = rest.contains("changed from CLI");
        let reason = if of_checks { Reason::Cli } else { Reason::Unsaid };
        let line = event(What::Server(change(row, reason))).line();
        assert_eq!(line, format!("Server be/s1 {rest}"), "{row:?}");
    }
}

#[test]
fn only_backups_left_is_said() {
    let mut up = change(Change::Up, Reason::Unsaid);
    (up.active, up.backups) = (0, 2);
    assert_eq!(
        event(What::Server(up)).line(),
        "Server be/s1 is UP. 0 active and 2 backup servers online. Running on backup. 0 sessions \
         requeued, 0 total in queue."
    );
}

#[test]
fn results_of_checks_and_the_rest() {
    let result = CheckResult {
        asked: Asked::Check,
        backend: "be".into(),
        server: "s2".into(),
        backup: true,
        outcome: Outcome::Failed,
        finding: Finding {
            info: Some(b"Connection refused".to_vec()),
            ..finding("Layer4 connection problem")
        },
        status: "0/2 DOWN".to_owned(),
    };
    let check = event(What::Check(result));
    assert_eq!(
        check.line(),
        "Health check for backup server be/s2 failed, reason: Layer4 connection problem, info: \
         \"Connection refused\", check duration: 0ms, status: 0/2 DOWN."
    );
    assert_eq!(check.level(), LogLevel::Notice);
    let whole = event(What::NoServer { backend: "li".into(), is_listen: true });
    assert_eq!(whole.line(), "proxy li has no server available!");
    let empty = event(What::NoServer { backend: "be".into(), is_listen: false });
    assert_eq!(empty.line(), "backend be has no server available!");
    assert_eq!(empty.level(), LogLevel::Emerg);
    let stopped =
        event(What::ProxyStopped { proxy: "fe".into(), frontend_conns: 3, backend_conns: 2 });
    assert_eq!(stopped.line(), "Proxy fe stopped (cumulated conns: FE: 3, BE: 2).");
    assert_eq!(stopped.level(), LogLevel::Warning);
}
