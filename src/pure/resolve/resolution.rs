//! One name: rounds of questions, and what is known from them.

use std::collections::BTreeSet;
use std::time::Instant;

use super::message::Answer;
use super::{Item, Kind, Schedule, Status};

/// One name that is asked for again and again.
#[derive(Clone, Debug)]
pub struct Resolution {
    schedule: Schedule,
    /// What is asked for first in a round.
    preferred: Kind,
    /// Name servers that are asked.
    servers: usize,
    round: Option<Round>,
    next_round: Instant,
    /// What is known, and when it was last said.
    items: Vec<(Item, Instant)>,
    status: Option<Status>,
    /// When something was last known for certain; before the first answer: the start.
    since: Instant,
}

#[derive(Clone, Debug)]
struct Round {
    kind: Kind,
    /// The number of the question.
    id: u16,
    left: u32,
    retry_at: Instant,
    /// Name servers that gave an answer which says nothing, and the last of those.
    failed: BTreeSet<usize>,
    worst: Option<Status>,
}

/// A question to every name server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// What is asked.
    pub kind: Kind,
    /// Its number: an answer with another one is not an answer to it.
    pub id: u16,
}

/// What is known of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Knowledge {
    /// Nothing was found out yet: what was known before counts.
    Pending,
    /// These, in the order in which they were first said.
    Known(Vec<Item>),
    /// Nothing any more, and why.
    Lost(Status),
}

impl Resolution {
    /// A name that `servers` name servers are asked for, for the first time at `now`.
    #[must_use]
    pub fn new(now: Instant, schedule: Schedule, preferred: Kind, servers: usize) -> Self {
        Self {
            schedule,
            preferred,
            servers,
            round: None,
            next_round: now,
            items: Vec::new(),
            status: None,
            since: now,
        }
    }

    /// When [`Self::handle_deadline`] is to be called next.
    #[must_use]
    pub fn next_deadline(&self) -> Instant {
        self.round.as_ref().map_or(self.next_round, |round| round.retry_at)
    }

    /// The time of [`Self::next_deadline`] has come: what is to be asked now, if anything. `id` is
    /// the number for the question; it should not be guessable.
    pub fn handle_deadline(&mut self, now: Instant, id: u16) -> Option<Ask> {
        if now < self.next_deadline() {
            return None;
        }
        match self.round.take() {
            None => {
                self.next_round = now + self.schedule.resolve;
                Some(self.ask(now, self.preferred, id, self.schedule.retries.max(1)))
            }
            Some(round) => match (self.other_family(&round), round.left) {
                // A name server that is gone does not keep the others from being heard.
                (Some(other), left) if round.worst.is_some() => {
                    Some(self.ask(now, other, id, left + 1))
                }
                (_, 0) => {
                    self.end(now, round.worst.unwrap_or(Status::Timeout));
                    None
                }
                (_, left) => Some(self.ask(now, self.preferred, id, left)),
            },
        }
    }

    /// What is asked after `round` found nothing; `None` where both families were tried.
    fn other_family(&self, round: &Round) -> Option<Kind> {
        round.kind.other().filter(|_| round.kind == self.preferred)
    }

    fn ask(&mut self, now: Instant, kind: Kind, id: u16, left: u32) -> Ask {
        self.round = Some(Round {
            kind,
            id,
            left: left - 1,
            retry_at: now + self.schedule.retry,
            failed: BTreeSet::new(),
            worst: None,
        });
        Ask { kind, id }
    }

    /// The number of the question that waits for its answer.
    #[must_use]
    pub fn awaited(&self) -> Option<u16> {
        self.round.as_ref().map(|round| round.id)
    }

    /// Name server number `from` answered. Answers nobody waits for are ignored. A new question
    /// comes out where the other family of addresses is to be tried; its number is `id`.
    pub fn handle_answer(
        &mut self,
        now: Instant,
        from: usize,
        answer: Answer,
        id: u16,
    ) -> Option<Ask> {
        let round = self.round.as_mut()?;
        if answer.id != round.id || answer.question.0 != round.kind {
            return None;
        }
        if answer.status == Status::Valid {
            self.round = None;
            self.learn(now, answer.items);
            return None;
        }
        round.failed.insert(from);
        round.worst = Some(answer.status);
        if round.failed.len() < self.servers {
            return None;
        }
        let round = self.round.take()?;
        match self.other_family(&round) {
            Some(other) => Some(self.ask(now, other, id, round.left + 1)),
            None => {
                self.end(now, answer.status);
                None
            }
        }
    }

