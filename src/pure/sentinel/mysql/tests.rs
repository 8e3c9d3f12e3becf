use proptest::prelude::*;

use super::super::super::probe::kind::Cluster;
use super::super::super::role::gtid::GtidSet;
use super::super::super::role::{History, Role};
use super::super::{ANSWER_BYTES_MAX, Dialogue};
use super::*;

const NONCE: &[u8; 20] = b"abcdefghijklmnopqrst";

fn login(database: &str) -> Login {
    let [user, password, database] = ["watch", "secret", database].map(str::to_owned);
    Login { user, password, database, cluster: None }
}

/// A greeting of `version`, with TLS among its capabilities.
fn greeting(version: &str, plugin: &str) -> Vec<u8> {
    let mut payload = vec![10];
    payload.extend(version.as_bytes());
    payload.extend(b"\0\x07\0\0\0");
    payload.extend(&NONCE[..8]);
    payload.extend([0, 0xff, 0xff, 45, 2, 0, 0xff, 0xff, 21]);
    payload.extend([0; 10]);
    payload.extend(&NONCE[8..]);
    payload.push(0);
    payload.extend(plugin.as_bytes());
    payload.push(0);
    packet(0, &payload)
}

fn row(fields: &[&str]) -> Vec<u8> {
    let mut row = Vec::new();
    for field in fields {
        row.push(0xfc);
        row.extend(u16::try_from(field.len()).unwrap().to_le_bytes());
        row.extend(field.as_bytes());
    }
    row
}

const END: &[u8] = &[0xfe, 0, 0, 2, 0];

/// An answer of one row.
fn answer(fields: &[&str]) -> Vec<u8> {
    let columns = fields.len();
    let mut payloads = vec![vec![u8::try_from(columns).unwrap()]];
    payloads.extend(std::iter::repeat_n(b"\x03def whatever".to_vec(), columns));
    payloads.extend([END.to_vec(), row(fields), END.to_vec()]);
    let numbered = payloads.iter().zip(1..);
    numbered.flat_map(|(payload, number)| packet(number, payload)).collect()
}

const MARIADB: &str = "5.5.5-10.11.6-MariaDB-log";
const MYSQL: &str = "8.4.3";

fn logged_in(version: &str) -> Dialogue {
    let mut dialogue = Dialogue::mysql(login(""), false);
    dialogue.handle_connected().unwrap();
    dialogue.handle_bytes(&greeting(version, "mysql_native_password")).unwrap();
    let said = dialogue.handle_bytes(&packet(2, &[0, 0, 0, 2, 0, 0, 0]));
    assert_eq!(said, Ok(vec![Said::LoggedIn]));
    dialogue
}

fn asked(version: &str, fields: &[&str]) -> Result<Vec<Said>, Fault> {
    let mut dialogue = logged_in(version);
    assert!(dialogue.poll().is_some());
    dialogue.handle_bytes(&answer(fields))
}

const UUID: &str = "3e11fa47-71ca-11e1-9e33-c80aa9429562";

#[test]
fn a_primary_and_a_replica_are_read() {
    for (word, role) in
        [("0", Role::Primary), ("OFF", Role::Primary), ("1", Role::Replica), ("ON", Role::Replica)]
    {
        let executed = GtidSet::mariadb("0-1-100,2-3-7").unwrap();
        let history = History::Mysql { server: 3, executed };
        let replicates = Some(false);
        let applied = GtidSet::mariadb("0-1-100").map(Box::new);
        let expected = Reading { replicates, applied, ..Reading::new(role, history, 107) };
        let said = asked(MARIADB, &[word, "3", "0-1-100,2-3-7", "0-1-100", "0"]);
        assert_eq!(said, Ok(vec![Said::Reading(expected)]));
        // Its thread that applies runs.
        let said = asked(MARIADB, &[word, "3", "0-1-100", "0-1-100", "1"]).unwrap();
        assert!(matches!(&said[..], [Said::Reading(it)] if it.replicates == Some(true)));
    }
    let loose = asked(MARIADB, &["0", "3", "0-1-100", "", "1"]);
    assert!(matches!(&loose.unwrap()[..], [Said::Reading(it)] if it.role == Role::Loose));
    let set = format!("{UUID}:1-5:7");
    for (read_only, super_read_only, role) in
        [("0", "0", Role::Primary), ("1", "0", Role::Replica), ("1", "1", Role::Replica)]
    {
        let server = 0x3e11_fa47_71ca_11e1_9e33_c80a_a942_9562;
        let history = History::Mysql { server, executed: GtidSet::mysql(&set).unwrap() };
        let expected = Reading::new(role, history, 6);
        let mut blind = logged_in(MYSQL);
        assert!(blind.poll().is_some());
        let said = blind.handle_bytes(&packet(1, b"\xff\x76\x04#42000SELECT denied")).unwrap();
        let [Said::Send(question)] = &said[..] else { panic!("{said:?}") };
        assert!(!String::from_utf8_lossy(question).contains("performance_schema"));
        let fields = [read_only, super_read_only, UUID, "ON", &set];
        let said = blind.handle_bytes(&answer(&fields));
        assert_eq!(said, Ok(vec![Said::Reading(expected.clone())]));
        // It is not asked again for what it is not shown.
        let question = blind.poll().unwrap();
        assert!(!String::from_utf8_lossy(&question).contains("performance_schema"));
        assert_eq!(blind.handle_bytes(&answer(&fields)), said);
        for (channels, replicates) in [("0", false), ("2", true)] {
            let fields = [read_only, super_read_only, UUID, "ON", &set, channels];
            let expected = Reading { replicates: Some(replicates), ..expected.clone() };
            assert_eq!(asked(MYSQL, &fields), Ok(vec![Said::Reading(expected)]));
        }
    }
}

