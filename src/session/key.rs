//! What `balance` hashes of a session.

use super::Session;
use super::facts::View;
use crate::config::model::{self, Balance};
use crate::pure::sample::content::Side;
use crate::pure::sample::{Arg, Buffer, Fact, Facts, Fetched, Kind, Value, Variable};
use crate::pure::tls::facts::Ends;
use crate::state::Registry;

impl Session {
    /// The hash by which the backend's policy picks; `None` where it needs none, or where the
    /// session has nothing to hash: then it takes turns.
    pub(super) fn balance_hash(&mut self, settings: &model::Backend) -> Option<u32> {
        match settings.balance {
            Balance::Source(hash) => self.source.map(|source| hash.of_source(source.ip())),
            Balance::Hash(hash) => {
                self.learn_destination();
                // The expression looks nothing up: validation refuses those that do.
                let patterns = Registry::default();
                let expr = &settings.balance_key.as_ref()?.expr;
                let value = expr
                    .evaluate(&Held(self.view(&patterns, None, true)))
                    .value()?
                    .cast(Kind::Bin)?;
                let key = value.into_bytes();
                (!key.is_empty()).then(|| hash.of(&key))
            }
            _ => None,
        }
    }
}

/// What is known of a session when it asks for a server: what rules see, and its TLS.
struct Held<'s>(View<'s>);

impl Facts for Held<'_> {
    fn fact(&self, fact: Fact, args: &[Arg]) -> Fetched {
        match self.0.fact(fact, args) {
            Fetched::Absent => {
                let client = &self.0.session.client;
                let shown = client.shown_certificate();
                Ends { client: client.tls(), shown, server: None }.sample(fact, args).into()
            }
            fetched => fetched,
        }
    }

    fn buffer(&self, side: Side) -> Option<Buffer<'_>> {
        self.0.buffer(side)
    }

    fn variable(&self, name: &Variable) -> Option<Value> {
        self.0.variable(name)
    }
}