    fn learn(&mut self, now: Instant, said: Vec<Item>) {
        for item in said {
            match self.items.iter_mut().find(|(known, _)| known.is_same(&item)) {
                Some(known) => *known = (item, now),
                None => self.items.push((item, now)),
            }
        }
        let obsolete = self.schedule.hold.obsolete;
        self.items.retain(|(_, last)| *last == now || now.duration_since(*last) < obsolete);
        (self.status, self.since) = (Some(Status::Valid), now);
    }

    fn end(&mut self, now: Instant, status: Status) {
        self.status = Some(status);
        if now.duration_since(self.since) >= self.schedule.hold.of(status) {
            self.items.clear();
        }
    }

    /// What is known at `now`.
    #[must_use]
    pub fn knowledge(&self, now: Instant) -> Knowledge {
        match self.status {
            None => Knowledge::Pending,
            Some(status) if status != Status::Valid => {
                let lost = now.duration_since(self.since) >= self.schedule.hold.of(status);
                match (lost, self.items.is_empty()) {
                    (true, _) => Knowledge::Lost(status),
                    (false, true) => Knowledge::Pending,
                    (false, false) => self.known(),
                }
            }
            Some(_) => self.known(),
        }
    }

    fn known(&self) -> Knowledge {
        Knowledge::Known(self.items.iter().map(|(item, _)| item.clone()).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::{Hold, Service};
    use super::*;

    const fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    fn schedule() -> Schedule {
        let hold = Hold {
            valid: seconds(10),
            obsolete: seconds(2),
            nx: seconds(4),
            refused: seconds(30),
            timeout: seconds(5),
            other: seconds(30),
        };
        let retry = Duration::from_millis(500);
        Schedule { retries: 2, resolve: seconds(1), retry, hold }
    }

    fn answer(id: u16, kind: Kind, status: Status, last: &[u8]) -> Answer {
        let items = last.iter().map(|&last| Item::Address([127, 0, 0, last].into())).collect();
        Answer { id, question: (kind, "db.test".to_owned()), status, items, truncated: false }
    }

    fn known(last: &[u8]) -> Knowledge {
        Knowledge::Known(answer(0, Kind::A, Status::Valid, last).items)
    }

    #[test]
    fn a_name_is_asked_for_every_second() {
        let start = Instant::now();
        let mut name = Resolution::new(start, schedule(), Kind::A, 1);
        assert_eq!(name.knowledge(start), Knowledge::Pending);
        assert_eq!(name.handle_deadline(start, 1), Some(Ask { kind: Kind::A, id: 1 }));
        assert_eq!(name.handle_deadline(start, 9), None, "one question at a time");
        let valid = answer(1, Kind::A, Status::Valid, &[1, 2]);
        assert_eq!(name.handle_answer(start, 0, valid, 2), None);
        assert_eq!(name.knowledge(start), known(&[1, 2]));
        assert_eq!(name.next_deadline(), start + seconds(1));
    }

    #[test]
    fn silence_is_asked_again_and_held_against_the_name_later() {
        let start = Instant::now();
        let mut name = Resolution::new(start, schedule(), Kind::A, 1);
        name.handle_deadline(start, 1);
        name.handle_answer(start, 0, answer(1, Kind::A, Status::Valid, &[1]), 2);
        let mut asked = Vec::new();
        let mut lost = None;
        while lost.is_none() {
            let now = name.next_deadline();
            let since = now.duration_since(start).as_millis();
            asked.extend(name.handle_deadline(now, 5).map(|_| since));
            lost = matches!(name.knowledge(now), Knowledge::Lost(Status::Timeout)).then_some(since);
        }
        assert_eq!(asked[..4], [1000, 1500, 2000, 2500]);
        assert_eq!(lost, Some(5000));
    }

    #[test]
    fn a_late_answer_to_an_earlier_question_is_ignored() {
        let start = Instant::now();
        let mut name = Resolution::new(start, schedule(), Kind::A, 1);
        name.handle_deadline(start, 1);
        name.handle_deadline(start + seconds(1), 2);
        name.handle_answer(start, 0, answer(1, Kind::A, Status::Valid, &[6]), 3);
        assert_eq!(name.knowledge(start), Knowledge::Pending);
    }

    #[test]
    fn a_name_without_the_preferred_family_is_asked_for_the_other() {
        let start = Instant::now();
        let mut name = Resolution::new(start, schedule(), Kind::Aaaa, 2);
        name.handle_deadline(start, 1);
        let nothing = |id, kind| answer(id, kind, Status::Other, &[]);
        assert_eq!(name.handle_answer(start, 0, nothing(1, Kind::Aaaa), 2), None);
        assert_eq!(name.handle_answer(start, 0, nothing(1, Kind::Aaaa), 2), None, "the same one");
        let asked = name.handle_answer(start, 1, nothing(1, Kind::Aaaa), 2);
        assert_eq!(asked, Some(Ask { kind: Kind::A, id: 2 }));
        name.handle_answer(start, 1, answer(2, Kind::A, Status::Valid, &[1]), 3);
        assert_eq!(name.knowledge(start), known(&[1]));
    }

    #[test]
    fn a_name_server_that_is_gone_does_not_keep_the_other_family_from_being_asked_for() {
        for status in [Status::Other, Status::Nx, Status::Refused] {
            let start = Instant::now();
            let mut name = Resolution::new(start, schedule(), Kind::Aaaa, 2);
            name.handle_deadline(start, 1);
            assert_eq!(name.handle_answer(start, 0, answer(1, Kind::Aaaa, status, &[]), 2), None);
            let asked = name.handle_deadline(start + schedule().retry, 2);
            assert_eq!(asked, Some(Ask { kind: Kind::A, id: 2 }), "{status:?}");
            name.handle_answer(start, 0, answer(2, Kind::A, Status::Valid, &[1]), 3);
            assert_eq!(name.knowledge(start), known(&[1]));
        }
    }

    #[test]
    fn a_round_without_an_answer_that_helps_ends() {
        let mut now = Instant::now();
        let mut name = Resolution::new(now, schedule(), Kind::Aaaa, 2);
        let mut asked = Vec::new();
        for id in 1..20 {
            if let Some(ask) = name.handle_deadline(now, id) {
                asked.push(ask.kind);
                name.handle_answer(now, 0, answer(id, ask.kind, Status::Nx, &[]), 0);
            }
            if name.round.is_none() {
                break;
            }
            now += schedule().retry;
        }
        assert_eq!(asked, [Kind::Aaaa, Kind::A, Kind::Aaaa, Kind::A]);
    }

    #[test]
    fn what_is_missing_is_kept_for_a_while() {
        let start = Instant::now();
        let mut name = Resolution::new(start, schedule(), Kind::A, 1);
        for (second, said) in [(0, &[1, 2][..]), (1, &[2]), (2, &[2])] {
            let now = start + seconds(second);
            let id = u16::try_from(second).unwrap();
            name.handle_deadline(now, id);
            name.handle_answer(now, 0, answer(id, Kind::A, Status::Valid, said), 0);
            let both = second < 2;
            assert_eq!(name.knowledge(now), known(if both { &[1, 2] } else { &[2] }), "{second}");
        }
    }

    #[test]
    fn a_service_that_changes_its_weight_is_no_second_one() {
        let start = Instant::now();
        let mut name = Resolution::new(start, schedule(), Kind::Srv, 1);
        let service =
            |weight| Item::Service(Service { target: "one.test".to_owned(), port: 80, weight });
        for (second, weight) in [(0, 10), (1, 20)] {
            let now = start + seconds(second);
            name.handle_deadline(now, 0);
            let said =
                Answer { items: vec![service(weight)], ..answer(0, Kind::Srv, Status::Valid, &[]) };
            name.handle_answer(now, 0, said, 0);
            assert_eq!(name.knowledge(now), Knowledge::Known(vec![service(weight)]));
        }
    }

    #[test]
    fn a_name_that_ceased_to_exist_is_lost_after_its_hold() {
        let start = Instant::now();
        let mut name = Resolution::new(start, schedule(), Kind::A, 1);
        name.handle_deadline(start, 0);
        name.handle_answer(start, 0, answer(0, Kind::A, Status::Valid, &[1]), 0);
        for second in 1..=4 {
            let now = start + seconds(second);
            name.handle_deadline(now, 0);
            name.handle_answer(now, 0, answer(0, Kind::A, Status::Nx, &[]), 1);
            name.handle_answer(now, 0, answer(1, Kind::Aaaa, Status::Nx, &[]), 0);
            let lost = name.knowledge(now) == Knowledge::Lost(Status::Nx);
            assert_eq!(lost, second == 4, "{second}");
        }
    }
}
