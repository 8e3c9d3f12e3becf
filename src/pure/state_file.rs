//! HAProxy's state file, version 1: what `show servers state` prints and the next process takes over.
//!
//! A file is read as a whole or, with its version wrong or a line cut short, not at all; a line with
//! a field that is wrong is left out, and why is told. What a field means is the manual's, chapter
//! 9.3 of management.txt.

use std::net::IpAddr;
use std::num::NonZeroU16;
use std::str::FromStr;

use super::health::Said;
use super::health::admin::Admin;

/// The version that is read and written.
const VERSION: u32 = 1;
/// Fewest fields of a line: older programs wrote no more.
const FIELDS_MIN: usize = 20;
/// Longest line, its end counted, in bytes.
const LINE_BYTES_MAX: usize = 1999;
/// Longest host name, in bytes.
const NAME_BYTES_MAX: usize = 255;
/// Longest file that is read, in bytes: some 100,000 servers.
pub const FILE_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Fields that must be numbers, and of which range: position, name, least, greatest. The names are
/// those of the messages, which are HAProxy's.
const RANGES: [(usize, &str, i64, i64); 12] = [
    (5, "srv_op_state", 0, 3),
    (6, "srv_admin_state", 0, 255),
    (7, "srv_uweight", 0, 256),
    (8, "srv_iweight", 0, 256),
    (9, "srv_last_time_change", i64::MIN, i64::MAX),
    (10, "srv_check_status", 0, 255),
    (11, "srv_check_result", 0, 4),
    (12, "srv_check_health", 0, i64::MAX),
    (13, "srv_check_state", 0, 31),
    (14, "srv_agent_state", 0, 31),
    (15, "bk_f_forced_id", 0, 1),
    (16, "srv_f_forced_id", 0, 1),
];

/// What a file knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// The servers, in the file's order.
    pub servers: Vec<SavedServer>,
    /// The lines that were left out.
    pub wrong: Vec<Wrong>,
}

/// A line that was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// The backend that it names.
    pub backend: String,
    /// The server that it names.
    pub server: String,
    /// Which of its fields are wrong, as HAProxy says it.
    pub why: String,
}

/// What is known of one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedServer {
    /// The backend's number, as it was written.
    pub backend_id: String,
    /// The backend's name.
    pub backend: String,
    /// The server's number.
    pub id: u32,
    /// The server's name.
    pub server: String,
    /// Its address; `None`: it had none.
    pub address: Option<IpAddr>,
    /// What it was found to be.
    pub said: Said,
    /// Administrative flags, as [`Admin::bits`](super::health::admin::Admin::bits).
    pub admin: u8,
    /// Its weight.
    pub weight: u16,
    /// The weight that its file said.
    pub configured_weight: u16,
    /// Seconds since its state changed.
    pub since_s: u64,
    /// Its check was configured, and switched on or off.
    pub check_on: Option<bool>,
    /// The host name it was resolved from.
    pub fqdn: Option<String>,
    /// Its port; 0: the client's.
    pub port: u16,
    /// It spoke TLS.
    pub tls: Option<bool>,
    /// Where its check went, if not to itself.
    pub check: SavedTarget,
    /// Its agent was configured, and switched on or off.
    pub agent_on: Option<bool>,
    /// Where its agent was, if not at its address.
    pub agent: SavedTarget,
}

/// An address and a port of their own, as far as they were written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SavedTarget {
    /// The address.
    pub addr: Option<IpAddr>,
    /// The port.
    pub port: Option<NonZeroU16>,
}

/// All that `text` knows, or why nothing can be read from it.
///
/// # Errors
/// The version is another, a line is cut short or too long, or the file is too long.
pub fn parse(text: &str) -> Result<Known, String> {
    if text.len() > FILE_BYTES_MAX {
        return Err(format!("it is longer than {FILE_BYTES_MAX} bytes"));
    }
    let mut lines = text.split_inclusive('\n');
    let version = lines.next().ok_or("it is empty")?;
    let number = version.strip_suffix('\n').map(|number| number.trim_start().parse());
    if number != Some(Ok(VERSION)) {
        return Err(format!("its version is '{}', not {VERSION}", version.trim()));
    }
    let mut known = Known::default();
    for (at, line) in (1..).zip(lines) {
        let fields =
            fields(line).ok_or_else(|| format!("corrupted after its version at line {at}"))?;
        match (!fields.is_empty()).then(|| server(&fields)) {
            None => {}
            Some(Ok(server)) => known.servers.push(server),
            Some(Err(wrong)) => known.wrong.push(wrong),
        }
    }
    Ok(known)
}

/// The fields of a line, none of a remark; `None`: the line was cut short.
fn fields(line: &str) -> Option<Vec<&str>> {
    if !line.ends_with('\n') || line.contains('\0') || line.len() > LINE_BYTES_MAX {
        return None;
    }
    let line = line.trim_start();
    if line.is_empty() || line.starts_with('#') {
        return Some(Vec::new());
    }
    let fields: Vec<&str> = line.split_whitespace().collect();
    (fields.len() >= FIELDS_MIN).then_some(fields)
}