/// What is read of a server that is said to be part of a cluster.
fn asked_of(cluster: Cluster, version: &str, fields: &[&str]) -> Result<(Role, u64), CheckStatus> {
    let login = Login { cluster: Some(cluster), ..login("") };
    let mut dialogue = Dialogue::mysql(login, false);
    dialogue.handle_connected().unwrap();
    dialogue.handle_bytes(&greeting(version, "mysql_native_password")).unwrap();
    dialogue.handle_bytes(&packet(2, &[0, 0, 0, 2, 0, 0, 0])).unwrap();
    dialogue.poll().unwrap();
    match dialogue.handle_bytes(&answer(fields)) {
        Ok(said) => match &said[..] {
            [Said::Reading(reading)] => Ok((reading.role, reading.position)),
            other => panic!("{other:?}"),
        },
        Err(fault) => Err(fault.status),
    }
}

#[test]
fn nodes_of_galera_are_read() {
    let bad = Err(CheckStatus::L7Response);
    for (fields, expected) in [
        (["0", "4", "ON", "Primary", UUID, "77"], Ok((Role::Member, 77))),
        (["0", "4", "ON", "Primary", UUID, "0"], Ok((Role::Member, 0))),
        (["1", "4", "ON", "Primary", UUID, "77"], Ok((Role::Replica, 77))),
        (["0", "2", "ON", "Primary", UUID, "77"], Ok((Role::Loose, 77))),
        (["0", "3", "ON", "Primary", UUID, "77"], Ok((Role::Loose, 77))),
        (["1", "2", "ON", "Primary", UUID, "77"], Ok((Role::Replica, 77))),
        (["0", "1", "ON", "Primary", UUID, "77"], bad),
        (["0", "2", "OFF", "Primary", UUID, "77"], bad),
        (["0", "4", "OFF", "Primary", UUID, "77"], bad),
        (["0", "4", "ON", "non-Primary", UUID, "77"], bad),
        (["0", "4", "ON", "Primary", "", "77"], bad),
        (["0", "4", "ON", "Primary", UUID, "-1"], bad),
        (["0", "", "", "", "", ""], bad),
    ] {
        for version in [MARIADB, MYSQL] {
            assert_eq!(asked_of(Cluster::Galera, version, &fields), expected, "{fields:?}");
        }
    }
}

#[test]
fn members_of_group_replication_are_read() {
    let set = format!("{UUID}:1-7");
    let bad = || Err(CheckStatus::L7Response);
    for (read_only, member, expected) in [
        ("0", ["ONLINE", "PRIMARY", "3", "3"], Ok((Role::Primary, 7))),
        ("0", ["ONLINE", "PRIMARY", "3", "2"], Ok((Role::Primary, 7))),
        ("1", ["ONLINE", "PRIMARY", "3", "3"], Ok((Role::Replica, 7))),
        ("1", ["ONLINE", "SECONDARY", "3", "3"], Ok((Role::Replica, 7))),
        ("0", ["ONLINE", "SECONDARY", "3", "3"], Ok((Role::Replica, 7))),
        // The others cannot be reached: it cannot write, whatever it says.
        ("0", ["ONLINE", "PRIMARY", "3", "1"], bad()),
        ("0", ["ONLINE", "PRIMARY", "2", "1"], bad()),
        ("0", ["RECOVERING", "SECONDARY", "3", "3"], bad()),
        ("0", ["OFFLINE", "", "1", "1"], bad()),
        ("0", ["", "", "0", "0"], bad()),
        ("0", ["ONLINE", "KING", "3", "3"], bad()),
    ] {
        let fields = [&[read_only, "0", UUID, "ON", &set], &member[..]].concat();
        let found = asked_of(Cluster::GroupReplication, MYSQL, &fields);
        assert_eq!(found, expected, "{fields:?}");
    }
    assert_eq!(asked_of(Cluster::GroupReplication, MARIADB, &["0", "1", "", "", "0"]), bad());
}

