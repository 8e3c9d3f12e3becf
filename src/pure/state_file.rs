//! HAProxy's state file, version 1: what `show servers state` prints and the next process takes over.
//!
//! A file is read as a whole or, with its version wrong or a line cut short, not at all; a line with
//! a field that is wrong is left out. What a field means is the manual's, chapter 9.3 of
//! management.txt.

use std::net::IpAddr;
use std::num::NonZeroU16;

/// The version that is read and written.
const VERSION: u32 = 1;
/// Fewest fields of a line: older programs wrote no more.
const FIELDS_MIN: usize = 20;
/// Longest line, its end counted, in bytes.
const LINE_BYTES_MAX: usize = 1999;
/// Longest file that is read, in bytes: some 100,000 servers.
pub const FILE_BYTES_MAX: usize = 32 * 1024 * 1024;

/// What is known of one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedServer {
    /// The backend's name.
    pub backend: String,
    /// The server's number.
    pub id: u32,
    /// The server's name.
    pub server: String,
    /// Its address; `None`: it had none.
    pub address: Option<IpAddr>,
    /// It took sessions, or let them run out.
    pub running: bool,
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

/// Every server that `text` knows, or why nothing can be read from it.
///
/// # Errors
/// The version is another, a line is cut short or too long, or the file is too long.
pub fn parse(text: &str) -> Result<Vec<SavedServer>, String> {
    if text.len() > FILE_BYTES_MAX {
        return Err(format!("it is longer than {FILE_BYTES_MAX} bytes"));
    }
    let mut lines = text.split_inclusive('\n');
    let version = lines.next().ok_or("it is empty")?;
    let number = version.strip_suffix('\n').map(|number| number.trim_start().parse());
    if number != Some(Ok(VERSION)) {
        return Err(format!("its version is '{}', not {VERSION}", version.trim()));
    }
    let mut servers = Vec::new();
    for (at, line) in (1..).zip(lines) {
        let fields =
            fields(line).ok_or_else(|| format!("corrupted after its version at line {at}"))?;
        servers.extend((!fields.is_empty()).then(|| server(&fields)).flatten());
    }
    Ok(servers)
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

fn server(fields: &[&str]) -> Option<SavedServer> {
    let named = |field: &str| (field != "-").then(|| field.to_owned());
    let address = match fields[4] {
        "-" => None,
        text => text.parse().ok(),
    };
    let switch = |at: usize| -> Option<Option<bool>> {
        let state: u8 = fields[at].parse().ok()?;
        Some((state & 2 != 0).then_some(state & 4 != 0))
    };
    let target = |addr: usize, port: usize| SavedTarget {
        addr: fields.get(addr).and_then(|text| text.parse().ok()),
        port: fields.get(port).and_then(|text| text.parse().ok()),
    };
    Some(SavedServer {
        backend: fields[1].to_owned(),
        id: fields[2].parse().ok()?,
        server: fields[3].to_owned(),
        address,
        running: matches!(fields[5].parse::<u8>().ok()?, 1..=3),
        admin: fields[6].parse().ok()?,
        weight: fields[7].parse().ok().filter(|weight| *weight <= 256)?,
        configured_weight: fields[8].parse().ok().filter(|weight| *weight <= 256)?,
        since_s: fields[9].parse().ok()?,
        check_on: switch(13)?,
        fqdn: named(fields[17]),
        port: fields[18].parse().ok()?,
        tls: fields.get(20).map(|tls| *tls != "0"),
        check: target(22, 21),
        agent_on: switch(14)?,
        agent: target(23, 24),
    })
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
             3 be 2 s2 - 0 41 7 1 5 1 0 0 2 0 0 0 db.test 80 _x._tcp.test 0 0 - - 0\n"
        );
        let read = parse(&text).expect("version 1");
        assert_eq!(read.len(), 2);
        assert_eq!((read[0].backend.as_str(), read[0].server.as_str()), ("be", "s1"));
        assert_eq!((read[0].running, read[0].check_on), (true, Some(true)));
        assert_eq!((read[0].port, read[0].address), (19201, Some([127, 0, 0, 1].into())));
        assert_eq!((read[1].running, read[1].admin, read[1].weight), (false, 41, 7));
        assert_eq!((read[1].address, read[1].check_on), (None, Some(false)));
        assert_eq!(read[1].fqdn.as_deref(), Some("db.test"));
        assert_eq!((read[1].agent_on, read[1].agent), (None, SavedTarget::default()));
        let text = format!(
            "{HEADER}3 be 1 s1 127.0.0.1 2 0 1 1 23 6 3 3 6 18 0 0 - 5432 - 1 99 ::1 127.0.0.9 77\n"
        );
        let read = parse(&text).expect("version 1");
        let target =
            |addr: &str, port| SavedTarget { addr: addr.parse().ok(), port: NonZeroU16::new(port) };
        assert_eq!((read[0].check, read[0].agent), (target("::1", 99), target("127.0.0.9", 77)));
        assert_eq!((read[0].tls, read[0].agent_on), (Some(true), Some(false)));
    }

    #[test]
    fn another_version_is_refused_and_wrong_lines_are_left_out() {
        assert!(parse("2\nanything\n").is_err());
        assert_eq!(parse(""), Err("it is empty".to_owned()));
        let wrong = "3 be x s1 - 2 0 1 1 1 1 0 0 0 0 0 0 - 1 - 0\n";
        assert_eq!(parse(&format!("{HEADER}{wrong}")), Ok(Vec::new()));
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
