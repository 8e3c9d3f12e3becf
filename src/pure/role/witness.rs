//! Several witnesses of one server: its check, and others beside it that may know better or worse.
//!
//! New sessions follow the most pessimistic of them: a server that any witness contradicts gets
//! none. Those it has are cut only where the witnesses agree, or one has objected for so long:
//!
//! | it is not dead / it is primary | `agree = "all"` | `agree = "any"` |
//! |---|---|---|
//! | nobody denies it | stay | stay |
//! | some deny it, some say so | stay until the deadline | cut |
//! | all who know deny it | cut | cut |
//!
//! A server that answers the session that its check holds and takes no new ones is two witnesses by
//! itself: the session says that it lives, its door that it does not.
//!
//! A witness that was not heard yet, or that does not know of roles, says nothing about them. What the
//! fence decided needs no witness: where another server is taken for the primary, who wrote here is
//! cut.

use std::num::NonZeroU16;
use std::time::{Duration, Instant};

use super::Role;
use super::route::Part;
use crate::pure::health::risefall::RiseFall;
use crate::pure::health::verdict::Verdict;

/// How many witnesses it takes to cut sessions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Agreement {
    /// All who know.
    #[default]
    All,
    /// One.
    Any,
}

/// `agree` and `agree_deadline` of a backend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Agree {
    /// How many it takes.
    pub agreement: Agreement,
    /// After this long, one is enough; `None`: never.
    pub deadline: Option<Duration>,
}

/// What a witness says of a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Say {
    /// It was not heard yet.
    #[default]
    Nothing,
    /// It is down.
    Down,
    /// It is up.
    Up,
    /// It is up, and this.
    Is(Role),
}

impl Say {
    /// Its word in logs, metrics and statistics.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Nothing => "unknown",
            Self::Down => "down",
            Self::Up => "up",
            Self::Is(role) => role.word(),
        }
    }

    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Nothing,
        Self::Down,
        Self::Up,
        Self::Is(Role::Primary),
        Self::Is(Role::Replica),
        Self::Is(Role::Loose),
        Self::Is(Role::Member),
    ];

    /// Whether a server that is taken for `part` is something else to the witness.
    #[must_use]
    pub const fn contradicts(self, part: Part) -> bool {
        match (self, part) {
            (Self::Down, _)
            | (Self::Is(Role::Primary), Part::Replica(_) | Part::Stray(_))
            | (Self::Is(Role::Replica), Part::Primary | Part::Resting) => true,
            (Self::Nothing | Self::Up | Self::Is(_), _) => false,
        }
    }

    /// What it says to whether the server lives.
    const fn lives(self) -> Answer {
        match self {
            Self::Nothing => Answer::Silent,
            Self::Down => Answer::No,
            Self::Up | Self::Is(_) => Answer::Yes,
        }
    }

    /// What it says to whether the server is primary.
    const fn leads(self) -> Answer {
        match self {
            Self::Nothing | Self::Up | Self::Is(Role::Loose | Role::Member) => Answer::Silent,
            Self::Down | Self::Is(Role::Replica) => Answer::No,
            Self::Is(Role::Primary) => Answer::Yes,
        }
    }
}

/// What is said to one question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Yes,
    No,
    Silent,
}

/// What a server's check knows of its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// It is up, or was taken out.
    Lives,
    /// It answers the session that is held with it, and takes no new ones.
    Shut,
    /// It is down.
    Dead,
}

impl Life {
    /// What that is to whether it lives: one that is shut is its own contradiction.
    const fn answers(self) -> &'static [Answer] {
        match self {
            Self::Lives => &[Answer::Yes],
            Self::Shut => &[Answer::Yes, Answer::No],
            Self::Dead => &[Answer::No],
        }
    }
}

/// One question to the witnesses of a server over time.
#[derive(Clone, Copy, Debug, Default)]
struct Dispute {
    /// Since when somebody denies it.
    since: Option<Instant>,
    due: Option<Instant>,
}

impl Dispute {
    /// Whether the answer is no, as far as sessions are concerned.
    fn is_denied(&mut self, now: Instant, answers: &[Answer], agree: Agree) -> bool {
        self.due = None;
        if !answers.contains(&Answer::No) {
            self.since = None;
            return false;
        }
        let since = *self.since.get_or_insert(now);
        if agree.agreement == Agreement::Any || !answers.contains(&Answer::Yes) {
            return true;
        }
        let due = agree.deadline.map(|deadline| since + deadline);
        let is_over = due.is_some_and(|due| due <= now);
        self.due = due.filter(|_| !is_over);
        is_over
    }
}