#[test]
fn answers_that_make_no_sense_are_faults() {
    let rows: [(&str, &[&str]); 9] = [
        (MARIADB, &["2", "1", "", "", "0"]),
        (MARIADB, &["0", "-1", "", "", "0"]),
        (MARIADB, &["0", "1", "x", "", "0"]),
        (MARIADB, &["0", "1", "", "x", "0"]),
        (MARIADB, &["0", "1"]),
        (MARIADB, &["0", "1", "", "", "many"]),
        (MYSQL, &["0", "0", UUID, "OFF", ""]),
        (MYSQL, &["0", "0", "no", "ON", ""]),
        (MYSQL, &["0", "0", UUID, "ON", "x"]),
    ];
    for (version, fields) in rows {
        let fault = asked(version, fields).unwrap_err();
        assert_eq!(fault.status, CheckStatus::L7Response, "{version} {fields:?}");
    }
    let mut dialogue = logged_in(MARIADB);
    assert!(dialogue.handle_bytes(&answer(&["0", "1", "", "", "0"])).is_err(), "not asked");
    let mut dialogue = logged_in(MARIADB);
    dialogue.poll();
    let two_rows = [
        &[4][..],
        b"a",
        b"b",
        b"c",
        b"d",
        END,
        &row(&["0", "1", "", "0"]),
        &row(&["0", "1", "", "0"]),
    ];
    let two_rows: Vec<u8> = two_rows.iter().flat_map(|payload| packet(1, payload)).collect();
    assert!(dialogue.handle_bytes(&two_rows).is_err());
    let mut dialogue = logged_in(MARIADB);
    dialogue.poll();
    let no_row =
        [&[4][..], b"a", b"b", b"c", b"d", END, END].map(|payload| packet(1, payload)).concat();
    assert!(dialogue.handle_bytes(&no_row).is_err());
}

#[test]
fn one_question_at_a_time() {
    let mut dialogue = Dialogue::mysql(login(""), false);
    assert_eq!(dialogue.poll(), None);
    let mut dialogue = logged_in(MYSQL);
    assert!(dialogue.poll().is_some());
    assert_eq!(dialogue.poll(), None);
    assert_eq!(dialogue.goodbye(), packet(0, &[COM_QUIT]));
}

/// What is sent in answer to a greeting that names `plugin`, and the dialogue.
fn proof(plugin: &str) -> (Vec<u8>, Dialogue) {
    let mut dialogue = Dialogue::mysql(login("app"), false);
    dialogue.handle_connected().unwrap();
    let said = dialogue.handle_bytes(&greeting(MYSQL, plugin)).unwrap();
    let [Said::Send(sent)] = &said[..] else { panic!("one packet: {said:?}") };
    assert_eq!(sent[3], 1, "the second packet");
    (sent[4..].to_vec(), dialogue)
}

