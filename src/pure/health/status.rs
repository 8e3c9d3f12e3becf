//! What HAProxy's statistics call a server's standing.

use super::agent::Agent;
use super::{Health, Standing};

impl Health {
    /// HAProxy's status column: `UP 1/3`, `DOWN`, `DOWN (agent)`, `NOLB`, `DRAIN 2/3`, `MAINT`, `no
    /// check`.
    #[must_use]
    pub fn status(&self) -> String {
        self.status_by(self)
    }

    /// The same of a server that follows `checked`, whose checks speak for it.
    #[must_use]
    pub fn status_by(&self, checked: &Self) -> String {
        let has_agent = checked.agent.as_ref().is_some_and(Agent::is_on);
        let agent_is_down = checked.agent.as_ref().is_some_and(|agent| !agent.is_up());
        let word = match self.standing {
            Standing::Maint => return "MAINT".to_owned(),
            Standing::Up if !checked.has_checks_on() => return "no check".to_owned(),
            Standing::Up => "UP",
            Standing::Draining if has_agent => return "DRAIN (agent)".to_owned(),
            Standing::Draining => "DRAIN",
            Standing::Stopping => "NOLB",
            Standing::Down if agent_is_down => return "DOWN (agent)".to_owned(),
            Standing::Down => "DOWN",
        };
        match checked.score() {
            Some(score) if !score.is_full() && score.score() != 0 => {
                let (reached, of) = score.progress();
                format!("{word} {reached}/{of}")
            }
            _ => word.to_owned(),
        }
    }
}