/// One witness beside the check.
#[derive(Clone, Debug, Default)]
pub struct Witness {
    score: Option<RiseFall>,
    role: Option<Role>,
    verdict: Option<Verdict>,
}

impl Witness {
    /// It came to `verdict`, and says that the server is `role`.
    pub fn handle_verdict(
        &mut self,
        verdict: Verdict,
        role: Option<Role>,
        (rise, fall): (NonZeroU16, NonZeroU16),
    ) {
        let score = self.score.get_or_insert_with(|| RiseFall::new(rise, fall));
        score.reconfigure(rise, fall);
        if !(verdict.refused && score.is_up() && self.verdict.is_some()) {
            score.handle(verdict.passed());
        }
        if verdict.passed() {
            self.role = role;
        }
        self.verdict = Some(verdict);
    }

    /// What it says.
    #[must_use]
    pub fn say(&self) -> Say {
        match (&self.score, self.role) {
            (None, _) => Say::Nothing,
            (Some(score), _) if !score.is_up() => Say::Down,
            (Some(_), Some(role)) => Say::Is(role),
            (Some(_), None) => Say::Up,
        }
    }

    /// What it found last.
    #[must_use]
    pub const fn verdict(&self) -> Option<&Verdict> {
        self.verdict.as_ref()
    }

    /// Whether what it found last is not what it says: more is to be known soon.
    #[must_use]
    pub fn is_moving(&self) -> bool {
        let passed = self.verdict.as_ref().is_some_and(Verdict::passed);
        self.score.is_some_and(|score| score.is_up() != passed)
    }
}

/// The witnesses beside a server's check, and what they dispute.
#[derive(Clone, Debug, Default)]
pub struct Panel {
    witnesses: Vec<Witness>,
    life: Dispute,
    lead: Dispute,
}

impl Panel {
    /// The witness at a place behind the check.
    pub fn witness_mut(&mut self, place: usize) -> &mut Witness {
        if self.witnesses.len() <= place {
            self.witnesses.resize_with(place + 1, Witness::default);
        }
        &mut self.witnesses[place]
    }

    /// Only so many witnesses are asked from now on.
    pub fn keep(&mut self, count: usize) {
        self.witnesses.truncate(count);
    }

    /// The witnesses.
    #[must_use]
    pub fn witnesses(&self) -> &[Witness] {
        &self.witnesses
    }

    /// Whether any witness contradicts that the server is `part`.
    #[must_use]
    pub fn contradicts(&self, part: Part) -> bool {
        self.witnesses.iter().any(|witness| witness.say().contradicts(part))
    }

    /// What they say to whether the server is primary; `None`: nothing, or one this and one that.
    #[must_use]
    pub fn word(&self) -> Option<bool> {
        let says = |answer| self.witnesses.iter().any(|one| one.say().leads() == answer);
        match (says(Answer::Yes), says(Answer::No)) {
            (true, false) => Some(true),
            (false, true) => Some(false),
            _ => None,
        }
    }

    /// Whether a server that is this to its check is dead to its sessions.
    pub fn is_dead(&mut self, now: Instant, own: Life, agree: Agree) -> bool {
        let answers: Vec<Answer> = self.answers(own.answers(), Say::lives);
        self.life.is_denied(now, &answers, agree)
    }

    /// Whether a server that its check makes `part` has lost its role to those who write there.
    pub fn has_lost_role(&mut self, now: Instant, part: Part, agree: Agree) -> bool {
        let leads = matches!(part, Part::Primary | Part::Resting);
        let own = if leads { Answer::Yes } else { Answer::No };
        let answers = self.answers(&[own], Say::leads);
        self.lead.is_denied(now, &answers, agree)
    }

    fn answers(&self, own: &[Answer], of: fn(Say) -> Answer) -> Vec<Answer> {
        let others = self.witnesses.iter().map(|witness| of(witness.say()));
        own.iter().copied().chain(others).collect()
    }

