use super::verdict::CheckStatus;
use super::*;

const MS: Duration = Duration::from_millis(1);

fn limit(n: u16) -> NonZeroU16 {
    NonZeroU16::new(n).expect("tests use limits from 1")
}

fn settings(disabled: bool) -> Settings {
    let intervals = Intervals {
        inter: 2000 * MS,
        fastinter: 500 * MS,
        downinter: 4000 * MS,
        spread_percent: 0,
    };
    let init = InitState::None;
    let check = CheckSettings { intervals, rise: limit(2), fall: limit(3), init };
    Settings { check: Some(check), agent: None, disabled, tracks: false }
}

fn check(health: &mut Health, now: Instant, verdict: Verdict) -> Outcome {
    health.handle_started();
    health.handle_verdict(now, verdict, 0)
}

fn refused() -> Verdict {
    let mut verdict = Verdict::new(CheckStatus::L4Con);
    verdict.heard = true;
    verdict
}

fn ok() -> Verdict {
    Verdict::new(CheckStatus::L4Ok)
}

fn moved(from: Standing, to: Standing) -> Option<Transition> {
    Some(Transition { from, to })
}

#[test]
fn life_of_a_server_row_by_row() {
    let not_found = || Verdict::new(CheckStatus::L7OkConditional).with_code(404);
    // (verdict, transition, status after, wait until the next check in ms)
    let rows = [
        (ok(), None, "UP", 2000),
        (Verdict::new(CheckStatus::L7Timeout), None, "UP 2/3", 500),
        (refused(), None, "UP 1/3", 5),
        (refused(), moved(Standing::Up, Standing::Down), "DOWN", 4000),
        (refused(), None, "DOWN", 4000),
        (ok(), None, "DOWN 1/2", 500),
        (ok(), moved(Standing::Down, Standing::Up), "UP", 2000),
        (not_found(), moved(Standing::Up, Standing::Stopping), "NOLB", 2000),
        (Verdict::new(CheckStatus::L7Status), None, "NOLB 2/3", 500),
        (ok(), moved(Standing::Stopping, Standing::Up), "UP", 2000),
    ];
    let now = Instant::now();
    let mut health = Health::new(now, &settings(false), Duration::ZERO);
    assert_eq!(health.status(), "UP 1/3");
    for (row, (verdict, transition, status, wait_ms)) in rows.into_iter().enumerate() {
        let outcome = check(&mut health, now, verdict);
        assert_eq!(outcome.transition, transition, "row {row}");
        assert_eq!(health.status(), status, "row {row}");
        assert_eq!(health.next_check(), Some(now + wait_ms * MS), "row {row}");
    }
    assert_eq!((health.failed_checks(), health.flips()), (4, 1));
}

#[test]
fn the_first_failed_check_takes_a_new_server_down() {
    let now = Instant::now();
    let mut health = Health::new(now, &settings(false), Duration::ZERO);
    let outcome = check(&mut health, now, refused());
    assert_eq!(outcome.transition, moved(Standing::Up, Standing::Down));
}

#[test]
fn a_login_that_a_living_server_refuses_says_nothing() {
    let mut now = Instant::now();
    let mut health = Health::new(now, &settings(false), Duration::ZERO);
    check(&mut health, now, ok());
    let mut login = Verdict::new(CheckStatus::L7Status);
    login.refused = true;
    for _ in 0..9 {
        now = health.next_check().expect("no check runs");
        check(&mut health, now, login.clone());
        assert_eq!(health.standing(), Standing::Up);
    }
}

#[test]
fn refused_checks_of_a_full_server_take_it_down_within_two_confirmations() {
    let mut now = Instant::now();
    let start = now;
    let mut health = Health::new(now, &settings(false), Duration::ZERO);
    check(&mut health, now, ok());
    health.handle_hint(now);
    while health.standing() == Standing::Up {
        now = health.next_check().expect("no check runs");
        check(&mut health, now, refused());
    }
    assert_eq!(now - start, 2 * schedule::CONFIRM_INTERVAL);
}

#[test]
fn a_certain_verdict_takes_a_full_server_down_alone() {
    let now = Instant::now();
    let mut health = Health::new(now, &settings(false), Duration::ZERO);
    check(&mut health, now, ok());
    health.handle_end(now + MS);
    assert_eq!((health.standing(), health.next_check()), (Standing::Up, Some(now + MS)));
    let mut certain = refused();
    certain.certain = true;
    let outcome = check(&mut health, now + MS, certain);
    assert_eq!(outcome.transition, moved(Standing::Up, Standing::Down));
    health.handle_end(now + 2 * MS);
    assert_eq!(health.next_check(), Some(now + MS + 4000 * MS), "it is down already");
}

