use super::*;
use crate::pure::acl::AclError;
use crate::pure::sample::testing::Nowhere;
use crate::pure::sample::{Buffer, content::Side};

fn rule(set: RuleSet, text: &str) -> Result<Rule, AclError> {
    let words: Vec<&str> = text.split(' ').collect();
    Rule::parse(set, &words, &[], &mut Nowhere)
}

struct Held {
    bytes: &'static [u8],
    done: bool,
}

impl Facts for Held {
    fn buffer(&self, _: Side) -> Option<Buffer<'_>> {
        Some(Buffer { bytes: self.bytes, capacity: 100, may_grow: !self.done })
    }

    fn is_final(&self) -> bool {
        self.done
    }
}

#[test]
fn every_action_is_read_where_it_may_stand() {
    for (set, text) in [
        (RuleSet::Connection, "accept"),
        (RuleSet::Connection, "expect-proxy layer4 if TRUE"),
        (RuleSet::Session, "set-src str(1.2.3.4)"),
        (RuleSet::Content, "set-var(txn.x) req.len unless FALSE"),
        (RuleSet::Content, "set-var(txn.x) src ipmask(24) if TRUE"),
        (RuleSet::Content, "capture req.payload(0,4) len 8"),
        (RuleSet::Content, "track-sc0 src table t if TRUE"),
        (RuleSet::Content, "sc-set-gpt0(1) 7"),
        (RuleSet::Content, "sc-add-gpc(3,0) src_port"),
        (RuleSet::BackendContent, "set-bc-mark 0x10"),
        (RuleSet::Response, "close if WAIT_END"),
        (RuleSet::Response, "set-log-level silent"),
        (RuleSet::Response, "silent-drop rst-ttl 3 if TRUE"),
    ] {
        assert!(rule(set, text).is_ok(), "{text}: {:?}", rule(set, text));
    }
}

#[test]
fn marks_are_numbers_of_c_of_which_the_low_bits_count() {
    for (text, expected) in [
        ("010", 8),
        ("0X10", 16),
        ("0x1ffffffff", u32::MAX),
        ("4294967297", 1),
        ("-1", u32::MAX),
        ("-0x5", 0xffff_fffb),
        ("0", 0),
    ] {
        let mark = rule(RuleSet::Content, &format!("set-mark {text}")).map(|rule| rule.action);
        assert_eq!(mark, Ok(Action::SetMark(Peer::Client, expected)), "{text}");
    }
    assert!(rule(RuleSet::Content, "set-mark 08").is_err());
    let tos = rule(RuleSet::Content, "set-tos 0x1b8").map(|rule| rule.action);
    assert_eq!(tos, Ok(Action::SetTos(Peer::Client, 0xb8)));
}

#[test]
fn mistakes_name_their_word() {
    for (set, text, word, message) in [
        (RuleSet::Content, "drop", 0, "unknown action 'drop' in 'tcp-request content'"),
        (RuleSet::Content, "close", 0, "'close' cannot stand in 'tcp-request content'"),
        (RuleSet::Content, "reject now", 1, "unexpected 'now': 'if' or 'unless' may follow"),
        (RuleSet::Content, "reject if nope", 2, "no ACL is called 'nope'"),
        (
            RuleSet::Content,
            "set-var(x) src",
            0,
            "variable 'x' has no scope: a name starts with proc., sess., txn., req., res. or check.",
        ),
        (RuleSet::Content, "set-var(txn.x)", 0, "a sample is missing"),
        (RuleSet::Content, "set-var(txn.x) srx", 1, "unknown fetch 'srx'"),
        (RuleSet::Content, "set-src req.len,even", 1, "'req.len,even' is bool, and addr is needed"),
        (RuleSet::Content, "set-tos 0xg", 1, "'0xg' is not a type of service"),
        (RuleSet::Content, "set-log-level loud", 1, "'loud' is no level"),
        (RuleSet::Connection, "expect-proxy", 0, "'layer4' is missing"),
        (
            RuleSet::Content,
            "use-service lua.x",
            0,
            "'use-service' is not supported: there are no services",
        ),
    ] {
        let error = rule(set, text).expect_err(text);
        assert_eq!((error.word, error.message.as_str()), (word, message), "{text}");
    }
}

#[test]
fn a_walk_waits_where_a_condition_is_open_and_ends_at_the_end() {
    // Conditions with patterns need a store: `wait_end` has none.
    let texts = ["set-var(txn.a) int(1)", "reject if FALSE", "reject if WAIT_END"];
    let rules: Vec<Rule> = texts.iter().map(|text| rule(RuleSet::Content, text).unwrap()).collect();
    let open = Held { bytes: b"", done: false };
    assert_eq!(next(&rules, 0, &open), Step::Perform(&rules[0].action, 1));
    assert_eq!(next(&rules, 1, &open), Step::Wait);
    let done = Held { bytes: b"", done: true };
    assert_eq!(next(&rules, 1, &done), Step::Perform(&rules[2].action, 3));
    assert_eq!(next(&rules, 3, &done), Step::Done);
}

#[test]
fn templates_are_filled() {
    let template = Template::parse("be_%[str(a)]_%[var(txn.none)]x", &mut Nowhere).unwrap();
    assert_eq!(template.fill(&Held { bytes: b"", done: true }), "be_a_x");
    assert_eq!((template.fixed(), template.samples().count()), (None, 2));
    assert_eq!(Template::parse("be1", &mut Nowhere).unwrap().fixed(), Some("be1"));
    assert!(Template::parse("be_%[src", &mut Nowhere).unwrap_err().message.contains(']'));
}
