//! What a MySQL or MariaDB server is asked, and what its answer means.
//!
//! Global variables and status are open to every account: no privilege is needed, but for the members
//! of Group Replication, and for whether a MySQL follows anybody: an account that may not see that is not
//! told, and asks no more. How much a server has is told by global transaction identifiers, without
//! which nobody could say who is ahead.
//!
//! | asked | says | role |
//! |---|---|---|
//! | any | `read_only` or `super_read_only` | replica |
//! | MariaDB | it takes writes, and a replication thread runs | loose |
//! | – | it takes writes | primary |
//! | Galera | synced (4), and it takes writes | member |
//! | Galera | donor or desynced (2), or joined and to be synced (3), and it takes writes | loose |
//! | Galera | one of these, and `read_only` | replica |
//! | Galera | not ready, not in the primary component, any other state | fault |
//! | Group Replication | online, with a majority, the group's primary | primary |
//! | Group Replication | online, with a majority, a secondary or read-only | replica |
//! | Group Replication | anything else | fault |

use super::super::super::probe::kind::Cluster;
use super::super::super::role::gtid::GtidSet;
use super::super::super::role::{History, Reading, Role};
use super::packet::Fields;

/// Which of the two it is: they count transactions differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flavour {
    Mysql,
    Mariadb,
}

/// What a server is asked: its flavour, and what it is said to be part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) flavour: Flavour,
    pub(super) cluster: Option<Cluster>,
    /// The account may not see whom it follows.
    pub(super) is_blind: bool,
}

/// MySQL: how many channels it gets and applies transactions by; one whose source is gone is among them.
const CHANNELS: &str = "(SELECT COUNT(*) FROM performance_schema.replication_connection_status AS c \
    JOIN performance_schema.replication_applier_status AS a USING (CHANNEL_NAME) \
    WHERE c.SERVICE_STATE <> 'OFF' AND a.SERVICE_STATE = 'ON')";

const NONSENSE: &str = "the server's answer to what it is makes no sense";

/// `wsrep_local_state` of a node that gives its data to another or lets the others go ahead, of one that
/// catches up after that, and of one that has all. Each takes writes while `wsrep_ready` is on; only the
/// last should while there is one.
const DONOR: &str = "2";
const JOINED: &str = "3";
const SYNCED: &str = "4";

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
}

impl Question {
    /// One row.
    pub(super) fn text(self) -> String {
        match (self.flavour, self.cluster) {
            (flavour, Some(Cluster::Galera)) => {
                let status = |name: &str| format!("MAX(IF(VARIABLE_NAME = '{name}', VARIABLE_VALUE, NULL))");
                let names = ["local_state", "ready", "cluster_status", "cluster_state_uuid", "last_committed"];
                let columns = names.map(|name| status(&format!("wsrep_{name}"))).join(", ");
                let schema = match flavour {
                    Flavour::Mysql => "performance_schema",
                    Flavour::Mariadb => "information_schema",
                };
                // MariaDB says 0 of a switch alone beside others' MAX().
                format!("SELECT MAX(@@global.read_only), {columns} FROM {schema}.global_status")
            }
            (Flavour::Mysql, cluster) => {
                let base = "SELECT @@global.read_only, @@global.super_read_only, \
                            @@global.server_uuid, @@global.gtid_mode, @@global.gtid_executed";
                match cluster {
                    Some(Cluster::GroupReplication) => {
                        let of = |what: &str| {
                            format!("(SELECT {what} FROM performance_schema.replication_group_members")
                        };
                        let own = "WHERE MEMBER_ID = @@global.server_uuid)";
                        format!(
                            "{base}, {} {own}, {} {own}, {}), {} WHERE MEMBER_STATE <> 'UNREACHABLE')",
                            of("MEMBER_STATE"),
                            of("MEMBER_ROLE"),
                            of("COUNT(*)"),
                            of("COUNT(*)"),
                        )
                    }
                    _ if self.needs_right() => format!("{base}, {CHANNELS}"),
                    _ => base.to_owned(),
                }
            }
            // What was applied or written last in each domain, whether it is logged here or not, and what was applied.
            (Flavour::Mariadb, _) => "SELECT @@global.read_only, @@global.server_id, \
                @@global.gtid_current_pos, @@global.gtid_slave_pos, (SELECT VARIABLE_VALUE FROM information_schema.global_status \
                WHERE VARIABLE_NAME = 'slaves_running')"
                .to_owned(),
        }
    }

    /// Whether it is refused to accounts without a right.
    pub(super) const fn needs_right(self) -> bool {
        matches!((self.flavour, self.cluster), (Flavour::Mysql, None)) && !self.is_blind
    }

    /// Columns of the answer.
    pub(super) const fn columns(self) -> u8 {
        match (self.flavour, self.cluster) {
            (_, Some(Cluster::Galera)) => 6,
            (Flavour::Mysql, Some(Cluster::GroupReplication)) => 9,
            (Flavour::Mysql, None) if self.is_blind => 5,
            (Flavour::Mysql, None) => 6,
            (Flavour::Mariadb, _) => 5,
        }
    }

