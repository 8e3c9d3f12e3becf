//! What a MySQL or MariaDB server is asked, and what its answer means.
//!
//! Global variables are open to every account: no privilege is needed. Who is primary is what
//! `read_only` says; how much a server has is told by global transaction identifiers, without
//! which nobody could say who is ahead.

use super::super::super::role::gtid::GtidSet;
use super::super::super::role::{History, Reading, Role};
use super::packet::Fields;

/// Which of the two it is: they count transactions differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flavour {
    Mysql,
    Mariadb,
}

impl Flavour {
    /// By the version of a greeting. MariaDB puts `5.5.5-` in front of its own for old replicas.
    pub(super) fn of(version: &[u8]) -> Self {
        let version = String::from_utf8_lossy(version);
        if version.starts_with("5.5.5-") || version.contains("MariaDB") {
            Self::Mariadb
        } else {
            Self::Mysql
        }
    }

    /// One row.
    pub(super) const fn question(self) -> &'static str {
        match self {
            Self::Mysql => {
                "SELECT @@global.read_only, @@global.super_read_only, @@global.server_uuid, \
                 @@global.gtid_mode, @@global.gtid_executed"
            }
            // What was applied or written last in each domain, whether it is logged here or not.
            Self::Mariadb => {
                "SELECT @@global.read_only, @@global.server_id, @@global.gtid_current_pos"
            }
        }
    }

    /// Columns of the answer.
    pub(super) const fn columns(self) -> u8 {
        match self {
            Self::Mysql => 5,
            Self::Mariadb => 3,
        }
    }

    /// What a row says.
    ///
    /// # Errors
    /// It makes no sense, or nobody could compare what it says with another's.
    pub(super) fn read(self, row: &[u8]) -> Result<Reading, &'static str> {
        let nonsense = "the server's answer to what it is makes no sense";
        let mut fields = Fields(row);
        let mut texts = Vec::new();
        while !fields.0.is_empty() {
            let text = fields.text().ok_or(nonsense)?.unwrap_or_default();
            texts.push(std::str::from_utf8(text).map_err(|_| nonsense)?);
        }
        let (is_replica, history) = match (self, &texts[..]) {
            (Self::Mysql, [_, _, _, mode, _]) if !mode.starts_with("ON") => {
                return Err("gtid_mode of the server is not ON: what it has cannot be compared");
            }
            (Self::Mysql, [read_only, super_read_only, uuid, _, executed]) => {
                let digits = uuid.replace('-', "");
                let server = u128::from_str_radix(&digits, 16).map_err(|_| nonsense)?;
                let executed = GtidSet::mysql(executed).ok_or(nonsense)?;
                let is_replica = is_on(read_only).zip(is_on(super_read_only));
                (is_replica.map(|(a, b)| a || b), History::Mysql { server, executed })
            }
            (Self::Mariadb, [read_only, server_id, position]) => {
                let server = u128::from(server_id.parse::<u32>().map_err(|_| nonsense)?);
                let executed = GtidSet::mariadb(position).ok_or(nonsense)?;
                (is_on(read_only), History::Mysql { server, executed })
            }
            _ => return Err(nonsense),
        };
        let role = if is_replica.ok_or(nonsense)? { Role::Replica } else { Role::Primary };
        let position = match &history {
            History::Mysql { executed, .. } => executed.count(),
            History::Postgres { .. } => 0,
        };
        Ok(Reading { role, history, position })
    }
}

/// A switch. Newer MariaDB has more than one kind of `read_only`.
fn is_on(word: &str) -> Option<bool> {
    match word {
        "0" | "OFF" => Some(false),
        "1" | "ON" | "NO_LOCK" | "NO_LOCK_NO_ADMIN" => Some(true),
        _ => None,
    }
}
