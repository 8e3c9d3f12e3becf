use haproxy_compat::span::{FileId, Span};

use super::*;
use crate::pure::id::Name;

fn spanned(text: &str) -> Spanned<String> {
    Spanned::new(text.to_owned(), Span { file: FileId::default(), start: 0, end: 0 })
}

fn lists() -> Vec<Userlist> {
    let user = |name: &str, groups: &[&str]| User {
        name: name.to_owned(),
        password: Password::Clear("p".to_owned()),
        groups: groups.iter().map(|&group| group.to_owned()).collect(),
    };
    let users = vec![user("a", &["g"]), user("b", &[])];
    vec![Userlist { name: Name::new("ul").expect("a name"), users }]
}

fn read(text: &str) -> Read<Condition> {
    let acls = [spanned("near src 10.0.0.0/8"), spanned("near path /x")];
    condition(&statement::split(text), Known { acls: &acls, userlists: &lists() })
}

#[test]
fn conditions_are_read_in_haproxys_grammar() {
    let shape = |text: &str| {
        let condition = read(text).expect(text);
        let terms = |all: &Vec<Term>| {
            all.iter().map(|term| (term.negated, term.tests.len())).collect::<Vec<_>>()
        };
        (condition.unless, condition.any.iter().map(terms).collect::<Vec<_>>())
    };
    assert_eq!(shape("if TRUE"), (false, vec![vec![(false, 1)]]));
    assert_eq!(shape("unless near !LOCALHOST"), (true, vec![vec![(false, 2), (true, 1)]]));
    let either = vec![vec![(false, 1)], vec![(true, 1), (true, 1)]];
    assert_eq!(shape("if { src ::1 127.0.0.0/8 } or ! TRUE !{ path_beg /a }"), (false, either));
    let group = read("if { http_auth_group(ul) g }").expect("a group").any;
    let Test::Account(users) = &group[0][0].tests[0] else { panic!("{group:?}") };
    assert_eq!(users.iter().map(|user| user.name.as_str()).collect::<Vec<_>>(), ["a"]);
}

#[test]
fn what_is_no_condition_is_refused_by_name() {
    for (text, why) in [
        ("", "begins with"),
        ("if", "test is missing"),
        ("if TRUE or", "test is missing"),
        ("if far", "no acl 'far'"),
        ("if { src 10.0.0.0/33 }", "10.0.0.0/33"),
        ("if { src", "'}' is missing"),
        ("if { hdr(host) x }", "hdr(host)"),
        ("if { http_auth(nobody) }", "no userlist 'nobody'"),
        ("if { path }", "needs a value"),
        ("if { path -i /x }", "'-i' is not supported"),
        ("if !", "of what"),
    ] {
        let error = read(text).expect_err(text);
        assert!(error.contains(why), "{text}: {error}");
    }
}

#[test]
fn actions_are_read() {
    let known = Known { acls: &[], userlists: &[] };
    let action = |text: &str| rule(text, known).map(|rule| rule.action);
    assert_eq!(action("allow if LOCALHOST"), Ok(Action::Allow));
    assert_eq!(action("deny deny_status 403"), Ok(Action::Deny));
    let realm = Some("My Page".to_owned());
    assert_eq!(action("auth realm 'My Page' unless TRUE"), Ok(Action::Auth { realm }));
    assert_eq!(action("use-service prometheus-exporter if { path /m }"), Ok(Action::Metrics));
    assert!(action("return status 200").is_err());
    assert!(action("deny status 429").is_err());
    assert!(action("").is_err());
}
