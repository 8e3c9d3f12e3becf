//! Which servers of a group a frontend's sessions may go to.

use std::time::Duration;

use super::lag::Lag;

/// `role` of a frontend, with what belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoleRoute {
    /// Writes: the primary.
    Primary,
    /// Reads: replicas.
    Replica {
        /// `max_lag`: replicas further behind get no sessions; `None`: any.
        max_lag: Option<Duration>,
        /// `fallback = "primary"`: where no replica will do, the primary does.
        fallback: bool,
    },
}

/// What a server of a group is to those who look for one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Part {
    /// Nothing is known of it, or what it says is not believed.
    #[default]
    Unknown,
    /// The one that takes writes.
    Primary,
    /// The same, while it is given no new sessions: another is about to take over as planned.
    Resting,
    /// It follows, as far behind as this; `None`: behind what is not known.
    Replica(Option<Lag>),
    /// It follows, and not the newest primary's history; as far behind, should it come to that one.
    Stray(Option<Lag>),
}

impl RoleRoute {
    /// Which of `parts` get sessions by this route, decided in one step.
    #[must_use]
    pub fn admits(self, parts: &[Part]) -> Vec<bool> {
        let primaries = || parts.iter().map(|part| *part == Part::Primary).collect();
        let Self::Replica { max_lag, fallback } = self else {
            return primaries();
        };
        let reads = |part: &Part| match (part, max_lag) {
            (Part::Replica(_) | Part::Stray(_), None) => true,
            (Part::Replica(lag), Some(max)) => lag.is_some_and(|lag| lag.is_within(max)),
            _ => false,
        };
        let replicas: Vec<bool> = parts.iter().map(reads).collect();
        if fallback && !replicas.contains(&true) { primaries() } else { replicas }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_admit_by_part_and_lag() {
        let lag = |ms| Lag { time: Duration::from_millis(ms), is_least: false, amount: 1 };
        let behind = |ms| Part::Replica(Some(lag(ms)));
        let stray = Part::Stray(Some(Lag::default()));
        let parts =
            [Part::Primary, behind(0), behind(1000), behind(1001), Part::Replica(None), stray];
        assert!(!RoleRoute::Primary.admits(&[Part::Resting]).contains(&true));
        let max_lag = Some(Duration::from_secs(1));
        let rows = [
            (RoleRoute::Primary, "100000"),
            (RoleRoute::Replica { max_lag, fallback: true }, "011000"),
            (RoleRoute::Replica { max_lag: None, fallback: false }, "011111"),
        ];
        let shown = |admitted: Vec<bool>| -> String {
            admitted.iter().map(|&yes| if yes { '1' } else { '0' }).collect()
        };
        for (route, expected) in rows {
            assert_eq!(shown(route.admits(&parts)), expected, "{route:?}");
        }
        let late = [Part::Primary, behind(9000), Part::Unknown];
        let unsure = [Part::Primary, Part::Replica(Some(Lag { is_least: true, ..lag(0) }))];
        let route = RoleRoute::Replica { max_lag, fallback: true };
        assert_eq!(shown(route.admits(&unsure)), "10", "it may be behind for long");
        for (fallback, expected) in [(true, "100"), (false, "000")] {
            assert_eq!(shown(RoleRoute::Replica { max_lag, fallback }.admits(&late)), expected);
        }
    }
}
