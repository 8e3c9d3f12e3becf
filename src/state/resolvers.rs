//! Name servers and what became of the questions to them.

use super::counters::Counter;
use crate::config::model;

/// A `resolvers` section.
#[derive(Debug)]
pub struct Resolvers {
    /// As configured.
    pub settings: model::Resolvers,
    /// What became of questions, in the order of the section's name servers.
    pub nameservers: Vec<Questions>,
}

/// What became of the questions to one name server, in the words of `show resolvers`.
#[derive(Debug, Default)]
pub struct Questions {
    /// Sent.
    pub sent: Counter,
    /// Not sent, because the system refused.
    pub send_errors: Counter,
    /// Answered with what was asked for.
    pub valid: Counter,
    /// Answers that changed a server.
    pub updates: Counter,
    /// Answered without what was asked for.
    pub empty: Counter,
    /// The name does not exist.
    pub nx: Counter,
    /// Not answered in time.
    pub timeouts: Counter,
    /// Refused.
    pub refused: Counter,
    /// Answered with another error.
    pub other: Counter,
    /// Answers that could not be read.
    pub invalid: Counter,
    /// Answers that did not fit.
    pub truncated: Counter,
    /// Answers nobody waited for any more.
    pub outdated: Counter,
}

impl Resolvers {
    /// A section that asked nothing yet.
    #[must_use]
    pub fn new(settings: model::Resolvers) -> Self {
        let nameservers = settings.nameservers.iter().map(|_| Questions::default()).collect();
        Self { settings, nameservers }
    }
}
