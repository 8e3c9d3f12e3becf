use proptest::prelude::*;

use super::super::Dialogue;
use super::*;

fn login() -> Login {
    let [user, password, database] = ["watch", "secret", "app"].map(str::to_owned);
    Login { user, password, database, cluster: None }
}

/// A message of the server.
fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let len = u32::try_from(body.len() + 4).unwrap();
    [&[tag][..], &len.to_be_bytes(), body].concat()
}

fn row(fields: &[&str]) -> Vec<u8> {
    let mut body = u16::try_from(fields.len()).unwrap().to_be_bytes().to_vec();
    for field in fields {
        body.extend(u32::try_from(field.len()).unwrap().to_be_bytes());
        body.extend(field.as_bytes());
    }
    message(b'D', &body)
}

const OK: [u8; 4] = [0; 4];

fn ready() -> Vec<u8> {
    message(b'Z', b"I")
}

fn logged_in() -> Dialogue {
    let mut dialogue = Dialogue::postgres(login(), false);
    dialogue.handle_connected().unwrap();
    let said = dialogue.handle_bytes(&[message(b'R', &OK), ready()].concat());
    assert_eq!(said, Ok(vec![Said::LoggedIn]));
    dialogue
}

/// The same of one that says what its role goes by, that it logs no connections, and when it was started.
fn told(fields: &[&str]) -> Result<Vec<Said>, Fault> {
    asked(&[fields, &["off", "noon", "5", "0", "off"]].concat())
}

/// What a server that answers with `fields` is taken for.
fn asked(fields: &[&str]) -> Result<Vec<Said>, Fault> {
    let mut dialogue = logged_in();
    assert!(dialogue.poll().is_some());
    let answer = [message(b'T', &[0, 0]), row(fields), message(b'C', b"SELECT 1\0"), ready()];
    dialogue.handle_bytes(&answer.concat())
}

#[test]
fn a_primary_and_a_replica_are_read() {
    use Role::{Primary, Replica};
    // What is received counts where it is shown, and only of one that follows.
    for (word, role, received, timeline, is_floor) in [
        ("f", Primary, "0", 3, false),
        ("f", Primary, "9", 3, false),
        ("t", Replica, "3", 3, false),
        ("t", Replica, "4", 4, false),
        ("t", Replica, "2", 3, false),
        ("t", Replica, "0", 3, true),
    ] {
        let history = History::Postgres { system: 7_300_000_000_000_000_001, timeline };
        let reading =
            Reading { is_floor, started: Some(5), ..Reading::new(role, history, 83_886_400) };
        let fields = [word, "7300000000000000001", "3", "83886400", received, "0", "", ""];
        assert_eq!(told(&fields), Ok(vec![Said::Reading(reading)]));
    }
}

#[test]
fn where_recovery_ended_is_told_by_one_that_takes_writes() {
    for (word, recovered, expected) in [("f", "0", None), ("f", "77", Some(77)), ("t", "77", None)]
    {
        let said = told(&[word, "1", "1", "99", "1", recovered, "", ""]).unwrap();
        assert!(matches!(&said[..], [Said::Reading(it)] if it.recovered == expected), "{said:?}");
    }
}

#[test]
fn what_one_stopped_with_in_order_counts_where_it_recovered_nothing() {
    for (word, recovered, stopped, expected) in [
        ("f", "0", "0", None),
        ("f", "0", "70", Some(70)),
        ("f", "60", "70", None),
        ("t", "0", "70", None),
    ] {
        let fields =
            [word, "1", "1", "99", "1", recovered, "", "", "off", "noon", "5", stopped, "off"];
        let said = asked(&fields).unwrap();
        assert!(matches!(&said[..], [Said::Reading(it)] if it.stopped == expected), "{said:?}");
    }
}

#[test]
fn one_that_takes_writes_may_do_so_for_nobody_by_default() {
    for (word, read_only, expected) in [("f", "off", false), ("f", "on", true), ("t", "on", false)]
    {
        let fields = [word, "1", "1", "99", "1", "0", "", "", "off", "noon", "5", "0", read_only];
        let said = asked(&fields).unwrap();
        assert!(
            matches!(&said[..], [Said::Reading(it)] if it.is_read_only == expected),
            "{said:?}"
        );
    }
}

