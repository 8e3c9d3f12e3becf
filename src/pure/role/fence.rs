//! The fence: who of a group may take writes, and the memory that keeps old primaries out.
//!
//! It is told what servers say ([`Fence::handle_reading`]), that one lets an answer wait
//! ([`Fence::handle_silent`]) and that one is heard no more ([`Fence::handle_lost`]), and answers who
//! is primary ([`Fence::primary`]) and why the others that claim to be are not ([`Fence::refusal`]).
//!
//! A server *claims* while its last reading says primary. A claim is refused, in this order:
//!
//! | claim | history, compared with the one remembered | refused as |
//! |---|---|---|
//! | anybody's | another cluster, or the other kind of database | `Foreign` |
//! | the incumbent's | the same or more | – |
//! | the incumbent's | less: it was restored, or lost what it had acknowledged | `Older` |
//! | one's that another took over from, or past, and that was not seen to follow that one since (`following`) | any, unless it is the heir and lacks nothing | `Returned` |
//! | another's | Postgres: a newer timeline | – |
//! | another's | Postgres: the same timeline, and it was promoted beside the incumbent (a rival) | – |
//! | another's | Postgres: the same timeline, else | `Diverged` |
//! | the incumbent's | a rival claims it on an older timeline (`OnConflict::Stop`) | `Conflict` |
//! | another's | Postgres: an older timeline | `Older` |
//! | another's | MySQL: seen as a replica of the incumbent, or nothing is missing | – |
//! | another's | MySQL: something is missing | `Older` |
//! | a loose one's (it follows another) | the incumbent is another and not heard as a replica, unless the claim was made after that one was lost | no claim |
//! | a loose one's of a cluster where all take writes | as a member's, and no member's is left | – |
//! | a member's of a cluster where all take writes | none of what is remembered | `Older` |
//! | a member's of a cluster where all take writes | less than remembered: it is behind | no claim |
//! | members' that are left | the incumbent, or else the first by name, is taken | no claim |
//! | one's that lets the check in no more, or the incumbent's that has not said so since another did and lets an answer wait (`OnConflict::Stop`) | another's is left that does not | no claim |
//! | one's whose witnesses say so | others' are left whose witnesses all deny it | – |
//! | a Postgres incumbent's that takes no writes by default | one other's is left, who followed it and has a newer timeline | no claim |
//! | one's that was loose, and stopped following while the primary was there and nobody planned it | another's is left | `Stopped` |
//! | any that is left | one of them is none that a switchover is about that goes on | `Conflict` |
//! | any that is left | another that is asked was neither heard since the start nor found to be gone | it waits |
//! | any that is left | one other is left, too, and neither a plan nor `on_conflict` keeps it | `Conflict` |
//!
//! **Invariants** (`tests/sim`, 100,000 random orders of events): at most one primary; its timeline
//! never goes back; a former primary, or a standby that stayed on an older timeline, is not primary
//! before it was a replica of the newest one, or [`Fence::clear`] was called.

use std::collections::{BTreeMap, BTreeSet};

use super::gtid::GtidSet;
use super::stray::Stray;
use super::{History, Reading, Role};

mod contest;
mod following;
mod planned;
mod refusal;
mod rivals;
mod word;
pub mod written;

pub use contest::{Contest, Whole};
use planned::Planned;
pub use refusal::Refusal;
use rivals::Unsettled;

/// What to do while two servers claim to be primary and both may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnConflict {
    /// Nobody is primary.
    #[default]
    Stop,
    /// The one that was stays it.
    KeepIncumbent,
}

