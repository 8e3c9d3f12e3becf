//! The laws of tables, and what HAProxy was seen to do.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::window::Window;
use super::*;
use crate::pure::sample::Value;
use crate::pure::sample::tracked::Data;

const PERIOD: Duration = Duration::from_secs(10);

fn layout(stored: &[(DataType, u32)]) -> Layout {
    let mut layout = Layout::default();
    for &(data, len) in stored {
        layout.add(Stored { data, len, period: PERIOD });
    }
    layout
}

fn table(size: usize, expire: Option<Duration>, purges: bool) -> Table {
    let layout = layout(&[(DataType::ConnCnt, 1), (DataType::ConnCur, 1), (DataType::Gpc, 3)]);
    let (kind, server_key) = (KeyKind::Int, ServerKey::Name);
    Table::new(Spec { kind, size, expire, purges, server_key, layout })
}

fn ask_int(table: &mut Table, key: &Key, data: Data, index: u32, now: Instant) -> Option<i64> {
    ask::ask(table, key, data, index, now).and_then(|value| value.as_int())
}

#[test]
fn the_entry_that_was_not_used_for_longest_gives_way() {
    let (mut table, now) = (table(2, None, true), Instant::now());
    for key in [1, 2, 1, 3] {
        assert!(table.obtain(&Key::Int(key), now).is_some());
    }
    assert_eq!(table.keys(now), [Key::Int(1), Key::Int(3)]);
}

#[test]
fn a_flood_of_keys_stays_within_the_size() {
    const SIZE: usize = 1_000;
    let (mut table, start) = (table(SIZE, Some(PERIOD), true), Instant::now());
    let held = Key::Int(u32::MAX);
    assert!(table.begin(&held, start));
    for key in 0..50_000_u32 {
        let now = start + Duration::from_micros(u64::from(key));
        assert!(table.obtain(&Key::Int(key), now).is_some());
        if key % 977 == 0 {
            assert!(table.keys(now).len() <= SIZE);
        }
    }
    let now = start + PERIOD / 2;
    assert!(table.find(&Key::Int(49_999), now).is_some() && table.find(&held, now).is_some());
    assert!(table.len(now) <= SIZE);
    // Once the flood is over, nothing is left but what is held.
    assert_eq!(table.keys(start + PERIOD * 2), [held]);
}

#[test]
fn a_full_table_that_does_not_purge_refuses() {
    let (mut table, now) = (table(1, Some(PERIOD), false), Instant::now());
    assert!(table.obtain(&Key::Int(1), now).is_some());
    assert!(table.obtain(&Key::Int(2), now).is_none());
    assert!(table.obtain(&Key::Int(2), now + PERIOD).is_some());
}

#[test]
fn what_is_held_stays_and_expires_after_its_last_holder() {
    let (mut table, now) = (table(1, Some(PERIOD), true), Instant::now());
    let key = Key::Int(1);
    assert!(table.begin(&key, now) && table.begin(&key, now));
    let later = now + PERIOD * 5;
    assert_eq!(table.remove(&key, later), Removal::Held);
    assert!(!table.begin(&Key::Int(2), later));
    assert_eq!(ask_int(&mut table, &key, Data::ConnCur, 0, later), Some(2));
    table.end(&key, (false, false), later);
    assert_eq!(table.remove(&key, later), Removal::Held);
    table.end(&key, (false, false), later);
    assert_eq!(table.len(later), 1);
    assert_eq!(table.len(later + PERIOD), 0);
    assert_eq!(table.remove(&key, later + PERIOD), Removal::Absent);
}

#[test]
fn an_end_is_a_use_where_it_changes_the_entry() {
    let key = Key::Int(1);
    for (stored, moved, uses) in [
        (DataType::ConnCur, (false, false), true),
        (DataType::ConnCnt, (true, true), false),
        (DataType::Gpc, (true, true), false),
        (DataType::BytesInCnt, (true, false), true),
        (DataType::BytesInCnt, (false, true), false),
        (DataType::BytesOutRate, (false, true), true),
    ] {
        let (layout, expire) = (layout(&[(stored, 1)]), Some(PERIOD));
        let (kind, server_key) = (KeyKind::Int, ServerKey::Name);
        let mut table =
            Table::new(Spec { kind, size: 2, expire, purges: true, server_key, layout });
        let start = Instant::now();
        assert!(table.begin(&key, start) && table.obtain(&Key::Int(2), start).is_some());
        table.end(&key, moved, start + PERIOD / 2);
        assert_eq!(table.len(start + PERIOD), usize::from(uses), "{stored:?}");
        assert!(table.begin(&key, start + PERIOD * 2));
        table.end(&key, (false, false), start + PERIOD * 4);
        let is_left = usize::from(stored == DataType::ConnCur);
        assert_eq!(
            table.len(start + PERIOD * 4),
            is_left,
            "{stored:?}: it was over before its end"
        );
    }
}

#[test]
fn looking_does_not_keep_an_entry() {
    let (mut table, now) = (table(1, Some(PERIOD), true), Instant::now());
    assert!(table.obtain(&Key::Int(1), now).is_some());
    assert!(table.find(&Key::Int(1), now + PERIOD / 2).is_some());
    assert!(table.find(&Key::Int(1), now + PERIOD).is_none());
}