    /// When to ask again whether it is dead or has lost its role, though nothing happens.
    #[must_use]
    pub fn next_due(&self) -> Option<Instant> {
        [self.life.due, self.lead.due].into_iter().flatten().min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pure::health::verdict::CheckStatus;

    const ONE: (NonZeroU16, NonZeroU16) = (NonZeroU16::MIN, NonZeroU16::MIN);

    fn panel(says: &[Say]) -> Panel {
        let mut panel = Panel::default();
        for (place, say) in says.iter().enumerate() {
            let (status, role) = match say {
                Say::Nothing => {
                    panel.witness_mut(place);
                    continue;
                }
                Say::Down => (CheckStatus::L4Con, None),
                Say::Up => (CheckStatus::L7Ok, None),
                Say::Is(role) => (CheckStatus::L7Ok, Some(*role)),
            };
            panel.witness_mut(place).handle_verdict(Verdict::new(status), role, ONE);
            assert_eq!(panel.witnesses()[place].say(), *say);
        }
        panel
    }

    const PRIMARY: Say = Say::Is(Role::Primary);
    const REPLICA: Say = Say::Is(Role::Replica);

    #[test]
    fn the_pessimist_routes_and_agreement_cuts() {
        let all = Agree::default();
        let any = Agree { agreement: Agreement::Any, deadline: None };
        // What the others say; whether it is routed, and whether it is cut under each, as a server
        // that its check takes for the primary, and as one that its check finds down.
        for (says, routed, [lost_all, lost_any], [dead_all, dead_any]) in [
            (&[][..], true, [false, false], [true, true]),
            (&[Say::Nothing], true, [false, false], [true, true]),
            (&[Say::Up], true, [false, false], [false, true]),
            (&[PRIMARY], true, [false, false], [false, true]),
            // The REST endpoint died while the database serves.
            (&[Say::Down], false, [false, true], [true, true]),
            (&[REPLICA], false, [false, true], [false, true]),
            (&[PRIMARY, Say::Down], false, [false, true], [false, true]),
            (&[Say::Down, Say::Down], false, [false, true], [true, true]),
        ] {
            let now = Instant::now();
            assert_eq!(!panel(says).contradicts(Part::Primary), routed, "{says:?}");
            for (agree, lost, dead) in [(all, lost_all, dead_all), (any, lost_any, dead_any)] {
                let mut panel = panel(says);
                let found = panel.has_lost_role(now, Part::Primary, agree);
                assert_eq!(found, lost, "{says:?} {agree:?}");
                assert_eq!(panel.is_dead(now, Life::Dead, agree), dead, "{says:?} {agree:?}");
                let is_enough = agree.agreement == Agreement::Any;
                let found = panel.is_dead(now, Life::Shut, agree);
                assert_eq!(found, is_enough, "its sessions are answered: {says:?} {agree:?}");
            }
        }
        // What is no primary to the check, and to nobody else who knows.
        for (says, cut) in [(Say::Up, true), (REPLICA, true), (Say::Down, true), (PRIMARY, false)] {
            let mut panel = panel(&[says]);
            assert_eq!(panel.has_lost_role(Instant::now(), Part::Unknown, all), cut, "{says:?}");
        }
        for (says, word) in [
            (&[][..], None),
            (&[Say::Up], None),
            (&[PRIMARY, Say::Up], Some(true)),
            (&[Say::Down, Say::Nothing], Some(false)),
            (&[PRIMARY, REPLICA], None),
        ] {
            assert_eq!(panel(says).word(), word, "{says:?}");
        }
        assert!(panel(&[PRIMARY]).contradicts(Part::Replica(None)));
        assert!(!panel(&[REPLICA]).contradicts(Part::Replica(None)));
    }

    #[test]
    fn who_objects_for_long_enough_is_heard() {
        let start = Instant::now();
        let at = |s| start + Duration::from_secs(s);
        let agree = Agree { deadline: Some(Duration::from_secs(30)), ..Agree::default() };
        let mut panel = panel(&[Say::Down]);
        assert!(!panel.is_dead(at(0), Life::Lives, agree));
        assert_eq!(panel.next_due(), Some(at(30)));
        assert!(!panel.is_dead(at(29), Life::Lives, agree));
        // It was there for a moment: the time begins anew.
        let passed = Verdict::new(CheckStatus::L7Ok);
        panel.witness_mut(0).handle_verdict(passed, None, ONE);
        assert!(!panel.is_dead(at(29), Life::Lives, agree));
        assert_eq!(panel.next_due(), None);
        let failed = Verdict::new(CheckStatus::L7Timeout);
        panel.witness_mut(0).handle_verdict(failed, None, ONE);
        assert!(!panel.is_dead(at(40), Life::Lives, agree));
        assert!(!panel.is_dead(at(69), Life::Lives, agree));
        assert!(panel.is_dead(at(70), Life::Lives, agree));
        assert_eq!(panel.next_due(), None);
    }
}