#[test]
fn whom_commits_wait_for_is_read_of_both_sides() {
    let read = |fields: &[&str]| match &told(fields).unwrap()[..] {
        [Said::Reading(reading)] => reading.copies.clone(),
        said => panic!("{said:?}"),
    };
    let primary = read(&["f", "1", "1", "9", "0", "0", "FIRST 1 (b)", "sync b"]).unwrap();
    let standby = read(&["t", "1", "1", "9", "1", "0", "application_name=b", ""]).unwrap();
    assert!(primary.waits_for(&standby));
}

#[test]
fn a_timeline_that_was_received_is_not_forgotten_while_nobody_sends() {
    let mut dialogue = logged_in();
    let mut look = |received: &str| {
        dialogue.poll();
        let answer = [
            row(&["t", "1", "1", "9", received, "0", "", "", "off", "noon", "5", "0", "off"]),
            ready(),
        ]
        .concat();
        match &dialogue.handle_bytes(&answer).unwrap()[..] {
            [Said::Reading(reading)] => (reading.history.clone(), reading.is_floor),
            said => panic!("{said:?}"),
        }
    };
    let on = |timeline| History::Postgres { system: 1, timeline };
    assert_eq!(look("0"), (on(1), true));
    assert_eq!(look("2"), (on(2), false));
    assert_eq!(look("0"), (on(2), false));
}

#[test]
fn a_server_says_whether_it_logs_connections_and_when_it_was_told_to() {
    let mut dialogue = logged_in();
    let mut look = |log_connections: &str, read_at: &str| {
        dialogue.poll();
        let fields =
            ["f", "1", "1", "9", "0", "0", "", "", log_connections, read_at, "5", "0", "off"];
        dialogue.handle_bytes(&[row(&fields), ready()].concat()).unwrap();
        dialogue.settings().cloned().unwrap()
    };
    let settings = |notes_connections, read_at: &str| Settings {
        notes_connections,
        read_at: read_at.to_owned(),
    };
    for word in ["on", "all", "receipt", "authentication, Receipt"] {
        assert_eq!(look(word, "noon"), settings(true, "noon"), "{word}");
    }
    for word in ["off", "", "authentication,authorization", "setup_durations"] {
        assert_eq!(look(word, "one"), settings(false, "one"), "{word}");
    }
}

#[test]
fn answers_that_make_no_sense_are_faults() {
    let rows: [&[&str]; 11] = [
        &[],
        &["f"],
        &["f", "1", "1", "1"],
        &["x", "1", "1", "1", "0", "0", "", ""],
        &["f", "1", "1", "1", "0", "0", ""],
        &["f", "", "1", "1", "0", "0", "", ""],
        &["f", "1", "-1", "1", "0", "0", "", ""],
        &["f", "1", "1", "1.5", "0", "0", "", ""],
        &["t", "1", "1", "1", "-1", "0", "", ""],
        &["f", "1", "1", "1", "0", "-1", "", ""],
        &["f", "1", "1", "1", "0", "1", "", "", ""],
    ];
    for fields in rows {
        assert_eq!(told(fields).unwrap_err().status, CheckStatus::L7Response, "{fields:?}");
    }
    let mut dialogue = logged_in();
    dialogue.poll();
    assert!(dialogue.handle_bytes(&ready()).is_err(), "no row");
    let mut dialogue = logged_in();
    assert!(dialogue.handle_bytes(&row(&["f"])).is_err(), "not asked");
}

#[test]
fn one_question_at_a_time() {
    let mut dialogue = Dialogue::postgres(login(), false);
    assert_eq!(dialogue.poll(), None);
    let mut dialogue = logged_in();
    assert!(dialogue.poll().is_some());
    assert_eq!(dialogue.poll(), None);
}

