use std::cell::RefCell;

use proptest::prelude::*;

use super::pattern::{Entry, Found, Origin, PatternUse, Patterns};
use super::*;
use crate::pure::sample::content::Side;
use crate::pure::sample::{Arg, Buffer, Definitions, Fact, FileName, Kind, Value};

/// Patterns kept in memory; one file, `/lan`, exists.
#[derive(Default)]
struct Store(RefCell<Vec<Vec<Patterns>>>);

impl Definitions for Store {
    fn environment(&self, _: &str) -> Option<String> {
        None
    }

    fn patterns(&mut self, written: PatternUse) -> Result<PatternsId, String> {
        let mut sets = Vec::new();
        for source in written.sources {
            let entries = match source.origin {
                Origin::Written(texts) => {
                    texts.into_iter().map(|pattern| Entry { pattern, value: None }).collect()
                }
                Origin::File { file, is_map } => read(&file, is_map)?,
            };
            let set = Patterns::compile(written.method, source.ignores_case, entries);
            sets.push(set.map_err(|(_, why)| why)?);
        }
        self.0.borrow_mut().push(sets);
        Ok(PatternsId(self.0.borrow().len() - 1))
    }
}

fn read(file: &FileName, is_map: bool) -> Result<Vec<Entry>, String> {
    let text = (file.path() == Some("/lan")).then_some("10.0.0.0/8 lan\n127.0.0.1 here\n");
    let text = text.ok_or_else(|| format!("cannot read '{}'", file.name))?;
    Ok(pattern::file_lines(text, is_map).map(|line| line.1).collect())
}

/// A client at 10.1.2.3:4000, its bytes, and whether more may come.
struct Client<'a> {
    store: &'a Store,
    bytes: &'a [u8],
    done: bool,
}

impl Facts for Client<'_> {
    fn fact(&self, fact: Fact, _: &[Arg]) -> Fetched {
        Fetched::from(match fact {
            Fact::Src => Some(Value::Ipv4([10, 1, 2, 3].into())),
            Fact::SrcPort => Some(Value::Int(4000)),
            _ => None,
        })
    }

    fn buffer(&self, _: Side) -> Option<Buffer<'_>> {
        Some(Buffer { bytes: self.bytes, capacity: 16_384, may_grow: !self.done })
    }

    fn lookup(&self, patterns: PatternsId, value: &Value) -> Option<Found> {
        let sets = self.store.0.borrow();
        let entry = sets[patterns.0].iter().find_map(|set| set.find(value))?;
        Some(Found { pattern: entry.pattern.clone(), value: entry.value.clone() })
    }

    fn is_final(&self) -> bool {
        self.done
    }
}

fn truth(condition: &str, bytes: &[u8], done: bool) -> Truth {
    let mut store = Store::default();
    let acls = [Acl {
        name: "lan".to_owned(),
        tests: vec![Test::parse(&["src", "10.0.0.0/8"], &mut store).unwrap()],
    }];
    let words: Vec<&str> = condition.split(' ').collect();
    let condition = Condition::parse(&words, &acls, &mut store).unwrap();
    condition.holds(&Client { store: &store, bytes, done })
}

#[test]
fn conditions_hold_as_haproxys_do() {
    let table = [
        ("if lan", Truth::True),
        ("if", Truth::False),
        ("unless", Truth::True),
        ("unless lan", Truth::False),
        ("if !lan", Truth::False),
        ("if ! lan", Truth::False),
        ("if !!lan", Truth::True),
        ("if TRUE !lan or { src_port 4000 }", Truth::True),
        ("if FALSE || LOCALHOST", Truth::False),
        ("if { src -M -f /lan }", Truth::True),
        ("if { src -m found }", Truth::True),
        ("if { src_port gt 4000 }", Truth::False),
        ("if { src_port ge 4000 lt 1 }", Truth::True),
        ("if { src_port 1:3999 4001: }", Truth::False),
        ("if { src,map_ip(/lan) -m str lan }", Truth::True),
        ("if { src,map_ip(/lan,none) -m str none }", Truth::False),
        ("if { str(aBc) -i abC }", Truth::True),
        ("if { str(-x) -- -x }", Truth::True),
        ("if { int(-5) -- -5 }", Truth::True),
        ("if { dst 1.2.3.4 }", Truth::False),
        ("if { dst -m found }", Truth::False),
        ("if !{ dst -m found }", Truth::True),
    ];
    for (condition, expected) in table {
        assert_eq!(truth(condition, b"", true), expected, "{condition}");
    }
}