#[test]
fn a_login_says_who_and_where_and_proves_it() {
    use mysql_common::auth::plugins::caching_sha2_password::scramble_sha256;
    use mysql_common::auth::plugins::mysql_native_password::scramble_native;
    let native = scramble_native(NONCE, b"secret").unwrap().to_vec();
    let sha2 = scramble_sha256(NONCE, b"secret").unwrap().to_vec();
    for (plugin, proven) in [("mysql_native_password", native), ("caching_sha2_password", sha2)] {
        let (sent, _) = proof(plugin);
        let mut expected = (CAPABILITIES | WITH_DATABASE).to_le_bytes().to_vec();
        expected.extend(PACKET_BYTES_MAX.to_le_bytes());
        expected.push(COLLATION);
        expected.extend([0; 23]);
        expected.extend(b"watch\0");
        expected.push(u8::try_from(proven.len()).unwrap());
        expected.extend(proven);
        expected.extend(b"app\0");
        expected.extend(plugin.as_bytes());
        expected.push(0);
        assert_eq!(sent, expected, "{plugin}");
    }
    // One that is not known here: the server is asked to switch.
    let (sent, mut dialogue) = proof("auth_gssapi_client");
    assert!(sent.ends_with(b"watch\0\0app\0mysql_native_password\0"));
    let switch = [&b"\xfeclient_ed25519\0"[..], &[7; 32]].concat();
    let said = dialogue.handle_bytes(&packet(2, &switch)).unwrap();
    let [Said::Send(sent)] = &said[..] else { panic!("one packet: {said:?}") };
    assert_eq!((sent.len(), sent[3]), (4 + 64, 3));
    let fault = dialogue.handle_bytes(&packet(4, b"\xfedialog\0pam")).unwrap_err();
    assert!(fault.text.contains("dialog"), "{fault:?}");
}

#[test]
fn caching_sha2_goes_fast_or_in_full() {
    let (_, mut fast) = proof("caching_sha2_password");
    assert_eq!(fast.handle_bytes(&packet(2, &[1, 3])), Ok(vec![]));
    assert_eq!(fast.handle_bytes(&packet(3, &[0, 0, 0, 2, 0])), Ok(vec![Said::LoggedIn]));

    let (_, mut full) = proof("caching_sha2_password");
    assert_eq!(full.handle_bytes(&packet(2, &[1, 4])), Ok(vec![Said::Send(packet(3, &[2]))]));
    let private = aws_lc_rs::rsa::PrivateDecryptingKey::generate(aws_lc_rs::rsa::KeySize::Rsa2048);
    let private = private.unwrap();
    let der = aws_lc_rs::encoding::AsDer::<aws_lc_rs::encoding::PublicKeyX509Der<'_>>::as_der(
        &private.public_key(),
    );
    let base64 = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, der.unwrap().as_ref());
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{base64}\n-----END PUBLIC KEY-----\n");
    let said = full.handle_bytes(&packet(4, &[b"\x01", pem.as_bytes()].concat())).unwrap();
    let [Said::Send(sent)] = &said[..] else { panic!("one packet: {said:?}") };
    let key = aws_lc_rs::rsa::OaepPrivateDecryptingKey::new(private).unwrap();
    let mut plain = vec![0; key.min_output_size()];
    let algorithm = &aws_lc_rs::rsa::OAEP_SHA1_MGF1SHA1;
    let plain = key.decrypt(algorithm, &sent[4..], &mut plain, None).unwrap();
    let shown: Vec<u8> = plain.iter().zip(NONCE).map(|(a, b)| a ^ b).collect();
    assert_eq!(shown, b"secret\0");
    assert_eq!(full.handle_bytes(&packet(6, &[0, 0, 0, 2, 0])), Ok(vec![Said::LoggedIn]));

    for lie in [&b"\x01no key"[..], b"\x01", b"\x01-----BEGIN PUBLIC KEY-----\nAA==\n-----END"] {
        let (_, mut full) = proof("caching_sha2_password");
        full.handle_bytes(&packet(2, &[1, 4])).unwrap();
        assert!(full.handle_bytes(&packet(4, lie)).is_err());
    }
}

#[test]
fn by_tls_the_password_itself_is_sent_and_never_without() {
    let mut dialogue = Dialogue::mysql(login(""), true);
    dialogue.handle_connected().unwrap();
    let said = dialogue.handle_bytes(&greeting(MYSQL, "caching_sha2_password")).unwrap();
    let [Said::Send(request), Said::StartTls] = &said[..] else { panic!("{said:?}") };
    assert_eq!((request.len(), request[3]), (4 + 32, 1));
    let said = dialogue.handle_secured().unwrap();
    assert!(matches!(&said[..], [Said::Send(login)] if login[3] == 2), "{said:?}");
    let said = dialogue.handle_bytes(&packet(3, &[1, 4]));
    assert_eq!(said, Ok(vec![Said::Send(packet(4, b"secret\0"))]));

    let (_, mut plain) = proof("caching_sha2_password");
    assert!(plain.handle_bytes(&packet(2, b"\xfemysql_clear_password\0")).is_err());
}