#[test]
fn a_server_that_takes_no_new_sessions_is_down_at_once_and_known_for_it() {
    let now = Instant::now();
    let mut health = Health::new(now, &settings(false), Duration::ZERO);
    check(&mut health, now, ok());
    let mut shut = Verdict::new(CheckStatus::L7Timeout);
    shut.shut = Some(now);
    assert!(!health.is_shut());
    let outcome = check(&mut health, now + MS, shut);
    assert_eq!(outcome.transition, moved(Standing::Up, Standing::Down));
    assert!(health.is_shut());
    check(&mut health, now + 2 * MS, refused());
    assert_eq!((health.standing(), health.is_shut()), (Standing::Down, false));
}

#[test]
fn hints_alone_never_take_a_server_down() {
    let now = Instant::now();
    let mut health = Health::new(now, &settings(false), 2000 * MS);
    for _ in 0..1000 {
        health.handle_hint(now);
    }
    assert_eq!(health.standing(), Standing::Up);
    assert_eq!(health.next_check(), Some(now));
}

#[test]
fn hints_do_not_hasten_the_check_of_a_down_server() {
    let now = Instant::now();
    let mut health = Health::new(now, &settings(false), Duration::ZERO);
    health.handle_started();
    health.handle_hint(now);
    health.handle_verdict(now, refused(), 0);
    health.handle_hint(now);
    assert_eq!(health.next_check(), Some(now + 4000 * MS));
}

#[test]
fn what_could_not_be_asked_counts_for_nothing() {
    let now = Instant::now();
    let mut health = Health::new(now, &settings(false), Duration::ZERO);
    let mut unasked = refused();
    unasked.unasked = true;
    for _ in 0..5 {
        check(&mut health, now, unasked.clone());
        assert_eq!(health.standing(), Standing::Up);
    }
    assert_eq!(health.last_verdict(), Some(&unasked));
}

#[test]
fn maintenance_pauses_checks_and_voids_the_running_one() {
    let now = Instant::now();
    let mut health = Health::new(now, &settings(false), Duration::ZERO);
    check(&mut health, now, ok());
    health.handle_started();
    let entered = health.handle_command(now, Command::Maint).transition;
    assert_eq!(entered, moved(Standing::Up, Standing::Maint));
    assert_eq!(health.next_check(), None);
    assert_eq!(health.status(), "MAINT");
    health.handle_hint(now);
    let left = health.handle_command(now + MS, Command::Ready).transition;
    assert_eq!(left, moved(Standing::Maint, Standing::Up));
    assert_eq!(health.status(), "UP 1/3");
    assert_eq!(health.next_check(), None, "the old check still runs");
    let outcome = health.handle_verdict(now + 2 * MS, refused(), 0);
    assert_eq!(outcome, Outcome { transition: None, news: false });
    assert_eq!(health.next_check(), Some(now + 2 * MS));
}

#[test]
fn drain_follows_the_checks() {
    let now = Instant::now();
    let mut health = Health::new(now, &settings(false), Duration::ZERO);
    let drained = health.handle_command(now, Command::Drain).transition;
    assert_eq!(drained, moved(Standing::Up, Standing::Draining));
    assert_eq!(health.status(), "DRAIN 1/3");
    let down = check(&mut health, now, refused()).transition;
    assert_eq!(down, moved(Standing::Draining, Standing::Down));
    check(&mut health, now, ok());
    let back = check(&mut health, now, ok()).transition;
    assert_eq!(back, moved(Standing::Down, Standing::Draining));
    let ready = health.handle_command(now, Command::Ready).transition;
    assert_eq!(ready, moved(Standing::Draining, Standing::Up));
}

#[test]
fn downtime_adds_up_over_down_and_maintenance() {
    let now = Instant::now();
    let mut health = Health::new(now, &settings(true), Duration::ZERO);
    assert_eq!(health.standing(), Standing::Maint);
    assert_eq!(health.downtime(now + 70 * MS), 70 * MS);
    health.handle_command(now + 100 * MS, Command::Ready);
    check(&mut health, now + 200 * MS, refused());
    assert_eq!(health.downtime(now + 200 * MS), 100 * MS);
    health.handle_command(now + 250 * MS, Command::Maint);
    assert_eq!(health.downtime(now + 300 * MS), 200 * MS);
    assert_eq!(health.last_change(), now + 250 * MS);
    assert_eq!(health.flips(), 1, "down to maintenance is not another one");
}

#[test]
fn a_server_without_check_is_up_and_asks_for_none() {
    let now = Instant::now();
    let unchecked = Settings::default();
    let mut health = Health::new(now, &unchecked, Duration::ZERO);
    assert_eq!((health.status().as_str(), health.next_check()), ("no check", None));
    health.handle_hint(now);
    assert_eq!(health.standing(), Standing::Up);
    health.handle_command(now, Command::Drain);
    assert_eq!(health.status(), "DRAIN");
}