#[test]
fn what_bytes_may_still_change_is_open_until_the_end() {
    let table = [
        ("if { req.len gt 2 }", Truth::Open, Truth::False),
        ("if { req.len gt 1 }", Truth::True, Truth::True),
        ("if !{ req.len gt 2 }", Truth::Open, Truth::True),
        ("if { req.len gt 2 } !lan", Truth::Open, Truth::False),
        ("if !lan { req.len gt 2 }", Truth::False, Truth::False),
        ("if { req.len gt 2 } or lan", Truth::True, Truth::True),
        ("if { req.payload(0,3) -m str abc }", Truth::Open, Truth::False),
        ("if { req.payload(0,2) -m str ab }", Truth::True, Truth::True),
        ("if { req.payload(0,2) -m str xx }", Truth::False, Truth::False),
        ("if { req.payload(0,0) -m sub c }", Truth::Open, Truth::False),
        ("if { req.ssl_hello_type 1 }", Truth::False, Truth::False),
        ("if WAIT_END", Truth::Open, Truth::True),
        ("if REQ_CONTENT", Truth::True, Truth::True),
    ];
    for (condition, before, after) in table {
        assert_eq!(truth(condition, b"ab", false), before, "{condition}");
        assert_eq!(truth(condition, b"ab", true), after, "{condition} at the end");
    }
}

#[test]
fn mistakes_name_their_word() {
    let table = [
        ("when x", 0, "'if' or 'unless' is missing"),
        ("if lann", 1, "no ACL is called 'lann'"),
        ("if { src 10.0.0.0/8", 1, "'}' is missing"),
        ("if { }", 1, "nothing is tested between '{' and '}'"),
        ("if { srx 10.0.0.0/8 }", 2, "unknown fetch 'srx'"),
        ("if { src 10.0.0.0/8 -x }", 2, "'-x' is no address or network"),
        ("if { src -x 1 }", 3, "unknown flag '-x'"),
        ("if { src -m foo 1 }", 4, "unknown method 'foo'"),
        ("if { src -f }", 3, "'-f' needs the name of a file"),
        ("if { src -f /none }", 2, "cannot read '/none'"),
        ("if { src_port gt x }", 4, "'x' is no number"),
        ("if { src_port -f /lan -m str x }", 5, "'-m' must stand before '-f'"),
        ("if { req.payload(0,1) x }", 2, "'req.payload(0,1)' yields bytes: how to compare it?"),
        ("if lan if lan", 2, "unexpected 'if' in a condition"),
    ];
    for (text, word, message) in table {
        let words: Vec<&str> = text.split(' ').collect();
        let mut store = Store::default();
        let acls = [Acl { name: "lan".to_owned(), tests: Vec::new() }];
        let error = Condition::parse(&words, &acls, &mut store).unwrap_err();
        assert_eq!((error.message.as_str(), error.word), (message, word), "{text}");
    }
}

#[test]
fn only_content_needs_bytes() {
    let mut store = Store::default();
    let needs =
        |words: &[&str], store: &mut Store| Test::parse(words, store).unwrap().expr.needs_bytes();
    assert!(needs(&["req.len", "gt", "0"], &mut store));
    assert!(needs(&["wait_end"], &mut store));
    assert!(!needs(&["src", "10.0.0.1"], &mut store));
    assert_eq!(Method::default_for(Kind::Bin), None);
}

proptest! {
    #[test]
    fn no_words_make_the_parser_panic(
        words in proptest::collection::vec("(if|or|!|\\{|\\}|src|-[a-zA-Z-]|gt|req\\.len|x|9)", 0..9)
    ) {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let mut store = Store::default();
        if let Ok(condition) = Condition::parse(&words, &[], &mut store) {
            let _ = condition.holds(&Client { store: &store, bytes: b"", done: true });
        }
    }

    #[test]
    fn an_answer_before_the_end_never_changes(
        bytes in "[ab]{0,6}", more in "[ab]{0,6}", len in 0_usize..9, negated: bool
    ) {
        let not = if negated { "!" } else { "" };
        for test in ["req.len gt", "req.len lt", "req.payload(0,2) -m len"] {
            let condition = format!("if {not}{{ {test} {len} }}");
            let before = truth(&condition, bytes.as_bytes(), false);
            let longer = format!("{bytes}{more}");
            if before == Truth::True && !test.ends_with("lt") {
                prop_assert_eq!(truth(&condition, longer.as_bytes(), false), before);
            }
        }
    }
}