#[test]
fn nothing_before_tls_counts() {
    let mut dialogue = Dialogue::mysql(login(""), true);
    let early = [greeting(MYSQL, "caching_sha2_password"), packet(1, &[0])].concat();
    assert_eq!(dialogue.handle_bytes(&early).unwrap_err().status, CheckStatus::L6Response);
    let mut plain = greeting(MYSQL, "mysql_native_password");
    let capabilities = 4 + 1 + MYSQL.len() + 1 + 4 + 8 + 1;
    plain[capabilities + 1] &= !0x08;
    let mut dialogue = Dialogue::mysql(login(""), true);
    let fault = dialogue.handle_bytes(&plain).unwrap_err();
    assert_eq!((fault.status, fault.is_refusal), (CheckStatus::L6Response, true));
}

#[test]
fn the_server_may_say_no_or_goodbye() {
    let no = logged_in(MYSQL).handle_bytes(&packet(1, b"\xff\x15\x04#28000Access denied"));
    let no = no.unwrap_err();
    assert_eq!((no.is_goodbye, no.text.as_str()), (false, "1045 (28000): Access denied"));
    let goodbye = logged_in(MYSQL).handle_bytes(&packet(1, b"\xff\x1d\x04#08S01Server shutdown"));
    assert!(goodbye.unwrap_err().is_goodbye);
    let full = Dialogue::mysql(login(""), false).handle_bytes(&packet(0, b"\xff\x10\x04Too many"));
    assert_eq!(full.unwrap_err().text, "1040: Too many");
}

#[test]
fn who_leaves_before_the_greeting_leaves_a_login() {
    let goodbye = Dialogue::mysql(login(""), false).goodbye();
    assert_eq!(goodbye[3], 1);
    assert!(goodbye.ends_with(&packet(0, &[COM_QUIT])));
}

#[test]
fn an_answer_without_end_is_given_up() {
    assert!(logged_in(MYSQL).handle_bytes(&[0xff, 0xff, 0xff, 0]).is_err());
    assert!(logged_in(MYSQL).handle_bytes(&vec![0; ANSWER_BYTES_MAX + 1]).is_err());
    for lie in [&b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff"[..], b"\xfd\x01", b"\xff", b"\x05ab"] {
        assert!(
            Question { flavour: Flavour::Mariadb, cluster: None, is_blind: false }
                .read(lie)
                .is_err(),
            "{lie:?}"
        );
    }
}

proptest! {
    #[test]
    fn any_bytes_are_survived(chunks in proptest::collection::vec(any::<Vec<u8>>(), 0..6)) {
        let tls = Dialogue::mysql(login(""), true);
        let (_, proving) = proof("caching_sha2_password");
        for mut dialogue in [tls, proving, logged_in(MYSQL), logged_in(MARIADB)] {
            for chunk in &chunks {
                let _ = dialogue.handle_bytes(chunk);
                let _ = dialogue.handle_secured();
                let _ = dialogue.poll();
                let _ = dialogue.goodbye();
            }
        }
    }

    #[test]
    fn any_packets_are_survived(payloads in proptest::collection::vec(any::<Vec<u8>>(), 0..9)) {
        let (_, proving) = proof("caching_sha2_password");
        let fresh = Dialogue::mysql(login(""), false);
        for mut dialogue in [fresh, proving, logged_in(MYSQL), logged_in(MARIADB)] {
            for payload in &payloads {
                let _ = dialogue.poll();
                let _ = dialogue.handle_bytes(&packet(1, payload));
            }
        }
    }

    #[test]
    fn any_greeting_is_survived(version: Vec<u8>, rest: Vec<u8>) {
        let payload = [&[10][..], &version, b"\0", &rest].concat();
        let _ = Dialogue::mysql(login(""), false).handle_bytes(&packet(0, &payload));
    }

    #[test]
    fn cuts_change_nothing(cut in 0usize..90) {
        let mut dialogue = logged_in(MARIADB);
        dialogue.poll();
        let whole = answer(&["0", "1", "0-1-7", "", "0"]);
        let (first, second) = whole.split_at(cut.min(whole.len()));
        let mut said = dialogue.handle_bytes(first).unwrap();
        said.extend(dialogue.handle_bytes(second).unwrap());
        let history = History::Mysql { server: 1, executed: GtidSet::mariadb("0-1-7").unwrap() };
        let (role, replicates) = (Role::Primary, Some(false));
        let applied = GtidSet::mariadb("").map(Box::new);
        let reading = Reading { replicates, applied, ..Reading::new(role, history, 7) };
        prop_assert_eq!(said, vec![Said::Reading(reading)]);
    }
}
