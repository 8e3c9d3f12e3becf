//! Pure: instants as the three kinds of local time that log lines carry.
//!
//! The text of a second is kept until another second is asked for: lines come in runs of one
//! second, and a look into the time zone's rules costs more than the rest of a line.

use std::time::SystemTime;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::digits;

/// English whatever the locale: RFC 3164 §4.1.2 and HAProxy's `%t`.
pub(crate) const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Formats wall-clock times in one time zone, remembering the last second.
#[derive(Clone, Debug)]
pub struct LocalTime {
    zone: TimeZone,
    second: Option<i64>,
    /// `21/Nov/2026:07:49:09`
    accept: String,
    /// `Nov 21 07:49:09`
    bsd: String,
    /// `2026-11-21T07:49:09`
    iso: String,
    /// `+05:30`
    offset: String,
}

impl LocalTime {
    /// Times in `zone`.
    #[must_use]
    pub fn new(zone: TimeZone) -> Self {
        Self {
            zone,
            second: None,
            accept: String::new(),
            bsd: String::new(),
            iso: String::new(),
            offset: String::new(),
        }
    }

    /// Appends `21/Nov/2026:07:49:09 +0530`, HAProxy's `%Tl`.
    pub fn push_zoned(&mut self, at: SystemTime, out: &mut String) {
        self.refresh(at);
        out.push_str(&self.accept);
        out.push(' ');
        out.extend(self.offset.chars().filter(|c| *c != ':'));
    }

    /// Appends `21/Nov/2026:07:49:09.194`, HAProxy's `%t`.
    pub fn push_accept(&mut self, at: SystemTime, out: &mut String) {
        let micros = self.refresh(at);
        out.push_str(&self.accept);
        out.push('.');
        digits::push_padded(out, micros / 1000, 3);
    }

    /// Appends `Nov 21 07:49:09`, the day padded with a space (RFC 3164 §4.1.2).
    pub fn push_bsd(&mut self, at: SystemTime, out: &mut String) {
        self.refresh(at);
        out.push_str(&self.bsd);
    }

    /// Appends `2026-11-21T07:49:09.194000+00:00` (RFC 5424 §6.2.3).
    pub fn push_iso(&mut self, at: SystemTime, out: &mut String) {
        let micros = self.refresh(at);
        out.push_str(&self.iso);
        out.push('.');
        digits::push_padded(out, micros, 6);
        out.push_str(&self.offset);
    }

    /// Makes the texts those of the second of `at`; yields the microseconds within it.
    fn refresh(&mut self, at: SystemTime) -> u32 {
        // A clock before 1970 or beyond jiff's year 9999 shows as 1970.
        let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let second = i64::try_from(since.as_secs()).unwrap_or_default();
        if self.second != Some(second) {
            self.second = Some(second);
            let timestamp = Timestamp::from_second(second).unwrap_or(Timestamp::UNIX_EPOCH);
            self.format(timestamp);
        }
        since.subsec_micros()
    }

    fn format(&mut self, timestamp: Timestamp) {
        let offset = self.zone.to_offset(timestamp);
        let local = offset.to_datetime(timestamp);
        // jiff keeps months within 1..=12.
        let month_index = usize::try_from(local.month() - 1).unwrap_or_default();
        let month = MONTHS.get(month_index).copied().unwrap_or_default();
        let (year, day) = (local.year(), local.day());
        let clock = format!("{:02}:{:02}:{:02}", local.hour(), local.minute(), local.second());
        self.accept = format!("{day:02}/{month}/{year:04}:{clock}");
        self.bsd = format!("{month} {day:2} {clock}");
        self.iso = format!("{year:04}-{:02}-{day:02}T{clock}", local.month());
        let minutes = offset.seconds() / 60;
        let sign = if minutes < 0 { '-' } else { '+' };
        let minutes = minutes.abs();
        self.offset = format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn texts(zone: TimeZone, at: SystemTime) -> [String; 3] {
        let mut time = LocalTime::new(zone);
        let mut texts = [String::new(), String::new(), String::new()];
        time.push_accept(at, &mut texts[0]);
        time.push_bsd(at, &mut texts[1]);
        time.push_iso(at, &mut texts[2]);
        texts
    }

    #[test]
    fn three_texts_of_one_instant_in_three_zones() {
        // 2026-11-01 07:50:21.815397 UTC
        let at = SystemTime::UNIX_EPOCH + Duration::from_micros(1_793_519_421_815_397);
        let offset = |hours, minutes: i32| {
            let seconds = hours * 3600 + minutes * 60;
            TimeZone::fixed(jiff::tz::Offset::from_seconds(seconds).expect("in range"))
        };
        assert_eq!(
            texts(TimeZone::UTC, at),
            ["01/Nov/2026:07:50:21.815", "Nov  1 07:50:21", "2026-11-01T07:50:21.815397+00:00"]
        );
        assert_eq!(texts(offset(5, 30), at)[2], "2026-11-01T13:20:21.815397+05:30");
        assert_eq!(texts(offset(-9, -30), at)[1], "Oct 31 22:20:21");
        assert_eq!(texts(offset(-9, -30), at)[2], "2026-10-31T22:20:21.815397-09:30");
    }

    #[test]
    fn the_remembered_second_is_not_shown_for_another() {
        let mut time = LocalTime::new(TimeZone::UTC);
        let mut out = String::new();
        for millis in [1_000, 1_999, 2_000, 1_000] {
            time.push_accept(SystemTime::UNIX_EPOCH + Duration::from_millis(millis), &mut out);
            out.push(' ');
        }
        let day = "01/Jan/1970:00:00:0";
        assert_eq!(out, format!("{day}1.000 {day}1.999 {day}2.000 {day}1.000 "));
    }

    #[test]
    fn absurd_clocks_show_as_1970() {
        let before = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
        let beyond = SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 60);
        for at in [before, beyond] {
            assert_eq!(texts(TimeZone::UTC, at)[1], "Jan  1 00:00:00");
        }
    }
}
