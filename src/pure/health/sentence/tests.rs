use super::super::verdict::CheckStatus;
use super::*;

const ACTIVE: Subject<'_> = Subject {
    backend: "be",
    server: "a",
    backup: false,
};
const BACKUP: Subject<'_> = Subject {
    backend: "be",
    server: "b",
    backup: true,
};

fn change(from: Standing, to: Standing) -> Transition {
    Transition { from, to }
}

fn left(active: u32, backups: u32) -> Surroundings {
    Surroundings {
        active,
        backups,
        ..Surroundings::default()
    }
}

fn refused() -> Verdict {
    Verdict::new(CheckStatus::L4Con).with_info(b"Connection refused")
}

#[test]
fn verdicts_as_haproxy_2_6_tells_them() {
    let verdict = refused();
    let cause = Cause::Check {
        verdict: &verdict,
        logged: false,
    };
    let down = change(Standing::Up, Standing::Down);
    assert_eq!(
        standing_changed(&ACTIVE, down, &cause, &left(1, 1)),
        (
            Urgency::Alert,
            "Server be/a is DOWN, reason: Layer4 connection problem, info: \
         \"Connection refused\", check duration: 0ms. 1 active and 1 backup servers left. 0 \
         sessions active, 0 requeued, 0 remaining in queue."
                .to_owned()
        )
    );
    let logged = Cause::Check {
        verdict: &verdict,
        logged: true,
    };
    assert_eq!(
        standing_changed(&ACTIVE, down, &logged, &left(0, 1)),
        (
            Urgency::Alert,
            "Server be/a is DOWN. 0 active and 1 backup servers left. Running on \
         backup. 0 sessions active, 0 requeued, 0 remaining in queue."
                .to_owned()
        )
    );
    let draining = Surroundings {
        draining: true,
        ..left(2, 0)
    };
    let (urgency, text) = standing_changed(
        &BACKUP,
        change(Standing::Draining, Standing::Down),
        &logged,
        &draining,
    );
    assert_eq!(urgency, Urgency::Notice);
    assert!(text.starts_with("Backup Server be/b is DOWN. 2 active"));
    let passed = Verdict::new(CheckStatus::L4Ok);
    let cause = Cause::Check {
        verdict: &passed,
        logged: false,
    };
    assert_eq!(
        standing_changed(
            &ACTIVE,
            change(Standing::Down, Standing::Up),
            &cause,
            &left(1, 0)
        ),
        (
            Urgency::Notice,
            "Server be/a is UP, reason: Layer4 check passed, check duration: 0ms. \
         1 active and 0 backup servers online. 0 sessions requeued, 0 total in queue."
                .to_owned()
        )
    );
    let stopping = change(Standing::Up, Standing::Stopping);
    assert_eq!(
        standing_changed(&ACTIVE, stopping, &Cause::Cli, &left(2, 0)),
        (
            Urgency::Notice,
            "Server be/a is stopping, changed from CLI. 2 active and 0 backup \
         servers online. 0 sessions requeued, 0 total in queue."
                .to_owned()
        )
    );
}

#[test]
fn commands_as_haproxy_2_6_tells_them() {
    use Standing::{Down, Draining, Maint, Up};
    let rows = [
        (
            Up,
            Maint,
            Command::Maint,
            Urgency::Alert,
            " is going DOWN for maintenance. 0 active and \
          0 backup servers left. 0 sessions active, 0 requeued, 0 remaining in queue.",
        ),
        (
            Down,
            Maint,
            Command::Maint,
            Urgency::Notice,
            " was DOWN and now enters maintenance.",
        ),
        (
            Maint,
            Up,
            Command::Ready,
            Urgency::Notice,
            " is UP/READY (leaving forced maintenance).",
        ),
        (
            Maint,
            Draining,
            Command::Drain,
            Urgency::Notice,
            " is UP/DRAIN (leaving forced \
          maintenance).",
        ),
        (
            Up,
            Draining,
            Command::Drain,
            Urgency::Notice,
            " enters drain state. 0 active and 0 \
          backup servers online. 0 sessions requeued, 0 total in queue.",
        ),
        (
            Draining,
            Up,
            Command::Ready,
            Urgency::Notice,
            " is UP (leaving forced drain).",
        ),
    ];
    for (from, to, command, urgency, text) in rows {
        let cause = Cause::Command(command);
        let told = standing_changed(&ACTIVE, change(from, to), &cause, &left(0, 0));
        assert_eq!(told, (urgency, format!("Server be/a{text}")));
    }
    assert_eq!(
        still_draining(&BACKUP).1,
        "Backup Server be/b remains in forced drain mode."
    );
    let emergency = (
        Urgency::Emerg,
        "backend be has no server available!".to_owned(),
    );
    assert_eq!(nobody_left("be"), emergency);
}

#[test]
fn health_checks_as_haproxy_2_6_tells_them() {
    let verdict = Verdict::new(CheckStatus::L7OkConditional).with_code(404);
    assert_eq!(
        health_check(&ACTIVE, &verdict, (3, 3), true, Weight::DEFAULT).1,
        "Health check for server be/a conditionally succeeded, reason: Layer7 check \
         conditionally passed, code: 404, check duration: 0ms, status: 3/3 UP."
    );
    let verdict = Verdict::new(CheckStatus::L7Status)
        .with_code(503)
        .with_info(b"a\xff\"q\"");
    assert_eq!(
        health_check(&BACKUP, &verdict, (0, 2), false, Weight::DEFAULT).1,
        "Health check for backup server be/b failed, reason: Layer7 wrong status, code: 503, \
         info: \"a<FF><22>q<22>\", check duration: 0ms, status: 0/2 DOWN."
    );
}