#[test]
fn the_old_names_stand_for_places_of_an_array() {
    let (mut table, now) = (table(2, None, true), Instant::now());
    let key = Key::Int(1);
    assert_eq!(ask_int(&mut table, &key, Data::GetGpc0, 0, now), Some(0));
    assert_eq!(ask_int(&mut table, &key, Data::IncGpc1, 0, now), Some(1));
    assert_eq!(ask_int(&mut table, &key, Data::IncGpc, 1, now), Some(2));
    assert_eq!(ask_int(&mut table, &key, Data::GetGpc, 1, now), Some(2));
    assert_eq!(ask_int(&mut table, &key, Data::ClrGpc1, 0, now), Some(2));
    assert_eq!(ask_int(&mut table, &key, Data::GetGpc1, 0, now), Some(0));
    for (data, index) in [(Data::GetGpc, 3), (Data::IncGpc, 3), (Data::GetGpt0, 0)] {
        assert_eq!(ask::ask(&mut table, &key, data, index, now), None, "{data:?}");
    }
}

#[test]
fn tags_of_general_purpose_are_set() {
    let layout = layout(&[(DataType::Gpt, 2)]);
    let mut table = Table::new(Spec { layout, ..table(2, None, true).spec().clone() });
    let (key, now) = (Key::Int(1), Instant::now());
    ask::tag(&mut table, &key, 0, 7, now);
    ask::tag(&mut table, &key, 1, 8, now);
    assert_eq!(ask::ask(&mut table, &key, Data::GetGpt0, 0, now), Some(Value::Int(7)));
    assert_eq!(ask::ask(&mut table, &key, Data::GetGpt, 1, now), Some(Value::Int(8)));
}

#[test]
fn one_event_is_seen_for_two_periods() {
    let (mut window, now) = (Window::default(), Instant::now());
    window.add(1, PERIOD, now);
    for (millis, rate) in [(0, 1), (9_999, 1), (10_000, 1), (19_999, 1), (20_000, 0)] {
        assert_eq!(window.rate(PERIOD, now + Duration::from_millis(millis)), rate, "{millis}");
    }
}

#[test]
fn the_last_period_counts_by_what_is_left_of_it() {
    let (mut window, now) = (Window::default(), Instant::now());
    window.add(100, PERIOD, now);
    assert_eq!(window.rate(PERIOD, now + PERIOD + PERIOD / 4), 75);
    window.add(10, PERIOD, now + PERIOD + PERIOD / 2);
    assert_eq!(window.rate(PERIOD, now + PERIOD + PERIOD / 2), 60);
}

/// What may happen to a table.
#[derive(Clone, Debug)]
enum Step {
    Obtain(u32),
    Begin(u32),
    End(u32),
    Remove(u32),
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..12_u32).prop_map(Step::Obtain),
        (0..12_u32).prop_map(Step::Begin),
        (0..12_u32).prop_map(Step::End),
        (0..12_u32).prop_map(Step::Remove),
        (0..8_000_u64).prop_map(Step::Pass),
    ]
}

proptest! {
    #[test]
    fn tables_keep_their_bounds_and_what_is_held(
        steps in proptest::collection::vec(step(), 0..200),
        size in 1..8_usize,
        expires: bool,
        purges: bool,
    ) {
        let mut table = table(size, expires.then_some(PERIOD), purges);
        let mut now = Instant::now();
        let mut held: HashMap<u32, u32> = HashMap::new();
        for step in steps {
            match step {
                Step::Obtain(key) => drop(table.obtain(&Key::Int(key), now).is_some()),
                Step::Begin(key) => {
                    if table.begin(&Key::Int(key), now) {
                        *held.entry(key).or_default() += 1;
                    }
                }
                Step::End(key) => {
                    if let Some(count) = held.get_mut(&key) {
                        table.end(&Key::Int(key), (false, false), now);
                        *count -= 1;
                        if *count == 0 {
                            held.remove(&key);
                        }
                    }
                }
                Step::Remove(key) => {
                    let removed = table.remove(&Key::Int(key), now);
                    prop_assert_eq!(removed == Removal::Held, held.contains_key(&key));
                }
                Step::Pass(millis) => now += Duration::from_millis(millis),
            }
            prop_assert!(table.len(now) <= size);
            for (&key, &count) in &held {
                let current = ask_int(&mut table, &Key::Int(key), Data::ConnCur, 0, now);
                prop_assert_eq!(current, Some(i64::from(count)));
            }
            prop_assert_eq!(table.keys(now).len(), table.len(now));
        }
        if expires {
            prop_assert_eq!(table.len(now + PERIOD), held.len());
        }
    }

    #[test]
    fn a_rate_only_falls_while_nothing_happens(
        events in proptest::collection::vec((0..15_000_u64, 1..50_u64), 1..20),
        pauses in proptest::collection::vec(0..3_000_u64, 1..20),
    ) {
        let (mut window, mut now) = (Window::default(), Instant::now());
        let mut happened = 0;
        for (pause, count) in events {
            now += Duration::from_millis(pause);
            window.add(count, PERIOD, now);
            happened += count;
            prop_assert!(window.rate(PERIOD, now) >= count);
            prop_assert!(window.rate(PERIOD, now) <= happened);
        }
        let mut last = window.rate(PERIOD, now);
        for pause in pauses {
            now += Duration::from_millis(pause);
            let rate = window.rate(PERIOD, now);
            prop_assert!(rate <= last);
            last = rate;
        }
        prop_assert_eq!(window.rate(PERIOD, now + PERIOD * 2), 0);
    }
}