    /// What a row says.
    ///
    /// # Errors
    /// It makes no sense, or nobody could compare what it says with another's.
    pub(super) fn read(self, row: &[u8]) -> Result<Reading, &'static str> {
        let mut fields = Fields(row);
        let mut texts = Vec::new();
        while !fields.0.is_empty() {
            let text = fields.text().ok_or(NONSENSE)?.unwrap_or_default();
            texts.push(std::str::from_utf8(text).map_err(|_| NONSENSE)?);
        }
        let mut applied = None;
        let (role, history, replicates) = match (self.flavour, self.cluster, &texts[..]) {
            (_, Some(Cluster::Galera), texts) => {
                let (role, history) = galera(texts)?;
                (role, history, Some(true))
            }
            (Flavour::Mariadb, Some(Cluster::GroupReplication), _) => {
                return Err("a MariaDB server is in no group of Group Replication");
            }
            (
                Flavour::Mysql,
                Some(Cluster::GroupReplication),
                [own @ .., state, role, all, seen],
            ) => {
                let (own, history) = mysql(own)?;
                let role = member(own, state, role, all, seen)?;
                (role, history, Some(role.follows()))
            }
            (Flavour::Mysql, None, [own @ .., channels]) if !self.is_blind => {
                let (role, history) = mysql(own)?;
                let channels = channels.parse::<u32>().map_err(|_| NONSENSE)?;
                (role, history, Some(channels > 0))
            }
            // Who sends it what shows to accounts with rights only.
            (Flavour::Mysql, _, texts) => {
                let (role, history) = mysql(texts)?;
                (role, history, None)
            }
            (Flavour::Mariadb, _, [read_only, server_id, position, of_others, following]) => {
                let server = u128::from(server_id.parse::<u32>().map_err(|_| NONSENSE)?);
                let executed = GtidSet::mariadb(position).ok_or(NONSENSE)?;
                let follows = following.parse::<u32>().map_err(|_| NONSENSE)? > 0;
                let role = match (is_on(read_only).ok_or(NONSENSE)?, follows) {
                    (true, _) => Role::Replica,
                    (false, true) => Role::Loose,
                    (false, false) => Role::Primary,
                };
                applied = Some(Box::new(GtidSet::mariadb(of_others).ok_or(NONSENSE)?));
                (role, History::Mysql { server, executed }, Some(follows))
            }
            _ => return Err(NONSENSE),
        };
        let position = match &history {
            History::Mysql { executed, .. } => executed.count(),
            History::Postgres { .. } => 0,
        };
        Ok(Reading { replicates, applied, ..Reading::new(role, history, position) })
    }
}

fn mysql(texts: &[&str]) -> Result<(Role, History), &'static str> {
    let [read_only, super_read_only, uuid, mode, executed] = texts else { return Err(NONSENSE) };
    if !mode.starts_with("ON") {
        return Err("gtid_mode of the server is not ON: what it has cannot be compared");
    }
    let server = u128::from_str_radix(&uuid.replace('-', ""), 16).map_err(|_| NONSENSE)?;
    let executed = GtidSet::mysql(executed).ok_or(NONSENSE)?;
    let is_replica = is_on(read_only).zip(is_on(super_read_only)).ok_or(NONSENSE)?;
    let role = if is_replica.0 || is_replica.1 { Role::Replica } else { Role::Primary };
    Ok((role, History::Mysql { server, executed }))
}

/// A node of Galera: what it has is counted by the cluster, whose name it has in place of its own.
fn galera(texts: &[&str]) -> Result<(Role, History), &'static str> {
    let [read_only, state, ready, component, uuid, committed] = texts else { return Err(NONSENSE) };
    if *ready != "ON" {
        return Err("wsrep_ready of the node is not ON");
    }
    if *component != "Primary" {
        return Err("the node is not in the primary component of its cluster");
    }
    let takes_writes = !is_on(read_only).ok_or(NONSENSE)?;
    let role = match (*state, takes_writes) {
        (SYNCED, true) => Role::Member,
        (DONOR | JOINED, true) => Role::Loose,
        (SYNCED | DONOR | JOINED, false) => Role::Replica,
        _ => return Err("the node is not synced with its cluster"),
    };
    let server = u128::from_str_radix(&uuid.replace('-', ""), 16).map_err(|_| NONSENSE)?;
    let committed: u64 = committed.parse().map_err(|_| NONSENSE)?;
    let text = if committed == 0 { String::new() } else { format!("{uuid}:1-{committed}") };
    let executed = GtidSet::mysql(&text).ok_or(NONSENSE)?;
    Ok((role, History::Mysql { server, executed }))
}

/// A member of Group Replication with one primary.
fn member(own: Role, state: &str, role: &str, all: &str, seen: &str) -> Result<Role, &'static str> {
    let count = |text: &str| text.parse::<u32>().map_err(|_| NONSENSE);
    if state != "ONLINE" {
        return Err("the member is not ONLINE in its group");
    }
    if u64::from(count(seen)?) * 2 <= u64::from(count(all)?) {
        return Err("the member does not see a majority of its group");
    }
    match role {
        "PRIMARY" => Ok(own),
        "SECONDARY" => Ok(Role::Replica),
        _ => Err(NONSENSE),
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