/// Why the fields of a line cannot be used, if they cannot.
fn wrong(fields: &[&str]) -> Option<Wrong> {
    let ranges = RANGES.iter().filter(|(at, _, least, greatest)| {
        !fields[*at].parse().is_ok_and(|number: i64| (*least..=*greatest).contains(&number))
    });
    let mut wrong: Vec<_> = ranges.map(|(at, name, ..)| (*name, fields[*at])).collect();
    // Fields out of their range are told of already.
    let admin = fields[6].parse().ok().filter(|bits| !Admin::from_bits(*bits).may_be_written());
    wrong.extend(admin.map(|_| ("srv_admin_state", fields[6])));
    wrong.extend((fields[17].len() > NAME_BYTES_MAX).then_some(("srv_fqdn", fields[17])));
    let port = fields[18].parse().unwrap_or(0);
    wrong.extend((port > i64::from(u16::MAX)).then_some(("srv_port", fields[18])));
    let why: Vec<_> =
        wrong.iter().map(|(name, value)| format!("invalid {name} value '{value}'")).collect();
    let (backend, server) = (fields[1].to_owned(), fields[3].to_owned());
    (!why.is_empty()).then(|| Wrong { backend, server, why: why.join(", ") })
}

fn server(fields: &[&str]) -> Result<SavedServer, Wrong> {
    if let Some(wrong) = wrong(fields) {
        return Err(wrong);
    }
    let named = |field: &str| (field != "-").then(|| field.to_owned());
    let switch = |at: usize| {
        let state = number::<u8>(fields[at]);
        (state & 2 != 0).then_some(state & 4 != 0)
    };
    let target = |addr: usize, port: usize| SavedTarget {
        addr: fields.get(addr).and_then(|text| text.parse().ok()),
        port: fields.get(port).and_then(|text| text.parse().ok()),
    };
    Ok(SavedServer {
        backend_id: fields[0].to_owned(),
        backend: fields[1].to_owned(),
        id: number(fields[2]),
        server: fields[3].to_owned(),
        address: fields[4].parse().ok(),
        said: match fields[5] {
            "0" => Said::Down,
            "3" => Said::Stopping,
            _ => Said::Up,
        },
        admin: number(fields[6]),
        weight: number(fields[7]),
        configured_weight: number(fields[8]),
        since_s: number(fields[9]),
        check_on: switch(13),
        fqdn: named(fields[17]),
        port: number(fields[18]),
        tls: fields.get(20).map(|tls| *tls != "0"),
        check: target(22, 21),
        agent_on: switch(14),
        agent: target(23, 24),
    })
}

/// The number that `text` is; 0 if it is none that fits.
fn number<T: FromStr + Default>(text: &str) -> T {
    text.parse().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEADER: &str = "1\n# be_id be_name srv_id …\n";

    #[test]
    fn lines_of_2_6_are_read() {
        let text = format!(
            "{HEADER}3 be 1 s1 127.0.0.1 2 0 1 1 23 6 3 3 6 0 0 0 - 19201 - 0 0 - - 0\n\
             3 be 2 s2 - 0 44 7 1 5 1 0 0 2 0 0 0 db.test 80 _x._tcp.test 0 0 - - 0\n"
        );
        let read = parse(&text).expect("version 1").servers;
        assert_eq!(read.len(), 2);
        assert_eq!((read[0].backend.as_str(), read[0].server.as_str()), ("be", "s1"));
        assert_eq!((read[0].said, read[0].check_on), (Said::Up, Some(true)));
        assert_eq!((read[0].port, read[0].address), (19201, Some([127, 0, 0, 1].into())));
        assert_eq!((read[1].said, read[1].admin, read[1].weight), (Said::Down, 44, 7));
        assert_eq!((read[1].address, read[1].check_on), (None, Some(false)));
        assert_eq!(read[1].fqdn.as_deref(), Some("db.test"));
        assert_eq!((read[1].agent_on, read[1].agent), (None, SavedTarget::default()));
        let text = format!(
            "{HEADER}3 be 1 s1 127.0.0.1 2 0 1 1 23 6 3 3 6 18 0 0 - 5432 - 1 99 ::1 127.0.0.9 77\n"
        );
        let read = parse(&text).expect("version 1").servers;
        let target =
            |addr: &str, port| SavedTarget { addr: addr.parse().ok(), port: NonZeroU16::new(port) };
        assert_eq!((read[0].check, read[0].agent), (target("::1", 99), target("127.0.0.9", 77)));
        assert_eq!((read[0].tls, read[0].agent_on), (Some(true), Some(false)));
    }

    #[test]
    fn another_version_is_refused_and_wrong_lines_are_left_out() {
        assert!(parse("2\nanything\n").is_err());
        assert_eq!(parse(""), Err("it is empty".to_owned()));
        let wrong = "3 be 1 s1 - 2 9 1 300 x 1 0 0 0 0 0 0 - 70000 - 0\n";
        let known = parse(&format!("{HEADER}{wrong}")).expect("version 1");
        let why = "invalid srv_iweight value '300', invalid srv_last_time_change value 'x', \
                   invalid srv_admin_state value '9', invalid srv_port value '70000'";
        let left_out = Wrong { backend: "be".into(), server: "s1".into(), why: why.into() };
        assert_eq!(known, Known { servers: Vec::new(), wrong: vec![left_out] });
        for (cut, line) in [("3 be 1\n", 2), ("\n#", 3), ("\n#\0\n", 3), (wrong.trim_end(), 2)] {
            let why = format!("corrupted after its version at line {line}");
            assert_eq!(parse(&format!("{HEADER}{cut}")), Err(why), "{cut:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in ".{0,400}") {
            let _ = parse(&format!("1\n{text}"));
        }
    }
}