#[test]
fn a_reload_keeps_health() {
    let now = Instant::now();
    let mut health = Health::new(now, &settings(false), Duration::ZERO);
    check(&mut health, now, refused());
    let mut faster = settings(false);
    if let Some(check) = &mut faster.check {
        check.intervals.downinter = 50 * MS;
    }
    assert_eq!(health.reconfigure(now, &faster, Duration::ZERO), None);
    assert_eq!(health.status(), "DOWN");
    assert_eq!(health.next_check(), Some(now + 50 * MS), "a shorter interval counts at once");
    let unchecked = Settings::default();
    let freed = health.reconfigure(now, &unchecked, Duration::ZERO);
    assert_eq!(freed, moved(Standing::Down, Standing::Up));
    let disabled = health.reconfigure(now, &settings(true), 30 * MS);
    assert_eq!(disabled, moved(Standing::Up, Standing::Maint));
    let enabled = health.reconfigure(now, &settings(false), 30 * MS);
    assert_eq!(enabled, moved(Standing::Maint, Standing::Up));
}

#[test]
fn news_is_a_moved_score_or_another_status() {
    let now = Instant::now();
    let mut health = Health::new(now, &settings(false), Duration::ZERO);
    assert!(check(&mut health, now, ok()).news);
    assert!(!check(&mut health, now, ok()).news);
    assert!(check(&mut health, now, Verdict::new(CheckStatus::L7Ok)).news);
    for _ in 0..3 {
        assert!(check(&mut health, now, refused()).news);
    }
    assert!(!check(&mut health, now, refused()).news);
    assert!(check(&mut health, now, Verdict::new(CheckStatus::L4Timeout)).news);
}

#[test]
fn an_operators_word_lasts_until_the_next_verdict() {
    let now = Instant::now();
    let mut health = Health::new(now, &settings(false), Duration::ZERO);
    let down = health.handle_said(now, Said::Down);
    assert_eq!((down, health.status().as_str()), (moved(Standing::Up, Standing::Down), "DOWN"));
    let stopping = health.handle_said(now, Said::Stopping);
    assert_eq!(stopping, moved(Standing::Down, Standing::Stopping));
    assert_eq!(health.status(), "NOLB");
    let up = check(&mut health, now, ok()).transition;
    assert_eq!(up, moved(Standing::Stopping, Standing::Up));
    health.handle_said(now, Said::Down);
    assert_eq!(check(&mut health, now, ok()).transition, None, "it takes `rise` passes");
    assert_eq!(check(&mut health, now, ok()).transition, moved(Standing::Down, Standing::Up));
}

#[test]
fn an_operators_word_counts_for_a_server_without_check_until_after_maintenance() {
    let now = Instant::now();
    let unchecked = Settings::default();
    let mut health = Health::new(now, &unchecked, Duration::ZERO);
    health.handle_said(now, Said::Down);
    assert_eq!(health.status(), "DOWN");
    health.handle_command(now, Command::Maint);
    assert_eq!(health.handle_said(now, Said::Up), None, "maintenance hears nothing");
    health.handle_command(now, Command::Ready);
    assert_eq!(health.standing(), Standing::Up);
    health.handle_said(now, Said::Stopping);
    assert_eq!(health.status(), "NOLB");
    assert_eq!(health.handle_said(now, Said::Up), moved(Standing::Stopping, Standing::Up));
}

#[test]
fn checks_that_are_off_change_nothing() {
    let now = Instant::now();
    let mut health = Health::new(now, &settings(false), Duration::ZERO);
    health.handle_started();
    assert!(health.handle_switch(now, false));
    assert_eq!((health.next_check(), health.status().as_str()), (None, "no check"));
    let outcome = health.handle_verdict(now, refused(), 0);
    assert_eq!(outcome, Outcome { transition: None, news: false });
    health.handle_hint(now);
    assert_eq!((health.next_check(), health.standing()), (None, Standing::Up));
    health.handle_said(now, Said::Down);
    assert_eq!(health.standing(), Standing::Down);
    assert!(health.handle_switch(now + MS, true));
    assert_eq!(health.next_check(), Some(now + MS));
    assert_eq!(health.standing(), Standing::Down, "only a verdict or a word brings it up");
}

#[test]
fn only_what_is_there_can_be_switched_on() {
    let now = Instant::now();
    let unchecked = Settings::default();
    let mut health = Health::new(now, &unchecked, Duration::ZERO);
    assert!(!health.handle_switch(now, true));
    assert!(health.handle_switch(now, false));
}