#[test]
fn passwords_are_proven() {
    let proof = |tls: bool, challenge: &[u8]| {
        let mut dialogue = Dialogue::postgres(login(), tls);
        dialogue.handle_connected().unwrap();
        if tls {
            assert_eq!(dialogue.handle_bytes(b"S"), Ok(vec![Said::StartTls]));
            dialogue.handle_secured().unwrap();
        }
        dialogue.handle_bytes(&message(b'R', challenge))
    };
    // `md5` + md5(md5("secret" + "watch") + salt), computed by Postgres' own rule.
    let md5 = md5_hash(b"watch", b"secret", [1, 2, 3, 4]);
    let expected = message(b'p', &[md5.as_bytes(), b"\0"].concat());
    assert_eq!(proof(false, &[0, 0, 0, 5, 1, 2, 3, 4]), Ok(vec![Said::Send(expected)]));
    let clear = message(b'p', b"secret\0");
    assert_eq!(proof(true, &[0, 0, 0, 3]), Ok(vec![Said::Send(clear)]));
    assert!(proof(false, &[0, 0, 0, 3]).is_err(), "never in the open");
    let Ok(said) = proof(false, b"\0\0\0\x0aSCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0") else {
        panic!("SCRAM is known");
    };
    let [Said::Send(sent)] = &said[..] else { panic!("one message: {said:?}") };
    assert!(sent.starts_with(b"p") && sent[5..].starts_with(b"SCRAM-SHA-256\0"), "{sent:?}");
    assert!(proof(false, b"\0\0\0\x0aGSS\0\0").is_err());
    assert!(proof(false, &[0, 0, 0, 7]).is_err());
    assert!(proof(false, b"\0\0\0\x0bno beginning").is_err());
}

#[test]
fn the_server_may_say_no_or_goodbye() {
    let error = |code: &str| {
        let body = format!("SFATALE\0VFATAL\0C{code}\0Mgo away\0\0");
        logged_in().handle_bytes(&message(b'E', body.as_bytes())).unwrap_err()
    };
    let no = error("28P01");
    assert_eq!((no.is_goodbye, no.text.as_str()), (false, "FATAL 28P01: go away"));
    for code in GOODBYES {
        assert!(error(code).is_goodbye, "{code}");
    }
}

#[test]
fn tls_is_asked_for_and_nothing_before_it_counts() {
    let negotiate = |answer: &[u8]| {
        let mut dialogue = Dialogue::postgres(login(), true);
        let said = dialogue.handle_connected();
        assert_eq!(said, Ok(vec![Said::Send(vec![0, 0, 0, 8, 4, 210, 22, 47])]));
        dialogue.handle_bytes(answer)
    };
    assert_eq!(negotiate(b"S"), Ok(vec![Said::StartTls]));
    for answer in [&b"N"[..], b"Sx", b"E"] {
        let fault = negotiate(answer).unwrap_err();
        // It lives, and wants none: that says nothing of its health.
        let is_said = answer == b"N";
        assert_eq!((fault.status, fault.is_refusal), (CheckStatus::L6Response, is_said));
    }
}

#[test]
fn an_answer_without_end_is_given_up() {
    let mut dialogue = logged_in();
    let huge = [&[b'N'][..], &u32::MAX.to_be_bytes()].concat();
    assert!(dialogue.handle_bytes(&huge).is_err());
    assert!(dialogue.handle_bytes(&vec![0; ANSWER_BYTES_MAX + 1]).is_err());
}

proptest! {
    #[test]
    fn any_bytes_are_survived(chunks in proptest::collection::vec(any::<Vec<u8>>(), 0..6)) {
        for mut dialogue in [Dialogue::postgres(login(), false), logged_in()] {
            let _ = dialogue.handle_connected();
            for chunk in &chunks {
                let _ = dialogue.handle_bytes(chunk);
                let _ = dialogue.poll();
            }
        }
    }

    #[test]
    fn cuts_change_nothing(cut in 0usize..80) {
        let mut dialogue = logged_in();
        dialogue.poll();
        let fields = ["f", "1", "2", "3", "0", "0", "", "", "off", "noon", "5", "0", "off"];
        let answer = [row(&fields), ready()].concat();
        let (first, second) = answer.split_at(cut.min(answer.len()));
        let mut said = dialogue.handle_bytes(first).unwrap();
        said.extend(dialogue.handle_bytes(second).unwrap());
        let history = History::Postgres { system: 1, timeline: 2 };
        let reading =
            Reading { started: Some(5), ..Reading::new(Role::Primary, history, 3) };
        prop_assert_eq!(said, vec![Said::Reading(reading)]);
    }
}
