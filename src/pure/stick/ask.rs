//! What samples ask of an entry, or tell it.
//!
//! A key without an entry counts zero of everything; what a table does not store is no value at all.

use std::time::Instant;

use super::data::DataType;
use super::key::Key;
use super::table::Table;
use crate::pure::sample::Value;
use crate::pure::sample::tracked::Data;

/// What `data` of `key` is; what changes an entry makes one where there is none.
pub fn ask(table: &mut Table, key: &Key, data: Data, index: u32, now: Instant) -> Option<Value> {
    if data.changes_entry() {
        return change(table, key, data, index, now);
    }
    if data == Data::Trackers {
        let holders = table.find(key, now).map_or(0, |(entry, _)| entry.holders());
        return Some(Value::Int(i64::from(holders)));
    }
    let (what, scale) = read(data, index)?;
    table.spec().layout.place(what.0, what.1)?;
    let number = table.find(key, now).and_then(|(entry, layout)| entry.number(layout, what, now));
    int(number.unwrap_or(0) / scale)
}

/// Adds to a counter of general purpose and its rate, whichever are stored. The new value.
pub fn add(table: &mut Table, key: &Key, index: u32, by: u64, now: Instant) -> Option<u64> {
    let (entry, layout) = table.obtain(key, now)?;
    let legacy = match index {
        0 => Some((DataType::Gpc0, DataType::Gpc0Rate)),
        1 => Some((DataType::Gpc1, DataType::Gpc1Rate)),
        _ => None,
    };
    // The old names stand for an array's places as well.
    let (count, rate) = match legacy {
        Some((count, rate)) => ((count, 0), (rate, 0)),
        None => ((DataType::Gpc, index), (DataType::GpcRate, index)),
    };
    let rate = entry.add(layout, rate, by, now);
    entry.add(layout, count, by, now).or(rate)
}

/// Sets a tag of general purpose, where it is stored.
pub fn tag(table: &mut Table, key: &Key, index: u32, value: u64, now: Instant) {
    if let Some((entry, layout)) = table.obtain(key, now) {
        let what = if index == 0 { (DataType::Gpt0, 0) } else { (DataType::Gpt, index) };
        entry.set(layout, what, value, now);
    }
}

fn change(table: &mut Table, key: &Key, data: Data, index: u32, now: Instant) -> Option<Value> {
    let index = match data {
        Data::IncGpc0 | Data::ClrGpc0 => 0,
        Data::IncGpc1 | Data::ClrGpc1 => 1,
        _ => index,
    };
    match data {
        Data::UpdtConnCnt => {
            let (entry, layout) = table.obtain(key, now)?;
            int(entry.add(layout, (DataType::ConnCnt, 0), 1, now)?)
        }
        Data::IncGpc | Data::IncGpc0 | Data::IncGpc1 => int(add(table, key, index, 1, now)?),
        _ => {
            let (entry, layout) = table.obtain(key, now)?;
            let what = match index {
                0 => (DataType::Gpc0, 0),
                1 => (DataType::Gpc1, 0),
                _ => (DataType::Gpc, index),
            };
            int(entry.set(layout, what, 0, now)?)
        }
    }
}

fn int(number: u64) -> Option<Value> {
    Some(Value::Int(i64::try_from(number).unwrap_or(i64::MAX)))
}

/// The stored number that answers, and what it is divided by.
const fn read(data: Data, index: u32) -> Option<((DataType, u32), u64)> {
    use DataType as D;
    let place = match data {
        Data::GetGpc => return Some(((D::Gpc, index), 1)),
        Data::GpcRate => return Some(((D::GpcRate, index), 1)),
        Data::GetGpt => return Some(((D::Gpt, index), 1)),
        Data::KbytesIn => return Some(((D::BytesInCnt, 0), 1024)),
        Data::KbytesOut => return Some(((D::BytesOutCnt, 0), 1024)),
        Data::BytesInRate => D::BytesInRate,
        Data::BytesOutRate => D::BytesOutRate,
        Data::ConnCnt => D::ConnCnt,
        Data::ConnCur => D::ConnCur,
        Data::ConnRate => D::ConnRate,
        Data::GetGpc0 => D::Gpc0,
        Data::GetGpc1 => D::Gpc1,
        Data::GetGpt0 => D::Gpt0,
        Data::Gpc0Rate => D::Gpc0Rate,
        Data::Gpc1Rate => D::Gpc1Rate,
        Data::HttpErrCnt => D::HttpErrCnt,
        Data::HttpErrRate => D::HttpErrRate,
        Data::HttpFailCnt => D::HttpFailCnt,
        Data::HttpFailRate => D::HttpFailRate,
        Data::HttpReqCnt => D::HttpReqCnt,
        Data::HttpReqRate => D::HttpReqRate,
        Data::GlitchCnt => D::GlitchCnt,
        Data::GlitchRate => D::GlitchRate,
        Data::SessCnt => D::SessCnt,
        Data::SessRate => D::SessRate,
        Data::ServerId => D::ServerId,
        _ => return None,
    };
    Some(((place, 0), 1))
}