/// What is remembered of a group, and should be through restarts. Servers are named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// The newest primary, and its history when it was read last.
    pub incumbent: Option<(String, History)>,
    /// MySQL: what it had when it took over.
    pub began: Option<GtidSet>,
    /// Primaries before it that were not seen as its replicas since, and replicas that stayed on an older
    /// timeline.
    pub former: BTreeSet<String>,
    /// Servers seen as replicas since the incumbent took over.
    pub followers: BTreeSet<String>,
    /// Those that were promoted beside it, from the same primary.
    pub rivals: BTreeSet<String>,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Fence {
    memory: Memory,
    on_conflict: OnConflict,
    /// The last readings of servers that are heard.
    readings: BTreeMap<String, Reading>,
    /// Those of them that live, and do not say any more what they are: it counts on until another's
    /// claim contradicts it.
    mute: BTreeSet<String>,
    /// What the witnesses of servers say to whether they are primary, where they do not contradict each
    /// other.
    words: BTreeMap<String, bool>,
    /// Those that let an answer wait, which is to come or not: the same is true of what they said.
    silent: BTreeSet<String>,
    /// Two claim to be primary, and the incumbent said so after the other did: late answers take
    /// nothing back.
    is_contested: bool,
    /// Those that follow and had what the primary, asked later, had not.
    ahead: BTreeMap<String, Stray>,
    primary: Option<String>,
    /// A change of the primary that goes on, as planned.
    planned: Option<Planned>,
    /// The primary was heard, is heard no more, and nobody has taken its place.
    is_orphaned: bool,
    /// Replicas that were told to take writes in that time.
    opened: BTreeSet<String>,
    /// Those that took writes all the time, and stopped following while the primary was there.
    stopped: BTreeSet<String>,
    /// Who was neither heard yet nor found to be gone of those that any claim waits for: what an earlier
    /// process knew may be over, and who came back from that says so first.
    awaited: BTreeSet<String>,
    /// Replicas of the one before the incumbent that were not heard twice since: one that was promoted
    /// beside it may be among them.
    unsettled: BTreeMap<String, Unsettled>,
    /// Counts changes of the memory that must not be forgotten.
    revision: u64,
}

impl Fence {
    /// A fence that goes on with what is remembered.
    #[must_use]
    pub fn new(mut memory: Memory, on_conflict: OnConflict) -> Self {
        // What was written by a version that did not note it: that much is certain.
        let had = memory.incumbent.as_ref().and_then(|(_, history)| history.executed());
        memory.began = memory.began.or_else(|| had.cloned());
        Self { memory, on_conflict, ..Self::default() }
    }

    /// The same, of a group of which these are asked what they are: who is not will not say so either.
    #[must_use]
    pub fn asking<'a>(mut self, servers: impl Iterator<Item = &'a str>) -> Self {
        self.awaited = servers.map(str::to_owned).collect();
        self
    }

    /// What is remembered.
    #[must_use]
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Counts up when the memory changed in more than how far the incumbent's history goes: then it
    /// must be written down.
    #[must_use]
    pub const fn revision(&self) -> u64 {
        self.revision
    }

    /// The configuration says what to do on conflicts.
    pub fn set_on_conflict(&mut self, on_conflict: OnConflict) {
        self.on_conflict = on_conflict;
        self.settle();
    }

    /// The server that may take writes.
    #[must_use]
    pub fn primary(&self) -> Option<&str> {
        self.primary.as_deref()
    }

    /// What a server said last, if it is heard.
    #[must_use]
    pub fn reading(&self, server: &str) -> Option<&Reading> {
        self.readings.get(server)
    }

    /// The servers that are heard.
    pub fn heard(&self) -> impl Iterator<Item = &str> {
        self.readings.keys().map(String::as_str)
    }

    /// A server said what it is.
    pub fn handle_reading(&mut self, server: &str, reading: Reading) {
        if self.follows_newest(server, &reading) {
            let was_former = self.memory.former.remove(server);
            let was_rival = self.memory.rivals.remove(server);
            let is_new = !self.memory.followers.contains(server);
            if is_new {
                self.memory.followers.insert(server.to_owned());
            }
            self.unsettled.remove(server);
            self.revision += u64::from(was_former || was_rival || is_new);
        }
        self.note_rival(server, &reading);
        self.note_opening(server, reading.role);
        self.note_stop(server, reading.role);
        self.readings.insert(server.to_owned(), reading);
        self.mute.remove(server);
        self.silent.remove(server);
        let is_incumbent = self.is_incumbent(server);
        self.is_contested |= is_incumbent && self.primary.is_none();
        self.awaited.remove(server);
        self.settle();
        if self.primary() == Some(server) {
            self.note_ahead();
        }
        self.note_left();
    }

    /// The primary spoke: what those that follow had before is what it should have by now.
    fn note_ahead(&mut self) {
        let Some(primary) = self.primary.as_ref().and_then(|one| self.readings.get(one)) else {
            return;
        };
        let follow = self.readings.iter().filter(|(_, reading)| reading.role.follows());
        let before = |server, reading: &Reading| {
            self.ahead.get(server).and_then(|&before| reading.stays_forked(primary, before))
        };
        let ahead = follow.filter_map(|(server, reading)| {
            let now = reading.ahead_of(primary);
            Some((server, now.or_else(|| before(server, reading))?))
        });
        self.ahead = ahead.map(|(server, stray)| (server.clone(), stray)).collect();
    }

    /// Why one that follows is not taken for a copy of the newest primary, be that heard or not; `None`
    /// where it is, and where it does not follow.
    #[must_use]
    pub fn stray(&self, server: &str) -> Option<Stray> {
        let reading = self.readings.get(server).filter(|reading| reading.role.follows())?;
        let (_, newest) = self.memory.incumbent.as_ref()?;
        reading.off_timeline(newest).or_else(|| self.ahead.get(server).copied())
    }

    /// A server lives, and lets nobody ask what it is. `None`: it never said; else whether that is news.
    pub fn handle_refused(&mut self, server: &str) -> Option<bool> {
        if !self.readings.contains_key(server) {
            return None;
        }
        let is_news = self.mute.insert(server.to_owned());
        self.settle();
        Some(is_news)
    }

    /// The answer of a server is overdue. Whether that is news: it had said something, and let no
    /// answer wait before.
    pub fn handle_silent(&mut self, server: &str) -> bool {
        let is_news = self.readings.contains_key(server) && self.silent.insert(server.to_owned());
        if is_news {
            self.settle();
        }
        is_news
    }

    /// Whether an answer of a server is overdue.
    #[must_use]
    pub fn is_silent(&self, server: &str) -> bool {
        self.silent.contains(server)
    }

    /// Whether what a server said counts on though it does not say so any more.
    #[must_use]
    pub fn is_mute(&self, server: &str) -> bool {
        self.mute.contains(server)
    }

    /// Whether a replica that follows on is told just now to take the place of a primary that is gone.
    fn note_opening(&mut self, server: &str, role: Role) {
        let before = self.readings.get(server).map(|reading| reading.role);
        match (before, role) {
            (Some(Role::Replica), Role::Loose) if self.is_orphaned => {
                self.opened.insert(server.to_owned());
            }
            (_, Role::Loose) => {}
            _ => {
                self.opened.remove(server);
            }
        }
    }

    /// Whether it is the one that is remembered as primary.
    fn is_incumbent(&self, server: &str) -> bool {
        self.memory.incumbent.as_ref().is_some_and(|(incumbent, _)| incumbent == server)
    }

    /// Whether somebody's claim waits for who was not heard yet.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        !self.awaited.is_empty() && !self.left().is_empty()
    }

    /// Nobody is waited for any longer.
    pub fn give_up_waiting(&mut self) {
        self.awaited.clear();
        self.settle();
    }

    /// A server is heard no more: what it said counts for nothing. Whether it had said anything, or was
    /// waited for.
    pub fn handle_lost(&mut self, server: &str) -> bool {
        self.is_orphaned |= self.primary() == Some(server);
        let was_known = self.readings.remove(server).is_some() | self.awaited.remove(server);
        self.ahead.remove(server);
        self.mute.remove(server);
        self.silent.remove(server);
        if was_known {
            self.settle();
        }
        was_known
    }

    /// Only `servers` are in the group from now on. What is remembered of others stays: one of them
    /// may be added again.
    pub fn handle_servers<'a>(&mut self, servers: impl Iterator<Item = &'a str>) {
        let servers: BTreeSet<&str> = servers.collect();
        let before = (self.readings.len(), self.awaited.len());
        self.awaited.retain(|server| servers.contains(server.as_str()));
        self.readings.retain(|server, _| servers.contains(server.as_str()));
        self.mute.retain(|server| servers.contains(server.as_str()));
        self.words.retain(|server, _| servers.contains(server.as_str()));
        self.silent.retain(|server| servers.contains(server.as_str()));
        if (self.readings.len(), self.awaited.len()) != before {
            self.settle();
        }
    }

    /// An operator says that what was remembered counts no more: who claims alone is primary.
    pub fn clear(&mut self) {
        self.memory = Memory::default();
        self.unsettled.clear();
        self.awaited.clear();
        self.revision += 1;
        self.settle();
    }

    /// Decides anew who is primary, and remembers it.
    fn settle(&mut self) {
        let left = self.left();
        let is_contest = left.len() > 1;
        let incumbent = self.memory.incumbent.as_ref().map(|(server, _)| server);
        let is_member = |server: &&String| self.readings[*server].role == Role::Member;
        let member = incumbent.filter(|one| left.contains(one)).or(left.first().copied());
        let heir = self.planned_choice(&left);
        let is_intruded = self.intruder_of(&left).is_some();
        self.primary = match (&left[..], self.on_conflict) {
            _ if self.is_waiting() || self.is_disputed() => None,
            ([one], _) if !is_intruded => Some((*one).clone()),
            (some, _) if !some.is_empty() && some.iter().all(is_member) => member.cloned(),
            _ if heir.is_some() => heir.cloned(),
            (some, _) if !is_intruded && let Some(one) = self.backed(some) => Some(one.clone()),
            (_, OnConflict::KeepIncumbent) => incumbent.filter(|one| left.contains(one)).cloned(),
            (_, OnConflict::Stop) => None,
        };
        self.is_contested &= is_contest;
        let Some((server, reading)) =
            self.primary.as_ref().and_then(|one| self.readings.get_key_value(one))
        else {
            return;
        };
        self.opened.clear();
        self.stopped.remove(server);
        self.is_orphaned = false;
        let incumbent = (server.clone(), reading.history.clone());
        let before = self.memory.incumbent.replace(incumbent.clone());
        let is_same = before.as_ref().is_some_and(|(before, history)| {
            *before == incumbent.0 && history.is_as_old_as(&incumbent.1)
        });
        self.revision += u64::from(!is_same);
        if before.as_ref().is_none_or(|(before, _)| *before != incumbent.0) {
            self.memory.began = incumbent.1.executed().cloned();
        }
        if let Some((before, _)) = before
            && before != incumbent.0
        {
            self.begin_after(&before);
            // It may be a replica of the new one by now; else that is still to come.
            let follows = self.readings.get(&before).is_some_and(|r| self.is_led(r));
            if !follows {
                self.memory.former.insert(before);
            }
        }
        self.memory.former.remove(&incumbent.0);
    }

    /// The claims that are not refused, by name: those of members and loose ones only where no other
    /// is there.
    fn left(&self) -> Vec<&String> {
        let of = |role: Role| {
            let claims = self.readings.iter().filter(move |(_, reading)| reading.role == role);
            let left = claims.filter(move |(server, reading)| {
                let history = &reading.history;
                self.refused(server, history, role).is_none()
            });
            left.map(|(server, _)| server)
        };
        let mut primaries: Vec<&String> = of(Role::Primary).collect();
        // Whoever is to stay primary beside others stays it until it is known to be gone.
        let incumbent = match (&self.memory.incumbent, self.on_conflict) {
            (Some((incumbent, _)), OnConflict::Stop) if !self.is_contested => Some(incumbent),
            _ => None,
        };
        let is_overdue =
            |server: &String| incumbent == Some(server) && self.silent.contains(server);
        let speaks = |server: &&String| !self.mute.contains(*server) && !is_overdue(server);
        if primaries.iter().any(speaks) {
            primaries.retain(speaks);
        }
        let gave_way = self.gave_way(&primaries);
        primaries.retain(|server| gave_way != Some(*server));
        if primaries.iter().any(|server| !self.stopped.contains(*server)) {
            primaries.retain(|server| !self.stopped.contains(*server));
        }
        if !primaries.is_empty() {
            return primaries;
        }
        let members: Vec<&String> = of(Role::Member).collect();
        if !members.is_empty() {
            return members;
        }
        of(Role::Loose).filter(|server| self.may_lead_loose(server)).collect()
    }

    /// Whether one that follows another may be primary all the same, as two that follow each other
    /// are in turns: it was, or who was is a replica now, or it was opened after that one was lost. A
    /// replica that was never told to refuse writes is none because its primary is gone.
    fn may_lead_loose(&self, server: &str) -> bool {
        if self.planned.as_ref().is_some_and(|planned| !planned.is_of(server)) {
            return false;
        }
        if self.opened.contains(server) || self.is_node(server) {
            return true;
        }
        let is_replica =
            |one: &str| self.readings.get(one).is_some_and(|r| r.role == Role::Replica);
        match &self.memory.incumbent {
            Some((incumbent, _)) => incumbent == server || is_replica(incumbent),
            None => self.readings.keys().any(|other| is_replica(other)),
        }
    }
}

#[cfg(test)]
mod tests;
